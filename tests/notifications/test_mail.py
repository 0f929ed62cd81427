"""E-mail in depth: headers, one-click unsubscribing, replies of mail servers, and mail that comes back."""

import io
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.core import clock, loop
from apps.core.exceptions import ArbEdgeError, OperatorError, PermanentError, TemporaryError
from apps.notifications.bounces import Bounce, bounces_read
from apps.notifications.channels.mail_status import address_is_bad, status_in
from apps.notifications.enums import Outcome
from apps.notifications.exceptions import EndpointGoneError
from apps.notifications.models import Delivery, DeliveryAttempt, Endpoint, Notification
from apps.notifications.services import deliver
from apps.notifications.services.bounces import SOFT_MAX, bounces_take
from apps.notifications.services.channels import channel_get
from apps.notifications.services.unsubscribe import unsubscribe, unsubscribe_url
from apps.notifications.types import OutboundMessage
from tests.notifications.mailbox import Mailbox
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.sandbox_process import Sandbox

# Channels are made by a profile, which operators may edit.
pytestmark = pytest.mark.django_db

URL = "https://arbedge.test/api/v1/notifications/unsubscribe/" + "a" * 32 + "." + "b" * 43


def send(**fields: Any) -> None:
    made: dict[str, Any] = {
        "delivery_id": "d-1", "address": "trader@example.test", "subject": "Hi", "body": "<b>bold</b>",
        "text_body": "plain",
    }  # fmt: skip
    loop.run(channel_get("email").send(OutboundMessage(**(made | fields))), timeout=15)


def parsed(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


# --- headers ------------------------------------------------------------------------------------------------------


def test_one_click_is_offered_in_the_headers_and_in_both_parts(mailbox: Mailbox) -> None:
    send(unsubscribe_url=URL)
    (raw,) = mailbox.mails
    # On one line and unencoded: folded by the library's rules it would be no URL any more.
    assert f"\r\nList-Unsubscribe: <{URL}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    mail = parsed(raw)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert URL in plain.get_content()
    assert f'href="{URL}"' in html.get_content()


def test_over_http_no_one_click_is_promised(mailbox: Mailbox) -> None:
    send(unsubscribe_url=URL.replace("https", "http"))
    mail = parsed(mailbox.mails[0])
    assert mail["List-Unsubscribe"] is not None
    assert mail["List-Unsubscribe-Post"] is None


def test_without_a_link_nothing_is_said_of_it(mailbox: Mailbox) -> None:
    send()
    assert b"unsubscribe" not in mailbox.mails[0].lower()


def test_robots_are_told_not_to_answer_and_a_retry_has_the_same_id(mailbox: Mailbox) -> None:
    send()
    send()
    first, second = (parsed(raw) for raw in mailbox.mails)
    assert (first["Auto-Submitted"], first["Precedence"], first["X-Auto-Response-Suppress"]) == (
        "auto-generated", "bulk", "All",
    )  # fmt: skip
    assert first["Message-ID"] == second["Message-ID"] == "<d-1@arbedge.test>"


def test_bounces_have_an_address_of_their_own(mailbox: Mailbox, settings: Any) -> None:
    send()
    settings.EMAIL_BOUNCES = "bounces@return.arbedge.test"
    send()
    senders = [line for line in mailbox.commands if line.startswith("MAIL")]
    assert "<alerts@arbedge.test>" in senders[0]
    assert "<bounces+d-1@return.arbedge.test>" in senders[1]
    assert b"From: ArbEdge <alerts@arbedge.test>" in mailbox.mails[1]


# --- replies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ({"RCPT": "421 4.3.2 closing"}, TemporaryError, None),
        ({"RCPT": "450 4.2.1 busy"}, TemporaryError, "smtp_450"),
        ({"RCPT": "451 4.7.1 greylisted"}, TemporaryError, "smtp_451"),
        ({"RCPT": "452 4.2.2 full"}, TemporaryError, "smtp_452"),
        ({"RCPT": "550 5.1.1 nobody"}, EndpointGoneError, "smtp_550"),
        ({"RCPT": "551 not local"}, EndpointGoneError, "smtp_551"),
        ({"RCPT": "553 5.1.3 bad name"}, EndpointGoneError, "smtp_553"),
        ({"RCPT": "554 5.1.1 nobody"}, EndpointGoneError, "smtp_554"),
        ({"RCPT": "554 no"}, PermanentError, "smtp_554"),
        # Our own reputation is no reason to give somebody's address up.
        ({"RCPT": "550 5.7.1 your address is on a list"}, PermanentError, "smtp_550"),
        ({"RCPT": "552 5.2.2 mailbox full"}, PermanentError, "smtp_552"),
        ({"END": "552 5.3.4 too big"}, PermanentError, "too_large"),
        ({"MAIL": "552 5.3.4 too big"}, PermanentError, "too_large"),
        ({"END": "550 5.1.1 said too late"}, PermanentError, "smtp_550"),
        ({"END": "554 5.7.1 spam"}, PermanentError, "smtp_554"),
        ({"MAIL": "530 5.7.0 sign in first"}, OperatorError, "sender"),
    ],
)
def test_replies_say_what_to_do(
    mailbox: Mailbox, replies: dict[str, str], kind: type[ArbEdgeError], code: str | None
) -> None:
    mailbox.replies = replies
    with pytest.raises(ArbEdgeError) as caught:
        send()
    assert type(caught.value) is kind
    assert code is None or caught.value.code == code
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("status", "bad"),
    [("5.1.1", True), ("5.1.2", True), ("5.0.0", True), ("5.2.1", True), ("5.4.4", True), ("5.2.2", False),
     ("5.2.3", False), ("5.3.4", False), ("5.6.1", False), ("5.7.1", False), ("4.4.7", False), ("2.1.5", False),
     ("", False), ("5.1", False)],
)  # fmt: skip
def test_whose_fault_a_status_is(status: str, bad: bool) -> None:
    assert address_is_bad(status) is bad


def test_a_status_is_found_among_words() -> None:
    assert status_in("550-5.1.1 The account 10.5.1.7 does not exist") == "5.1.1"
    assert status_in("host 10.5.1.7 said no") == ""


# --- unsubscribing ------------------------------------------------------------------------------------------------


def test_reading_the_page_changes_nothing_and_the_post_switches_off(settings: Any) -> None:
    settings.PUBLIC_URL = "https://arbedge.test"
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    other = endpoint_new(endpoint.user, "telegram", "42")
    url = unsubscribe_url(endpoint.pk)
    path = url.removeprefix("https://arbedge.test")
    browser = Client(enforce_csrf_checks=True)
    for method in (browser.get, browser.head, browser.options):
        assert method(path).status_code == 200
    endpoint.refresh_from_db()
    assert endpoint.usable
    page = browser.get(path)
    assert b'method="post"' in page.content
    assert b"trader@example.test" not in page.content
    assert page["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page["Cache-Control"]
    answer = browser.post(path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    endpoint.refresh_from_db()
    other.refresh_from_db()
    assert (endpoint.usable, other.usable) == (False, True)
    assert "link in one of its messages" in endpoint.disabled_reason
    assert browser.post(path).status_code == 200
    assert b'method="post"' not in browser.get(path).content


def test_a_link_that_is_not_ours_does_nothing() -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    token = unsubscribe_url(endpoint.pk).rpartition("/")[2]
    unknown = unsubscribe_url(uuid4()).rpartition("/")[2]
    for wrong in (token[:-1], token[:-2] + "xx", endpoint.pk.hex, "x", "%00", unknown):
        for method in (Client().get, Client().post):
            assert method(f"/api/v1/notifications/unsubscribe/{wrong}").status_code == 404
    endpoint.refresh_from_db()
    assert endpoint.usable
    assert unsubscribe(token) is True
    assert unsubscribe(token) is False


@pytest.mark.usefixtures("templates")
def test_a_mail_carries_its_own_endpoints_link_and_a_chat_none(mailbox: Mailbox, settings: Any) -> None:
    settings.PUBLIC_URL = "https://arbedge.test"
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    notification_new(endpoint.user)
    assert deliver(priority="high").delivered == 1
    assert parsed(mailbox.mails[0])["List-Unsubscribe"] == f"<{unsubscribe_url(endpoint.pk)}>"


# --- bounces ------------------------------------------------------------------------------------------------------

REPORT = """From: MAILER-DAEMON@mx.test
To: {to}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; trader@example.test
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} said
 the server
--b
Content-Type: {quoted}

{headers}
--b--
"""


def report(
    delivery_id: object, *, action: str = "failed", status: str = "5.1.1", quoted: str = "text/rfc822-headers",
    to: str = "alerts@arbedge.test",
) -> bytes:  # fmt: skip
    headers = f"Message-ID: <{delivery_id}@arbedge.test>\nSubject: Hi\n"
    return REPORT.format(to=to, action=action, status=status, quoted=quoted, headers=headers).encode()


@pytest.mark.parametrize("quoted", ["text/rfc822-headers", "message/rfc822"])
def test_a_report_tells_which_message_and_why(quoted: str) -> None:
    delivery_id = uuid4()
    assert bounces_read(report(delivery_id, quoted=quoted)) == [
        Bounce(delivery_id, "5.1.1", "550 5.1.1 said the server")
    ]


def test_the_address_it_was_sent_back_to_tells_too() -> None:
    delivery_id = uuid4()
    (bounce,) = bounces_read(report("nothing", to=f"<bounces+{delivery_id}@return.arbedge.test>"))
    assert bounce.delivery_id == delivery_id


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_is_no_failure_is_none(action: str) -> None:
    assert bounces_read(report(uuid4(), action=action, status="4.4.1")) == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_a_bounce"),
        (b"Subject: hello\n\nI am on holiday", "not_a_bounce"),
        (b"\xff\x00" * 500, "not_a_bounce"),
        (b"x" * 2_000_001, "not_a_bounce"),
        (report("somebody-elses-id"), "unknown_bounce"),
        (
            b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n",
            "unknown_bounce",
        ),
    ],
)
def test_other_mail_is_refused_with_words(raw: bytes, code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        bounces_read(raw)
    assert caught.value.code == code


def delivered(endpoint: Endpoint) -> Delivery:
    now = clock.now()
    notification = notification_new(endpoint.user)
    Delivery.objects.filter(notification=notification).update(state="delivered", attempts=1, finished_at=now)
    return Delivery.objects.get(notification=notification, endpoint=endpoint)


def test_a_hard_bounce_switches_off_and_its_owner_is_told_elsewhere() -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    chat = endpoint_new(endpoint.user, "telegram", "42", route=1)
    row = delivered(endpoint)
    for counted, ignored in ((1, 0), (0, 1)):
        done = bounces_take(bounces=[Bounce(row.pk, "5.1.1", "nobody")], now=clock.now())
        assert (done.hard, done.given_up, done.ignored) == (counted, counted, ignored)
    endpoint.refresh_from_db()
    assert not endpoint.usable
    assert "5.1.1 nobody" in endpoint.disabled_reason
    attempt = DeliveryAttempt.objects.get(delivery=row)
    assert (attempt.outcome, attempt.code) == (Outcome.PERMANENT, "bounce_hard")
    told = Notification.objects.get(template="notice")
    assert [one.endpoint for one in told.deliveries.all()] == [chat]


def delivered_at(notification: Notification, endpoint: Endpoint) -> Delivery:
    now = clock.now()
    Delivery.objects.filter(notification=notification).update(state="delivered", attempts=1, finished_at=now)
    Notification.objects.filter(pk=notification.pk).update(state="delivered", finished_at=now)
    return Delivery.objects.get(notification=notification, endpoint=endpoint)


@pytest.mark.parametrize("status", ["5.1.1", "4.4.7"])
def test_mail_that_came_back_was_not_delivered_and_the_next_endpoint_takes_over(status: str) -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    chat = endpoint_new(endpoint.user, "telegram", "42", position=1)
    notification = notification_new(endpoint.user)
    row = delivered_at(notification, endpoint)
    for _ in range(2):
        bounces_take(bounces=[Bounce(row.pk, status, "nobody")], now=clock.now())
    row.refresh_from_db()
    notification.refresh_from_db()
    assert (row.state, notification.state, notification.finished_at) == ("failed", "pending", None)
    assert f"{status} nobody" in row.last_error
    heir = notification.deliveries.get(state="pending")
    assert (heir.endpoint, heir.priority) == (chat, row.priority)


def test_mail_that_came_back_with_nobody_to_take_over_is_a_dead_letter() -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    notification = notification_new(endpoint.user)
    row = delivered_at(notification, endpoint)
    bounces_take(bounces=[Bounce(row.pk, "5.1.1", "nobody")], now=clock.now())
    row.refresh_from_db()
    notification.refresh_from_db()
    assert (row.state, notification.state) == ("dead", "dead")
    assert notification.reason


def test_mail_that_came_back_too_late_is_sent_nowhere_else() -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    endpoint_new(endpoint.user, "telegram", "42", position=1)
    notification = notification_new(endpoint.user)
    row = delivered_at(notification, endpoint)
    bounces_take(bounces=[Bounce(row.pk, "5.1.1", "nobody")], now=notification.expires_at)
    assert list(notification.deliveries.values_list("state", flat=True)) == ["dead"]


def test_a_message_that_another_route_has_stays_delivered() -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    endpoint_new(endpoint.user, "telegram", "42", route=1)
    notification = notification_new(endpoint.user)
    row = delivered_at(notification, endpoint)
    bounces_take(bounces=[Bounce(row.pk, "5.1.1", "nobody")], now=clock.now())
    row.refresh_from_db()
    notification.refresh_from_db()
    assert (row.state, notification.state) == ("dead", "delivered")


def test_soft_bounces_are_counted_and_the_last_straw_switches_off() -> None:
    endpoint = endpoint_new(user_new(), "email", "trader@example.test")
    for number in range(1, SOFT_MAX + 1):
        done = bounces_take(bounces=[Bounce(delivered(endpoint).pk, "4.4.7", "expired")], now=clock.now())
        endpoint.refresh_from_db()
        assert done.soft == 1
        assert endpoint.usable is (number < SOFT_MAX)


def test_soft_bounces_of_weeks_ago_and_of_others_do_not_count() -> None:
    endpoint, other = (endpoint_new(user_new(), "email", f"{name}@example.test") for name in "ab")
    now = clock.now()
    for whose, at in ((endpoint, now - timedelta(days=8)), (endpoint, now), (other, now)):
        for _ in range(SOFT_MAX - 1):
            bounces_take(bounces=[Bounce(delivered(whose).pk, "5.2.2", "full")], now=at)
    endpoint.refresh_from_db()
    assert endpoint.usable
    assert bounces_take(bounces=[Bounce(delivered(endpoint).pk, "5.2.2", "full")], now=now).given_up == 1


def test_a_bounce_of_what_is_no_mail_of_ours_is_ignored() -> None:
    chat = endpoint_new(user_new(), "telegram", "42")
    row = delivered(chat)
    done = bounces_take(bounces=[Bounce(row.pk, "5.1.1", "x"), Bounce(uuid4(), "5.1.1", "x")], now=clock.now())
    assert (done.hard, done.ignored) == (0, 2)
    chat.refresh_from_db()
    assert chat.usable


# --- the command and the sandbox ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("templates", "redis_state")
def test_from_the_mail_server_to_the_switch(
    sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BOUNCES = "bounces@return.arbedge.test"
    endpoint = endpoint_new(user_new(), "email", "nobody+1@example.test")
    notification_new(endpoint.user)
    assert deliver(priority="high").delivered == 1
    (bounce,) = sandbox.received("bounce")
    row = endpoint.deliveries.get()
    assert bounce["to"] == f"bounces+{row.pk}@return.arbedge.test"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(bounce["raw"].encode())))
    call_command("bounces")
    assert "1 hard and 0 soft bounces, 1 endpoints switched off" in capsys.readouterr().out
    endpoint.refresh_from_db()
    assert not endpoint.usable


def test_a_maildir_is_emptied_of_bounces_and_of_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    row = delivered(endpoint_new(user_new(), "email", "trader@example.test"))
    (tmp_path / "new" / "1").write_bytes(report(row.pk, status="4.4.7"))
    (tmp_path / "cur" / "2:2,S").write_bytes(report(uuid4()))
    (tmp_path / "new" / "3").write_bytes(b"Subject: hello\n\nI am on holiday")
    call_command("bounces", maildir=tmp_path)
    said = capsys.readouterr()
    assert "0 hard and 1 soft bounces, 0 endpoints switched off, 1 known before or not ours" in said.out
    assert "3 stays: " in said.err
    assert [file.name for folder in ("new", "cur") for file in (tmp_path / folder).iterdir()] == ["3"]


def test_what_cannot_be_read_ends_the_command_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="no Maildir"):
        call_command("bounces", maildir=tmp_path)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"hello")))
    with pytest.raises(CommandError, match="reports no delivery"):
        call_command("bounces")


def test_words_of_a_server_that_no_database_keeps_hold_up_no_other_bounce() -> None:
    words = f"""To: bounces+{uuid4()}@example.test
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.test

Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no\0body caf\xe9

--B--
"""
    [bounce] = bounces_read(words.encode("latin-1"))
    assert (bounce.status, bounce.words) == ("5.1.1", "550 nobody caf\N{REPLACEMENT CHARACTER}")
