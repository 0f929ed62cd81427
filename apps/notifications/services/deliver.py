"""The delivery loop: lease, prepare, send, write down, until nothing is due."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection

from apps.core import clock, events, limits
from apps.notifications.enums import DeliveryState
from apps.notifications.selectors import due_in
from apps.notifications.services.flight import GRACE_S, Flight, Landed
from apps.notifications.services.lease import START_S, deliveries_lease
from apps.notifications.services.prepare import Pace, breaker_of, breakers_troubled, deliveries_prepare, limit_key
from apps.notifications.services.profiles import profile
from apps.notifications.services.results import Settled, Tally, results_write
from apps.notifications.services.states import Happened
from apps.notifications.types import DeliveriesFinished

logger = logging.getLogger(__name__)

RUN_S = 20.0
# With sends still under way: how long an empty-handed worker waits to look again, or for room for a whole batch.
LOOK_AGAIN_S = 0.5
# Between tries to write results down while the database is away; well within the margin of a lease.
WRITE_PAUSES_S = (0.1, 0.5, 2.0, 5.0)
_DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class DeliverReport:
    """What a run did, and in how many seconds the next delivery of its priority is due (None: none is waiting)."""

    delivered: int
    retried: int
    failed: int
    next_in_s: float | None


def deliver(*, priority: str, seconds: float = RUN_S) -> DeliverReport:
    """Send what is due of `priority` until nothing is, or `seconds` have passed; any number of workers may at once.

    Dying anywhere in here loses nothing: leased rows come back when their lease ends, and only messages that were sent
    and not yet written down can arrive twice."""
    runs_by = profile()
    flight = Flight(concurrency=runs_by.concurrency, timeout_s=float(runs_by.timeout_s))
    batch = min(runs_by.batch, runs_by.concurrency)
    pace = Pace()
    total = Tally()
    stop_at = time.monotonic() + seconds
    # Nothing was due: look again at `look_at`. There is room, but less than a batch: wait for more until `wait_until`.
    look_at = wait_until = 0.0
    while not flight.stuck:
        moment = time.monotonic()
        room = flight.room >= batch or (flight.room > 0 and moment >= wait_until)
        if moment < stop_at and room and moment >= look_at:
            try:
                launched = _launch_next(flight, pace, priority, batch, total)
            except _DATABASE_AWAY as error:
                # What is under way still has to be written down.
                _database_lost(error)
                launched, stop_at = False, moment
            wait_until = time.monotonic() + LOOK_AGAIN_S
            if not launched:
                look_at = wait_until
        if not flight.count:
            if moment >= stop_at or look_at > moment:
                break
            continue
        landed = flight.collect()
        if landed:
            wait_until = time.monotonic() + LOOK_AGAIN_S
            total.add(_write(landed))
    if flight.stuck:
        logger.error("%d sends did not come back; their leases will end by themselves", flight.count)
    return _reported(total, priority)


def _launch_next(flight: Flight, pace: Pace, priority: str, batch: int, total: Tally) -> bool:
    """Lease and start another batch; False where nothing was due."""
    start_by = time.monotonic() + START_S
    rows = deliveries_lease(
        priority=priority,
        limit=min(batch, flight.room),
        # As long as this run's sends may take, whatever profile comes into force meanwhile.
        send_seconds=flight.timeout_s + GRACE_S,
        now=clock.wall_now(),
    )
    if not rows:
        return False
    now = clock.now()
    settled, jobs = deliveries_prepare(rows, pace=pace, now=now)
    flight.launch(jobs, start_by=start_by)
    if settled:
        total.add(results_write(settled, now=now))
    return True


def _write(landed: Sequence[Landed]) -> Tally:
    """Write down first: whatever happens to Redis meanwhile, what was sent must not be sent again."""
    settled = [
        Settled(one.job.delivery, one.result, one.job.next_endpoint, one.started_at, one.finished_at) for one in landed
    ]
    tally = _written(settled)
    _tell_targets(landed)
    return tally


def _written(settled: Sequence[Settled]) -> Tally:
    """The results stored, at the latest when a database that went away is back within a few seconds."""
    for pause_s in WRITE_PAUSES_S:
        try:
            return results_write(settled, now=clock.now())
        except _DATABASE_AWAY as error:
            _database_lost(error)
            time.sleep(pause_s)
    return results_write(settled, now=clock.now())


def _database_lost(error: OperationalError | InterfaceError) -> None:
    logger.warning("The database went away in the middle of a run: %s", type(error).__name__)
    # A broken connection never comes back by itself; the next query opens a new one.
    connection.close()


def _tell_targets(landed: Sequence[Landed]) -> None:
    """Close taps and count for breakers: only no answer, or one that says "broken", is the target's failure.

    A breaker counts failures in a row: one that came before an answer, in this flush, is none of them."""
    failures: Counter[str] = Counter()
    answered: set[str] = set()
    held: set[str] = set()
    for one in landed:
        if one.result.happened is Happened.TEMPORARY:
            failures[one.job.target] += 1
        elif one.result.happened.outcome is not None:
            answered.add(one.job.target)
            del failures[one.job.target]
        else:
            held.add(one.job.target)
        for key, seconds in one.pauses.items():
            limits.close_tap(limit_key(key), seconds)
    for breaker in breakers_troubled(held).values():
        # If it was the breaker's probe, another one may be.
        breaker.unused()
    for breaker in breakers_troubled(answered).values():
        breaker.success()
    for target, times in failures.items():
        breaker = breaker_of(target)
        for _ in range(times):
            breaker.failure()


def _reported(total: Tally, priority: str) -> DeliverReport:
    report = DeliverReport(
        delivered=total.states[DeliveryState.DELIVERED],
        retried=total.states[DeliveryState.PENDING],
        failed=sum(total.states[state] for state in (DeliveryState.FAILED, DeliveryState.DEAD, DeliveryState.EXPIRED)),
        next_in_s=due_in(priority=priority, now=clock.wall_now()),
    )
    if total.states:
        events.publish(
            DeliveriesFinished(report.delivered, report.retried, report.failed, tuple(sorted(total.channels)))
        )
    return report
