"""Runtime configuration and its audit trail."""

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory

from apps.core import audit, clock, config
from apps.core.exceptions import OperatorError, PermanentError
from apps.core.models import AuditRecord, ConfigValue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(config, "_table", {})
    config.forget()
    config.declare("cap", int, 6, min=0, max=100, help="Per day.")
    config.declare("edge", Decimal, Decimal("0.0005"), min=Decimal(0))
    config.declare("ratio", float, 0.2)
    config.declare("open", bool, True)
    config.declare("mode", str, "fair", choices=("fair", "fast"))
    config.declare("limit", int, None, min=1, nullable=True)
    yield
    config.forget()


def test_defaults_hold_until_somebody_sets_a_value() -> None:
    assert [config.get(d.key) for d in config.declarations()] == [6, Decimal("0.0005"), None, "fair", True, 0.2]
    assert [d.key for d in config.declarations()] == ["cap", "edge", "limit", "mode", "open", "ratio"]


@pytest.mark.parametrize(
    ("key", "value", "parsed"),
    [("cap", "7", 7), ("cap", 0, 0), ("edge", "0.001", Decimal("0.001")), ("edge", 0.1, Decimal("0.1")),
     ("ratio", "0.5", 0.5), ("open", False, False), ("mode", "fast", "fast"), ("limit", None, None), ("limit", 3, 3)],
)  # fmt: skip
def test_a_value_keeps_its_type_through_the_database(key: str, value: object, parsed: object) -> None:
    assert config.config_set(key=key, value=value, actor_id="u1") == parsed
    config.forget()
    got = config.get(key)
    assert got == parsed
    assert type(got) is type(parsed)


@pytest.mark.parametrize(
    ("key", "value"),
    [("cap", -1), ("cap", 101), ("cap", 1.5), ("cap", "x"), ("cap", None), ("cap", True), ("edge", "NaN"),
     ("edge", "-1"), ("ratio", "inf"), ("open", "yes"), ("open", 1), ("mode", "slow"), ("mode", 7), ("limit", 0)],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_leaves_no_trace(key: str, value: object) -> None:
    with pytest.raises(PermanentError) as caught:
        config.config_set(key=key, value=value, actor_id="u1")
    assert caught.value.code == "config_invalid"
    assert not ConfigValue.objects.exists()
    assert not AuditRecord.objects.exists()


def test_undeclared_keys_are_unknown() -> None:
    with pytest.raises(OperatorError) as read:
        config.get("nope")
    with pytest.raises(OperatorError) as written:
        config.config_set(key="nope", value=1, actor_id=None)
    assert read.value.code == written.value.code == "config_unknown"


def test_a_declaration_has_to_fit_itself() -> None:
    with pytest.raises(PermanentError):
        config.declare("bad", int, -1, min=0)
    with pytest.raises(OperatorError):
        config.declare("bad", list, [])
    with pytest.raises(OperatorError):
        config.get("bad")


def test_other_processes_values_are_seen_within_two_seconds(
    django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [100.0]
    monkeypatch.setattr(config, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    with django_assert_num_queries(1):
        assert config.get("cap") == config.get("cap") == 6
    ConfigValue.objects.create(key="cap", value=9, updated_at=clock.wall_now())
    moment[0] += config.CACHE_S - 0.1
    assert config.get("cap") == 6
    moment[0] += 0.2
    assert config.get("cap") == 9


def test_a_stored_value_that_no_longer_fits_gives_the_default() -> None:
    ConfigValue.objects.create(key="cap", value=1000, updated_at=clock.wall_now())
    assert config.get("cap") == 6


def test_every_change_is_audited_with_before_and_after() -> None:
    config.config_set(key="edge", value="0.001", actor_id="u1")
    config.config_reset(key="edge", actor_id=None)
    assert config.get("edge") == Decimal("0.0005")
    back, there = AuditRecord.objects.all()
    assert (there.actor_id, there.action, there.target) == ("u1", "config.set", "core.ConfigValue:edge")
    assert there.changes == {"before": "0.0005", "after": "0.001"}
    assert (back.actor_id, back.changes) == ("", {"before": "0.001", "after": "0.0005"})


def test_records_can_be_neither_changed_nor_deleted() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9", headers={"X-Request-Id": "r" * 100})
    made = audit.record(actor_id=7, action="user.suspend", target="accounts.User:1", request=request)
    assert (made.actor_id, made.address, made.request_id, made.changes) == ("7", "203.0.113.9", "r" * 64, {})
    made.action = "nothing"
    for attempt in (
        made.save,
        made.delete,
        AuditRecord.objects.all().delete,
        lambda: AuditRecord.objects.update(action="nothing"),
        lambda: AuditRecord.objects.bulk_update([made], ["action"]),
    ):
        with pytest.raises(PermanentError) as caught:
            attempt()
        assert caught.value.code == "append_only"
    assert AuditRecord.objects.get().action == "user.suspend"


@pytest.mark.parametrize("value", ["1e999999999", "-1E+400", "9" * 5000])
def test_a_number_without_measure_is_refused_at_once(value: str) -> None:
    with pytest.raises(PermanentError) as caught:
        config.config_set(key="cap", value=value, actor_id=None)
    assert caught.value.code == "config_invalid"
