"""The table of decisions stays bounded, and keeps what quotas, turns and statistics look at."""

import sys
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.distribution.enums import DistributionState
from apps.distribution.models import Distribution
from apps.distribution.services import prune
from tests.distribution.conftest import NOW, MakeUser


def decided(user: Any, state: str, at: datetime) -> Distribution:
    return Distribution.objects.create(
        user=user, recipient_id=user.pk, opportunity_id=uuid.uuid4(), fingerprint="f", kind="cross_exchange",
        state=state, due_at=at, decided_at=at,
    )  # fmt: skip


@pytest.mark.parametrize(("days", "kept_days"), [(90, 90), (1, 8)])
def test_decisions_go_with_the_messages_they_led_to(
    trader: MakeUser, settings: Any, monkeypatch: pytest.MonkeyPatch, days: int, kept_days: int
) -> None:
    settings.NOTIFICATION_DAYS = days
    monkeypatch.setattr(sys.modules["apps.distribution.services.prune"], "_BATCH", 2)
    user, edge = trader("premium"), NOW - timedelta(days=kept_days)
    kept = {decided(user, state, edge).pk for state in DistributionState.values}
    for state in DistributionState.values:
        for _ in range(3):
            decided(user, state, edge - timedelta(seconds=1))
    assert prune(now=NOW) == 3 * len(DistributionState.values)
    assert set(Distribution.objects.values_list("pk", flat=True)) == kept
    assert prune(now=NOW) == 0
