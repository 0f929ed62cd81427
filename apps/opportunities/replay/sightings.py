"""What was seen at one moment, with everything that its edge was computed from."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import isnan

from apps.core.money import to_decimal
from apps.opportunities.enums import Side
from apps.opportunities.legs import EXACT, Exchanged, Funding, Leg, Levels
from apps.opportunities.replay.listings import Listing
from apps.opportunities.strategies.base import Edges, EdgeTerms, Strategy

# The size of a level where the recording tells none. Enough for one unit of anything, and never shown.
BOUNDLESS = Decimal("1e30")


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices of a market, per listed unit, with sizes in listed units (NaN: unknown), of `ts` (Unix µs)."""

    ts: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float


@dataclass(frozen=True, slots=True)
class SeenLeg:
    """One leg as it was: `funding` where it counts; `exchanged` where it is quoted in another dollar than the first."""

    market: int
    listing: Listing
    side: Side
    fee: float
    multiplier: float
    quote: Quote
    funding: Funding | None
    exchanged: Exchanged | None

    def leg(self, quote: Quote, *, sized: bool) -> Leg:
        """It with `quote` as its order book of one level; `sized`: no more than stands there, where that is known."""
        return Leg(
            exchange=self.listing.exchange,
            symbol=self.listing.symbol,
            market_id=self.market + 1,
            side=self.side,
            multiplier=to_decimal(self.multiplier),
            fee=to_decimal(self.fee),
            bids=_level(quote.bid, quote.bid_size if sized else float("nan")),
            asks=_level(quote.ask, quote.ask_size if sized else float("nan")),
            exchange_ts=quote.ts // 1000,
            received_at=quote.ts // 1000,
            funding=self.funding,
            exchanged=self.exchanged,
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """An edge at the best prices of `at` (Unix µs), the moment of the newest quote that it rests on.

    `net` is the scan's figure, `notional` what stands at the best prices in `quote` currency (None: unknown)."""

    at: int
    strategy: Strategy
    legs: tuple[SeenLeg, ...]
    net: float
    notional: float | None
    quote: str

    def edges(self, horizon_h: Decimal) -> Edges:
        """The exact edges at the best prices, for one unit."""
        legs = tuple(one.leg(one.quote, sized=False) for one in self.legs)
        with localcontext(EXACT):
            return self.strategy.edges(legs, EdgeTerms(horizon_h, self.at // 1000), Decimal(1))


def _level(price: float, size: float) -> Levels:
    return ((to_decimal(price), BOUNDLESS if isnan(size) else to_decimal(size)),)
