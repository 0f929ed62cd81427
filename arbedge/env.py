"""Typed, strict reading of the environment: every problem is collected and told at once, with what to do."""

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class Env:
    """Reads variables by type; `check()` raises one `ImproperlyConfigured` that lists everything that is wrong."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values
        self._problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The value, stripped; `default` where unset."""
        return self._values.get(name, default).strip()

    def secret(self, name: str, *, default: str | None) -> str:
        """A value that must be set unless a `default` is allowed (development only)."""
        value = self.text(name)
        if value:
            return value
        if default is None:
            self.problem(f"{name} is not set: production needs it (see README, Configuration).")
            return ""
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false; anything that is neither is a problem, never a guess."""
        raw = self._values.get(name)
        if raw is None:
            return default
        if raw.strip().lower() in _TRUE:
            return True
        if raw.strip().lower() in _FALSE:
            return False
        self.problem(f"{name}={raw!r} is not a flag: use true or false.")
        return default

    def integer(self, name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
        """A whole number within [low, high]."""
        return self._parsed(name, default, int, lambda value: low <= value <= high, f"a whole number in {low}..{high}")

    def integer_or_none(self, name: str, *, low: int, high: int) -> int | None:
        """A whole number within [low, high]; None where it is not given."""
        return self.integer(name, low, low=low, high=high) if self.text(name) else None

    def number(self, name: str, default: float, *, low: float = 0.0, high: float = 1e12) -> float:
        """A finite number within [low, high]."""
        return self._parsed(name, default, float, lambda value: low <= value <= high, f"a number in {low:g}..{high:g}")

    def decimal(self, name: str, default: Decimal, *, low: Decimal = Decimal(0)) -> Decimal:
        """A finite decimal of at least `low`."""
        return self._parsed(
            name,
            default,
            Decimal,
            lambda value: value.is_finite() and value >= low,
            f"a decimal number of at least {low}",
        )

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """One of `choices`."""
        return self._parsed(name, default, str, lambda value: value in choices, f"one of {', '.join(choices)}")

    def words(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """A comma-separated list without empty items or repeats, in the given order."""
        raw = self._values.get(name)
        items = list(default) if raw is None else [item.strip() for item in raw.split(",")]
        return list(dict.fromkeys(item for item in items if item))

    def credentials(self, name: str, fields: Collection[str]) -> dict[str, dict[str, str]]:
        """A JSON object of objects of text, by exchange; a problem never shows what was given."""
        raw = self.text(name)
        if not raw:
            return {}
        like = f'write it like {{"binance": {{"apiKey": "...", "secret": "..."}}}}, with {", ".join(sorted(fields))}'
        try:
            value = json.loads(raw)
        except ValueError:
            self.problem(f"{name} is not JSON: {like}.")
            return {}
        if not isinstance(value, dict) or not all(_is_credentials(each, fields) for each in value.values()):
            self.problem(f"{name} is not an object of credentials: {like}.")
            return {}
        return value

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 moment with its zone (`2023-08-16T05:19:27Z`), or None where unset."""
        raw = self.text(name)
        if not raw:
            return None
        try:
            value = datetime.fromisoformat(raw)
        except ValueError:
            self.problem(f"{name}={raw!r} is not a moment: write it like 2023-08-16T05:19:27Z.")
            return None
        if value.tzinfo is None:
            self.problem(f"{name}={raw!r} has no time zone: write it like 2023-08-16T05:19:27Z.")
            return None
        return value

    def problem(self, text: str) -> None:
        """Note something wrong that `check()` will tell."""
        self._problems.append(text)

    def check(self) -> None:
        """Raise if anything read so far was wrong."""
        if self._problems:
            raise ImproperlyConfigured("The environment is not usable:\n  - " + "\n  - ".join(self._problems))

    def _parsed(self, name: str, default: T, parse: Callable[[str], T], fits: Callable[[T], bool], what: str) -> T:
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = parse(raw)
            good = fits(value)
        except (ValueError, InvalidOperation):
            good = False
        if not good:
            self.problem(f"{name}={raw!r} is not {what}.")
            return default
        return value


def _is_credentials(value: object, fields: Collection[str]) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and value.keys() <= set(fields)
        and all(isinstance(each, str) and each.strip() for each in value.values())
    )
