"""OAuth 2 client credentials (RFC 6749 section 4.4): a token is fetched, kept while it lasts, and anew when refused.

One fetch at a time for a client; those who wait for it share what it brought."""

import asyncio
import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import quote_plus, urlencode, urlsplit

from apps.core import address, http
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError
from apps.notifications.channels.auth.base import Auth, bad
from apps.notifications.channels.base import CredentialField
from apps.notifications.channels.http import answer_check

# Fetched anew so long before its end, so that it does not end under way.
_MARGIN_S = 30.0
# "If omitted, the authorization server SHOULD provide the expiration time via other means": short, then.
_LASTS_DEFAULT_S = 300.0
_LASTS_MAX_S = 86_400.0
# A refusal holds for those who come right after, or each of them would ask again.
_FAILED_S = 5.0
_ANSWER_BYTES = 65_536
_CLIENTS = 1_000


@dataclass(slots=True)
class _Client:
    """What is known of one client: its token, or why there is none, until a monotonic moment."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = ""
    error: ArbEdgeError | None = None
    until: float = 0.0

    @property
    def known(self) -> bool:
        return time.monotonic() < self.until


class OAuth2Auth(Auth):
    """A bearer token from the receiver's token server. Kept in this process only."""

    name: ClassVar[str] = "oauth2"
    fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("oauth_url", "Token URL", secret=False),
        CredentialField("oauth_client", "Client id", secret=False),
        CredentialField("oauth_secret", "Client secret"),
        CredentialField("oauth_scope", "Scope", secret=False, required=False),
    )

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    @classmethod
    def check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the values: the token URL may be called, and over TLS."""
        super().check(credentials)
        url = credentials["oauth_url"]
        try:
            host, port = address.vet_url(url)
        except PermanentError as error:
            raise bad(f"The token URL can't be used: {error.message}") from None
        # "The authorization server MUST require the use of TLS" (section 3.2).
        if urlsplit(url).scheme != "https" and not address.is_allowed(host, port):
            raise bad("A token URL begins with https.")

    async def headers(self, credentials: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """The token, as kept or as fetched within `timeout_s`."""
        client = self._client(credentials)
        if not client.known:
            async with client.lock:
                if not client.known:
                    await _fetch(client, credentials, timeout_s)
        if client.error is not None:
            raise client.error.with_traceback(None)
        return {"Authorization": f"Bearer {client.token}"}

    def refused(self, credentials: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """Forget the token, unless another send has already replaced it."""
        client = self._client(credentials)
        if headers.get("Authorization") == f"Bearer {client.token}":
            client.until = 0.0
        return True

    def derived(self, credentials: Mapping[str, str]) -> tuple[str, ...]:
        """The token, and the client's own sign-in."""
        return tuple(filter(None, (self._client(credentials).token, _pair(credentials))))

    def _client(self, credentials: Mapping[str, str]) -> _Client:
        parts = "\0".join(credentials.get(row.name, "") for row in self.fields)
        key = hashlib.sha256(parts.encode()).hexdigest()
        client = self._clients.setdefault(key, _Client())
        self._clients.move_to_end(key)
        while len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return client


async def _fetch(client: _Client, credentials: Mapping[str, str], timeout_s: float) -> None:
    try:
        client.token, lasts_s = await _token(credentials, timeout_s)
        client.error = None
    except ArbEdgeError as error:
        client.token, client.error, lasts_s = "", error, _FAILED_S
    client.until = time.monotonic() + lasts_s


async def _token(credentials: Mapping[str, str], timeout_s: float) -> tuple[str, float]:
    """The token and for how many seconds it is used. Errors as of any provider; what it refuses is permanent."""
    form = {"grant_type": "client_credentials"}
    if credentials.get("oauth_scope"):
        form["scope"] = credentials["oauth_scope"]
    response = await http.request(
        "POST",
        credentials["oauth_url"],
        headers={
            "Authorization": f"Basic {_pair(credentials)}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
        body=urlencode(form).encode(),
        timeout=timeout_s,
        max_bytes=_ANSWER_BYTES,
    )
    answer_check(response, "The token server")
    answer = response.json()
    token = answer.get("access_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token or not token:
        raise TemporaryError("The token server's answer holds no token.", code="oauth_answer")
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise PermanentError("The token server gives tokens of a kind that we don't know.", code="oauth_answer")
    return token, _used_s(answer.get("expires_in"))


def _used_s(expires_in: object) -> float:
    try:
        lasts_s = float(str(expires_in))
    except ValueError:
        lasts_s = _LASTS_DEFAULT_S
    if lasts_s != lasts_s:  # NaN
        lasts_s = _LASTS_DEFAULT_S
    lasts_s = min(max(lasts_s, 0.0), _LASTS_MAX_S)
    return max(lasts_s - _MARGIN_S, lasts_s / 2)


def _pair(credentials: Mapping[str, str]) -> str:
    """Client id and secret as section 2.3.1 says: each form-encoded, then as for basic sign-in."""
    pair = f"{quote_plus(credentials['oauth_client'])}:{quote_plus(credentials['oauth_secret'])}"
    return base64.b64encode(pair.encode()).decode()
