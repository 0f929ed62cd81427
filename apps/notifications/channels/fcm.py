"""Firebase Cloud Messaging to phone apps, HTTP v1: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
Errors: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson

from apps.core import clock, http
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.core.limits import Limit
from apps.core.vault import mask
from apps.notifications.channels import text
from apps.notifications.channels.base import Channel, Setting, retry_after_seconds
from apps.notifications.channels.google import AccessToken, account_read
from apps.notifications.channels.http import answer_check, header
from apps.notifications.channels.push import MAX_TTL_S, URGENCIES, tag_of
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import ChannelOffError, EndpointGoneError
from apps.notifications.types import OutboundMessage, Sent

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_TOKEN = re.compile(r"^[A-Za-z0-9_:-]{20,500}$")
# "the total size of the payload data … does not exceed … 4096 bytes … both the keys and the values".
MAX_PAYLOAD = 4096
# Without a Retry-After "the default retry is 60 seconds" (QUOTA_EXCEEDED).
_QUOTA_PAUSE_S = 60.0
# Android knows two priorities, APNs numbers them.
_ANDROID = {"high": "HIGH"}
_APNS = {"high": "10"}


class FcmChannel(Channel):
    """A notification with title and text; its link and tag travel as data."""

    name: ClassVar[str] = "fcm"
    label: ClassVar[str] = "Mobile push"
    address_label: ClassVar[str] = "registration token"
    text_format: ClassVar[TextFormat] = TextFormat.PLAIN
    # Never more characters than octets fit; `fitted` counts the octets.
    max_length: ClassVar[int] = 4000
    subject_max_length: ClassVar[int] = 120
    # 600,000 a minute per project; "a maximum of 240 messages/minute and 5,000 messages/hour to a single device":
    # https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(600_000, 60),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(240, 60), Limit(5000, 3600))
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("account", "FCM_SERVICE_ACCOUNT", required=True, secret=True),
        Setting("url", "FCM_API_URL", required=True),
        Setting("token_url", "FCM_TOKEN_URL", required=True),
    )
    # `collapse_key` replaces a repeat that still waits, `tag` one that is already shown.
    idempotent: ClassVar[bool] = True

    def __init__(self, config: Mapping[str, Any], *, timeout_s: float) -> None:
        super().__init__(config, timeout_s=timeout_s)
        try:
            self._account = account_read(str(config["account"]))
        except ValueError as error:
            raise ChannelOffError(
                f"The fcm channel is off: FCM_SERVICE_ACCOUNT is not the JSON of a service account's key ({error})."
            ) from None
        self._token = AccessToken(self._account, scope=_SCOPE, url=str(config["token_url"]), timeout_s=timeout_s)

    def host(self, address: str) -> str:
        """One provider for all devices."""
        del address
        return urlsplit(str(self.config["url"])).netloc

    @classmethod
    def address_clean(cls, address: str) -> str:
        """An app's registration token, whole."""
        cleaned = address.strip()
        if not _TOKEN.match(cleaned):
            raise PermanentError("A mobile push address is the app's whole FCM registration token.", code="bad_address")
        return cleaned

    def masked(self, words: str, message: OutboundMessage) -> str:
        """Besides the base's: neither the access token nor the private key in itself."""
        words = super().masked(words, message)
        for secret in filter(None, (self._token.value, self._account.private_key)):
            words = words.replace(secret, mask(secret))
        return words

    def fitted(self, message: OutboundMessage) -> OutboundMessage:
        """Cut so that all keys and values fit, octet by octet."""
        fitted = super().fitted(message)
        if len(fitted.link.encode()) > MAX_PAYLOAD // 4:
            fitted = replace(fitted, link="")
        ending = self.links_behind(fitted.body, message)
        words = text.fit_while(
            fitted.body.removesuffix(ending),
            lambda words: len(self.body(replace(fitted, body=words + ending))) <= MAX_PAYLOAD,
        )
        return replace(fitted, body=words + ending)

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One message to one device; UNREGISTERED means that the app is gone from it."""
        token = await self._token.get()
        response = await http.request(
            "POST",
            f"{self.config['url']}/v1/projects/{self._account.project_id}/messages:send",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=self.body(message),
            timeout=self.timeout_s,
        )
        if response.status == 200:
            return Sent(_name(response))
        code, words = _error(response)
        told = f"FCM answered {response.status} {code}: {words}"
        if code == "UNREGISTERED" or (code == "INVALID_ARGUMENT" and "registration token" in words.lower()):
            raise EndpointGoneError(told, code="unregistered")
        if code in ("SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR"):
            raise OperatorError(told, code=code.lower())
        if response.status == 401 and self._token.is_new(token):
            raise OperatorError(f"{told} Google has just given that token.", code="unauthorized")
        if response.status == 401:
            self._token.forget(token)
            raise TemporaryError(f"{told} The next try takes a new access token.", code="token_refused")
        if response.status == 403:
            raise OperatorError(told, code="unauthorized")
        if response.status == 429:
            pause = retry_after_seconds(header(response.headers, "Retry-After"), default=_QUOTA_PAUSE_S)
            # Quotas are the project's, but for the one of a single device, which our own limits keep.
            raise ThrottledError(told, retry_after=pause, code="http_429")
        answer_check(response, "FCM")
        raise TemporaryError(f"FCM answered {response.status}, which says nothing about the message.", code="garbage")

    def body(self, message: OutboundMessage) -> bytes:
        """The JSON of `messages:send`."""
        urgency = URGENCIES[message.priority]
        tag, ttl_s = tag_of(message), min(message.lasts_s, MAX_TTL_S)
        shown = {"title": message.subject, "body": message.body}
        return orjson.dumps(
            {
                "message": {
                    "token": message.address,
                    "notification": shown,
                    "data": {"url": message.link, "tag": tag},
                    "android": {
                        "priority": _ANDROID.get(urgency, "NORMAL"),
                        "ttl": f"{ttl_s}s",
                        "collapse_key": tag,
                        "notification": {"tag": tag},
                    },
                    "apns": {
                        "headers": {
                            "apns-priority": _APNS.get(urgency, "5"),
                            "apns-expiration": str(int(clock.wall_now().timestamp()) + ttl_s),
                            "apns-collapse-id": tag,
                        }
                    },
                }
            }
        )


def _name(response: http.HttpResponse) -> str:
    """The id of a taken message, the last part of `projects/…/messages/ID`."""
    answer = response.json()
    name = answer.get("name") if isinstance(answer, Mapping) else None
    if not isinstance(name, str) or not name:
        raise TemporaryError("FCM's answer does not say that it took the message.", code="garbage")
    return name.rpartition("/")[2]


def _error(response: http.HttpResponse) -> tuple[str, str]:
    """FCM's error code (in `details`, else the general status) and its words, with those about single fields."""
    try:
        answer = response.json()
    except TemporaryError:
        return "", ""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    details = [one for one in error.get("details") or () if isinstance(one, Mapping)]
    codes = [str(one["errorCode"]) for one in details if "errorCode" in one]
    fields = [str(two.get("description", "")) for one in details for two in one.get("fieldViolations") or ()]
    return (codes or [str(error.get("status", ""))])[0], " ".join([str(error.get("message", "")), *fields])[:300]
