"""How an edge went: points of its pricings, the denser the younger it was, so that any life has a bounded number."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import log1p

from apps.opportunities.models import EdgePoint, Opportunity

# Slots are 5 s long at first and grow by a 25th of the age: 25·ln(1 + age / 125 s), 118 of them in four hours.
_DENSITY, _FROM_S = 25, 125
KEEP_POINTS = timedelta(days=7)


def slot_of(age: timedelta) -> int:
    """The part of its life that an opportunity of this age is in."""
    return int(_DENSITY * log1p(max(0.0, age.total_seconds()) / _FROM_S))


def edge_points_note(rows: Iterable[Opportunity], *, now: datetime) -> None:
    """Note the edges that these rows were just priced at; the first price within a slot is the one that is kept.

    Rows without an edge (kinds that promise none) have no history."""
    EdgePoint.objects.bulk_create(
        [
            EdgePoint(
                opportunity_id=row.pk,
                slot=slot_of(now - (row.activated_at or now)),
                at=now,
                net_edge=row.net_edge,
                size=row.size,
            )
            for row in rows
            if row.net_edge is not None
        ],
        ignore_conflicts=True,
    )


def edge_points_prune(*, now: datetime) -> int:
    """Delete points past their retention; returns how many."""
    return EdgePoint.objects.filter(at__lt=now - KEEP_POINTS).delete()[0]
