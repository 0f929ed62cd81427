"""ws.okx.com, v5 public channels: tickers and order books.

https://www.okx.com/docs-v5/en/#overview-websocket-subscribe
"""

from typing import Any

from sandbox.exchanges.okx import Kind
from sandbox.market.world import World
from sandbox.sockets.base import Levels, SideDeltas, Subscriptions, Talk, Topic, heard, text

_BOOK_LEVELS = 400


class OkxTalk:
    """One connection."""

    def __init__(self, host: "OkxSocket") -> None:
        self._host = host
        self._subscriptions = Subscriptions()

    def hear(self, frame: str, now: float) -> list[str]:
        """subscribe, unsubscribe, and the bare text "ping"; each channel is answered by itself."""
        if frame == "ping":
            return ["pong"]
        request = heard(frame)
        op, args = request.get("op"), request.get("args")
        if op not in ("subscribe", "unsubscribe") or not isinstance(args, list):
            return [_error("60012", f"Illegal request: {frame}")]
        return [self._told(op, arg) for arg in args]

    def push(self, now: float) -> list[str]:
        """One message per channel."""
        return self._subscriptions.push(now)

    def _told(self, op: str, arg: dict[str, Any]) -> str:
        topic = self._host.topic(arg)
        name = f"{arg.get('channel')}:{arg.get('instId')}"
        if topic is None:
            words = f"Wrong URL or channel:{arg.get('channel')},instId:{arg.get('instId')} doesn't exist."
            return _error("60018", f"{words} Please use the correct URL, channel and parameters.")
        if op == "subscribe":
            self._subscriptions.add(name, topic)
        else:
            self._subscriptions.drop(name)
        return text({"event": op, "arg": arg, "connId": "sandbox"})


class OkxSocket:
    """The host."""

    def __init__(self, world: World) -> None:
        self._kinds = (
            Kind(world.board("okx", is_swap=False), "SPOT"),
            Kind(world.board("okx", is_swap=True), "SWAP"),
        )

    def talk(self, path: str) -> Talk | None:
        """A connection to the public channels."""
        return OkxTalk(self) if path == "/ws/v5/public" else None

    def topic(self, arg: dict[str, Any]) -> Topic | None:
        """The channel of an instrument; None where there is none."""
        name = arg.get("instId", "")
        kind = next((kind for kind in self._kinds if name in kind.numbers), None)
        makers = {"tickers": _tickers, "books": _books}
        maker = makers.get(arg.get("channel", ""))
        return None if kind is None or maker is None else maker(kind, kind.numbers[name])


def _tickers(kind: Kind, number: int) -> Topic:
    arg = {"channel": "tickers", "instId": kind.ids[number]}
    told: dict[str, str] = {}

    def frames(now: float) -> list[str]:
        nonlocal told
        row = kind.ticker(number, World.tick(now))
        if row == told:
            return []
        told = row
        return [text({"arg": arg, "data": [row]})]

    return frames


def _books(kind: Kind, number: int) -> Topic:
    arg = {"channel": "books", "instId": kind.ids[number]}
    bids, asks = SideDeltas(), SideDeltas()
    last = -1

    def levels(side: list[tuple[float, float]]) -> Levels:
        return [[kind.texts.price(number, price), kind.size(number, size), "0", "3"] for price, size in side]

    def frames(now: float) -> list[str]:
        nonlocal last
        book = kind.board.book(number, World.tick(now), _BOOK_LEVELS)
        told = {"asks": asks.changes(levels(book.asks)), "bids": bids.changes(levels(book.bids))}
        if last >= 0 and not any(told.values()):
            return []
        action, before, last = ("snapshot" if last < 0 else "update"), last, book.ts
        row = {**told, "ts": str(book.ts), "checksum": 0, "prevSeqId": before, "seqId": book.ts}
        return [text({"arg": arg, "action": action, "data": [row]})]

    return frames


def _error(code: str, message: str) -> str:
    return text({"event": "error", "code": code, "msg": message, "connId": "sandbox"})
