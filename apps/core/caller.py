"""Who sends a request, as far as a record of it needs: address, user agent, request id; known wherever the request is
being worked on, without being handed through every service."""

import ipaddress
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

AGENT_LENGTH = 200
REQUEST_ID_LENGTH = 64
HEADER = "X-Request-Id"


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end of a request; `address` is None where there is none to be believed."""

    address: str | None = None
    agent: str = ""
    request_id: str = ""


# Whoever has an IPv6 address has as many as this prefix holds.
_OWN_PREFIX = 64

_current: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current() -> Caller:
    """Whoever's request this code works for; nobody's, in tasks and commands."""
    return _current.get() or Caller()


def caller_of(request: HttpRequest) -> Caller:
    """The caller as the request tells it. Only `NUM_PROXIES` proxies are believed about addresses."""
    return Caller(
        address=_address(request),
        agent=_printable(request.META.get("HTTP_USER_AGENT", ""), AGENT_LENGTH),
        request_id=_printable(request.META.get("HTTP_X_REQUEST_ID", ""), REQUEST_ID_LENGTH),
    )


def place_of(address: str | None) -> str:
    """Where tries are counted together: the address; of IPv6 the network, whose addresses one person has all of."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return str(address)
    return str(ipaddress.ip_network(f"{found}/{_OWN_PREFIX}", strict=False)) if found.version == 6 else str(found)


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Work for `caller` inside the block."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


class CallerMiddleware:
    """Makes the caller known while its request is answered, under the id that it gave or a new one, which the answer
    tells."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, with `X-Request-Id`."""
        told = caller_of(request)
        caller = Caller(told.address, told.agent, told.request_id or uuid.uuid4().hex)
        with calling(caller):
            response = self.get_response(request)
        response[HEADER] = caller.request_id
        return response


def _address(request: HttpRequest) -> str | None:
    text = str(request.META.get("REMOTE_ADDR", ""))
    proxies = int(str(settings.REST_FRAMEWORK["NUM_PROXIES"]))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if proxies and forwarded:
        # Each proxy appends whom it heard from; what stands further left anybody may have written.
        hops = forwarded.split(",")
        text = hops[-min(proxies, len(hops))].strip()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _printable(text: str, length: int) -> str:
    return "".join(character for character in text if character.isprintable())[:length]
