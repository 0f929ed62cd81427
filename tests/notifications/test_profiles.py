"""How deliveries are run: shipped profiles, operators' own, and settings that count before both."""

import logging
from collections.abc import Iterator

import pytest
from django.core.exceptions import ValidationError
from pytest_django.fixtures import Settings

from apps.core import config
from apps.core.exceptions import PermanentError
from apps.core.models import AuditRecord
from apps.notifications.models import Delivery, DeliveryProfile
from apps.notifications.services import deliver, profile_use
from apps.notifications.services.profiles import KEY, profile
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(settings: Settings) -> Iterator[None]:
    for name in ("BATCH", "CONCURRENCY", "TIMEOUT_S", "ATTEMPTS"):
        setattr(settings, f"DELIVERY_{name}", None)
    config.forget()
    yield
    config.forget()


def calm(name: str = "calm") -> DeliveryProfile:
    return DeliveryProfile.objects.create(
        name=name, batch=7, concurrency=9, timeout_s=11, attempts=1, statistics_days=13
    )


def test_the_shipped_ones_are_those_of_the_design(settings: Settings) -> None:
    assert (profile().name, settings.PROFILE) == ("balanced", "balanced")
    seen = {}
    for name in ("high_performance", "high_reliability"):
        profile_use(name=name, actor_id=None)
        one = profile()
        seen[name] = (one.batch, one.concurrency, one.timeout_s, one.attempts, one.statistics_days)
    assert seen == {"high_performance": (100, 200, 15, 3, 30), "high_reliability": (25, 50, 60, 5, 90)}


def test_an_operators_own_is_in_force_at_once_and_audited(sink: Sink, templates: None) -> None:
    calm()
    profile_use(name="calm", actor_id="me")
    assert (profile().batch, profile().attempts) == (7, 1)
    assert AuditRecord.objects.filter(target__contains=KEY).exists()
    endpoint_new(user := user_new(), "telegram", "42")
    notification_new(user)
    sink.answers = [Answer(500, "oops")]
    deliver(priority="high")
    # One try is all it has.
    assert (Delivery.objects.get().state, len(sink.arrived)) == ("dead", 1)


def test_a_setting_counts_before_any_profile(settings: Settings) -> None:
    calm()
    profile_use(name="calm", actor_id=None)
    settings.DELIVERY_ATTEMPTS = 6
    assert (profile().attempts, profile().batch) == (6, 7)


def test_one_that_is_gone_is_told_and_does_not_stop_deliveries(caplog: pytest.LogCaptureFixture) -> None:
    calm("leaving")
    profile_use(name="leaving", actor_id=None)
    DeliveryProfile.objects.all().delete()
    with caplog.at_level(logging.ERROR):
        assert profile().name == "balanced"
    assert "no delivery profile 'leaving'" in caplog.text


def test_what_is_not_there_can_not_be_chosen_and_shipped_names_are_taken() -> None:
    with pytest.raises(PermanentError, match="nothing"):
        profile_use(name="nothing", actor_id=None)
    row = calm()
    row.name = "balanced"
    with pytest.raises(ValidationError, match="shipped"):
        row.full_clean()
    row.name, row.timeout_s = "other", 500
    with pytest.raises(ValidationError):
        row.full_clean()
