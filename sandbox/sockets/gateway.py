"""The gateway for websockets: `/wss://stream.example.com/path` talks to the stand-in of that host, through the faults.

Faults hit a connection as method CONNECT when it is opened (`status` refuses it, `cut` drops it) and as method PUSH at
each tick: `cut` ends the connection, `garbage` sends bytes that are no JSON, `silence` keeps it open without a word."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import WSMsgType, web
from yarl import URL

from sandbox.calls import problem
from sandbox.faults import GARBAGE, FaultTable
from sandbox.market.world import TICK_S
from sandbox.sockets.base import SocketHost, Talk


class SocketGateway:
    """Websocket hosts by name."""

    def __init__(self, hosts: Mapping[str, SocketHost], faults: FaultTable) -> None:
        self._hosts = hosts
        self._faults = faults
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A request whose path is an outside websocket URL."""
        scheme, _, rest = request.raw_path[1:].partition(":")
        url = URL(f"{scheme}://{rest.lstrip('/')}", encoded=True)
        host = (url.host or "").lower()
        stand_in = self._hosts.get(f"{host}:{url.port}") or self._hosts.get(host)
        fault = self._faults.hit(host=host, path=url.path, method="CONNECT")
        if fault is not None and fault.latency_s:
            await asyncio.sleep(fault.latency_s)
        if fault is not None and fault.cut_at and request.transport is not None:
            request.transport.abort()
        if fault is not None and fault.status:
            headers = {} if fault.retry_after is None else {"Retry-After": str(round(fault.retry_after))}
            return web.Response(status=fault.status, headers=headers)
        talk = stand_in.talk(url.path) if stand_in else None
        if talk is None:
            answer = problem(404, f"no stand-in for the websocket {url}")
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        return await self._converse(request, talk, host, url.path)

    async def close(self) -> None:
        """End every connection."""
        for socket in list(self._open):
            await socket.close()

    async def _converse(self, request: web.Request, talk: Talk, host: str, path: str) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._open.add(socket)
        pushing = asyncio.create_task(self._push(request, socket, talk, host, path))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    for frame in talk.hear(message.data, time.time()):
                        await socket.send_str(frame)
        except ConnectionError:
            # The client went away, or a fault cut it off, while an answer was on its way.
            pass
        finally:
            self._open.discard(socket)
            pushing.cancel()
            with suppress(asyncio.CancelledError):
                await pushing
        return socket

    async def _push(
        self, request: web.Request, socket: web.WebSocketResponse, talk: Talk, host: str, path: str
    ) -> None:
        with suppress(ConnectionError):
            while not socket.closed:
                now = time.time()
                await asyncio.sleep(TICK_S - now % TICK_S)
                fault = self._faults.hit(host=host, path=path, method="PUSH")
                if fault is not None and fault.cut_at and request.transport is not None:
                    request.transport.abort()
                    return
                if fault is not None and fault.garbage:
                    await socket.send_str(GARBAGE.decode("latin-1"))
                if fault is None or not (fault.garbage or fault.silence):
                    for frame in talk.push(time.time()):
                        await socket.send_str(frame)
