"""Hyperliquid: perpetuals in USDC."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic

import msgspec
import numpy as np
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import FundingColumns, MarketSpec, QuoteColumns, Reply, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.typed import (
    Ask,
    Listed,
    Number,
    R,
    Row,
    Rows,
    Told,
    Typed,
    funding_columns,
    matrix,
    quote_columns,
)


class _Asset(msgspec.Struct):
    name: str


class _Meta(msgspec.Struct):
    universe: list[_Asset]


class _Told(msgspec.Struct, array_like=True):
    meta: _Meta


class _Envelope(_Told, Generic[R], array_like=True):
    rows: list[R]


class _Impact(msgspec.Struct, array_like=True, gc=False):
    bid: Number = None
    ask: Number = None


class _Context(Row):
    id: str = ""
    rate: Number = field(name="funding", default=None)
    mark: Number = field(name="markPx", default=None)
    index: Number = field(name="oraclePx", default=None)
    quote_volume: Number = field(name="dayNtlVlm", default=None)
    open_interest: Number = field(name="openInterest", default=None)
    mid: Number = field(name="midPx", default=None)
    impact: _Impact | None = field(name="impactPxs", default=None)


class _Contexts(Rows[_Context]):
    """The contexts of assets, which are told before them in the same order: their names become the ids."""

    def __init__(self) -> None:
        super().__init__(_Envelope, _Context)
        self._assets = msgspec.json.Decoder(_Told)

    def read(self, body: str) -> Told[_Context]:
        """As `Rows.read`; what is no context at all stays in its place and tells nothing."""
        told = super().read(body)
        assets = self._assets.decode(body).meta.universe
        if len(assets) != len(told.rows):
            raise msgspec.ValidationError(f"{len(told.rows)} contexts of {len(assets)} assets")
        for row, asset in zip(told.rows, assets, strict=True):
            row.id = asset.name
        return told

    def _mended(self, raw: msgspec.Raw) -> _Context:
        return super()._mended(raw) or _Context()


_HOUR_MS = 3_600_000
_CONTEXTS = Ask("publicPostInfo", _Contexts(), {"type": "metaAndAssetCtxs"})


def _named(listed: Listed) -> Listed:
    """The markets by the exchange's names of their assets: ccxt's ids are their places in the list."""
    return Listed({info["name"]: symbol for symbol, info in listed.infos.items()}, listed.infos)


def _quotes(listed: Listed, rows: Sequence[_Context], **how: Any) -> QuoteColumns:
    """With the impact prices as bid and ask, and the middle as the last price, as ccxt has it."""
    markets = listed.once(_named)
    known = [row for row in rows if row.id in markets.symbols]
    told = matrix([row.impact or _Impact() for row in known], ("bid", "ask")) | matrix(known, ("mid",))
    bid, ask, last = (np.where(told[name] == 0.0, np.nan, told[name]) for name in ("bid", "ask", "mid"))
    return replace(quote_columns(markets, known, **how), bid=bid, ask=ask, last=last)


def _fundings(listed: Listed, rows: Sequence[_Context]) -> FundingColumns:
    return funding_columns(listed.once(_named), rows)


class Hyperliquid(ExchangeAdapter):
    """Perpetuals of the exchange itself only: spot contexts have no bid and ask, and those that others deploy (HIP-3)
    are mostly not coins.

    One call gives all contexts. Its bid and ask are impact prices: what a seller and a buyer of 20,000 USDC (BTC, ETH)
    or 6,000 USDC (all others) would get on average, so never better than the book; sizes at them are not told.
    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals
    https://hyperliquid.gitbook.io/hyperliquid-docs/trading/contract-specifications

    `funding` is the running hour's rate. The exchange does not tell the interval, ccxt fills in "1h"; it is documented.
    Nor does it tell the fee: ccxt has that of the lowest tier, 0.045 % for takers.
    https://hyperliquid.gitbook.io/hyperliquid-docs/trading/fees
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.TRADE,
                {"type": "swap"},
                has_sizes=False,
                typed=Typed((_CONTEXTS,), _quotes),
                interest_field="openInterest",
            ),
        },
        funding=FundingCall(
            tells_interval=False,
            constant_hours=1.0,
            # "Funding is paid every hour", at an eighth of the eight-hour rate.
            constant_source="https://hyperliquid.gitbook.io/hyperliquid-docs/trading/funding",
            typed=Typed((_CONTEXTS,), _fundings),
        ),
        options={"fetchMarkets": {"types": ["swap"]}},
        book_levels=20,
        limit=RequestLimit(
            60.0,
            "https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/rate-limits-and-user-limits"
            " (1,200 weight a minute)",
        ),
    )

    async def funding(self, *, markets_from: int) -> Reply[FundingColumns]:
        """As told, each rate due at the end of the hour that it was by the exchange's clock."""
        reply = await super().funding(markets_from=markets_from)
        due = ((reply.exchange_at or reply.received_at) // _HOUR_MS + 1) * _HOUR_MS
        return reply.of(replace(reply.value, next_funding_at=np.full(len(reply.value.symbols), due, dtype=np.int64)))

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """The base as the exchange writes it: ccxt's capitals make KPEPE of kPEPE, which is 1,000 PEPE."""
        return replace(spec, base=market["info"]["name"])
