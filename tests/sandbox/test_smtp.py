"""The mail server."""

import smtplib
import socket
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from tests.sandbox_process import Sandbox


def mail(to: str = "ann@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "alerts@arbedge.test", to, "Grüße: 0.40 %"
    message.set_content(".first line\n..second\nlast: ü\n")
    message.add_alternative("<p>last: <b>ü</b></p>", subtype="html")
    return message


@pytest.fixture
def client(outside: Sandbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", outside.smtp_port, timeout=10) as session:
        yield session


def test_mail_arrives_decoded(outside: Sandbox, client: smtplib.SMTP) -> None:
    client.send_message(mail())
    (message,) = outside.received("email")
    assert message["to"] == "ann@example.com"
    assert message["subject"] == "Grüße: 0.40 %"
    assert message["body"].splitlines() == [".first line", "..second", "last: ü"]
    assert message["html"].strip() == "<p>last: <b>ü</b></p>"
    assert message["sender"] == "alerts@arbedge.test"
    assert message["headers"]["from"] == "alerts@arbedge.test"
    assert message["user"] is None


def test_each_recipient_has_their_own(outside: Sandbox, client: smtplib.SMTP) -> None:
    refused = client.sendmail(
        "a@x.test", ["ann@example.com", "bounce@example.com", "bob@example.com"], "Subject: s\r\n\r\nb"
    )
    assert list(refused) == ["bounce@example.com"]
    assert refused["bounce@example.com"][0] == 550
    assert [message["to"] for message in outside.received("email")] == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize(("address", "code"), [("bounce@x.test", 550), ("full+tag@x.test", 452), ("nonsense", 501)])
def test_addresses_that_refuse(outside: Sandbox, client: smtplib.SMTP, address: str, code: int) -> None:
    client.ehlo()
    client.mail("a@x.test")
    assert client.rcpt(address)[0] == code
    assert client.noop()[0] == 250
    assert outside.received() == []


def test_spam_is_refused_after_the_message(outside: Sandbox, client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPDataError, match=r"5\.7\.1"):
        client.sendmail("a@x.test", ["spam@x.test"], "Subject: s\r\n\r\nb")
    assert outside.received() == []


def test_greylisting_takes_the_second_try(outside: Sandbox, client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail("a@x.test", ["greylist@x.test"], "Subject: s\r\n\r\nb")
    assert outside.received() == []
    client.sendmail("a@x.test", ["greylist@x.test"], "Subject: s\r\n\r\nb")
    assert len(outside.received("email")) == 1


def test_a_lost_answer_leaves_the_mail_delivered(outside: Sandbox, client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@x.test", ["lostack@x.test"], "Subject: s\r\n\r\nb")
    assert len(outside.received("email")) == 1


def test_a_cut_session_delivers_nothing(outside: Sandbox, client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@x.test", ["cut@x.test"], "Subject: s\r\n\r\nb")
    assert outside.received() == []


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_sign_in(outside: Sandbox, client: smtplib.SMTP, mechanism: str) -> None:
    client.ehlo()
    client.user, client.password = "robot", "right"
    client.auth(mechanism.removeprefix("auth_").upper(), getattr(client, mechanism))
    client.send_message(mail())
    assert outside.received("email")[0]["user"] == "robot"


def test_a_wrong_password_is_refused(client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError, match=r"5\.7\.8"):
        client.login("robot", "wrong")


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        (lambda client: client.docmd("MAIL", "FROM:<a@x.test>"), 503),
        (lambda client: (client.ehlo(), client.rcpt("a@x.test"))[-1], 503),
        (lambda client: (client.ehlo(), client.docmd("DATA"))[-1], 503),
        (lambda client: (client.ehlo(), client.docmd("MAIL", "a@x.test"))[-1], 501),
        (lambda client: (client.ehlo(), client.docmd("MAIL", "FROM:<a@x> SIZE=99999999"))[-1], 552),
        (lambda client: (client.ehlo(), client.mail("a@x"), client.mail("a@x"))[-1], 503),
        (lambda client: (client.ehlo(), client.mail("a@x"), client.rset(), client.mail("a@x"))[-1], 250),
        (lambda client: client.docmd("EHLO"), 501),
        (lambda client: client.docmd("HELO"), 501),
        (lambda client: client.helo(), 250),
        (lambda client: client.docmd("AUTH", "CRAM-MD5"), 504),
        (lambda client: client.docmd("AUTH", "PLAIN %%%"), 501),
        (lambda client: client.docmd("TURN"), 500),
    ],
)
def test_replies_by_the_book(
    client: smtplib.SMTP, talk: Callable[[smtplib.SMTP], tuple[int, bytes]], code: int
) -> None:
    assert talk(client)[0] == code


def test_faults_reach_mail_too(outside: Sandbox) -> None:
    outside.faults(
        [{"host": "smtp", "path": "/MAIL", "status": 421, "count": 1}, {"host": "smtp", "path": "/RCPT", "cut": True}]
    )
    with smtplib.SMTP("127.0.0.1", outside.smtp_port, timeout=10) as session:
        session.ehlo()
        assert session.mail("a@x.test")[0] == 421
        assert session.mail("a@x.test")[0] == 250
        with pytest.raises(smtplib.SMTPServerDisconnected):
            session.rcpt("b@x.test")
        session.connect("127.0.0.1", outside.smtp_port)


def test_an_endless_line_ends_the_session_not_the_server(outside: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", outside.smtp_port), timeout=10) as raw:
        raw.recv(100)
        raw.sendall(b"x" * 200_000)
        with pytest.raises(ConnectionError):
            while raw.recv(100):
                pass
            raise ConnectionError
    with smtplib.SMTP("127.0.0.1", outside.smtp_port, timeout=10) as session:
        assert session.noop()[0] == 250
