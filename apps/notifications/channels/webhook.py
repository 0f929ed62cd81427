"""Signed webhooks to a user's own server: Standard Webhooks 1.0.0,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from apps.core import clock, http
from apps.core.address import vet_url
from apps.core.exceptions import PermanentError
from apps.core.limits import Limit
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
    )
    # One platform can run many people's receivers.
    shared_host: ClassVar[bool] = True
    # `webhook-id` stays the same over retries.
    idempotent: ClassVar[bool] = True

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
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the base's checks: every secret is base64 of 24 to 64 bytes."""
        super().credentials_check(credentials)
        for text in credentials.values():
            secret_bytes(text)

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One signed POST; only a 2xx is success."""
        body = message.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ArbEdge-Webhook/1",
            **signature_headers(message, body),
        }
        try:
            response = await http.request(
                "POST",
                message.address,
                headers=headers,
                body=body,
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
        if response.status == 410:
            raise EndpointGoneError("The receiver answered 410 Gone: it wants no more messages.", code="http_410")
        answer_check(response, "The receiver")
        return Sent(message.delivery_id)


def signature_headers(message: OutboundMessage, body: bytes) -> dict[str, str]:
    """The three headers of the standard: the id is the delivery's, the time is this attempt's real time."""
    at = str(int(clock.wall_now().timestamp()))
    signed = b".".join((message.delivery_id.encode(), at.encode(), body))
    texts = [message.credentials.get(name, "") for name in ("secret", "previous_secret")]
    signatures = (hmac.new(secret_bytes(text), signed, hashlib.sha256).digest() for text in texts if text)
    return {
        "webhook-id": message.delivery_id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


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
