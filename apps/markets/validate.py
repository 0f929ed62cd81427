"""Refuse bad rows at the edge: an adapter's columns in, clean snapshots and counted reasons out. Pure, vectorised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, RowTime
from apps.markets.funding import intervals_resolve
from apps.markets.types import Floats, FundingRates, Int32s, Int64s, Quotes

# A funding rate of this size per interval is a mistake: exchanges cap it at a few per cent.
ABSURD_RATE = 1.0
# No perpetual is settled every few minutes or less often than daily (the usual ones: `funding.HOURS`); what says so has
# another unit, and a rate divided by it would be the best one of the day.
SHORTEST_HOURS = 0.5
LONGEST_HOURS = 24.0
# A price or size beyond this, or a price below one over it, has slipped by an exponent: the market table has as many
# digits before and after the point.
WIDEST = 1e18
# Around a settlement an exchange shows the past time for a moment.
SETTLEMENT_GRACE_MS = 60_000


@dataclass(frozen=True, slots=True)
class MarketIndex:
    """The monitored markets of one exchange that one kind of feed covers: row of each symbol, and per row its market
    id, its contract size (base units; quote units for inverse ones), and the spacing of its settled fundings in hours
    (NaN: unknown)."""

    version: int
    row_of: Mapping[str, int]
    market_id: Int32s
    contract_size: Floats
    is_inverse: NDArray[np.bool_]
    settled_interval_hours: Floats
    _places: dict[int, "_Places"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def places(self, symbols: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of these symbols are listed, in order of their market id, and their rows here.

        Of a symbol that comes twice the last one counts. The last look-up is kept: an adapter hands over the same list
        again as long as its exchange answers with the same markets."""
        kept = self._places.get(id(symbols))
        if kept is None:
            rows = np.fromiter(map(self.row_of.get, symbols, repeat(-1)), dtype=np.intp, count=len(symbols))
            listed = np.flatnonzero(rows >= 0)
            order = listed[np.argsort(rows[listed], kind="stable")]
            last = np.append(rows[order][1:] != rows[order][:-1], True)[: len(order)]
            order = order[last]
            kept = _Places(symbols, order, rows[order])
            self._places.clear()
            # It holds on to the list, whose id can therefore be no other's.
            self._places[id(symbols)] = kept
        return kept.order, kept.rows


@dataclass(frozen=True, slots=True)
class _Places:
    symbols: Sequence[str]
    order: NDArray[np.intp]
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Of which exchange, when it arrived (Unix ms, ours), what its clock said then, and how far that is off ours."""

    exchange: str
    received_at: int
    answered_at: int
    offset_ms: int
    max_age_ms: int


def quotes_clean(
    columns: QuoteColumns, index: MarketIndex, *, kind: SnapshotKind, arrival: Arrival
) -> tuple[Quotes, dict[str, int]]:
    """The usable quotes sorted by market id (sizes in base units), and how many rows were refused for which reason.

    Refused: not finite bid, ask or size (where the exchange tells sizes); not positive price; no size; a price or size
    out of range; bid above ask; older than `max_age_ms`, or from the future by as much. Symbols that the index does not
    have (delisted, other types) are left out silently."""
    order, rows = index.places(columns.symbols)
    market_id, contract = index.market_id[rows], index.contract_size[rows]
    bid, ask = columns.bid[order], columns.ask[order]
    # A contract of an inverse perpetual is worth so much of the quote currency, whatever the base costs.
    inverse = index.is_inverse[rows]
    bid_size = columns.bid_size[order] * contract / np.where(inverse, bid, 1.0)
    ask_size = columns.ask_size[order] * contract / np.where(inverse, ask, 1.0)
    row_ts = columns.row_ts[order] if columns.row_time is RowTime.QUOTE else np.zeros(len(order), dtype=np.int64)
    exchange_ts = _corrected(row_ts, arrival)
    interest = columns.open_interest
    if interest is not None:
        interest = interest[order] * contract / np.where(inverse, bid, 1.0)
    known = np.isfinite(bid) & np.isfinite(ask)
    if columns.has_sizes:
        known &= np.isfinite(bid_size) & np.isfinite(ask_size)
    keep, refused = _judge(
        ("missing", ~known),
        ("price not positive", (bid <= 0) | (ask <= 0)),
        ("no size", (bid_size <= 0) | (ask_size <= 0)),
        ("out of range", _is_wild(bid) | _is_wild(ask) | (np.fmax(bid_size, ask_size) >= WIDEST)),
        ("crossed", bid > ask),
        *_ages(exchange_ts, arrival),
    )
    snapshot = Quotes(
        exchange=arrival.exchange,
        kind=kind,
        received_at=arrival.received_at,
        market_version=index.version,
        market_id=market_id[keep],
        bid=bid[keep],
        bid_size=bid_size[keep],
        ask=ask[keep],
        ask_size=ask_size[keep],
        last=_positive_or_nan(columns.last[order][keep]),
        quote_volume=_positive_or_nan(columns.quote_volume[order][keep], zero=True),
        exchange_ts=exchange_ts[keep],
        open_interest=None if interest is None else _positive_or_nan(interest[keep], zero=True),
    )
    return snapshot, refused


def funding_clean(
    columns: FundingColumns, index: MarketIndex, *, arrival: Arrival, constant_hours: float | None
) -> tuple[FundingRates, dict[str, int]]:
    """The usable funding rates sorted by market id, and how many rows were refused for which reason.

    The interval is the exchange's, else the spacing of settled fundings, else the documented `constant_hours`. Refused:
    a rate that is not finite or at least 100 %, an interval that no perpetual has (zero: not told), a row that is too
    old, one whose next funding has passed or is further away than any interval."""
    order, rows = index.places(columns.symbols)
    market_id = index.market_id[rows]
    rate, next_at, told = columns.rate[order], columns.next_funding_at[order], columns.interval_hours[order]
    hours, source = intervals_resolve(told, index.settled_interval_hours[rows], constant_hours)
    farthest = arrival.received_at + LONGEST_HOURS * 3_600_000 + SETTLEMENT_GRACE_MS
    exchange_ts = _corrected(columns.row_ts[order], arrival)
    keep, refused = _judge(
        ("missing", ~np.isfinite(rate)),
        ("absurd rate", np.abs(rate) >= ABSURD_RATE),
        ("absurd interval", (told != 0) & ((told < SHORTEST_HOURS) | (told > LONGEST_HOURS))),
        ("funding time too far", next_at > farthest),
        ("funding time passed", (next_at > 0) & (next_at < arrival.received_at - SETTLEMENT_GRACE_MS)),
        *_ages(exchange_ts, arrival),
    )
    snapshot = FundingRates(
        exchange=arrival.exchange,
        received_at=arrival.received_at,
        market_version=index.version,
        market_id=market_id[keep],
        rate=rate[keep],
        interval_hours=hours[keep],
        interval_source=source[keep],
        next_funding_at=next_at[keep],
        mark=_positive_or_nan(columns.mark[order][keep]),
        index=_positive_or_nan(columns.index[order][keep]),
        exchange_ts=exchange_ts[keep],
    )
    return snapshot, refused


def refusals_text(refused: Mapping[str, int]) -> str:
    """The reasons in words, most frequent first: "15 rows refused: 12 missing, 3 crossed", "1 row refused: stale"."""
    if not refused:
        return ""
    total = sum(refused.values())
    by_count = sorted(refused.items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{count} {reason}" for reason, count in by_count) if len(refused) > 1 else by_count[0][0]
    return f"{total} row{'s' if total > 1 else ''} refused: {reasons}"


def _corrected(row_ts: Int64s, arrival: Arrival) -> Int64s:
    """Exchange times on our clock; a row without one is as old as the answer."""
    return np.where(row_ts > 0, row_ts, arrival.answered_at) - arrival.offset_ms


def _ages(exchange_ts: Int64s, arrival: Arrival) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    age = arrival.received_at - exchange_ts
    return ("stale", age > arrival.max_age_ms), ("from the future", age < -arrival.max_age_ms)


def _judge(*reasons: tuple[str, NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Rows to keep, and per reason how many it is the first to refuse."""
    keep = np.ones(len(reasons[0][1]), dtype=np.bool_)
    refused = {}
    for reason, bad in reasons:
        # A comparison with NaN is False: those rows went with the first reason.
        count = int(np.count_nonzero(keep & bad))
        if count:
            refused[reason] = count
            keep &= ~bad
    return keep, refused


def _is_wild(price: Floats) -> NDArray[np.bool_]:
    return (price >= WIDEST) | (price <= 1 / WIDEST)


def _positive_or_nan(values: Floats, *, zero: bool = False) -> Floats:
    good = np.isfinite(values) & ((values >= 0) if zero else (values > 0))
    return np.where(good, values, np.nan)
