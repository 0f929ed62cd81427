"""Answers that are given again: to the same audience, for the same question, for at most a second."""

import gzip
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from apps.core.front.http import Headers, Reply, without

KEPT_S: Final = 1.0
# An answer this old is made anew in the background when somebody asks for it.
AHEAD_S: Final = 0.5
KEPT_MAX: Final = 2000
BODY_MAX_BYTES: Final = 1_000_000
GZIP_FROM_BYTES: Final = 1000
# These are said anew with every answer.
_OWN = (b"ratelimit", b"ratelimit-policy", b"x-request-id", b"content-length", b"content-encoding", b"date")


class Question(NamedTuple):
    """All that an answer depends on besides the database. The host is in the links to other pages."""

    path: str
    query: bytes
    host: bytes
    scheme: bytes
    accept: bytes
    audience: str


@dataclass(slots=True)
class Answer:
    """A 200 and what its copies need; `made` is when Django was asked for it (monotonic)."""

    made: float
    headers: Headers
    limits: bytes
    policies: bytes
    tag: bytes
    body: bytes
    renewing: bool = False
    unchanged: Headers = field(default_factory=list)
    _gzipped: bytes | None = None

    @classmethod
    def of(cls, reply: Reply, made: float) -> "Answer | None":
        """What can be given again of a reply, or None."""
        given = dict(reply.headers)
        if reply.status != 200 or len(reply.body) > BODY_MAX_BYTES or b"set-cookie" in given:
            return None
        kept = without(reply.headers, *_OWN, b"vary")
        kept.append((b"vary", given.get(b"vary", b"Accept") + b", Accept-Encoding"))
        return cls(
            made=made,
            headers=kept,
            limits=given.get(b"ratelimit", b""),
            policies=given.get(b"ratelimit-policy", b""),
            tag=given.get(b"etag", b""),
            body=reply.body,
            unchanged=without(kept, b"content-type", b"content-language"),
        )

    def gzipped(self) -> bytes:
        """The body in fewer bytes; made once."""
        if self._gzipped is None:
            self._gzipped = gzip.compress(self.body, compresslevel=5, mtime=0)
        return self._gzipped


class Answers:
    """What this process answered in the last second, the least recently used ones dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Question, Answer] = OrderedDict()

    def get(self, question: Question, now: float) -> Answer | None:
        """The answer, unless it is too old."""
        answer = self._kept.get(question)
        return None if answer is None or now - answer.made >= KEPT_S else answer

    def keep(self, question: Question, answer: Answer) -> None:
        """Remember it in place of the one before."""
        self._kept[question] = answer
        self._kept.move_to_end(question)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
