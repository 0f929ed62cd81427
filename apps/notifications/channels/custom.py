"""Services of fixed vendors by their Apprise URLs, https://github.com/caronc/apprise: see `apprise_wire.SERVICES`."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import ClassVar

from apps.core import http
from apps.core.exceptions import PermanentError, TemporaryError, ThrottledError
from apps.core.limits import Limit
from apps.core.vault import mask
from apps.notifications.channels import apprise_wire
from apps.notifications.channels.base import Channel, CredentialField, Setting
from apps.notifications.channels.http import answer_check
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import EndpointGoneError, ProviderThrottledError
from apps.notifications.types import OutboundMessage, Sent

_ADDRESS = re.compile(r"^([a-z0-9]{1,32}):[0-9a-f]{32}$")
# The account, the device or the topic is not there (any more).
_GONE = frozenset({401, 404, 410})
# Parts of a URL that are long enough to be a token.
_SECRET_PART = re.compile(r"[^/@:?&=\s]{8,}")
_ANSWER_BYTES = 20_000


class CustomChannel(Channel):
    """One message to one account at one of the listed services. The URL is a secret and is kept as one."""

    name: ClassVar[str] = "custom"
    label: ClassVar[str] = "Other service"
    address_label: ClassVar[str] = "Apprise URL"
    text_format: ClassVar[TextFormat] = TextFormat.PLAIN
    # The tightest of the listed services (Join, Techulus Push); https://pushover.net/api#limits has 1024.
    max_length: ClassVar[int] = 1000
    subject_max_length: ClassVar[int] = 200
    # Per vendor and per account; few publish a figure, ntfy.sh "60 requests, refilled at one per 5 seconds".
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(20, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(1, 1), Limit(12, 60))
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (CredentialField("url", "Apprise URL"),)
    settings: ClassVar[tuple[Setting, ...]] = (Setting("gateway", "SANDBOX_URL"),)
    own_pauses: ClassVar[bool] = True

    def host(self, address: str) -> str:
        """The vendor's host."""
        return apprise_wire.SERVICES[address.partition(":")[0]].hosts[0]

    @classmethod
    def parted(cls, address: str, credentials: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """A whole URL is the credential, the address its service with a fingerprint; both have to belong together."""
        given = {**credentials, "url": address.strip()} if "://" in address else dict(credentials)
        cleaned = cls.address_clean(address)
        if given.get("url") and cls.address_clean(given["url"]) != cleaned:
            raise PermanentError("The URL is not the one of this address.", code="bad_credentials")
        return cleaned, given

    @classmethod
    def address_clean(cls, address: str) -> str:
        """`schema:fingerprint` of an Apprise URL, or of what is such an address already."""
        cleaned = address.strip()
        match = _ADDRESS.match(cleaned)
        if match and match[1] in apprise_wire.SERVICES:
            return cleaned
        schema = apprise_wire.schema_of(cleaned)
        return f"{schema}:{hashlib.sha256(cleaned.encode()).hexdigest()[:32]}"

    @classmethod
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the base's checks: the service's plug-in makes one request of the URL, to the vendor's own host."""
        super().credentials_check(credentials)
        apprise_wire.check(credentials["url"])

    def masked(self, words: str, message: OutboundMessage) -> str:
        """Besides the base's: no part of the URL that may be a token."""
        words = super().masked(words, message)
        for part in _SECRET_PART.findall(message.credentials.get("url", "")):
            words = words.replace(part, mask(part))
        return words

    async def transmit(self, message: OutboundMessage) -> Sent:
        """The request that Apprise makes, sent by us. A status says more than Apprise's yes or no: it comes first."""
        service = apprise_wire.SERVICES[message.address.partition(":")[0]]
        url = message.credentials["url"]
        words = {"title": message.subject, "body": message.body}
        # In a thread: it is code of many others, and the first run loads it.
        request = await asyncio.to_thread(apprise_wire.request_made, url, **words)
        gateway = f"{self.config['gateway']}/" if self.config.get("gateway") else ""
        answer = await http.request(
            request.method,
            gateway + request.url,
            headers=request.headers,
            body=request.body,
            timeout=self.timeout_s,
            max_bytes=_ANSWER_BYTES,
        )
        said = answer.body[:_ANSWER_BYTES].decode(errors="replace").lower()
        if answer.status in _GONE or (answer.status >= 400 and any(phrase in said for phrase in service.gone)):
            raise EndpointGoneError(
                f"{service.title} answered {answer.status}: the account, device or topic of this URL is not there.",
                code=f"http_{answer.status}",
            )
        try:
            answer_check(answer, service.title)
        except ThrottledError as error:
            if service.one_quota:
                raise ProviderThrottledError(error.message, retry_after=error.retry_after, code=error.code) from None
            raise
        if "<html" in said:
            raise TemporaryError(f"{service.title}'s address answered with a page.", code="garbage")
        if not await asyncio.to_thread(apprise_wire.is_success, url, answer, **words):
            raise PermanentError(
                f"{service.title} took the request and not the message: {' '.join(said.split())[:200]}", code="refused"
            )
        # Services name messages in many ways or in none.
        return Sent(message.delivery_id)
