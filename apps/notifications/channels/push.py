"""Web Push to browsers and installed web apps: RFC 8030, encrypted (RFC 8291) and signed by VAPID (RFC 8292)."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson

from apps.core import http
from apps.core.address import is_allowed, vet_url
from apps.core.exceptions import OperatorError, PermanentError
from apps.core.limits import Limit
from apps.notifications.channels import text, webpush
from apps.notifications.channels.base import Channel, CredentialField, Setting
from apps.notifications.channels.http import answer_check, header
from apps.notifications.enums import Priority, TextFormat
from apps.notifications.exceptions import ChannelOffError, EndpointGoneError
from apps.notifications.types import OutboundMessage, Sent

# RFC 8030, section 5.3.
URGENCIES: Mapping[str, str] = {
    Priority.CRITICAL: "high",
    Priority.HIGH: "high",
    Priority.MEDIUM: "normal",
    Priority.LOW: "low",
    Priority.BACKGROUND: "very-low",
}
# Four weeks: what push services keep a message for at most.
MAX_TTL_S = 2_419_200
_SUBJECTS = ("mailto:", "https://")
_ANSWER_BYTES = 2_000
# Apple answers 400 where the subscription was made with another VAPID key.
_OTHER_KEY = b"VapidPkHashMismatch"


class PushChannel(Channel):
    """A JSON of title, body, link and tag that a page's service worker shows."""

    name: ClassVar[str] = "push"
    label: ClassVar[str] = "Web push"
    address_label: ClassVar[str] = "subscription endpoint"
    text_format: ClassVar[TextFormat] = TextFormat.PLAIN
    # Never more characters than octets fit; `fitted` counts the octets.
    max_length: ClassVar[int] = webpush.MAX_PLAINTEXT
    # Browsers show two lines or so of a title.
    subject_max_length: ClassVar[int] = 120
    # No push service publishes a figure; they answer 429, which is obeyed. Ours are polite ones.
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(100, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(5, 1), Limit(600, 3600))
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (
        CredentialField("p256dh", "Subscription's public key (p256dh)", secret=False),
        CredentialField("auth", "Subscription's secret (auth)"),
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("private_key", "VAPID_PRIVATE_KEY", required=True, secret=True),
        Setting("subject", "VAPID_SUBJECT", required=True),
    )
    # A push service tells one subscription to wait; where it is down, it is down for all of them.
    own_pauses: ClassVar[bool] = True
    # `Topic` replaces a repeat that still waits at the push service, `tag` one that is already shown.
    idempotent: ClassVar[bool] = True

    def __init__(self, config: Mapping[str, Any], *, timeout_s: float) -> None:
        super().__init__(config, timeout_s=timeout_s)
        try:
            self._key = webpush.private_key_read(str(config["private_key"]))
        except ValueError:
            raise ChannelOffError(
                "The push channel is off: VAPID_PRIVATE_KEY is no VAPID key; `manage.py vapid_key` makes one."
            ) from None
        if not str(config["subject"]).startswith(_SUBJECTS):
            raise ChannelOffError("The push channel is off: VAPID_SUBJECT is no mailto: or https: address.")

    def public(self) -> dict[str, str]:
        """The key that a page subscribes with: `pushManager.subscribe({applicationServerKey})`."""
        return {"application_server_key": webpush.public_key_text(self._key)}

    def host(self, address: str) -> str:
        """The push service behind the subscription, with its port."""
        return urlsplit(address).netloc.lower()

    @classmethod
    def address_clean(cls, address: str) -> str:
        """The subscription's https URL; where its name leads is checked when the socket is opened."""
        cleaned = address.strip()
        if not cleaned.isprintable() or " " in cleaned:
            raise PermanentError("A push address is the endpoint URL of a subscription.", code="bad_address")
        try:
            host, port = vet_url(cleaned)
        except PermanentError as error:
            raise PermanentError(error.message, code="bad_address") from None
        if not cleaned.startswith("https://") and not is_allowed(host, port):
            raise PermanentError("A push subscription's endpoint is an https URL.", code="bad_address")
        return cleaned

    @classmethod
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the base's checks: the keys are a point on the curve and 16 bytes."""
        super().credentials_check(credentials)
        webpush.keys_read(credentials["p256dh"], credentials["auth"])

    def fitted(self, message: OutboundMessage) -> OutboundMessage:
        """Cut so that the whole JSON fits into one push, octet by octet."""
        fitted = super().fitted(message)
        if len(fitted.link.encode()) > webpush.MAX_PLAINTEXT // 2:
            fitted = replace(fitted, link="")
        ending = self.links_behind(fitted.body, message)
        words = text.fit_while(
            fitted.body.removesuffix(ending),
            lambda words: len(payload(replace(fitted, body=words + ending))) <= webpush.MAX_PLAINTEXT,
        )
        return replace(fitted, body=words + ending)

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One push; 404 and 410 mean that the subscription is over."""
        keys = webpush.keys_read(message.credentials["p256dh"], message.credentials["auth"])
        try:
            response = await http.request(
                "POST",
                message.address,
                headers={
                    "Authorization": webpush.authorization(
                        message.address, self._key, subject=str(self.config["subject"])
                    ),
                    "Content-Encoding": "aes128gcm",
                    "Content-Type": "application/octet-stream",
                    "TTL": str(min(message.lasts_s, MAX_TTL_S)),
                    "Urgency": URGENCIES[message.priority],
                    "Topic": tag_of(message),
                },
                body=webpush.encrypt(payload(message), keys),
                timeout=self.timeout_s,
                max_bytes=_ANSWER_BYTES,
                only_start=True,
            )
        except PermanentError as error:
            if error.code == "address_blocked":
                raise EndpointGoneError(
                    "The subscription leads to an address that is not public, which is never called.",
                    code="address_blocked",
                ) from error
            raise
        if response.status in (404, 410):
            raise EndpointGoneError("The push service says that the subscription is over.", code="subscription_gone")
        if response.status in (401, 403) or (response.status == 400 and _OTHER_KEY in response.body):
            raise OperatorError(
                f"{self.host(message.address)} answered {response.status}: it refuses our VAPID key "
                "(was VAPID_PRIVATE_KEY changed since the subscription was made?).",
                code="unauthorized",
            )
        answer_check(response, "The push service")
        # Where a message can be asked after: the last part is its id (RFC 8030, section 5).
        return Sent((header(response.headers, "Location") or "").rpartition("/")[2][:200] or message.delivery_id)


def payload(message: OutboundMessage) -> bytes:
    """What the service worker gets: `{title, body, url, tag}`."""
    return orjson.dumps({"title": message.subject, "body": message.body, "url": message.link, "tag": tag_of(message)})


def tag_of(message: OutboundMessage) -> str:
    """The delivery's name where providers take one: at most 32 characters of base64url (RFC 8030, section 5.4)."""
    return webpush.b64(hashlib.sha256(message.delivery_id.encode()).digest()[:24])
