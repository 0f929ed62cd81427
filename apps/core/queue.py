"""Doorbells: tasks rung after a decision, coalesced, single-flight, and one effect per beat slot."""

import logging
import math
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import AMQPError
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from apps.core import redis, slots
from apps.core.scripts import Script

logger = logging.getLogger(__name__)

# How long an unread message may keep others of its kind away; a killed worker may hold it.
RING_MARK_S = 15.0
MARK_HEADER = "ring_mark"
# Delayed rings start on this grid, rounded up: nobody starts early, and a burst makes at most five messages a second.
_GRID_S = 0.2

# KEYS lock, again mark; ARGV token, milliseconds, a token that this process could not give back ("": none).
# 1 = the lock is ours; 0 = the holder will ring again.
_ENTER = Script("""
if redis.call('GET', KEYS[1]) == ARGV[3] then redis.call('DEL', KEYS[1]) end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  redis.call('DEL', KEYS[2])
  return 1
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 0
""")
# KEYS lock, again mark; ARGV token. 1 = somebody asked for another run while ours was on.
_LEAVE = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return redis.call('DEL', KEYS[2])
""")
# Tokens of locks that could not be given back because Redis was away, by lock.
_kept: dict[str, str] = {}


class Task(DjangoTask):
    """The project's task class: its start lets the next ring through; a beat message runs only if its slot is free."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run, unless the slot of this beat message is already claimed (a second beat, a redelivery)."""
        request = self.request
        if request.called_directly:
            return super().__call__(*args, **kwargs)
        headers: Mapping[str, Any] = request.headers or {}
        if MARK_HEADER in headers:
            # Before any work: what happens from here on may not be seen by this run.
            _drop_mark(headers[MARK_HEADER])
        # A retry carries its first message's headers; it is the same run, not a second claim.
        if request.retries == 0 and not slots.claim_for(headers):
            logger.info("%s skipped: slot of %r already claimed", self.name, headers.get(slots.NAME_HEADER))
            raise Ignore()
        return self.run(*args, **kwargs)


def ring(
    task: str,
    *,
    key: str = "",
    queue: str | None = None,
    countdown: float = 0,
    expires: int | None = None,
    coalesce: bool = True,
    kwargs: Mapping[str, Any] | None = None,
) -> bool:
    """Send a message for the task object at dotted path `task`; True if one is on its way, False if the broker is down.

    With `coalesce` nothing is sent while an unstarted message of the same (task, key) waits that starts within the same
    fifth of a second, so `key` has to name everything in which the kwargs of two rings may differ. `expires` (default:
    the task's own) counts from the moment the message may start. Seconds everywhere. Never raises for an outage: the
    row is there and the schedule rings again."""
    target = import_string(task)
    lifetime = target.expires if expires is None else expires
    options: dict[str, Any] = {}
    mark = f"arbedge:ring:{task}:{key}"
    if countdown > 0:
        due = math.ceil((time.time() + countdown) / _GRID_S)
        mark = f"{mark}@{due}"
        options["countdown"] = max(0.0, due * _GRID_S - time.time())
    waits_s = countdown + RING_MARK_S
    if isinstance(lifetime, (int, float)):
        waits_s = countdown + min(lifetime, RING_MARK_S)
        # Celery counts a message's expiry from its sending; a delayed one would die before it starts.
        options["expires"] = lifetime + countdown
    if coalesce:
        if not _set_mark(mark, waits_s):
            return True
        options["headers"] = {MARK_HEADER: mark}
    if queue is not None:
        options["queue"] = queue
    return _send(target, mark if coalesce else None, dict(kwargs or {}), options)


@contextmanager
def answering(
    task_name: str,
    key: str = "",
    *,
    ttl: float,
    queue: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Iterator[bool]:
    """In the body of the task at dotted path `task_name`: one run at a time, and none of the rings meanwhile is lost.

    Yields True to the one that may run, for at most `ttl` seconds; False where another runs, and then that one rings
    the task again (with its own `kwargs` and `queue`) when it is done. With Redis away everybody may run."""
    token = uuid.uuid4().hex
    lock, again = f"arbedge:lock:{task_name}:{key}", f"arbedge:again:{task_name}:{key}"
    entered = _enter(lock, again, token, ttl)
    try:
        yield entered
    finally:
        if entered and _leave(lock, again, token):
            ring(task_name, key=key, queue=queue, kwargs=kwargs)


def _send(target: Any, mark: str | None, kwargs: dict[str, Any], options: dict[str, Any]) -> bool:
    try:
        target.apply_async(kwargs=kwargs, **options)
    # RabbitMQ refuses a delayed message while no worker has yet made the exchanges that hold such back.
    except (OperationalError, AMQPError, redis.Error, OSError) as error:
        logger.warning("%s not rung, the broker is away: %s", target.name, error)
        if mark is not None:
            _drop_mark(mark)
        return False
    return True


def _set_mark(mark: str, seconds: float) -> bool:
    try:
        return bool(redis.state().set(mark, b"1", nx=True, px=max(1, int(seconds * 1000))))
    except redis.Error as error:
        logger.warning("Ringing without coalescing, Redis is away: %s", error)
        return True


def _drop_mark(mark: str) -> None:
    try:
        redis.state().delete(mark)
    except redis.Error as error:
        logger.warning("Ring mark %s stays until it expires: %s", mark, error)


def _enter(lock: str, again: str, token: str, ttl: float) -> bool:
    try:
        entered = bool(_ENTER.run([lock, again], token, max(1, int(ttl * 1000)), _kept.get(lock, "")))
        _kept.pop(lock, None)
        return entered
    except redis.Error as error:
        logger.warning("Running without a lock, Redis is away: %s", error)
        return True


def _leave(lock: str, again: str, token: str) -> bool:
    try:
        return bool(_LEAVE.run([lock, again], token))
    except redis.Error as error:
        logger.warning("Lock %s stays until this process enters again or it expires: %s", lock, error)
        _kept[lock] = token
        return False
