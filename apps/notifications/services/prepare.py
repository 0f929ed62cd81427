"""From leased rows to sends: what is not worth or not possible to send is settled here, at once and with its reason."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from apps.core import config, limits
from apps.core.breaker import Breaker, BreakerState
from apps.core.exceptions import ArbEdgeError, TemporaryError
from apps.core.limits import Demand, Limit
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services.channels import channel_get
from apps.notifications.services.endpoints import endpoint_credentials
from apps.notifications.services.flight import Job
from apps.notifications.services.messages import message_make
from apps.notifications.services.results import Settled
from apps.notifications.services.routes import endpoints_next
from apps.notifications.services.states import Happened, Result

logger = logging.getLogger(__name__)

# Without Redis nobody knows the limits: wait for it a moment.
LIMITS_AWAY_S = 2.0


def breaker_of(target: str) -> Breaker:
    """The breaker of a provider's host."""
    return Breaker(f"notify:{target}")


class Pace:
    """The turns of those who were refused a grant in one run.

    Without turns a crowd for one chat or one provider would all come back together, and all but one in vain."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}

    def turn(self, job: Job, wait_s: float) -> float:
        """Seconds to wait: at least `wait_s`, and behind those who were told to wait for the same address or target."""
        scopes = (
            (f"{job.target} {job.message.address}", job.channel.limits_of(job.message.address)),
            (job.target, job.channel.provider_limits),
        )
        moment = time.monotonic()
        at = max(moment + wait_s, *(self._free_at.get(scope, 0.0) for scope, _ in scopes))
        for scope, tiers in scopes:
            self._free_at[scope] = at + max(limit.seconds / limit.count for limit in tiers)
        return at - moment


def deliveries_prepare(deliveries: Sequence[Delivery], *, pace: Pace, now: datetime) -> tuple[list[Settled], list[Job]]:
    """Split leased deliveries into those settled without a try and the jobs that may be sent now."""
    settled: list[Settled] = []
    jobs: list[Job] = []
    nexts = endpoints_next(deliveries)
    for row in deliveries:
        made = _job(row, nexts, now)
        if isinstance(made, Job):
            jobs.append(made)
        else:
            settled.append(Settled(row, made, nexts[row.pk]))
    jobs, blocked = _through_breakers(jobs)
    jobs, limited = _through_limits(jobs, pace)
    for held in (blocked, limited):
        settled += [Settled(job.delivery, result, job.next_endpoint) for job, result in held]
    return settled, jobs


def _job(row: Delivery, nexts: Mapping[UUID, Endpoint | None], now: datetime) -> Job | Result:
    if row.notification.expires_at <= now:
        return Result(Happened.EXPIRED, "expired", "It came too late to be worth sending.")
    if not row.notification.user.is_active:
        return Result(Happened.UNUSABLE, "inactive_user", "The account is not active.")
    if not row.endpoint.usable:
        why = row.endpoint.disabled_reason or "it is not verified"
        return Result(Happened.UNUSABLE, "endpoint_off", f"The endpoint is not in use: {why}")
    try:
        channel = channel_get(row.channel)
        message = message_make(delivery=row, channel=channel, credentials=endpoint_credentials(row.endpoint), now=now)
        target = f"{row.channel}:{channel.host(row.endpoint.address)}"
    except ArbEdgeError as error:
        logger.error("Delivery %s can't be sent: %s", row.pk, error.message)
        return Result(Happened.UNUSABLE, error.code, error.message)
    return Job(row, channel, message, target, nexts[row.pk])


def _through_breakers(jobs: list[Job]) -> tuple[list[Job], list[tuple[Job, Result]]]:
    """Keep back what goes to a target whose breaker is open; a half-open one lets its probes through."""
    passed: list[Job] = []
    held: list[tuple[Job, Result]] = []
    breakers = {target: breaker_of(target) for target in {job.target for job in jobs}}
    states = {target: breaker.state() for target, breaker in breakers.items()}
    for job in jobs:
        if states[job.target] is BreakerState.CLOSED or breakers[job.target].allow():
            passed.append(job)
        else:
            wait_s = max(1.0, breakers[job.target].retry_in())
            held.append((job, Result(Happened.BLOCKED, "breaker_open", f"{job.target} keeps failing.", wait_s=wait_s)))
    return passed, held


def _through_limits(jobs: list[Job], pace: Pace) -> tuple[list[Job], list[tuple[Job, Result]]]:
    """Ask for every job's grants in one call; who is refused comes back when their turn is."""
    user_limits = _user_limits()
    try:
        waits = limits.acquire([_demands(job, user_limits) for job in jobs])
    except TemporaryError as error:
        return [], [(job, Result(Happened.LIMITED, error.code, error.message, wait_s=LIMITS_AWAY_S)) for job in jobs]
    passed: list[Job] = []
    held: list[tuple[Job, Result]] = []
    for job, wait_s in zip(jobs, waits, strict=True):
        if wait_s == 0.0:
            passed.append(job)
            continue
        turn_s = pace.turn(job, wait_s)
        held.append((job, Result(Happened.LIMITED, "rate_limit", "Its turn comes later.", wait_s=turn_s)))
    return passed, held


def _demands(job: Job, user_limits: tuple[Limit, ...]) -> list[Demand]:
    address = job.message.address
    return [
        Demand(provider_key(job.target), job.channel.provider_limits),
        # Addresses are personal data: only their digest becomes a key.
        Demand(
            f"notify:{job.channel.name}:to:{hashlib.sha256(address.encode()).hexdigest()[:24]}",
            job.channel.limits_of(address),
        ),
        Demand(f"notify:user:{job.delivery.notification.user_id}", user_limits),
    ]


def provider_key(target: str) -> str:
    """The limit key of a provider's host, which a 429 closes."""
    return f"notify:{target}"


def _user_limits() -> tuple[Limit, ...]:
    return (
        Limit(config.get("notifications.user_per_minute"), 60),
        Limit(config.get("notifications.user_per_hour"), 3600),
    )
