"""The one outbound HTTP client for everything but exchanges: pooled, guarded, bounded in time and size."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import orjson

from apps.core import address, loop
from apps.core.exceptions import PermanentError, TemporaryError
from apps.core.later import later

if TYPE_CHECKING:
    import aiohttp
else:
    # A fifth of a second that commands and pages which send nothing don't wait for.
    aiohttp = later("aiohttp")

CONNECT_TIMEOUT_S = 5.0
# More than all sends that one process has under way at once: waiting for a connection would count as a slow target.
CONNECTIONS = 500
# How long the body of an answer is waited for by those who only want its status.
_START_S = 2.0
_CHUNK = 65_536
# gzip or zlib, told apart by the header (zlib manual, inflateInit2: windowBits 15 + 32).
_ANY_WBITS = 47

Sessions: TypeAlias = "dict[bool, aiohttp.ClientSession]"
_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, Sessions] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer of any status; header names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body parsed; TemporaryError(code="bad_body") where it is not JSON (a proxy's page, a cut answer)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise TemporaryError("The answer is not JSON.", code="bad_body", status=self.status) from None


async def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    body: bytes | None = None,
    timeout: float = 10,
    max_bytes: int = 1_000_000,
    only_start: bool = False,
) -> HttpResponse:
    """Send `json` or `body` and read at most `max_bytes` of answer (after decompression) within `timeout` seconds.

    Any status is an answer, redirects too: they are never followed. TemporaryError with code "timeout", "connection",
    "too_large" or "bad_body"; PermanentError with "bad_url" or "address_blocked". Messages name the host only, since
    paths hold tokens. With `only_start` the status is what counts: a body that is too large, slow, torn or packed is no
    error, only what came of it is given."""
    host, port = address.vet_url(url)
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    if json is not None:
        body = orjson.dumps(json)
        sent.setdefault("Content-Type", "application/json")
    client = await session(guarded=not address.is_allowed(host, port))
    limits = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, CONNECT_TIMEOUT_S))
    try:
        async with client.request(
            method, url, headers=sent, data=body, timeout=limits, allow_redirects=False
        ) as response:
            content = await (_start_of if only_start else _read)(response, max_bytes)
            return HttpResponse(response.status, response.headers, content)
    except TimeoutError:
        raise TemporaryError(f"{host}:{port} did not answer within {timeout:g} s.", code="timeout") from None
    except (aiohttp.InvalidURL, UnicodeError):
        # UnicodeError: a name that is no domain name, told only when it is looked up.
        raise PermanentError("This URL cannot be used: it cannot be parsed.", code="bad_url") from None
    except (aiohttp.ClientError, OSError) as error:
        reason = f"{host}:{port}: the connection failed ({type(error).__name__})."
        raise TemporaryError(reason, code="connection") from None


async def session(*, guarded: bool) -> aiohttp.ClientSession:
    """The running loop's pooled session; a guarded one opens no socket to an address that is not public."""
    kept = _sessions.setdefault(asyncio.get_running_loop(), {})
    if guarded not in kept or kept[guarded].closed:
        kept[guarded] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS,
                socket_factory=address.guarded_socket if guarded else None,
                # Connecting to several addresses at once would hide which one was refused.
                happy_eyeballs_delay=None,
                ttl_dns_cache=30,
            ),
            # One user's cookies must not reach another's request to the same host.
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": "ArbEdge"},
            trust_env=False,
        )
    return kept[guarded]


async def close() -> None:
    """Close the running loop's sessions; the next request opens new ones."""
    for client in _sessions.pop(asyncio.get_running_loop(), {}).values():
        await client.close()


async def _start_of(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The first bytes as they came; the connection is not used again where more is on its way."""
    content = bytearray()
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        return b""
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_START_S):
            async for chunk in response.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) >= max_bytes:
                    break
    return bytes(content[:max_bytes])


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        inflater = None
    elif encoding in ("gzip", "x-gzip", "deflate"):
        inflater = zlib.decompressobj(wbits=_ANY_WBITS)
    else:
        raise TemporaryError(f"The answer is encoded as {encoding[:20]!r}.", code="bad_body", status=response.status)
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        try:
            # One byte more than fits tells a bomb without ever inflating it.
            content += chunk if inflater is None else inflater.decompress(chunk, max_bytes - len(content) + 1)
        except zlib.error:
            raise TemporaryError(
                "The answer cannot be decompressed.", code="bad_body", status=response.status
            ) from None
        if len(content) > max_bytes:
            raise TemporaryError(f"The answer exceeds {max_bytes} bytes.", code="too_large", status=response.status)
    return bytes(content)


loop.at_exit(close)
