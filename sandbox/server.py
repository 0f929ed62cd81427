"""The process: builds the world, listens, and leaves when told to or when its parent is gone."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.calls import Host
from sandbox.control import Control
from sandbox.exchanges import exchange_hosts
from sandbox.faults import FaultTable
from sandbox.gateway import CallAnswer, Gateway
from sandbox.inbox import Inbox
from sandbox.market.world import World
from sandbox.providers import discord, oauth2, services, slack, twilio, webpush
from sandbox.providers import fcm as google
from sandbox.providers.hooks import HOST as HOOKS_HOST
from sandbox.providers.hooks import Hooks
from sandbox.providers.smtp import MailServer
from sandbox.providers.telegram import Telegram
from sandbox.recordings.har import har_folder_read
from sandbox.recordings.record import Recorder
from sandbox.recordings.replay import Replay
from sandbox.sockets import socket_hosts
from sandbox.sockets.base import SocketHost
from sandbox.sockets.gateway import SocketGateway
from sandbox.tally import Tally
from sandbox.weights import Weights

MAX_BODY = 20_000_000
_PARENT_CHECK_S = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """How the sandbox is run; ports 0 take a free one."""

    port: int = 9100
    addresses: int = 1
    smtp_port: int = 9125
    seed: int = 7
    symbols: int = 60
    replay: Path | None = None
    replay_at: datetime | None = None
    record: Path | None = None
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class _Market:
    """What stands behind the gateway for exchanges, by mode."""

    hosts: Mapping[str, Host]
    scenario: Mapping[str, Any]
    facts: Mapping[str, Any]
    forward: CallAnswer | None = None
    sockets: Mapping[str, SocketHost] = field(default_factory=dict)


async def serve(options: Options, ready: Callable[[str], None] = print) -> None:
    """Run until SIGTERM, SIGINT or the parent's end; `ready` gets one line once both ports listen.

    OSError when a port is taken, ValueError when a replay has nothing to play."""
    async with AsyncExitStack() as stack:
        market = await _market(options, stack)
        inbox, faults, weights, tally = Inbox(), FaultTable(options.seed), Weights(), Tally()
        signs_in = oauth2.TokenServer()
        telegram, hooks, mail = Telegram(inbox), Hooks(inbox, signs_in), MailServer(inbox, faults, tally)
        chats = slack.Slack(inbox), discord.Discord(inbox)
        push, sms, ntfy = webpush.WebPush(inbox), twilio.Twilio(inbox), services.Ntfy(inbox)
        tokens = google.GoogleTokens()
        fcm = google.Fcm(inbox, tokens)
        hosts: dict[str, Host] = {**market.hosts, "api.telegram.org": telegram, HOOKS_HOST: hooks}
        hosts |= {webpush.HOST: push, google.HOST: fcm, google.TOKEN_HOST: tokens, twilio.HOST: sms}
        hosts |= {slack.HOST: chats[0], discord.HOST: chats[1], oauth2.HOST: signs_in}
        hosts |= {services.PUSHOVER_HOST: services.Pushover(inbox), services.NTFY_HOST: ntfy}
        gateway = Gateway(hosts, faults, weights, market.forward, tally)
        facts: dict[str, Any] = dict(market.facts)
        control = Control(
            inbox=inbox,
            faults=faults,
            weights=weights,
            tally=tally,
            hooks=hooks,
            telegram=telegram,
            mail=mail,
            push=push,
            tokens=tokens,
            limited=(fcm, sms, ntfy, *chats, signs_in),
            gateway=gateway,
            scenario=market.scenario,
            facts=lambda: facts,
        )
        await mail.start(options.smtp_port)
        stack.push_async_callback(mail.stop)
        port = await _listen(control, gateway, SocketGateway(market.sockets, faults), options, stack)
        facts["port"] = port
        words = f"sandbox ready on http://127.0.0.1:{port} (mail on {mail.port}): {market.facts['mode']}"
        ready(words)
        await _until_told(options.parent)


async def _market(options: Options, stack: AsyncExitStack) -> _Market:
    if options.replay is not None:
        entries, refused = har_folder_read(options.replay)
        for refusal in refused:
            print(f"sandbox: recording refused: {refusal}", file=sys.stderr, flush=True)
        if not entries:
            raise ValueError(f"no recording could be read in {options.replay}")
        replay = Replay(entries, replay_at=options.replay_at)
        facts = {"mode": "replay", "recordings": len(entries), "refused": [str(refusal) for refusal in refused]}
        return _Market({}, _no_scenario(), facts, replay.answer)
    if options.record is not None:
        recorder = await stack.enter_async_context(Recorder(options.record))
        return _Market({}, _no_scenario(), {"mode": "record", "folder": str(options.record)}, recorder.answer)
    world = World(options.seed, options.symbols)
    facts = {"mode": "synthetic", "seed": options.seed, "symbols": options.symbols}
    return _Market(exchange_hosts(world), world.scenario.describe(), facts, sockets=socket_hosts(world))


def _no_scenario() -> dict[str, Any]:
    return {"seed": None, "expected": [], "decoys": [], "missing_fee": []}


async def _listen(
    control: Control, gateway: Gateway, sockets: SocketGateway, options: Options, stack: AsyncExitStack
) -> int:
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(control.routes())
    app.router.add_route("*", "/{outside:https?:/.*}", gateway.handle)
    app.router.add_route("GET", "/{outside:wss?:/.*}", sockets.handle)
    # Answers on their way are given a moment; a client that keeps its connection open doesn't hold up the end.
    app.on_response_prepare.append(_date_drop)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    stack.push_async_callback(sockets.close)
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    port = int(runner.addresses[0][1])
    for number in range(2, options.addresses + 1):
        await web.TCPSite(runner, f"127.0.0.{number}", port).start()
    return port


async def _date_drop(_: web.Request, response: web.StreamResponse) -> None:
    """An empty Date means none (the framework fills in its own where there is none)."""
    if response.headers.get("Date") == "":
        del response.headers["Date"]


async def _until_told(parent: int | None) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waits: list[Awaitable[object]] = [told.wait()]
    if parent is not None:
        waits.append(_until_gone(parent))
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _until_gone(parent: int) -> None:
    """Return once the process is gone; for our own parent that is when we were given to another."""
    is_own = os.getppid() == parent
    while (os.getppid() == parent) if is_own else _exists(parent):
        await asyncio.sleep(_PARENT_CHECK_S)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
