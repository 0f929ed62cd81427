"""Bitget, v2 interface: spot and USDT perpetuals."""

from typing import Generic, Literal

import msgspec
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import MarketSpec, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import Ask, Number, R, Row, Rows, Typed, funding_columns, quote_columns

_PRODUCT = {"productType": "USDT-FUTURES"}


class _Envelope(msgspec.Struct, Generic[R]):
    code: Literal["00000"]
    rows: list[R] = field(name="data")
    told_at: int = field(name="requestTime", default=0)


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bidPr", default=None)
    bid_size: Number = field(name="bidSz", default=None)
    ask: Number = field(name="askPr", default=None)
    ask_size: Number = field(name="askSz", default=None)
    last: Number = field(name="lastPr", default=None)
    quote_volume: Number = field(name="quoteVolume", default=None)
    row_ts: Number = field(name="ts", default=None)


class _SwapTicker(_Ticker):
    open_interest: Number = field(name="holdingAmount", default=None)


class _Funding(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="fundingRate", default=None)
    interval_hours: Number = field(name="fundingRateInterval", default=None)
    next_funding_at: Number = field(name="nextUpdate", default=None)


_TICKERS = Rows(_Envelope, _Ticker)


class Bitget(ExchangeAdapter):
    """Each product type (settled in USDT, in USDC, in coins, and three of demo trading) has calls of its own; the USDT
    perpetuals are read. Sizes are in base units. Fees are each market's own `takerFeeRate`, of an account without
    a tier. The tickers' `fundingRate` has neither interval nor time, so the rates have a bulk call to themselves.

    https://www.bitget.com/api-doc/spot/market/Get-Tickers
    https://www.bitget.com/api-doc/contract/market/Get-All-Symbol-Ticker
    https://www.bitget.com/api-doc/contract/market/Get-Current-Funding-Rate
    https://www.bitget.com/api-doc/contract/market/Get-All-Symbols-Contracts (takerFeeRate, maxLever)
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "spot"},
                typed=Typed((Ask("publicSpotGetV2SpotMarketTickers", _TICKERS),), quote_columns),
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "swap", **_PRODUCT},
                typed=Typed(
                    (Ask("publicMixGetV2MixMarketTickers", Rows(_Envelope, _SwapTicker), _PRODUCT),), quote_columns
                ),
                interest_field="holdingAmount",
            ),
        },
        funding=FundingCall(
            params={"method": "publicMixGetV2MixMarketCurrentFundRate", **_PRODUCT},
            typed=Typed(
                (Ask("publicMixGetV2MixMarketCurrentFundRate", Rows(_Envelope, _Funding), _PRODUCT),), funding_columns
            ),
        ),
        transfers=TransfersCall(
            "https://www.bitget.com/api-doc/spot/market/Get-Coin-List", fields=("rechargeable", "withdrawable")
        ),
        options={"fetchMarkets": {"types": ["spot", "swap"]}},
        limit=RequestLimit(1.0, "https://www.bitget.com/api-doc/spot/market/Get-Tickers (20 requests a second)"),
        answer_time_field="requestTime",
    )

    async def markets(self) -> list[MarketSpec]:
        """Spot markets and the USDT perpetuals: ccxt loads those of the other product types too."""
        return [spec for spec in await super().markets() if spec.settle in ("", "USDT")]
