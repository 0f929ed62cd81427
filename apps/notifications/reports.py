"""When a person's next report is due, by the clocks of their own time zone."""

from datetime import UTC, datetime, time, timedelta

from apps.notifications.enums import Report
from apps.notifications.models import ReachPreferences
from apps.notifications.templating.locales import zone_of


def next_report(preferences: ReachPreferences, timezone: str, *, after: datetime) -> datetime | None:
    """The first moment after `after` at which a report is due (UTC); None where none is wanted.

    An hour that the clocks skip that day comes with the change, one that they repeat comes once."""
    if preferences.report == Report.OFF:
        return None
    zone = zone_of(timezone)
    day = after.astimezone(zone).date()
    for ahead in range(9):
        date = day + timedelta(days=ahead)
        if preferences.report == Report.WEEKLY and date.isoweekday() != preferences.report_day:
            continue
        moment = datetime.combine(date, time(preferences.report_hour), tzinfo=zone).astimezone(UTC)
        if moment > after:
            return moment
    raise AssertionError("every week has each of its days")
