"""News between rooms."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import transaction

from apps.core import events, redis
from apps.core.events import Event, news_read, publish, subscribe, unsubscribe

ID = UUID("6b2f1f0e-8f3e-4d0a-9a56-0f4c3c1d2e3f")


@dataclass(frozen=True, slots=True)
class Happened(Event):
    """Something happened."""

    what: str
    id: UUID = ID
    edge: Decimal = Decimal("0.001")
    ids: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Other(Event):
    """Something else."""


seen: list[str] = []


def note(event: Happened) -> None:
    seen.append(event.what)


def fail(event: Happened) -> None:
    raise RuntimeError(f"cannot take {event.what}")


@pytest.fixture(autouse=True)
def handlers(redis_state: None) -> Iterator[None]:
    seen.clear()
    subscribe(Happened, fail)
    subscribe(Happened, note)
    yield
    unsubscribe(Happened, fail)
    unsubscribe(Happened, note)


@pytest.mark.django_db(transaction=True)
def test_handlers_hear_it_after_the_commit_and_not_before() -> None:
    with transaction.atomic():
        publish(Happened("a"))
        assert seen == []
        assert redis.state().exists(events.NEWS_STREAM) == 0
    assert seen == ["a"]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_never_happened() -> None:
    with pytest.raises(RuntimeError, match="no"), transaction.atomic():
        publish(Happened("a"))
        raise RuntimeError("no")
    assert seen == []
    assert news_read("0", 1) == []


@pytest.mark.django_db(transaction=True)
def test_a_failing_handler_stops_neither_the_others_nor_the_next_event(caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic():
        publish(Happened("a"))
        publish(Happened("b"))
    assert seen == ["a", "b"]
    assert "fail failed on Happened" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_handlers_hear_their_own_kind_once() -> None:
    subscribe(Happened, note)
    publish(Other())
    publish(Happened("a"))
    assert seen == ["a"]


@pytest.mark.django_db(transaction=True)
def test_the_news_can_be_read_on_from_any_point() -> None:
    publish(Happened("a"))
    publish(Other())
    first, second = news_read("0", 1)
    assert first[1:] == ("Happened", {"what": "a", "id": str(ID), "edge": "0.001", "ids": [1, 2]})
    assert second[1:] == ("Other", {})
    assert news_read(first[0], 1) == [second]
    assert news_read(second[0], 1) == []


def test_waiting_for_news_never_outlasts_the_sockets_patience() -> None:
    started = time.monotonic()
    assert news_read("$", 60_000) == []
    assert time.monotonic() - started < redis.SOCKET_TIMEOUT_S


@pytest.mark.django_db(transaction=True)
def test_the_news_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "NEWS_KEPT", 100)
    for _ in range(500):
        publish(Other())
    assert 100 <= redis.state().xlen(events.NEWS_STREAM) < 300


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_handlers_hear_it_all_the_same(redis_away: None, caplog: pytest.LogCaptureFixture) -> None:
    publish(Happened("a"))
    assert seen == ["a"]
    assert "not told" in caplog.text
