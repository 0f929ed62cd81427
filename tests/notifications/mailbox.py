"""A mail server on loopback that speaks just enough SMTP (RFC 5321) and answers what a test tells it to."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass
class Mailbox:
    """`replies` maps a command (EHLO, MAIL, RCPT, DATA, END, GREET) to the line that answers it instead of success;
    SILENCE answers nothing; a byte 0xfc that is no UTF-8 is written "\\udcfc". FILES answers the END of mails with
    files alone."""

    SILENCE: ClassVar[str] = "(silence)"
    TAKEN: ClassVar[str] = "250 taken"

    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1

        def say(key: str, usual: str) -> bool:
            line = self.replies.get(key, usual)
            if line != self.SILENCE:
                writer.write(line.encode(errors="surrogateescape") + b"\r\n")
            return line == usual

        say("GREET", "220 mailbox.test")
        while line := (await reader.readline()).decode().strip():
            command = line[:4].upper()
            self.commands.append(line)
            if command == "DATA":
                if say("DATA", "354 go on"):
                    mail = await reader.readuntil(b"\r\n.\r\n")
                    # Before the word: whoever hears that it was taken may look at once.
                    end = "FILES" if "FILES" in self.replies and b"\nContent-Disposition: attachment" in mail else "END"
                    if self.replies.get(end, self.TAKEN) == self.TAKEN:
                        self.mails.append(mail)
                    say(end, self.TAKEN)
            elif command == "QUIT":
                say("QUIT", "221 bye")
                break
            else:
                say(command, "250 mailbox.test")
        writer.close()


@contextmanager
def mailbox_run() -> Iterator[Mailbox]:
    """A mailbox on a free port, on a thread and a loop of its own."""
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(mailbox.serve, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
