"""The chain of the audit trail: each record's digest covers the record and the digest before it.

Records join the chain right after their transaction has committed, in a short one of its own: a chain that grew inside
the callers' transactions would make them wait for each other, and could lock two of them up. A schedule seals what a
killed process left over. The order of the chain is that of joining."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, models, transaction

from apps.core import clock
from apps.core.models import AuditAnchor, AuditRecord

GENESIS: Final = "0" * 64
PRUNED: Final = "audit.pruned"
# A record that waits longer than this has been kept out of the chain.
SEALED_WITHIN = timedelta(minutes=10)
_BATCH = 200
# PostgreSQL's number for "the end of the audit chain".
_LOCK = 0x41554449


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain found. `trouble` is empty where all fits, else it names the first record that does
    not, whose number is `record_id` where it is there. The head is the newest link: whoever notes it elsewhere can
    prove later that nothing was cut off."""

    records: int
    waiting: int
    position: int
    digest: str
    trouble: str = ""
    record_id: int | None = None


def digest_of(row: Any, *, position: int, previous: str) -> str:
    """SHA-256 in hex over the canonical JSON of a record at `position`, after the digest `previous`.

    This is a format: changing it breaks every chain that exists."""
    text = json.dumps(_told(row) | {"position": position}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def seal() -> int:
    """Let every committed record that waits join the chain; how many did."""
    sealed = 0
    while _rows().filter(position=None).exists():
        with transaction.atomic():
            _alone()
            rows = list(_rows().filter(position=None).order_by("pk")[:_BATCH])
            _join(rows)
        if not rows:
            break
        sealed += len(rows)
    return sealed


def verify(*, now: datetime, noted: tuple[int, str] | None = None) -> Verdict:
    """Walk the whole chain. `noted` is a head (position, digest) of earlier that has to be in it still."""
    start = AuditAnchor.objects.order_by("position").last()
    position, digest = (start.position, start.digest) if start else (0, GENESIS)
    waiting = _rows().filter(position=None)
    records, late = waiting.count(), waiting.filter(at__lt=now - SEALED_WITHIN).order_by("pk").first()
    verdict = Verdict(0, records, position, digest)
    if start is not None and not _is_told(start):
        return _broken(verdict, f"No record tells of the pruning up to position {start.position}.")
    met = noted is None or (noted[0], noted[1]) == (position, digest) or noted[0] < position
    for row in _chained(_rows().filter(position__isnull=False)):
        assert row.position is not None
        if row.position != position + 1:
            return _broken(verdict, f"After position {position} comes {row.position}: records are missing.", row)
        if row.digest != digest_of(row, position=row.position, previous=digest):
            return _broken(verdict, f"Record {row.pk} at position {row.position} was changed.", row)
        position, digest = row.position, row.digest
        met = met or noted == (position, digest)
        verdict = Verdict(verdict.records + 1, verdict.waiting, position, digest)
    if not met:
        assert noted is not None
        return _broken(
            verdict, f"The noted head at position {noted[0]} is not in the chain: its end was cut or made anew."
        )
    if late is not None:
        return _broken(verdict, f"Record {late.pk} has waited for the chain since {late.at:%Y-%m-%d %H:%M:%S}.", late)
    return verdict


def prune(*, before: datetime) -> int:
    """Delete the oldest records, those from before `before`, so that the rest can still be verified; how many.

    An anchor keeps the last deleted link, and a record in the chain vouches for the anchor. The newest record stays."""
    # Imported here: writing records needs this module.
    from apps.core import audit

    with transaction.atomic():
        _alone()
        sealed = _rows().filter(position__isnull=False)
        kept = sealed.filter(at__gte=before).order_by("position").first() or sealed.order_by("position").last()
        last = None if kept is None else sealed.filter(position__lt=kept.position).order_by("position").last()
        if last is None or last.position is None:
            return 0
        AuditAnchor.objects.create(position=last.position, digest=last.digest, made_at=clock.wall_now())
        old = sealed.filter(position__lte=last.position)
        count = old.count()
        changes = {"position": last.position, "digest": last.digest, "records": count}
        audit.record(actor_id=None, action=PRUNED, target=f"core.AuditRecord:{last.pk}", changes=changes)
        old.delete()
    return count


def exported(*, since: datetime | None, until: datetime | None) -> Iterator[dict[str, Any]]:
    """Records of `since` <= at < `until` as plain values, oldest first, with their place in the chain."""
    rows = _rows().order_by("pk")
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    for row in rows.iterator(chunk_size=1000):
        yield _told(row) | {"position": row.position, "digest": row.digest}


def _told(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": row.actor_id,
        "action": row.action,
        "target": row.target,
        "changes": row.changes,
        "address": row.address,
        "agent": row.agent,
        "request_id": row.request_id,
    }


def _rows() -> "models.QuerySet[AuditRecord]":
    # Django's own: the model's refuses to change and delete, which sealing and pruning do.
    return models.QuerySet(AuditRecord)


def _chained(rows: "models.QuerySet[AuditRecord]") -> Iterable[AuditRecord]:
    return rows.order_by("position").iterator(chunk_size=2000)


def _join(rows: Iterable[AuditRecord]) -> None:
    head: Any = _rows().filter(position__isnull=False).order_by("position").last()
    head = head or AuditAnchor.objects.order_by("position").last()
    position, digest = (head.position, head.digest) if head else (0, GENESIS)
    for row in rows:
        position += 1
        digest = digest_of(row, position=position, previous=digest)
        row.position, row.digest = position, digest
        _rows().filter(pk=row.pk, position=None).update(position=position, digest=digest)


def _alone() -> None:
    """One at a time until the transaction ends. On SQLite the transaction itself keeps other writers out."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _is_told(anchor: AuditAnchor) -> bool:
    told = _rows().filter(action=PRUNED, at__gte=anchor.made_at - SEALED_WITHIN)
    return any(
        (row.changes.get("position"), row.changes.get("digest")) == (anchor.position, anchor.digest) for row in told
    )


def _broken(verdict: Verdict, trouble: str, row: AuditRecord | None = None) -> Verdict:
    return Verdict(
        verdict.records,
        verdict.waiting,
        verdict.position,
        verdict.digest,
        trouble,
        None if row is None else row.pk,
    )
