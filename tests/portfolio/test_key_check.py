"""Keys are checked against their exchange: what they may do, what becomes of them, and that nothing of them is kept."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.accounts import selectors
from apps.accounts.enums import KeyRights, KeyState, Source, UserStatus
from apps.accounts.models import ExchangeKey, Subscription, User
from apps.accounts.selectors.exchange_keys import exchange_keys_due, exchanges_keyed
from apps.accounts.services.exchange_keys import (
    RETRIES,
    exchange_key_open,
    exchange_key_recheck,
    exchange_key_remove,
)
from apps.core import clock, config, vault
from apps.core.models import AuditRecord
from apps.markets.exchanges import registry
from apps.portfolio import services, tasks
from apps.portfolio.services import exchange_key_check
from sandbox.exchanges.keys import demo_key
from tests.portfolio.conftest import AddKey
from tests.sandbox_process import Sandbox

TELLING = ("binance", "bingx", "bybit", "coinbase", "kraken", "kucoin", "okx")
PATHS = {
    "binance": "/sapi/v1/account/apiRestrictions",
    "bingx": "/openApi/v1/account/apiPermissions",
    "bybit": "/v5/user/query-api",
    "coinbase": "/api/v3/brokerage/key_permissions",
    "kraken": "/0/private/GetApiKeyInfo",
    "kucoin": "/api/v1/user/api-key",
    "mexc": "/api/v3/account",
    "okx": "/api/v5/account/config",
}


@pytest.mark.parametrize("exchange", TELLING)
def test_what_a_key_may_do_is_found_out(add_key: AddKey, exchange: str) -> None:
    reads, trades = add_key(exchange, checked=True), add_key(exchange, "trade", checked=True)
    assert (reads.state, reads.rights, reads.reason) == (KeyState.VALID, KeyRights.READ, "")
    assert (trades.state, trades.rights) == (KeyState.VALID, KeyRights.TRADE)
    assert reads.checked_at is not None and reads.next_check_at is not None
    assert timedelta(hours=23) < reads.next_check_at - reads.checked_at <= timedelta(hours=24)


@pytest.mark.parametrize("exchange", TELLING)
def test_a_key_that_can_withdraw_is_refused_and_wiped_at_once(add_key: AddKey, exchange: str) -> None:
    row = add_key(exchange, "withdraw", checked=True)
    assert (row.state, row.rights, row.code, row.sealed) == (
        KeyState.REFUSED, KeyRights.WITHDRAW, "can_withdraw", "",
    )  # fmt: skip
    assert "Delete it at the exchange" in row.reason
    assert row.next_check_at is None
    assert exchanges_keyed([row.user_id]) == {}


@pytest.mark.parametrize("exchange", TELLING)
def test_a_key_that_was_deleted_at_the_exchange_is_refused_with_what_to_do(add_key: AddKey, exchange: str) -> None:
    row = add_key(exchange, "revoked", checked=True)
    assert row.state == KeyState.REFUSED
    # Binance has one answer for a key that it does not know and one that is bound to other addresses.
    assert row.code == ("ip_refused" if exchange == "binance" else "key_refused")
    assert "checked again" in row.reason
    # Nobody is asked again about it unless its owner says so.
    assert (row.next_check_at, exchange_keys_due(now=clock.wall_now() + timedelta(days=9), at_most=9)) == (None, [])


@pytest.mark.parametrize("exchange", ["binance", "bybit", "kucoin", "okx"])
def test_a_key_that_is_bound_to_another_address_says_so(add_key: AddKey, exchange: str) -> None:
    row = add_key(exchange, "bound", checked=True)
    assert (row.state, row.code) == (KeyState.REFUSED, "ip_refused")
    assert "address of this installation" in row.reason


@pytest.mark.parametrize("exchange", [*TELLING, "mexc"])
def test_a_secret_that_does_not_fit_is_refused(add_key: AddKey, exchange: str) -> None:
    other = demo_key(exchange, "trade" if exchange != "kraken" else "read")["secret"]
    if exchange == "kraken":
        other = other[::-1].replace("=", "") + "=="
    row = add_key(exchange, secret=other, checked=True)
    assert row.state == KeyState.REFUSED, row.reason
    assert other not in row.reason


def test_an_exchange_that_does_not_tell_leaves_the_rights_unknown(add_key: AddKey) -> None:
    row = add_key("mexc", checked=True)
    assert (row.state, row.rights) == (KeyState.VALID, KeyRights.UNKNOWN)
    assert "does not tell" in row.reason


def test_the_exchange_sees_the_callers_own_key_and_no_warm_client_has_it(
    add_key: AddKey, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXCHANGE_KEYS = {"binance": demo_key("binance")}
    made = []
    single_use = registry.single_use_client

    def spied(*args: Any, **kwargs: Any) -> Any:
        made.append(single_use(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(registry, "single_use_client", spied)
    before = dict(registry._warm)
    add_key("binance", "trade", checked=True)
    assert [client.api_key for client in made] == ["sandbox-read-only-trade"]
    assert registry._warm == before
    assert all(adapter.client.api_key != "sandbox-read-only-trade" for adapter in registry._warm.values())  # type: ignore[attr-defined]
    # Closed: nobody can call with it any more.
    assert made[0]._ccxt.session is None


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"status": 503}, "unavailable"),
        ({"status": 429, "retry_after": 7200}, "throttled"),
        ({"cut": True}, "unavailable"),
        ({"garbage": True}, "unreadable"),
    ],
)
def test_trouble_on_the_way_is_nobodys_fault_and_is_tried_again_by_the_row(
    add_key: AddKey, sandbox: Sandbox, rule: dict[str, Any], code: str
) -> None:
    sandbox.faults([{"path": PATHS["okx"], **rule}])
    row = add_key("okx", checked=True)
    assert row.state == KeyState.UNREACHABLE, row.reason
    assert row.sealed and row.next_check_at is not None
    assert row.next_check_at >= row.created_at + max(RETRIES[0], timedelta(seconds=rule.get("retry_after", 0)))
    assert exchange_keys_due(now=clock.wall_now(), at_most=9) == []
    later = row.next_check_at + timedelta(seconds=1)
    assert exchange_keys_due(now=later, at_most=9) == [row.pk]
    sandbox.faults([])
    exchange_key_check(key_id=row.pk, now=later)
    row.refresh_from_db()
    assert (row.state, row.failures) == (KeyState.VALID, 0)


def test_an_answer_that_is_not_as_documented_never_counts_as_harmless(add_key: AddKey, sandbox: Sandbox) -> None:
    sandbox.faults([{"path": PATHS["okx"], "body": '{"code":"0","msg":"","data":[{"uid":"1"}]}'}])
    row = add_key("okx", checked=True)
    assert row.state == KeyState.UNREACHABLE


def test_a_valid_key_outlives_a_short_outage_and_not_a_long_one(add_key: AddKey, sandbox: Sandbox) -> None:
    row = add_key("bybit", checked=True)
    sandbox.faults([{"path": PATHS["bybit"], "status": 503}])
    tomorrow = clock.wall_now() + timedelta(hours=25)
    exchange_key_check(key_id=row.pk, now=tomorrow)
    row.refresh_from_db()
    assert (row.state, row.failures) == (KeyState.VALID, 1)
    exchange_key_check(key_id=row.pk, now=tomorrow + timedelta(days=3))
    row.refresh_from_db()
    assert (row.state, row.failures) == (KeyState.UNREACHABLE, 2)
    assert exchanges_keyed([row.user_id]) == {}


def test_a_key_that_learns_to_withdraw_is_wiped_at_its_daily_check(
    add_key: AddKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = add_key("okx", "trade", checked=True)
    user = User.objects.get(pk=row.user_id)
    assert user.tier == "basic"
    # The same row, as if the exchange had been told to let its key withdraw.
    ExchangeKey.objects.filter(pk=row.pk).update(sealed=_sealed(row, demo_key("okx", "withdraw")))
    exchange_key_check(key_id=row.pk, now=clock.wall_now() + timedelta(hours=25))
    row.refresh_from_db()
    user.refresh_from_db()
    assert (row.state, row.sealed, user.tier) == (KeyState.REFUSED, "", "free")


def _sealed(row: ExchangeKey, credentials: dict[str, str]) -> str:
    return vault.encrypt(json.dumps(credentials), context=row.sealed_context)


def test_a_free_user_with_a_valid_key_stands_in_the_basic_column_while_it_lasts(add_key: AddKey, owner: User) -> None:
    assert (owner.tier, selectors.user_policy(owner).delay_s) == ("free", 300)
    row, other = add_key("bybit", checked=True), add_key("okx", checked=True)
    owner.refresh_from_db()
    assert (owner.tier, selectors.user_policy(owner).delay_s) == ("basic", 0)
    exchange_key_remove(key_id=row.pk, user_id=owner.pk, now=clock.wall_now())
    owner.refresh_from_db()
    assert owner.tier == "basic"
    exchange_key_remove(key_id=other.pk, user_id=owner.pk, now=clock.wall_now())
    owner.refresh_from_db()
    assert owner.tier == "free"
    closed = Subscription.objects.get(user=owner, source=Source.EXCHANGE_KEY)
    assert closed.closed_because == "no_exchange_key"


def test_a_pending_key_opens_nothing(add_key: AddKey, owner: User) -> None:
    row = add_key("bybit")
    owner.refresh_from_db()
    assert (row.state, owner.tier, exchanges_keyed([owner.pk])) == (KeyState.PENDING, "free", {})


def test_one_key_reaches_all_venues_of_its_exchange(add_key: AddKey, owner: User) -> None:
    add_key("binance", checked=True)
    add_key("bybit", "revoked", checked=True)
    assert exchanges_keyed([owner.pk]) == {owner.pk: {"binance", "binanceusdm", "binancecoinm"}}


def test_a_check_is_taken_by_one(add_key: AddKey) -> None:
    row, now = add_key("okx"), clock.wall_now()
    assert exchange_key_open(key_id=row.pk, now=now) is not None
    assert exchange_key_open(key_id=row.pk, now=now) is None
    # Whoever took it was killed: somebody else gets it.
    assert exchange_key_open(key_id=row.pk, now=now + timedelta(minutes=3)) is not None


def test_a_key_that_is_removed_while_it_is_checked_stays_removed(
    add_key: AddKey, monkeypatch: Any, owner: User
) -> None:
    row = add_key("okx")
    single_use = registry.single_use_client

    def removing(*args: Any, **kwargs: Any) -> Any:
        exchange_key_remove(key_id=row.pk, user_id=owner.pk, now=clock.wall_now())
        return single_use(*args, **kwargs)

    monkeypatch.setattr(registry, "single_use_client", removing)
    exchange_key_check(key_id=row.pk, now=clock.wall_now())
    row.refresh_from_db()
    owner.refresh_from_db()
    assert (row.sealed, row.next_check_at, owner.tier) == ("", None, "free")
    assert row.state == KeyState.PENDING


def test_keys_of_people_who_may_not_sign_in_are_left_alone(add_key: AddKey, owner: User) -> None:
    row = add_key("okx")
    assert exchange_keys_due(now=clock.wall_now(), at_most=9) == [row.pk]
    User.objects.filter(pk=owner.pk).update(status=UserStatus.SUSPENDED)
    assert exchange_keys_due(now=clock.wall_now(), at_most=9) == []


def test_the_sweep_rings_what_is_due_with_nothing_but_ids(
    add_key: AddKey, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sent = []
    monkeypatch.setattr(tasks.check_key, "apply_async", lambda **message: sent.append(message))
    row = add_key("okx")
    with django_capture_on_commit_callbacks(execute=True):
        assert services.exchange_keys_ring(now=clock.wall_now()) == 1
    assert [message["kwargs"] for message in sent] == [{"key_id": str(row.pk)}]


def test_the_task_checks(add_key: AddKey) -> None:
    row = add_key("okx")
    tasks.check_key.run(key_id=str(row.pk))
    row.refresh_from_db()
    assert row.state == KeyState.VALID


def test_a_secret_that_no_key_of_ours_opens_is_the_operators_matter(add_key: AddKey, caplog: Any) -> None:
    row = add_key("okx")
    ExchangeKey.objects.filter(pk=row.pk).update(sealed="gAAAAAnonsense")
    with caplog.at_level(logging.ERROR):
        exchange_key_check(key_id=row.pk, now=clock.wall_now())
    row.refresh_from_db()
    assert (row.state, row.code) == (KeyState.UNREACHABLE, "not_checked")
    assert "opens with none" in caplog.text


def test_nothing_of_a_key_is_in_logs_records_or_rows(
    add_key: AddKey, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    config.config_set(key="exchange_key.per_user", value=200, actor_id=None)
    config.forget()
    with caplog.at_level(logging.DEBUG):
        secrets: set[str] = set()
        for exchange in (*TELLING, "mexc"):
            for kind in ("read", "withdraw", "revoked", "bound"):
                add_key(exchange, kind, checked=True)
                secrets |= set(demo_key(exchange, kind).values())
        sandbox.faults([{"path": PATHS["okx"], "garbage": True}])
        row = ExchangeKey.objects.filter(exchange="okx", state=KeyState.VALID).get()
        ExchangeKey.objects.filter(pk=row.pk).update(checked_at=None)
        exchange_key_recheck(key_id=row.pk, user_id=row.user_id, now=clock.wall_now())
        exchange_key_check(key_id=row.pk, now=clock.wall_now())
    rows = [repr(each) for each in ExchangeKey.objects.values()] + [repr(each) for each in AuditRecord.objects.values()]
    told = caplog.text + "".join(rows)
    assert [text for text in secrets if text in told] == []
    actions = set(AuditRecord.objects.filter(action__startswith="exchange_key.").values_list("action", flat=True))
    assert actions == {f"exchange_key.{verb}" for verb in ("added", "used", "valid", "refused")}
