"""Scan the whole market, open a row for each of the best new candidates, refresh the rows that are seen again."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.core import clock, events
from apps.core.memory import arrays_keep_memory, heap_set_aside
from apps.core.money import quantize_edge, to_decimal
from apps.markets.selectors import market_table, snapshots_latest
from apps.opportunities.enums import OpportunityStatus, Side
from apps.opportunities.identity import fingerprint_of, opportunity_id_of
from apps.opportunities.legs import plain
from apps.opportunities.models import OPEN, Opportunity
from apps.opportunities.services.ranking import Found, LegKey, best, found_of, thickness
from apps.opportunities.services.terms import scan_params
from apps.opportunities.strategies.registry import strategies_all, strategy_get
from apps.opportunities.types import CandidatesFound
from apps.opportunities.view import MarketView, market_view

logger = logging.getLogger(__name__)

# Books cost calls of limits: so many candidates per scan get theirs, and as many active rows beside them.
PRICED_PER_SCAN = 50
# The price of an active row counts for this long; exchanges are not asked for its books again before.
PRICE_COUNTS = timedelta(seconds=2)
# A detected row waits this long for its order books.
PRICED_WITHIN = timedelta(seconds=60)
# What was just closed or dropped does not come back at once: an edge around the minimum would open and close all day.
REST = timedelta(seconds=30)

# What a scan needs to know of open rows.
_READ = ("kind", "status", "legs", "opened_at", "priced_at")

RowKey: TypeAlias = tuple[str, LegKey]


@dataclass(frozen=True, slots=True)
class Detection:
    """What one scan came to: candidates found, rows opened, rows seen again."""

    found: int
    opened: int
    seen: int


def detect(*, now: datetime) -> Detection:
    """Scan, upsert, and ask for the order books of what has to be priced (`CandidatesFound`)."""
    arrays_keep_memory()
    heap_set_aside()
    view = view_now(now)
    params = scan_params()
    found = [found_of(view, strategy.scan(view, params)) for strategy in strategies_all()]
    open_rows = _by_key(Opportunity.objects.with_edge().filter(status__in=OPEN).only(*_READ))
    seen = {(one.candidates.kind, key) for one in found for key in one.matching(_keys(open_rows, one))}
    _keep_resting(found, now)
    chosen = best(found, PRICED_PER_SCAN)
    fresh = [(one, at) for one, at in chosen if (one.candidates.kind, one.key(at)) not in open_rows]
    opened = rows_open([row_of(view, one, at, now) for one, at in fresh])
    _refresh([open_rows[key] for key in seen], now)
    total = sum(len(one.candidates) for one in found)
    wanted = _wanted(chosen, open_rows, now)
    if wanted:
        events.publish(CandidatesFound(market_ids=wanted, found=total))
    logger.info("Scanned %d markets: %d candidates, %d opened, %d seen again", view.usable(), total, opened, len(seen))
    return Detection(found=total, opened=opened, seen=len(seen))


def view_now(now: datetime) -> MarketView:
    """What the exchanges say now, as far as it may be believed."""
    now_ms = clock.to_ms(now)
    return market_view(
        market_table(),
        snapshots_latest(now_ms=now_ms),
        now_ms=now_ms,
        max_age_ms=settings.MAX_QUOTE_AGE_S * 1000,
        max_funding_age_ms=settings.MAX_FUNDING_AGE_S * 1000,
    )


def _by_key(rows: Iterable[Opportunity]) -> dict[RowKey, Opportunity]:
    return {(row.kind, row.market_ids): row for row in rows}


def _keys(rows: Iterable[RowKey], found: Found) -> set[LegKey]:
    return {key for kind, key in rows if kind == found.candidates.kind}


def _keep_resting(found: Sequence[Found], now: datetime) -> None:
    """Take what ended a moment ago out of the ranking."""
    ended = Opportunity.objects.filter(
        closed_at__gt=now - REST, status__in=(OpportunityStatus.CLOSED, OpportunityStatus.DROPPED)
    )
    resting = {(row.kind, row.market_ids) for row in ended.only("kind", "legs")}
    for one in found:
        for at in one.matching(_keys(resting, one)).values():
            one.expected[at] = -np.inf


def row_of(view: MarketView, found: Found, at: int, now: datetime) -> Opportunity:
    """A new row with the figures of the best prices; its size is known once it is priced."""
    candidates = found.candidates
    taken = candidates.at(at)
    legs = [leg_of(view, row, side) for row, side in taken]
    quote = view.table.quotes[candidates.quote_code[at]]
    instrument = strategy_get(candidates.kind).instrument(view, [row for row, _ in taken], quote)
    fingerprint = fingerprint_of(
        candidates.kind, instrument, [(leg["exchange"], leg["symbol"], leg["side"]) for leg in legs]
    )
    net = quantize_edge(to_decimal(float(candidates.net[at])))
    return Opportunity(
        id=opportunity_id_of(fingerprint, now),
        fingerprint=fingerprint,
        kind=candidates.kind,
        instrument=instrument,
        symbol=legs[0]["symbol"],
        quote=quote,
        # Rounded down like net, but never below it: floats may put the two a hair apart where nothing costs anything.
        gross_edge=max(net, quantize_edge(to_decimal(float(candidates.gross[at])))),
        net_edge=net,
        peak_net_edge=net,
        legs=legs,
        leg_count=len(legs),
        details={
            "dollar_rate": _text(float(found.dollar_rate[at])),
            "thickness": _thickness(view, [row for row, _ in taken]),
        },
        origin=settings.ORIGIN,
        opened_at=now,
        last_seen_at=now,
        expires_at=now + PRICED_WITHIN,
    )


def leg_of(view: MarketView, row: int, side: int) -> dict[str, Any]:
    """A stored leg at the best price of this row of the view; `side` is +1 to buy and -1 to sell."""
    table, listed = view.table, int(view.layout.row[row])
    price = (view.ask if side > 0 else view.bid)[row] * table.multiplier[listed]
    rate = None if view.interval_ms[row] == 0 else _text(float(view.rate[row]))
    return {
        "exchange": table.exchange[view.layout.exchange_code[row]],
        "symbol": table.symbol[listed],
        "market_id": int(table.market_id[listed]),
        "side": (Side.BUY if side > 0 else Side.SELL).value,
        "price": _text(float(price)),
        "amount": None,
        "rate": rate,
        "fee": _text(float(view.layout.fee[row])),
    }


def _thickness(view: MarketView, rows: list[int]) -> list[dict[str, str | None]]:
    """By leg, in whole dollars: what its market traded in 24 h, and what stood open in it."""
    known = thickness(view, np.array(rows))
    columns = {"volume_usd": known.volume.tolist(), "open_interest_usd": known.open_interest.tolist()}
    return [
        {name: None if np.isnan(column[leg]) else f"{column[leg]:.0f}" for name, column in columns.items()}
        for leg in range(len(rows))
    ]


def _text(value: float) -> str:
    return plain(to_decimal(value))


def rows_open(rows: list[Opportunity]) -> int:
    """Insert all of `rows` that nobody else opened meanwhile; the constraint decides, then the rows are read again.

    Each round leaves out at least one row, so it ends. A row that breaks another constraint raises IntegrityError."""
    while rows:
        try:
            with transaction.atomic():
                Opportunity.objects.bulk_create(rows)
        except IntegrityError:
            there = Q(fingerprint__in=[row.fingerprint for row in rows], status__in=OPEN)
            there |= Q(pk__in=[row.pk for row in rows])
            taken = set(Opportunity.objects.filter(there).values_list("fingerprint", flat=True))
            if not taken:
                raise
            rows = [row for row in rows if row.fingerprint not in taken]
        else:
            break
    return len(rows)


def _refresh(rows: Sequence[Opportunity], now: datetime) -> None:
    """Note that these were seen; a row that is being priced this very moment is seen by the next scan."""
    if not rows:
        return
    with transaction.atomic():
        mine = Opportunity.objects.filter(pk__in=[row.pk for row in rows], status__in=OPEN, last_seen_at__lt=now)
        ids = list(mine.locked(skip=True).values_list("pk", flat=True))
        Opportunity.objects.filter(pk__in=ids).update(last_seen_at=now)


def _wanted(
    chosen: Sequence[tuple[Found, int]], open_rows: Mapping[RowKey, Opportunity], now: datetime
) -> tuple[int, ...]:
    """Markets whose books are wanted, the most urgent first: only so many of one exchange are fetched at once.

    Turn by turn a candidate without a price yet, best first, and an active row, the one longest without a new price:
    neither newcomers nor old hands can keep the others waiting for ever.
    """
    keys = [(one.candidates.kind.value, one.key(at)) for one, at in chosen]
    unpriced = [key for key in keys if key not in open_rows or open_rows[key].status == OpportunityStatus.DETECTED]
    active = [
        row
        for row in open_rows.values()
        if row.status == OpportunityStatus.ACTIVE and (row.priced_at or row.opened_at) <= now - PRICE_COUNTS
    ]
    active.sort(key=lambda row: (row.priced_at or row.opened_at, row.pk))
    turns = zip_longest([legs for _, legs in unpriced], [row.market_ids for row in active[:PRICED_PER_SCAN]])
    return tuple(dict.fromkeys(market_id for turn in turns for legs in turn if legs for market_id in legs))
