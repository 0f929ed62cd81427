"""The legs of an opportunity on their order books, and walking those books. Exact: `Decimal` all the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from typing import TypeAlias

from apps.opportunities.enums import Reason, Side
from apps.opportunities.exceptions import Unfit

Levels: TypeAlias = tuple[tuple[Decimal, Decimal], ...]

# Pricing and recomputing have to round alike, whatever context the caller has: 34 digits (IEEE 754 decimal128).
EXACT = Context(prec=34)


def plain(value: Decimal, *, digits: int | None = None) -> str:
    """The number as text, never with an exponent or trailing zeros; rounded to so many significant digits if told."""
    text = f"{value if digits is None else Context(prec=digits).plus(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Funding:
    """Fraction of notional that longs pay per `interval_h` hours, next at `next_funding_at` (Unix ms)."""

    rate: Decimal
    interval_h: Decimal
    next_funding_at: int


@dataclass(frozen=True)
class Leg:
    """One leg with its order book as listed: prices per listed unit, sizes in listed units, best level first.

    One listed unit is `multiplier` units of the instrument. Steps and minimums are in listed units and in quote
    currency; None means that the exchange has none. Times are Unix ms.
    """

    exchange: str
    symbol: str
    market_id: int
    side: Side
    multiplier: Decimal
    fee: Decimal
    bids: Levels
    asks: Levels
    exchange_ts: int
    received_at: int
    amount_step: Decimal | None = None
    min_amount: Decimal | None = None
    min_notional: Decimal | None = None
    funding: Funding | None = None

    @cached_property
    def unit_bids(self) -> Levels:
        """Bids per unit of the instrument."""
        return self._per_unit(self.bids)

    @cached_property
    def unit_asks(self) -> Levels:
        """Asks per unit of the instrument."""
        return self._per_unit(self.asks)

    @cached_property
    def unit_mid(self) -> Decimal:
        """Middle of the best prices, per unit of the instrument."""
        return (self.unit_bids[0][0] + self.unit_asks[0][0]) / 2

    @property
    def taken(self) -> Levels:
        """The side of the book that opening this leg takes, as listed."""
        return self.asks if self.side is Side.BUY else self.bids

    def _per_unit(self, levels: Levels) -> Levels:
        if self.multiplier == 1:
            return levels
        return tuple((price / self.multiplier, size * self.multiplier) for price, size in levels)


def vwap(levels: Levels, quantity: Decimal) -> Decimal:
    """Volume-weighted price of the first `quantity` units. Raises `Unfit` (thin book) where there are fewer."""
    left, cost = quantity, Decimal(0)
    for price, size in levels:
        part = min(left, size)
        cost += part * price
        left -= part
        if left == 0:
            return cost / quantity
    raise Unfit(Reason.THIN_BOOK)


def quantity_for(levels: Levels, notional: Decimal) -> Decimal:
    """Units that `notional` buys, walking the levels; all of them where there are not enough."""
    left, quantity = notional, Decimal(0)
    for price, size in levels:
        if price * size >= left:
            return quantity + left / price
        left -= price * size
        quantity += size
    return quantity


def levels_for(levels: Levels, quantity: Decimal) -> Levels:
    """The levels that the first `quantity` units consume, at least the best one."""
    taken, left = [], quantity
    for level in levels:
        taken.append(level)
        left -= level[1]
        if left <= 0:
            break
    return tuple(taken)


def steps(ladders: tuple[Levels, ...]) -> Iterator[tuple[Decimal, tuple[Decimal, ...]]]:
    """Walk several ladders in step: (units, price on each ladder) until the first of them has no more."""
    positions = [0] * len(ladders)
    left = [ladder[0][1] for ladder in ladders]
    while True:
        units = min(left)
        yield units, tuple(ladder[at][0] for ladder, at in zip(ladders, positions, strict=True))
        for index, ladder in enumerate(ladders):
            left[index] -= units
            if left[index] == 0:
                positions[index] += 1
                if positions[index] == len(ladder):
                    return
                left[index] = ladder[positions[index]][1]
