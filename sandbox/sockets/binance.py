"""stream.binance.com and fstream.binance.com: raw streams by SUBSCRIBE.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from collections.abc import Mapping
from typing import Any

from sandbox.exchanges.base import Texts
from sandbox.market.world import World
from sandbox.sockets.base import SideDeltas, Subscriptions, Talk, Topic, heard, text

# Levels of the local order book that the differences speak of.
_DEPTH = 500
_MAX_STREAMS = 1024


class BinanceTalk:
    """One connection."""

    def __init__(self, host: "BinanceSocket") -> None:
        self._host = host
        self._subscriptions = Subscriptions()

    def hear(self, frame: str, now: float) -> list[str]:
        """SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS; a stream of an unknown symbol is taken and never speaks."""
        request = heard(frame)
        identity, names = request.get("id"), request.get("params", [])
        match request.get("method"):
            case "SUBSCRIBE" if len(self._subscriptions.names()) + len(names) <= _MAX_STREAMS:
                for name in names:
                    self._subscriptions.add(name, self._host.topic(name))
            case "UNSUBSCRIBE":
                for name in names:
                    self._subscriptions.drop(name)
            case "LIST_SUBSCRIPTIONS":
                return [text({"result": self._subscriptions.names(), "id": identity})]
            case "SUBSCRIBE":
                return [text({"error": {"code": 2, "msg": "Invalid request: too many streams"}, "id": identity})]
            case _:
                return [text({"error": {"code": 3, "msg": "Invalid JSON or unknown method"}, "id": identity})]
        return [text({"result": None, "id": identity})]

    def push(self, now: float) -> list[str]:
        """One event per stream."""
        return self._subscriptions.push(now)


class BinanceSocket:
    """What both hosts share: streams by symbol and channel over one board."""

    channels: tuple[str, ...]

    def __init__(self, world: World, *, venue: str, is_swap: bool) -> None:
        self.board = world.board(venue, is_swap=is_swap)
        self.texts = Texts(self.board)
        self.ids = [f"{each.base}{each.quote}" for each in self.board.listings]
        self.numbers = {name.lower(): number for number, name in enumerate(self.ids)}

    def talk(self, path: str) -> Talk | None:
        """A connection to /ws, /ws/<any> or (futures) /public/ws and /market/ws."""
        return BinanceTalk(self) if "/ws" in path else None

    def topic(self, name: str) -> Topic:
        """The stream of this name ("btcusdt@bookTicker")."""
        symbol, _, channel = name.partition("@")
        number = self.numbers.get(symbol)
        if number is None or channel not in self.channels:
            return lambda now: []
        if channel.startswith("depth"):
            return self._depth(number)
        row = self.ticker if channel == "ticker" else self.touch
        return lambda now: [text(row(number, now))]

    def touch(self, number: int, now: float) -> dict[str, Any]:
        """A book ticker."""
        quotes = self.board.quotes(World.tick(now))
        price, size = self.texts.price, self.texts.size
        return {
            "u": int(quotes.ts[number]),
            "s": self.ids[number],
            "b": price(number, quotes.bid[number]),
            "B": size(number, quotes.bid_size[number]),
            "a": price(number, quotes.ask[number]),
            "A": size(number, quotes.ask_size[number]),
        }

    def ticker(self, number: int, now: float) -> dict[str, Any]:
        """A 24 h ticker."""
        quotes = self.board.quotes(World.tick(now))
        price, size = self.texts.price, self.texts.size
        last, opened, stamp = float(quotes.last[number]), float(quotes.open[number]), int(quotes.ts[number])
        touch = self.touch(number, now)
        del touch["u"]
        return {
            "e": "24hrTicker",
            "E": stamp,
            **touch,
            "p": price(number, last - opened),
            "P": f"{(last / opened - 1) * 100:.3f}",
            "w": price(number, (last + opened) / 2),
            "x": price(number, opened),
            "c": price(number, last),
            "Q": size(number, quotes.bid_size[number]),
            "o": price(number, opened),
            "h": price(number, quotes.high[number]),
            "l": price(number, quotes.low[number]),
            "v": size(number, quotes.volume[number]),
            "q": f"{quotes.turnover[number]:.8f}",
            "O": stamp - 86_400_000,
            "C": stamp,
            "F": 1,
            "L": 1000,
            "n": 1000,
        }

    def _depth(self, number: int) -> Topic:
        """The differences of the order book; the first event tells all levels, so it fits every snapshot before it."""
        bids, asks = SideDeltas(), SideDeltas()
        last = 0

        def frames(now: float) -> list[str]:
            nonlocal last
            book = self.board.book(number, World.tick(now), _DEPTH)
            # Update ids are the book's time in ms, as the snapshots' lastUpdateId is.
            if book.ts <= last:
                return []
            first, last, before = (last or book.ts - 60_000) + 1, book.ts, last or book.ts - 60_000
            told = [
                deltas.changes(
                    [[self.texts.price(number, price), self.texts.size(number, size)] for price, size in side]
                )
                for deltas, side in ((bids, book.bids), (asks, book.asks))
            ]
            event = {"e": "depthUpdate", "E": book.ts, "s": self.ids[number], "U": first, "u": last}
            return [text({**event, **self.depth_extra(book.ts, before), "b": told[0], "a": told[1]})]

        return frames

    def depth_extra(self, stamp: int, before: int) -> Mapping[str, int]:
        """Fields of a depth event that only one of the hosts has."""
        return {}


class BinanceSpotSocket(BinanceSocket):
    """stream.binance.com:9443."""

    channels = ("bookTicker", "ticker", "depth@100ms")

    def __init__(self, world: World) -> None:
        super().__init__(world, venue="binance", is_swap=False)


class BinanceUsdmSocket(BinanceSocket):
    """fstream.binance.com; its 24 h tickers carry no bid and ask."""

    channels = ("bookTicker", "depth@100ms")

    def __init__(self, world: World) -> None:
        super().__init__(world, venue="binanceusdm", is_swap=True)

    def touch(self, number: int, now: float) -> dict[str, Any]:
        """A book ticker with its event and transaction times."""
        row = super().touch(number, now)
        return {"e": "bookTicker", **row, "T": row["u"], "E": row["u"]}

    def depth_extra(self, stamp: int, before: int) -> Mapping[str, int]:
        """Transaction time and the last update id of the event before."""
        return {"T": stamp, "pu": before}
