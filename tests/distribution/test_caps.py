"""No limit is ever exceeded, whoever wants what and however often it is decided."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.services import run
from apps.notifications.models import Notification
from apps.opportunities.models import Opportunity, Seen
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

pytestmark = pytest.mark.django_db(transaction=False)
CAPS = {"free": (2, 3), "basic": (2, 10)}


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    tiers=st.lists(st.sampled_from(["free", "basic", "premium", "enterprise"]), min_size=1, max_size=4),
    limits=st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=8),
    gaps=st.lists(st.integers(0, 4000), min_size=1, max_size=4),
    fingerprints=st.integers(1, 3),
)
def test_no_cap_is_ever_exceeded(
    trader: MakeUser,
    opportunity: MakeOpportunity,
    tiers: list[str],
    limits: list[int | None],
    gaps: list[int],
    fingerprints: int,
) -> None:
    for model in (Distribution, Notification, Seen, Opportunity):
        model.objects.all().delete()
    User.objects.update(status="suspended")
    people = [trader(tier) for tier in tiers]
    now = NOW
    for gap in gaps:
        # What was active is over; the same edges come again as new episodes.
        Opportunity.objects.update(status="closed", closed_at=now)
        now += timedelta(seconds=gap)
        for number, limit in enumerate(limits):
            opportunity(
                max_participants=limit,
                fingerprint=f"same{number}" if number < fingerprints else f"{gap}-{number}-{now.timestamp()}",
                activated_at=now - timedelta(seconds=600),
                expires_at=now + timedelta(hours=1),
            )
        before = Counter(_told().values_list("user_id", flat=True))
        run(now=now)
        after = Counter(_told().values_list("user_id", flat=True))
        for person in people:
            cycle, daily = CAPS.get(person.tier, (None, None))
            assert cycle is None or after[person.pk] - before[person.pk] <= cycle
            assert daily is None or after[person.pk] <= daily
            assert Notification.objects.filter(user=person).count() == after[person.pk]
        for row in Opportunity.objects.exclude(max_participants=None):
            assert _told().filter(opportunity_id=row.pk).count() <= row.max_participants
    for person in people:
        if person.tier in CAPS:
            _cooled(person)


def _told() -> Any:
    return Distribution.objects.filter(state=DistributionState.NOTIFIED)


def _cooled(person: User) -> None:
    last: dict[str, Any] = {}
    for row in _told().filter(user=person).order_by("decided_at"):
        if row.fingerprint in last:
            assert row.decided_at - last[row.fingerprint] >= timedelta(hours=4)
        last[row.fingerprint] = row.decided_at
