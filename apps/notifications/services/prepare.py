"""From leased rows to sends: what is not worth or not possible to send is settled here, at once and with its reason."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from apps.accounts.enums import UserStatus
from apps.core import limits
from apps.core.breaker import Breaker, BreakerState, troubled
from apps.core.exceptions import ArbEdgeError, TemporaryError
from apps.core.limits import Demand, Limit
from apps.notifications.channels.base import Channel
from apps.notifications.models import Attachment, Delivery, Endpoint
from apps.notifications.services.attachments import bundled
from apps.notifications.services.channels import channel_get
from apps.notifications.services.endpoints import endpoint_credentials
from apps.notifications.services.files import attached
from apps.notifications.services.flight import Job
from apps.notifications.services.journal import LIMITS, with_note
from apps.notifications.services.limits import endpoint_limits, provider_limits, user_limits
from apps.notifications.services.messages import message_make
from apps.notifications.services.quiet import CODE as QUIET
from apps.notifications.services.quiet import quiet_hold
from apps.notifications.services.results import Settled
from apps.notifications.services.routes import endpoints_next
from apps.notifications.services.states import Happened, Result
from apps.notifications.types import Attached

logger = logging.getLogger(__name__)

# Without Redis nobody knows the limits: wait for it a moment.
LIMITS_AWAY_S = 2.0


def breaker_of(target: str) -> Breaker:
    """The breaker of a provider's host, or of one address where strangers share the host."""
    return Breaker(f"notify:{target}")


def breakers_troubled(targets: Collection[str]) -> dict[str, Breaker]:
    """The breakers of those targets that have failed of late; the others are closed. One call."""
    breakers = {breaker.name: (target, breaker) for target in targets for breaker in (breaker_of(target),)}
    return dict(breakers[name] for name in troubled(breakers))


class Pace:
    """The turns of those who were refused a grant in one run.

    Without turns a crowd for one chat or one provider would all come back together, and all but one in vain. An address
    has a queue; a provider has places per window, so that a long queue for one address takes no turn from another."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}
        self._taken: Counter[tuple[str, int]] = Counter()

    def turn(self, job: Job, wait_s: float) -> float:
        """Seconds to wait: at least `wait_s`, behind those who wait for the same address, where the provider has a
        place."""
        moment = time.monotonic()
        to = f"{job.provider} {job.message.address}"
        at = max(moment + wait_s, self._free_at.get(to, 0.0))
        # Of two that are alike the one that spreads them more evenly.
        tightest = max(provider_limits(job.channel), key=lambda limit: (round(_spacing_s(limit), 6), -limit.seconds))
        window = int(at / tightest.seconds)
        while self._taken[job.provider, window] >= tightest.count:
            window += 1
        self._taken[job.provider, window] += 1
        at = max(at, window * tightest.seconds)
        self._free_at[to] = at + _behind_s(endpoint_limits(job.channel, job.message.address), wait_s)
        return at - moment


def _behind_s(limits: Sequence[Limit], wait_s: float) -> float:
    """How far behind somebody who has to wait `wait_s` the next one comes: by the shortest tier that can be the cause.
    That an hour's budget is spread over the hour does not mean that two messages can't follow each other."""
    causes = [limit for limit in limits if limit.seconds >= wait_s] or list(limits)
    return _spacing_s(min(causes, key=lambda limit: limit.seconds))


def _spacing_s(limit: Limit) -> float:
    return limit.seconds / limit.count


def deliveries_prepare(deliveries: Sequence[Delivery], *, pace: Pace, now: datetime) -> tuple[list[Settled], list[Job]]:
    """Split leased deliveries into those settled without a try and the jobs that may be sent now."""
    free, quiet = quiet_hold(deliveries, now=now)
    settled = [Settled(row, result, None) for row, result in quiet]
    jobs: list[Job] = []
    nexts = endpoints_next(free)
    bundles = bundled((row.notification.bundle for row in free), now=now)
    for row in free:
        made = _job(row, nexts, bundles.get(row.notification.bundle, ()), now)
        if isinstance(made, Job):
            jobs.append(made)
        else:
            settled.append(Settled(row, made, nexts[row.pk]))
    jobs, blocked, probed = _through_breakers(jobs)
    jobs, limited = _through_limits(jobs, pace)
    for job, _ in limited:
        if job.target in probed:
            # Nothing else would be let through until the probe has answered.
            breaker_of(job.target).unused()
    for held in (blocked, limited):
        settled += [Settled(job.delivery, result, job.next_endpoint) for job, result in held]
    return settled, jobs


def _job(
    row: Delivery, nexts: Mapping[UUID, Endpoint | None], attachments: Sequence[Attachment], now: datetime
) -> Job | Result:
    if row.notification.expires_at <= now:
        return _expired(row)
    user = row.notification.user
    # Who has yet to confirm the account's address is sent what confirms it, and nothing else.
    if not (user.is_active or (row.notification.confirms and user.status == UserStatus.PENDING)):
        return Result(Happened.UNUSABLE, "inactive_user", "The account is not active.")
    if not (row.endpoint.usable or (row.notification.confirms and row.endpoint.disabled_at is None)):
        why = row.endpoint.disabled_reason or "it is not verified"
        return Result(Happened.UNUSABLE, "endpoint_off", f"The endpoint is not in use: {why}")
    try:
        channel = channel_get(row.channel)
        message = message_make(
            delivery=row,
            channel=channel,
            credentials=endpoint_credentials(row.endpoint),
            now=now,
            files=_files(row, channel, attachments, now),
        )
        host = channel.host(row.endpoint.address)
        provider, row.provider = f"{row.channel}:{host}", host[:100]
    except ArbEdgeError as error:
        logger.error("Delivery %s can't be sent: %s", row.pk, error.message)
        return Result(Happened.UNUSABLE, error.code, error.message)
    except Exception as error:  # noqa: BLE001 (one broken row must not strand all that were leased with it)
        # The text could quote a secret, so it stays out of the row and of the log.
        logger.error("Delivery %s can't be prepared: %s", row.pk, type(error).__name__)
        return Result(Happened.UNUSABLE, "fault", f"It can't be prepared: {type(error).__name__}.")
    address = _address_scope(channel, message.address)
    target = address if channel.shared_host else provider
    tap = address if channel.shared_host or channel.own_pauses else provider
    return Job(row, channel, message, provider, target, tap, nexts[row.pk])


def _expired(row: Delivery) -> Result:
    """Too late, because of what kept it waiting where that was a limit or quiet hours: digests go by it."""
    code = row.last_error.partition(":")[0]
    why = code if code in (*LIMITS, QUIET) else "expired"
    return Result(Happened.EXPIRED, why, "It came too late to be worth sending.")


def _files(row: Delivery, channel: Channel, attachments: Sequence[Attachment], now: datetime) -> list[Attached]:
    """The files for this channel. One that can't be read goes as its link, and the delivery's log says so."""
    files = [attached(one, read=channel.carries is not None) for one in attachments]
    for one in files:
        if channel.carries is not None and one.content is None:
            reason = f"{one.filename} could not be read from the storage."
            row.notes = with_note(row.notes, "attachment_missing", reason, at=now)
    return files


def _address_scope(channel: Channel, address: str) -> str:
    # Addresses are personal data: only their digest becomes a key.
    return f"{channel.name}:to:{hashlib.sha256(address.encode()).hexdigest()[:24]}"


def _through_breakers(jobs: list[Job]) -> tuple[list[Job], list[tuple[Job, Result]], set[str]]:
    """Keep back what goes to a target whose breaker is open; a half-open one lets its probes through. Also says which
    targets are being probed."""
    passed: list[Job] = []
    held: list[tuple[Job, Result]] = []
    breakers = breakers_troubled({job.target for job in jobs})
    # The targets whose breakers are not closed.
    guarded = {target for target, breaker in breakers.items() if breaker.state() is not BreakerState.CLOSED}
    for job in jobs:
        if job.target not in guarded or breakers[job.target].allow():
            passed.append(job)
        else:
            wait_s = max(1.0, breakers[job.target].retry_in())
            held.append(
                (job, Result(Happened.BLOCKED, "breaker_open", f"{job.provider} keeps failing.", wait_s=wait_s))
            )
    return passed, held, {job.target for job in passed} & guarded


def _through_limits(jobs: list[Job], pace: Pace) -> tuple[list[Job], list[tuple[Job, Result]]]:
    """Ask for every job's grants in one call; who is refused comes back when their turn is."""
    of_users = user_limits()
    try:
        waits = limits.acquire([_demands(job, of_users) for job in jobs])
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


def _demands(job: Job, of_users: tuple[Limit, ...]) -> list[Demand]:
    address = job.message.address
    return [
        Demand(limit_key(job.provider), provider_limits(job.channel)),
        Demand(limit_key(_address_scope(job.channel, address)), endpoint_limits(job.channel, address)),
        Demand(f"notify:user:{job.delivery.notification.user_id}", of_users),
    ]


def limit_key(scope: str) -> str:
    """The limit key of a provider's host or of an address; a 429 closes the one that is the job's tap."""
    return f"notify:{scope}"
