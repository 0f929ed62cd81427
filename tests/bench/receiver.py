"""`python -m tests.bench.receiver PORT ADDRESSES`: takes whatever is posted to 127.0.0.1 … 127.0.0.ADDRESSES and keeps
nothing, so that hundreds of thousands of messages can be sent to it. GET tells how many there were."""

import asyncio
import sys

from aiohttp import web


class Receiver:
    """Counts."""

    def __init__(self) -> None:
        self.taken = 0

    async def take(self, request: web.Request) -> web.Response:
        """Read the message to its end."""
        await request.read()
        self.taken += 1
        return web.json_response({"received": True})

    async def tell(self, request: web.Request) -> web.Response:
        """How many have come."""
        return web.json_response(self.taken)


async def _serve(port: int, addresses: int) -> None:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    app.router.add_get("/{path:.*}", receiver.tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for number in range(1, addresses + 1):
        await web.TCPSite(runner, f"127.0.0.{number}", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
