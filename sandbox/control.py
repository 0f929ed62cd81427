"""The control API under `/_sandbox/`: what arrived, faults, secrets, the scenario, health."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson
from aiohttp import web
from yarl import URL

from sandbox.calls import Answer, problem
from sandbox.faults import Fault, FaultTable
from sandbox.gateway import Gateway
from sandbox.inbox import Inbox
from sandbox.providers.hooks import HOST as HOOKS_HOST
from sandbox.providers.hooks import Hooks, SecretError
from sandbox.providers.smtp import MailServer
from sandbox.providers.telegram import Telegram, TelegramState

Facts = Callable[[], Mapping[str, Any]]


class Control:
    """Handlers of the control API; `facts` tells the mode for the health answer, `scenario` is static data."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        faults: FaultTable,
        hooks: Hooks,
        telegram: Telegram,
        mail: MailServer,
        gateway: Gateway,
        scenario: Mapping[str, Any],
        facts: Facts,
    ) -> None:
        self._inbox = inbox
        self._faults = faults
        self._hooks = hooks
        self._telegram = telegram
        self._mail = mail
        self._gateway = gateway
        self._scenario = scenario
        self._facts = facts
        self._started = time.monotonic()

    def routes(self) -> list[web.RouteDef]:
        """The control API's routes."""
        return [
            web.get("/_sandbox/health", self.health),
            web.get("/_sandbox/scenario", self.scenario),
            web.get("/_sandbox/received", self.received),
            web.get("/_sandbox/faults", self.faults_get),
            web.put("/_sandbox/faults", self.faults_put),
            web.put("/_sandbox/secrets", self.secrets_put),
            web.put("/_sandbox/telegram", self.telegram_put),
            web.post("/_sandbox/reset", self.reset),
            web.route("*", "/_sandbox/hooks/{name:.+}", self.hook),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """That it runs, how it was started and what it holds."""
        uptime = round(time.monotonic() - self._started, 3)
        return _json({"ok": True, "uptime_s": uptime, "smtp_port": self._mail.port, **self._facts()})

    async def scenario(self, request: web.Request) -> web.Response:
        """The opportunities that must be found and the decoys that must not."""
        return _json(self._scenario)

    async def received(self, request: web.Request) -> web.Response:
        """Messages that arrived, oldest first; `?provider=` and `?to=` select."""
        return _json(self._inbox.select(provider=request.query.get("provider"), to=request.query.get("to")))

    async def faults_get(self, request: web.Request) -> web.Response:
        """The faults in force with their hits."""
        return _json(self._faults.describe())

    async def faults_put(self, request: web.Request) -> web.Response:
        """Replace the faults; a list of rules (see `sandbox.faults.Fault`)."""
        try:
            self._faults.replace(msgspec.json.decode(await request.read(), type=list[Fault]))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(f"not a list of faults: {error}")
        return _json(self._faults.describe())

    async def secrets_put(self, request: web.Request) -> web.Response:
        """Tell the signing secrets of hooks: `{name or URL: "whsec_…" | [..] | null}`; others stay as they are."""
        try:
            secrets = msgspec.json.decode(await request.read(), type=dict[str, str | list[str] | None])
            self._hooks.tell(secrets)
        except (msgspec.DecodeError, SecretError) as error:
            return _refused(str(error))
        return _json({"told": sorted(secrets)})

    async def telegram_put(self, request: web.Request) -> web.Response:
        """Set more bots' tokens and the chats that refuse (see `TelegramState`)."""
        try:
            self._telegram.state = msgspec.json.decode(await request.read(), type=TelegramState)
        except msgspec.DecodeError as error:
            return _refused(str(error))
        return _json({"set": True})

    async def reset(self, request: web.Request) -> web.Response:
        """Forget messages, faults, secrets and limits."""
        self._inbox.clear()
        self._faults.replace([])
        self._hooks.reset()
        self._telegram.reset()
        self._mail.reset()
        return _json({"reset": True})

    async def hook(self, request: web.Request) -> web.StreamResponse:
        """A webhook receiver on the sandbox's own address; the same ones as at the hooks' host."""
        url = URL.build(scheme="http", host=HOOKS_HOST, path="/" + request.match_info["name"], query=request.query)
        return await self._gateway.serve(request, url)


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _refused(detail: str) -> web.Response:
    answer: Answer = problem(400, detail)
    return web.Response(status=answer.status, body=answer.body, content_type="application/json")
