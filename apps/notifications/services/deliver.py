"""The delivery loop: lease, prepare, send, write down, until nothing is due."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from apps.core import clock, events, limits
from apps.notifications.enums import DeliveryState
from apps.notifications.selectors import due_in
from apps.notifications.services.flight import GRACE_S, Flight, Landed
from apps.notifications.services.lease import deliveries_lease
from apps.notifications.services.prepare import Pace, breaker_of, deliveries_prepare, provider_key
from apps.notifications.services.results import Settled, Tally, results_write
from apps.notifications.services.states import Happened
from apps.notifications.types import DeliveriesFinished

logger = logging.getLogger(__name__)

RUN_S = 20.0
# An empty-handed worker with sends still under way looks again after this long.
LOOK_AGAIN_S = 0.5


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
    flight = Flight(concurrency=settings.DELIVERY_CONCURRENCY, timeout_s=float(settings.DELIVERY_TIMEOUT_S))
    pace = Pace()
    total = Tally()
    stop_at = time.monotonic() + seconds
    look_at = 0.0
    while not flight.stuck:
        moment = time.monotonic()
        if moment < stop_at and flight.room >= _batch() and (not flight.count or moment >= look_at):
            if not _launch_next(flight, pace, priority, total):
                look_at = time.monotonic() + LOOK_AGAIN_S
                if not flight.count:
                    break
        elif not flight.count:
            break
        landed = flight.collect()
        if landed:
            total.add(_write(landed))
    if flight.stuck:
        logger.error("%d sends did not come back; their leases will end by themselves", flight.count)
    return _reported(total, priority)


def _batch() -> int:
    return min(settings.DELIVERY_BATCH, settings.DELIVERY_CONCURRENCY)


def _launch_next(flight: Flight, pace: Pace, priority: str, total: Tally) -> bool:
    """Lease and start another batch; False where nothing was due."""
    now = clock.now()
    rows = deliveries_lease(
        priority=priority,
        limit=_batch(),
        send_seconds=settings.DELIVERY_TIMEOUT_S + GRACE_S,
        now=now,
    )
    if not rows:
        return False
    settled, jobs = deliveries_prepare(rows, pace=pace, now=now)
    flight.launch(jobs)
    if settled:
        total.add(results_write(settled, now=now))
    return True


def _write(landed: Sequence[Landed]) -> Tally:
    settled = [
        Settled(one.job.delivery, one.result, one.job.next_endpoint, one.started_at, one.finished_at) for one in landed
    ]
    _tell_targets(landed)
    return results_write(settled, now=clock.now())


def _tell_targets(landed: Sequence[Landed]) -> None:
    """Close taps and count for breakers: only no answer, or one that says "broken", is the target's failure."""
    failures: Counter[str] = Counter()
    answered: set[str] = set()
    for one in landed:
        if one.result.happened is Happened.TEMPORARY:
            failures[one.job.target] += 1
        elif one.result.happened.outcome is not None:
            answered.add(one.job.target)
        if one.result.happened is Happened.THROTTLED:
            limits.close_tap(provider_key(one.job.target), one.result.wait_s)
    for target, times in failures.items():
        breaker = breaker_of(target)
        for _ in range(times):
            breaker.failure()
    for target in answered - set(failures):
        breaker_of(target).success()


def _reported(total: Tally, priority: str) -> DeliverReport:
    report = DeliverReport(
        delivered=total.states[DeliveryState.DELIVERED],
        retried=total.states[DeliveryState.PENDING],
        failed=sum(total.states[state] for state in (DeliveryState.FAILED, DeliveryState.DEAD, DeliveryState.EXPIRED)),
        next_in_s=due_in(priority=priority, now=clock.now()),
    )
    if total.states:
        events.publish(
            DeliveriesFinished(report.delivered, report.retried, report.failed, tuple(sorted(total.channels)))
        )
    return report
