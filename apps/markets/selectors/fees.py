"""The fees that count."""

from collections.abc import Collection

from apps.markets.enums import FeeSource
from apps.markets.fees import FeeBook, Scope, Terms
from apps.markets.models import FeeRule, Market
from apps.markets.types import Fee


def fee_of(market_id: int, tier: str = "") -> Fee:
    """The fees of a market for users of the exchange's fee tier `tier` ("": without one), as fractions.

    A taker fee of None is unknown: no pair is made with this market. Raises Market.DoesNotExist."""
    market = Market.objects.get(id=market_id)
    return fee_under(fee_book([market.exchange_id]), market, tier)


def fee_under(book: FeeBook, market: Market, tier: str = "") -> Fee:
    """The fees of a market under the rules of `book`."""
    told = Fee(market.taker_fee, market.maker_fee, FeeSource.TOLD)
    return book.fee(exchange=market.exchange_id, market_id=market.id, type=market.type, told=told, tier=tier)


def fee_book(exchanges: Collection[str]) -> FeeBook:
    """The operators' rules for these exchanges."""
    return FeeBook.of(
        (
            Scope(rule.exchange_id, rule.market_id, rule.market_type, rule.tier),
            Terms(rule.taker, rule.maker, rule.fee_free),
        )
        for rule in FeeRule.objects.filter(exchange__in=exchanges)
    )
