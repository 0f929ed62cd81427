"""A store of Redis, and what this process last put there: while Redis is away, its own threads still find that."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from apps.core import redis
from apps.core.scripts import Script

logger = logging.getLogger(__name__)

# Some 300 snapshots of 2,000 markets. What was put longest ago goes first.
MOST_BYTES: Final = 64 * 2**20
# Two ways to one key overlap by the seconds that a slow answer takes. What is of a moment later than that was put while
# a clock was ahead, and must not keep everything away that comes after it was set right.
OVERLAP_MS: Final = 30_000

_NEWEST: Final = Script.beside(__file__, "newest.lua")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A value (None: deleted), its end of life on the monotonic clock, and of which moment it is (None: just the last
    one that was put)."""

    value: bytes | None = None
    until: float = 0.0
    moment: int | None = None


class Mirror:
    """Keys with a lifetime in a store of Redis, each also kept in memory, `most_bytes` in all.

    An outage is noticed at the first command that fails. After it the first one that succeeds writes back what is still
    alive; where another process was faster, its value stays, and where values have moments, the newest."""

    def __init__(self, store: "Callable[[], redis.Client]" = redis.cache, *, most_bytes: int = MOST_BYTES) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        # Oldest put first.
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._away = False

    def put(self, values: Mapping[str, bytes | None], *, ttl_s: int) -> None:
        """Set these keys (None: delete), in Redis if it is there and in this process's memory in any case."""
        for key, value in values.items():
            self._keep(key, _Kept(value, time.monotonic() + ttl_s))
        try:
            self._write(values, ttl_s)
        except redis.Error as error:
            self._lost(error)
            return
        if self._away:
            self._back()

    def put_newest(self, key: str, value: bytes | None, *, moment: int, ttl_s: int) -> None:
        """Set this key (None: delete) to what is of `moment` (Unix ms); nothing happens where what another process or
        thread set it to is of a later one."""
        new = _Kept(value, time.monotonic() + ttl_s, moment)
        try:
            is_newest = self._write_newest(key, value, moment, ttl_s * 1000)
        except redis.Error as error:
            self._lost(error)
            self._keep(key, new)
            return
        if is_newest:
            self._keep(key, new)
        if self._away:
            self._back()

    def get(self, keys: Sequence[str]) -> tuple[list[bytes | None], bool]:
        """The values of these keys, None where there is none, and whether they are from this process's memory.

        Raises redis.RedisError where Redis is away and nothing of it is in memory: not knowing is not "none"."""
        if not keys:
            return [], False
        try:
            found = self._read(keys)
            if self._away:
                self._back()
                # What was missing may just have been written back.
                found = self._read(keys)
        except redis.Error as error:
            self._lost(error)
            kept = [self._alive(key) for key in keys]
            if not any(kept):
                raise
            return kept, True
        return found, False

    def forget(self) -> None:
        """Empty the memory (tests; after a fork)."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
            self._away = False

    def _read(self, keys: Sequence[str]) -> list[bytes | None]:
        return cast("list[bytes | None]", self._store().mget(keys))

    def _write(self, values: Mapping[str, bytes | None], ttl_s: int) -> None:
        if len(values) == 1:
            # A single command notices a hanging Redis once for all of a process's threads (core.redis).
            ((key, value),) = values.items()
            self._store().delete(key) if value is None else self._store().set(key, value, ex=ttl_s)
            return
        pipe = self._store().pipeline(transaction=False)
        for key, value in values.items():
            pipe.delete(key) if value is None else pipe.set(key, value, ex=ttl_s)
        pipe.execute()

    def _write_newest(self, key: str, value: bytes | None, moment: int, ttl_ms: int) -> bool:
        args = (value or b"", moment, ttl_ms, OVERLAP_MS)
        return bool(_NEWEST.run([key, f"{key}:at"], *args, client=self._store()))

    def _keep(self, key: str, new: _Kept) -> None:
        """Keep it, unless another thread has kept one of a later moment."""
        with self._lock:
            old = self._kept.get(key, _Kept())
            if 0 < (old.moment or 0) - (new.moment or 0) <= OVERLAP_MS:
                return
            self._kept.pop(key, None)
            self._kept[key] = new
            self._bytes += len(new.value or b"") - len(old.value or b"")
            while self._bytes > self._most_bytes or self._oldest_is_dead():
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.value or b"")

    def _oldest_is_dead(self) -> bool:
        return bool(self._kept) and next(iter(self._kept.values())).until < time.monotonic()

    def _alive(self, key: str) -> bytes | None:
        with self._lock:
            kept = self._kept.get(key, _Kept())
        return kept.value if kept.until > time.monotonic() else None

    def _lost(self, error: "redis.Error") -> None:
        if not self._away:
            logger.warning("Redis is away, this process keeps in memory what it puts there: %s", error)
        self._away = True

    def _back(self) -> None:
        with self._lock:
            if not self._away:
                return
            self._away = False
            now = time.monotonic()
            alive = {key: kept for key, kept in self._kept.items() if kept.until > now}
        try:
            pipe = self._store().pipeline(transaction=False)
            for key, kept in alive.items():
                left_ms = max(1, round((kept.until - now) * 1000))
                if kept.moment is not None:
                    self._write_newest(key, kept.value, kept.moment, left_ms)
                elif kept.value is None:
                    pipe.delete(key)
                else:
                    pipe.set(key, kept.value, px=left_ms, nx=True)
            pipe.execute()
        except redis.Error as error:
            self._lost(error)
            return
        logger.info("Redis is back, %d values written back", len(alive))
