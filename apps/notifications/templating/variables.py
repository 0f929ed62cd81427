"""What a template may name: declared variables with a type, checked when words are stored and when they are filled.

A required value that is missing, empty or of another type is an error that says its name; there is never a hole."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from apps.notifications.exceptions import TemplateError
from apps.notifications.templating.locales import FALLBACK, Reader, aware, reader_of

VARIABLES_MAX = 60
ITEMS_MAX = 200
TEXT_MAX = 4_000
URL_MAX = 2_000
# What every template may name besides its own: see `services.messages`.
GIVEN = frozenset({"origin", "elapsed_s", "feedback", "buttons"})
_RESERVED = GIVEN | {"range", "loop", "true", "false", "none", "super"}
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
_KEYS = frozenset({"name", "type", "required", "format", "example", "items", "description"})
# The escape, and no backslash with these letters behind it.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_NUMBER_FORMAT = re.compile(r"^[#,]{0,8}0{1,3}(\.0{0,12}#{0,12})?[ \u00a0]?%?$")
# Our own facts are written for people, with commas between thousands.
_FIGURE = re.compile(r"^[+-]?(\d{1,3}(,\d{3}){1,8}|\d{1,28})(\.\d{1,18})?$")
_MONEY = re.compile(r"^(?P<figure>[+-]?[\d,.]+)[ \u00a0](?P<currency>\S{1,20})$")
_CURRENCY = re.compile(r"^[A-Z][A-Z0-9]{1,9}$")
_URL = re.compile(r"^https?://[^\s<>\"'`\\]+$")
_STYLES = frozenset({"", "short", "medium", "long", "full"})


class Number(float):
    """A figure that prints as its reader writes it, and counts as the number it is."""

    __slots__ = ("exact", "form", "reader", "unit")
    exact: Decimal
    form: str
    reader: Reader
    unit: str

    @classmethod
    def of(cls, exact: Decimal, reader: Reader, form: str = "", unit: str = "") -> Self:
        """`form` is a CLDR pattern, `unit` a currency that is put behind."""
        made = cls(exact)
        made.exact, made.reader, made.form, made.unit = exact, reader, form, unit
        return made

    def __str__(self) -> str:
        shown = self.reader.number(self.exact, self.form)
        return f"{shown} {self.unit}" if self.unit else shown


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment that prints in its reader's zone."""

    at: datetime
    reader: Reader
    style: str = ""

    def __str__(self) -> str:
        return self.reader.moment(self.at, self.style)


@dataclass(frozen=True, slots=True)
class Day:
    """A date that prints as its reader writes it."""

    day: date
    reader: Reader
    style: str = ""

    def __str__(self) -> str:
        return self.reader.day(self.day, self.style)


@dataclass(frozen=True, slots=True)
class Variable:
    """One declaration. `items` are the types of a list's items: one for all, or one by the name of each field."""

    name: str
    type: str
    required: bool = True
    format: str = ""
    example: Any = None
    items: str | Mapping[str, str] = "text"
    description: str = ""

    def dumped(self) -> dict[str, Any]:
        """The JSON it is stored as."""
        dumped = {"name": self.name, "type": self.type, "required": self.required, "format": self.format}
        dumped |= {"example": self.example, "description": self.description}
        if self.type == "list":
            dumped["items"] = self.items if isinstance(self.items, str) else dict(self.items)
        return dumped


def declared(raw: Any) -> tuple[Variable, ...]:
    """The declarations in `raw` (JSON). TemplateError(code="template_variables") names the one that is none."""
    if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) > VARIABLES_MAX:
        raise _misdeclared(f"Variables are a list of at most {VARIABLES_MAX} objects with name, type and example.")
    variables = tuple(_declaration(one) for one in raw)
    names = [variable.name for variable in variables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _misdeclared(f"The variable {twice[0]!r} is declared twice.")
    return variables


def examples(variables: Sequence[Variable], *, only_required: bool = False) -> dict[str, Any]:
    """Facts made of the examples."""
    return {one.name: one.example for one in variables if one.required or not only_required}


def filled(variables: Sequence[Variable], facts: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """The values of the declared variables, ready to be printed for `reader`; facts that nobody declared are left out.

    TemplateError(code="template_variable") names what is missing or of another type."""
    return {one.name: value for one in variables if (value := _value(one, facts.get(one.name), reader)) is not None}


def _value(variable: Variable, raw: Any, reader: Reader) -> Any:
    if raw is None or raw == "" or raw == []:
        if variable.required:
            raise TemplateError(
                f"The message has no value for {variable.name!r} ({variable.type}), which its template needs.",
                code="template_variable",
            )
        return raw
    try:
        return TYPES[variable.type](raw, variable, reader)
    except ValueError as error:
        raise TemplateError(
            f"The value of {variable.name!r} is no {variable.type}: {error}.", code="template_variable"
        ) from None


def _declaration(raw: Any) -> Variable:
    if not isinstance(raw, Mapping):
        raise _misdeclared("A variable is an object with name, type and example.")
    name = raw.get("name")
    if not isinstance(name, str) or not _NAME.match(name) or name in _RESERVED:
        raise _misdeclared(f"{name!r} is no name for a variable: lower-case letters, digits and _, and not reserved.")
    unknown = sorted(set(raw) - _KEYS)
    if unknown:
        raise _misdeclared(f"The variable {name!r} has {unknown[0]!r}, which means nothing.")
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise _misdeclared(f"The variable {name!r} has the type {kind!r}; use one of {', '.join(TYPES)}.")
    variable = Variable(
        name=name,
        type=kind,
        required=raw.get("required", True),
        format=raw.get("format", ""),
        example=raw.get("example"),
        items=raw.get("items", "text"),
        description=raw.get("description", ""),
    )
    _check(variable)
    return variable


def _check(variable: Variable) -> None:
    name = variable.name
    if not isinstance(variable.required, bool):
        raise _misdeclared(f"The variable {name!r} is required or not: true or false.")
    if not isinstance(variable.format, str) or not _FORMATS.get(variable.type, _no_format)(variable.format):
        raise _misdeclared(f"The variable {name!r} has a format that no {variable.type} has.")
    if not isinstance(variable.description, str) or len(variable.description) > TEXT_MAX:
        raise _misdeclared(f"The description of {name!r} is a text.")
    if variable.type == "list":
        _check_items(variable)
    # PostgreSQL stores none.
    if _NUL.search(json.dumps([variable.example, variable.description])):
        raise _misdeclared(f"The variable {name!r} has a text with a NUL character.")
    if variable.example is None or variable.example in ("", []):
        raise _misdeclared(f"The variable {name!r} needs an example: the words are tried with it.")
    try:
        TYPES[variable.type](variable.example, variable, reader_of(FALLBACK))
    except ValueError as error:
        raise _misdeclared(f"The example of {name!r} is no {variable.type}: {error}.") from None


def _check_items(variable: Variable) -> None:
    items = variable.items
    kinds = items.values() if isinstance(items, Mapping) else (items,)
    names = items if isinstance(items, Mapping) else ()
    if any(not isinstance(kind, str) or kind not in TYPES or kind == "list" for kind in kinds) or not all(
        isinstance(name, str) and _NAME.match(name) for name in names
    ):
        raise _misdeclared(f"The items of {variable.name!r} are a type or types by field name, and no lists.")


def _misdeclared(words: str) -> TemplateError:
    return TemplateError(words, code="template_variables")


# --- types -----------------------------------------------------------------------------------------------------------


def _decimal(raw: Any) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
        raise ValueError("it is not a number")
    text = str(raw)
    if isinstance(raw, str) and not _FIGURE.match(text):
        raise ValueError("write digits with a point before the decimals")
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise ValueError("it is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError("it is not a number of sensible size")
    return number


def _text(raw: Any, variable: Variable, _: Reader) -> str:
    if not isinstance(raw, str):
        raise ValueError("it is not text")
    if len(raw) > TEXT_MAX:
        raise ValueError(f"it has more than {TEXT_MAX:,} characters")
    if variable.format == "line" and not raw.isprintable():
        raise ValueError("it has a line break or a control character")
    if not raw.strip() and variable.required:
        raise ValueError("it is blank")
    return raw


def _number(raw: Any, variable: Variable, reader: Reader) -> Number:
    return Number.of(_decimal(raw), reader, variable.format)


def _integer(raw: Any, variable: Variable, reader: Reader) -> Number:
    number = _decimal(raw)
    if number != number.to_integral_value():
        raise ValueError("it is not whole")
    return Number.of(number.to_integral_value(), reader, variable.format)


def _percent(raw: Any, variable: Variable, reader: Reader) -> Number:
    return Number.of(_decimal(raw), reader, variable.format or "#,##0.00\N{NO-BREAK SPACE}%")


def _money(raw: Any, variable: Variable, reader: Reader) -> Number:
    if variable.format:
        return Number.of(_decimal(raw), reader, unit=variable.format)
    match = _MONEY.match(raw) if isinstance(raw, str) else None
    if match is None:
        raise ValueError("write the figure and its currency, like 3.00 USDT, or declare the currency as its format")
    return Number.of(_decimal(match["figure"]), reader, unit=match["currency"])


def _moment(raw: Any, variable: Variable, reader: Reader) -> Moment:
    if not isinstance(raw, str):
        raise ValueError("it is not an ISO 8601 time")
    try:
        return Moment(aware(datetime.fromisoformat(raw)), reader, variable.format)
    except ValueError:
        raise ValueError("it is not an ISO 8601 time") from None


def _day(raw: Any, variable: Variable, reader: Reader) -> Day:
    if not isinstance(raw, str):
        raise ValueError("it is not an ISO 8601 date")
    try:
        return Day(date.fromisoformat(raw), reader, variable.format)
    except ValueError:
        raise ValueError("it is not an ISO 8601 date") from None


def _url(raw: Any, variable: Variable, _: Reader) -> str:
    if not isinstance(raw, str) or len(raw) > URL_MAX or not _URL.match(raw):
        raise ValueError("it is not an http or https address")
    if variable.format == "https" and not raw.startswith("https://"):
        raise ValueError("it is not an https address")
    return raw


def _boolean(raw: Any, _variable: Variable, _reader: Reader) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("it is neither true nor false")
    return raw


def _list(raw: Any, variable: Variable, reader: Reader) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > ITEMS_MAX:
        raise ValueError(f"it is not a list of at most {ITEMS_MAX} items")
    return [_item(one, variable, reader, place) for place, one in enumerate(raw)]


def _item(raw: Any, variable: Variable, reader: Reader, place: int) -> Any:
    items = variable.items
    if isinstance(items, str):
        return _inner(raw, items, reader, f"item {place}")
    if not isinstance(raw, Mapping):
        raise ValueError(f"item {place} is not an object")
    return {name: _inner(raw.get(name), kind, reader, f"{name} of item {place}") for name, kind in items.items()}


def _inner(raw: Any, kind: str, reader: Reader, what: str) -> Any:
    try:
        return TYPES[kind](raw, Variable(name="item", type=kind), reader)
    except ValueError as error:
        raise ValueError(f"{what} is no {kind}: {error}") from None


TYPES: dict[str, Callable[[Any, Variable, Reader], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "percent": _percent,  # a fraction: 0.003 is 0.30 %
    "money": _money,
    "datetime": _moment,
    "date": _day,
    "duration": _number,  # seconds, for the filter `duration`
    "url": _url,
    "boolean": _boolean,
    "list": _list,
}
TYPE_NAMES = tuple(sorted(TYPES))


def _no_format(form: str) -> bool:
    return form == ""


def _number_format(form: str) -> bool:
    return not form or _NUMBER_FORMAT.match(form) is not None


_FORMATS: dict[str, Callable[[str], bool]] = {
    "text": lambda form: form in {"", "line"},
    "number": _number_format,
    "integer": _number_format,
    "percent": _number_format,
    "money": lambda form: not form or _CURRENCY.match(form) is not None,
    "datetime": lambda form: form in _STYLES,
    "date": lambda form: form in _STYLES,
    "url": lambda form: form in {"", "https"},
}
