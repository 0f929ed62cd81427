"""The outside as each channel meets it: one world and one row of CASES per channel."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.core import loop
from apps.notifications.channels import webpush
from apps.notifications.channels.base import Channel
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.channels.webhook import secret_new
from apps.notifications.enums import TextFormat
from apps.notifications.types import OutboundMessage
from tests.notifications.browser import Browser
from tests.notifications.mailbox import Mailbox
from tests.notifications.sink import Answer, Sink

SECRET = secret_new()
TOKEN = "12345:very-secret-bot-token"
SLACK_TOKEN, DISCORD_TOKEN = "very5ecretSlackToken0000", "very-secret-discord-token-" + "0" * 40
TWILIO_TOKEN = "very-secret-twilio-token-1234567"
PUSHOVER_USER, PUSHOVER_TOKEN = "uVery5ecretUserKeyOfPushover00", "aVery5ecretAppTokenOfPushover0"
VAPID_KEY = webpush.private_key_text(ec.generate_private_key(ec.SECP256R1()))
ACCESS_TOKEN = "ya29.very-secret-access-token"


@dataclass(frozen=True)
class World:
    """The outside, as one channel meets it."""

    channel: Channel
    address: str
    credentials: Mapping[str, str]
    arrived: Callable[[], list[bytes]]
    say: Callable[[str], None]
    secrets: tuple[str, ...]

    def message(self, **fields: Any) -> OutboundMessage:
        """A message to this world's address."""
        json_body = self.channel.text_format is TextFormat.JSON
        body = json.dumps({"text": "hello"}) if json_body else "<b>hello</b>"
        made = OutboundMessage("d-1", self.address, "Subject", body, "hello", self.credentials)
        return replace(made, **fields)

    def send(self, **fields: Any) -> Any:
        """Send it on the process's loop, as delivery does."""
        return loop.run(self.channel.send(self.message(**fields)), timeout=15)


@dataclass(frozen=True)
class Case:
    """How to build a world, and which words of it stand for which kind of failure."""

    world: Callable[[Sink, Mailbox], World]
    bad_addresses: tuple[str, ...]
    throttles: bool = True
    # What becomes of a message's file, and of its buttons: carried and shown by the channel, or links in the text.
    files: Literal["carried", "linked", "in data"] = "linked"
    buttons: bool = False


def telegram(sink: Sink, _: Mailbox) -> World:
    channel = CHANNELS.get("telegram").from_config({"token": TOKEN, "url": sink.url}, timeout_s=2)
    answers = {
        "temporary": Answer(502, "<html>bad gateway</html>"),
        "permanent": Answer(400, '{"ok":false,"description":"Bad Request: message text is empty"}'),
        "gone": Answer(403, '{"ok":false,"description":"Forbidden: bot was blocked by the user"}'),
        "throttled": Answer(429, '{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":17}}'),
        "garbage": Answer(200, "<html>hello</html>"),
        "hang": Answer(delay_s=4),
        "files refused": Answer(400, '{"ok":false,"description":"Bad Request: PHOTO_INVALID_DIMENSIONS"}'),
    }
    return _http(channel, sink, answers, address="4711", credentials={}, secrets=(TOKEN,))


def webhook(sink: Sink, _: Mailbox) -> World:
    channel = CHANNELS.get("webhook").from_config({}, timeout_s=2)
    answers = {
        "temporary": Answer(500, "oops"),
        "permanent": Answer(404, "no such hook"),
        "gone": Answer(410, ""),
        "throttled": Answer(503, "", {"Retry-After": "17"}),
        "garbage": Answer(301, "", {"Location": f"{sink.url}/elsewhere"}),
        "hang": Answer(delay_s=4),
    }
    return _http(channel, sink, answers, address=f"{sink.url}/hook", credentials={"secret": SECRET}, secrets=(SECRET,))


def email(_: Sink, mailbox: Mailbox) -> World:
    config = {
        "host": "127.0.0.1", "port": mailbox.port, "user": "", "password": "", "security": "none",
        "sender": "ArbEdge <alerts@arbedge.test>",
    }  # fmt: skip
    channel = CHANNELS.get("email").from_config(config, timeout_s=2)
    replies = {
        "temporary": {"RCPT": "451 4.3.0 later"},
        "permanent": {"END": "554 5.7.1 looks like spam"},
        "gone": {"RCPT": "550 5.1.1 no such user"},
        "garbage": {"GREET": "554 no service"},
        "hang": {"GREET": Mailbox.SILENCE},
        "files refused": {"FILES": "552 5.3.4 message too big"},
    }
    return World(
        channel=channel,
        address="trader@example.test",
        credentials={},
        arrived=lambda: mailbox.mails,
        say=lambda word: mailbox.replies.update(replies[word]),
        secrets=(),
    )


def push(sink: Sink, _: Mailbox) -> World:
    browser = Browser()
    config = {"private_key": VAPID_KEY, "subject": "mailto:ops@arbedge.test"}
    channel = CHANNELS.get("push").from_config(config, timeout_s=2)
    sink.always["/wpush"] = Answer(201, "", {"Location": f"{sink.url}/m/message-1"})
    answers = {
        "temporary": Answer(503, '{"errno":201}'),
        "permanent": Answer(400, '{"errno":110,"message":"Unknown Content-Encoding"}'),
        "gone": Answer(410, '{"errno":106,"message":"User has unsubscribed"}'),
        "throttled": Answer(429, "", {"Retry-After": "17"}),
        "garbage": Answer(302, "", {"Location": f"{sink.url}/elsewhere"}),
        "hang": Answer(delay_s=4),
    }
    world = _http(
        channel,
        sink,
        answers,
        address=f"{sink.url}/wpush/v2/device",
        credentials=browser.credentials,
        secrets=(VAPID_KEY, browser.credentials["auth"]),
    )
    return replace(world, arrived=lambda: [browser.opened(one.body) for one in sink.arrived])


@cache
def service_account() -> str:
    """The key file of a service account that nobody knows."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps({"client_email": "x@y.test", "private_key": pem.decode(), "project_id": "project"})


def fcm(sink: Sink, _: Mailbox) -> World:
    config = {"account": service_account(), "url": sink.url, "token_url": f"{sink.url}/token"}
    channel = CHANNELS.get("fcm").from_config(config, timeout_s=2)
    sink.always["/token"] = Answer(200, json.dumps({"access_token": ACCESS_TOKEN, "expires_in": 3599}))
    sink.always["/v1"] = Answer(200, '{"name":"projects/project/messages/0:1"}')
    error = '{{"error":{{"code":{},"message":"m","status":"S","details":[{{"errorCode":"{}"}}]}}}}'
    answers = {
        "temporary": Answer(503, error.format(503, "UNAVAILABLE")),
        "permanent": Answer(400, error.format(400, "INVALID_ARGUMENT")),
        "gone": Answer(404, error.format(404, "UNREGISTERED")),
        "throttled": Answer(429, error.format(429, "QUOTA_EXCEEDED"), {"Retry-After": "17"}),
        "garbage": Answer(200, "<html>hello</html>"),
        "hang": Answer(delay_s=4),
    }
    key = json.loads(config["account"])["private_key"]
    world = _http(channel, sink, {}, address="device-token-" + "x" * 100, credentials={}, secrets=(key,))
    return replace(
        world,
        arrived=lambda: [one.body for one in sink.arrived if one.path.startswith("/v1")],
        # Under its path, so that the exchange for a token is not what it answers.
        say=lambda word: sink.always.__setitem__("/v1", answers[word]),
    )


def sms(sink: Sink, _: Mailbox) -> World:
    config = {
        "account": "AC1", "token": TWILIO_TOKEN, "sender": "+15005550006", "max_segments": 2, "url": sink.url,
    }  # fmt: skip
    channel = CHANNELS.get("sms").from_config(config, timeout_s=2)
    sink.always["/2010-04-01"] = Answer(201, '{"sid":"SM1","status":"queued","error_code":null}')
    answers = {
        "temporary": Answer(503, '{"code":20503,"message":"busy","status":503}'),
        "permanent": Answer(400, '{"code":21617,"message":"too long","status":400}'),
        "gone": Answer(400, '{"code":21610,"message":"unsubscribed recipient","status":400}'),
        "throttled": Answer(429, '{"code":20429,"message":"Too Many Requests","status":429}', {"Retry-After": "17"}),
        "garbage": Answer(200, "<html>hello</html>"),
        "hang": Answer(delay_s=4),
    }
    return _http(channel, sink, answers, address="+4915123456789", credentials={}, secrets=(TWILIO_TOKEN,))


def custom(sink: Sink, _: Mailbox) -> World:
    kind = CHANNELS.get("custom")
    address, credentials = kind.parted(f"pover://{PUSHOVER_USER}@{PUSHOVER_TOKEN}", {})
    sink.always["/https://api.pushover.net"] = Answer(200, '{"status":1,"request":"r"}')
    answers = {
        "temporary": Answer(500, '{"status":0}'),
        "permanent": Answer(400, '{"errors":["message cannot be blank"],"status":0}'),
        "gone": Answer(400, '{"user":"invalid","errors":["user identifier is not a valid user"],"status":0}'),
        "throttled": Answer(429, '{"status":0}', {"Retry-After": "17"}),
        "garbage": Answer(200, "<html>hello</html>"),
        "hang": Answer(delay_s=4),
    }
    return _http(
        kind.from_config({"gateway": sink.url}, timeout_s=2),
        sink,
        answers,
        address=address,
        credentials=credentials,
        secrets=(PUSHOVER_USER, PUSHOVER_TOKEN),
    )


def slack(sink: Sink, _: Mailbox) -> World:
    kind = CHANNELS.get("slack")
    url = f"https://hooks.slack.com/services/T00000001/B00000001/{SLACK_TOKEN}"
    address, credentials = kind.parted(url, {})
    sink.always["/services"] = Answer(200, "ok")
    answers = {
        "temporary": Answer(500, "rollup_error"),
        "permanent": Answer(400, "invalid_payload"),
        "gone": Answer(404, "no_service"),
        "throttled": Answer(429, "rate_limited", {"Retry-After": "17"}),
        "garbage": Answer(200, "<html>hello</html>"),
        "hang": Answer(delay_s=4),
    }
    channel = kind.from_config({"url": f"{sink.url}/services"}, timeout_s=2)
    return _http(channel, sink, answers, address=address, credentials=credentials, secrets=(SLACK_TOKEN,))


def discord(sink: Sink, _: Mailbox) -> World:
    kind = CHANNELS.get("discord")
    url = f"https://discord.com/api/webhooks/100000000000000001/{DISCORD_TOKEN}"
    address, credentials = kind.parted(url, {})
    sink.always["/webhooks"] = Answer(200, '{"id":"1400000000000000001"}')
    answers = {
        "temporary": Answer(502, "<html>bad gateway</html>"),
        "permanent": Answer(400, '{"message":"Cannot send an empty message","code":50006}'),
        "gone": Answer(404, '{"message":"Unknown Webhook","code":10015}'),
        "throttled": Answer(429, '{"message":"You are being rate limited.","retry_after":17,"global":false}'),
        "garbage": Answer(200, "<html>hello</html>"),
        "hang": Answer(delay_s=4),
        "files refused": Answer(413, '{"message":"Request entity too large","code":40005}'),
    }
    channel = kind.from_config({"url": f"{sink.url}/webhooks"}, timeout_s=2)
    return _http(channel, sink, answers, address=address, credentials=credentials, secrets=(DISCORD_TOKEN,))


def _http(
    channel: Channel,
    sink: Sink,
    answers: Mapping[str, Answer],
    *,
    address: str,
    credentials: Mapping[str, str],
    secrets: tuple[str, ...],
) -> World:
    return World(
        channel=channel,
        address=address,
        credentials=credentials,
        arrived=lambda: [one.body for one in sink.arrived],
        say=lambda word: sink.answers.append(answers[word]),
        secrets=secrets,
    )


CASES = {
    "telegram": Case(telegram, ("", "abc", "12 34", "0", "@a", "1;drop"), files="carried", buttons=True),
    "webhook": Case(
        webhook, ("", "ftp://x.test/", "http:///x", "x.test/hook", "https://u:p@x.test/", "http://x.test/a b"),
        files="in data",
    ),
    "email": Case(
        email,
        ("", "x", "a@b@c", "a b@x.test", "a@x.test\r\nBcc: b@x.test", "<a@x.test>", "a,b@x.test"),
        throttles=False,
        files="carried",
        buttons=True,
    ),
    "slack": Case(
        slack,
        ("", "https://evil.test/services/T00000001/B00000001/" + SLACK_TOKEN, "T1/B1", "T00000001/B00000001/../x",
         "http://hooks.slack.com/services/T00000001/B00000001/" + SLACK_TOKEN,
         "https://hooks.slack.com.evil.test/services/T00000001/B00000001/" + SLACK_TOKEN,
         "https://hooks.slack.com@evil.test/services/T00000001/B00000001/" + SLACK_TOKEN),
        buttons=True,
    ),
    "discord": Case(
        discord,
        ("", "1", "https://evil.test/api/webhooks/100000000000000001/" + DISCORD_TOKEN, "100000000000000001/x",
         "https://discord.com.evil.test/api/webhooks/100000000000000001/" + DISCORD_TOKEN,
         "http://discord.com/api/webhooks/100000000000000001/" + DISCORD_TOKEN,
         "https://discord.com/api/webhooks/100000000000000001/" + DISCORD_TOKEN + "?wait=false"),
        files="carried",
        buttons=True,
    ),
    "push": Case(
        push, ("", "x", "http://push.test/x", "https://127.0.0.1/x", "https://u@push.test/", "https://push.test/a b")
    ),
    "fcm": Case(fcm, ("", "short", "with space " * 10, "a" * 600, "abc/../def" * 5)),
    "sms": Case(
        sms,
        ("", "015123456789", "+49", "+491512345678901234", "+49151 abc", "+390612345678", "911", "+1 900 555 0100"),
    ),
    "custom": Case(
        custom,
        ("", "pover", "pover:xyz", "json://hooks.test", "xml://h", "form://h", "apprise://h/t", "mailto://u:p@h", "ntfy://h/t",
         "gotify://h/t", "matrix://h", "discord://1/2", "file:///etc/passwd", "http://h", "nonsense:" + "0" * 32),
    ),
}  # fmt: skip
