"""Taking what was found, some milliseconds later, at whatever stands there then."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import isnan
from typing import Literal

from apps.markets.conversion import DOLLARS
from apps.opportunities.exceptions import Unfit
from apps.opportunities.legs import EXACT, Leg
from apps.opportunities.replay.sightings import BOUNDLESS, Quote, Sighting
from apps.opportunities.strategies.base import EdgeTerms

Outcome = Literal["filled", "partial", "missed"]


@dataclass(frozen=True, slots=True)
class Execution:
    """What taking came to at `at` (Unix µs): the notional, net edge and profit in `quote` currency of what was filled.

    `reason` says why it was missed or not filled wholly; `sized` is false where an unknown size was taken for enough.
    """

    at: int
    outcome: Outcome
    reason: str
    quote: str
    notional: Decimal
    net_edge: Decimal | None
    profit: Decimal
    sized: bool


@dataclass(frozen=True, slots=True)
class Taker:
    """Market orders on all legs at once, `latency_us` after the first sighting, for `size` dollars.

    What was seen at the best prices then bounds what is ordered, what stands at the best prices now what is filled;
    all legs are filled alike (what one leg alone could have got more is not ordered). The edge is whatever it has
    become, losses included. Pairs that are not quoted in dollars are taken for what stands at the best prices.
    Fundings are those of the horizon at the rate that was seen, conversions at the rate that was seen.
    """

    latency_us: int
    size: Decimal
    horizon_h: Decimal
    max_skew_us: int

    def take(self, seen: Sighting, at: int, quote_of: Callable[[int], Quote | None]) -> Execution:
        """Take `seen` at `at` (Unix µs); `quote_of` a market is its newest quote then (None: it can't be traded)."""
        now = [quote_of(leg.market) for leg in seen.legs]
        quotes = [quote for quote in now if quote is not None and at - quote.ts <= self.max_skew_us]
        if len(quotes) < len(seen.legs):
            return self._missed(seen, at, "a leg had no quote any more")
        try:
            with localcontext(EXACT):
                return self._filled(seen, at, quotes)
        except Unfit as error:
            return self._missed(seen, at, error.message)

    def _filled(self, seen: Sighting, at: int, quotes: list[Quote]) -> Execution:
        strategy, terms = seen.strategy, EdgeTerms(self.horizon_h, at // 1000)
        before = tuple(leg.leg(leg.quote, sized=True) for leg in seen.legs)
        legs = tuple(leg.leg(quote, sized=True) for leg, quote in zip(seen.legs, quotes, strict=True))
        stood = self._stands(seen, before)
        wanted = min(stood, strategy.units_for(before, self.size)) if seen.quote in DOLLARS else stood
        if wanted >= BOUNDLESS:
            return self._missed(seen, at, "its size was unknown, and it is not quoted in dollars to size it by")
        stands = self._stands(seen, legs)
        quantity = min(wanted, stands)
        edges = strategy.edges(legs, terms, quantity)
        return Execution(
            at=at,
            outcome="filled" if quantity == wanted else "partial",
            reason="" if quantity == wanted else "less stood at the best prices by then",
            quote=seen.quote,
            notional=strategy.cost(legs, quantity),
            net_edge=edges.net,
            profit=edges.profit,
            sized=not any(isnan(size) for quote in quotes for size in (quote.bid_size, quote.ask_size)),
        )

    @staticmethod
    def _stands(seen: Sighting, legs: tuple[Leg, ...]) -> Decimal:
        units, _ = next(seen.strategy.walk(legs))
        return units

    @staticmethod
    def _missed(seen: Sighting, at: int, reason: str) -> Execution:
        return Execution(at, "missed", reason, seen.quote, Decimal(0), None, Decimal(0), sized=True)
