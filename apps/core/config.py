"""Runtime configuration: keys declared in code with type, default and bounds; operators' values in rows."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from apps.core import audit, clock
from apps.core.exceptions import OperatorError, PermanentError
from apps.core.models import ConfigValue
from apps.core.money import to_decimal

CACHE_S = 2.0
_DIGITS_MAX = 18
_LOCK = 0x61_72_62_63_66_67


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a key may hold; `choices` empty means any value of the type within the bounds."""

    key: str
    type: type
    default: Any
    min: Any = None
    max: Any = None
    choices: tuple[Any, ...] = ()
    nullable: bool = False
    help: str = ""
    check: Callable[[Any], None] | None = None


_table: dict[str, Declaration] = {}
_lock = threading.Lock()
_cached: tuple[float, Mapping[str, Any]] = (0.0, {})


def declare(
    key: str,
    type: type,
    default: Any,
    *,
    min: Any = None,
    max: Any = None,
    choices: tuple[Any, ...] = (),
    nullable: bool = False,
    help: str = "",
    check: Callable[[Any], None] | None = None,
) -> None:
    """Make `key` known (int, float, Decimal, bool or str); with `nullable` None means "no limit". `check` raises
    ValueError for what the bounds can't say; the default is not asked about."""
    if type not in _PARSERS:
        raise OperatorError(f"{key}: values of type {type.__name__} cannot be configured.")
    declaration = Declaration(key, type, default, min, max, choices, nullable, help, check)
    _checked(declaration, default)
    _table[key] = declaration


def declarations() -> tuple[Declaration, ...]:
    """Every known key, sorted."""
    return tuple(_table[key] for key in sorted(_table))


def get(key: str) -> Any:
    """The value of a declared key, at most two seconds old; a stored value that no longer fits gives the default."""
    declaration = _declared(key)
    stored = _values()
    if key not in stored:
        return declaration.default
    try:
        return _checked(declaration, stored[key])
    except PermanentError:
        return declaration.default


def config_set(*, key: str, value: Any, actor_id: object) -> Any:
    """Store and audit a value; returns it parsed; PermanentError(code="config_invalid") where it does not fit."""
    declaration = _declared(key)
    parsed = _checked(declaration, value)
    with transaction.atomic():
        hold()
        before = get(key)
        stored = str(parsed) if isinstance(parsed, Decimal) else parsed
        ConfigValue.objects.update_or_create(
            key=key,
            defaults={
                "value": stored,
                "updated_at": clock.wall_now(),
                "updated_by": "" if actor_id is None else str(actor_id),
            },
        )
        _audit(key, before, parsed, actor_id)
    forget()
    return parsed


def config_reset(*, key: str, actor_id: object) -> None:
    """Go back to the declared default, audited."""
    declaration = _declared(key)
    with transaction.atomic():
        hold()
        before = get(key)
        ConfigValue.objects.filter(key=key).delete()
        _audit(key, before, declaration.default, actor_id)
    forget()


def fits(key: str, value: Any) -> None:
    """PermanentError(code="config_invalid") where the key can't hold it."""
    _checked(_declared(key), value)


def hold() -> None:
    """Nobody else changes a value until the transaction ends. On SQLite the transaction itself keeps others out."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def forget() -> None:
    """Drop this process's cached values."""
    global _cached
    _cached = (0.0, {})


def _values() -> Mapping[str, Any]:
    global _cached
    read_at, values = _cached
    if read_at and time.monotonic() - read_at < CACHE_S:
        return values
    with _lock:
        values = dict(ConfigValue.objects.values_list("key", "value"))
        _cached = (time.monotonic(), values)
    return values


def _declared(key: str) -> Declaration:
    try:
        return _table[key]
    except KeyError:
        raise OperatorError(f"Configuration key {key!r} is not declared.", code="config_unknown") from None


def _checked(declaration: Declaration, value: Any) -> Any:
    if value is None and declaration.nullable:
        return None
    try:
        parsed = _PARSERS[declaration.type](value)
    except (TypeError, ValueError) as error:
        raise _misfit(declaration, f"is no {declaration.type.__name__}: {error}") from None
    if declaration.choices and parsed not in declaration.choices:
        raise _misfit(declaration, f"must be one of {', '.join(map(str, declaration.choices))}")
    if declaration.min is not None and parsed < declaration.min:
        raise _misfit(declaration, f"must be at least {declaration.min}")
    if declaration.max is not None and parsed > declaration.max:
        raise _misfit(declaration, f"must be at most {declaration.max}")
    if declaration.check is not None and parsed != declaration.default:
        try:
            declaration.check(parsed)
        except ValueError as error:
            raise _misfit(declaration, f"can't be: {error}") from None
    return parsed


def _misfit(declaration: Declaration, why: str) -> PermanentError:
    return PermanentError(f"{declaration.key} {why}.", code="config_invalid")


def _audit(key: str, before: Any, after: Any, actor_id: object) -> None:
    changes = {"before": _plain(before), "after": _plain(after)}
    audit.record(actor_id=actor_id, action="config.set", target=f"core.ConfigValue:{key}", changes=changes)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _whole(value: Any) -> int:
    number = to_decimal(value)
    # A few characters can name a number that fills the memory.
    if number.adjusted() > _DIGITS_MAX:
        raise ValueError("it has too many digits")
    if number != int(number):
        raise ValueError(f"{value!r} is not whole")
    return int(number)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


_PARSERS: dict[type, Callable[[Any], Any]] = {
    int: _whole,
    float: lambda value: float(to_decimal(value)),
    Decimal: to_decimal,
    bool: _flag,
    str: _text,
}
