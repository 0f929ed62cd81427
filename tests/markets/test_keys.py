"""The operator's keys: used where an exchange tells something to their holders only, and never at the feeds' cost."""

import json
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.core import clock, queue
from apps.core.exceptions import PermanentError
from apps.markets import selectors, services
from apps.markets.enums import FeedState, Gate, SnapshotKind
from apps.markets.exchanges.credentials import FIELDS, Credentials
from apps.markets.models import CurrencyNetwork, Exchange, Feed
from arbedge.env import Env
from sandbox.exchanges.keys import KEYS
from tests.sandbox_process import Sandbox

WRONG = {"apiKey": "sandbox-read-only", "secret": "not-the-secret"}
SPOT = SnapshotKind.SPOT


@pytest.fixture
def exchanges(settings: Settings, sandbox: Sandbox, redis_state: None, db: None) -> Iterator[Sandbox]:
    """Binance and Coinbase behind the sandbox, without any key."""
    settings.SANDBOX_URL = sandbox.url
    settings.EXCHANGES = ["binance", "coinbase"]
    settings.EXCHANGE_KEYS = {}
    services.exchanges_setup()
    yield sandbox


def poll(exchange: str) -> services.IngestReport:
    report = services.ingest(exchange=exchange, kind=SPOT)
    assert report is not None
    return report


def feed(exchange: str) -> Feed:
    return Feed.objects.get(exchange=exchange, kind=SPOT)


def test_networks_are_for_holders_of_a_key_and_the_feed_is_for_all(exchanges: Sandbox) -> None:
    with pytest.raises(PermanentError) as caught:
        services.transfers_sync(exchange="binance")
    assert caught.value.code == "key_needed"
    assert "put a read-only one into EXCHANGE_KEYS" in caught.value.message
    row = Exchange.objects.get(id="binance")
    assert (row.transfers_checked_at, row.key_problem) == (None, "")
    services.exchange_sync_markets(exchange="binance")
    assert poll("binance").state is FeedState.OK


def test_a_key_that_is_refused_is_not_used_again_until_it_changes(exchanges: Sandbox, settings: Settings) -> None:
    settings.EXCHANGE_KEYS = {"binance": WRONG}
    services.exchange_sync_markets(exchange="binance")
    with pytest.raises(PermanentError) as caught:
        services.transfers_sync(exchange="binance")
    assert caught.value.code == "key_refused"
    row = Exchange.objects.get(id="binance")
    assert "Signature for this request is not valid" in row.key_problem
    # Neither secret nor signature gets into a row or a log.
    assert "not-the-secret" not in row.key_problem
    exchanges.faults([{"path": "/sapi/*", "status": 500}])
    with pytest.raises(PermanentError) as again:
        services.transfers_sync(exchange="binance")
    assert again.value.code == "key_needed", "it was asked again"
    assert poll("binance").state is FeedState.OK
    exchanges.faults([])
    settings.EXCHANGE_KEYS = {"binance": dict(KEYS["binance"])}
    report = services.transfers_sync(exchange="binance")
    assert report is not None
    assert report.networks > 50
    assert CurrencyNetwork.objects.filter(exchange="binance", withdraw=Gate.OPEN).exists()
    assert Exchange.objects.get(id="binance").key_problem == ""


def test_a_feed_for_holders_of_a_key_says_so_and_comes_with_the_key(exchanges: Sandbox, settings: Settings) -> None:
    services.exchange_sync_markets(exchange="coinbase")
    assert feed("coinbase").state == FeedState.DISABLED
    assert "put a read-only one into EXCHANGE_KEYS" in feed("coinbase").reason
    assert Exchange.objects.get(id="coinbase").markets.filter(active=True).count() > 20
    assert poll("coinbase").state is FeedState.DISABLED
    settings.EXCHANGE_KEYS = {"coinbase": {**KEYS["coinbase"], "apiKey": "somebody-elses"}}
    assert poll("coinbase").state is FeedState.DISABLED
    assert "coinbase refused the key" in Exchange.objects.get(id="coinbase").key_problem
    settings.EXCHANGE_KEYS = {"coinbase": dict(KEYS["coinbase"])}
    report = poll("coinbase")
    assert (report.state, report.rows) == (FeedState.OK, 43)
    assert Exchange.objects.get(id="coinbase").key_problem == ""


def test_a_disabled_feed_is_rung_again_once_its_key_is_there(
    exchanges: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.exchange_sync_markets(exchange="coinbase")
    row = Exchange.objects.get(id="coinbase")
    assert selectors.feed_key_trouble(row, SPOT)
    assert not _is_rung("coinbase", monkeypatch)
    settings.EXCHANGE_KEYS = {"coinbase": dict(KEYS["coinbase"])}
    assert selectors.feed_key_trouble(row, SPOT) == ""
    assert _is_rung("coinbase", monkeypatch)


def _is_rung(exchange: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the poller rings the exchange's feed of spot quotes."""
    rings: list[str] = []

    def ring(task: str, *, key: str = "", **_: object) -> bool:
        rings.append(f"{task}:{key}")
        return True

    monkeypatch.setattr(queue, "ring", ring)
    services.feeds_due(now=clock.now())
    return any(ring.endswith(f"tasks.ingest:{exchange}:spot") for ring in rings)


def test_a_key_is_told_from_another_one_and_never_shown() -> None:
    one, same, other = (Credentials(fields) for fields in (KEYS["binance"], dict(KEYS["binance"]), WRONG))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert KEYS["binance"]["secret"] not in repr(one) + one.fingerprint


@pytest.mark.parametrize(
    "given",
    [
        "{",
        "[]",
        '{"binance": "hidden-word"}',
        '{"binance": {}}',
        '{"binance": {"apiKey": ""}}',
        '{"binance": {"apiKey": 5}}',
        '{"binance": {"urls": "hidden-word"}}',
    ],
)
def test_keys_that_are_none_are_a_clear_problem_that_does_not_show_them(given: str) -> None:
    env = Env({"EXCHANGE_KEYS": given})
    assert env.credentials("EXCHANGE_KEYS", FIELDS) == {}
    with pytest.raises(Exception, match="EXCHANGE_KEYS") as caught:
        env.check()
    assert "hidden-word" not in str(caught.value)
    assert "apiKey" in str(caught.value)


def test_keys_are_read_from_json() -> None:
    env = Env({"EXCHANGE_KEYS": json.dumps(KEYS)})
    assert env.credentials("EXCHANGE_KEYS", FIELDS) == KEYS
    assert Env({}).credentials("EXCHANGE_KEYS", FIELDS) == {}
    env.check()
