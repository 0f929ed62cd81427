"""How long edges lasted, and what became of them, per kind and instrument."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import Count, Q

from apps.core.money import quantize_edge
from apps.opportunities.enums import FeedbackState, OpportunityStatus, Reason
from apps.opportunities.models import Lifetime, Markout, Opportunity, OpportunityFeedback
from apps.opportunities.survival import half_life_s

MEASURED_DAYS = 30
# The newest episodes: a bound on memory, far above what a month brings.
MAX_EPISODES = 50_000
# The markout that tells whether there was time to act.
ACTED_WITHIN_S = 30
_BATCH = 500
# These ends are ours, not the edge's: nobody knows how much longer it lasted.
_CENSORED = frozenset({Reason.TIME_UP.value, Reason.DATA_GONE.value, Reason.UNKNOWN_MARKET.value})
_FIELDS = [
    "episodes", "running", "half_life_s", "longest_s", "net_edge", "peak_net_edge", "measured", "kept_share",
    "viewed", "executed", "ignored", "first_at", "last_at", "measured_at",
]  # fmt: skip

# (kind, instrument, origin)
Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Episode:
    """One episode that became active, as far as it is counted."""

    status: str
    activated_at: datetime
    closed_at: datetime | None
    reason: str
    net_edge: Decimal | None
    peak_net_edge: Decimal | None

    def lasted(self, now: datetime) -> tuple[float, bool]:
        """Seconds, and whether the edge was over then."""
        seconds = ((self.closed_at or now) - self.activated_at).total_seconds()
        return max(0.0, seconds), self.closed_at is not None and self.reason not in _CENSORED


def lifetimes_measure(*, now: datetime) -> int:
    """Measure the episodes of the last weeks anew; returns how many kinds and instruments there are.

    What had no episode in that time is forgotten. Without alerts or feedback the counts are zero."""
    since = now - timedelta(days=MEASURED_DAYS)
    episodes = _episodes(since)
    markouts, feedback = _markouts(since), _feedback(since)
    rows = [_row(key, mine, markouts.get(key, (0, 0)), feedback.get(key, {}), now) for key, mine in episodes.items()]
    for start in range(0, len(rows), _BATCH):
        # Small transactions: other writers of SQLite wait for each one.
        Lifetime.objects.bulk_create(
            rows[start : start + _BATCH],
            update_conflicts=True,
            unique_fields=["kind", "instrument", "origin"],
            update_fields=_FIELDS,
        )
    with transaction.atomic():
        Lifetime.objects.filter(measured_at__lt=now).delete()
    return len(rows)


def _episodes(since: datetime) -> dict[Key, list[_Episode]]:
    rows = Opportunity.objects.filter(activated_at__gte=since).order_by("-activated_at")
    columns = rows.values_list(
        "kind", "instrument", "origin", "status", "activated_at", "closed_at", "reason", "net_edge", "peak_net_edge"
    )
    found: dict[Key, list[_Episode]] = defaultdict(list)
    for kind, instrument, origin, *rest in columns[:MAX_EPISODES].iterator(chunk_size=2000):
        found[kind, instrument, origin].append(_Episode(*rest))
    return found


def _markouts(since: datetime) -> dict[Key, tuple[int, int]]:
    """How many alerts were measured, and how many of them still had an edge."""
    rows = Markout.objects.filter(
        horizon_s=ACTED_WITHIN_S, net_edge__isnull=False, opportunity__activated_at__gte=since
    ).order_by()
    counts = rows.values_list("opportunity__kind", "opportunity__instrument", "opportunity__origin").annotate(
        measured=Count("id"), kept=Count("id", filter=Q(net_edge__gt=0))
    )
    return {(kind, instrument, origin): (measured, kept) for kind, instrument, origin, measured, kept in counts}


def _feedback(since: datetime) -> dict[Key, dict[str, int]]:
    rows = OpportunityFeedback.objects.filter(opportunity__activated_at__gte=since).order_by()
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    for kind, instrument, origin, state, count in rows.values_list(
        "opportunity__kind", "opportunity__instrument", "opportunity__origin", "state"
    ).annotate(count=Count("id")):
        found[kind, instrument, origin][state] = count
    return found


def _row(
    key: Key, episodes: Sequence[_Episode], markouts: tuple[int, int], feedback: dict[str, int], now: datetime
) -> Lifetime:
    kind, instrument, origin = key
    measured, kept = markouts
    lasted = [one.lasted(now) for one in episodes]
    counted: dict[str, Any] = {state.value: feedback.get(state.value, 0) for state in FeedbackState}
    return Lifetime(
        kind=kind,
        instrument=instrument,
        origin=origin,
        episodes=len(episodes),
        running=sum(1 for one in episodes if one.status == OpportunityStatus.ACTIVE),
        half_life_s=half_life_s(lasted),
        longest_s=max(seconds for seconds, _ in lasted),
        net_edge=_mean([one.net_edge for one in episodes]),
        peak_net_edge=_mean([one.peak_net_edge for one in episodes]),
        measured=measured,
        kept_share=kept / measured if measured else None,
        first_at=min(one.activated_at for one in episodes),
        last_at=max(one.activated_at for one in episodes),
        measured_at=now,
        **counted,
    )


def _mean(edges: Sequence[Decimal | None]) -> Decimal | None:
    """None where no episode has an edge (kinds that promise none)."""
    known = [edge for edge in edges if edge is not None]
    return quantize_edge(sum(known, Decimal(0)) / len(known)) if known else None
