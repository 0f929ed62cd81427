"""Apprise's plug-ins with our own wire: they make a service's request and judge its answer, and never open a socket.

A plug-in is called twice. The first time its call of `requests` ends it and gives the request; our client sends that,
with its guard, its time-out and without redirects; the second time the same call gets the real answer."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from apps.core.exceptions import PermanentError
from apps.core.http import HttpResponse
from apps.core.later import later

if TYPE_CHECKING:
    import requests
else:
    requests = later("requests")

logger = logging.getLogger(__name__)

_SETUP = "https://appriseit.com/services/"
_SCHEMA = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]{0,31})://")
# What plug-ins may ask for is also what a request is made of; the rest (timeouts, certificates, redirects) is ours.
_MADE_OF = ("params", "data", "json", "headers", "auth", "files", "cookies")
# What else of `requests` they may see: status codes and errors.
_NAMES = frozenset({"codes", "exceptions", "RequestException", "ConnectionError", "HTTPError", "Timeout"})
# TypeError is Apprise's own word for a URL that it can't use; the others come of strange ones.
_THEIR_FAULTS = (TypeError, ValueError, AttributeError, LookupError)


@dataclass(frozen=True, slots=True)
class Service:
    """One vendor's service: Apprise's plug-in, the hosts that it talks to and the words after which an account or a
    device is gone there (besides the usual 401, 404 and 410). `one_quota`: it counts senders, not accounts, so that a
    pause is meant for all of ours."""

    title: str
    plugin: str
    hosts: tuple[str, ...]
    gone: tuple[str, ...] = ()
    one_quota: bool = False


# Schema: service. Only these can be used, and only these plug-ins are ever loaded. All have hosts that no user chooses.
SERVICES: Mapping[str, Service] = {
    "ifttt": Service("IFTTT", "ifttt.NotifyIFTTT", ("maker.ifttt.com",)),
    "join": Service("Join", "join.NotifyJoin", ("joinjoaomgcd.appspot.com",)),
    "line": Service("LINE", "line.NotifyLine", ("api.line.me",)),
    # "The limits are per visitor", which is per address of the sender: https://docs.ntfy.sh/publish/#limitations
    "ntfys": Service("ntfy.sh", "ntfy.NotifyNtfy", ("ntfy.sh",), one_quota=True),
    "pagerduty": Service("PagerDuty", "pagerduty.NotifyPagerDuty", ("events.pagerduty.com", "events.eu.pagerduty.com")),
    "pbul": Service("Pushbullet", "pushbullet.NotifyPushBullet", ("api.pushbullet.com",)),
    # https://pushover.net/api#response
    "pover": Service(
        "Pushover",
        "pushover.NotifyPushover",
        ("api.pushover.net",),
        gone=("user identifier is", "user key is invalid", "application token is invalid"),
    ),
    "prowl": Service("Prowl", "prowl.NotifyProwl", ("api.prowlapp.com",)),
    "push": Service("Techulus Push", "techuluspush.NotifyTechulusPush", ("push.techulus.com",)),
    "pushy": Service("Pushy", "pushy.NotifyPushy", ("api.pushy.me",)),
    "signl4": Service("SIGNL4", "signl4.NotifySIGNL4", ("connect.signl4.com",)),
    "threema": Service("Threema", "threema.NotifyThreema", ("msgapi.threema.ch",)),
}


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as a plug-in makes it; `repr` shows nothing of it, since all of it may hold secrets."""

    method: str = field(repr=False)
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class _MadeError(BaseException):
    """Ends a plug-in's first run. No `Exception`: plug-ins catch those."""

    def __init__(self, request: WireRequest) -> None:
        super().__init__()
        self.request = request


# The answer that a plug-in's call of `requests` gets in this context; None: there is none yet.
_answer: ContextVar[HttpResponse | None] = ContextVar("answer for a plug-in", default=None)


def schema_of(url: str) -> str:
    """The schema of an allowed service. PermanentError(code="bad_address") says what else to use."""
    match = _SCHEMA.match(url)
    schema = match[1].lower() if match else ""
    if schema not in SERVICES:
        known = ", ".join(f"{name}:// ({service.title})" for name, service in SERVICES.items())
        raise PermanentError(
            f"Give an Apprise URL of one of these services: {known}. For a server of your own or any other service, "
            "use the webhook channel; Telegram, e-mail, SMS, Slack and Discord have channels of their own.",
            code="bad_address",
        )
    return schema


def check(url: str) -> None:
    """PermanentError where the service's plug-in can't use the URL, or would talk to another host or to several people:
    "bad_address" for an unknown service, "bad_credentials" for the rest."""
    request_made(url, title="check", body="check")


def request_made(url: str, *, title: str, body: str) -> WireRequest:
    """The one request that brings this message to the service. PermanentError like `check`; opens no socket."""
    service = SERVICES[schema_of(url)]
    plugin = _plugin(url, service)
    try:
        _run(plugin, title, body)
    except _MadeError as made:
        request = made.request
    except (*_THEIR_FAULTS, requests.RequestException):
        raise _unusable(service) from None
    else:
        raise _unusable(service)
    target = urlsplit(request.url)
    if target.scheme != "https" or target.netloc not in service.hosts:
        raise PermanentError(
            f"A {service.title} URL here leads to {service.hosts[0]} only: for a server of your own use the webhook "
            "channel.",
            code="bad_credentials",
        )
    return request


def is_success(url: str, answer: HttpResponse, *, title: str, body: str) -> bool:
    """Whether the service's plug-in takes this answer, a 2xx, to that message for a success."""
    plugin = _plugin(url, SERVICES[schema_of(url)])
    token = _answer.set(answer)
    try:
        return _run(plugin, title, body)
    except _THEIR_FAULTS as error:
        # An answer that the plug-in stumbles over was a 2xx all the same: better believed than sent a second time.
        logger.warning("The plug-in for %s can't read an answer: %s", schema_of(url), type(error).__name__)
        return True
    finally:
        _answer.reset(token)


def _run(plugin: Any, title: str, body: str) -> bool:
    from apprise.common import NotifyFormat, OverflowMode  # (loaded with the plug-in, whose price is paid by then)

    # One message is one request: never split, and what is too long for the service is cut.
    return bool(plugin.notify(title=title, body=body, body_format=NotifyFormat.TEXT, overflow=OverflowMode.TRUNCATE))


def _plugin(url: str, service: Service) -> Any:
    kind = _kind(service)
    try:
        fields = kind.parse_url(url)
        plugin = kind(**{**fields, "retry": 0, "wait": 0}) if fields else None
    except _THEIR_FAULTS:
        plugin = None
    if plugin is None:
        raise _unusable(service)
    if len(plugin) > 1:
        raise PermanentError(
            f"This {service.title} URL names several targets: make an endpoint for each.", code="bad_credentials"
        )
    # Our limits know all processes; a pause in here would hold up everybody.
    plugin.request_rate_per_sec = 0
    return plugin


def _kind(service: Service) -> Any:
    module_name, _, class_name = service.plugin.partition(".")
    module = importlib.import_module(f"apprise.plugins.{module_name}")
    if not isinstance(module.requests, _Requests):
        module.requests = _Requests()  # type: ignore[attr-defined]
        # Its lines name accounts and, in detail, whole messages with their tokens.
        logging.getLogger("apprise").disabled = True
    return getattr(module, class_name)


def _unusable(service: Service) -> PermanentError:
    return PermanentError(
        f"This is no usable {service.title} URL: {_SETUP} says how one is written.", code="bad_credentials"
    )


class _Requests:
    """What plug-ins see as the module `requests`: nothing that opens a socket, so no Session either."""

    def __getattr__(self, name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(name)
        return getattr(requests, name)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """End the run with the request, or give the answer that there already is."""
        made = requests.Request(method, url, **{name: options[name] for name in _MADE_OF if name in options}).prepare()
        answer = _answer.get()
        if answer is not None:
            return _response(made, answer)
        body = made.body or b""
        raise _MadeError(
            WireRequest(
                method=made.method or method,
                url=made.url or url,
                headers={name: value for name, value in made.headers.items() if name != "Content-Length"},
                body=body.encode() if isinstance(body, str) else bytes(body),
            )
        )

    def get(self, url: str, **options: Any) -> requests.Response:
        """GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        """POST."""
        return self.request("POST", url, data=data, json=json, **options)

    def put(self, url: str, data: Any = None, **options: Any) -> requests.Response:
        """PUT."""
        return self.request("PUT", url, data=data, **options)


def _response(made: requests.PreparedRequest, answer: HttpResponse) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    response._content = answer.body
    response.request, response.url = made, made.url or ""
    return response
