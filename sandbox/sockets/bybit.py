"""stream.bybit.com, v5 public streams: tickers and order books of spot and linear.

https://bybit-exchange.github.io/docs/v5/ws/connect
"""

from collections.abc import Mapping
from typing import Any

from sandbox.exchanges.bybit import Category, linear_instrument, linear_ticker, spot_instrument
from sandbox.market.world import World
from sandbox.sockets.base import Levels, SideDeltas, Subscriptions, Talk, Topic, heard, text

_DEPTHS = ("1", "50", "200", "1000")
# "Spot can input up to 10 args for each subscription request sent to one connection."
_MOST_SPOT_ARGS = 10


class BybitTalk:
    """One connection to the stream of a category."""

    def __init__(self, host: "BybitCategorySocket") -> None:
        self._host = host
        self._subscriptions = Subscriptions()

    def hear(self, frame: str, now: float) -> list[str]:
        """subscribe, unsubscribe and ping. A request with one bad topic is refused as a whole."""
        request = heard(frame)
        op, names = request.get("op"), request.get("args", [])
        match op:
            case "ping":
                return [_answer(request, "ping", "pong")]
            case "subscribe":
                problem = self._host.refusal(names)
                if problem:
                    return [_answer(request, "subscribe", problem, success=False)]
                for name in names:
                    self._subscriptions.add(name, self._host.topic(name))
            case "unsubscribe":
                for name in names:
                    self._subscriptions.drop(name)
            case _:
                return [_answer(request, str(op or ""), "error:invalid op", success=False)]
        return [_answer(request, op, "")]

    def push(self, now: float) -> list[str]:
        """A snapshot, then differences, of each topic."""
        return self._subscriptions.push(now)


class BybitCategorySocket:
    """The topics of one category."""

    def __init__(self, category: Category, name: str) -> None:
        self._category = category
        self._name = name

    def refusal(self, names: list[str]) -> str:
        """Why these can't be subscribed, in Bybit's words; nothing where they can."""
        if self._name == "spot" and len(names) > _MOST_SPOT_ARGS:
            return f"args size >{_MOST_SPOT_ARGS}"
        bad = [name for name in names if not self._is_topic(name)]
        return f"error:handler not found,topic:{bad[0]}" if bad else ""

    def topic(self, name: str) -> Topic:
        """The topic of this name ("tickers.BTCUSDT", "orderbook.50.BTCUSDT")."""
        kind, *words = name.split(".")
        number = self._category.numbers[words[-1]]
        return self._tickers(name, number) if kind == "tickers" else self._book(name, number, int(words[0]))

    def _is_topic(self, name: str) -> bool:
        kind, *words = name.split(".")
        if not words or words[-1] not in self._category.numbers:
            return False
        return (kind == "tickers" and len(words) == 1) or (
            kind == "orderbook" and len(words) == 2 and words[0] in _DEPTHS
        )

    def _tickers(self, name: str, number: int) -> Topic:
        told: Mapping[str, Any] = {}

        def frames(now: float) -> list[str]:
            nonlocal told
            row = self._row(number, World.tick(now))
            changed = {key: value for key, value in row.items() if told.get(key) != value}
            if not changed:
                return []
            # Spot tickers are always told in full.
            kind, data = ("delta", changed) if told and self._name == "linear" else ("snapshot", row)
            told = row
            stamp = int(World.tick(now) * 1000)
            data = {"symbol": self._category.ids[number]} | data
            return [text({"topic": name, "type": kind, "data": data, "cs": stamp, "ts": stamp})]

        return frames

    def _row(self, number: int, at: float) -> dict[str, Any]:
        quotes = self._category.board.quotes(at)
        row = self._category.ticker(number, quotes)
        if self._name == "linear":
            funding = self._category.board.funding(at)
            return row | linear_ticker(self._category.texts, number, quotes, funding)
        # The spot stream has no bid and ask; for them there is orderbook.1.
        hidden = ("bid1Price", "bid1Size", "ask1Price", "ask1Size")
        return {key: value for key, value in row.items() if key not in hidden} | {"usdIndexPrice": row["lastPrice"]}

    def _book(self, name: str, number: int, depth: int) -> Topic:
        bids, asks = SideDeltas(), SideDeltas()
        texts, last = self._category.texts, 0

        def levels(side: list[tuple[float, float]]) -> Levels:
            return [[texts.price(number, price), texts.size(number, size)] for price, size in side]

        def frames(now: float) -> list[str]:
            nonlocal last
            book = self._category.board.book(number, World.tick(now), depth)
            whole = {"b": levels(book.bids), "a": levels(book.asks)}
            changed = {"b": bids.changes(whole["b"]), "a": asks.changes(whole["a"])}
            if last and not any(changed.values()):
                return []
            # Level 1 is always told in full.
            kind, sides = ("delta", changed) if last and depth > 1 else ("snapshot", whole)
            last = book.ts
            data = {"s": self._category.ids[number], **sides, "u": book.ts, "seq": book.ts}
            return [text({"topic": name, "type": kind, "ts": book.ts, "data": data, "cts": book.ts})]

        return frames


class BybitSocket:
    """The host: a path per category."""

    def __init__(self, world: World) -> None:
        self._paths = {
            "/v5/public/spot": BybitCategorySocket(
                Category(world.board("bybit", is_swap=False), spot_instrument), "spot"
            ),
            "/v5/public/linear": BybitCategorySocket(
                Category(world.board("bybit", is_swap=True), linear_instrument), "linear"
            ),
        }

    def talk(self, path: str) -> Talk | None:
        """A connection to the stream of a category."""
        category = self._paths.get(path)
        return None if category is None else BybitTalk(category)


def _answer(request: Mapping[str, Any], op: str, message: str, *, success: bool = True) -> str:
    answer = {"success": success, "ret_msg": message, "conn_id": "sandbox", "op": op}
    return text(answer | ({"req_id": request["req_id"]} if "req_id" in request else {}))
