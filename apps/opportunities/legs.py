"""The legs of an opportunity on their order books, and walking those books. Exact: `Decimal` all the way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from typing import Any, TypeAlias

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


@dataclass(frozen=True, slots=True)
class Exchanged:
    """How a leg's quote currency `of` becomes that of the first leg, `into`: one unit brings `rate` of it at the
    adverse side, and the fees of that leave the part `kept`. `exchanges` said so, the oldest at `exchange_ts` (ms)."""

    of: str
    into: str
    rate: Decimal
    kept: Decimal
    exchanges: tuple[str, ...]
    exchange_ts: int


@dataclass(frozen=True)
class Leg:
    """One leg with its order book as listed: prices per listed unit, sizes in listed units, best level first.

    One listed unit is `multiplier` units of the instrument. Steps and minimums are in listed units and in quote
    currency; None means that the exchange has none. Times are Unix ms. `exchanged` where the leg is quoted in another
    dollar than the first one.
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
    exchanged: Exchanged | None = None

    @cached_property
    def unit_bids(self) -> Levels:
        """Bids per unit of the instrument, in the first leg's quote currency."""
        return self._per_unit(self.bids)

    @cached_property
    def unit_asks(self) -> Levels:
        """Asks per unit of the instrument, in the first leg's quote currency."""
        return self._per_unit(self.asks)

    @property
    def kept(self) -> Decimal:
        """The part of the proceeds that the fees of their conversion leave."""
        return Decimal(1) if self.exchanged is None else self.exchanged.kept

    @cached_property
    def unit_mid(self) -> Decimal:
        """Middle of the best prices, per unit of the instrument, in the first leg's quote currency."""
        return (self.unit_bids[0][0] + self.unit_asks[0][0]) / 2

    @property
    def taken(self) -> Levels:
        """The side of the book that opening this leg takes, as listed."""
        return self.asks if self.side is Side.BUY else self.bids

    def _per_unit(self, levels: Levels) -> Levels:
        rate = Decimal(1) if self.exchanged is None else self.exchanged.rate
        if self.multiplier == 1 and rate == 1:
            return levels
        return tuple((price * rate / self.multiplier, size * self.multiplier) for price, size in levels)


def leg_facts(facts: Mapping[str, Any], leg: Leg, *, price: Decimal, amount: Decimal) -> dict[str, Any]:
    """A stored leg with the figures it was priced at: `price` and `amount` as listed, its funding rate and fee."""
    return {
        **facts,
        "price": plain(price, digits=12),
        "amount": plain(amount, digits=12),
        "rate": None if leg.funding is None else plain(leg.funding.rate),
        "fee": plain(leg.fee),
    }


def vwap(levels: Levels, quantity: Decimal) -> Decimal:
    """Volume-weighted price of the first `quantity` units. Raises `Unfit` (thin book) where there are fewer."""
    return value_of(levels, quantity) / quantity


def value_of(levels: Levels, quantity: Decimal) -> Decimal:
    """What the first `quantity` units come to together. Raises `Unfit` (thin book) where there are fewer."""
    left, value = quantity, Decimal(0)
    for price, size in levels:
        part = min(left, size)
        value += part * price
        left -= part
        if left == 0:
            return value
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
    levels = [iter(ladder) for ladder in ladders]
    best = [next(ladder) for ladder in levels]
    prices, left = [price for price, _ in best], [size for _, size in best]
    while True:
        units = min(left)
        yield units, tuple(prices)
        for index, size in enumerate(left):
            if size > units:
                left[index] = size - units
                continue
            level = next(levels[index], None)
            if level is None:
                return
            prices[index], left[index] = level
