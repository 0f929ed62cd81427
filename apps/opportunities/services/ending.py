"""Ends of opportunities: the one place where an open row stops being open."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from apps.core import events
from apps.opportunities.enums import OpportunityStatus, Reason
from apps.opportunities.models import OPEN, Opportunity
from apps.opportunities.types import OpportunitiesEnded

End = tuple[Opportunity, OpportunityStatus, Reason]


def opportunities_end(ends: Iterable[End], *, now: datetime) -> int:
    """End rows that are locked by the caller's transaction; tells others about those that had been active.

    One update per (status, reason). Returns how many rows ended."""
    groups: dict[tuple[OpportunityStatus, Reason], list[Opportunity]] = defaultdict(list)
    for row, status, reason in ends:
        groups[status, reason].append(row)
    ended = 0
    for (status, reason), rows in groups.items():
        ended += Opportunity.objects.filter(pk__in=[row.pk for row in rows], status__in=OPEN).update(
            status=status, reason=reason.value, closed_at=now
        )
        told = tuple(str(row.pk) for row in rows if row.status == OpportunityStatus.ACTIVE)
        if told:
            events.publish(OpportunitiesEnded(opportunity_ids=told, reason=reason.value))
    return ended
