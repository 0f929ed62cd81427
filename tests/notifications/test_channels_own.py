"""What only one channel does, over real HTTP and SMTP."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from standardwebhooks import Webhook

from apps.core import loop
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError
from apps.notifications.channels.base import retry_after_seconds
from apps.notifications.channels.webhook import secret_bytes, secret_new
from apps.notifications.exceptions import EndpointGoneError
from apps.notifications.services.channels import channel_get
from apps.notifications.types import OutboundMessage, Sent
from tests.notifications.mailbox import Mailbox
from tests.notifications.sink import Answer, Sink

# Channels are made by a profile, which operators may edit.
pytestmark = pytest.mark.django_db
UNPARSEABLE = Answer(400, json.dumps({"ok": False, "description": "Bad Request: can't parse entities: unexpected end"}))


def send(channel: str, address: str, **fields: object) -> Sent:
    message = OutboundMessage(**{  # type: ignore[arg-type]
        "delivery_id": "d-1", "address": address, "subject": "Hi", "body": "<b>bold</b>", "text_body": "plain",
    } | fields)  # fmt: skip
    return loop.run(channel_get(channel).send(message), timeout=15)


# --- telegram ---------------------------------------------------------------------------------------------------------


def test_telegram_sends_html_to_the_bots_url(sink: Sink) -> None:
    assert send("telegram", "42") == Sent("1")
    (one,) = sink.arrived
    assert one.path == "/bot12345:very-secret-bot-token/sendMessage"
    assert one.json == {
        "chat_id": "42",
        "text": "<b>bold</b>",
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }


def test_telegram_falls_back_once_to_plain_text(sink: Sink) -> None:
    sink.answers = [UNPARSEABLE]
    assert send("telegram", "42") == Sent("2")
    assert sink.arrived[1].json["text"] == "plain"
    assert "parse_mode" not in sink.arrived[1].json


def test_telegram_falls_back_only_once(sink: Sink) -> None:
    sink.answers = [UNPARSEABLE, UNPARSEABLE]
    with pytest.raises(PermanentError):
        send("telegram", "42")
    assert len(sink.arrived) == 2


def test_telegram_follows_a_moved_chat_once_and_tells_where(sink: Sink) -> None:
    moved = {"ok": False, "description": "group upgraded", "parameters": {"migrate_to_chat_id": -1001}}
    sink.answers = [Answer(400, json.dumps(moved))]
    assert send("telegram", "-42") == Sent("2", new_address="-1001")
    assert [one.json["chat_id"] for one in sink.arrived] == ["-42", "-1001"]
    sink.reset()
    sink.answers = [Answer(400, json.dumps(moved)), Answer(400, json.dumps(moved))]
    with pytest.raises(TemporaryError):
        send("telegram", "-42")
    assert len(sink.arrived) == 2


@pytest.mark.parametrize(
    "description",
    ["Bad Request: chat not found", "Forbidden: user is deactivated", "Forbidden: bot was kicked from the group chat"],
)
def test_telegram_chats_that_are_gone(sink: Sink, description: str) -> None:
    sink.answers = [Answer(400, json.dumps({"ok": False, "description": description}))]
    with pytest.raises(EndpointGoneError, match=description.split(": ")[1]):
        send("telegram", "42")


@pytest.mark.parametrize("status", [401, 404])
def test_a_refused_bot_token_is_the_operators_matter(sink: Sink, status: int) -> None:
    sink.answers = [Answer(status, json.dumps({"ok": False, "description": "Unauthorized"}))]
    with pytest.raises(OperatorError) as caught:
        send("telegram", "42")
    assert "very-secret" not in str(caught.value)


def test_telegram_limits_groups_per_minute(sink: Sink) -> None:
    channel = channel_get("telegram")
    assert len(channel.limits_of("42")) == 1
    assert len(channel.limits_of("-42")) == len(channel.limits_of("@news")) == 2


# --- webhook ------------------------------------------------------------------------------------------------------


def test_a_webhook_verifies_with_the_standards_own_library(sink: Sink) -> None:
    old, new = secret_new(), secret_new()
    body = json.dumps({"text": "é 🧪"}, ensure_ascii=False)
    send("webhook", f"{sink.url}/hook", body=body, credentials={"secret": new, "previous_secret": old})
    (one,) = sink.arrived
    for secret in (old, new):
        assert Webhook(secret).verify(one.body, dict(one.headers)) == {"text": "é 🧪"}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret_new()).verify(one.body, dict(one.headers))


def test_the_id_is_stable_and_the_time_is_this_attempts_real_time(sink: Sink, settings: object) -> None:
    settings.REPLAY_AT = datetime(2023, 8, 16, tzinfo=UTC)  # type: ignore[attr-defined]
    with time_machine.travel(datetime(2026, 5, 1, 12, 0, tzinfo=UTC), tick=False) as clock:
        send("webhook", f"{sink.url}/hook", body="{}", credentials={"secret": secret_new()})
        clock.shift(timedelta(seconds=90))
        send("webhook", f"{sink.url}/hook", body="{}", credentials={"secret": secret_new()})
    first, second = (one.headers for one in sink.arrived)
    assert first["webhook-id"] == second["webhook-id"] == "d-1"
    assert int(first["webhook-timestamp"]) == int(datetime(2026, 5, 1, 12, 0, tzinfo=UTC).timestamp())
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 90


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://[::ffff:169.254.169.254]/",
        "http://localhost:1/",
        "http://0x7f.1:1/",
        "http://10.0.0.1/",
    ],
)
def test_a_webhook_never_reaches_the_inside(sink: Sink, url: str) -> None:
    with pytest.raises(EndpointGoneError) as caught:
        send("webhook", url, body="{}", credentials={"secret": secret_new()})
    assert caught.value.code == "address_blocked"
    assert sink.arrived == []


def test_a_redirect_is_a_failure_and_leads_nowhere(sink: Sink) -> None:
    sink.answers = [Answer(307, "", {"Location": f"{sink.url}/elsewhere"})]
    with pytest.raises(PermanentError):
        send("webhook", f"{sink.url}/hook", body="{}", credentials={"secret": secret_new()})
    assert sink.paths() == ["/hook"]


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_not base64!", "whsec_" + base64.b64encode(b"short").decode()])
def test_weak_secrets_are_refused(text: str) -> None:
    with pytest.raises(PermanentError) as caught:
        secret_bytes(text)
    assert caught.value.code == "bad_credentials"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 30), ("17", 17), (17, 17), ("0", 1), ("-5", 1), ("1e9", 86_400), ("soon", 30), ("nan", 30),
        ("Fri, 01 May 2026 12:01:00 GMT", 60), ("Fri, 01 May 2026 11:00:00 GMT", 1),
    ],
)  # fmt: skip
@time_machine.travel(datetime(2026, 5, 1, 12, 0, tzinfo=UTC), tick=False)
def test_retry_after(value: str | None, seconds: float) -> None:
    assert retry_after_seconds(value, default=30) == seconds


# --- email -----------------------------------------------------------------------------------------------------------


def test_a_mail_has_both_parts_and_honest_headers(mailbox: Mailbox) -> None:
    send("email", "trader@example.test", subject="Grüße")
    (mail,) = mailbox.mails
    assert b"multipart/alternative" in mail
    assert b"plain" in mail
    assert b"<b>bold</b>" in mail
    assert b"Message-ID: <d-1@arbedge.test>" in mail
    assert b"To: trader@example.test" in mail
    assert b"Auto-Submitted: auto-generated" in mail


def test_a_connection_is_kept_for_the_next_mail_and_replaced_when_it_is_dead(mailbox: Mailbox) -> None:
    send("email", "a@example.test")
    send("email", "b@example.test")
    assert mailbox.connections == 1
    mailbox.replies["NOOP"] = "421 closing"
    send("email", "c@example.test")
    assert mailbox.connections == 2
    assert len(mailbox.mails) == 3


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ({"RCPT": "550 no such user"}, EndpointGoneError),
        ({"RCPT": "552 mailbox full"}, PermanentError),
        ({"RCPT": "450 greylisted"}, TemporaryError),
        ({"MAIL": "451 later"}, TemporaryError),
        ({"MAIL": "550 who are you"}, OperatorError),
        ({"DATA": "554 no"}, PermanentError),
        ({"END": "452 full"}, TemporaryError),
        ({"END": "554 spam"}, PermanentError),
        ({"GREET": "421 busy"}, TemporaryError),
    ],
)
def test_smtp_replies_say_what_to_do(mailbox: Mailbox, replies: dict[str, str], kind: type[Exception]) -> None:
    mailbox.replies = replies
    with pytest.raises(kind) as caught:
        send("email", "a@example.test")
    assert type(caught.value) is kind
    assert mailbox.mails == []


def test_no_server_is_temporary(mailbox: Mailbox, settings: object) -> None:
    settings.SMTP_PORT = 1  # type: ignore[attr-defined]
    with pytest.raises(TemporaryError):
        send("email", "a@example.test")


def test_asking_for_tls_that_is_not_offered_sends_nothing(mailbox: Mailbox, settings: object) -> None:
    settings.SMTP_SECURITY = "starttls"  # type: ignore[attr-defined]
    with pytest.raises(OperatorError):
        send("email", "a@example.test")
    assert mailbox.mails == []
