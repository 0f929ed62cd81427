"""Who is calling, as far as the front has to know: loaded for many at once, never believed for longer than two
seconds."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from apps.core import quota

logger = logging.getLogger(__name__)

# An answer is only repeated to somebody about whom the database was asked at most so long ago.
BELIEVED_S: Final = 2.0
REFRESH_S: Final = 1.0
# Who has not called for so long is no longer asked about.
HOT_S: Final = 5.0
KNOWN_MAX: Final = 20_000
BATCH: Final = 2000
# Callers who are new wait so long for others to be asked about together.
GATHER_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of a caller: whom requests are counted for and up to how many in a window, for which
    audience of each route they are (a route that is missing is never repeated to them), and for how many seconds that
    can hold."""

    key: str
    requests: int
    audiences: Mapping[str, str]
    holds_s: float = BELIEVED_S


@dataclass(slots=True)
class Lease:
    """A share of the caller's quota that this process took, and the newest it knows of the whole."""

    credit: int = 0
    used: int = 0
    size: int = 0
    left: int = 0
    ends: float = 0.0
    window: int = 0
    refused_until: float = 0.0


@dataclass(slots=True)
class Standing:
    """One caller. Times are of the monotonic clock."""

    audiences: dict[str, str]
    key: str
    requests: int
    until: float
    used: float
    lease: Lease = field(default_factory=Lease)
    policy: bytes = b""


Load: TypeAlias = Callable[[Collection[str]], Mapping[str, Facts]]


class Standings:
    """The callers of this process, by the digest of what they show. Everything here runs on the event loop."""

    def __init__(self, load: Load, run: Callable[..., "asyncio.Future[Mapping[str, Facts]]"]) -> None:
        self._load, self._run = load, run
        self._known: OrderedDict[str, Standing] = OrderedDict()
        self._leases: dict[str, Lease] = {}
        self._asked: dict[str, asyncio.Future[Standing | None]] = {}

    def get(self, digest: str, now: float) -> Standing | None:
        """The caller, if what is known may still be believed."""
        standing = self._known.get(digest)
        if standing is None or standing.until <= now:
            return None
        standing.used = now
        return standing

    def newest(self, digest: str) -> Standing | None:
        """The caller as known last, by whoever asked the database for them after their request had come."""
        return self._known.get(digest)

    async def find(self, digest: str) -> Standing | None:
        """The caller as the database says now; None for what opens nothing, and where the database can't be asked."""
        waiting = self._asked.get(digest)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._asked[digest] = waiting
            if len(self._asked) == 1:
                asyncio.get_running_loop().call_later(GATHER_S, self._ask)
        return await asyncio.shield(waiting)

    def believe(self, digest: str, path: str, audience: str) -> None:
        """Django has just answered this caller as one of `audience`: newer than what was loaded before."""
        standing = self._known.get(digest)
        if standing is not None and audience:
            standing.audiences[path] = audience

    def forget(self, digest: str) -> None:
        """The next request of this caller is judged by what the database says then."""
        self._known.pop(digest, None)

    def hot(self) -> list[str]:
        """Everybody who called of late."""
        return list(self._known)

    def leases(self) -> dict[str, tuple[Lease, int]]:
        """By person: the share that is held, and the limit that it is of."""
        return {one.key: (one.lease, one.requests) for one in self._known.values()}

    async def keep_fresh(self) -> None:
        """Ask again about everybody who called of late, once a second, for ever."""
        while True:
            await asyncio.sleep(REFRESH_S)
            now = time.monotonic()
            for digest, one in list(self._known.items()):
                if one.used < now - HOT_S:
                    del self._known[digest]
            digests = [digest for digest, one in self._known.items() if one.until < now + BELIEVED_S - REFRESH_S / 2]
            live = {one.key for one in self._known.values()}
            for key in [key for key, lease in self._leases.items() if key not in live and lease.ends < now]:
                del self._leases[key]
            for at in range(0, len(digests), BATCH):
                await self._refresh(digests[at : at + BATCH])

    def _ask(self) -> None:
        asked, self._asked = self._asked, {}
        task = asyncio.ensure_future(self._answer(asked))
        # The loop keeps weak references only.
        _running.add(task)
        task.add_done_callback(_running.discard)

    async def _answer(self, asked: dict[str, "asyncio.Future[Standing | None]"]) -> None:
        digests = list(asked)
        for at in range(0, len(digests), BATCH):
            part = digests[at : at + BATCH]
            await self._refresh(part)
            for digest in part:
                # However long it took: the database was asked after the request had come.
                if not asked[digest].done():
                    asked[digest].set_result(self.newest(digest))

    async def _refresh(self, digests: list[str]) -> None:
        begun = time.monotonic()
        try:
            found = await self._run(self._load, digests)
        except Exception:
            # Until the database answers again nothing is repeated, and Django says what is wrong.
            logger.exception("The front could not ask who is calling")
            return
        for digest in digests:
            facts = found.get(digest)
            if facts is None:
                self._known.pop(digest, None)
            else:
                self._note(digest, facts, begun)
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def _note(self, digest: str, facts: Facts, begun: float) -> None:
        before = self._known.get(digest)
        self._known[digest] = Standing(
            audiences=dict(facts.audiences),
            key=facts.key,
            requests=facts.requests,
            until=begun + min(BELIEVED_S, facts.holds_s),
            used=begun if before is None else before.used,
            # One for all tokens of a person.
            lease=self._leases.setdefault(facts.key, Lease()),
            policy=quota.policy(facts.requests).encode(),
        )


_running: set[asyncio.Future[None]] = set()
