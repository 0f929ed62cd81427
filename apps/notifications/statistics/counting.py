"""Cells counted from rows, by the database: what comes back grows with the kinds of things, not with deliveries.

A delivery is counted in the hour in which its message ended, together with all its tries: from then on nothing of it
changes, unless it is sent again or bounces."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Count,
    F,
    FloatField,
    Func,
    IntegerField,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Ceil, Coalesce, Greatest, Ln, StrIndex, Substr

from apps.notifications.enums import DeliveryState, NotificationState, Outcome
from apps.notifications.models import Delivery, DeliveryAttempt
from apps.notifications.statistics.categories import trouble_of
from apps.notifications.statistics.cells import Cell, Place
from apps.notifications.statistics.spread import LN_GAMMA

_ENDED: Final = (NotificationState.DELIVERED, NotificationState.EXPIRED, NotificationState.DEAD)
_GIVEN_UP: Final = (DeliveryState.FAILED, DeliveryState.DEAD, DeliveryState.EXPIRED)
_CODE: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_CHUNK: Final = 2000


class _Elapsed(Func):
    """Whole microseconds from the second moment to the first, exactly; 0 where a clock was set back meanwhile."""

    output_field = BigIntegerField()
    arity = 2

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Their difference is an interval."""
        template = "GREATEST(0, (EXTRACT(EPOCH FROM (%(expressions)s)) * 1000000)::bigint)"
        return super().as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Moments are texts, whose fractions strftime rounds; Django's own difference calls Python for each row."""
        (ends, ends_given), (begins, begins_given) = map(compiler.compile, self.source_expressions)
        micros = "(strftime('%%%%s', substr({0}, 1, 19)) * 1000000 + CAST(substr({0}, 21, 6) AS INTEGER))"
        given = (*ends_given, *ends_given, *begins_given, *begins_given)
        return f"MAX(0, {micros.format(ends)} - {micros.format(begins)})".replace("%%%%", "%%"), given


class _Hours(Func):
    """Whole hours since 1970."""

    output_field = IntegerField()
    arity = 1

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Rounded down: what was before 1970 is never asked for."""
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 3600)::int"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Django's own truncation calls Python for each row."""
        template = "(strftime('%%%%s', substr(%(expressions)s, 1, 19)) / 3600)"
        return super().as_sql(compiler, connection, template=template, **context)


def cells_count(*, start: datetime, end: datetime, user_id: UUID | None = None) -> dict[Place, Cell]:
    """What became of the messages that ended from `start` until before `end` (everybody's, or one person's), by hour.

    Two queries."""
    cells: dict[Place, Cell] = defaultdict(Cell)
    _deliveries(cells, _within(Delivery.objects.all(), "notification", start, end, user_id))
    _attempts(cells, _within(DeliveryAttempt.objects.all(), "delivery__notification", start, end, user_id))
    return dict(cells)


def _within(rows: Any, notification: str, start: datetime, end: datetime, user_id: UUID | None) -> Any:
    wanted: dict[str, Any] = {
        f"{notification}__state__in": _ENDED,
        f"{notification}__finished_at__gte": start,
        f"{notification}__finished_at__lt": end,
    }
    if user_id is not None:
        wanted[f"{notification}__user"] = user_id
    hour = _Hours(F(f"{notification}__finished_at"))
    return rows.filter(**wanted).order_by().annotate(of_hour=hour, words=F(f"{notification}__template"))


def _deliveries(cells: dict[Place, Cell], rows: QuerySet[Delivery]) -> None:
    due = Coalesce("notification__send_at", "notification__created_at")
    took = _only(Q(state=DeliveryState.DELIVERED), _Elapsed(F("finished_at"), due))
    colon = StrIndex("last_error", Value(":"))
    code = Case(
        When(~Q(state__in=_GIVEN_UP), then=Value("")),
        When(last_error__contains=":", then=Substr("last_error", 1, colon - 1)),
        default=F("last_error"),
        output_field=CharField(),
    )
    asked = rows.filter(state__in=(DeliveryState.DELIVERED, *_GIVEN_UP)).annotate(took=took, of_code=code)
    for row in _grouped(asked, "channel", "provider", "state", retried=Count("pk", filter=Q(attempts__gt=1))):
        cell = cells[_place(row)]
        setattr(cell, row["state"], getattr(cell, row["state"]) + row["n"])
        cell.retried += row["retried"]
        if row["state"] in _GIVEN_UP:
            cell.reasons[_named(row["of_code"], "")] += row["n"]
        if row["bucket"] is not None:
            cell.latency.take(row["bucket"], row["n"], sum_us=row["sum_us"], min_us=row["min_us"], max_us=row["max_us"])


def _attempts(cells: dict[Place, Cell], rows: QuerySet[DeliveryAttempt]) -> None:
    # A bounce is news of an old try and no other one, and what was lost was not seen to end: neither took any time.
    took = _only(Q(finished_at__gt=F("started_at")), _Elapsed(F("finished_at"), F("started_at")))
    news = Q(finished_at=F("started_at"), outcome__in=(Outcome.PERMANENT, Outcome.TEMPORARY))
    asked = rows.annotate(
        took=took, of_code=F("code"), channel=F("delivery__channel"), provider=F("delivery__provider")
    )
    for row in _grouped(asked, "channel", "provider", "outcome", news=Count("pk", filter=news)):
        cell = cells[_place(row)]
        cell.attempts += row["n"] - row["news"]
        if row["outcome"] != Outcome.DELIVERED:
            cell.errors[_named(row["of_code"], row["outcome"])] += row["n"]
        if row["bucket"] is not None:
            cell.calls.take(row["bucket"], row["n"], sum_us=row["sum_us"], min_us=row["min_us"], max_us=row["max_us"])


def _place(row: dict[str, Any]) -> Place:
    at = datetime.fromtimestamp(3600 * row["of_hour"], UTC)
    return Place(at, row["channel"], row["provider"], row["words"])


def _only(condition: Q, took: _Elapsed) -> Case:
    return Case(When(condition, then=took), default=None, output_field=BigIntegerField())


def _grouped(rows: Any, *by: str, **more: Any) -> Iterator[dict[str, Any]]:
    least = Greatest(F("took"), Value(1, BigIntegerField()))
    bucket = Cast(Ceil(Ln(Cast(least, FloatField())) / Value(LN_GAMMA)), IntegerField())
    # Greatest of nothing is one on PostgreSQL and nothing on SQLite.
    counted = rows.annotate(bucket=Case(When(took__isnull=False, then=bucket), default=None))
    groups = counted.values("of_hour", "words", "of_code", "bucket", *by).annotate(
        n=Count("pk"), sum_us=Sum("took"), min_us=Min("took"), max_us=Max("took"), **more
    )
    found: Iterator[dict[str, Any]] = groups.iterator(chunk_size=_CHUNK)
    return found


def _named(code: str, outcome: str) -> str:
    told = code if _CODE.fullmatch(code) else "unknown"
    return f"{trouble_of(told, outcome)}/{told}"
