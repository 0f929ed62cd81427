"""JSON that somebody gave, read value by value: what does not fit is refused with its place and what would do."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NoReturn

from apps.core.exceptions import PermanentError

HUGE: Final = 1e18
# What callers send may be long; what they may send is not.
_LISTED: Final = 80
_LONG: Final = 40


class GivenInvalid(PermanentError):
    """A value can't be used; `path` names its place, `words` say what would do."""

    code = "given_invalid"

    def __init__(self, path: str, words: str) -> None:
        super().__init__(f"{path}: {words}")
        self.path = path
        self.words = words


def refuse(path: str, words: str) -> NoReturn:
    """Raise GivenInvalid, as all here do where a value does not fit."""
    raise GivenInvalid(path, words)


def number(value: Any, path: str) -> float:
    """A finite number below 1e18 in size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -HUGE < value < HUGE:
        refuse(path, f"Use a number (below {HUGE:g}).")
    return float(value)


def text(value: Any, most: int, path: str) -> str:
    """A text of 1 to `most` characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        refuse(path, f"Use a text of 1 to {most} characters.")
    return value


def one_of(value: Any, known: Collection[str], path: str) -> str:
    """One of the known texts."""
    if not isinstance(value, str) or value not in known:
        refuse(path, f"Use one of {listed(known)}.")
    return value


def mapping(data: Any, path: str) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(data, Mapping):
        refuse(path, "Use an object.")
    return data


def only(fields: Mapping[str, Any], known: Collection[str], path: str) -> None:
    """No other fields than the known ones."""
    unknown = sorted(str(name) for name in fields if name not in known)
    if unknown:
        refuse(path, f"Unknown here: {listed(unknown)}. There is {listed(sorted(known))}.")


def listed(names: Collection[str]) -> str:
    """Names in words, cut where there are too many or they are too long."""
    return ", ".join(str(name)[:_LONG] for name in list(names)[:_LISTED])
