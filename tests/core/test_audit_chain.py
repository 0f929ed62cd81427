"""The audit trail's chain: every record joins it once, whatever goes on beside it, and nothing changes unseen."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models, transaction
from django.test import RequestFactory

from apps.core import audit, audit_chain, audit_guard, caller
from apps.core.audit_chain import GENESIS, Verdict
from apps.core.clock import wall_now
from apps.core.exceptions import PermanentError
from apps.core.models import AuditAnchor, AuditRecord
from apps.core.tasks import prune, seal_audit

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def raw() -> "models.QuerySet[AuditRecord]":
    """The rows past the model's own refusals, as whoever has the database sees them."""
    return models.QuerySet(AuditRecord)


def told(count: int, *, at: datetime | None = None) -> list[AuditRecord]:
    with time_machine.travel(at or wall_now(), tick=False):
        rows = [
            audit.record(actor_id=n, action="test.done", target=f"test:{n}", changes={"n": n}) for n in range(count)
        ]
    audit_chain.seal()
    return rows


def judged(noted: tuple[int, str] | None = None) -> Verdict:
    return audit_chain.verify(now=wall_now(), noted=noted)


@pytest.fixture
def guard(db: None) -> Iterator[None]:
    """The triggers, as the migration puts them up."""
    audit_guard.install(connection)
    yield
    audit_guard.remove(connection)


def test_records_are_chained_when_they_have_committed(transactional_db: None) -> None:
    with transaction.atomic():
        audit.record(actor_id=None, action="test.done", target="test:1")
        assert raw().get().position is None
    first = audit.record(actor_id=None, action="test.done", target="test:2")
    rows = list(raw().order_by("position"))
    assert [row.position for row in rows] == [1, 2]
    assert rows[1].pk == first.pk
    assert rows[0].digest == audit_chain.digest_of(rows[0], position=1, previous=GENESIS)
    assert rows[1].digest == audit_chain.digest_of(rows[1], position=2, previous=rows[0].digest)
    assert judged() == Verdict(2, 0, 2, rows[1].digest)


def test_what_was_rolled_back_leaves_no_gap(transactional_db: None) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record(actor_id=None, action="test.done", target="test:1")
        raise RuntimeError
    told(2)
    assert judged().records == 2 and not judged().trouble


def test_writers_at_once_make_one_whole_chain(transactional_db: None) -> None:
    start, failures = threading.Barrier(4), list[BaseException]()

    def work(number: int) -> None:
        try:
            start.wait()
            for turn in range(10):
                with transaction.atomic():
                    audit.record(actor_id=number, action="test.done", target=f"test:{turn}")
                    audit.record(actor_id=number, action="test.seen", target=f"test:{turn}")
        except BaseException as error:  # noqa: BLE001  (told below, in the test's own thread)
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    verdict = judged()
    assert (verdict.records, verdict.waiting, verdict.position, verdict.trouble) == (80, 0, 80, "")


def test_a_record_that_nobody_chained_is_by_the_schedule_and_told_until_then(db: None) -> None:
    with time_machine.travel(wall_now() - timedelta(minutes=11), tick=False):
        audit.record(actor_id=None, action="test.done", target="test:1")
    assert "has waited for the chain" in judged().trouble
    seal_audit()
    assert judged().records == 1 and not judged().trouble


def test_sealing_takes_more_than_a_batch_in_few_queries_each(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "_BATCH", 3)
    told(8)
    assert judged().records == 8


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "test.other"},
        {"actor_id": "9"},
        {"target": "test:9"},
        {"changes": {"n": 9}},
        {"address": "203.0.113.9"},
        {"agent": "x"},
        {"request_id": "x"},
        {"at": NOW},
        {"digest": "f" * 64},
    ],
)
def test_a_changed_record_is_named(db: None, changes: dict[str, Any]) -> None:
    rows = told(4)
    raw().filter(pk=rows[2].pk).update(**changes)
    verdict = judged()
    assert (verdict.record_id, verdict.records) == (rows[2].pk, 2)
    with pytest.raises(CommandError, match=f"Record {rows[2].pk} at position 3 was changed"):
        call_command("audit", "verify")


def test_a_record_taken_out_is_missed_where_it_was(db: None) -> None:
    rows = told(4)
    raw().filter(pk=rows[1].pk).delete()
    verdict = judged()
    assert verdict.record_id == rows[2].pk and "After position 1 comes 3" in verdict.trouble


def test_changed_places_are_seen(db: None) -> None:
    first, second = told(2)
    raw().filter(pk=first.pk).update(position=9)
    raw().filter(pk=second.pk).update(position=1)
    raw().filter(pk=first.pk).update(position=2)
    assert judged().record_id == second.pk


def test_an_end_that_was_cut_off_is_missed_by_who_noted_the_head(db: None) -> None:
    rows = told(4)
    head = judged()
    noted = (head.position, head.digest)
    raw().filter(pk=rows[3].pk).delete()
    assert not judged().trouble
    assert "not in the chain" in judged(noted).trouble
    told(1)
    assert "not in the chain" in judged(noted).trouble
    with pytest.raises(CommandError, match="not in the chain"):
        call_command("audit", "verify", "--head", f"{head.position}:{head.digest}")


def test_pruning_leaves_a_chain_that_verifies(db: None) -> None:
    told(3, at=NOW)
    told(2, at=NOW + timedelta(days=10))
    head = judged()
    assert audit_chain.prune(before=NOW + timedelta(days=1)) == 3
    audit_chain.seal()
    assert list(AuditAnchor.objects.values_list("position", flat=True)) == [3]
    verdict = judged((head.position, head.digest))
    assert (verdict.records, verdict.position, verdict.trouble) == (3, 6, "")
    assert raw().get(action="audit.pruned").changes["records"] == 3
    assert audit_chain.prune(before=NOW + timedelta(days=1)) == 0
    told(1)
    assert judged().position == 7


def test_everything_old_goes_but_the_newest_link(db: None, settings: Any) -> None:
    told(3, at=NOW - timedelta(days=9000))
    prune()
    audit_chain.seal()
    assert sorted(raw().values_list("position", flat=True)) == [3, 4]
    assert not judged().trouble


def test_an_anchor_that_nobody_told_of_is_seen(db: None) -> None:
    rows = told(4)
    digest = raw().get(pk=rows[1].pk).digest
    AuditAnchor.objects.create(position=2, digest=digest, made_at=wall_now())
    raw().filter(position__lte=2).delete()
    assert "No record tells of the pruning" in judged().trouble


def test_the_database_itself_refuses_changes(guard: None) -> None:
    rows = told(3)
    for write in (
        lambda: raw().filter(pk=rows[0].pk).update(actor_id="9"),
        lambda: raw().filter(pk=rows[0].pk).update(position=9),
        lambda: raw().filter(pk=rows[0].pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            write()
    waiting = audit.record(actor_id=None, action="test.done", target="test:9")
    for write in (
        lambda: raw().filter(pk=waiting.pk).update(actor_id="9"),
        lambda: raw().filter(pk=waiting.pk).update(actor_id="9", position=4),
        lambda: raw().filter(pk=waiting.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            write()
    audit_chain.seal()
    assert judged().records == 4 and not judged().trouble


def test_guarded_records_can_be_pruned_and_anchors_stay(guard: None) -> None:
    told(2, at=NOW)
    told(1)
    assert audit_chain.prune(before=NOW + timedelta(days=1)) == 2
    audit_chain.seal()
    assert not judged().trouble
    for write in (lambda: AuditAnchor.objects.update(position=9), lambda: AuditAnchor.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            write()


def test_the_model_refuses_too(db: None) -> None:
    [row] = told(1)
    for write in (
        row.save,
        row.delete,
        AuditRecord.objects.all().delete,
        lambda: AuditRecord.objects.update(action="x"),
    ):
        with pytest.raises(PermanentError, match="append-only"):
            write()


def test_secrets_are_masked_wherever_they_stand(db: None) -> None:
    token, hook, bot = "arb_" + "x" * 43, "whsec_" + "y" * 32, f"123456789:{'z' * 35}"
    changes = {
        "password": "hunter2hunter2",
        "Password": "changed",
        "after": {"api_key": "k" * 20, "note": f"used {token} twice"},
        "list": [hook, bot, 7],
        "secret_set": True,
    }
    row = audit.record(actor_id=None, action="test.done", target="test:1", changes=changes)
    assert row.changes == {
        "password": "••••",
        "Password": "changed",
        "after": {"api_key": "••••", "note": "used •••• twice"},
        "list": ["••••", "••••", 7],
        "secret_set": True,
    }


def test_a_record_knows_the_request_that_is_being_answered(db: None) -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="203.0.113.9", headers={"X-Request-Id": "abc", "User-Agent": "curl/8\n\x00" + "x" * 300}
    )
    with caller.calling(caller.caller_of(request)):
        row = audit.record(actor_id=None, action="test.done", target="test:1")
    assert (row.address, row.request_id) == ("203.0.113.9", "abc")
    assert row.agent.startswith("curl/8x") and len(row.agent) == 200
    later = audit.record(actor_id=None, action="test.done", target="test:1")
    assert (later.address, later.request_id, later.agent) == (None, "", "")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "198.51.100.1", "203.0.113.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        (2, "10.0.0.1, 198.51.100.1, 192.0.2.1", "198.51.100.1"),
        (3, "198.51.100.1", "198.51.100.1"),
        (1, "nonsense", None),
        (1, "", "203.0.113.9"),
    ],
)
def test_only_proxies_of_ours_are_believed(settings: Any, proxies: int, forwarded: str, address: str | None) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9", headers=headers)
    assert caller.caller_of(request).address == address


def test_answers_tell_the_request_id(db: None, client: Any) -> None:
    assert client.get("/api/v1/health", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] == "mine"
    made = client.get("/api/v1/health").headers["X-Request-Id"]
    assert len(made) == 32 and made != client.get("/api/v1/health").headers["X-Request-Id"]


def test_verify_tells_the_head(db: None) -> None:
    told(2)
    out = io.StringIO()
    call_command("audit", "verify", stdout=out)
    head = judged()
    assert out.getvalue().splitlines() == [
        "2 records are whole, 0 wait for the chain.",
        f"Head {head.position}:{head.digest}",
    ]
    call_command("audit", "verify", "--head", f"{head.position}:{head.digest}", stdout=out)
    with pytest.raises(CommandError, match="POSITION:DIGEST"):
        call_command("audit", "verify", "--head", "nonsense")


def test_export_by_span_in_both_forms(db: None, tmp_path: Path) -> None:
    told(2, at=NOW)
    told(1, at=NOW + timedelta(days=1))
    out = io.StringIO()
    call_command("audit", "export", "--until", "2026-03-02T00:00:00", stdout=out)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(row["actor_id"], row["position"], row["changes"]) for row in rows] == [
        ("0", 1, {"n": 0}),
        ("1", 2, {"n": 1}),
    ]
    audit.record(actor_id=None, action="test.done", target="=HYPERLINK(1)")
    file = tmp_path / "audit.csv"
    call_command("audit", "export", "--since", "2026-03-02", "--format", "csv", "--out", str(file))
    table = list(csv.DictReader(file.open()))
    assert [row["action"] for row in table] == ["test.done", "audit.exported", "test.done", "audit.exported"]
    assert table[2]["target"] == "'=HYPERLINK(1)"
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="no ISO 8601 time"):
        call_command("audit", "export", "--since", "yesterday")
