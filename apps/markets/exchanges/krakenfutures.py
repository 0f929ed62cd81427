"""Kraken Futures: perpetuals settled in dollars (`PF_`) and inverse ones (`PI_`)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import field

from apps.core import clock
from apps.core.money import to_decimal
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import FundingColumns, MarketSpec, QuoteColumns, Reply, RowTime
from apps.markets.exchanges.typed import Ask, Listed, Number, R, Row, Rows, Typed, funding_columns, quote_columns

_HOUR_MS: Final = 3_600_000
# With its zone: one without is no moment.
_Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class _Envelope(msgspec.Struct, Generic[R]):
    result: Literal["success"]
    rows: list[R] = field(name="tickers")
    server_time: _Moment | None = field(name="serverTime", default=None)

    @property
    def told_at(self) -> int:
        """The server's clock in Unix ms."""
        return clock.to_ms(self.server_time) if self.server_time else 0


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = None
    bid_size: Number = field(name="bidSize", default=None)
    ask: Number = None
    ask_size: Number = field(name="askSize", default=None)
    last: Number = None
    quote_volume: Number = field(name="volumeQuote", default=None)
    open_interest: Number = field(name="openInterest", default=None)
    traded_at: _Moment | None = field(name="lastTime", default=None)


class _Funding(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="fundingRate", default=None)
    mark: Number = field(name="markPrice", default=None)
    index: Number = field(name="indexPrice", default=None)


def _quotes(listed: Listed, rows: Sequence[_Ticker], **how: Any) -> QuoteColumns:
    traded = (row.traded_at for row in rows if row.id in listed.symbols)
    times = np.array([clock.to_ms(moment) if moment else 0 for moment in traded], dtype=np.int64)
    return replace(quote_columns(listed, rows, **how), row_ts=times)


def _inverse(listed: Listed) -> frozenset[str]:
    return frozenset(symbol for symbol, info in listed.infos.items() if info.get("type") == "futures_inverse")


def _fundings(listed: Listed, rows: Sequence[_Funding]) -> FundingColumns:
    """Rates as fractions of notional. The tickers' are absolute: dollars per coin, or of an inverse contract coins per
    dollar (what `historicalfundingrates` calls `fundingRate`, beside `relativeFundingRate`)."""
    columns, inverse = funding_columns(listed, rows), listed.once(_inverse)
    is_inverse = np.array([symbol in inverse for symbol in columns.symbols], dtype=bool)
    mark = np.where(columns.mark > 0, columns.mark, np.nan)
    return replace(columns, rate=columns.rate * np.where(is_inverse, mark, 1 / mark))


class KrakenFutures(ExchangeAdapter):
    """One answer has quotes and funding; its rows' time is that of the last trade, `serverTime` that of the answer.

    ccxt divides every rate by the mark price, which is wrong for inverse contracts, calls the interval an hour without
    being told, and gives up where a ticker is not listed, as indices are: so tickers are always read the fast way.
    `fundingRate` is what the current hour accrues, fixed when it begins and paid at its end;
    `fundingRatePrediction` is that of the hour after it.

    https://docs.kraken.com/api/docs/futures-api/trading/get-tickers
    https://docs.kraken.com/api/docs/futures-api/trading/historical-funding-rates
    https://support.kraken.com/hc/en-us/articles/4844359082772-Linear-Multi-Collateral-Perpetual-Contract-Specifications
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.TRADE,
                typed=Typed((Ask("publicGetTickers", Rows(_Envelope, _Ticker)),), _quotes),
                interest_field="openInterest",
            )
        },
        funding=FundingCall(
            tells_interval=False,
            constant_hours=1.0,
            # "an auto-rolling feature every hour ... settling at the end of each hour"
            constant_source=(
                "https://support.kraken.com/hc/en-us/articles/"
                "4844359082772-Linear-Multi-Collateral-Perpetual-Contract-Specifications"
            ),
            typed=Typed((Ask("publicGetTickers", Rows(_Envelope, _Funding)),), _fundings),
        ),
    )

    async def funding(self, *, markets_from: int) -> Reply[FundingColumns]:
        """With the end of the exchange's current hour, when it pays."""
        reply = await super().funding(markets_from=markets_from)
        ends = ((reply.exchange_at or reply.received_at) // _HOUR_MS + 1) * _HOUR_MS
        return reply.of(replace(reply.value, next_funding_at=np.full(len(reply.value.symbols), ends, dtype=np.int64)))

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """With the leverage of the smallest position: one over its initial margin. ccxt calls every quote a dollar, so
        what is quoted in something else is off."""
        levels = market["info"].get("marginLevels") or [{}]
        margin = to_decimal(levels[0].get("initialMargin") or 0)
        return replace(
            spec,
            max_leverage=Decimal(1) / margin if 0 < margin <= 1 else None,
            active=spec.active and market["id"].lower().endswith("usd"),
        )
