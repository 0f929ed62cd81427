"""The Telegram Bot API: getMe, setWebhook, sendMessage, sendPhoto and sendDocument with the errors and limits that
senders meet, and the updates that Telegram sends to a bot's webhook when somebody writes to it.

Limits: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this (one message a second per chat
with short bursts, about 30 a second in all, 20 a minute in a group). Errors: https://core.telegram.org/bots/api.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate
from sandbox.providers.forms import File, form_read, is_form
from sandbox.providers.telegram_html import EntityError, html_to_text

# The bot that the sandbox knows from the start; no secret.
TOKEN = "100:sandbox-bot-token"  # noqa: S105
TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
# What each method sends, and the most bytes of it: https://core.telegram.org/bots/api#sending-files
FILES = {"sendphoto": ("photo", 10_000_000), "senddocument": ("document", 50_000_000)}
BUTTONS_LIMIT, LABEL_LIMIT = 100, 64
PER_CHAT = Rate(1, 1.0, 3)
PER_GROUP = Rate(20, 60.0, 20)
OVERALL = Rate(30, 1.0, 30)
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PATH = re.compile(r"/bot(?P<token>[^/]*)/(?P<method>\w+)")


class TelegramState(msgspec.Struct, forbid_unknown_fields=True):
    """What a test can tell: bots besides the known one, and chats that refuse."""

    tokens: tuple[str, ...] = ()
    blocked: tuple[int, ...] = (403403,)
    deactivated: tuple[int, ...] = (403404,)
    missing: tuple[int, ...] = (400400,)
    migrated: dict[str, int] = {}


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody writes to the bot."""

    chat: int
    text: str
    type: str = "private"


class Update(msgspec.Struct):
    """One update on its way to a bot's webhook."""

    url: str
    headers: dict[str, str]
    body: bytes


class Telegram:
    """api.telegram.org."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._buckets = Buckets()
        self._message_id = 0
        self._update_id = 0
        self._webhook = ("", "")
        self.state = TelegramState()

    def reset(self) -> None:
        """Full buckets, no refusing chats but the standing ones."""
        self._buckets.clear()
        self._webhook = ("", "")
        self.state = TelegramState()

    def update(self, said: Said, now: float) -> Update | None:
        """The update that Telegram sends for it; None while the bot has no webhook.

        https://core.telegram.org/bots/api#setwebhook"""
        url, secret = self._webhook
        if not url:
            return None
        self._update_id += 1
        message = {
            "message_id": self._update_id,
            "date": int(now),
            "chat": {"id": said.chat, "type": said.type},
            "from": {"id": abs(said.chat), "is_bot": False, "first_name": "Ada"},
            "text": said.text,
        }
        body = orjson.dumps({"update_id": self._update_id, "message": message})
        secrets = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        return Update(url, {"Content-Type": "application/json", **secrets}, body)

    def scopes(self, call: Call) -> list[tuple[str, Rate]]:
        """A message counts for the bot and for its chat."""
        found = _PATH.fullmatch(call.path)
        if found is None or found["method"].lower() not in ("sendmessage", *FILES):
            return []
        try:
            parameters = _form(call)[0] if is_form(call) else _parameters(call)
            return _limits(str(parameters.get("chat_id", "")))
        except ValueError:
            return [("all", OVERALL)]

    def answer(self, call: Call) -> Answer:
        """One Bot API call."""
        found = _PATH.fullmatch(call.path)
        if found is None:
            return _failure(404, "Not Found")
        if found["token"] not in (TOKEN, *self.state.tokens):
            return _failure(401, "Unauthorized")
        method = found["method"].lower()
        if method == "getme":
            return _success({"id": 100, "is_bot": True, "first_name": "Sandbox", "username": "arbedge_sandbox_bot"})
        if method not in ("sendmessage", "setwebhook", *FILES):
            return _failure(404, "Not Found")
        files: dict[str, File] = {}
        try:
            if is_form(call):
                parameters, files = _form(call)
            else:
                parameters = _parameters(call)
        except ValueError:
            return _failure(400, "Bad Request: can't parse JSON object")
        if method == "setwebhook":
            return self._set_webhook(parameters)
        trouble = _file_trouble(method, files) or _keyboard_trouble(parameters.get("reply_markup"))
        if trouble:
            return _failure(400, trouble)
        return self._send_message(parameters, call.now, files)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Telegram's own wording of an error status."""
        if status == 429:
            return _too_many(retry_after or 1).body
        return _failure(status, {502: "Bad Gateway", 500: "Internal Server Error"}.get(status, "Error")).body

    def _set_webhook(self, parameters: Mapping[str, Any]) -> Answer:
        url, secret = str(parameters.get("url", "")), str(parameters.get("secret_token", ""))
        if secret and not _SECRET.fullmatch(secret):
            return _failure(400, "Bad Request: secret token contains unallowed characters")
        self._webhook = (url, secret)
        return json_answer({"ok": True, "result": True, "description": "Webhook was set"})

    def _send_message(self, parameters: Mapping[str, Any], now: float, files: Mapping[str, File]) -> Answer:
        chat = str(parameters.get("chat_id", ""))
        refusal = self._refusal(chat)
        if refusal is not None:
            return refusal
        source = str(parameters.get("caption" if files else "text") or "")
        try:
            text = html_to_text(source) if str(parameters.get("parse_mode", "")).upper() == "HTML" else source
        except EntityError as error:
            return _failure(400, f"Bad Request: can't parse entities: {error}")
        if not files and not text.strip():
            return _failure(400, "Bad Request: message text is empty")
        # Telegram counts UTF-16 code units, after the entities are parsed.
        units = len(text.encode("utf-16-le")) // 2
        if units > (CAPTION_LIMIT if files else TEXT_LIMIT):
            return _failure(400, f"Bad Request: message {'caption ' if files else ''}is too long")
        wait = self._buckets.take(_limits(chat), now)
        if wait > 0.0:
            return _too_many(math.ceil(wait))
        return self._deliver(chat, text, source, parameters, now, files)

    def _refusal(self, chat: str) -> Answer | None:
        if not chat:
            return _failure(400, "Bad Request: chat_id is empty")
        moved = self.state.migrated.get(chat)
        if moved is not None:
            return _failure(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": moved},
            )
        number = int(chat) if re.fullmatch(r"-?\d+", chat) else None
        if number in self.state.blocked:
            return _failure(403, "Forbidden: bot was blocked by the user")
        if number in self.state.deactivated:
            return _failure(403, "Forbidden: user is deactivated")
        if number in (None, 0, *self.state.missing) and not re.fullmatch(r"@\w{4,}", chat):
            return _failure(400, "Bad Request: chat not found")
        return None

    def _deliver(
        self,
        chat: str,
        text: str,
        source: str,
        parameters: Mapping[str, Any],
        now: float,
        files: Mapping[str, File],
    ) -> Answer:
        self._message_id += 1
        self._inbox.add(
            provider="telegram",
            to=chat,
            body=source,
            at=now,
            text=text,
            parse_mode=parameters.get("parse_mode"),
            message_id=self._message_id,
            parameters={key: value for key, value in parameters.items() if key not in ("chat_id", "text", "caption")},
            files=list(files.values()),
        )
        kind = "supergroup" if chat.startswith("-") else "private"
        chat_id: int | str = chat if chat.startswith("@") else int(chat)
        return _success(
            {"message_id": self._message_id, "date": int(now), "chat": {"id": chat_id, "type": kind}, "text": text}
        )


def _limits(chat: str) -> list[tuple[str, Rate]]:
    of_group = [(f"group {chat}", PER_GROUP)] if chat.startswith("-") else []
    return [("all", OVERALL), (f"chat {chat}", PER_CHAT), *of_group]


def _parameters(call: Call) -> dict[str, Any]:
    """Parameters from the query, a form or a JSON body, as the Bot API takes them."""
    kind = call.headers.get("content-type", "")
    if "json" in kind and call.body:
        value = orjson.loads(call.body)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        return {**call.query, **value}
    return {**call.query, **dict(parse_qsl(call.body.decode(errors="replace")))}


def _form(call: Call) -> tuple[dict[str, Any], dict[str, File]]:
    """Parameters and files of a form; objects among the parameters are JSON there."""
    fields, files = form_read(call)
    parameters: dict[str, Any] = dict(fields)
    if "reply_markup" in fields:
        parameters["reply_markup"] = orjson.loads(fields["reply_markup"])
    return parameters, files


def _file_trouble(method: str, files: Mapping[str, File]) -> str:
    if method not in FILES:
        return ""
    name, most = FILES[method]
    file = files.get(name)
    if file is None or not file["size"]:
        return f"Bad Request: there is no {name} in the request"
    if name == "photo" and not file["is_image"]:
        return "Bad Request: IMAGE_PROCESS_FAILED"
    return f"Bad Request: file is too big for a {name}" if file["size"] > most else ""


def _keyboard_trouble(markup: Any) -> str:
    """What Telegram says of an inline keyboard of links; "" where it is fine or there is none."""
    if markup is None:
        return ""
    rows = markup.get("inline_keyboard") if isinstance(markup, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return "Bad Request: object expected as reply markup"
    buttons = [button for row in rows for button in row]
    if len(buttons) > BUTTONS_LIMIT or any(len(row) > 8 for row in rows):
        return "Bad Request: REPLY_MARKUP_TOO_LONG"
    for button in buttons:
        url = str(button.get("url", ""))
        parts = urlsplit(url)
        if not 1 <= len(str(button.get("text", ""))) <= LABEL_LIMIT:
            return "Bad Request: BUTTON_TEXT_INVALID"
        if parts.scheme not in ("http", "https") or "." not in (parts.hostname or ""):
            return f"Bad Request: inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
    return ""


def _success(result: Any) -> Answer:
    return json_answer({"ok": True, "result": result})


def _failure(status: int, description: str, parameters: Mapping[str, Any] | None = None) -> Answer:
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = dict(parameters)
    return json_answer(body, status)


def _too_many(seconds: int) -> Answer:
    return _failure(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})
