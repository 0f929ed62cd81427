"""E-mail over SMTP (RFC 5321), as text and HTML."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape
from typing import Any, ClassVar

import aiosmtplib

from apps.core import clock
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError
from apps.core.limits import Limit
from apps.notifications.channels.base import Channel, Setting
from apps.notifications.channels.files import Carries
from apps.notifications.channels.mail_status import address_is_bad, status_in
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import EndpointGoneError
from apps.notifications.types import OutboundMessage, Sent

# RFC 5321 section 4.5.3.1.3 limits a path to 256 octets; the rest is what mail servers in fact accept.
_ADDRESS = re.compile(r"^[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")
# Mailbox unavailable, not local, name not allowed (RFC 5321 section 4.2.3): the address, not the message, is refused.
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
# "exceeded storage allocation" (RFC 5321 section 4.2.3), unless an enhanced status says that it is the mailbox's.
_TOO_LARGE = 552
_CONNECTIONS = 10
# Mail readers show no <button>, and only styles that stand at the element.
_BUTTON_STYLE = (
    "display:inline-block;padding:8px 16px;border:1px solid #2563eb;border-radius:6px;color:#2563eb;"
    "text-decoration:none"
)
_IDLE_KEPT_S = 5.0


class EmailChannel(Channel):
    """Mail through the house's SMTP server; a few connections are kept and shared."""

    name: ClassVar[str] = "email"
    label: ClassVar[str] = "E-mail"
    address_label: ClassVar[str] = "address"
    text_format: ClassVar[TextFormat] = TextFormat.HTML
    wants_plain: ClassVar[bool] = True
    # Gmail clips messages over 102 KB; half of that leaves room for the text part and the headers.
    max_length: ClassVar[int] = 50_000
    # "no more than 78 characters" a line, RFC 5322 section 2.1.1.
    subject_max_length: ClassVar[int] = 78
    # No published figure holds for every server; ours stay below what bulk-sender rules call sudden volume.
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(50, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(5, 1), Limit(60, 3600))
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "SMTP_HOST", required=True),
        Setting("port", "SMTP_PORT"),
        Setting("user", "SMTP_USER"),
        Setting("password", "SMTP_PASSWORD", secret=True),
        Setting("security", "SMTP_SECURITY"),
        Setting("sender", "EMAIL_FROM", required=True),
        Setting("bounces", "EMAIL_BOUNCES"),
    )
    unsubscribable: ClassVar[bool] = True
    # Many servers take 10 MB; in base64 three bytes are four.
    carries: ClassVar[Carries | None] = Carries(count=10, max_bytes=7_000_000, total_bytes=7_000_000)
    buttons: ClassVar[int] = 8

    def __init__(self, config: Mapping[str, Any], *, timeout_s: float) -> None:
        super().__init__(config, timeout_s=timeout_s)
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []
        self._slots = asyncio.Semaphore(_CONNECTIONS)

    def host(self, address: str) -> str:
        """The house's own server, whoever is written to."""
        del address
        return f"{self.config['host']}:{self.config['port']}"

    @classmethod
    def address_clean(cls, address: str) -> str:
        """One bare mailbox, its domain in lower case."""
        cleaned = address.strip()
        if not _ADDRESS.match(cleaned) or ".." in cleaned or not cleaned.isprintable():
            raise PermanentError("This is no e-mail address.", code="bad_address")
        local, _, domain = cleaned.rpartition("@")
        return f"{local}@{domain.lower()}"

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One message to one mailbox: 4xx and lost connections are temporary, 5xx permanent."""
        mail = mail_made(message, str(self.config["sender"]))
        try:
            async with self._connection() as client:
                await client.send_message(mail, sender=_return_path(message, str(self.config.get("bounces") or "")))
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code < 500:
                # RFC 4954 section 6: 454 is a sign-in that fails for now.
                raise _refused(error, recipient=False) from error
            raise OperatorError(f"The SMTP server refuses our sign-in: {error.code}.", code="unauthorized") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients[0], recipient=True) from error
        except aiosmtplib.SMTPTimeoutError as error:
            raise TemporaryError(f"The SMTP server did not answer in time: {error}", code="timeout") from error
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPHeloError) as error:
            raise TemporaryError(f"The SMTP server does not take us: {error}", code="connection") from error
        except aiosmtplib.SMTPSenderRefused as error:
            if error.code < 500 or error.code == _TOO_LARGE:
                raise _refused(error, recipient=False) from error
            raise OperatorError(f"The SMTP server refuses EMAIL_FROM: {error.message}", code="sender") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error, recipient=isinstance(error, aiosmtplib.SMTPRecipientRefused)) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise OperatorError(f"The SMTP server lacks what we need: {error}", code="smtp") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TemporaryError(f"The SMTP server failed: {error}", code="connection") from error
        return Sent(str(mail["Message-ID"]))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connected client; given back for the next message unless something went wrong on it."""
        async with self._slots:
            client = await self._reused() or await self._connected()
            try:
                yield client
            except BaseException:
                # Whatever it was: the conversation is in an unknown place.
                client.close()
                raise
            self._idle.append((asyncio.get_running_loop().time(), client))

    async def _reused(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            since, client = self._idle.pop()
            fresh = asyncio.get_running_loop().time() - since < _IDLE_KEPT_S
            if fresh and client.is_connected:
                try:
                    await client.noop()
                except (aiosmtplib.SMTPException, OSError):
                    client.close()
                    continue
                return client
            client.close()
        return None

    async def _connected(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=str(self.config["host"]),
            port=int(self.config["port"]),
            use_tls=self.config["security"] == "tls",
            start_tls=False,
            timeout=self.timeout_s,
        )
        await client.connect()
        try:
            await self._introduced(client)
        except (aiosmtplib.SMTPException, OperatorError, OSError, asyncio.CancelledError):
            client.close()
            raise
        return client

    async def _introduced(self, client: aiosmtplib.SMTP) -> None:
        """Encrypt and sign in, in this order: without the TLS that was asked for no word of ours is sent."""
        if self.config["security"] == "starttls":
            await client.ehlo()
            if not client.supports_extension("starttls"):
                raise OperatorError("The SMTP server offers no STARTTLS, which SMTP_SECURITY asks for.", code="smtp")
            await client.starttls()
        if self.config["user"]:
            await client.login(str(self.config["user"]), str(self.config["password"]))


class _AddressHeader(UnstructuredHeader, BaseHeader):
    """A header that holds one URL. Folding would encode a long one, which no mail reader opens (RFC 8058 section 4)."""

    def fold(self, *, policy: Any) -> str:
        """On one line; 998 characters are allowed."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _AddressHeader)
_POLICY = SMTP.clone(header_factory=_HEADERS)


def mail_made(message: OutboundMessage, sender: str) -> EmailMessage:
    """The MIME message. Header values go through the e-mail package, which refuses line breaks."""
    name, address = parseaddr(sender)
    local, _, domain = message.address.rpartition("@")
    mail = EmailMessage(policy=_POLICY)
    try:
        mail["From"] = Address(name, addr_spec=address)
        mail["To"] = Address(username=local, domain=domain)
        mail["Subject"] = message.subject
        # The same over retries: mail servers and readers recognise a repeat by it, and bounces quote it.
        mail["Message-ID"] = f"<{message.delivery_id}@{address.rpartition('@')[2]}>"
        mail["Date"] = format_datetime(clock.wall_now())
        if message.unsubscribe_url:
            mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
            if message.unsubscribe_url.startswith("https:"):
                # RFC 8058 section 3.1: by one click, and over https only.
                mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    except ValueError as error:
        raise PermanentError(f"The mail's headers can't be made: {error}", code="bad_header") from error
    # So that nobody's holiday answers it: RFC 3834 section 5, and what older responders and Exchange go by.
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "bulk"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content((message.text_body or message.body) + _text_end(message))
    mail.add_alternative(message.body + _html_end(message), subtype="html")
    for file in message.attachments:
        kind, _, subtype = file.content_type.partition("/")
        mail.add_attachment(file.content or b"", maintype=kind, subtype=subtype, filename=file.filename)
    return mail


def _text_end(message: OutboundMessage) -> str:
    links = "".join(f"\n{button.label}: {button.url}" for button in message.buttons)
    end = f"\n\nNo more of these to this address: {message.unsubscribe_url}\n" if message.unsubscribe_url else ""
    return (f"\n{links}" if links else "") + end


def _html_end(message: OutboundMessage) -> str:
    buttons = " ".join(
        f'<a href="{escape(one.url)}" style="{_BUTTON_STYLE}">{escape(one.label)}</a>' for one in message.buttons
    )
    url = message.unsubscribe_url
    end = f'\n<p><small><a href="{escape(url)}">No more of these to this address</a></small></p>' if url else ""
    return (f"\n<p>{buttons}</p>" if buttons else "") + end


def _return_path(message: OutboundMessage, bounces: str) -> str | None:
    """Where a bounce goes (the delivery is told by the address, whatever the bounce quotes); None: to the sender."""
    local, _, domain = bounces.rpartition("@")
    return f"{local}+{message.delivery_id}@{domain}" if local and domain else None


def _refused(error: aiosmtplib.SMTPResponseException, *, recipient: bool) -> Exception:
    told = " ".join(error.message.split())
    words, code, status = f"The SMTP server answered {error.code}: {told}", f"smtp_{error.code}", status_in(told)
    if error.code < 500:
        return TemporaryError(words, code=code)
    if recipient and (address_is_bad(status) if status else error.code in _NO_SUCH_MAILBOX):
        return EndpointGoneError(words, code=code)
    if error.code == _TOO_LARGE and not status.startswith("5.2.2"):
        return PermanentError(words, code="too_large")
    return PermanentError(words, code=code)
