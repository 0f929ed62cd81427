"""A caller's quota, a small share at a time: one call to Redis for all callers who need one, not one per request.

Once a second each share is made as large as what was used in the second before and a half more, at most a twentieth of
the window's limit; what nobody used is given back but for one request. Whoever needs more meanwhile waits for a call of
their own."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from apps.core import quota
from apps.core.exceptions import TemporaryError
from apps.core.front.standings import BATCH, Lease, Standing

logger = logging.getLogger(__name__)

RENEW_S: Final = 1.0
PART: Final = 20
GATHER_S: Final = 0.002
# With Redis away everybody is let in, and it is asked again after so long: a limit must not be what fails.
AWAY_S: Final = 1.0


class Leases:
    """Shares of quotas that this process holds. Everything here runs on the event loop."""

    def __init__(self, run: Callable[..., "asyncio.Future[list[quota.Share]]"]) -> None:
        self._run = run
        # Whose share is being asked for: next, and at this moment. Nobody is asked for twice at once.
        self._asked: list[Standing] = []
        self._taking: dict[str, asyncio.Future[None]] = {}
        self._away_until = 0.0

    def spend(self, standing: Standing, now: float) -> bool:
        """Whether the share that is held covers one more request."""
        lease = standing.lease
        if lease.credit > 0 and now < lease.ends:
            lease.credit -= 1
            lease.used += 1
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

    async def keep(self, held: Callable[[], Mapping[str, tuple[Lease, int]]]) -> None:
        """Renew all shares once a second, for ever."""
        while True:
            await asyncio.sleep(RENEW_S)
            asks = []
            for key, (lease, limit) in held().items():
                if key in self._taking or not (lease.used or lease.credit > 1):
                    continue
                lease.size = min(_most(limit), lease.used + lease.used // 2 + 1)
                lease.used, over = 0, max(0, lease.credit - lease.size)
                lease.credit -= over
                wanted = max(0, lease.size - lease.credit)
                asks.append((lease, quota.Ask(key, limit, wanted, over, lease.window)))
            for at in range(0, len(asks), BATCH):
                await self._take(asks[at : at + BATCH])

    async def _more(self, standing: Standing) -> None:
        waiting = self._taking.get(standing.key)
        if waiting is None:
            loop = asyncio.get_running_loop()
            waiting = self._taking[standing.key] = loop.create_future()
            self._asked.append(standing)
            if len(self._asked) == 1:
                loop.call_later(GATHER_S, self._ask)
        await asyncio.shield(waiting)

    def _ask(self) -> None:
        asked, self._asked = self._asked, []
        task = asyncio.ensure_future(self._answer(asked))
        # The loop keeps weak references only.
        _running.add(task)
        task.add_done_callback(_running.discard)

    async def _answer(self, asked: Sequence[Standing]) -> None:
        asks = []
        for one in asked:
            lease, back = one.lease, one.lease.credit
            # What is left of a share that is over is given back; one that was used up too soon becomes twice as large.
            lease.credit, lease.size = 0, min(_most(one.requests), max(1, lease.used, 0 if back else lease.size * 2))
            asks.append((lease, quota.Ask(one.key, one.requests, lease.size, back, lease.window)))
        await self._take(asks)
        for one in asked:
            self._taking.pop(one.key).set_result(None)

    async def _take(self, asks: Sequence[tuple[Lease, quota.Ask]]) -> None:
        shares: list[quota.Share] = []
        try:
            shares = await self._run(quota.take, [ask for _, ask in asks])
        except TemporaryError as error:
            logger.warning("Requests are not counted: %s", error)
        except Exception:
            logger.exception("Requests are not counted")
        now = time.monotonic()
        if asks and not shares:
            self._away_until = now + AWAY_S
        for (lease, ask), share in zip(asks, shares, strict=False):
            # A share belongs to its window and ends with it.
            lease.credit = share.granted + (lease.credit if share.window == lease.window else 0)
            lease.left, lease.ends, lease.window = share.left, now + share.ends_s, share.window
            refused = ask.wanted and not lease.credit
            lease.refused_until = now + min(RENEW_S, share.ends_s) if refused else 0.0


def _most(limit: int) -> int:
    return max(1, limit // PART)


_running: set[asyncio.Future[None]] = set()
