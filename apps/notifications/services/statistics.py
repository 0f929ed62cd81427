"""Counting deliveries hour by hour. An hour is always counted as a whole and its numbers replaced: never twice."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min

from apps.notifications.models import DeliveryStatistic, Notification, StatisticsHour
from apps.notifications.services.profiles import profile
from apps.notifications.statistics.cells import COUNTS, Cell, Place
from apps.notifications.statistics.counting import cells_count
from apps.notifications.statistics.stored import cells_stored

logger = logging.getLogger(__name__)

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# So long after an hour nobody is still writing down what ended in it.
SETTLE: Final = timedelta(minutes=10)
# After a long pause the next runs go on.
HOURS_PER_RUN: Final = 48
# Of each hour the hosts with the most deliveries are kept apart: anybody may have a webhook somewhere.
PROVIDERS_MAX: Final = 100
OTHERS: Final = "(others)"
# The running hour is counted again after so many times the seconds that it took: at most 5 % of one process.
REST: Final = 20
_PRUNED_AT_ONCE: Final = 200


def statistics_roll(*, now: datetime) -> int:
    """Count the hours that need it, oldest first; returns how many. Any number of processes may, at any time."""
    hours = list(islice(_hours_to_roll(now), HOURS_PER_RUN))
    for hour in hours:
        _roll(hour, now)
    for day in sorted({hour.replace(hour=0) for hour in hours}):
        _add_up(day)
    return len(hours)


def statistics_reopen(*, ended_at: datetime | None, until: datetime) -> None:
    """What belongs to the hour of `ended_at` (when a message ended) changes until `until`: count it anew."""
    if ended_at is not None:
        mine = StatisticsHour.objects.filter(hour=hour_of(ended_at), final_at__lt=until + SETTLE)
        mine.update(final_at=until + SETTLE)


def statistics_prune(*, now: datetime) -> int:
    """Delete the hours past the profile's `statistics_days`; returns how many."""
    old = StatisticsHour.objects.filter(hour__lt=now - timedelta(days=profile().statistics_days)).order_by("hour")
    deleted = 0
    while True:
        with transaction.atomic():
            hours = list(old.values_list("hour", flat=True)[:_PRUNED_AT_ONCE])
            if hours:
                DeliveryStatistic.objects.filter(hour__lte=hours[-1]).delete()
            StatisticsHour.objects.filter(hour__in=hours).delete()
        deleted += len(hours)
        if len(hours) < _PRUNED_AT_ONCE:
            return deleted


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _hours_to_roll(now: datetime) -> Iterator[datetime]:
    """Those not yet final, those never counted, and the one that is running."""
    running = hour_of(now)
    floor = hour_of(now - timedelta(days=min(settings.NOTIFICATION_DAYS, profile().statistics_days))) + HOUR
    # Not later than now: a replay's clock may be years behind the newest hour.
    counted = StatisticsHour.objects.filter(hour__lte=running).order_by("-hour")
    newest = counted.values_list("hour", flat=True).first()
    if newest is None:
        first = Notification.objects.filter(finished_at__gte=floor).aggregate(at=Min("finished_at"))["at"]
        newest = hour_of(first or now) - HOUR
    open_ones = StatisticsHour.objects.filter(hour__gte=floor, rolled_at__lt=F("final_at"))
    for row in open_ones.order_by("hour"):
        # A heavy hour that is still open must not be counted all the time.
        if row.rolled_at > now or now >= row.rolled_at + timedelta(seconds=REST * row.took_s):
            yield row.hour
    hour = max(newest + HOUR, floor)
    while hour <= running:
        yield hour
        hour += HOUR


def _roll(hour: datetime, now: datetime) -> None:
    # Read first, write then: a count takes seconds, for which no writer should have to wait.
    began = time.monotonic()
    cells = _few_providers(cells_count(start=hour, end=hour + HOUR))
    took_s = time.monotonic() - began
    with transaction.atomic():
        first = {"rolled_at": now, "took_s": took_s, "final_at": hour + HOUR + SETTLE}
        kept, made = StatisticsHour.objects.select_for_update().get_or_create(pk=hour, defaults=first)
        if not made:
            if kept.rolled_at > now and kept.rolled_at - now < HOUR:
                # Somebody looked later than we did, and was faster. (Further ahead: a replay's clock was set back.)
                return
            kept.rolled_at, kept.took_s = now, took_s
            kept.save(update_fields=["rolled_at", "took_s"])
        _replace(1, hour, cells)
    logger.info("Deliveries of %s counted in %.2f s: %d rows", hour.isoformat(), took_s, len(cells))


def _add_up(day: datetime) -> None:
    """The day from its hours: reports on months would have to add up too many."""
    with transaction.atomic():
        # One at a time: who waits here sees what the one before has written.
        list(StatisticsHour.objects.select_for_update().filter(hour__gte=day, hour__lt=day + DAY).order_by("hour"))
        cells: dict[Place, Cell] = defaultdict(Cell)
        for place, cell in cells_stored(hours=1, start=day, end=day + DAY):
            cells[place._replace(hour=day)].add(cell)
        _replace(24, day, _few_providers(cells))


def _replace(hours: int, start: datetime, cells: Mapping[Place, Cell]) -> None:
    DeliveryStatistic.objects.filter(hours=hours, hour=start).delete()
    rows = [_row(hours, place, cell) for place, cell in cells.items()]
    DeliveryStatistic.objects.bulk_create(rows, batch_size=200)


def _few_providers(cells: Mapping[Place, Cell]) -> dict[Place, Cell]:
    """The same with all but the busiest providers put together."""
    busy: Counter[str] = Counter()
    for place, cell in cells.items():
        busy[place.provider] += cell.deliveries + cell.attempts
    if len(busy) <= PROVIDERS_MAX:
        return dict(cells)
    # By name where they are equally busy, so that counting again gives the same.
    kept = set(sorted(busy, key=lambda name: (-busy[name], name))[:PROVIDERS_MAX])
    folded: dict[Place, Cell] = {}
    for place, cell in cells.items():
        into = place if place.provider in kept else place._replace(provider=OTHERS)
        folded.setdefault(into, Cell()).add(cell)
    return folded


def _row(hours: int, place: Place, cell: Cell) -> DeliveryStatistic:
    return DeliveryStatistic(
        hours=hours,
        **place._asdict(),
        **{name: getattr(cell, name) for name in COUNTS},
        reasons=dict(cell.reasons),
        errors=dict(cell.errors),
        latency=cell.latency.exact(),
        latency_buckets=cell.latency.packed(),
        calls=cell.calls.exact(),
        calls_buckets=cell.calls.packed(),
    )
