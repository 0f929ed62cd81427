"""Two services that people use through Apprise URLs: Pushover (https://pushover.net/api) and ntfy.sh
(https://docs.ntfy.sh/publish/#publish-as-json)."""

import math
import re
import secrets
from urllib.parse import parse_qs

import orjson

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate

PUSHOVER_HOST = "api.pushover.net"
NTFY_HOST = "ntfy.sh"
_KEY = re.compile(r"[A-Za-z0-9]{30}")
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
MESSAGE_LIMIT = 1024
TITLE_LIMIT = 250
NTFY_BYTES = 4096
# "60 requests, refilled at one per 5 seconds", https://docs.ntfy.sh/publish/#limitations
NTFY_RATE = Rate(1, 5.0, 60)


class Pushover:
    """api.pushover.net. A user's key that starts with `gone` and a token that starts with `bad` are not known."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def answer(self, call: Call) -> Answer:
        """One message."""
        if call.path != "/1/messages.json" or call.method != "POST":
            return _pushover_failure(404, "not found")
        form = {name: values[0] for name, values in parse_qs(call.body.decode(errors="replace")).items()}
        token, user, message = (form.get(name, "") for name in ("token", "user", "message"))
        if not _KEY.fullmatch(token) or token.startswith("bad"):
            return _pushover_failure(400, "application token is invalid, see https://pushover.net/api", token="invalid")  # noqa: S106
        if not _KEY.fullmatch(user) or user.startswith("gone"):
            words = "user identifier is not a valid user, group, or subscribed user key"
            return _pushover_failure(400, words, user="invalid")
        if not message.strip():
            return _pushover_failure(400, "message cannot be blank", message="cannot be blank")
        if len(message) > MESSAGE_LIMIT or len(form.get("title", "")) > TITLE_LIMIT:
            return _pushover_failure(400, "message or title is too long", message="is too long")
        self._inbox.add(
            provider="custom", to=user, body=message, at=call.now, service="pushover", title=form.get("title", "")
        )
        return json_answer({"status": 1, "request": secrets.token_hex(16)})

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Pushover's own wording of an error status."""
        return _pushover_failure(status, "a fault was asked for").body


class Ntfy:
    """ntfy.sh."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._buckets = Buckets()

    def reset(self) -> None:
        """A full bucket."""
        self._buckets.clear()

    def answer(self, call: Call) -> Answer:
        """One message, published as JSON."""
        if call.path != "/" or call.method not in ("POST", "PUT"):
            return _ntfy_failure(404, 40401, "page not found")
        try:
            form = orjson.loads(call.body)
            topic, message, title = str(form["topic"]), str(form.get("message", "")), str(form.get("title", ""))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _ntfy_failure(400, 40024, "invalid request: request body must be message JSON")
        if not _TOPIC.fullmatch(topic):
            return _ntfy_failure(400, 40009, "invalid request: topic invalid")
        if len(message.encode()) > NTFY_BYTES:
            return _ntfy_failure(413, 41301, "attachment too large, or bandwidth limit reached")
        wait = self._buckets.take([("visitor", NTFY_RATE)], call.now)
        if wait > 0.0:
            answer = _ntfy_failure(429, 42901, "limit reached: too many requests")
            return Answer(answer.status, answer.body, {**answer.headers, "Retry-After": str(math.ceil(wait))})
        self._inbox.add(provider="custom", to=topic, body=message, at=call.now, service="ntfy", title=title)
        return json_answer(
            {"id": secrets.token_hex(6), "time": int(call.now), "event": "message", "topic": topic, "message": message}
        )

    def error(self, status: int, retry_after: int | None) -> bytes:
        """ntfy's own wording of an error status."""
        return _ntfy_failure(status, status * 100, "a fault was asked for").body


def _pushover_failure(status: int, words: str, **fields: str) -> Answer:
    return json_answer({**fields, "errors": [words], "status": 0, "request": secrets.token_hex(16)}, status)


def _ntfy_failure(status: int, code: int, words: str) -> Answer:
    return json_answer({"code": code, "http": status, "error": words}, status)
