"""The control API under `/_sandbox/`: what arrived, faults, secrets, the scenario, health."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import orjson
from aiohttp import ClientSession, ClientTimeout, web
from yarl import URL

from sandbox.calls import Answer, problem
from sandbox.faults import Fault, FaultTable
from sandbox.gateway import Gateway
from sandbox.inbox import Inbox
from sandbox.providers.fcm import GoogleTokens
from sandbox.providers.hooks import HOST as HOOKS_HOST
from sandbox.providers.hooks import HookRules, Hooks, SecretError
from sandbox.providers.smtp import MailServer
from sandbox.providers.telegram import Said, Telegram, TelegramState
from sandbox.providers.webpush import WebPush
from sandbox.tally import Tally
from sandbox.weights import WeightLimit, Weights

Facts = Callable[[], Mapping[str, Any]]


class Resettable(Protocol):
    """A provider with buckets to fill."""

    def reset(self) -> None:
        """Be as at the start."""


class Control:
    """Handlers of the control API; `facts` tells the mode for the health answer, `scenario` is static data."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        faults: FaultTable,
        weights: Weights,
        tally: Tally,
        hooks: Hooks,
        telegram: Telegram,
        mail: MailServer,
        push: WebPush,
        tokens: GoogleTokens,
        limited: Sequence[Resettable],
        gateway: Gateway,
        scenario: Mapping[str, Any],
        facts: Facts,
    ) -> None:
        self._inbox = inbox
        self._faults = faults
        self._weights = weights
        self._tally = tally
        self._hooks = hooks
        self._telegram = telegram
        self._mail = mail
        self._push = push
        self._tokens = tokens
        self._limited = (*limited, tokens)
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
            web.get("/_sandbox/weights", self.weights_get),
            web.put("/_sandbox/weights", self.weights_put),
            web.get("/_sandbox/limits", self.limits),
            web.put("/_sandbox/secrets", self.secrets_put),
            web.put("/_sandbox/hook-rules", self.hook_rules_put),
            web.put("/_sandbox/telegram", self.telegram_put),
            web.post("/_sandbox/telegram/say", self.telegram_say),
            web.get("/_sandbox/subscription/{name}", self.subscription),
            web.get("/_sandbox/service-account", self.service_account),
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

    async def weights_get(self, request: web.Request) -> web.Response:
        """The weight limits in force, with what has been asked under them."""
        return _json(self._weights.describe())

    async def weights_put(self, request: web.Request) -> web.Response:
        """Replace the weight limits; a list of `{host, weight, seconds}` (see `sandbox.weights`)."""
        try:
            self._weights.replace(msgspec.json.decode(await request.read(), type=list[WeightLimit]))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(f"not a list of weight limits: {error}")
        return _json(self._weights.describe())

    async def limits(self, request: web.Request) -> web.Response:
        """How often providers were called, by what they limit, and how many calls were too many."""
        return _json(self._tally.describe())

    async def secrets_put(self, request: web.Request) -> web.Response:
        """Tell the signing secrets of hooks: `{name or URL: "whsec_…" | [..] | null}`; others stay as they are."""
        try:
            secrets = msgspec.json.decode(await request.read(), type=dict[str, str | list[str] | None])
            self._hooks.tell(secrets)
        except (msgspec.DecodeError, SecretError) as error:
            return _refused(str(error))
        return _json({"told": sorted(secrets)})

    async def hook_rules_put(self, request: web.Request) -> web.Response:
        """Tell what hooks ask for besides a signature: `{name or URL: rules}` (see `HookRules`)."""
        try:
            rules = msgspec.json.decode(await request.read(), type=dict[str, HookRules])
        except msgspec.DecodeError as error:
            return _refused(str(error))
        self._hooks.rule(rules)
        return _json({"told": sorted(rules)})

    async def telegram_put(self, request: web.Request) -> web.Response:
        """Set more bots' tokens and the chats that refuse (see `TelegramState`)."""
        try:
            self._telegram.state = msgspec.json.decode(await request.read(), type=TelegramState)
        except msgspec.DecodeError as error:
            return _refused(str(error))
        return _json({"set": True})

    async def telegram_say(self, request: web.Request) -> web.Response:
        """Somebody writes to the bot (see `Said`): its webhook is called, and its answer's status told."""
        try:
            said = msgspec.json.decode(await request.read(), type=Said)
        except msgspec.DecodeError as error:
            return _refused(str(error))
        update = self._telegram.update(said, time.time())
        if update is None:
            return _refused("the bot has no webhook: call setWebhook first")
        async with (
            ClientSession(timeout=ClientTimeout(total=10)) as session,
            session.post(update.url, data=update.body, headers=update.headers) as answer,
        ):
            return _json({"status": answer.status})

    async def subscription(self, request: web.Request) -> web.Response:
        """What a browser of this name gives a site that subscribes it to web push."""
        return _json(self._push.subscription(request.match_info["name"], str(request.url.origin())))

    async def service_account(self, request: web.Request) -> web.Response:
        """The key file of Firebase's service account, and how often a token was asked for with it."""
        return _json({"account": self._tokens.account(), "asked": self._tokens.asked})

    async def reset(self, request: web.Request) -> web.Response:
        """Forget messages, faults, secrets and limits."""
        self._inbox.clear()
        self._faults.replace([])
        self._weights.replace([])
        self._tally.reset()
        self._hooks.reset()
        self._telegram.reset()
        self._mail.reset()
        for provider in self._limited:
            provider.reset()
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
