"""Refuse bad rows at the edge: an adapter's columns in, clean snapshots and counted reasons out. Pure, vectorised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, RowTime
from apps.markets.types import Floats, FundingRates, Int32s, Int64s, Quotes

# A funding rate of this size per interval is a mistake: exchanges cap it at a few per cent.
ABSURD_RATE = 1.0
# Around a settlement an exchange shows the past time for a moment.
SETTLEMENT_GRACE_MS = 60_000


@dataclass(frozen=True, slots=True)
class MarketIndex:
    """The active markets of one exchange and type: row of each symbol, and per row its market id and contract size."""

    version: int
    row_of: Mapping[str, int]
    market_id: Int32s
    contract_size: Floats


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

    Refused: not finite bid, ask or size; not positive price; no size; bid above ask; older than `max_age_ms`, or from
    the future by as much. Symbols that the index does not have (delisted, other types) are left out silently."""
    order, market_id, contract = _listed(columns.symbols, index)
    bid, ask = columns.bid[order], columns.ask[order]
    bid_size, ask_size = columns.bid_size[order] * contract, columns.ask_size[order] * contract
    row_ts = columns.row_ts[order] if columns.row_time is RowTime.QUOTE else np.zeros(len(order), dtype=np.int64)
    exchange_ts = _corrected(row_ts, arrival)
    known = np.isfinite(bid) & np.isfinite(ask) & np.isfinite(bid_size) & np.isfinite(ask_size)
    keep, refused = _judge(
        ("missing", ~known),
        ("price not positive", (bid <= 0) | (ask <= 0)),
        ("no size", (bid_size <= 0) | (ask_size <= 0)),
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
    )
    return snapshot, refused


def funding_clean(
    columns: FundingColumns, index: MarketIndex, *, arrival: Arrival
) -> tuple[FundingRates, dict[str, int]]:
    """The usable funding rates sorted by market id, and how many rows were refused for which reason.

    Refused: a rate that is not finite or at least 100 %, a row that is too old, one whose next funding has passed."""
    order, market_id, _ = _listed(columns.symbols, index)
    rate, next_at = columns.rate[order], columns.next_funding_at[order]
    exchange_ts = _corrected(columns.row_ts[order], arrival)
    keep, refused = _judge(
        ("missing", ~np.isfinite(rate)),
        ("absurd rate", np.abs(rate) >= ABSURD_RATE),
        ("funding time passed", (next_at > 0) & (next_at < arrival.received_at - SETTLEMENT_GRACE_MS)),
        *_ages(exchange_ts, arrival),
    )
    snapshot = FundingRates(
        exchange=arrival.exchange,
        received_at=arrival.received_at,
        market_version=index.version,
        market_id=market_id[keep],
        rate=rate[keep],
        interval_hours=_positive_or_nan(columns.interval_hours[order][keep]),
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


def _listed(symbols: Sequence[str], index: MarketIndex) -> tuple[NDArray[np.intp], Int32s, Floats]:
    """Which input rows are listed, in order of their market id; those ids; their contract sizes."""
    rows = np.fromiter((index.row_of.get(symbol, -1) for symbol in symbols), dtype=np.intp, count=len(symbols))
    listed = np.flatnonzero(rows >= 0)
    ids = index.market_id[rows[listed]]
    by_id = np.argsort(ids, kind="stable")
    order = listed[by_id]
    return order, ids[by_id], index.contract_size[rows[order]]


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


def _positive_or_nan(values: Floats, *, zero: bool = False) -> Floats:
    good = np.isfinite(values) & ((values >= 0) if zero else (values > 0))
    return np.where(good, values, np.nan)
