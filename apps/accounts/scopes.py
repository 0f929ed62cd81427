"""What a credential may be used for, as data, judged in one place: a token can do less than its owner, never more."""

import re
from typing import Final

from django.db.models import TextChoices


class Scope(TextChoices):
    """What a token opens of what its owner may."""

    READ = "read", "Read"
    WRITE = "write", "Change settings and answers"
    TRADE = "trade", "Trade"
    ADMIN = "admin", "Administer"


ALL: Final[tuple[str, ...]] = tuple(Scope.values)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFIX: Final = re.compile(r"^/api/v\d+/")
# The first rule that fits an address and a way of asking; None is any way. Without one, reading reads, the rest writes.
_RULES: Final = (
    (re.compile(r"admin(/|$)|notifications/templates"), None, Scope.ADMIN),
    (re.compile(r"opportunities/[^/]+/execute|(trading|positions)(/|$)"), "unsafe", Scope.TRADE),
)


def scope_needed(method: str, path: str) -> Scope:
    """The scope that a request needs of its credential."""
    place, safe = _PREFIX.sub("", path), method in _SAFE
    for pattern, when, scope in _RULES:
        if pattern.match(place) and not (when == "unsafe" and safe):
            return scope
    return Scope.READ if safe else Scope.WRITE


def scopes_default() -> list[str]:
    """All of them: what tokens had before there were scopes, and what operators make at the command line."""
    return list(ALL)
