"""The same write twice has one effect: whoever asks again gets the answer that the first one got.

A key is claimed before any work. Its answer is kept in the transaction of the effect, so that there is never one
without the other; where the work fails nothing happened, and the key is free again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from apps.core import clock
from apps.core.exceptions import PermanentError, TemporaryError, ThrottledError
from apps.core.models import IdempotencyKey

KEPT_FOR = timedelta(hours=24)
# Longer than any request: only a killed process leaves its claim to time out, and its work was rolled back.
CLAIMED_FOR = timedelta(seconds=60)


class KeyReused(PermanentError):
    """The key was used for another request: a mistake of the caller, who has to take a new key."""

    code = "idempotency_key_reused"


class KeyBusy(ThrottledError):
    """The first request with this key is still being worked on."""

    code = "idempotency_key_busy"


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of the first time."""

    status: int
    body: Any


@dataclass(slots=True)
class Claim:
    """The right to do the work of one key, or the answer where it is done (`kept`)."""

    _id: int
    _since: datetime
    kept: Kept | None = None

    def keep(self, *, status: int, body: Any) -> None:
        """Store the answer (JSON-able), inside the transaction of the effect.

        Raises TemporaryError where somebody took the claim over meanwhile: then the effect must not stand."""
        mine = IdempotencyKey.objects.filter(pk=self._id, created_at=self._since, status=None)
        if not mine.update(status=status, body=body):
            raise TemporaryError("This took so long that somebody else does it now.", code="claim_lost")
        self.kept = Kept(status, body)


@contextmanager
def claimed(*, scope: str, key: str, digest: str) -> Iterator[Claim]:
    """Claim `key` of `scope` (whose keys they are) for the request with that SHA-256; given back unless answered.

    Raises KeyReused where the key belongs to another request, KeyBusy while the same one is being worked on."""
    claim = _claim(scope, key, digest)
    try:
        yield claim
    finally:
        # An answer that was rolled back with its effect is none: the row says which it is.
        IdempotencyKey.objects.filter(pk=claim._id, created_at=claim._since, status=None).delete()


def keys_prune(*, now: datetime) -> int:
    """Delete keys whose day is over; returns how many."""
    return IdempotencyKey.objects.filter(expires_at__lte=now).delete()[0]


def _claim(scope: str, key: str, digest: str) -> Claim:
    now = clock.wall_now()
    times = {"created_at": now, "expires_at": now + KEPT_FOR}
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(scope=scope, key=key, request_digest=digest, **times)
        return Claim(row.pk, now)
    except IntegrityError:
        there = IdempotencyKey.objects.filter(scope=scope, key=key).first()
    if there is None:
        raise KeyBusy("The first request with this key has just failed; send it again.", retry_after=1)
    same = IdempotencyKey.objects.filter(pk=there.pk, created_at=there.created_at)
    if there.expires_at <= now or (there.status is None and there.created_at <= now - CLAIMED_FOR):
        # Only one of those who see the same old row can take it over.
        if same.update(request_digest=digest, status=None, body=None, **times):
            return Claim(there.pk, now)
        raise KeyBusy("Another request with this key is being worked on.", retry_after=1)
    if there.request_digest != digest:
        raise KeyReused("This Idempotency-Key was used for another request; take a new one.")
    if there.status is None:
        raise KeyBusy("The first request with this key is still being worked on.", retry_after=1)
    return Claim(there.pk, there.created_at, Kept(there.status, there.body))
