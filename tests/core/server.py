"""A small HTTP server on loopback with bad manners."""

import asyncio
import gzip
import zlib
from collections.abc import Iterator

import pytest
from aiohttp import web

from apps.core import http, loop


class Server:
    """Answers by path and remembers who came."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def netloc(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{self.netloc}"

    async def start(self) -> None:
        """Listen on a free port."""
        application = web.Application(client_max_size=10_000_000)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and hang up."""
        assert self._runner is not None
        await http.close()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        self.bodies.append(await request.read())
        return await getattr(self, f"_{request.path.strip('/').replace('/', '_') or 'ok'}", self._ok)(request)

    async def _ok(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True}, headers={"Set-Cookie": "session=1"})

    async def _redirect(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/target"})

    async def _slow(self, _: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b".")
            await asyncio.sleep(0.05)
        return response

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 100_000)
        return response

    async def _bomb(self, _: web.Request) -> web.Response:
        # 200 MB of zeros in 200 kB, and again.
        packer = zlib.compressobj(9, wbits=31)
        body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async def _gzip(self, _: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b'{"packed": true}'), headers={"Content-Encoding": "GZIP"})

    async def _deflate(self, _: web.Request) -> web.Response:
        return web.Response(body=zlib.compress(b"[1]"), headers={"Content-Encoding": "deflate"})

    async def _torn(self, _: web.Request) -> web.Response:
        return web.Response(body=b"this is not gzip", headers={"Content-Encoding": "gzip"})

    async def _brotli(self, _: web.Request) -> web.Response:
        return web.Response(body=b"...", headers={"Content-Encoding": "br"})

    async def _cut(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


@pytest.fixture
def server() -> Iterator[Server]:
    """A running server on the process's own loop."""
    made = Server()
    loop.run(made.start(), timeout=5)
    yield made
    loop.run(made.stop(), timeout=10)
