"""The filters of templates; everything that could grow is bounded."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from typing import Any

from jinja2 import StrictUndefined
from markupsafe import Markup, escape

from apps.notifications.exceptions import TemplateError
from apps.notifications.templating.locales import Reader, aware
from apps.notifications.templating.variables import Moment

OUTPUT_MAX = 60_000
ITEMS_MAX = 200
_DIGITS_MAX = 12
_reader: ContextVar[Reader] = ContextVar("who reads this rendering")


@contextmanager
def reading(reader: Reader) -> Iterator[None]:
    """Figures and moments are written for `reader` meanwhile."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


def first_items(value: Any) -> Any:
    """What a loop or a join takes of a list or of a mapping's keys."""
    if isinstance(value, Mapping):
        value = list(value)
    if not isinstance(value, (list, tuple, range)):
        raise TemplateError("A loop goes over a list.")
    return value[:ITEMS_MAX]


def _default(value: Any, default: Any = "") -> Any:
    return default if isinstance(value, StrictUndefined) or value is None else value


def _join(value: Any, separator: str = "") -> Any:
    items = [str(item) if not isinstance(item, Markup) else item for item in first_items(value)]
    if sum(map(len, items)) + len(separator) * len(items) > OUTPUT_MAX:
        raise TemplateError("Joined text is too long.", code="template_too_long")
    if any(isinstance(item, Markup) for item in items):
        return escape(separator).join(items)
    return str(separator).join(items)


def _truncate(value: Any, size: int = 200) -> str:
    words = str(value)
    return words if len(words) <= size else words[: max(0, int(size) - 1)] + "…"


def _duration(seconds: Any) -> str:
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= size:
            rest = whole % size // {86_400: 3_600, 3_600: 60, 60: 1}[size]
            return f"{whole // size} {unit}" + (f" {rest} { {'d': 'h', 'h': 'min', 'min': 's'}[unit] }" if rest else "")
    return f"{whole} s"


def _moment(value: Any) -> str:
    at = value.at if isinstance(value, Moment) else aware(datetime.fromisoformat(str(value)))
    return _reader.get().moment(at)


def _round(value: Any, digits: int = 0) -> str:
    places = max(0, min(int(digits), _DIGITS_MAX))
    return _reader.get().number(Decimal(f"{float(value):.{places}f}"))


def _percent(value: Any, digits: int = 2) -> str:
    return f"{_round(float(value) * 100, digits)}\N{NO-BREAK SPACE}%"


FILTERS: dict[str, Callable[..., Any]] = {
    "default": _default,
    "join": _join,
    "truncate": _truncate,
    "duration": _duration,
    "moment": _moment,
    "round": _round,
    "percent": _percent,
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "capitalize": lambda value: str(value)[:1].upper() + str(value)[1:],
    "trim": lambda value: str(value).strip(),
    "length": len,
    "e": escape,
    "escape": escape,
}
