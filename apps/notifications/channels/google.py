"""Access tokens of a Google service account: https://developers.google.com/identity/protocols/oauth2/service-account"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from apps.core import http
from apps.core.exceptions import OperatorError, TemporaryError
from apps.core.later import later
from apps.notifications.channels.http import answer_check

if TYPE_CHECKING:
    import jwt
else:
    jwt = later("jwt")

# What the claim names whatever address the call goes to.
AUDIENCE = "https://oauth2.googleapis.com/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# "exp: … a maximum of 1 hour after the issued time".
_ASSERTED_FOR_S = 3600
# A token is renewed while it still works, so that none ends under way.
_RENEW_BEFORE_S = 300.0
_NEW_S = 60.0
_FIELDS = ("client_email", "private_key", "project_id")


@dataclass(frozen=True, slots=True)
class Account:
    """The fields of a service account's key file that are used."""

    client_email: str
    private_key: str = field(repr=False)
    project_id: str


def account_read(document: str) -> Account:
    """The account of a key file's JSON. ValueError, without quoting any of it, where something is missing."""
    try:
        values = json.loads(document)
    except ValueError:
        raise ValueError("it is no JSON") from None
    if not isinstance(values, Mapping) or not all(isinstance(values.get(name), str) for name in _FIELDS):
        raise ValueError(f"it lacks one of {', '.join(_FIELDS)}")
    return Account(*(values[name] for name in _FIELDS))


class AccessToken:
    """The account's token for one scope: asked for once, however many wait for it, and kept until it is nearly over."""

    def __init__(self, account: Account, *, scope: str, url: str, timeout_s: float) -> None:
        self._account = account
        self._scope = scope
        self._url = url
        self._timeout_s = timeout_s
        self._asking: asyncio.Task[str] | None = None
        self._fresh_until = 0.0
        self._given_at = 0.0
        self.value = ""

    async def get(self) -> str:
        """A token that works. OperatorError where Google refuses the account, TemporaryError where it is silent."""
        if self.value and time.monotonic() < self._fresh_until:
            return self.value
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._asked())
        # Whoever gives up waiting must not take the token from the others.
        return await asyncio.shield(self._asking)

    def is_new(self, value: str) -> bool:
        """Whether it was given so lately that it can't be over: who refuses it refuses us."""
        return value == self.value and time.monotonic() - self._given_at < _NEW_S

    def forget(self, value: str) -> None:
        """The other side refuses this one; a newer one that somebody else has fetched meanwhile stays."""
        if value == self.value:
            self.value = ""

    async def _asked(self) -> str:
        response = await http.request(
            "POST",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"grant_type": _GRANT, "assertion": self._assertion()}).encode(),
            timeout=self._timeout_s,
        )
        if response.status in (400, 401, 403):
            raise OperatorError(
                f"Google refuses the service account of FCM_SERVICE_ACCOUNT ({_reason(response)}).", code="unauthorized"
            )
        answer_check(response, "Google's token service")
        answer = response.json()
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token:
            raise TemporaryError("Google's token service gave no token.", code="garbage")
        lasts_s = answer.get("expires_in")
        self.value, self._given_at = token, time.monotonic()
        self._fresh_until = self._given_at + max(
            0.0, (lasts_s if isinstance(lasts_s, (int, float)) else 0) - _RENEW_BEFORE_S
        )
        return token

    def _assertion(self) -> str:
        # Google knows no replayed clock.
        now = int(time.time())
        claims = {
            "iss": self._account.client_email,
            "scope": self._scope,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + _ASSERTED_FOR_S,
        }
        try:
            return jwt.encode(claims, self._account.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise OperatorError("FCM_SERVICE_ACCOUNT holds no usable private key.", code="unauthorized") from None


def _reason(response: http.HttpResponse) -> str:
    """`error` of an OAuth error answer (RFC 6749, section 5.2), else the status."""
    try:
        answer = response.json()
    except TemporaryError:
        return str(response.status)
    return str(answer.get("error", response.status))[:60] if isinstance(answer, Mapping) else str(response.status)
