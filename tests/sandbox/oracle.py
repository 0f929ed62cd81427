"""An independent reading of what is worth doing in the sandbox's market, from its books and the formulas of the design.

It applies the guards (inactive, stale, crossed, impossible prices, too different prices), prices on the books for at
most 1,000 USD, and returns what is net positive. Written apart from the product so that each can prove the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.market.board import Board, Book
from sandbox.market.listing import Listing
from sandbox.market.world import World

REFERENCE_USD = 1_000.0
LEAST_USD = 5.0
HORIZON_H = 24.0
MAX_AGE_MS = 60_000
MAX_RATIO = 0.20

Fees = Mapping[tuple[str, str], float]
Key = tuple[str, tuple[tuple[str, str], tuple[str, str]]]


@dataclass(frozen=True)
class Side:
    """One usable market at a moment; prices and sizes per unit of the asset, in USDT."""

    listing: Listing
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    mid: float
    fee: float

    @property
    def name(self) -> tuple[str, str]:
        return self.listing.venue, self.listing.symbol


def cross_edges(world: World, at: float, fees: Fees) -> dict[Key, float]:
    """Net edges of every pair of spot markets of one asset on two exchanges that leaves an order worth placing."""
    sides = [
        side
        for venue in ("binance", "bybit", "okx")
        for side in _sides(world, world.board(venue, is_swap=False), at, fees)
    ]
    edges: dict[Key, float] = {}
    for bought, sold in _pairs(sides):
        edge = _cross_edge(bought, sold)
        if edge is not None:
            edges["cross_exchange", (bought.name, sold.name)] = edge
    return edges


def funding_edges(world: World, at: float, fees: Fees, notional: float) -> dict[Key, float]:
    """Net edges over the horizon of every pair of perpetuals of one asset on two exchanges, at this notional."""
    edges: dict[Key, float] = {}
    sides: list[Side] = []
    income: dict[tuple[str, str], float] = {}
    for venue in ("binanceusdm", "bybit", "okx"):
        board = world.board(venue, is_swap=True)
        funding = board.funding(at)
        usable = {side.name: side for side in _sides(world, board, at, fees)}
        for number, listing in enumerate(board.listings):
            side = usable.get((listing.venue, listing.symbol))
            if side is None or not listing.interval_known:
                continue
            hours_to_next = (float(funding.next_ms[number]) / 1000 - at) / 3600
            interval = float(funding.interval_h[number])
            times = 0 if hours_to_next > HORIZON_H else (HORIZON_H - hours_to_next) // interval + 1
            income[side.name] = times * float(funding.rate[number])
            sides.append(side)
    for long, short in _pairs(sides):
        spreads = [_spread(side, notional) for side in (long, short)]
        if None in spreads:
            continue
        edges["funding_rate", (long.name, short.name)] = (
            income[short.name]
            - income[long.name]
            - 2 * (long.fee + short.fee)
            - sum(spread for spread in spreads if spread is not None)
            + min(0.0, short.mid / long.mid - 1)
        )
    return edges


def _pairs(sides: list[Side]) -> Iterator[tuple[Side, Side]]:
    for first in sides:
        for second in sides:
            alike = first.listing.asset.name == second.listing.asset.name
            if alike and first.listing.venue != second.listing.venue and abs(second.mid / first.mid - 1) <= MAX_RATIO:
                yield first, second


def _sides(world: World, board: Board, at: float, fees: Fees) -> Iterator[Side]:
    quotes = board.quotes(at)
    venue = board.listings[0].venue
    for number, listing in enumerate(board.listings):
        bid, ask = float(quotes.bid[number]), float(quotes.ask[number])
        is_sound = listing.place.active and 0.0 < bid < ask and at * 1000 - float(quotes.ts[number]) < MAX_AGE_MS
        if not is_sound:
            continue
        fee = fees[venue, listing.symbol]
        book = board.book(number, at, 400)
        bid_rate, ask_rate = _usdc_rates(world, venue, at, fees) if listing.quote == "USDC" else (1.0, 1.0)
        yield _side(listing, book, fee, bid_rate, ask_rate)


def _side(listing: Listing, book: Book, fee: float, bid_rate: float, ask_rate: float) -> Side:
    unit = listing.multiplier
    bids = [(price * bid_rate / unit, size * unit) for price, size in book.bids]
    asks = [(price * ask_rate / unit, size * unit) for price, size in book.asks]
    return Side(listing, bids, asks, (bids[0][0] + asks[0][0]) / 2, fee)


def _usdc_rates(world: World, venue: str, at: float, fees: Fees) -> tuple[float, float]:
    """What USDC earned sells for and what USDC spent costs, at the adverse side and after its fee."""
    board = world.board(venue, is_swap=False)
    number = next(number for number, each in enumerate(board.listings) if each.symbol == "USDC/USDT")
    quotes, fee = board.quotes(at), fees[venue, "USDC/USDT"]
    return float(quotes.bid[number]) * (1 - fee), float(quotes.ask[number]) * (1 + fee)


def _cross_edge(bought: Side, sold: Side) -> float | None:
    """Net edge at the best size up to the reference; when no unit earns, that of the first unit. None when what earns
    is less than any order may be."""
    asks, bids = list(bought.asks), list(sold.bids)
    spent = earned = quantity = 0.0
    while asks and bids and spent < REFERENCE_USD:
        (ask, ask_size), (bid, bid_size) = asks[0], bids[0]
        if quantity and bid * (1 - sold.fee) <= ask * (1 + bought.fee):
            break
        size = min(ask_size, bid_size, (REFERENCE_USD - spent) / ask)
        spent, earned, quantity = spent + size * ask, earned + size * bid, quantity + size
        asks[0], bids[0] = (ask, ask_size - size), (bid, bid_size - size)
        asks, bids = [level for level in asks if level[1] > 1e-12], [level for level in bids if level[1] > 1e-12]
        if bid * (1 - sold.fee) <= ask * (1 + bought.fee):
            break
    if spent < LEAST_USD:
        return None
    return earned * (1 - sold.fee) / (spent * (1 + bought.fee)) - 1


def _spread(side: Side, notional: float) -> float | None:
    prices = [_average(levels, notional / side.mid) for levels in (side.asks, side.bids)]
    if prices[0] is None or prices[1] is None:
        return None
    return (prices[0] - prices[1]) / side.mid


def _average(levels: list[tuple[float, float]], quantity: float) -> float | None:
    cost, left = 0.0, quantity
    for price, size in levels:
        taken = min(size, left)
        cost, left = cost + taken * price, left - taken
        if left <= 0:
            return cost / quantity
    return None
