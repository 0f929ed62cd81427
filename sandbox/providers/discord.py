"""Discord's webhooks with their limits, told in the headers of every answer, and the errors that senders meet.

https://docs.discord.com/developers/resources/webhook#execute-webhook,
https://docs.discord.com/developers/topics/rate-limits. What refuses is written in the webhook's id:

| id | answer |
|---|---|
| `404…` (18 digits or so) | 404, code 10015: unknown webhook |
| `220…` | 400, code 220001: a forum, unless the query names a thread |
| any other | the message, or 204 without `wait=true` |
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate
from sandbox.providers.forms import File, form_read, is_form

HOST = "discord.com"
# The end of every webhook's URL that the sandbox knows; no secret.
TOKEN = "sandbox-discord-webhook-token-0123456789"  # noqa: S105
CONTENT_LIMIT = 2000
FILES_LIMIT, FILE_LIMIT = 10, 10 * 1024 * 1024
ROW_LIMIT, LABEL_LIMIT, URL_LIMIT = 5, 80, 512
PER_WEBHOOK = Rate(5, 2.0, 5)
OVERALL = Rate(50, 1.0, 50)
_PATH = re.compile(r"/api(?:/v\d+)?/webhooks/(?P<id>\d{15,20})/(?P<token>[\w-]+)")
_PING = re.compile(r"@(?:everyone|here)|<@[!&]?\d+>")


class Discord:
    """discord.com."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._buckets = Buckets()
        self._message_id = 1_400_000_000_000_000_000

    def reset(self) -> None:
        """Full buckets."""
        self._buckets.clear()

    def scopes(self, call: Call) -> list[tuple[str, Rate]]:
        """A message counts for its webhook and for all that one sender calls."""
        found = _PATH.fullmatch(call.path)
        return [] if found is None else [(f"hook {found['id']}", PER_WEBHOOK), ("all", OVERALL)]

    def answer(self, call: Call) -> Answer:
        """One message."""
        found = _PATH.fullmatch(call.path)
        if found is None or call.method != "POST":
            return _failure(404, 0, "404: Not Found")
        if found["id"].startswith("404"):
            return _failure(404, 10015, "Unknown Webhook")
        if found["token"] != TOKEN:
            return _failure(401, 50027, "Invalid Webhook Token")
        if found["id"].startswith("220") and "thread_id" not in call.query:
            return _failure(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        for key, rate in self.scopes(call):
            wait = self._buckets.take([(key, rate)], call.now)
            if wait > 0.0:
                return _too_many(wait, everywhere=key == "all")
        return self._take(call, found["id"])

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Discord's own wording of an error status."""
        if status == 429:
            return _too_many(float(retry_after or 1), everywhere=False).body
        return _failure(status, 0, f"{status}: Error").body

    def _take(self, call: Call, hook: str) -> Answer:
        files: dict[str, File] = {}
        try:
            if is_form(call):
                fields, files = form_read(call)
                message = orjson.loads(fields.get("payload_json", ""))
            else:
                message = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            return _failure(400, 50109, "The request body contains invalid JSON.")
        except ValueError:
            return _failure(400, 50035, "Invalid Form Body")
        if len(files) > FILES_LIMIT or any(file["size"] > FILE_LIMIT for file in files.values()):
            return _failure(413, 40005, "Request entity too large")
        if any(not re.fullmatch(r"files\[\d+\]", name) for name in files):
            return _failure(400, 50035, "Invalid Form Body")
        content = message.get("content") if isinstance(message, Mapping) else None
        if not isinstance(content, str) or (not content.strip() and not files):
            return _failure(400, 50006, "Cannot send an empty message")
        if len(content) > CONTENT_LIMIT:
            return _failure(400, 50035, "Invalid Form Body", {"content": "Must be 2000 or fewer in length."})
        # Of a webhook that no application owns they are looked at only where that is asked for, and links only.
        components = message.get("components") if call.query.get("with_components") == "true" else None
        links = _links(components or [])
        if links is None:
            return _failure(400, 50035, "Invalid Form Body", {"components": "Not a row of links."})
        self._message_id += 1
        allowed = message.get("allowed_mentions")
        silent = isinstance(allowed, Mapping) and not any(allowed.get(kind) for kind in ("parse", "users", "roles"))
        self._inbox.add(
            provider="discord",
            to=hook,
            body=content,
            at=call.now,
            thread=call.query.get("thread_id"),
            # Without `allowed_mentions` every mention in the content pings.
            pings=[] if silent else _PING.findall(content),
            message_id=str(self._message_id),
            buttons=links,
            files=list(files.values()),
        )
        headers = self._told(hook, call.now)
        if call.query.get("wait") != "true":
            return Answer(204, b"", headers)
        return json_answer(
            {"id": str(self._message_id), "type": 0, "content": content, "webhook_id": hook}, 200, headers
        )

    def _told(self, hook: str, now: float) -> dict[str, str]:
        left, reset_s = self._buckets.left(f"hook {hook}", PER_WEBHOOK, now)
        return {
            "X-RateLimit-Limit": str(int(PER_WEBHOOK.burst)),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset-After": f"{reset_s:.3f}",
            "X-RateLimit-Bucket": "4d3a6e2c0f5b",
        }


def _links(components: Any) -> list[dict[str, Any]] | None:
    """The link buttons of a message; None where something in it is none, or too long."""
    found: list[dict[str, Any]] = []
    for row in components if isinstance(components, list) else [None]:
        buttons = row.get("components") if isinstance(row, Mapping) and row.get("type") == 1 else None
        if not isinstance(buttons, list) or not 1 <= len(buttons) <= ROW_LIMIT:
            return None
        found += buttons
    return found if all(map(_is_link, found)) else None


def _is_link(button: Any) -> bool:
    if not isinstance(button, Mapping) or (button.get("type"), button.get("style")) != (2, 5):
        return False
    label, url = str(button.get("label", "")), str(button.get("url", ""))
    parts = urlsplit(url)
    well_formed = parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    return 1 <= len(label) <= LABEL_LIMIT and len(url) <= URL_LIMIT and well_formed


def _failure(status: int, code: int, message: str, errors: Mapping[str, Any] | None = None) -> Answer:
    return json_answer({"message": message, "code": code} | ({"errors": dict(errors)} if errors else {}), status)


def _too_many(seconds: float, *, everywhere: bool) -> Answer:
    headers = {"Retry-After": str(max(1, round(seconds))), "X-RateLimit-Scope": "global" if everywhere else "user"}
    body = {"message": "You are being rate limited.", "retry_after": round(seconds, 3), "global": everywhere}
    return json_answer(body, 429, headers | ({"X-RateLimit-Global": "true"} if everywhere else {}))
