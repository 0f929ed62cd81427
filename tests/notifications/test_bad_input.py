"""Words that mean harm, or are just too many, on every channel at once: each message arrives within its channel's
limits and in its channel's own spelling. The sandbox refuses what the real provider would refuse."""

import json
from html import escape
from typing import Any

import pytest

from apps.core import loop
from apps.core.exceptions import PermanentError
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.channels.text import length
from apps.notifications.enums import TextFormat
from apps.notifications.models import Delivery
from apps.notifications.services import deliver
from apps.notifications.services.channels import _made, channel_get
from apps.notifications.services.notifications import CONTEXT_BYTES
from apps.notifications.templating.variables import TEXT_MAX
from apps.notifications.types import OutboundMessage
from sandbox.providers import discord, slack
from tests.notifications.people import SECRET, endpoint_new, notification_new, user_new
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates", "redis_state")]

HOSTILE = {
    "closing tags": "</b></i></a><script>alert(1)</script>",
    "markdown": "_*[]()~`>#+-=|{}.!\\ **bold** [link](https://evil.test) ```",
    "pings": "@everyone @here <@123456789012345678> <!channel> <!here|here> <@U0123456> <#C0123456>",
    "right to left": "\u202eevil\u202c שלום עולם مرحبا \u200f\u2067x\u2069",
    "emoji": "👩‍🚀🇩🇪👍🏽❤️🧪",
    "entities": "&amp; &lt;b&gt; &#0; &#x1F600; &nosuch; &",
    "templates": "{{ 1234 * 1234 }} {% for a in b %}{{ a }}{% endfor %} ${1234*1234} {{ ''.__class__ }}",
    "headers": "a\r\nBcc: victim@example.test\r\n\r\nbody\n.\nQUIT",
    "controls": "a\x00b\x1bc\x7fd\u2028e\ufefff\u0085g",
    "stacked": "Z" + "\u0351\u036b\u0343\u036a\u0302" * 8,
    "surrogates": "\ud83d alone \udc00",
    "one word": "x" * 500,
    "lines": "\n" * 300 + "end",
}
PROVIDERS = {"push": "push", "fcm": "fcm", "custom": "custom", **{name: name for name in (
    "telegram", "webhook", "email", "slack", "discord", "sms")}}  # fmt: skip


@pytest.fixture
def world(sandbox: Sandbox, settings: Any) -> Sandbox:
    """The sandbox, with Firebase's account that only it knows, and a receiver that checks signatures."""
    _made.cache_clear()
    settings.FCM_SERVICE_ACCOUNT = json.dumps(sandbox.service_account()["account"])
    sandbox.secrets({"trader": SECRET})
    return sandbox


def addresses(world: Sandbox) -> dict[str, tuple[str, dict[str, str]]]:
    """An address and its credentials on every channel."""
    browser = world.subscription("laptop")
    return {
        "telegram": ("4711", {}),
        "webhook": (f"{world.url}/_sandbox/hooks/trader", {"secret": SECRET}),
        "email": ("trader@example.test", {}),
        "slack": (f"https://{slack.HOST}/services/T00000001/B00000001/{slack.TOKEN}", {}),
        "discord": (f"https://{discord.HOST}/api/webhooks/100000000000000001/{discord.TOKEN}", {}),
        "push": (browser["endpoint"], browser["keys"]),
        "fcm": ("device-token-0123456789-abcdefgh", {}),
        "sms": ("+15005550010", {}),
        "custom": (f"pover://{'u' * 30}@{'a' * 30}", {}),
    }


def test_every_channel_is_tried_here(world: Sandbox) -> None:
    assert set(addresses(world)) == set(CHANNELS.names()) == set(PROVIDERS)


def arrives_everywhere(world: Sandbox, **fields: Any) -> dict[str, dict[str, Any]]:
    """Owe one message to all channels; what arrived, by channel."""
    user = user_new()
    for route, (channel, (address, credentials)) in enumerate(addresses(world).items()):
        endpoint_new(user, channel, address, credentials=credentials, route=route)
    notification_new(user, **fields)
    deliver(priority="high")
    failed = {row.channel: row.last_error for row in Delivery.objects.exclude(state="delivered")}
    assert failed == {}
    found = {channel: world.received(provider) for channel, provider in PROVIDERS.items()}
    assert {channel: len(items) for channel, items in found.items()} == dict.fromkeys(PROVIDERS, 1)
    return {channel: items[0] for channel, items in found.items()}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_arrive_as_words(world: Sandbox, name: str) -> None:
    text = HOSTILE[name]
    got = arrives_everywhere(world, template="notice", context={"title": f"t {text}"[:20], "text": f"begin {text} end"})
    assert got["slack"]["pings"] == got["discord"]["pings"] == []
    assert got["slack"]["markup_ok"]
    assert got["webhook"]["signature_ok"]
    assert "victim@example.test" not in str(got["email"]["headers"].get("bcc", ""))
    for channel, one in got.items():
        assert "begin" in str(one["body"]), channel
        assert "1522756" not in str(one["body"]), channel


@pytest.mark.parametrize("name", HOSTILE)
def test_as_many_words_as_a_message_may_have_arrive_cut_to_each_channels_length(world: Sandbox, name: str) -> None:
    piece = HOSTILE[name]
    times = min((TEXT_MAX - 10) // len(piece), (CONTEXT_BYTES - 100) // len(json.dumps(piece)))
    got = arrives_everywhere(world, template="notice", context={"title": "Long", "text": f"begin {piece * times}"})
    assert length(got["telegram"]["text"]) <= 4096
    assert length(got["discord"]["body"]) <= 2000
    assert got["sms"]["num_segments"] <= 2
    assert len(got["webhook"]["raw"].encode()) <= 20_000
    assert got["slack"]["markup_ok"]
    assert got["slack"]["pings"] == []


def test_facts_as_many_as_a_message_may_have_stop_no_message_and_are_never_cut(world: Sandbox) -> None:
    facts = {"title": "t" * TEXT_MAX, "text": "begin" + "x" * (TEXT_MAX - 5), "more": "y" * (CONTEXT_BYTES - 8100)}
    got = arrives_everywhere(world, template="notice", context=facts)
    assert len(got["webhook"]["raw"].encode()) <= 20_000
    assert len(got["email"]["subject"]) <= 78
    assert got["webhook"]["body"]["data"].items() >= {name: facts[name] for name in ("title", "more")}.items()


def test_more_words_than_a_message_may_have_are_refused_before_anything_is_owed(world: Sandbox) -> None:
    with pytest.raises(PermanentError, match="too large"):
        notification_new(user_new(), template="notice", context={"title": "t", "text": "🧪" * 50_000})
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("channel", [name for name in PROVIDERS if name != "webhook"])
@pytest.mark.parametrize("name", HOSTILE)
def test_fifty_thousand_characters_fit_on_every_channel(world: Sandbox, channel: str, name: str) -> None:
    address, credentials = CHANNELS.get(channel).parted(*addresses(world)[channel])
    piece = HOSTILE[name]
    text = f"begin {piece}" + piece * (50_000 // len(piece))
    kind = channel_get(channel)
    body = f"<b>{escape(text)}</b>" if kind.text_format is TextFormat.HTML else text
    message = OutboundMessage("d-1", address, "Subject", body, text_body=text, credentials=credentials)
    loop.run(kind.send(message), timeout=20)
    (one,) = world.received(PROVIDERS[channel])
    assert "begin" in str(one["body"])
    assert one.get("pings", []) == []
