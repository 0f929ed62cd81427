"""Slack's incoming webhooks: what they refuse, in Slack's plain words, and one message a second per webhook.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; sections of blocks hold up to 3000 characters
and a message up to 50 blocks: https://docs.slack.dev/reference/block-kit/blocks/section-block. Which webhook refuses is
written in its second part:

| webhook | answer |
|---|---|
| `B0REVOKED` | 404 no_service |
| `B0ARCHIVED` | 410 channel_is_archived |
| `B0NOCHANNEL` | 404 channel_not_found |
| `B0FORBIDDEN` | 403 action_prohibited |
| any other | 200 ok |
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.calls import Answer, Call
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate

HOST = "hooks.slack.com"
# The end of every webhook's URL that the sandbox knows; no secret.
TOKEN = "sandboxSlackWebhookToken"  # noqa: S105
PER_WEBHOOK = Rate(1, 1.0, 2)
SECTION_LIMIT, BLOCKS_LIMIT, TEXT_LIMIT = 3000, 50, 40_000
# https://docs.slack.dev/reference/block-kit/blocks/actions-block and /block-elements/button-element
ELEMENTS_LIMIT, LABEL_LIMIT, URL_LIMIT, ID_LIMIT = 25, 75, 3000, 255
_PATH = re.compile(r"/services/(?P<team>T[A-Z0-9]+)/(?P<hook>B[A-Z0-9]+)/(?P<token>[A-Za-z0-9]+)")
_REFUSALS = {
    "B0REVOKED": (404, "no_service"),
    "B0ARCHIVED": (410, "channel_is_archived"),
    "B0NOCHANNEL": (404, "channel_not_found"),
    "B0FORBIDDEN": (403, "action_prohibited"),
}
# What pings somebody: a whole channel, a group or a person.
_PING = re.compile(r"<!(?:channel|here|everyone|subteam\^[^>]*)(?:\|[^>]*)?>|<@[UW][A-Z0-9]+(?:\|[^>]*)?>")
_BAD_MARKUP = re.compile(r"&(?!(?:amp|lt|gt);)|<(?![!@#]|https?://|mailto:)|<[^>]*$")


class Slack:
    """hooks.slack.com."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._buckets = Buckets()

    def reset(self) -> None:
        """Full buckets."""
        self._buckets.clear()

    def scopes(self, call: Call) -> list[tuple[str, Rate]]:
        """A message counts for its webhook."""
        found = _PATH.fullmatch(call.path)
        return [] if found is None else [(f"webhook {found['team']}/{found['hook']}", PER_WEBHOOK)]

    def answer(self, call: Call) -> Answer:
        """One message."""
        found = _PATH.fullmatch(call.path)
        if found is None or call.method != "POST":
            return _text(404, "no_service")
        if found["token"] != TOKEN:
            return _text(403, "invalid_token")
        if found["hook"] in _REFUSALS:
            return _text(*_REFUSALS[found["hook"]])
        wait = self._buckets.take(self.scopes(call), call.now)
        if wait > 0.0:
            return _text(429, "rate_limited", math.ceil(wait))
        try:
            message = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            return _text(400, "invalid_payload")
        trouble = _trouble(message)
        if trouble:
            return _text(400, trouble)
        sections, text = _texts(message), str(message.get("text") or "")
        shown = "\n".join(sections) or text
        self._inbox.add(
            provider="slack",
            to=f"{found['team']}/{found['hook']}",
            body=shown,
            at=call.now,
            text=text,
            blocks=message.get("blocks"),
            pings=_PING.findall("\n".join((*sections, text))),
            # Slack shows such markup somehow; who sends it has forgotten to escape something.
            markup_ok=not _BAD_MARKUP.search(shown),
        )
        return _text(200, "ok")

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Slack's own wording of an error status."""
        del retry_after
        return {429: b"rate_limited", 500: b"rollup_error"}.get(status, b"service_error")


def _trouble(message: Any) -> str:
    """What Slack calls what is wrong with a message; "" for a good one."""
    if not isinstance(message, Mapping):
        return "invalid_payload"
    blocks = message.get("blocks")
    if not blocks and not str(message.get("text") or "").strip():
        return "no_text"
    if len(str(message.get("text") or "")) > TEXT_LIMIT:
        return "msg_too_long"
    if blocks is None:
        return ""
    if not isinstance(blocks, list) or len(blocks) > BLOCKS_LIMIT or not all(map(_is_block, blocks)):
        return "invalid_blocks"
    return ""


def _is_block(block: Any) -> bool:
    return _is_section(block) or _is_actions(block)


def _is_actions(block: Any) -> bool:
    elements = block.get("elements") if isinstance(block, Mapping) and block.get("type") == "actions" else None
    if not isinstance(elements, list) or not 1 <= len(elements) <= ELEMENTS_LIMIT:
        return False
    ids = [one.get("action_id") for one in elements if isinstance(one, Mapping)]
    return len(set(ids)) == len(elements) and all(map(_is_link, elements))


def _is_link(element: Any) -> bool:
    text = element.get("text") if isinstance(element, Mapping) and element.get("type") == "button" else None
    if not isinstance(text, Mapping) or text.get("type") != "plain_text":
        return False
    url = str(element.get("url", ""))
    return (
        1 <= len(str(text.get("text", ""))) <= LABEL_LIMIT
        and url.startswith(("http://", "https://"))
        and len(url) <= URL_LIMIT
        and len(str(element.get("action_id", ""))) <= ID_LIMIT
    )


def _is_section(block: Any) -> bool:
    text = block.get("text") if isinstance(block, Mapping) and block.get("type") == "section" else None
    if not isinstance(text, Mapping) or text.get("type") not in ("mrkdwn", "plain_text"):
        return False
    words = text.get("text")
    return isinstance(words, str) and 1 <= len(words) <= SECTION_LIMIT


def _texts(message: Mapping[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in message.get("blocks") or () if block["type"] == "section"]


def _text(status: int, words: str, retry_after: int | None = None) -> Answer:
    headers = {"Content-Type": "text/html"} | ({} if retry_after is None else {"Retry-After": str(retry_after)})
    return Answer(status, words.encode(), headers)
