"""Discord's webhooks, https://docs.discord.com/developers/resources/webhook#execute-webhook."""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from apps.core import http
from apps.core.exceptions import PermanentError, TemporaryError, ThrottledError
from apps.core.limits import Limit
from apps.notifications.channels import markup
from apps.notifications.channels.base import Channel, CredentialField, Setting, retry_after_seconds
from apps.notifications.channels.files import Carries, multipart
from apps.notifications.channels.http import THROTTLE_DEFAULT_S, answer_check, header
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import EndpointGoneError, ProviderThrottledError
from apps.notifications.types import Button, OutboundMessage, Sent

_URL = re.compile(
    r"^https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api(?:/v\d{1,2})?/webhooks/(?P<id>\d{15,20})/"
    r"(?P<token>[A-Za-z0-9_-]{30,120})/?(?:\?thread_id=(?P<thread>\d{15,20}))?$"
)
_ADDRESS = re.compile(r"^(?P<id>\d{15,20})(?:\?thread_id=(?P<thread>\d{15,20}))?$")
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{30,120}$")
# https://docs.discord.com/developers/topics/opcodes-and-status-codes#json-json-error-codes: what never becomes right.
_GONE = {
    10003: "its channel is gone",
    10015: "it was deleted",
    50027: "its token is not valid any more",
    220001: "it leads to a forum, which needs a ?thread_id= in the URL",
}
# A block of our address lasts longer than a rate limit, and every try makes it longer.
_BLOCKED_S = 600.0
# What begins or ends any markup; a hyphen, a plus or a number with a dot only does at the beginning of a line.
_SPECIAL = re.compile(r"([\\*_~|`<>\[\]#+-]|(?<=\d)\.(?=\s|$))")
_MARKS = {markup.BOLD: "**", markup.ITALIC: "*", markup.STRIKE: "~~", markup.UNDERLINE: "__"}
# SUPPRESS_EMBEDS: no preview of a link under the message.
_FLAGS = 4
# Components, https://docs.discord.com/developers/components/reference.
_ROW, _BUTTON, _LINK_STYLE = 1, 2, 5
# "Request entity too large", "Invalid file uploaded", "Uploaded file contains more than …".
_BAD_FILE = frozenset({40005, 50046, 50138})


class DiscordChannel(Channel):
    """Messages to the Discord channel that a webhook was made for. Nothing in them ever pings anybody."""

    name: ClassVar[str] = "discord"
    label: ClassVar[str] = "Discord"
    address_label: ClassVar[str] = "webhook URL"
    text_format: ClassVar[TextFormat] = TextFormat.HTML
    # "the message contents (up to 2000 characters)"; UTF-16 units are never fewer.
    max_length: ClassVar[int] = 2000
    # Said only where there is no body.
    subject_max_length: ClassVar[int] = 150
    # "50 requests per second" globally. Per webhook Discord publishes no figure but tells it in every answer, which is
    # obeyed; five in two seconds is what it has long been telling, and thirty a minute what senders count per channel.
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(50, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(5, 2), Limit(30, 60))
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (CredentialField("token", "End of the webhook URL"),)
    settings: ClassVar[tuple[Setting, ...]] = (Setting("url", "DISCORD_WEBHOOK_URL", required=True),)
    own_pauses: ClassVar[bool] = True
    # "The default limit is 10 MiB" a file and ten of them; the whole request is kept below what the shield takes:
    # https://docs.discord.com/developers/reference#uploading-files
    carries: ClassVar[Carries | None] = Carries(count=10, max_bytes=10_000_000, total_bytes=20_000_000)
    # A row of at most five, labels of 80 and URLs of 512 characters; of webhooks that no application owns only links
    # are shown, and those with `with_components` only.
    buttons: ClassVar[int] = 5

    def host(self, address: str) -> str:
        """One provider for all webhooks."""
        del address
        return urlsplit(str(self.config["url"])).netloc

    @classmethod
    def parted(cls, address: str, credentials: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """The token in the webhook's URL is the secret; its id, and the thread's, name it."""
        match = _URL.match(address.strip())
        if match is None:
            return super().parted(address, credentials)
        return _named(match), {**credentials, "token": match["token"]}

    @classmethod
    def address_clean(cls, address: str) -> str:
        """`ID` or `ID?thread_id=ID` of a webhook URL at discord.com; any other host is refused."""
        cleaned = address.strip()
        match = _URL.match(cleaned) or _ADDRESS.match(cleaned)
        if match is None:
            raise PermanentError(
                "A Discord address is a webhook's URL: https://discord.com/api/webhooks/ID/TOKEN", code="bad_address"
            )
        return _named(match)

    @classmethod
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the base's checks: the token has the shape of one, so that it can't lead to another path."""
        super().credentials_check(credentials)
        if not _TOKEN.match(credentials["token"]):
            raise PermanentError("This is no token of a Discord webhook: give the whole URL.", code="bad_credentials")

    def body_fitted(self, body: str, limit: int = 0) -> str:
        """Discord's Markdown."""
        return markup.written(body, _run, limit or self.max_length)

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One POST that waits for the message's id; what the answer says of the rate limit goes with the result."""
        match = _ADDRESS.match(message.address)
        content = message.body if message.body.strip() else _escaped(message.subject)
        if match is None or not content.strip():
            raise PermanentError("The message has no words.", code="empty")
        thread = f"&thread_id={match['thread']}" if match["thread"] else ""
        url = f"{self.config['url']}/{match['id']}/{message.credentials['token']}?wait=true{thread}"
        payload: dict[str, Any] = {"content": content, "allowed_mentions": {"parse": []}, "flags": _FLAGS}
        if message.buttons:
            url += "&with_components=true"
            payload["components"] = [{"type": _ROW, "components": [_button(one) for one in message.buttons]}]
        files = {f"files[{place}]": one for place, one in enumerate(message.attachments)}
        if files:
            form, kind = multipart({"payload_json": json.dumps(payload)}, files)
            response = await http.request(
                "POST", url, body=form, headers={"Content-Type": kind}, timeout=self.timeout_s
            )
        else:
            response = await http.request("POST", url, json=payload, timeout=self.timeout_s)
        answer = _decoded(response)
        if files and (response.status == 413 or (answer or {}).get("code") in _BAD_FILE):
            raise PermanentError("Discord takes no file of this size or kind.", code="files_refused")
        _failure_raise(response, answer)
        message_id = answer.get("id") if answer else None
        if not isinstance(message_id, str) or not message_id:
            raise TemporaryError("Discord's answer does not say that it took the message.", code="garbage")
        return Sent(message_id, pause_s=_pause(response))


def _button(button: Button) -> dict[str, Any]:
    return {"type": _BUTTON, "style": _LINK_STYLE, "label": button.label, "url": button.url}


def _failure_raise(response: http.HttpResponse, answer: Mapping[str, Any] | None) -> None:
    if response.status == 429:
        raise _throttled(response, answer)
    if answer is None and response.status in (401, 403):
        # Not the API but the shield before it: "invalid requests" of this address have been too many.
        raise ProviderThrottledError(
            f"Discord's network refuses us: {response.status}.", retry_after=_BLOCKED_S, code="blocked"
        )
    code = answer.get("code") if answer else None
    why = _GONE.get(code) if isinstance(code, int) else None
    if answer is not None and response.status >= 400 and (why or response.status in (401, 404)):
        words = why or str(answer.get("message", response.status))
        raise EndpointGoneError(f"Discord takes no more messages for this webhook: {words}.", code="webhook_gone")
    answer_check(response, "Discord")


def _throttled(response: http.HttpResponse, answer: Mapping[str, Any] | None) -> ThrottledError:
    """Whose the limit was decides who pauses: `global` and answers that are not the API's mean all of us."""
    told = (answer or {}).get("retry_after", header(response.headers, "Retry-After"))
    known = told if isinstance(told, (int, float, str)) else None
    if answer is None:
        pause = retry_after_seconds(known, default=_BLOCKED_S)
        return ProviderThrottledError("Discord's network answered 429.", retry_after=pause, code="blocked")
    pause = retry_after_seconds(known, default=THROTTLE_DEFAULT_S)
    kind = ProviderThrottledError if answer.get("global") is True else ThrottledError
    return kind(f"Discord answered 429: {answer.get('message', '')}", retry_after=pause, code="http_429")


def _pause(response: http.HttpResponse) -> float:
    """Seconds until this webhook's next message, where the answer says that none is left before."""
    if header(response.headers, "X-RateLimit-Remaining") != "0":
        return 0.0
    reset = header(response.headers, "X-RateLimit-Reset-After")
    return retry_after_seconds(reset, default=0.0) if reset is not None else 0.0


def _decoded(response: http.HttpResponse) -> Mapping[str, Any] | None:
    try:
        answer = response.json()
    except TemporaryError:
        return None
    return answer if isinstance(answer, Mapping) else None


def _named(match: re.Match[str]) -> str:
    return match["id"] + (f"?thread_id={match['thread']}" if match["thread"] else "")


def _escaped(words: str) -> str:
    return _SPECIAL.sub(r"\\\1", words)


def _run(run: markup.Run) -> str:
    if run.href:
        # In angle brackets an address keeps its underscores and makes no preview.
        return f"<{run.href}>" if run.text == run.href else f"[{_escaped(run.text)}](<{run.href}>)"
    if markup.CODE in run.marks:
        return markup.around(run.text.replace("`", "'"), "`")
    words = _escaped(run.text)
    for name, mark in _MARKS.items():
        if name in run.marks:
            words = markup.around(words, mark)
    return words
