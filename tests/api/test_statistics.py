"""Statistics of deliveries through the API: everybody's for operators, one's own for everybody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.core import clock
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint, Notification
from apps.notifications.services import statistics_roll
from tests.api.conftest import MakeUser, client_of

URL = "/api/v1/notifications/statistics"


def deliveries(user: User, count: int, *, channel: str = "telegram", at: datetime | None = None) -> None:
    """Messages that reached `user` half a second after they were due."""
    at = at or clock.now()
    endpoint, _ = Endpoint.objects.get_or_create(
        user=user, channel=channel, address=f"{user.pk}", defaults={"created_at": at}
    )
    for number in range(count):
        message = Notification.objects.create(
            user=user, template="notice", priority="high", dedupe_key=f"{user.pk}:{channel}:{at}:{number}",
            origin="sandbox", state="delivered", created_at=at - timedelta(seconds=0.5), expires_at=at, finished_at=at,
        )  # fmt: skip
        row = Delivery.objects.create(
            notification=message, endpoint=endpoint, channel=channel, provider=f"{user.name}.{channel}.test",
            priority="high", state="delivered", attempts=1, next_attempt_at=at, created_at=at, finished_at=at,
        )  # fmt: skip
        DeliveryAttempt.objects.create(delivery=row, number=1, started_at=at, finished_at=at, outcome="delivered")


def ask(user: User | None, **query: Any) -> Any:
    response = client_of(user).get(URL, query)
    assert response.status_code == 200, response.content
    return response.json()


def test_everybody_sees_their_own_and_nobody_elses(make_user: MakeUser) -> None:
    owner, member = make_user("ada"), make_user("grace", Tier.FREE)
    deliveries(owner, 3)
    deliveries(member, 1, channel="email")
    statistics_roll(now=clock.now())
    mine, theirs = ask(owner), ask(member)
    assert (mine["scope"], mine["total"]["now"]["delivered"], mine["total"]["now"]["success_rate"]) == ("own", 3, 1)
    assert [one["name"] for one in mine["providers"]] == ["ada.telegram.test"]
    assert [one["name"] for one in theirs["channels"]] == ["email"]
    outsider = ask(make_user("eve", Tier.ENTERPRISE))
    assert outsider["total"]["now"]["deliveries"] == 0
    assert (outsider["channels"], outsider["providers"], outsider["templates"]) == ([], [], [])
    assert client_of(None).get(URL).status_code == 401


def test_everybodys_are_for_operators(make_user: MakeUser) -> None:
    user, admin = make_user("ada"), make_user("op", role=Role.ADMIN)
    deliveries(user, 3)
    deliveries(admin, 2, channel="email")
    statistics_roll(now=clock.now())
    for query in ({"scope": "all"}, {"scope": "all", "provider": "op.email.test"}):
        refused = client_of(user).get(URL, query)
        assert (refused.status_code, refused.json()["code"]) == (403, "role_required")
        assert b"op.email.test" not in refused.content
    everything = ask(admin)
    assert (everything["scope"], everything["total"]["now"]["delivered"]) == ("all", 5)
    assert [one["name"] for one in everything["channels"]] == ["telegram", "email"]
    assert ask(admin, scope="own")["total"]["now"]["delivered"] == 2
    assert ask(admin, channel="email", template="notice", provider="op.email.test")["total"]["now"]["delivered"] == 2
    assert ask(admin, template="signal")["total"]["now"]["delivered"] == 0


def test_latency_trend_and_series(make_user: MakeUser) -> None:
    user, admin = make_user("ada"), make_user("op", role=Role.ADMIN)
    until = datetime(2026, 3, 4, 12, tzinfo=UTC)
    deliveries(user, 4, at=until - timedelta(hours=1))
    deliveries(user, 1, at=until - timedelta(hours=3))
    for hour in (3, 2, 1):
        statistics_roll(now=until - timedelta(hours=hour - 1, minutes=1))
    span = {"since": "2026-03-04T10:00:00Z", "until": "2026-03-04T12:00:00Z"}
    own, every = ask(user, **span), ask(admin, **span)
    assert own["total"] == every["total"]
    assert [(one["at"], one["counted"]["delivered"]) for one in every["series"]] == [
        ("2026-03-04T10:00:00Z", 0), ("2026-03-04T11:00:00Z", 4)
    ]  # fmt: skip
    now, before = every["total"]["now"], every["total"]["before"]
    assert (now["delivered"], before["delivered"]) == (4, 1)
    assert (now["latency"]["min_ms"], now["latency"]["mean_ms"], now["latency"]["max_ms"]) == (500, 500, 500)
    assert now["latency"]["p95_ms"] == pytest.approx(500, rel=0.01)
    days = ask(admin, bucket="day", since="2026-03-04T00:00:00Z", until="2026-03-05T00:00:00Z")
    assert (days["total"]["now"]["delivered"], len(days["series"])) == (5, 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"bucket": "minute"}, "bucket"),
        ({"channel": "pigeon"}, "channel"),
        ({"scope": "theirs"}, "scope"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-01-09T00:00:00Z"}, "since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-06-01T00:00:00Z", "bucket": "day"}, "since"),
        ({"until": "0001-01-01T00:00:00Z"}, "since"),
        ({"until": "9999-12-31T23:59:59Z", "since": "9999-12-31T00:00:00Z"}, "since"),
        ({"template": "a\0b"}, "template"),
        ({"user": "ada"}, "user"),
    ],
)
def test_what_cannot_be_asked_is_told_by_field(make_user: MakeUser, query: dict[str, str], field: str) -> None:
    response = client_of(make_user("ada")).get(URL, query)
    assert response.status_code == 400
    assert [one["field"] for one in response.json()["errors"]] == [field]


def test_more_rows_are_no_more_queries(make_user: MakeUser) -> None:
    user = make_user("ada")
    client = client_of(user)
    # The first request notes when the token was used.
    client.get(URL)
    counts: list[int] = []
    for _ in range(2):
        deliveries(user, 5, at=clock.now() - timedelta(minutes=len(counts)))
        with CaptureQueriesContext(connection) as asked:
            assert client.get(URL).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
