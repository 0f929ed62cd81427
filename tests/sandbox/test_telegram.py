"""The Telegram Bot API of the sandbox."""

import json
from typing import Any

import pytest

from sandbox.calls import Call
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate
from sandbox.providers.telegram import TOKEN, Telegram
from sandbox.providers.telegram_html import EntityError, html_to_text
from tests.sandbox.conftest import Reply, http
from tests.sandbox_process import Sandbox

API = "https://api.telegram.org"


def send(sandbox: Sandbox, *, token: str = TOKEN, method: str = "sendMessage", **parameters: Any) -> Reply:
    return http(
        f"{sandbox.url}/{API}/bot{token}/{method}",
        method="POST",
        body=json.dumps(parameters).encode(),
        headers={"Content-Type": "application/json"},
    )


def test_message_arrives_as_sent(outside: Sandbox) -> None:
    reply = send(outside, chat_id=1001, text="<b>Hi</b> &amp; bye", parse_mode="HTML")
    assert reply.status == 200
    assert reply.json["ok"] is True
    assert reply.json["result"]["chat"] == {"id": 1001, "type": "private"}
    (message,) = outside.received("telegram")
    assert message["to"] == "1001"
    assert message["body"] == "<b>Hi</b> &amp; bye"
    assert message["text"] == "Hi & bye"
    assert message["message_id"] == reply.json["result"]["message_id"]
    assert outside.received("email") == []


def test_form_and_query_parameters_are_taken_too(outside: Sandbox) -> None:
    address = f"{outside.url}/{API}/bot{TOKEN}/sendMessage"
    assert http(address, method="POST", body=b"chat_id=5&text=a+b").status == 200
    assert http(f"{address}?chat_id=6&text=c").status == 200
    assert [(each["to"], each["body"]) for each in outside.received("telegram")] == [("5", "a b"), ("6", "c")]


def test_get_me_names_the_bot(outside: Sandbox) -> None:
    assert send(outside, method="getMe").json["result"]["is_bot"] is True


@pytest.mark.parametrize("token", ["999999999:unknown-unknown-unknown", "wrong", ""])
def test_unknown_token_is_unauthorized(outside: Sandbox, token: str) -> None:
    reply = send(outside, token=token, chat_id=1, text="x")
    assert reply.status == 401
    assert reply.json == {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert outside.received() == []


@pytest.mark.parametrize(
    ("parameters", "status", "description"),
    [
        ({"chat_id": 403403, "text": "x"}, 403, "Forbidden: bot was blocked by the user"),
        ({"chat_id": 403404, "text": "x"}, 403, "Forbidden: user is deactivated"),
        ({"chat_id": 400400, "text": "x"}, 400, "Bad Request: chat not found"),
        ({"chat_id": "nobody", "text": "x"}, 400, "Bad Request: chat not found"),
        ({"text": "x"}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": 1, "text": ""}, 400, "Bad Request: message text is empty"),
        ({"chat_id": 1, "text": "<b></b>", "parse_mode": "HTML"}, 400, "Bad Request: message text is empty"),
        ({"chat_id": 1, "text": "x" * 4097}, 400, "Bad Request: message is too long"),
        (
            {"chat_id": 1, "text": "<b>x", "parse_mode": "HTML"},
            400,
            "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
    ],
)
def test_refusals_are_telegrams_own(
    outside: Sandbox, parameters: dict[str, Any], status: int, description: str
) -> None:
    reply = send(outside, **parameters)
    assert (reply.status, reply.json["description"]) == (status, description)
    assert outside.received() == []


def test_length_counts_after_parsing(outside: Sandbox) -> None:
    assert send(outside, chat_id=1, text="<b>" + "&lt;" * 4096 + "</b>", parse_mode="HTML").status == 200
    # An emoji beyond the basic plane is two UTF-16 units.
    assert send(outside, chat_id=2, text="😀" * 2048).status == 200
    assert send(outside, chat_id=3, text="😀" * 2048 + "x").status == 400


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ('<a href="https://x.test/?a=1&amp;b=2">link</a>', "link"),
        ("<pre><code>1 &lt; 2</code></pre>", "1 < 2"),
        ("<tg-spoiler>s</tg-spoiler><blockquote expandable>q</blockquote>", "sq"),
        ("&#128512; &#x41; &nbsp;", "😀 A &nbsp;"),
        ("a > b & c", "a > b & c"),
    ],
)
def test_html_that_telegram_takes(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<p>x</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("é<br/>", 'Unsupported start tag "br"'),
        ("<b><i>x</b></i>", "Unmatched end tag"),
        ("x</b>", "Unexpected end tag"),
        ("1 < 2", "tag"),
        ("1 <", "tag"),
        ("<b", "tag"),
        ("<span>x</span>", "tg-spoiler"),
        ("<!-- x -->", "Unsupported start tag"),
    ],
)
def test_html_that_telegram_refuses(source: str, reason: str) -> None:
    with pytest.raises(EntityError, match=reason):
        html_to_text(source)


def call(chat: int, now: float, text: str = "x") -> Call:
    return Call(
        method="POST",
        scheme="https",
        host="api.telegram.org",
        path=f"/bot{TOKEN}/sendMessage",
        query={"chat_id": str(chat), "text": text},
        headers={},
        body=b"",
        now=now,
    )


def test_one_chat_takes_a_short_burst_and_then_one_a_second() -> None:
    inbox = Inbox()
    telegram = Telegram(inbox)
    statuses = [telegram.answer(call(1, 100.0)).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refusal = json.loads(telegram.answer(call(1, 100.2)).body)
    assert refusal == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    assert len(inbox.select()) == 3
    # After the wait that was told it goes through; another chat was never held up.
    assert telegram.answer(call(2, 100.2)).status == 200
    assert telegram.answer(call(1, 101.2)).status == 200


def test_thirty_a_second_in_all() -> None:
    telegram = Telegram(Inbox())
    statuses = [telegram.answer(call(chat, 100.0)).status for chat in range(1, 32)]
    assert statuses == [200] * 30 + [429]
    assert telegram.answer(call(31, 100.1)).status == 200


def test_twenty_a_minute_in_a_group() -> None:
    telegram = Telegram(Inbox())
    statuses = [telegram.answer(call(-100, 100.0 + second)).status for second in range(40)]
    assert statuses.count(200) in (30, 31, 32, 33)
    refusal = json.loads(telegram.answer(call(-100, 139.5)).body)
    assert 1 <= refusal["parameters"]["retry_after"] <= 3


def test_a_refused_take_leaves_every_bucket_as_it_was() -> None:
    buckets = Buckets()
    one, many = ("one", Rate(1, 10.0, 1)), ("many", Rate(1, 10.0, 2))
    assert buckets.take([one, many], 0.0) == 0.0
    assert buckets.take([one, many], 0.0) == 10.0
    assert buckets.take([many], 0.0) == 0.0


def test_chats_can_be_told_to_refuse(outside: Sandbox) -> None:
    told = {"tokens": ["200:other"], "blocked": [77], "migrated": {"-5": -1005}}
    reply = http(f"{outside.url}/_sandbox/telegram", method="PUT", body=json.dumps(told).encode())
    assert reply.status == 200
    assert send(outside, chat_id=77, text="x").status == 403
    moved = send(outside, chat_id=-5, text="x").json
    assert moved["parameters"] == {"migrate_to_chat_id": -1005}
    assert send(outside, token="200:other", chat_id=1, text="x").status == 200
    outside.reset()
    assert send(outside, token="200:other", chat_id=1, text="x").status == 401
    assert send(outside, chat_id=77, text="x").status == 200


def test_nonsense_is_refused(outside: Sandbox) -> None:
    address = f"{outside.url}/{API}/bot{TOKEN}/sendMessage"
    assert http(address, method="POST", body=b"{", headers={"Content-Type": "application/json"}).status == 400
    assert send(outside, method="sendNothing").status == 404
    assert http(f"{outside.url}/{API}/nope").status == 404
    assert http(f"{outside.url}/_sandbox/telegram", method="PUT", body=b'{"blokked": []}').status == 400
