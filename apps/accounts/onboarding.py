"""What somebody does to begin with: a short table of steps. None is stored: it is done when what it leads to is there.

Rooms above tell their steps when they are loaded, by dotted path, since nothing here may know them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Step:
    """`done` is the dotted path of a function of a user's id that says since when it is done, or None; without
    `needed` somebody has finished without it."""

    words: str
    done: str
    needed: bool = True


_steps: Final[dict[str, Step]] = {}


def declare(name: str, words: str, *, done: str, needed: bool = True) -> None:
    """Make a step known; they are shown in the order of the rooms."""
    _steps[name] = Step(words, done, needed)


def steps() -> Mapping[str, Step]:
    """Every step by its name."""
    return _steps


def done_at(user_id: UUID) -> dict[str, datetime | None]:
    """Since when each step is done. One query a step."""
    found: dict[str, datetime | None] = {}
    for name, step in _steps.items():
        done: Callable[[UUID], datetime | None] = import_string(step.done)
        found[name] = done(user_id)
    return found
