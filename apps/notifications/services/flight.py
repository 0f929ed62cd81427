"""Sends under way on the process's event loop. The loop never touches a row: results come back through a queue."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue

from apps.core import clock, loop
from apps.core.exceptions import ArbEdgeError, OperatorError, TemporaryError, ThrottledError
from apps.notifications.channels.base import Channel
from apps.notifications.exceptions import EndpointGoneError, ProviderThrottledError
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services.pauses import Pauses
from apps.notifications.services.states import Happened, Result
from apps.notifications.types import OutboundMessage, Sent

logger = logging.getLogger(__name__)

FLUSH_SIZE = 20
FLUSH_S = 0.1
# What has landed by the time a flush is due is written with it: a transaction costs much, another row in it little.
FLUSH_MAX = 200
# After its own time-out a send has this long to come back before it is given up as stuck.
GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """One send that may be made now. `provider` names channel and host, `target` what has the breaker and `tap` what a
    pause closes: the provider, or only the address (see `Channel.shared_host` and `own_pauses`)."""

    delivery: Delivery = field(repr=False)
    channel: Channel
    message: OutboundMessage
    provider: str
    target: str
    tap: str
    next_endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class Landed:
    """A send that has ended, with its result, the app times of its try, and which taps its provider asks to close for
    how many seconds."""

    job: Job
    result: Result
    started_at: datetime
    finished_at: datetime
    pauses: Mapping[str, float]


class Flight:
    """Up to `concurrency` sends at once, each at most `timeout_s` seconds; used by one task thread."""

    def __init__(self, *, concurrency: int, timeout_s: float) -> None:
        self._concurrency = concurrency
        self.timeout_s = timeout_s
        self._landed: SimpleQueue[Landed] = SimpleQueue()
        self._closed_until: dict[str, float] = {}
        self._pauses = Pauses()
        self._last_launch = 0.0
        self.count = 0

    @property
    def room(self) -> int:
        """How many more sends may start."""
        return self._concurrency - self.count

    @property
    def stuck(self) -> bool:
        """Whether something is under way that should long have come back; its lease will end by itself."""
        return self.count > 0 and time.monotonic() > self._last_launch + self.timeout_s + GRACE_S

    def launch(self, jobs: Sequence[Job], *, start_by: float) -> None:
        """Start these sends; none after the monotonic moment `start_by`, when their leases might end under way."""
        if not jobs:
            return
        self.count += len(jobs)
        self._last_launch = time.monotonic()
        asyncio.run_coroutine_threadsafe(self._all(jobs, start_by), loop.get())

    def collect(self) -> list[Landed]:
        """What has landed: as soon as there are FLUSH_SIZE, or FLUSH_S seconds from now; perhaps nothing."""
        landed: list[Landed] = []
        until = time.monotonic() + FLUSH_S
        while self.count and len(landed) < FLUSH_MAX:
            # Enough have landed: those that are here already come along, nobody is waited for.
            wait_s = max(0.0, until - time.monotonic()) if len(landed) < FLUSH_SIZE else 0.0
            try:
                landed.append(self._landed.get(timeout=wait_s) if wait_s else self._landed.get_nowait())
            except Empty:
                break
            self.count -= 1
        return landed

    async def _all(self, jobs: Sequence[Job], start_by: float) -> None:
        await asyncio.gather(*(self._one(job, start_by) for job in jobs))

    async def _one(self, job: Job, start_by: float) -> None:
        moment = time.monotonic()
        closed_s = max(self._closed_until.get(key, 0.0) for key in (job.tap, job.provider)) - moment
        started_at = clock.now()
        if moment > start_by:
            result = Result(Happened.LIMITED, "too_slow", "Its lease would have ended under way.")
        elif closed_s > 0:
            result = Result(Happened.LIMITED, "throttled", "Its provider has just asked for a pause.", wait_s=closed_s)
        else:
            result = await self._sent(job)
        pauses = self._pauses.of(job.channel, provider=job.provider, tap=job.tap, result=result)
        for key, seconds in pauses.items():
            self._closed_until[key] = max(self._closed_until.get(key, 0.0), time.monotonic() + seconds)
        self._landed.put(Landed(job, result, started_at, clock.now(), pauses))

    async def _sent(self, job: Job) -> Result:
        try:
            sent: Sent = await asyncio.wait_for(job.channel.send(job.message), self.timeout_s)
        except ArbEdgeError as error:
            return _result_of(error)
        except TimeoutError:
            return Result(Happened.TEMPORARY, "timeout", f"There was no answer within {self.timeout_s:g} s.")
        except Exception as error:  # noqa: BLE001 (a plug-in's fault must not strand its neighbours' results)
            # The text could quote a secret, so it stays out of the row and of the log.
            logger.error("Channel %s failed with %s", job.channel.name, type(error).__name__)
            return Result(Happened.TEMPORARY, "fault", f"The channel failed: {type(error).__name__}.")
        return Result(
            Happened.DELIVERED,
            code="files_linked" if sent.note else "",
            reason=sent.note,
            wait_s=sent.pause_s,
            provider_message_id=sent.provider_message_id,
            new_address=sent.new_address,
        )


def _result_of(error: ArbEdgeError) -> Result:
    if isinstance(error, ThrottledError):
        every = isinstance(error, ProviderThrottledError)
        return Result(Happened.THROTTLED, error.code, error.message, wait_s=error.retry_after, all_addresses=every)
    if isinstance(error, TemporaryError):
        return Result(Happened.TEMPORARY, error.code, error.message)
    if isinstance(error, OperatorError):
        logger.error("A channel is misconfigured: %s", error.message)
    return Result(Happened.PERMANENT, error.code, error.message, endpoint_gone=isinstance(error, EndpointGoneError))
