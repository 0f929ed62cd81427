"""Single markets."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import QuerySet

from apps.markets.enums import MarketType
from apps.markets.models import Market
from apps.markets.selectors.fees import fee_book, fee_under
from apps.markets.types import Fee, MarketFacts


def market_get(ids: Iterable[int]) -> dict[int, MarketFacts]:
    """These markets by id, active or not; unknown ids are left out."""
    markets = list(Market.objects.filter(id__in=set(ids)))
    rules = fee_book({market.exchange_id for market in markets})
    return {market.id: _facts(market, fee_under(rules, market)) for market in markets}


def markets_listed() -> QuerySet[Market]:
    """All markets of the configured exchanges that are switched on, traded and read or not, with their quarantine."""
    usable = Market.objects.filter(exchange__enabled=True, exchange__in=settings.EXCHANGES)
    return usable.select_related("quarantine").order_by("id")


def markets_read() -> QuerySet[Market]:
    """Of those the ones that are traded and belong to the monitored universe."""
    return markets_listed().filter(active=True, monitored=True)


def perpetuals_read() -> QuerySet[Market]:
    """Of those the ones that pay funding."""
    return markets_read().exclude(type=MarketType.SPOT)


def _facts(market: Market, fee: Fee) -> MarketFacts:
    return MarketFacts(
        id=market.id,
        exchange=market.exchange_id,
        symbol=market.symbol,
        type=MarketType(market.type),
        base=market.base,
        quote=market.quote,
        settle=market.settle,
        instrument=market.instrument,
        multiplier=market.multiplier,
        contract_size=market.contract_size,
        taker_fee=fee.taker,
        maker_fee=fee.maker,
        amount_step=market.amount_step,
        min_amount=market.min_amount,
        min_notional=market.min_notional,
        price_step=market.price_step,
        max_leverage=market.max_leverage,
        active=market.active,
    )
