"""Doorbells: tasks rung after a decision, coalesced, single-flight, and one effect per beat slot."""

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis as redis_py
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from apps.core import redis, slots
from apps.core.scripts import Script

logger = logging.getLogger(__name__)

# How long an unread message may keep others of its kind away when it has no expiry of its own.
RING_MARK_S = 60

# KEYS ring mark, lock, again mark; ARGV token, milliseconds. 1 = the lock is ours; 0 = the holder will ring again.
_ENTER = Script("""
redis.call('DEL', KEYS[1])
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  redis.call('DEL', KEYS[3])
  return 1
end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[2])
return 0
""")
# KEYS lock, again mark; ARGV token. 1 = somebody asked for another run while ours was on.
_LEAVE = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return redis.call('DEL', KEYS[2])
""")


class Task(DjangoTask):
    """The project's task class: a message that beat stamped with a slot runs only if it claims that slot."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run, unless the slot of this beat message is already claimed (a second beat, a redelivery)."""
        request = self.request
        if request.called_directly:
            return super().__call__(*args, **kwargs)
        # A retry carries its first message's headers; it is the same run, not a second claim.
        headers = request.headers or {}
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

    With `coalesce` nothing is sent while an unstarted message of the same (task, key) waits, so `key` has to name
    everything in which the kwargs of two rings may differ. Seconds everywhere. Never raises for an outage: the row is
    there and the schedule rings again."""
    target = import_string(task)
    mark = _mark(task, key)
    lifetime = expires or target.expires
    wait_s = countdown + (lifetime if isinstance(lifetime, (int, float)) else RING_MARK_S)
    if coalesce and not _set_mark(mark, wait_s):
        return True
    options: dict[str, Any] = {"countdown": countdown} if countdown else {}
    if queue is not None:
        options["queue"] = queue
    if expires is not None:
        # Celery counts the expiry from now, a reader from the moment the message may start.
        options["expires"] = expires + countdown
    try:
        target.apply_async(kwargs=dict(kwargs or {}), **options)
    except (OperationalError, redis_py.RedisError, OSError) as error:
        logger.warning("%s not rung, the broker is away: %s", task, error)
        if coalesce:
            _drop_mark(mark)
        return False
    return True


@contextmanager
def answering(
    task_name: str,
    key: str = "",
    *,
    ttl: float,
    queue: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Iterator[bool]:
    """At the start of the task at dotted path `task_name`: new rings may come from here on, one run at a time.

    Yields True to the one that may run, for at most `ttl` seconds; False where another runs, and then that one rings
    the task again (with its own `kwargs` and `queue`) when it is done. With Redis away everybody may run."""
    token = uuid.uuid4().hex
    lock, again = f"arbedge:lock:{task_name}:{key}", f"arbedge:again:{task_name}:{key}"
    entered = _enter(_mark(task_name, key), lock, again, token, ttl)
    try:
        yield entered
    finally:
        if entered and _leave(lock, again, token):
            ring(task_name, key=key, queue=queue, kwargs=kwargs)


def _mark(task: str, key: str) -> str:
    return f"arbedge:ring:{task}:{key}"


def _set_mark(mark: str, seconds: float) -> bool:
    try:
        return bool(redis.state().set(mark, b"1", nx=True, px=max(1, int(seconds * 1000))))
    except redis_py.RedisError as error:
        logger.warning("Ringing without coalescing, Redis is away: %s", error)
        return True


def _drop_mark(mark: str) -> None:
    try:
        redis.state().delete(mark)
    except redis_py.RedisError as error:
        logger.warning("Ring mark %s stays until it expires: %s", mark, error)


def _enter(mark: str, lock: str, again: str, token: str, ttl: float) -> bool:
    try:
        return bool(_ENTER.run([mark, lock, again], token, max(1, int(ttl * 1000))))
    except redis_py.RedisError as error:
        logger.warning("Running without a lock, Redis is away: %s", error)
        return True


def _leave(lock: str, again: str, token: str) -> bool:
    try:
        return bool(_LEAVE.run([lock, again], token))
    except redis_py.RedisError as error:
        logger.warning("Lock %s stays until it expires: %s", lock, error)
        return False
