"""Markets built by hand: a few lines of words become tables, snapshots, books and legs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from apps.markets.enums import SnapshotKind
from apps.markets.types import Floats, FundingRates, Latest, MarketTable, Quotes
from apps.opportunities.enums import Side
from apps.opportunities.legs import Funding, Leg, Levels
from apps.opportunities.pricing import PricingTerms
from apps.opportunities.strategies.base import EdgeTerms, ScanParams
from apps.opportunities.view import MarketView, market_view

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
NAN = float("nan")
PARAMS = ScanParams(horizon_h=24.0, min_net_edge=0.0005, max_skew_ms=5000.0, max_price_ratio=0.20)


@dataclass(frozen=True)
class Listing:
    """One market with its quote, and its funding if it is a perpetual."""

    exchange: str
    bid: float
    ask: float
    instrument: str = "BTC"
    quote: str = "USDT"
    swap: bool = False
    fee: float = 0.001
    multiplier: float = 1.0
    bid_size: float = 10.0
    ask_size: float = 10.0
    ts: int = NOW_MS - 200
    rate: float = 0.0001
    interval_h: float = 8.0
    next_h: float = 4.0
    volume: float = NAN
    open_interest: float = NAN

    @property
    def symbol(self) -> str:
        """ccxt's unified symbol."""
        base = self.instrument if self.multiplier == 1 else f"{self.multiplier:.0f}{self.instrument}"
        return f"{base}/{self.quote}:{self.quote}" if self.swap else f"{base}/{self.quote}"


def table_of(listings: Sequence[Listing], *, version: int = 1) -> MarketTable:
    """Market ids are 1, 2, 3… in the order given."""
    exchanges = sorted({one.exchange for one in listings})
    instruments = sorted({one.instrument for one in listings})
    quotes = sorted({one.quote for one in listings})
    count = len(listings)
    unknown = np.full(count, np.nan)
    return MarketTable(
        version=version,
        market_id=np.arange(1, count + 1, dtype=np.int32),
        exchange=exchanges,
        exchange_code=np.array([exchanges.index(one.exchange) for one in listings], dtype=np.int16),
        symbol=[one.symbol for one in listings],
        type_code=np.array([int(one.swap) for one in listings], dtype=np.int8),
        instrument_code=np.array([instruments.index(one.instrument) for one in listings], dtype=np.int32),
        instruments=instruments,
        base=[one.symbol.split("/")[0] for one in listings],
        quote_code=np.array([quotes.index(one.quote) for one in listings], dtype=np.int16),
        quotes=quotes,
        contract_size=np.ones(count),
        multiplier=np.array([one.multiplier for one in listings], dtype=np.float64),
        taker_fee=np.array([one.fee for one in listings], dtype=np.float64),
        amount_step=unknown,
        min_amount=unknown,
        min_notional=unknown,
        max_leverage=unknown,
    )


def latest_of(listings: Sequence[Listing], *, received_at: int = NOW_MS - 100) -> Latest:
    """One snapshot per exchange and kind, all received at once."""
    latest = Latest()
    numbered = list(enumerate(listings, start=1))
    for exchange in sorted({one.exchange for one in listings}):
        for kind, into in ((SnapshotKind.SPOT, latest.spot), (SnapshotKind.SWAP, latest.swap)):
            swap = kind is SnapshotKind.SWAP
            mine = [(at, one) for at, one in numbered if one.exchange == exchange and one.swap is swap]
            if mine:
                into.append(_quotes(exchange, kind, mine, received_at))
        swaps = [(at, one) for at, one in numbered if one.exchange == exchange and one.swap]
        if swaps:
            latest.funding.append(_funding(exchange, swaps, received_at))
    return latest


def view_of(listings: Sequence[Listing]) -> MarketView:
    """The view of these listings a moment after their quotes."""
    return market_view(
        table_of(listings), latest_of(listings), now_ms=NOW_MS, max_age_ms=15_000, max_funding_age_ms=120_000
    )


def found_legs(view: MarketView, legs: np.ndarray) -> list[tuple[str, str]]:
    """(exchange bought on, exchange sold on) of each candidate."""
    names = [view.table.exchange[code] for code in view.layout.exchange_code.tolist()]
    return [(names[buy], names[sell]) for buy, sell in legs.tolist()]


def levels(*rows: tuple[str, str]) -> Levels:
    """Book levels from text."""
    return tuple((Decimal(price), Decimal(size)) for price, size in rows)


def leg(exchange: str, side: Side, bids: Levels, asks: Levels, **changes: Any) -> Leg:
    """A leg with a fee of 0.1 % and fresh books, changed as told."""
    facts: dict[str, Any] = {
        "symbol": "BTC/USDT",
        "market_id": 1 if side is Side.BUY else 2,
        "multiplier": Decimal(1),
        "fee": Decimal("0.001"),
        "exchange_ts": NOW_MS - 300,
        "received_at": NOW_MS - 200,
    }
    return Leg(exchange=exchange, side=side, bids=bids, asks=asks, **(facts | changes))


def cycle(fee: Any = "0.001", **changes: Any) -> tuple[Leg, ...]:
    """USDT -> BTC -> ETH -> USDT: BTC at 50,000, ETH at 0.04 BTC and then at 2,020; fees 0.1 %."""

    def trade(symbol: str, side: Side, bids: Levels, asks: Levels) -> Leg:
        return leg("a", side, bids, asks, symbol=symbol, fee=Decimal(fee), **changes)

    return (
        trade("BTC/USDT", Side.BUY, levels(("49990", "1")), levels(("50000", "0.1"), ("50050", "10"))),
        trade("ETH/BTC", Side.BUY, levels(("0.0399", "10")), levels(("0.04", "2"), ("0.0401", "50"))),
        trade("ETH/USDT", Side.SELL, levels(("2020", "1"), ("2018", "50")), levels(("2021", "10"))),
    )


def funding(rate: str, *, interval_h: str = "8", next_h: str = "4") -> Funding:
    """A funding rate that is next due in `next_h` hours."""
    return Funding(Decimal(rate), Decimal(interval_h), NOW_MS + int(Decimal(next_h) * HOUR_MS))


def terms(**changes: Any) -> PricingTerms:
    """24 hours, 1,000 dollars, edges above 0.05 %, changed as told."""
    facts: dict[str, Any] = {
        "edge": EdgeTerms(horizon_h=Decimal(24), at_ms=NOW_MS),
        "reference_notional": Decimal(1000),
        "dollar_rate": Decimal(1),
        "min_net_edge": Decimal("0.0005"),
        "max_skew_ms": 5000,
        "max_price_ratio": Decimal("0.2"),
    }
    return PricingTerms(**(facts | changes))


def _quotes(exchange: str, kind: SnapshotKind, mine: Iterable[tuple[int, Listing]], received_at: int) -> Quotes:
    rows = list(mine)
    names = ("bid", "bid_size", "ask", "ask_size")
    column = {name: np.array([getattr(one, name) for _, one in rows]) for name in names}
    return Quotes(
        exchange=exchange,
        kind=kind,
        received_at=received_at,
        market_version=1,
        market_id=np.array([at for at, _ in rows], dtype=np.int32),
        bid=column["bid"].astype(np.float64),
        bid_size=column["bid_size"].astype(np.float64),
        ask=column["ask"].astype(np.float64),
        ask_size=column["ask_size"].astype(np.float64),
        last=np.full(len(rows), np.nan),
        quote_volume=np.array([one.volume for _, one in rows], dtype=np.float64),
        exchange_ts=np.array([one.ts for _, one in rows], dtype=np.int64),
        open_interest=_told(one.open_interest for _, one in rows),
    )


def _told(values: Iterable[float]) -> Floats | None:
    """None where no market's value is told."""
    column = np.array(list(values), dtype=np.float64)
    return None if np.isnan(column).all() else column


def _funding(exchange: str, rows: Sequence[tuple[int, Listing]], received_at: int) -> FundingRates:
    unknown = np.full(len(rows), np.nan)
    return FundingRates(
        exchange=exchange,
        received_at=received_at,
        market_version=1,
        market_id=np.array([at for at, _ in rows], dtype=np.int32),
        rate=np.array([one.rate for _, one in rows], dtype=np.float64),
        interval_hours=np.array([one.interval_h for _, one in rows], dtype=np.float64),
        interval_source=np.ones(len(rows), dtype=np.int8),
        next_funding_at=np.array([NOW_MS + round(one.next_h * HOUR_MS) for _, one in rows], dtype=np.int64),
        mark=unknown,
        index=unknown,
        exchange_ts=np.full(len(rows), received_at, dtype=np.int64),
    )
