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
Key = tuple[str, tuple[tuple[str, str], ...]]


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
        for venue in _venues(fees, is_swap=False)
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
    sides, received = _perpetuals(world, at, fees)
    for long, short in _pairs(sides):
        costs = _holding_costs(long, short, notional)
        if costs is not None:
            edges["funding_rate", (long.name, short.name)] = received[short.name] - received[long.name] - costs
    return edges


def spot_perp_edges(world: World, at: float, fees: Fees, notional: float) -> dict[Key, float]:
    """Net edges over the horizon of every spot market with every perpetual of its asset, at this notional."""
    edges: dict[Key, float] = {}
    perpetuals, received = _perpetuals(world, at, fees)
    by_asset: dict[str, list[Side]] = {}
    for perpetual in perpetuals:
        by_asset.setdefault(perpetual.listing.asset.name, []).append(perpetual)
    for venue in _venues(fees, is_swap=False):
        for spot in _sides(world, world.board(venue, is_swap=False), at, fees):
            for perpetual in by_asset.get(spot.listing.asset.name, ()):
                costs = _holding_costs(spot, perpetual, notional)
                if abs(perpetual.mid / spot.mid - 1) <= MAX_RATIO and costs is not None:
                    edges["spot_perp", (spot.name, perpetual.name)] = received[perpetual.name] - costs
    return edges


def cycle_edges(world: World, at: float, fees: Fees) -> dict[Key, float]:
    """Net edges of every cycle of three trades on one exchange, and of four none of which could be spared.

    Told from USDT if that is one of its currencies, else from another dollar, else from the first by name."""
    edges: dict[Key, float] = {}
    for venue in _venues(fees, is_swap=False):
        trades: dict[str, dict[str, Trade]] = {}
        for trade in _trades(world, venue, at, fees):
            trades.setdefault(trade.held, {})[trade.wanted] = trade
        for ring in _rings(trades):
            edge = _cycle_edge(ring)
            if edge is not None and not (len(ring) == 4 and _is_detour(ring, trades)):
                edges["triangular", tuple((venue, trade.symbol) for trade in ring)] = edge
    return edges


@dataclass(frozen=True)
class Trade:
    """One market used in one direction: levels are (rate before the fee, how much of what is held they take); `usd` is
    about what a unit of what is held is worth."""

    held: str
    wanted: str
    symbol: str
    fee: float
    levels: list[tuple[float, float]]
    usd: float

    @property
    def best(self) -> float:
        """What the best level brings after the fee."""
        return self.levels[0][0] * (1 - self.fee)


def _trades(world: World, venue: str, at: float, fees: Fees) -> Iterator[Trade]:
    board = world.board(venue, is_swap=False)
    for number, listing in _usable(board, at):
        book, fee = board.book(number, at, 400), fees[venue, listing.symbol]
        base, quote, usd = listing.base, listing.quote, listing.quote_usd
        mid = (book.bids[0][0] + book.asks[0][0]) / 2
        yield Trade(base, quote, listing.symbol, fee, book.bids, mid * usd)
        yield Trade(quote, base, listing.symbol, fee, [(1 / price, price * size) for price, size in book.asks], usd)


def _rings(trades: Mapping[str, Mapping[str, Trade]]) -> Iterator[tuple[Trade, ...]]:
    def first(names: tuple[str, ...]) -> bool:
        return names[0] == min(names, key=lambda name: (name != "USDT", name not in ("USD", "USDC"), name))

    for one, firsts in trades.items():
        for two, second in firsts.items():
            for three, third in trades[two].items():
                if three == one:
                    continue
                if one in trades[three] and first((one, two, three)):
                    yield second, third, trades[three][one]
                for four, fourth in trades[three].items():
                    if four not in (one, two) and one in trades[four] and first((one, two, three, four)):
                        yield second, third, fourth, trades[four][one]


def _is_detour(ring: tuple[Trade, ...], trades: Mapping[str, Mapping[str, Trade]]) -> bool:
    """Whether a single trade brings as much as two of these in a row, at the best prices."""
    for one, two in zip(ring, (*ring[1:], ring[0]), strict=True):
        straight = trades[one.held].get(two.wanted)
        if straight is not None and straight.best >= one.best * two.best:
            return True
    return False


def _cycle_edge(ring: tuple[Trade, ...]) -> float | None:
    """Net edge of putting in the reference, or as much of it as still earns; None where that is no order."""
    levels = [list(trade.levels) for trade in ring]
    left, put_in, got_out = REFERENCE_USD / ring[0].usd, 0.0, 0.0
    while left > 0 and all(levels):
        through, fed = left, 1.0
        for trade, rows in zip(ring, levels, strict=True):
            through = min(through, rows[0][1] / fed)
            fed *= rows[0][0] * (1 - trade.fee)
        if put_in and fed <= 1:
            break
        left, put_in, got_out = left - through, put_in + through, got_out + through * fed
        if fed <= 1:
            break
        fed = 1.0
        for trade, rows in zip(ring, levels, strict=True):
            rate, size = rows[0]
            rows[0] = (rate, size - through * fed)
            if rows[0][1] <= 1e-9 * size:
                rows.pop(0)
            fed *= rate * (1 - trade.fee)
    if put_in * ring[0].usd < LEAST_USD:
        return None
    return got_out / put_in - 1


def _perpetuals(world: World, at: float, fees: Fees) -> tuple[list[Side], dict[tuple[str, str], float]]:
    """The usable perpetuals whose interval is told, and what each pays a short position within the horizon."""
    sides: list[Side] = []
    received: dict[tuple[str, str], float] = {}
    for venue in _venues(fees, is_swap=True):
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
            received[side.name] = times * float(funding.rate[number])
            sides.append(side)
    return sides, received


def _holding_costs(long: Side, short: Side, notional: float) -> float | None:
    """Both fees twice, both spreads, and an entry basis against the position."""
    spreads = [_spread(side, notional) for side in (long, short)]
    if spreads[0] is None or spreads[1] is None:
        return None
    return 2 * (long.fee + short.fee) + spreads[0] + spreads[1] - min(0.0, short.mid / long.mid - 1)


def _venues(fees: Fees, *, is_swap: bool) -> list[str]:
    """The exchanges whose fees for the kind are known."""
    return sorted({venue for venue, symbol in fees if (":" in symbol) is is_swap})


def _pairs(sides: list[Side]) -> Iterator[tuple[Side, Side]]:
    for first in sides:
        for second in sides:
            alike = first.listing.asset.name == second.listing.asset.name
            if alike and first.listing.venue != second.listing.venue and abs(second.mid / first.mid - 1) <= MAX_RATIO:
                yield first, second


def _sides(world: World, board: Board, at: float, fees: Fees) -> Iterator[Side]:
    venue = board.listings[0].venue
    for number, listing in _usable(board, at):
        # Quoted in a coin: its partners would be other markets in that coin, of which there is never a second one.
        if listing.quote_usd != 1.0:
            continue
        book, fee = board.book(number, at, 400), fees[venue, listing.symbol]
        bid_rate, ask_rate = _usdc_rates(world, venue, at, fees) if listing.quote == "USDC" else (1.0, 1.0)
        yield _side(listing, book, fee, bid_rate, ask_rate)


def _usable(board: Board, at: float) -> Iterator[tuple[int, Listing]]:
    quotes = board.quotes(at)
    for number, listing in enumerate(board.listings):
        bid, ask = float(quotes.bid[number]), float(quotes.ask[number])
        if listing.place.active and 0.0 < bid < ask and at * 1000 - float(quotes.ts[number]) < MAX_AGE_MS:
            yield number, listing


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
