"""What may stand in a profile, checked in one place for the API, registration and the admin."""

import re
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from apps.core import config

# Names of places that the database of time zones keeps for machines.
_NOT_FOR_PEOPLE: Final = ("localtime", "posixrules", "Factory")
_LOCALE: Final = re.compile(r"^[a-z]{2,3}(-[A-Z]{2})?$")
LOCALES: Final = "en en-GB de es fr it nl pl pt pt-BR tr uk ja ko zh"


def declare_profile() -> None:
    """Make the offered locales a runtime setting."""
    config.declare(
        "profile.locales",
        str,
        LOCALES,
        help="Locales that people can choose, separated by spaces: figures and dates are written in their way, words "
        "where there are templates for it, else in English.",
        check=_locales_check,
    )


def locales_offered() -> tuple[str, ...]:
    """The locales that people can choose."""
    return tuple(config.get("profile.locales").split())


@cache
def timezones() -> frozenset[str]:
    """IANA names of time zones. Reads a folder of them once."""
    return frozenset(available_timezones() - set(_NOT_FOR_PEOPLE))


def timezone_check(name: str) -> str:
    """The name; ValueError where there is no such time zone."""
    if name not in timezones():
        raise ValueError("There is no such time zone; use an IANA name such as Europe/Berlin.")
    return name


def locale_check(name: str) -> str:
    """The offered locale that is meant, whatever its letter case and separator; ValueError where there is none."""
    offered = locales_offered()
    known = {one.lower(): one for one in offered}
    found = known.get(name.replace("_", "-").lower())
    if found is None:
        raise ValueError(f"This is not offered; there are {', '.join(offered)}.")
    return found


def zone_or_utc(name: str) -> ZoneInfo:
    """The time zone, or UTC for a name from before names were checked."""
    return ZoneInfo(name if name in timezones() else "UTC")


def _locales_check(text: str) -> None:
    bad = [name for name in text.split() if not _LOCALE.match(name)]
    if bad or not text.split():
        raise ValueError(f"{', '.join(bad) or 'an empty list'}: write locales such as en or pt-BR")
