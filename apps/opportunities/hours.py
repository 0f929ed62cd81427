"""When a person trades, by the clocks of their own time zone. Pure."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apps.accounts.profile import zone_or_utc


def in_hours(now: datetime, *, timezone: str, starts: time | None, ends: time | None, days: Collection[int]) -> bool:
    """Whether `now` is in the hours from `starts` to the next `ends` that begin on one of `days` (ISO; empty: all).

    Without hours the whole day counts. Hours over midnight belong to the day on which they began."""
    zone = zone_or_utc(timezone)
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        if days and day.isoweekday() not in days:
            continue
        begun = _at(day, starts or time.min, zone)
        overnight = starts is None or ends is None or ends <= starts
        over = _at(day + timedelta(days=1) if overnight else day, ends or time.min, zone)
        if begun <= now < over:
            return True
    return False


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)
