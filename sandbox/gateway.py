"""The gateway: `/https://api.example.com/path` reaches the stand-in of that host, through the faults in force."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from email.utils import formatdate

from aiohttp import web
from yarl import URL

from sandbox.calls import Answer, Call, Host, json_answer, problem
from sandbox.faults import GARBAGE, Fault, FaultTable
from sandbox.tally import Tally, scopes_of
from sandbox.weights import Weights

CallAnswer = Callable[[Call], Awaitable[Answer]]


class Gateway:
    """Hosts by name, the world behind them by mode: recordings answer, or the real hosts, or nobody."""

    def __init__(
        self,
        hosts: Mapping[str, Host],
        faults: FaultTable,
        weights: Weights,
        forward: CallAnswer | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._hosts = hosts
        self._faults = faults
        self._weights = weights
        self._tally = tally or Tally()
        self._forward = forward

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A request whose path is an outside URL."""
        target = request.raw_path[1:]
        scheme, _, rest = target.partition(":")
        url = URL(f"{scheme}://{rest.lstrip('/')}", encoded=True)
        if not url.host:
            return _response(problem(400, f"not an outside address: {target}"))
        return await self.serve(request, url)

    async def serve(self, request: web.Request, url: URL) -> web.StreamResponse:
        """Answer `request` as the host of `url` would."""
        call = Call(
            method=request.method,
            scheme=url.scheme,
            host=url.authority.lower() if url.explicit_port else (url.host or "").lower(),
            path=url.path,
            query=dict(url.query),
            headers=request.headers,
            body=await request.read(),
            now=time.time(),
            raw_query=url.raw_query_string,
        )
        host = self._hosts.get(call.host)
        if host is not None:
            self._tally.seen(call.host, scopes_of(host, call), call.now)
        fault = self._faults.hit(host=call.host, path=call.path, method=call.method)
        if fault is None:
            return _response(await self._answer(call))
        return await self._suffer(request, call, fault)

    async def _answer(self, call: Call) -> Answer:
        host = self._hosts.get(call.host)
        if host is not None:
            refusal = self._weights.refusal(call)
            if refusal is not None:
                status, seconds = refusal
                headers = {"Content-Type": "application/json", "Retry-After": str(seconds)}
                return Answer(status, host.error(status, seconds), headers)
            return host.answer(call)
        if self._forward is not None:
            return await self._forward(call)
        return problem(404, f"no stand-in for the host {call.host}")

    async def _suffer(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse:
        if fault.latency_s:
            await asyncio.sleep(fault.latency_s)
        cut_at = fault.cut_at
        if cut_at == "before":
            return _cut(request)
        call = replace(call, now=call.now + fault.clock_s)
        answer = self._instead(call, fault) or await self._answer(call)
        if fault.clock_s:
            answer = replace(answer, headers={**answer.headers, "Date": formatdate(call.now, usegmt=True)})
        if cut_at == "after":
            return _cut(request)
        if cut_at == "middle":
            return await _cut_middle(request, answer)
        return _response(answer)

    def _instead(self, call: Call, fault: Fault) -> Answer | None:
        """The answer that a fault gives in place of the host's; None lets the host answer."""
        if fault.garbage:
            return Answer(200, GARBAGE, {"Content-Type": "text/html"})
        status = fault.status or (429 if fault.retry_after else 200 if fault.body is not None else None)
        if status is None:
            return None
        seconds = None if fault.retry_after is None else max(0, round(fault.retry_after))
        headers = {"Content-Type": "application/json"} | ({} if seconds is None else {"Retry-After": str(seconds)})
        if isinstance(fault.body, str):
            return Answer(status, fault.body.encode(), headers)
        if fault.body is not None:
            return json_answer(fault.body, status, headers)
        host = self._hosts.get(call.host)
        body = host.error(status, seconds) if host else problem(status, "a fault was asked for").body
        return Answer(status, body, headers)


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _cut(request: web.Request) -> web.Response:
    """Drop the connection; the response is for the framework and never leaves."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut_middle(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = max(2, len(answer.body))
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    return _cut(request)
