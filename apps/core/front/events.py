"""What goes through an event stream: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

# So much is kept for a reader who is slower than the news.
BUFFER_MAX: Final = 500
# Rows may be committed some seconds after the moment that stands in them: each look goes back so far, and a stream that
# is resumed begins so far before its last event.
OVERLAP: Final = timedelta(seconds=10)
_REMEMBERED_MAX: Final = 5000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """`name` happened to `id` at `at`; `data` is one line of JSON. None: it is not this listener's to see, and never
    will be."""

    at: datetime
    name: str
    id: str
    data: bytes | None

    @property
    def key(self) -> str:
        """The same for the same news."""
        return f"{micros(self.at)}:{self.name}:{self.id}"

    def wire(self) -> bytes:
        """As it is sent. Its id is its moment, from which a stream can be resumed."""
        assert self.data is not None
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (micros(self.at), self.name.encode(), self.data)


def micros(moment: datetime) -> int:
    """Unix time in microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(last_event_id: str) -> datetime | None:
    """When the event of that id happened; None for what is no id of ours."""
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 17):
        return None
    return _EPOCH + timedelta(microseconds=int(last_event_id))


@dataclass(frozen=True, slots=True)
class Opening:
    """A stream that Django has let in: whose, by which credential (its kind and digest), what of, from when on, and its
    place."""

    user_id: UUID
    credential: tuple[str, str] | None
    topics: frozenset[str]
    since: datetime
    place: str
    too_old: bool = False


@dataclass(slots=True, eq=False)
class Listener:
    """One open stream."""

    opening: Opening
    since: datetime
    buffer: deque[bytes] = field(default_factory=deque)
    ended: bool = False
    _sent: OrderedDict[str, None] = field(default_factory=OrderedDict)

    @property
    def user_id(self) -> UUID:
        """Whose it is."""
        return self.opening.user_id

    def has(self, event_key: str) -> bool:
        """Whether that was decided on already."""
        return event_key in self._sent

    def take(self, event: StreamEvent) -> None:
        """Put it into the buffer unless it was there before; a reader who is too far behind is told so and let go."""
        if self.ended or event.key in self._sent:
            return
        self._sent[event.key] = None
        if len(self._sent) > _REMEMBERED_MAX:
            self._sent.popitem(last=False)
        if event.data is None:
            return
        if len(self.buffer) >= BUFFER_MAX:
            self.end("slow_consumer")
            return
        self.buffer.append(event.wire())

    def end(self, reason: str) -> None:
        """Nothing more comes but why."""
        if not self.ended:
            self.ended = True
            if reason == "slow_consumer":
                self.buffer.clear()
            self.buffer.append(b'event: end\ndata: {"reason": "%s"}\n\n' % reason.encode())


class Source(Protocol):
    """A room's news for streams."""

    topic: str

    def events(self, listeners: Sequence[Listener], *, until: datetime) -> Iterable[tuple[Listener, StreamEvent]]:
        """What each listener may learn that happened after its `since`, up to `until`, but what it `has`. A number of
        queries that does not grow with listeners or rows."""
