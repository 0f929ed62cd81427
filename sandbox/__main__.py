"""`python -m sandbox`: the outside world on loopback."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox.server import Options, serve


def _moment(text: str) -> datetime | None:
    """An ISO 8601 moment, UTC when it names no zone; nothing for an empty text."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def options_parse(arguments: list[str] | None = None) -> Options:
    """The command line as options; exits with a message when it can't be understood."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=9100, help="HTTP port, 0 for a free one")
    parser.add_argument(
        "--addresses", type=int, default=1, metavar="N", help="listen on 127.0.0.1 to 127.0.0.N: N hosts of hooks"
    )
    parser.add_argument("--smtp-port", type=int, default=9125, help="mail port, 0 for a free one")
    parser.add_argument("--seed", type=int, default=7, help="the market and its scenario depend on it alone")
    parser.add_argument("--symbols", type=int, default=60, help="pairs per exchange and kind, at most 2000")
    parser.add_argument("--replay", type=Path, metavar="DIR", help="play the HAR recordings in DIR instead")
    parser.add_argument("--replay-at", type=_moment, metavar="TIME", help="the recorded moment at which to start")
    parser.add_argument("--record", type=Path, metavar="DIR", help="forward to the real hosts, write HAR files to DIR")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process ends")
    parsed = parser.parse_args(arguments)
    if parsed.replay and parsed.record:
        parser.error("--replay and --record exclude each other")
    if parsed.replay_at and not parsed.replay:
        parser.error("--replay-at needs --replay")
    if not 1 <= parsed.symbols <= 2000:
        parser.error("--symbols must lie between 1 and 2000")
    if not 1 <= parsed.addresses <= 200:
        parser.error("--addresses must lie between 1 and 200")
    return Options(**vars(parsed))


def main() -> int:
    """Run the sandbox; 0 after a clean end, 2 when it could not start."""
    options = options_parse()
    try:
        asyncio.run(serve(options, lambda line: print(line, flush=True)))
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
