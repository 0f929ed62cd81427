"""BingX: spot and USDT perpetuals."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Generic, Literal

import msgspec
from msgspec import field

from apps.core.money import to_decimal
from apps.markets.enums import MarketType, SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import MarketSpec, QuoteColumns, RowTime
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import Ask, Number, R, Row, Rows, Typed, funding_columns, quote_columns


class _Envelope(msgspec.Struct, Generic[R]):
    code: Literal[0]
    rows: list[R] = field(name="data")
    told_at: int = field(name="timestamp", default=0)


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bidPrice", default=None)
    bid_size: Number = field(name="bidQty", default=None)
    ask: Number = field(name="askPrice", default=None)
    ask_size: Number = field(name="askQty", default=None)
    last: Number = field(name="lastPrice", default=None)
    quote_volume: Number = field(name="quoteVolume", default=None)
    row_ts: Number = field(name="closeTime", default=None)


class _Funding(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="lastFundingRate", default=None)
    interval_hours: Number = field(name="fundingIntervalHours", default=None)
    next_funding_at: Number = field(name="nextFundingTime", default=None)
    mark: Number = field(name="markPrice", default=None)
    index: Number = field(name="indexPrice", default=None)


def _tickers(endpoint: str) -> Typed[QuoteColumns]:
    return Typed((Ask(endpoint, Rows(_Envelope, _Ticker)),), quote_columns)


class Bingx(ExchangeAdapter):
    """Sizes of perpetuals are in base units, so a contract is one. `closeTime` of a ticker ends its 24 hours: it moves
    with trades, not with quotes.

    https://bingx-api.github.io/docs-v3/#/en/Spot/Market%20Data/24hr%20Ticker%20Price%20Change%20Statistics
    https://bingx-api.github.io/docs-v3/#/en/Swap/Market%20Data/24hr%20Ticker%20Price%20Change%20Statistics

    `lastFundingRate` is the running period's, due at `nextFundingTime`; each row tells its interval. Its `updateTime`
    is when the period began, which ccxt takes for the row's time: no rate is as old as that.
    https://bingx-api.github.io/docs-v3/#/en/Swap/Market%20Data/Mark%20Price%20and%20Funding%20Rate

    The spot fee is ccxt's (0.1 %, https://bingx.com/en/support/articles/360027240173), contracts tell their own.
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers", RowTime.TRADE, {"type": "spot"}, typed=_tickers("spotV1PublicGetTicker24hr")
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.TRADE,
                {"type": "swap", "subType": "linear"},
                typed=_tickers("swapV2PublicGetQuoteTicker"),
            ),
        },
        funding=FundingCall(
            params={"subType": "linear"},
            typed=Typed((Ask("swapV2PublicGetQuotePremiumIndex", Rows(_Envelope, _Funding)),), funding_columns),
        ),
        answer_time_field="timestamp",
        transfers=TransfersCall(
            "https://bingx-api.github.io/docs-v3/#/en/Account%20and%20Wallet/Wallet%20Deposits%20and%20Withdrawals/"
            "Query%20currency%20deposit%20and%20withdrawal%20data",
            signed=True,
        ),
    )

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """Fees and leverage of a contract as the exchange tells them; ccxt has one fee for all and no leverage.

        https://bingx-api.github.io/docs-v3/#/en/Swap/Market%20Data/USDT-M%20Perp%20Futures%20symbols"""
        if spec.type is not MarketType.SWAP:
            return spec
        row = market["info"]
        sides = [_positive(row.get(name)) for name in ("maxLongLeverage", "maxShortLeverage")]
        known = [side for side in sides if side is not None]
        return replace(
            spec,
            taker_fee=_positive(row.get("takerFeeRate")) or spec.taker_fee,
            max_leverage=min(known) if known else spec.max_leverage,
        )


def _positive(value: Any) -> Decimal | None:
    number = None if value in (None, "") else to_decimal(value)
    return number if number is not None and number > 0 else None
