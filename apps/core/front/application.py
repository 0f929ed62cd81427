"""The ASGI application: repeats answers, hands over to streams, and passes everything else on to Django."""

import asyncio
import hashlib
import itertools
import logging
import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from django.utils.http import parse_etags

from apps.core.front.answers import AHEAD_S, GZIP_FROM_BYTES, KEPT_S, Answer, Answers, Question
from apps.core.front.bridge import Bridge
from apps.core.front.http import Headers, Receive, Reply, Scope, Send, problem_reply, without
from apps.core.front.leases import Leases
from apps.core.front.mark import Mark
from apps.core.front.standings import Load, Standing, Standings

logger = logging.getLogger(__name__)

# A longer question is Django's alone: what is kept has to be small.
QUERY_MAX_BYTES = 512
REQUEST_ID_MAX_BYTES = 64
# An answer that is nobody's after so many tries is Django's own to give.
_ROUNDS = 3
TOUCH_S = 30.0
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Streamer(Protocol):
    """Whoever answers with a stream once Django has let the caller in."""

    async def serve(self, opening: Any, headers: Headers, receive: Receive, send: Send) -> None:
        """Until one of both ends it."""

    async def run(self) -> None:
        """What goes on beside all streams, for ever."""


class Front:
    """One per process; made before the event loop, and at work from its first request or start-up message."""

    def __init__(
        self,
        bridge: Bridge,
        *,
        repeats: Bridge,
        routes: Collection[str],
        load: Load,
        touch: Callable[[Collection[str]], None],
        streamer: Streamer,
        close_thread: Callable[[], None],
    ) -> None:
        self._bridge, self._routes, self._streamer = bridge, frozenset(routes), streamer
        # What many wait for does not stand in one queue with what one waits for.
        self._repeats = repeats
        # A thread, so one database connection, for questions about many callers at once; one that writes down who came,
        # since writers may have to wait for each other; and one for Redis.
        self._asker, self._writer, self._counter = (ThreadPoolExecutor(1, thread_name_prefix="front") for _ in range(3))
        self._close_thread = close_thread
        self._standings = Standings(load, partial(self._ask, self._asker))
        self._leases = Leases(partial(self._ask, self._counter))
        self._touch = touch
        self._answers = Answers()
        # By question, and by whose it is where everybody has to be counted for themselves.
        self._making: dict[tuple[Question, str], asyncio.Future[Answer | None]] = {}
        self._private: dict[Question, float] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self._ids = itertools.count(1)
        self._id_of_process = f"{os.getpid():x}-{time.time_ns():x}-".encode()
        self._works = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"no {scope['type']} here")
        if not self._works:
            self._work()
        if scope["method"] == "GET" and scope["path"] in self._routes and len(scope["query_string"]) <= QUERY_MAX_BYTES:
            await self._repeatable(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    # --- what may be repeated -------------------------------------------------------------------------------------

    async def _repeatable(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = dict(scope["headers"])
        digest = _digest(asked.get(b"authorization", b""))
        if digest is None:
            await self._pass_on(scope, receive, send)
            return
        now = time.monotonic()
        standing = self._standings.get(digest, now) or await self._standings.find(digest)
        if standing is None or scope["path"] not in standing.audiences:
            await self._pass_on(scope, receive, send)
            return
        if not self._leases.spend(standing, now) and not await self._leases.admit(standing):
            await self._refuse(standing, send)
            return
        for _ in range(_ROUNDS):
            question = _question(scope, asked, standing.audiences[scope["path"]])
            answer = self._answers.get(question, now)
            if answer is not None:
                if now - answer.made > AHEAD_S and not answer.renewing:
                    answer.renewing = True
                    self._begin(question, scope, digest)
                await self._give(answer, asked, standing, now, send)
                return
            # Being counted into a day makes somebody one of another audience. Ages count from when the request came:
            # thousands may wait for this one, and the last of them would find it too old.
            await asyncio.shield(self._begin(question, scope, digest))
            standing = self._standings.newest(digest) or standing
        await self._pass_on(scope, receive, send, Mark(counted=True), standing)

    def _begin(self, question: Question, scope: Scope, digest: str) -> "asyncio.Future[Answer | None]":
        """Have an answer made, unless somebody of this audience just does: or this very caller, where the answers to
        others are theirs alone."""
        private = self._private.get(question, 0.0) > time.monotonic()
        key = (question, digest if private else "")
        making = self._making.get(key)
        if making is None:
            bridge = self._bridge if private else self._repeats
            making = asyncio.ensure_future(self._make(question, scope, digest, bridge))
            self._making[key] = making
            making.add_done_callback(partial(self._end_making, key))
        return making

    def _end_making(self, key: tuple[Question, str], done: "asyncio.Future[Any]") -> None:
        self._making.pop(key, None)
        if not done.cancelled():
            # Who waits for it sees the error; nobody may be waiting.
            done.exception()

    async def _make(self, question: Question, scope: Scope, digest: str, bridge: Bridge) -> Answer | None:
        mark = Mark(counted=True)
        headers = without(scope["headers"], b"if-none-match", b"accept-encoding", b"x-request-id")
        reply = await bridge.answer({**scope, "headers": headers}, _nothing, mark)
        assert reply is not None
        self._standings.believe(digest, question.path, mark.audience)
        if mark.only_now:
            # Others of this audience have to be counted one by one, too: they don't wait for each other.
            self._private = {one: until for one, until in self._private.items() if until > mark.begun}
            self._private[question] = mark.begun + KEPT_S
            return None
        answer = Answer.of(reply, mark.begun) if mark.audience == question.audience else None
        if answer is not None:
            self._answers.keep(question, answer)
        return answer

    async def _give(
        self, answer: Answer, asked: dict[bytes, bytes], standing: Standing, now: float, send: Send
    ) -> None:
        limits, policies = self._leases.shown(standing, now), standing.policy
        if answer.limits:
            limits, policies = answer.limits + b", " + limits, answer.policies + b", " + policies
        own = [(b"ratelimit", limits), (b"ratelimit-policy", policies), (b"x-request-id", self._request_id(asked))]
        wanted = asked.get(b"if-none-match")
        if wanted is not None and answer.tag and _matches(wanted, answer.tag):
            await Reply(304, answer.unchanged + own).send(send)
            return
        body = answer.body
        if len(body) >= GZIP_FROM_BYTES and b"gzip" in asked.get(b"accept-encoding", b""):
            body = answer.gzipped()
            own.append((b"content-encoding", b"gzip"))
        own.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": answer.headers + own})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _refuse(self, standing: Standing, send: Send) -> None:
        wait = self._leases.wait_s(standing)
        headers = {
            "Retry-After": str(wait),
            "RateLimit-Policy": standing.policy.decode(),
            "RateLimit": self._leases.shown(standing, time.monotonic()).decode(),
        }
        words = f"Request was throttled. Expected available in {wait} second{'s' if wait > 1 else ''}."
        await problem_reply(429, "throttled", words, headers).send(send)

    def _request_id(self, asked: dict[bytes, bytes]) -> bytes:
        given = asked.get(b"x-request-id", b"")[:REQUEST_ID_MAX_BYTES]
        return given if given.isalnum() else self._id_of_process + b"%x" % next(self._ids)

    # --- everything else ------------------------------------------------------------------------------------------

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, mark: Mark | None = None, standing: Standing | None = None
    ) -> None:
        mark = mark or Mark()
        reply = await self._bridge.answer(scope, receive, mark, send)
        if scope["method"] not in _SAFE:
            # Whoever changes something sees it in their next list.
            self._standings.forget(_digest(dict(scope["headers"]).get(b"authorization", b"")) or "")
        if mark.stream is not None and reply is not None and reply.status == 200:
            await self._streamer.serve(mark.stream, reply.headers, receive, send)
            return
        if reply is not None:
            if mark.counted and standing is not None:
                reply = self._with_limits(reply, standing)
            await reply.send(send)

    def _with_limits(self, reply: Reply, standing: Standing) -> Reply:
        """Django did not count this request, the front did."""
        given = dict(reply.headers)
        shown = {b"ratelimit": self._leases.shown(standing, time.monotonic()), b"ratelimit-policy": standing.policy}
        both = [(name, given[name] + b", " + value if name in given else value) for name, value in shown.items()]
        return Reply(reply.status, without(reply.headers, *shown) + both, reply.body)

    def _ask(self, pool: ThreadPoolExecutor, work: Callable[..., Any], *given: Any) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().run_in_executor(pool, self._asking, work, *given)

    def _asking(self, work: Callable[..., Any], *given: Any) -> Any:
        try:
            return work(*given)
        finally:
            self._close_thread()

    def _work(self) -> None:
        self._works = True
        beside = (
            self._standings.keep_fresh(),
            self._leases.keep(self._standings.leases),
            self._write_down(),
            self._streamer.run(),
        )
        for forever in beside:
            task = asyncio.ensure_future(forever)
            self._tasks.add(task)

    async def _write_down(self) -> None:
        """Who was answered here is active, too; for ever."""
        while True:
            await asyncio.sleep(TOUCH_S)
            digests = self._standings.hot()
            try:
                if digests:
                    await self._ask(self._writer, self._touch, digests)
            except Exception:
                # They come again in half a minute, or have gone.
                logger.exception("The front could not write down who came")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._work()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _digest(header: bytes) -> str | None:
    """How the database knows the token of an `Authorization` header; None where there is none."""
    word, _, token = header.partition(b" ")
    return hashlib.sha256(token).hexdigest() if word.lower() == b"token" and token.startswith(b"arb_") else None


def _question(scope: Scope, asked: dict[bytes, bytes], audience: str) -> Question:
    return Question(
        path=scope["path"],
        query=scope["query_string"],
        host=asked.get(b"host", b""),
        scheme=scope.get("scheme", "http").encode() + asked.get(b"x-forwarded-proto", b""),
        accept=asked.get(b"accept", b""),
        audience=audience,
    )


def _matches(header: bytes, tag: bytes) -> bool:
    """The weak comparison of RFC 9110, section 8.8.3.2."""
    tags = parse_etags(header.decode("latin-1"))
    return tags == ["*"] or tag.decode().removeprefix("W/") in (one.removeprefix("W/") for one in tags)
