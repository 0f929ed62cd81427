"""Telegram Bot API, https://core.telegram.org/bots/api#sendmessage."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any, ClassVar
from urllib.parse import urlsplit

from apps.core import http
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.core.limits import Limit
from apps.notifications.channels import markup
from apps.notifications.channels.base import Channel, Setting, retry_after_seconds
from apps.notifications.channels.files import Carries, multipart
from apps.notifications.channels.http import THROTTLE_DEFAULT_S, answer_check
from apps.notifications.channels.text import fit_html, fit_plain, plain_from_html
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import ChannelOffError, EndpointGoneError
from apps.notifications.types import Attached, OutboundMessage, Sent

_ADDRESS = re.compile(r"^(-?[1-9][0-9]{0,19}|@[A-Za-z][A-Za-z0-9_]{3,31})$")
_UNPARSEABLE = "can't parse entities"
# Descriptions after which a chat never takes a message again, whatever the status code.
_GONE = (
    "bot was blocked by the user",
    "user is deactivated",
    "chat not found",
    "bot was kicked",
    "bot can't initiate conversation",
    "bot is not a member",
    "group chat was deactivated",
    "peer_id_invalid",
    "have no rights to send a message",
)


# The method for a file and the field that it goes in; a photo is shown, everything else is a document.
_DOCUMENT = ("sendDocument", "document")
_FILES = {"image/png": ("sendPhoto", "photo"), "image/jpeg": ("sendPhoto", "photo")}
# Descriptions that are about the file and not about the message.
_BAD_FILE = ("photo_", "image_process_failed", "file", "document_")


# https://core.telegram.org/bots/api#html-style
_OWN_TAGS = frozenset(
    {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote", "tg-spoiler"}
)
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9-]*)")
_TAGS = {markup.BOLD: "b", markup.ITALIC: "i", markup.UNDERLINE: "u", markup.STRIKE: "s"}


class TelegramChannel(Channel):
    """Messages of the house's bot to a chat."""

    name: ClassVar[str] = "telegram"
    label: ClassVar[str] = "Telegram"
    address_label: ClassVar[str] = "chat id"
    text_format: ClassVar[TextFormat] = TextFormat.HTML
    # "1-4096 characters after entities parsing" (sendMessage); counted before parsing, so never more than that.
    max_length: ClassVar[int] = 4096
    # "no more than one message per second" in a chat, "about 30 messages per second" in bulk, "20 messages per minute"
    # in a group: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(30, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(1, 1),)
    group_limits: ClassVar[tuple[Limit, ...]] = (Limit(1, 1), Limit(20, 60))
    # A 429 does not say whose limit it was; the chat's is the stricter one by far. Where many chats are asked to wait,
    # the bot as a whole is (see `services.pauses`).
    own_pauses: ClassVar[bool] = True
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("token", "TELEGRAM_BOT_TOKEN", required=True, secret=True),
        Setting("url", "TELEGRAM_API_URL", required=True),
        Setting("bot", "TELEGRAM_BOT_NAME"),
    )

    # One file: several are an album, which can't have buttons. "Photo … at most 10 MB", "files … of up to 50 MB",
    # "caption … 0-1024 characters after entities parsing" (sendPhoto, sendDocument).
    carries: ClassVar[Carries | None] = Carries(count=1, max_bytes=10_000_000, total_bytes=10_000_000, caption=1024)
    buttons: ClassVar[int] = 8

    def body_fitted(self, body: str, limit: int = 0) -> str:
        """As it is where it has only tags that the Bot API knows, else rewritten in those."""
        if _OWN_TAGS.issuperset(_TAG.findall(body)):
            return fit_html(body, limit or self.max_length)
        return markup.written(body, _run, limit or self.max_length)

    def host(self, address: str) -> str:
        """One provider for all chats."""
        del address
        return urlsplit(str(self.config["url"])).netloc

    def start_url(self, token: str) -> str:
        """A deep link: whoever follows it and presses Start sends the bot `/start TOKEN` from their chat
        (https://core.telegram.org/bots/features#deep-linking: up to 64 of A-Z a-z 0-9 _ -)."""
        if not self.config.get("bot"):
            raise ChannelOffError("Telegram links are off: TELEGRAM_BOT_NAME is not set.")
        return f"https://t.me/{self.config['bot']}?start={token}"

    @classmethod
    def is_group(cls, address: str) -> bool:
        """Groups and channels have negative ids; only supergroups and channels are written to by their @name
        (https://core.telegram.org/bots/api#sendmessage)."""
        return address.startswith(("-", "@"))

    def limits_of(self, address: str) -> tuple[Limit, ...]:
        """Groups and channels are limited per minute as well."""
        return self.group_limits if self.is_group(address) else self.endpoint_limits

    @classmethod
    def address_clean(cls, address: str) -> str:
        """A numeric chat id or a public @name."""
        cleaned = address.strip()
        if not _ADDRESS.match(cleaned):
            raise PermanentError("A Telegram address is a chat id (a number) or an @name.", code="bad_address")
        return cleaned

    async def transmit(self, message: OutboundMessage) -> Sent:
        """Send as HTML; once more as plain text where Telegram can't parse it, once more where the chat has moved."""
        answer = await self._call(message.address, message)
        moved = _moved_to(answer)
        if moved:
            answer = await self._call(moved, message)
        result = answer.get("result")
        if not isinstance(result, Mapping) or "message_id" not in result:
            raise TemporaryError("Telegram's answer does not say that it took the message.", code="garbage")
        return Sent(str(result["message_id"]), new_address=moved)

    async def updates_to(self, url: str, secret: str) -> None:
        """Have Telegram send what people write to the bot to `url`, with `secret` in each update's header
        (https://core.telegram.org/bots/api#setwebhook); earlier ones that wait are dropped. Raises core errors."""
        await self._post(
            "setWebhook",
            {"url": url, "secret_token": secret, "allowed_updates": ["message"], "drop_pending_updates": True},
        )

    async def _call(self, chat_id: str, message: OutboundMessage) -> Mapping[str, Any]:
        """Telegram's answer to the message, as HTML and if that can't be parsed as plain text."""
        file = message.attachments[0] if message.attachments else None
        method, words = ("sendMessage", "text") if file is None else _FILES.get(file.content_type, _DOCUMENT)
        to: dict[str, Any] = {"chat_id": chat_id}
        if file is None:
            to["link_preview_options"] = {"is_disabled": True}
        if message.buttons:
            # One row: https://core.telegram.org/bots/api#inlinekeyboardmarkup
            row = [{"text": button.label, "url": button.url} for button in message.buttons]
            to["reply_markup"] = {"inline_keyboard": [row]}
        named = words if file is None else "caption"
        files = {} if file is None else {words: file}
        answer = await self._post(method, to | {named: message.body, "parse_mode": "HTML"}, files)
        if _UNPARSEABLE in _description(answer):
            plain = message.text_body or plain_from_html(message.body)
            if file is not None:
                plain = fit_plain(plain, self.carries.caption if self.carries else 0)
            answer = await self._post(method, to | {named: plain}, files)
        return answer

    async def _post(
        self, method: str, body: dict[str, Any], files: Mapping[str, Attached] | None = None
    ) -> Mapping[str, Any]:
        """The decoded answer of success, or of a failure that is worth another try; everything else raises."""
        url = f"{self.config['url']}/bot{self.config['token']}/{method}"
        if files:
            fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
            form, kind = multipart(fields, files)
            response = await http.request(
                "POST", url, body=form, headers={"Content-Type": kind}, timeout=self.timeout_s
            )
        else:
            response = await http.request("POST", url, json=body, timeout=self.timeout_s)
        if files and response.status == 413:
            # "Request Entity Too Large", which comes before the API.
            raise PermanentError("Telegram takes no file of this size.", code="files_refused")
        answer = _decoded(response)
        words = _description(answer)
        if files and response.status == 400 and any(phrase in words for phrase in _BAD_FILE):
            raise PermanentError(f"Telegram says: {words}", code="files_refused")
        if response.status == 429:
            pause = retry_after_seconds(_parameters(answer).get("retry_after"), default=THROTTLE_DEFAULT_S)
            raise ThrottledError(f"Telegram answered 429: {words}", retry_after=pause, code="http_429")
        if any(phrase in words for phrase in _GONE):
            raise EndpointGoneError(f"Telegram says: {words}", code="chat_gone")
        if response.status == 403:
            raise EndpointGoneError(f"Telegram refuses this chat: {words}", code="chat_forbidden")
        if response.status == 404:
            # The path holds the token: "Not Found" is Telegram's word for a token it does not know.
            raise OperatorError("Telegram does not know the bot's token.", code="unauthorized")
        worth_another = "parse_mode" in body and _UNPARSEABLE in words
        if not (worth_another or _moved_to(answer)):
            answer_check(response, "Telegram", ours=True)
        return answer


def _run(run: markup.Run) -> str:
    words = escape(run.text, quote=False)
    if markup.CODE in run.marks:
        # Code takes no other mark and is no link.
        return f"<code>{words}</code>"
    for name, tag in _TAGS.items():
        if name in run.marks:
            words = f"<{tag}>{words}</{tag}>"
    return f'<a href="{escape(run.href)}">{words}</a>' if run.href and run.href != run.text else words


def _decoded(response: http.HttpResponse) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except TemporaryError:
        answer = None
    if isinstance(answer, Mapping):
        return answer
    # A gateway's page instead of the API: its status says what to do, and a 2xx of that sort is no success.
    answer_check(response, "Telegram")
    raise TemporaryError("Telegram's address answered something that is not the Bot API.", code="garbage")


def _description(answer: Mapping[str, Any]) -> str:
    return str(answer.get("description", "")).lower()


def _moved_to(answer: Mapping[str, Any]) -> str:
    chat_id = _parameters(answer).get("migrate_to_chat_id")
    return str(chat_id) if type(chat_id) is int and chat_id else ""


def _parameters(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = answer.get("parameters")
    return parameters if isinstance(parameters, Mapping) else {}
