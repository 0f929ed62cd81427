"""Slack, Discord, the token server, receivers with rules and bounced mail of the sandbox: limits and refusals."""

import base64
import gzip
import json
import smtplib
from email.message import EmailMessage
from typing import Any

import pytest

from sandbox.calls import Answer, Call
from sandbox.inbox import Inbox
from sandbox.providers import discord, oauth2, slack
from tests.sandbox.conftest import Reply, http
from tests.sandbox_process import Sandbox

SLACK = f"https://{slack.HOST}/services/T00000001/B00000001/{slack.TOKEN}"
DISCORD = f"https://{discord.HOST}/api/v10/webhooks/100000000000000001/{discord.TOKEN}"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "Hi &amp; <https://x.test|bye>"}}


def post(sandbox: Sandbox, url: str, body: Any, headers: dict[str, str] | None = None) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http(f"{sandbox.url}/{url}", method="POST", body=content, headers=headers)


def call(host: str, url: str, body: Any, now: float) -> Call:
    path, _, query = url.split(host, 1)[1].partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return Call("POST", "https", host, path, pairs, {}, json.dumps(body).encode(), now)


# --- Slack --------------------------------------------------------------------------------------------------------


def test_slack_takes_sections_and_says_who_would_be_pinged(outside: Sandbox) -> None:
    assert post(outside, SLACK, {"text": "short", "blocks": [SECTION]}).body == b"ok"
    assert post(outside, SLACK, {"text": "<!channel> & <@U123>"}).status == 200
    first, second = outside.received("slack")
    assert (first["to"], first["body"], first["text"]) == (
        "T00000001/B00000001", "Hi &amp; <https://x.test|bye>", "short",
    )  # fmt: skip
    assert (first["pings"], first["markup_ok"]) == ([], True)
    assert (second["pings"], second["markup_ok"]) == (["<!channel>", "<@U123>"], False)


@pytest.mark.parametrize(
    ("url", "body", "status", "words"),
    [
        (SLACK, b"no json", 400, "invalid_payload"),
        (SLACK, [], 400, "invalid_payload"),
        (SLACK, {}, 400, "no_text"),
        (SLACK, {"text": "x" * 40_001}, 400, "msg_too_long"),
        (SLACK, {"text": "x", "blocks": [SECTION] * 51}, 400, "invalid_blocks"),
        (SLACK, {"blocks": [{**SECTION, "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, 400, "invalid_blocks"),
        (SLACK, {"blocks": [{"type": "section"}]}, 400, "invalid_blocks"),
        (SLACK.replace(slack.TOKEN, "wrong"), {"text": "x"}, 403, "invalid_token"),
        (SLACK.replace("B00000001", "B0REVOKED"), {"text": "x"}, 404, "no_service"),
        (SLACK.replace("B00000001", "B0ARCHIVED"), {"text": "x"}, 410, "channel_is_archived"),
        (SLACK.replace("B00000001", "B0NOCHANNEL"), {"text": "x"}, 404, "channel_not_found"),
        (SLACK.replace("B00000001", "B0FORBIDDEN"), {"text": "x"}, 403, "action_prohibited"),
    ],
)
def test_slack_refuses_in_its_own_words(outside: Sandbox, url: str, body: Any, status: int, words: str) -> None:
    reply = post(outside, url, body)
    assert (reply.status, reply.body.decode()) == (status, words)
    assert outside.received("slack") == []


def test_slack_takes_one_a_second_per_webhook() -> None:
    host = slack.Slack(Inbox())
    other = SLACK.replace("B00000001", "B00000002")

    def say(url: str, now: float) -> Answer:
        return host.answer(call(slack.HOST, url, {"text": "x"}, now))

    assert [say(SLACK, 100.0).status for _ in range(3)] == [200, 200, 429]
    assert say(other, 100.0).status == 200
    assert say(SLACK, 100.0).headers["Retry-After"] == "1"
    assert say(SLACK, 101.0).status == 200
    host.reset()
    assert say(SLACK, 101.0).status == 200


# --- Discord ------------------------------------------------------------------------------------------------------


def test_discord_gives_the_message_to_who_waits_and_counts_down(outside: Sandbox) -> None:
    silent = {"content": "Hi @everyone", "allowed_mentions": {"parse": []}}
    reply = post(outside, f"{DISCORD}?wait=true&thread_id=100000000000000009", silent)
    assert (reply.status, reply.json["content"]) == (200, "Hi @everyone")
    assert reply.headers["x-ratelimit-remaining"] == "4"
    assert post(outside, DISCORD, {"content": "@here <@123>"}).status == 204
    first, second = outside.received("discord")
    assert (first["pings"], first["thread"], first["message_id"]) == ([], "100000000000000009", reply.json["id"])
    assert second["pings"] == ["@here", "<@123>"]


@pytest.mark.parametrize(
    ("url", "body", "status", "code"),
    [
        (DISCORD, b"no json", 400, 50109),
        (DISCORD, {"content": " "}, 400, 50006),
        (DISCORD, {}, 400, 50006),
        (DISCORD, {"content": "x" * 2_001}, 400, 50035),
        (DISCORD.replace(discord.TOKEN, "wrong"), {"content": "x"}, 401, 50027),
        (DISCORD.replace("/1000", "/4040"), {"content": "x"}, 404, 10015),
        (DISCORD.replace("/1000", "/2200"), {"content": "x"}, 400, 220001),
        (f"https://{discord.HOST}/api/users/@me", {}, 404, 0),
    ],
)
def test_discord_refuses_with_its_codes(outside: Sandbox, url: str, body: Any, status: int, code: int) -> None:
    reply = post(outside, url, body)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert outside.received("discord") == []


def test_discord_takes_five_in_two_seconds_and_says_when_again() -> None:
    host = discord.Discord(Inbox())

    def say(now: float, hook: str = "0001") -> Answer:
        url = f"{DISCORD.replace('0001/', f'{hook}/')}?wait=true"
        return host.answer(call(discord.HOST, url, {"content": "x"}, now))

    answers = [say(100.0) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[4].headers["X-RateLimit-Remaining"] == "0"
    assert answers[4].headers["X-RateLimit-Reset-After"] == "0.400"
    refusal = json.loads(answers[5].body)
    assert (refusal["retry_after"], refusal["global"]) == (0.4, False)
    assert say(100.5).status == 200


def test_discord_takes_fifty_a_second_of_everybody() -> None:
    host = discord.Discord(Inbox())
    statuses = []
    for number in range(51):
        url = DISCORD.replace("100000000000000001", f"1000000000000{number:05}")
        answer = host.answer(call(discord.HOST, url, {"content": "x"}, 100.0))
        statuses.append(answer.status)
    assert statuses == [204] * 50 + [429]
    assert json.loads(answer.body)["global"] is True
    assert answer.headers["X-RateLimit-Scope"] == "global"


# --- sign-in of receivers -----------------------------------------------------------------------------------------

TOKENS = f"https://{oauth2.HOST}{oauth2.PATH}"
GRANT = b"grant_type=client_credentials"


def basic(client: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "body", "status", "error"),
    [
        ({}, GRANT, 401, "invalid_client"),
        (basic(oauth2.CLIENT, "guessed"), GRANT, 401, "invalid_client"),
        ({"Authorization": "Basic ###"}, GRANT, 401, "invalid_client"),
        (basic(oauth2.CLIENT, oauth2.SECRET), b"grant_type=password", 400, "unsupported_grant_type"),
    ],
)
def test_the_token_server_refuses(
    outside: Sandbox, headers: dict[str, str], body: bytes, status: int, error: str
) -> None:
    reply = post(outside, TOKENS, body, headers)
    assert (reply.status, reply.json["error"]) == (status, error)


def test_a_receiver_may_ask_for_a_token_for_headers_and_for_plain_bodies(outside: Sandbox) -> None:
    rules: dict[str, dict[str, Any]] = {
        "a": {"oauth2": True}, "b": {"headers": {"X-API-Key": "k"}}, "c": {"unpacked": True},
    }  # fmt: skip
    outside.hook_rules(rules)
    token = post(outside, TOKENS, GRANT, basic(oauth2.CLIENT, oauth2.SECRET)).json["access_token"]

    def status(name: str, headers: dict[str, str]) -> int:
        return post(outside, f"_sandbox/hooks/{name}", b"{}", headers).status

    bearer = {"Authorization": f"Bearer {token}"}
    assert [status("a", {}), status("a", {"Authorization": "Bearer x"}), status("a", bearer)] == [401, 401, 200]
    assert [status("b", {}), status("b", {"x-api-key": "K"}), status("b", {"X-API-Key": "k"})] == [401, 401, 200]
    packed = post(outside, "_sandbox/hooks/c", gzip.compress(b"{}"), {"Content-Encoding": "gzip"})
    assert [packed.status, status("c", {})] == [415, 200]
    assert len(outside.received("webhook")) == 3
    outside.reset()
    assert status("a", {}) == 200
    outside.hook_rules(rules)
    assert status("a", bearer) == 401


def test_rules_nobody_knows_are_refused(outside: Sandbox) -> None:
    body = json.dumps({"a": {"oauth": True}}).encode()
    assert http(f"{outside.url}/_sandbox/hook-rules", method="PUT", body=body).status == 400


# --- bounced mail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status"), [("nobody", "5.1.1"), ("later+1", "4.4.7")])
def test_mail_comes_back_to_its_envelope_sender(outside: Sandbox, name: str, status: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "a@arbedge.test", f"{name}@x.test", "<1@arbedge.test>"
    mail["Subject"] = "Hi"
    mail.set_content("secret words")
    with smtplib.SMTP("127.0.0.1", outside.smtp_port, timeout=10) as client:
        client.send_message(mail, from_addr="back@arbedge.test")
    (bounce,) = outside.received("bounce")
    assert bounce["to"] == "back@arbedge.test"
    assert f"Status: {status}" in bounce["raw"]
    assert "Message-ID: <1@arbedge.test>" in bounce["raw"]
    assert "secret words" not in bounce["raw"]
    assert len(outside.received("email")) == 1
