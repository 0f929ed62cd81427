"""What a kind of alert triggers is: checked parameters in, verdicts on arrays out. Pure: no database, no settings."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from apps.core.exceptions import PermanentError

if TYPE_CHECKING:
    # Forms ask kinds for their parameters; only who judges needs arrays.
    from apps.distribution.triggers.board import Board, Bools
    from apps.markets.types import Int8s

P = TypeVar("P")

# The feed of kinds that look at active opportunities instead of snapshots.
OPPORTUNITIES: Final = "opportunities"


class ParamsInvalid(PermanentError):
    """These parameters can't be used; the message names the place and what would do."""

    code = "params_invalid"


@dataclass(frozen=True, slots=True)
class Place:
    """A market that a trigger looks at; `exchange` "" is any that lists the symbol."""

    exchange: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a trigger is judged by: the news of which feed of which exchange ("": of several), the markets and exchanges
    it names, and for how many minutes it looks back (0: not at all)."""

    feed: str
    exchange: str
    places: tuple[Place, ...] = ()
    exchanges: tuple[str, ...] = ()
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Watch(Generic[P]):
    """One enabled trigger as a kind sees it.

    `standing` is the side on which it was last noted: 1 (it holds), -1 (it does not), 0 (not looked at yet); `delay_s`
    for how long its owner's tier does not see an opportunity."""

    id: UUID
    user_id: UUID
    name: str
    params: P
    standing: int = 0
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class Telling:
    """What a message would say: a title, sentences, and the evidence for them as JSON.

    `age_s` is that of the oldest figure in it, `subject` names what can be told only once ("": nothing in particular),
    `family` what it counts as in the day's quota ("": nothing), `ends_at` when it is over."""

    title: str
    lines: tuple[str, ...]
    evidence: Mapping[str, Any]
    age_s: int
    subject: str = ""
    family: str = ""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of n watches: on which `side` each is now (1: it holds, -1: it does not, 0: nobody knows, what was noted stays),
    where that is news (`edge`), and what there is to `tell` of one of them by its place, where it is news or holds."""

    side: "Int8s"
    edge: "Bools"
    tell: Callable[[int], Telling] = field(repr=False)


class Kind(ABC, Generic[P]):
    """One kind of triggers. An instance keeps nothing."""

    label: ClassVar[str]
    # What `read` takes, for people: a JSON schema is made of it.
    form: ClassVar[type[msgspec.Struct]]

    @abstractmethod
    def read(self, data: Mapping[str, Any]) -> P:
        """The parameters in `data` (decoded JSON). ParamsInvalid for anything else."""

    @abstractmethod
    def source(self, params: P) -> Source:
        """What it is judged by."""

    def lasts(self, params: P) -> bool:
        """Whether it can go on holding, so that it makes sense to be told again while it does."""
        return True

    @abstractmethod
    def judge(self, watches: Sequence[Watch[P]], board: "Board") -> Judgement:
        """How things stand with all of them, in array operations."""


F = TypeVar("F", bound=msgspec.Struct)


def form_read(data: Mapping[str, Any], form: type[F]) -> F:
    """`data` as a `form`, with nothing beside it. ParamsInvalid names the place."""
    if any("\0" in text for text in _texts(data)):
        # Not every database keeps it in JSON.
        raise ParamsInvalid("params: a text has the character NUL.")
    try:
        return msgspec.convert(data, type=form)
    except msgspec.ValidationError as error:
        raise ParamsInvalid(f"params: {error}.") from error


def _texts(data: Any) -> Iterator[str]:
    """Every text in decoded JSON, names included."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += [*value, *value.values()]
        elif isinstance(value, Sequence):
            waiting += value
