"""A caller's quota, a small share at a time: one call to Redis for all callers who need one, not one per request.

A share lasts a second and is as large as what was used in the second before, at most a twentieth of the window's limit;
what is left of it is given back with the next one."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from apps.core import quota
from apps.core.exceptions import TemporaryError
from apps.core.front.standings import Standing

logger = logging.getLogger(__name__)

LEASE_S: Final = 1.0
PART: Final = 20
GATHER_S: Final = 0.002
# With Redis away everybody is let in, and it is asked again after so long: a limit must not be what fails.
AWAY_S: Final = 1.0


class Leases:
    """Shares of quotas that this process holds. Everything here runs on the event loop."""

    def __init__(self, run: Callable[..., "asyncio.Future[list[quota.Share]]"]) -> None:
        self._run = run
        # Whose share is being asked for: next, and at this moment. Nobody is asked for twice at once.
        self._asked: dict[str, tuple[Standing, asyncio.Future[None]]] = {}
        self._taking: dict[str, asyncio.Future[None]] = {}
        self._away_until = 0.0

    def spend(self, standing: Standing, now: float) -> bool:
        """Whether the share that is held covers one more request."""
        lease = standing.lease
        if lease.credit > 0 and now < lease.until:
            lease.credit -= 1
            return True
        return False

    async def admit(self, standing: Standing) -> bool:
        """Whether the caller may send one more request now."""
        while True:
            now = time.monotonic()
            if self.spend(standing, now) or now < self._away_until:
                return True
            if now < standing.lease.refused_until:
                return False
            await self._more(standing)

    def shown(self, standing: Standing, now: float) -> bytes:
        """`RateLimit` of an answer."""
        lease = standing.lease
        return quota.state(lease.left + lease.credit, max(0.0, lease.ends - now)).encode()

    def wait_s(self, standing: Standing) -> int:
        """Whole seconds until a caller who was refused may ask again."""
        return max(1, round(standing.lease.ends - time.monotonic()))

    async def _more(self, standing: Standing) -> None:
        waiting = self._taking.get(standing.key)
        if waiting is None:
            loop = asyncio.get_running_loop()
            waiting = self._taking[standing.key] = loop.create_future()
            self._asked[standing.key] = (standing, waiting)
            if len(self._asked) == 1:
                loop.call_later(GATHER_S, self._ask)
        await asyncio.shield(waiting)

    def _ask(self) -> None:
        asked, self._asked = self._asked, {}
        task = asyncio.ensure_future(self._take(list(asked.values())))
        # The loop keeps weak references only.
        _running.add(task)
        task.add_done_callback(_running.discard)

    async def _take(self, asked: Sequence[tuple[Standing, "asyncio.Future[None]"]]) -> None:
        now = time.monotonic()
        asks = []
        for standing, _ in asked:
            lease = standing.lease
            used_up = lease.credit == 0 and now < lease.until + LEASE_S
            most = max(1, standing.requests // PART)
            lease.size = min(most, max(1, lease.size * 2)) if used_up else max(1, lease.size - lease.credit)
            asks.append(quota.Ask(standing.key, standing.requests, lease.size, lease.credit, lease.window))
            lease.credit = 0
        shares: list[quota.Share] = []
        try:
            shares = await self._run(quota.take, asks)
        except TemporaryError as error:
            logger.warning("Requests are not counted: %s", error)
        except Exception:
            logger.exception("Requests are not counted")
        now = time.monotonic()
        if not shares:
            self._away_until = now + AWAY_S
        for (standing, _), share in zip(asked, shares, strict=False):
            lease = standing.lease
            lease.credit, lease.until = share.granted, now + min(LEASE_S, share.ends_s)
            lease.left, lease.ends, lease.window = share.left, now + share.ends_s, share.window
            lease.refused_until = 0.0 if share.granted else lease.until
        for standing, done in asked:
            del self._taking[standing.key]
            done.set_result(None)


_running: set[asyncio.Future[None]] = set()
