"""What became of deliveries in a span: totals, by channel, provider and template, over time, and against the equal span
before it. Everybody's are read from the counted hours, one person's own are counted from their rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Max

from apps.core import clock
from apps.notifications.models import StatisticsHour
from apps.notifications.statistics.cells import Cell, Place
from apps.notifications.statistics.counting import cells_count
from apps.notifications.statistics.stored import cells_stored

# Of channels, providers, templates and codes those with the most.
ROWS_MAX: Final = 50


class Step(StrEnum):
    """How long each point of a series is."""

    HOUR = "hour"
    DAY = "day"

    @property
    def hours(self) -> int:
        """How many hours it has."""
        return 1 if self is Step.HOUR else 24

    @property
    def length(self) -> timedelta:
        """As a duration; days are UTC's."""
        return timedelta(hours=self.hours)

    @property
    def span_max(self) -> timedelta:
        """The longest span that is told in such steps."""
        return timedelta(days=7 if self is Step.HOUR else 92)

    def begins(self, moment: datetime) -> datetime:
        """The beginning of the step that a moment lies in."""
        hour = moment.replace(minute=0, second=0, microsecond=0)
        return hour if self is Step.HOUR else hour.replace(hour=0)


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` until before `until`, both at the beginning of a step."""

    since: datetime
    until: datetime
    step: Step

    @classmethod
    def around(cls, since: datetime, until: datetime, step: Step) -> "Span":
        """The shortest one in whole steps that has both moments in it or at its end."""
        end = step.begins(until)
        return cls(step.begins(since), end if end == until else end + step.length, step)

    @property
    def before(self) -> datetime:
        """Where the equal span before it begins."""
        return self.since - (self.until - self.since)

    def steps(self) -> Iterator[datetime]:
        """The beginning of each."""
        at = self.since
        while at < self.until:
            yield at
            at += self.step.length


@dataclass(frozen=True, slots=True)
class Filters:
    """Only what has exactly these; None: whatever it has."""

    channel: str | None = None
    provider: str | None = None
    template: str | None = None

    def wanted(self) -> dict[str, str]:
        """Those that are set."""
        named = {"channel": self.channel, "provider": self.provider, "template": self.template}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(slots=True)
class Compared:
    """What was counted in a span, and in the equal one before it."""

    name: str
    now: Cell = field(default_factory=Cell)
    before: Cell = field(default_factory=Cell)


@dataclass(frozen=True, slots=True)
class Troubles:
    """How often there was one kind of trouble in the span and in the one before it, and its most frequent codes."""

    trouble: str
    count: int
    before: int
    share: float
    codes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Point:
    """What was counted in the step that begins `at`."""

    at: datetime
    counted: Cell


@dataclass(frozen=True, slots=True)
class Report:
    """`scope`: "all", or one's "own". `as_of`: what ended until then is counted, None where nothing ever was."""

    scope: str
    span: Span
    as_of: datetime | None
    total: Compared
    channels: list[Compared]
    providers: list[Compared]
    templates: list[Compared]
    series: list[Point]
    reasons: list[Troubles]
    errors: list[Troubles]


def report(*, span: Span, filters: Filters, user_id: UUID | None = None) -> Report:
    """The report on everybody's deliveries (two queries), or on those of one person (two as well)."""
    if user_id is None:
        found = cells_stored(hours=span.step.hours, start=span.before, end=span.until, **filters.wanted())
        as_of = StatisticsHour.objects.aggregate(at=Max("rolled_at"))["at"]
    else:
        counted = cells_count(start=span.before, end=span.until, user_id=user_id)
        found = ((place, cell) for place, cell in counted.items() if _has(place, filters))
        as_of = clock.now()
    total = Compared("")
    by: dict[str, dict[str, Compared]] = {"channel": {}, "provider": {}, "template": {}}
    series = {at: Cell() for at in span.steps()}
    for place, cell in found:
        ours = [names.setdefault(name := getattr(place, kind), Compared(name)) for kind, names in by.items()]
        for compared in (total, *ours):
            (compared.now if place.hour >= span.since else compared.before).add(cell)
        if place.hour >= span.since:
            series[span.step.begins(place.hour)].add(cell)
    return Report(
        scope="all" if user_id is None else "own",
        span=span,
        as_of=as_of,
        total=total,
        channels=_busiest(by["channel"].values()),
        providers=_busiest(by["provider"].values()),
        templates=_busiest(by["template"].values()),
        series=[Point(at, cell) for at, cell in series.items()],
        reasons=_troubles(total.now.reasons, total.before.reasons),
        errors=_troubles(total.now.errors, total.before.errors),
    )


def _has(place: Place, filters: Filters) -> bool:
    return all(getattr(place, name) == value for name, value in filters.wanted().items())


def _busiest(found: Iterable[Compared]) -> list[Compared]:
    """Those of this span; what has only been before it is in the total alone."""
    present = [one for one in found if one.now.deliveries or one.now.attempts]
    return sorted(present, key=lambda one: (-one.now.deliveries, -one.now.attempts, one.name))[:ROWS_MAX]


def _troubles(now: Counter[str], before: Counter[str]) -> list[Troubles]:
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    earlier: Counter[str] = Counter()
    for key, count in now.items():
        trouble, _, code = key.partition("/")
        codes[trouble][code] += count
    for key, count in before.items():
        earlier[key.partition("/")[0]] += count
    everything = now.total()
    found = [
        Troubles(
            trouble=trouble,
            count=(count := codes[trouble].total()),
            before=earlier[trouble],
            share=count / everything if everything else 0.0,
            codes=dict(codes[trouble].most_common(ROWS_MAX)),
        )
        for trouble in {*codes, *earlier}
    ]
    return sorted(found, key=lambda one: (-one.count, -one.before, one.trouble))
