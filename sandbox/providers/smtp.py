"""A mail server that takes mail and delivers it to the inbox (RFC 5321; AUTH PLAIN and LOGIN of RFC 4954).

What happens at an address is written in its local part, before any `+`:

| local part | reply |
|---|---|
| `bounce` | 550 5.1.1 at RCPT: no such mailbox |
| `full` | 452 4.2.2 at RCPT: mailbox full |
| `greylist` | 451 4.7.1 at the first RCPT, taken afterwards |
| `spam` | 554 5.7.1 after the message: refused for its content |
| `slow` | taken, the answer comes 5 s after the message |
| `lostack` | taken, but the connection is cut before the answer |
| `nobody` | taken; then a bounce (RFC 3464) with 5.1.1 for the envelope sender arrives in the inbox, as `bounce` |
| `later` | taken; then a bounce with 4.4.7, the mail could not be handed on for days |
| `cut` | the connection is cut at RCPT |
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from sandbox.faults import Fault, FaultTable
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Rate
from sandbox.providers.forms import file_told
from sandbox.tally import Tally

HOST = "smtp"
MAX_SIZE = 10_000_000
SLOW_S = 5.0
# No server publishes a figure: these are what docs/channels.md promises.
PER_MAILBOX = (Rate(5, 1.0, 5), Rate(60, 3600.0, 60))
OVERALL = Rate(50, 1.0, 50)
_LINE = 64 * 1024
_REFUSALS = {
    "bounce": "550 5.1.1 The email account that you tried to reach does not exist",
    "full": "452 4.2.2 The recipient's inbox is out of storage space",
}


_QUOTED = ("From", "To", "Subject", "Message-ID", "Date")
# Taken first and sent back afterwards.
_BOUNCES = {
    "nobody": ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist"),
    "later": ("4.4.7", "421 4.4.7 Delivery time expired"),
}


class _CutError(ConnectionError):
    """The sandbox itself ends the connection."""


@dataclass(slots=True)
class _Session:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    user: str | None = None
    greeted: bool = False

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def line(self) -> bytes:
        line = await self.reader.readuntil(b"\r\n")
        return line[:-2]

    def clear(self) -> None:
        self.sender, self.recipients = None, []


class MailServer:
    """The listening side; `port` is known after `start`."""

    def __init__(self, inbox: Inbox, faults: FaultTable, tally: Tally) -> None:
        self._inbox = inbox
        self._faults = faults
        self._tally = tally
        self._greylisted: set[str] = set()
        self._server: asyncio.Server | None = None
        self._commands: dict[str, Callable[[_Session, str], Awaitable[None]]] = {
            "HELO": self._helo,
            "EHLO": self._ehlo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "AUTH": self._auth,
        }
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on loopback; port 0 takes a free one. OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_LINE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; open sessions end with the event loop."""
        if self._server is not None:
            self._server.close()

    def reset(self) -> None:
        """Forget who was greylisted."""
        self._greylisted.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(reader, writer)
        try:
            await session.say("220 sandbox ESMTP")
            while await self._turn(session):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # The client left, was cut off, or sent a line longer than any mail client's.
            writer.transport.abort()
        finally:
            writer.close()

    async def _turn(self, session: _Session) -> bool:
        line = (await session.line()).decode(errors="replace")
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        if verb == "QUIT":
            await session.say("221 2.0.0 Bye")
            return False
        if verb == "RCPT":
            self._tally.seen(HOST, _scopes(_address(argument, "TO") or ""), time.time())
        if await self._fault(session, self._faults.hit(host=HOST, path=f"/{verb}", method="SMTP")):
            return True
        command = self._commands.get(verb)
        if command is None:
            await session.say("500 5.5.2 Command unrecognized")
        else:
            await command(session, argument)
        return True

    async def _fault(self, session: _Session, fault: Fault | None) -> bool:
        """Apply a fault to this command; true when the command has had its answer."""
        if fault is None:
            return False
        await asyncio.sleep(fault.latency_s)
        if fault.cut:
            raise _CutError
        if fault.garbage:
            await session.say("\x00\x01 garbage")
        elif fault.status:
            await session.say(f"{fault.status} {fault.status // 100}.3.0 {fault.body or 'Fault'}")
        return bool(fault.garbage or fault.status)

    async def _helo(self, session: _Session, argument: str) -> None:
        session.greeted = bool(argument)
        await session.say("250 sandbox" if argument else "501 5.5.4 HELO needs a domain")

    async def _ehlo(self, session: _Session, argument: str) -> None:
        session.greeted = bool(argument)
        if not argument:
            await session.say("501 5.5.4 EHLO needs a domain")
            return
        extensions = ("sandbox", f"SIZE {MAX_SIZE}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN")
        await session.say(*(f"250-{word}" for word in extensions[:-1]), f"250 {extensions[-1]}")

    async def _mail(self, session: _Session, argument: str) -> None:
        address = _address(argument, "FROM")
        if not session.greeted:
            await session.say("503 5.5.1 EHLO first")
        elif session.sender is not None:
            await session.say("503 5.5.1 Sender already given")
        elif address is None:
            await session.say("501 5.5.4 Syntax: MAIL FROM:<address>")
        elif _declared_size(argument) > MAX_SIZE:
            await session.say("552 5.3.4 Message too big")
        else:
            session.sender = address
            await session.say("250 2.1.0 OK")

    async def _rcpt(self, session: _Session, argument: str) -> None:
        address = _address(argument, "TO")
        if session.sender is None:
            await session.say("503 5.5.1 MAIL first")
            return
        if not address or "@" not in address:
            await session.say("501 5.1.3 Syntax: RCPT TO:<address>")
            return
        fate = _fate(address)
        if fate == "cut":
            raise _CutError
        refusal = _REFUSALS.get(fate)
        if fate == "greylist" and address not in self._greylisted:
            self._greylisted.add(address)
            refusal = "451 4.7.1 Greylisted, try again later"
        if refusal is None:
            session.recipients.append(address)
        await session.say(refusal or "250 2.1.5 OK")

    async def _data(self, session: _Session, argument: str) -> None:
        if not session.recipients:
            await session.say("503 5.5.1 RCPT first")
            return
        await session.say("354 End data with <CR><LF>.<CR><LF>")
        content = await self._content(session)
        fates = {_fate(address) for address in session.recipients}
        if content is None:
            await session.say("552 5.3.4 Message too big")
        elif "spam" in fates:
            await session.say("554 5.7.1 Message refused for its content")
        else:
            self._deliver(session, content)
            if "lostack" in fates:
                raise _CutError
            if "slow" in fates:
                await asyncio.sleep(SLOW_S)
            await session.say("250 2.0.0 OK: queued")
        session.clear()

    async def _content(self, session: _Session) -> bytes | None:
        """The message without its dot-stuffing; None when it is too big (it is read to its end all the same)."""
        lines: list[bytes] = []
        size = 0
        while (line := await session.line()) != b".":
            line = line.removeprefix(b".")
            size += len(line) + 2
            if size <= MAX_SIZE:
                lines.append(line)
        return b"".join(line + b"\r\n" for line in lines) if size <= MAX_SIZE else None

    def _deliver(self, session: _Session, content: bytes) -> None:
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        plain, html = message.get_body(("plain",)), message.get_body(("html",))
        text = str(plain.get_content()) if plain else None
        markup = str(html.get_content()) if html else None
        for address in session.recipients:
            self._inbox.add(
                provider="email",
                to=address,
                body=text if text is not None else markup,
                at=time.time(),
                sender=session.sender,
                subject=str(message["Subject"] or ""),
                html=markup,
                headers={name.lower(): str(value) for name, value in message.items()},
                user=session.user,
                raw=content.decode(errors="replace"),
                files=[file_told(part) for part in message.iter_attachments()],
            )
            if _fate(address) in _BOUNCES and session.sender:
                self._bounce(session.sender, address, message)

    def _bounce(self, sender: str, address: str, message: EmailMessage) -> None:
        """The notification that the next mail server would send back."""
        status, words = _BOUNCES[_fate(address)]
        self._inbox.add(
            provider="bounce",
            to=sender,
            body=words,
            at=time.time(),
            raw=bounce_made(sender, address, status, words, message),
        )

    async def _rset(self, session: _Session, argument: str) -> None:
        session.clear()
        await session.say("250 2.0.0 OK")

    async def _noop(self, session: _Session, argument: str) -> None:
        await session.say("250 2.0.0 OK")

    async def _auth(self, session: _Session, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        try:
            if mechanism.upper() == "PLAIN":
                reply = initial or await _ask(session, "")
                _, user, password = _decoded(reply).split("\0")
            elif mechanism.upper() == "LOGIN":
                user = _decoded(initial or await _ask(session, "Username:"))
                password = _decoded(await _ask(session, "Password:"))
            else:
                await session.say("504 5.5.4 Unrecognized authentication type")
                return
        except ValueError:
            await session.say("501 5.5.2 Cannot decode the response")
            return
        # Any pair is known, so that a demo needs no account; `wrong` is the password that is refused.
        if password == "wrong":  # noqa: S105
            await session.say("535 5.7.8 Authentication credentials invalid")
            return
        session.user = user
        await session.say("235 2.7.0 Accepted")


async def _ask(session: _Session, prompt: str) -> str:
    await session.say(f"334 {base64.b64encode(prompt.encode()).decode()}")
    return (await session.line()).decode(errors="replace")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def bounce_made(sender: str, address: str, status: str, words: str, original: EmailMessage) -> str:
    """A delivery status notification (RFC 3464 section 2) that quotes the original's headers."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in original.items() if name in _QUOTED)
    return "\r\n".join(
        (
            "From: Mail Delivery System <MAILER-DAEMON@sandbox.test>",
            f"To: {sender}",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_bounce"',
            "",
            "--=_bounce",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            f"Your message to {address} could not be delivered.",
            "",
            "--=_bounce",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; sandbox.test",
            "",
            f"Final-Recipient: rfc822; {address}",
            "Action: failed",
            f"Status: {status}",
            f"Diagnostic-Code: smtp; {words}",
            "",
            "--=_bounce",
            "Content-Type: text/rfc822-headers",
            "",
            headers,
            "--=_bounce--",
            "",
        )
    )


def _scopes(mailbox: str) -> list[tuple[str, Rate]]:
    second, hour = PER_MAILBOX
    return [("all", OVERALL), (f"mailbox {mailbox}", second), (f"mailbox_hour {mailbox}", hour)]


def _address(argument: str, word: str) -> str | None:
    """The address of `FROM:<a@b> SIZE=…`; None when the syntax is another, empty for the null sender."""
    head, _, rest = argument.partition(":")
    rest = rest.strip()
    if head.strip().upper() != word or not rest.startswith("<") or ">" not in rest:
        return None
    return rest[1 : rest.index(">")]


def _declared_size(argument: str) -> int:
    for word in argument.upper().split():
        if word.startswith("SIZE=") and word[5:].isdigit():
            return int(word[5:])
    return 0


def _fate(address: str) -> str:
    return address.partition("@")[0].partition("+")[0].lower()
