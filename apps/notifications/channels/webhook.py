"""Signed webhooks to a user's own server: Standard Webhooks 1.0.0,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""

import base64
import binascii
import gzip
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from apps.core import clock, http
from apps.core.address import is_allowed, vet_url
from apps.core.exceptions import PermanentError
from apps.core.limits import Limit
from apps.core.vault import mask
from apps.notifications.channels.auth.base import Auth
from apps.notifications.channels.auth.registry import AUTHS
from apps.notifications.channels.base import Channel, CredentialField
from apps.notifications.channels.http import answer_check
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import EndpointGoneError
from apps.notifications.types import OutboundMessage, Sent

_PREFIX = "whsec_"
# "between 24 bytes (192 bits) and 64 bytes (512 bits)".
_SECRET_BYTES = range(24, 65)
# Of an answer only the first words are kept.
_ANSWER_BYTES = 2_000
_COMPRESSED_FROM = 1_024
_COMPRESSIONS = ("none", "gzip")


class WebhookChannel(Channel):
    """A POST of JSON, signed with the endpoint's own secret."""

    name: ClassVar[str] = "webhook"
    label: ClassVar[str] = "Webhook"
    address_label: ClassVar[str] = "URL"
    text_format: ClassVar[TextFormat] = TextFormat.JSON
    # "payloads smaller than 20kb".
    max_length: ClassVar[int] = 20_000
    # Nobody publishes a figure for other people's servers; ours are polite ones: per host, per URL.
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(200, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(10, 1), Limit(300, 60))
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("secret", "Signing secret (whsec_…)"),
        # Signed with as well while the receiver changes over, so that rotation needs no pause.
        CredentialField("previous_secret", "Signing secret before the last rotation", required=False),
        CredentialField("previous_until", "Until when that one is used (ISO 8601)", secret=False, required=False),
        # Asked for and not assumed: most receivers can't read a packed request.
        CredentialField("compression", "gzip for bodies over 1 KB", secret=False, required=False),
        CredentialField("auth", f"How to sign in: {', '.join(AUTHS.names())}", secret=False, required=False),
        # Which of these are needed the kind says.
        *(replace(row, required=False) for name in AUTHS.names() for row in AUTHS.get(name).fields),
    )
    # One platform can run many people's receivers.
    shared_host: ClassVar[bool] = True
    # `webhook-id` stays the same over retries.
    idempotent: ClassVar[bool] = True

    def __init__(self, config: Mapping[str, Any], *, timeout_s: float) -> None:
        super().__init__(config, timeout_s=timeout_s)
        self._auths: dict[str, Auth] = {name: AUTHS.get(name)() for name in AUTHS.names()}

    def host(self, address: str) -> str:
        """The server behind the URL, with its port."""
        return urlsplit(address).netloc.lower()

    @classmethod
    def address_clean(cls, address: str) -> str:
        """An absolute http(s) URL without sign-in data; where its name leads is checked when the socket is opened."""
        cleaned = address.strip()
        if not cleaned.isprintable() or " " in cleaned:
            raise PermanentError("A webhook address is an http or https URL.", code="bad_address")
        try:
            vet_url(cleaned)
        except PermanentError as error:
            raise PermanentError(error.message, code="bad_address") from None
        return cleaned

    @classmethod
    def credentials_new(cls) -> dict[str, str]:
        """A signing secret."""
        return {"secret": secret_new()}

    @classmethod
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the base's checks: secrets are base64 of 24 to 64 bytes, and the sign-in has all it needs and nothing
        of another kind."""
        super().credentials_check(credentials)
        for name in ("secret", "previous_secret"):
            if name in credentials:
                secret_bytes(credentials[name])
        if "previous_until" in credentials:
            _moment(credentials["previous_until"])
        if credentials.get("compression", "none") not in _COMPRESSIONS:
            raise PermanentError(f"Compression is one of {', '.join(_COMPRESSIONS)}.", code="bad_credentials")
        chosen = _auth_name(credentials)
        if chosen not in AUTHS.names():
            raise PermanentError(f"Sign-in is one of {', '.join(AUTHS.names())}.", code="bad_credentials")
        others = {row.name for name in AUTHS.names() if name != chosen for row in AUTHS.get(name).fields}
        stray = sorted(others & set(credentials))
        if stray:
            raise PermanentError(f"With auth={chosen} there is no {', '.join(stray)}.", code="bad_credentials")
        AUTHS.get(chosen).check(credentials)

    def masked(self, words: str, message: OutboundMessage) -> str:
        """Also without what was made or fetched with the credentials."""
        words = super().masked(words, message)
        for secret in self._auth(message.credentials).derived(message.credentials):
            words = words.replace(secret, mask(secret))
        return words

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One signed POST, only a 2xx is success; once more where a fresh sign-in or an unpacked body can help."""
        credentials = message.credentials
        auth = self._auth(credentials)
        self._privacy_check(message.address, auth)
        packed = credentials.get("compression") == "gzip" and len(message.body.encode()) > _COMPRESSED_FROM
        fresh = False
        while True:
            signed_in = await auth.headers(credentials, timeout_s=self.timeout_s)
            response = await self._post(message, signed_in, packed=packed)
            if response.status == 401 and not fresh and auth.refused(credentials, signed_in):
                fresh = True
            elif response.status == 415 and packed:
                # "The server is refusing … an unsupported content coding" (RFC 9110 section 15.5.16).
                packed = False
            else:
                break
        if response.status == 410:
            raise EndpointGoneError("The receiver answered 410 Gone: it wants no more messages.", code="http_410")
        answer_check(response, "The receiver")
        return Sent(message.delivery_id)

    def _auth(self, credentials: Mapping[str, str]) -> Auth:
        return self._auths[_auth_name(credentials)]

    def _privacy_check(self, url: str, auth: Auth) -> None:
        """A signature may be read by anybody, what signs in may not: no sign-in without TLS."""
        if auth.name == "none" or urlsplit(url).scheme == "https":
            return
        if not is_allowed(*vet_url(url)):
            raise PermanentError("Sign-in data is sent over https only; nothing was sent.", code="plain_http")

    async def _post(self, message: OutboundMessage, signed_in: Mapping[str, str], *, packed: bool) -> http.HttpResponse:
        plain = message.body.encode()
        # The same bytes each time: the time of packing is left out.
        wire = gzip.compress(plain, mtime=0) if packed else plain
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ArbEdge-Webhook/1",
            **({"Content-Encoding": "gzip"} if packed else {}),
            **signed_in,
            **signature_headers(message, *dict.fromkeys((plain, wire))),
        }
        try:
            return await http.request(
                "POST",
                message.address,
                headers=headers,
                body=wire,
                timeout=self.timeout_s,
                max_bytes=_ANSWER_BYTES,
                # The status says it all: whoever took the message must not get it again for a strange body.
                only_start=True,
            )
        except PermanentError as error:
            if error.code == "address_blocked":
                raise EndpointGoneError(
                    "The URL leads to an address that is not public, which is never called.", code="address_blocked"
                ) from error
            raise


def signature_headers(message: OutboundMessage, *bodies: bytes) -> dict[str, str]:
    """The three headers of the standard: the id is the delivery's, the time is this attempt's real time.

    The standard signs the raw body and does not know packed ones. What a receiver calls raw depends on who unpacks it,
    so a packed message is signed as it was and as it travels; one valid signature is enough for a receiver."""
    at = str(int(clock.wall_now().timestamp()))
    begin = f"{message.delivery_id}.{at}.".encode()
    signatures = (
        hmac.new(secret_bytes(secret), begin + body, hashlib.sha256).digest()
        for secret in secrets_now(message.credentials)
        for body in bodies
    )
    return {
        "webhook-id": message.delivery_id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def secrets_now(credentials: Mapping[str, str]) -> list[str]:
    """The secrets to sign with: the present one, and while it lasts the one before."""
    texts = [credentials.get("secret", "")]
    until = credentials.get("previous_until")
    if until is None or clock.wall_now() < _moment(until):
        texts.append(credentials.get("previous_secret", ""))
    return [text for text in texts if text]


def rotated(credentials: Mapping[str, str], secret: str, *, until: datetime) -> dict[str, str]:
    """The credentials with a new signing secret, the present one being kept until then."""
    secret_bytes(secret)
    return {
        **credentials,
        "secret": secret,
        "previous_secret": credentials["secret"],
        "previous_until": until.isoformat(),
    }


def _auth_name(credentials: Mapping[str, str]) -> str:
    return credentials.get("auth") or "none"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PermanentError("previous_until is an ISO 8601 moment with its zone.", code="bad_credentials")
    return moment


def secret_new() -> str:
    """A fresh signing secret of 32 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(text: str) -> bytes:
    """The key inside `whsec_…`; PermanentError(code="bad_credentials") where it is none."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise PermanentError("A signing secret is whsec_ and base64 of 24 to 64 random bytes.", code="bad_credentials")
    return key
