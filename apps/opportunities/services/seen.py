"""Counting what people see in a day: lists, details and messages count alike, and one opportunity counts once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from apps.accounts.services import users_hold
from apps.core.rows import rows_insert
from apps.opportunities.models import Seen
from apps.opportunities.selectors import day_of
from apps.opportunities.types import Sight

# Only today counts; a few days more answer questions.
KEEP_SEEN = timedelta(days=7)


def seen_admit(*, sights: Sequence[Sight], now: datetime) -> set[tuple[UUID, UUID]]:
    """Count these sights into the day, in this order, as far as each person's quota goes.

    Answers the pairs (user, opportunity) that may be seen: those that fit, and those that had been seen today already.
    Three queries, however many; two callers at once never admit more than the quota between them."""
    if not sights:
        return set()
    day = day_of(now)
    people = {one.user_id for one in sights}
    with transaction.atomic():
        users_hold(people)
        rows = Seen.objects.filter(user_id__in=people, day=day).order_by()
        admitted: set[tuple[UUID, UUID]] = set()
        counts: Counter[tuple[UUID, str]] = Counter()
        for user_id, opportunity_id, family in rows.values_list("user_id", "opportunity_id", "family"):
            admitted.add((user_id, opportunity_id))
            counts[user_id, family] += 1
        new = []
        for one in sights:
            pair, of_family = (one.user_id, one.opportunity_id), (one.user_id, one.family)
            if pair not in admitted and counts[of_family] < one.daily:
                admitted.add(pair)
                counts[of_family] += 1
                new.append((one.user_id, one.opportunity_id, one.family, day, now))
        rows_insert(Seen, ("user_id", "opportunity_id", "family", "day", "seen_at"), new)
    return admitted


def seen_prune(*, now: datetime) -> None:
    """Forget what was seen long ago."""
    Seen.objects.filter(day__lt=day_of(now - KEEP_SEEN)).delete()
