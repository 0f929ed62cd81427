"""The board that triggers are judged by: usable snapshots, closes of the last minutes, active opportunities."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import numpy as np

from apps.core import clock, redis
from apps.distribution.models import AlertFired
from apps.distribution.triggers.base import OPPORTUNITIES, Source
from apps.distribution.triggers.board import FIGURES, Board, Listing, Offers
from apps.markets.enums import SnapshotKind
from apps.markets.selectors import candles, market_table, snapshots_latest
from apps.markets.types import Candles, Floats, FundingRates, Latest, MarketTable, Quotes
from apps.opportunities.enums import Context, OpportunityKind
from apps.opportunities.selectors import kind_families, opportunities_active

logger = logging.getLogger(__name__)

_MINUTE: Final = "1m"
_MINUTE_MS: Final = 60_000
# Closed bars change once a minute; several feeds' news in a few seconds read them once.
_BARS_COUNT_MS: Final = 5_000
_HOURS: Final = (("funding_8h", 8.0), ("funding_apr", 8760.0))

_Extremes: TypeAlias = dict[int, Floats]

_listing: Listing | None = None
_bars: dict[str, tuple[int, int, Candles | None]] = {}


def board_now(*, now: datetime, sources: Collection[Source]) -> Board:
    """What the exchanges say now, as far as it may be believed, and only what these sources are judged by."""
    now_ms = clock.to_ms(now)
    listing = _listing_of(market_table())
    of_markets = [one for one in sources if one.feed != OPPORTUNITIES]
    latest = _latest(of_markets, now_ms)
    board = _filled(listing, latest, now_ms)
    lowest, highest = _extremes(listing, of_markets, latest, now)
    some_offers = any(one.feed == OPPORTUNITIES for one in sources)
    return replace(board, lowest=lowest, highest=highest, offers=_offers(now) if some_offers else Offers())


def _listing_of(table: MarketTable) -> Listing:
    """The table's listing; kept for the last table, which changes only when markets are listed or delisted."""
    global _listing
    if _listing is None or _listing.table is not table:
        _listing = Listing(table)
    return _listing


def _latest(sources: Sequence[Source], now_ms: int) -> Latest:
    if not sources:
        return Latest()
    feeds = {one.feed for one in sources}
    exchanges = {one.exchange for one in sources}
    return snapshots_latest(
        now_ms=now_ms,
        kinds=SnapshotKind if "" in feeds else [SnapshotKind(feed) for feed in feeds],
        exchanges=None if "" in exchanges else exchanges,
    )


def _filled(listing: Listing, latest: Latest, now_ms: int) -> Board:
    """Rows of markets that the table does not know, and prices that can't be true, say nothing."""
    table = listing.table
    count = len(table.market_id)
    figures: Mapping[str, Floats] = {name: np.full(count, np.nan) for name in FIGURES}
    received, exchange_ts, funded = (np.zeros(count, dtype=np.int64) for _ in range(3))
    origin = {}
    for quotes in (*latest.spot, *latest.swap):
        rows, at = _rows(table, quotes)
        bid, ask = quotes.bid[at], quotes.ask[at]
        true = (bid > 0) & (ask >= bid) & (ask < np.inf)
        rows, at, bid, ask = rows[true], at[true], bid[true], ask[true]
        price = (bid + ask) / 2
        for name, column in (
            ("price", price),
            ("bid", bid),
            ("ask", ask),
            ("spread", (ask - bid) / price),
            ("volume_24h", quotes.quote_volume[at]),
        ):
            figures[name][rows] = column
        received[rows] = quotes.received_at
        exchange_ts[rows] = quotes.exchange_ts[at]
        origin[quotes.exchange, str(quotes.kind)] = str(quotes.origin)
    for rates in latest.funding:
        rows, at = _rows(table, rates)
        hours, due = rates.interval_hours[at], rates.next_funding_at[at]
        # A funding time that is more than an interval ago says that the rate is of the past; 0 says nothing.
        passed = (due > 0) & (due + np.nan_to_num(hours) * 3_600_000 < now_ms)
        true = np.isfinite(rates.rate[at]) & (hours > 0) & (hours < np.inf) & ~passed
        rows, at, hours = rows[true], at[true], hours[true]
        for name, per in _HOURS:
            figures[name][rows] = rates.rate[at] * per / hours
        funded[rows] = rates.received_at
        origin[rates.exchange, str(rates.kind)] = str(rates.origin)
    return Board(now_ms, listing, figures, received, exchange_ts, funded, origin)


def _rows(
    table: MarketTable, snapshot: Quotes | FundingRates
) -> tuple["np.ndarray[tuple[int], np.dtype[np.intp]]", "np.ndarray[tuple[int], np.dtype[np.intp]]"]:
    """Where the snapshot's markets are in the table, and which of the snapshot's rows those are; none where the markets
    changed between the two reads."""
    if snapshot.market_version != table.version:
        nothing = np.empty(0, dtype=np.intp)
        return nothing, nothing
    rows = table.rows(snapshot.market_id)
    at = np.flatnonzero(rows >= 0)
    return rows[at], at


def _extremes(
    listing: Listing, sources: Sequence[Source], latest: Latest, now: datetime
) -> tuple[_Extremes, _Extremes]:
    """The lowest and the highest close of the last so many minutes, by minutes."""
    windows = sorted({one.minutes for one in sources if one.minutes})
    if not windows:
        return {}, {}
    looking = [one for one in sources if one.minutes]
    named = {one.exchange for one in looking}
    there = {one.exchange for one in (*latest.spot, *latest.swap)}
    count = len(listing.table.market_id)
    lowest, highest = ({minutes: np.full(count, np.nan) for minutes in windows} for _ in range(2))
    for exchange in sorted(there if "" in named else named & there):
        bars = _bars_of(exchange, windows[-1], now)
        if bars is None:
            continue
        rows = listing.table.rows(bars.market_ids)
        known = np.flatnonzero(rows >= 0)
        ended_ms = bars.open_ms + _MINUTE_MS
        for minutes in windows:
            closes = bars.close[known][:, ended_ms >= clock.to_ms(now) - minutes * _MINUTE_MS]
            if closes.shape[1]:
                lowest[minutes][rows[known]] = np.fmin.reduce(closes, axis=1)
                highest[minutes][rows[known]] = np.fmax.reduce(closes, axis=1)
    return lowest, highest


def _bars_of(exchange: str, count: int, now: datetime) -> Candles | None:
    slot = clock.to_ms(now) // _BARS_COUNT_MS
    known = _bars.get(exchange)
    if known is not None and known[0] == slot and known[1] >= count:
        return known[2]
    try:
        found = candles(exchange=exchange, timeframe=_MINUTE, now=now, bars=count)
    except redis.Error as error:
        # Nobody knows then how prices have moved; everything else can be judged.
        logger.warning("Alerts on moves of %s not judged, candles can't be read: %s", exchange, error)
        return None
    _bars[exchange] = slot, count, found
    return found


_READ: Final = (
    "pk", "kind", "symbol", "instrument", "legs", "risk", "owner_id", "expires_at", "activated_at", "priced_at",
    "last_seen_at", "net_edge", "strength", "score", "size",
)  # fmt: skip


def _offers(now: datetime) -> Offers:
    rows = opportunities_active().filter(expires_at__gt=now, activated_at__lte=now).exclude(context=Context.GROUP)
    found = list(rows.values_list(*_READ))
    if not found:
        return Offers()
    columns = dict(zip(_READ, zip(*found, strict=True), strict=True))
    families = kind_families()
    told = AlertFired.objects.filter(subject__in=[str(id) for id in columns["pk"]], trigger__isnull=False)
    return Offers(
        ids=columns["pk"],
        kind=columns["kind"],
        label=tuple(OpportunityKind(kind).label for kind in columns["kind"]),
        family=tuple(families[kind] for kind in columns["kind"]),
        symbol=columns["symbol"],
        instrument=columns["instrument"],
        exchanges=tuple(frozenset(leg["exchange"] for leg in legs) for legs in columns["legs"]),
        risk=columns["risk"],
        owner=columns["owner_id"],
        expires_at=columns["expires_at"],
        activated_ms=np.array([clock.to_ms(at) for at in columns["activated_at"]], dtype=np.int64),
        priced_ms=np.array(
            [
                clock.to_ms(priced or seen)
                for priced, seen in zip(columns["priced_at"], columns["last_seen_at"], strict=True)
            ],
            dtype=np.int64,
        ),
        net=_floats(columns["net_edge"]),
        strength=_floats(columns["strength"]),
        score=_floats(columns["score"]),
        size=_floats(columns["size"]),
        told=frozenset((trigger, UUID(subject)) for trigger, subject in told.values_list("trigger_id", "subject")),
    )


def _floats(values: Sequence[object]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])  # type: ignore[arg-type]
