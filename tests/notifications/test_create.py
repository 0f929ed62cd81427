"""Owing messages: rows, routes, dedupe, the doorbell after the commit."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.core import clock, events
from apps.core.exceptions import OperatorError, PermanentError
from apps.notifications.enums import NotificationState
from apps.notifications.models import Delivery, Endpoint, Notification
from apps.notifications.services import endpoint_create, endpoint_disable, notification_create, notifications_create
from apps.notifications.services.endpoints import endpoint_credentials
from apps.notifications.types import DeliveriesDue, NotificationDraft
from tests.notifications.people import SECRET, endpoint_new, notification_new, user_new

pytestmark = pytest.mark.django_db


@pytest.fixture
def rung() -> Any:
    """What the room rings for."""
    heard: list[DeliveriesDue] = []
    events.subscribe(DeliveriesDue, heard.append)
    yield heard
    events.unsubscribe(DeliveriesDue, heard.append)


def test_every_route_gets_the_message_at_its_first_endpoint() -> None:
    user = user_new()
    first = endpoint_new(user, "telegram", "1", route=0, position=0)
    endpoint_new(user, "webhook", "https://x.test/a", route=0, position=1)
    other = endpoint_new(user, "email", user.email, route=1, position=3)
    row = notification_new(user)
    assert {one.endpoint_id for one in row.deliveries.all()} == {first.pk, other.pk}
    assert row.state == NotificationState.PENDING
    assert row.origin == "live"


def test_unverified_and_disabled_endpoints_get_nothing() -> None:
    user = user_new()
    endpoint_new(user, "telegram", "1", verified=False)
    endpoint_disable(endpoint_id=endpoint_new(user, "telegram", "2", route=1).pk, reason="blocked")
    row = notification_new(user)
    assert row.state == NotificationState.DEAD
    assert "no verified endpoint" in row.reason
    assert not Delivery.objects.exists()


def test_others_endpoints_get_nothing() -> None:
    owner, outsider = user_new(), user_new()
    endpoint_new(owner, "telegram", "1")
    theirs = endpoint_new(outsider, "telegram", "1")
    notification_new(owner)
    assert not Delivery.objects.filter(endpoint=theirs).exists()


def test_the_same_key_is_owed_once() -> None:
    user = user_new()
    endpoint_new(user, "telegram", "1")
    notification_new(user, dedupe_key="once")
    again = notification_create(
        user_id=user.pk, template="opportunity", context={}, priority="high", dedupe_key="once",
        expires_at=clock.now() + timedelta(minutes=1), now=clock.now(),
    )  # fmt: skip
    assert again is None
    assert Notification.objects.count() == Delivery.objects.count() == 1


def test_the_same_key_twice_in_a_batch_is_owed_once() -> None:
    user = user_new()
    endpoint_new(user, "telegram", "1")
    now = clock.now()
    draft = NotificationDraft(user.pk, "opportunity", {}, "low", "k", now + timedelta(minutes=1))
    assert len(notifications_create(drafts=[draft, draft], now=now)) == 1
    assert Delivery.objects.count() == 1


def test_a_batch_takes_few_queries_and_keeps_its_order(django_assert_max_num_queries: Any) -> None:
    users = [user_new() for _ in range(30)]
    for user in users:
        endpoint_new(user, "telegram", "1")
    now = clock.now()
    until = now + timedelta(minutes=1)
    drafts = [NotificationDraft(user.pk, "opportunity", {}, "low", f"k{user.pk}", until) for user in reversed(users)]
    with django_assert_max_num_queries(8):
        notifications_create(drafts=drafts, now=now)
    due = Delivery.objects.order_by("next_attempt_at").values_list("notification__user_id", flat=True)
    assert list(due) == [user.pk for user in reversed(users)]


def test_the_doorbell_rings_after_the_commit_only(django_capture_on_commit_callbacks: Any, rung: Any) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "1")
    with django_capture_on_commit_callbacks(execute=True):
        notification_new(user, priority="low")
        assert rung == []
    assert rung == [DeliveriesDue(("low",))]
    with (
        django_capture_on_commit_callbacks(execute=True) as callbacks,
        pytest.raises(RuntimeError),
        transaction.atomic(),
    ):
        notification_new(user)
        raise RuntimeError
    assert callbacks == []


@pytest.mark.parametrize("context", [{"x": float("nan")}, {"x": object()}, {"x": "y" * 20_000}])
def test_a_context_that_is_no_small_json_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(PermanentError) as caught:
        notification_new(user_new(), context=context)
    assert caught.value.code == "bad_context"
    assert not Notification.objects.exists()


def test_an_unknown_priority_is_refused() -> None:
    with pytest.raises(ValueError, match="urgent"):
        notification_new(user_new(), priority="urgent")


# --- endpoints ------------------------------------------------------------------------------------------------------


def test_credentials_are_encrypted_and_bound_to_their_row() -> None:
    row = endpoint_new(user_new(), "webhook", "https://x.test/a")
    assert SECRET not in row.credentials
    assert endpoint_credentials(row) == {"secret": SECRET}
    thief = endpoint_new(user_new(), "webhook", "https://x.test/b")
    thief.credentials = row.credentials
    with pytest.raises(OperatorError):
        endpoint_credentials(thief)


def test_creating_it_again_gives_new_values_and_switches_it_on() -> None:
    user = user_new()
    row = endpoint_new(user, "telegram", " 42 ")
    assert row.address == "42"
    assert endpoint_disable(endpoint_id=row.pk, reason="blocked")
    assert not endpoint_disable(endpoint_id=row.pk, reason="another")
    assert Endpoint.objects.get(pk=row.pk).disabled_reason == "blocked"
    again = endpoint_new(user, "telegram", "42", label="phone", route=2)
    assert again.pk == row.pk
    assert again.usable
    assert (again.label, again.route, again.disabled_reason) == ("phone", 2, "")


@pytest.mark.parametrize(
    ("channel", "address", "credentials", "code"),
    [
        ("telegram", "abc", {}, "bad_address"),
        ("webhook", "https://x.test/" + "a" * 600, {"secret": SECRET}, "bad_address"),
        ("webhook", "https://x.test/", {}, "bad_credentials"),
        ("webhook", "https://x.test/", {"secret": "whsec_short"}, "bad_credentials"),
        ("email", "a@b@c", {}, "bad_address"),
    ],
)
def test_what_does_not_fit_the_channel_is_refused(
    channel: str, address: str, credentials: dict[str, str], code: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        endpoint_create(user_id=user_new().pk, channel=channel, address=address, credentials=credentials)
    assert caught.value.code == code
    assert not Endpoint.objects.exists()


def test_an_unknown_channel_names_the_known_ones() -> None:
    with pytest.raises(OperatorError, match="telegram, webhook, email"):
        endpoint_create(user_id=user_new().pk, channel="pigeon", address="x")
