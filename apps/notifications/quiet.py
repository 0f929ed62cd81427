"""Quiet hours: when a person does not want to be disturbed, in their own time zone. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from apps.notifications.templating.locales import zone_of

EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `starts` to the next `ends` by the clocks of `zone` (an IANA name, else UTC), on nights that begin on one of
    `days` (ISO: Monday is 1)."""

    zone: str
    starts: time
    ends: time
    days: Collection[int] = EVERY_DAY

    def until(self, now: datetime) -> datetime | None:
        """When the quiet that `now` lies in ends (UTC); None where it is not quiet.

        Where clocks are put forward over `ends`, quiet ends by the clock before the change, an hour later on the new
        one; where they are put back, at the first of the two."""
        zone = zone_of(self.zone)
        today = now.astimezone(zone).date()
        # What began yesterday may still last.
        for day in (today - timedelta(days=1), today):
            if day.isoweekday() not in self.days:
                continue
            last = day if self.ends > self.starts else day + timedelta(days=1)
            begun = datetime.combine(day, self.starts, zone).astimezone(UTC)
            over = datetime.combine(last, self.ends, zone).astimezone(UTC)
            if begun <= now < over:
                return over
        return None
