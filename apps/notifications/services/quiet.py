"""Holding back what falls into its reader's quiet hours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.notifications.enums import Held, Priority
from apps.notifications.models import Delivery, ReachPreferences
from apps.notifications.quiet import EVERY_DAY, QuietHours
from apps.notifications.services.states import Happened, Result
from apps.notifications.templating.locales import zone_of

CODE = "quiet_hours"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Somebody's quiet hours at this moment: until when, in whose time, and what becomes of messages."""

    until: datetime
    zone: str
    policy: Held
    critical_anyway: bool


def quiet_now(user_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Quiet]:
    """Those of the people whose quiet hours it is. One query."""
    rows = ReachPreferences.objects.filter(user_id__in=set(user_ids), quiet_from__isnull=False).select_related("user")
    found = {}
    for row in rows:
        until = hours_of(row).until(now)
        if until is not None:
            found[row.user_id] = Quiet(
                until, zone_of(row.user.timezone).key, Held(row.quiet_policy), row.critical_anyway
            )
    return found


def hours_of(preferences: ReachPreferences) -> QuietHours:
    """The quiet hours of preferences that have some, with their user loaded."""
    starts, ends = preferences.quiet_from, preferences.quiet_to
    assert starts is not None and ends is not None
    return QuietHours(preferences.user.timezone, starts, ends, frozenset(preferences.quiet_days) or EVERY_DAY)


def quiet_hold(
    deliveries: Sequence[Delivery], *, now: datetime
) -> tuple[list[Delivery], list[tuple[Delivery, Result]]]:
    """Deliveries that may go on, and those held back with what becomes of them.

    What somebody asked for by hand (a code, a test) and what is meant for a group is not held back."""
    quiet = quiet_now((row.notification.user_id for row in deliveries), now=now)
    free: list[Delivery] = []
    held: list[tuple[Delivery, Result]] = []
    for row in deliveries:
        result = _held(row, quiet, now)
        if result is None:
            free.append(row)
        else:
            held.append((row, result))
    return free, held


def _held(row: Delivery, quiet: Mapping[UUID, Quiet], now: datetime) -> Result | None:
    found = quiet.get(row.notification.user_id)
    if found is None or row.notification.to_endpoint_id is not None:
        return None
    if found.critical_anyway and row.priority == Priority.CRITICAL:
        return None
    ends = found.until.astimezone(zone_of(found.zone)).strftime("%H:%M")
    if found.policy is Held.DROP:
        return Result(Happened.EXPIRED, CODE, f"Not sent: quiet hours until {ends} ({found.zone}).")
    wait_s = (found.until - now).total_seconds()
    return Result(Happened.HELD, CODE, f"Held: quiet hours until {ends} ({found.zone}).", wait_s=wait_s)
