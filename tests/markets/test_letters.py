"""Answers that fail validation are kept as they came, once, and can be read again."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.markets import selectors, services
from apps.markets.enums import FeedState, LetterState, SnapshotKind
from apps.markets.models import DeadLetter, Exchange
from apps.markets.services import letters
from sandbox.exchanges.keys import KEYS
from tests.markets.wire import BINANCE, Wire, binance_info, binance_symbol, binance_ticker
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

TICKERS = f"{BINANCE}/ticker/24hr"


@pytest.fixture(autouse=True)
def no_notes() -> None:
    """As in a process that has noted nothing yet."""
    letters._noted.clear()


def poll() -> services.IngestReport:
    report = services.ingest(exchange="binance", kind=SnapshotKind.SPOT)
    assert report is not None
    return report


@pytest.fixture
def listed(binance: Wire) -> Wire:
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")
    return binance


def test_an_unreadable_answer_is_kept_with_its_body(listed: Wire) -> None:
    listed.say(TICKERS, b'{"broken": ')
    assert poll().state is FeedState.ERROR
    letter = DeadLetter.objects.get()
    assert (letter.exchange_id, letter.kind, letter.trouble, letter.count) == ("binance", "spot", "unreadable", 1)
    assert "unreadable" in letter.reason
    services.letter_replay(letter_id=letter.id)
    letter.refresh_from_db()
    assert letter.state == LetterState.OPEN
    assert letter.outcome.startswith("still unreadable: binance")


def test_answers_for_holders_of_a_key_are_read_again_too(sandbox: Sandbox, settings: Settings) -> None:
    settings.EXCHANGES, settings.EXCHANGE_KEYS = ["coinbase"], dict(KEYS)
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="coinbase")
    sandbox.faults([{"garbage": True}])
    services.ingest(exchange="coinbase", kind=SnapshotKind.SPOT)
    letter = DeadLetter.objects.get()
    services.letter_replay(letter_id=letter.id)
    letter.refresh_from_db()
    assert letter.outcome.startswith("still unreadable: coinbase answered something unreadable")


def test_broken_rows_are_kept_and_the_others_used(listed: Wire) -> None:
    rows = [binance_ticker("BTC", 101, 99), binance_ticker("ETH", 99, 101), binance_ticker("SOL", 99, 101)]
    listed.say(TICKERS, rows)
    report = poll()
    assert (report.state, report.rows, report.refused) == (FeedState.OK, 2, {"crossed": 1})
    letter = DeadLetter.objects.get()
    assert (letter.trouble, letter.reason) == ("rows", "1 row refused: crossed")
    assert letter.body_bytes > 500


def test_rows_that_are_none_are_counted_and_kept(listed: Wire) -> None:
    listed.say(TICKERS, [binance_ticker("BTC", 99, 101), None, 17, {"bidPrice": "1"}, binance_ticker("ETH", 99, 101)])
    report = poll()
    assert (report.state, report.rows, report.refused) == (FeedState.OK, 2, {"unreadable": 3})
    assert DeadLetter.objects.get().reason == "3 rows refused: unreadable"


def test_a_letter_that_can_be_read_by_now_says_so_and_becomes_no_snapshot(listed: Wire) -> None:
    # The markets were unknown when the answer came.
    listed.say(TICKERS, [binance_ticker("NEW", 99, 101)])
    assert poll().state is FeedState.ERROR
    letter = DeadLetter.objects.get(trouble="no_row")
    listed.say(f"{BINANCE}/exchangeInfo", binance_info(binance_symbol("NEW"), binance_symbol("BTC")))
    services.exchange_sync_markets(exchange="binance")
    selectors.caches_forget()
    services.letter_replay(letter_id=letter.id)
    letter.refresh_from_db()
    assert letter.state == LetterState.REPLAYED
    assert "1 of 1 rows usable; none refused" in letter.outcome
    assert selectors.snapshots_latest(now_ms=clock.now_ms()).spot == []


def test_the_same_trouble_is_one_letter_with_the_newest_body(listed: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    listed.say(TICKERS, b"first")
    poll()
    listed.say(TICKERS, b"second, within the same minute")
    poll()
    assert DeadLetter.objects.get().count == 1
    monkeypatch.setattr(letters, "NOTE_EVERY", timedelta(0))
    poll()
    letter = DeadLetter.objects.get()
    assert letter.count == 2
    services.letter_dismiss(letter_id=letter.id)
    poll()
    assert set(DeadLetter.objects.values_list("state", "count")) == {("dismissed", 2), ("open", 1)}


def test_a_body_that_is_too_large_is_described_and_not_kept(listed: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "BODY_MAX", 10)
    listed.say(TICKERS, b"much more than ten bytes")
    poll()
    letter = DeadLetter.objects.get()
    assert (bytes(letter.body), letter.body_bytes > 10) == (b"", True)
    with pytest.raises(PermanentError, match="has no body"):
        services.letter_replay(letter_id=letter.id)


def test_old_letters_go(listed: Wire, settings: Settings) -> None:
    settings.LETTER_DAYS = 3
    now = clock.now()
    exchange = Exchange.objects.get(id="binance")
    for days, trouble in ((2, "rows"), (4, "unreadable")):
        moment = now - timedelta(days=days)
        DeadLetter.objects.create(exchange=exchange, kind="spot", trouble=trouble, reason="x", body=b"", last_at=moment)
    assert services.letters_prune(now=now) == 1
    assert DeadLetter.objects.get().trouble == "rows"


def test_an_operator_reads_again_and_dismisses(listed: Wire, client: Client, django_user_model: Any) -> None:
    listed.say(TICKERS, b'{"x": "<script>"')
    poll()
    letter = DeadLetter.objects.get()
    client.force_login(get_user_model().objects.create_superuser(email="op@example.com", password="long enough words"))
    page = client.get(reverse("admin:markets_deadletter_change", args=[letter.id])).content
    assert b"&lt;script&gt;" in page
    assert b"<script>&quot;" not in page
    listing = reverse("admin:markets_deadletter_changelist")
    answer = client.post(listing, {"action": "replay", "_selected_action": [letter.id]}, follow=True)
    assert b"on their way to a market worker" in answer.content
    client.post(listing, {"action": "dismiss", "_selected_action": [letter.id]})
    letter.refresh_from_db()
    assert letter.state == LetterState.DISMISSED
