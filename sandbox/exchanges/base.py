"""What the exchanges' hosts have in common: routes by path, answers built once per tick, numbers as text."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from sandbox.calls import Answer, Call, Route
from sandbox.market.board import Board
from sandbox.market.world import World

_CACHE_LIMIT = 1_000


class ExchangeHost(ABC):
    """A host with its paths: `quiet` ones, whose answers hold for the tick and are kept, and `live` ones."""

    quiet: Mapping[str, Route]
    live: Mapping[str, Route]

    def __init__(self) -> None:
        self._kept_for = 0.0
        self._kept: dict[tuple[str, str, str], Answer] = {}

    def answer(self, call: Call) -> Answer:
        """Answer in the exchange's wire format."""
        route = self.live.get(call.path)
        if route is not None:
            return route(call)
        route = self.quiet.get(call.path)
        if route is None:
            return self.unknown(call)
        tick = World.tick(call.now)
        if tick != self._kept_for or len(self._kept) > _CACHE_LIMIT:
            self._kept_for, self._kept = tick, {}
        key = (call.method, call.path, self.asked(call))
        answer = self._kept.get(key)
        if answer is None:
            answer = self._kept[key] = route(call)
        return answer

    def asked(self, call: Call) -> str:
        """What tells two calls of one path apart: the query, unless the exchange has it otherwise."""
        return call.raw_query

    @abstractmethod
    def unknown(self, call: Call) -> Answer:
        """The exchange's own answer to a path it doesn't have."""

    @abstractmethod
    def error(self, status: int, retry_after: int | None) -> bytes:
        """The exchange's own body with an error status."""


class Texts:
    """Numbers of one board's listings as text, with each listing's own decimals."""

    def __init__(self, board: Board) -> None:
        self._prices = [f"%.{each.price_dp}f" for each in board.listings]
        self._sizes = [f"%.{each.step_dp}f" for each in board.listings]

    def prices(self, values: Iterable[float]) -> list[str]:
        """One price per listing."""
        return [form % value for form, value in zip(self._prices, values, strict=True)]

    def sizes(self, values: Iterable[float]) -> list[str]:
        """One size per listing, in its order unit."""
        return [form % value for form, value in zip(self._sizes, values, strict=True)]

    def price(self, number: int, value: float) -> str:
        """A price of listing `number`."""
        return self._prices[number] % value

    def size(self, number: int, value: float) -> str:
        """A size of listing `number`."""
        return self._sizes[number] % value


def step_text(decimals: int) -> str:
    """The step that leaves so many decimals: `0.001` for 3."""
    return f"{10**-decimals:.{decimals}f}"


def bars_since(start_s: str, step_s: int, now: float, most: int) -> int:
    """How many bars there are from the one that begins at `start_s` (Unix seconds as text; else all) on."""
    if not start_s.isdigit():
        return most
    return min(most, max(1, int(now // step_s) + int(-int(start_s) // step_s) + 1))


def limit_of(call: Call, name: str, default: int, most: int) -> int:
    """The number of rows asked for; nonsense gives the default."""
    text = call.query.get(name, "")
    return min(most, max(1, int(text))) if text.isdigit() else default


# How long the bars are that exchanges write as minutes, hours and days, in seconds.
STEPS: Mapping[str, int] = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "12h": 43_200,
    "1d": 86_400,
}
