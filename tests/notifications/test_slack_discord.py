"""Slack and Discord over real HTTP: what they answer and what follows, and the sandbox with their limits."""

import json
from typing import Any

import pytest

from apps.core import loop
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.enums import DeliveryState
from apps.notifications.exceptions import EndpointGoneError, ProviderThrottledError
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import deliver, endpoint_create
from apps.notifications.services.channels import channel_get
from apps.notifications.types import OutboundMessage, Sent
from sandbox.providers.discord import TOKEN as DISCORD_TOKEN
from sandbox.providers.slack import TOKEN as SLACK_TOKEN
from tests.notifications.people import FACTS, endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink
from tests.sandbox_process import Sandbox

# Channels are made by a profile, which operators may edit.
pytestmark = pytest.mark.django_db

SLACK_URL = f"https://hooks.slack.com/services/T00000001/B00000001/{SLACK_TOKEN}"
DISCORD_URL = f"https://discord.com/api/webhooks/100000000000000001/{DISCORD_TOKEN}"
ID = "1400000000000000001"


@pytest.fixture
def outside(sink: Sink, settings: Any) -> Sink:
    """The sink as Slack and Discord."""
    settings.SLACK_WEBHOOK_URL, settings.DISCORD_WEBHOOK_URL = f"{sink.url}/services", f"{sink.url}/webhooks"
    sink.always = {"/services": Answer(200, "ok"), "/webhooks": Answer(200, json.dumps({"id": ID}))}
    return sink


def send(url: str, **fields: Any) -> Sent:
    name = "slack" if "slack" in url else "discord"
    address, credentials = CHANNELS.get(name).parted(url, {})
    made: dict[str, Any] = {"subject": "Hi", "body": "<b>bold</b>", "text_body": "plain"} | fields
    message = OutboundMessage(delivery_id="d-1", address=address, credentials=credentials, **made)
    return loop.run(channel_get(name).send(message), timeout=15)


def refused(url: str, **fields: Any) -> ArbEdgeError:
    with pytest.raises(ArbEdgeError) as caught:
        send(url, **fields)
    return caught.value


# --- the URL is a secret -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "url", "address", "token"),
    [
        ("slack", SLACK_URL, "T00000001/B00000001", SLACK_TOKEN),
        ("discord", DISCORD_URL, "100000000000000001", DISCORD_TOKEN),
        (
            "discord",
            DISCORD_URL.replace("discord.com/api", "ptb.discord.com/api/v10") + "?thread_id=100000000000000009",
            "100000000000000001?thread_id=100000000000000009",
            DISCORD_TOKEN,
        ),
    ],
)
def test_a_webhooks_url_is_parted_and_its_secret_encrypted(channel: str, url: str, address: str, token: str) -> None:
    row = endpoint_create(user_id=user_new().pk, channel=channel, address=url)
    assert row.address == address
    assert token not in " ".join(map(str, Endpoint.objects.values_list().get()))


@pytest.mark.parametrize("name", ["slack", "discord"])
@pytest.mark.parametrize("token", ["", "short", "a/../../" + "b" * 40, "a" * 40 + "?x=1"])
def test_a_token_can_lead_nowhere_else(name: str, token: str) -> None:
    with pytest.raises(PermanentError) as caught:
        CHANNELS.get(name).credentials_check({"token": token})
    assert caught.value.code == "bad_credentials"


# --- what is sent -------------------------------------------------------------------------------------------------


def test_slack_gets_sections_and_a_short_text(outside: Sink) -> None:
    assert send(SLACK_URL, subject="a <b> & c") == Sent("d-1")
    (one,) = outside.arrived
    assert one.path == f"/services/T00000001/B00000001/{SLACK_TOKEN}"
    assert one.json == {
        "text": "a &lt;b&gt; &amp; c",
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*bold*", "verbatim": True}}],
    }


def test_discord_waits_for_the_id_and_mentions_nobody(outside: Sink) -> None:
    assert send(DISCORD_URL + "?thread_id=100000000000000009", body="@everyone <b>x</b>") == Sent(ID)
    (one,) = outside.arrived
    assert one.path == f"/webhooks/100000000000000001/{DISCORD_TOKEN}"
    assert one.query == {"wait": "true", "thread_id": "100000000000000009"}
    assert one.json == {"content": "@everyone **x**", "allowed_mentions": {"parse": []}, "flags": 4}


@pytest.mark.parametrize("url", [SLACK_URL, DISCORD_URL])
def test_a_message_without_words_is_not_sent(outside: Sink, url: str) -> None:
    assert refused(url, subject=" ", body="<b> </b>\n", text_body="").code == "empty"
    assert outside.arrived == []


def test_without_a_body_the_subject_is_said(outside: Sink) -> None:
    send(SLACK_URL, body="")
    send(DISCORD_URL, body="", subject="a_b")
    assert outside.arrived[0].json["text"] == "Hi"
    assert "blocks" not in outside.arrived[0].json
    assert outside.arrived[1].json["content"] == r"a\_b"


# --- what comes back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "invalid_payload", PermanentError),
        (400, "no_text", PermanentError),
        (400, "invalid_blocks", PermanentError),
        (400, "user_not_found", EndpointGoneError),
        (403, "action_prohibited", EndpointGoneError),
        (403, "invalid_token", EndpointGoneError),
        (404, "no_service", EndpointGoneError),
        (404, "channel_not_found", EndpointGoneError),
        (404, "<html>some proxy", PermanentError),
        (410, "channel_is_archived", EndpointGoneError),
        (500, "rollup_error", TemporaryError),
        (503, "service_error", TemporaryError),
        (302, "", PermanentError),
    ],
)
def test_slacks_words_say_what_to_do(outside: Sink, status: int, words: str, kind: type[ArbEdgeError]) -> None:
    outside.answers = [Answer(status, words)]
    assert type(refused(SLACK_URL)) is kind
    assert len(outside.arrived) == 1


def _told(status: int, code: int, **more: Any) -> Answer:
    return Answer(status, json.dumps({"message": "said Discord", "code": code, **more}))


@pytest.mark.parametrize(
    ("answer", "kind", "wait_s"),
    [
        (_told(404, 10015), EndpointGoneError, 0),
        (_told(404, 10003), EndpointGoneError, 0),
        (Answer(404, "<html>some proxy"), PermanentError, 0),
        (_told(401, 50027), EndpointGoneError, 0),
        (_told(400, 220001), EndpointGoneError, 0),
        (_told(400, 50006), PermanentError, 0),
        (_told(400, 50035), PermanentError, 0),
        (_told(403, 50013), PermanentError, 0),
        (Answer(502, "<html>"), TemporaryError, 0),
        (Answer(204, ""), TemporaryError, 0),
        (_told(429, 0, retry_after=2.5, **{"global": False}), ThrottledError, 2.5),
        (_told(429, 0, retry_after=64.57, **{"global": True}), ProviderThrottledError, 64.57),
        (_told(429, 0, retry_after="nonsense"), ThrottledError, 30),
        (Answer(429, "error code: 1015", {"Retry-After": "900"}), ProviderThrottledError, 900),
        (Answer(403, "<html>blocked"), ProviderThrottledError, 600),
    ],
)
def test_discords_codes_say_what_to_do(outside: Sink, answer: Answer, kind: type[ArbEdgeError], wait_s: float) -> None:
    outside.answers = [answer]
    error = refused(DISCORD_URL)
    assert type(error) is kind
    if isinstance(error, ThrottledError):
        assert error.retry_after == wait_s


@pytest.mark.parametrize(("left", "pause_s"), [("0", 3.5), ("1", 0.0)])
def test_discord_says_when_the_next_message_may_come(outside: Sink, left: str, pause_s: float) -> None:
    told = {"X-RateLimit-Remaining": left, "X-RateLimit-Reset-After": "3.5"}
    outside.answers = [Answer(200, json.dumps({"id": ID}), told)]
    assert send(DISCORD_URL) == Sent(ID, pause_s=pause_s)


# --- deliveries ---------------------------------------------------------------------------------------------------


def _endpoints(channel: str, *urls: str) -> list[Endpoint]:
    return [endpoint_new(user_new(), channel, url) for url in urls]


@pytest.mark.usefixtures("templates")
@pytest.mark.parametrize(("everywhere", "sent"), [(False, 1), (True, 0)])
def test_ones_pause_is_not_everybodys_unless_discord_says_so(outside: Sink, everywhere: bool, sent: int) -> None:
    slow, other = _endpoints("discord", DISCORD_URL, DISCORD_URL.replace("0001/", "0002/"))
    outside.answers = [_told(429, 0, retry_after=60, **{"global": everywhere})]
    notification_new(slow.user)
    deliver(priority="high")
    notification_new(other.user)
    deliver(priority="high")
    assert len([one for one in outside.arrived if "0002" in one.path]) == sent
    # Nobody's fault: no try is counted, and the one that waits is not given up.
    waiting = Delivery.objects.get(endpoint=slow)
    assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 0)


@pytest.mark.usefixtures("templates")
def test_a_used_up_budget_closes_the_tap_of_that_webhook(outside: Sink) -> None:
    (endpoint,) = _endpoints("discord", DISCORD_URL)
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "300"}
    outside.answers = [Answer(200, json.dumps({"id": ID}), used_up)]
    for _ in range(2):
        notification_new(endpoint.user)
        deliver(priority="high")
    assert len(outside.arrived) == 1
    waiting = Delivery.objects.get(state=DeliveryState.PENDING)
    assert "rate_limit" in waiting.last_error
    assert waiting.attempts == 0


@pytest.mark.usefixtures("templates")
def test_a_deleted_webhook_is_switched_off_with_the_reason(outside: Sink) -> None:
    (endpoint,) = _endpoints("discord", DISCORD_URL)
    outside.answers = [_told(404, 10015)]
    notification_new(endpoint.user)
    deliver(priority="high")
    endpoint.refresh_from_db()
    assert not endpoint.usable
    assert "deleted" in endpoint.disabled_reason
    assert DISCORD_TOKEN not in endpoint.disabled_reason


# --- the sandbox --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("templates", "redis_state")
def test_an_alert_with_hostile_words_reaches_both_and_pings_nobody(sandbox: Sandbox) -> None:
    user = user_new()
    endpoint_new(user, "slack", SLACK_URL, route=0)
    endpoint_new(user, "discord", DISCORD_URL, route=1)
    legs = [{"words": f"<!channel> @everyone <@123456789012345678> </b> *{n}* " + "x" * 90} for n in range(60)]
    notification_new(user, context={**FACTS, "legs": legs})
    assert deliver(priority="high").delivered == 2
    (slack,) = sandbox.received("slack")
    (discord,) = sandbox.received("discord")
    for one in (slack, discord):
        assert one["pings"] == []
        assert "SANDBOX" in one["body"]
    assert slack["markup_ok"] is True
    assert discord["body"].endswith("…")


@pytest.mark.usefixtures("templates", "redis_state")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        (SLACK_URL.replace("B00000001", "B0REVOKED"), "no_service"),
        (SLACK_URL.replace("B00000001", "B0ARCHIVED"), "channel_is_archived"),
        (DISCORD_URL.replace("/1000", "/4040"), "deleted"),
        (DISCORD_URL.replace("/1000", "/2200"), "thread_id"),
    ],
)
def test_webhooks_that_are_gone(sandbox: Sandbox, url: str, words: str) -> None:
    endpoint = endpoint_new(user_new(), "slack" if "slack" in url else "discord", url)
    notification_new(endpoint.user)
    assert deliver(priority="high").failed == 1
    endpoint.refresh_from_db()
    assert words in endpoint.disabled_reason


@pytest.mark.usefixtures("templates", "redis_state")
def test_our_own_pace_keeps_us_below_slacks_limit(sandbox: Sandbox) -> None:
    endpoint = endpoint_new(user_new(), "slack", SLACK_URL)
    for _ in range(4):
        notification_new(endpoint.user)
    deliver(priority="high", seconds=0.9)
    assert len(sandbox.received("slack")) == 1
    held = Delivery.objects.filter(state=DeliveryState.PENDING)
    assert held.count() == 3
    assert not [row for row in held if "429" in row.last_error]
