"""One budget of requests per exchange for all processes together, through Redis; ccxt alone counts per process.

An exchange counts by address, so three workers that each keep its limits break them together and are all banned. Every
request takes its weight from the shared budget right before it goes out. Where the budget is short, what is urgent may
use more of it: order books before quotes before funding rates before market lists and other slow metadata."""

import asyncio
import logging
import math
import random
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from apps.core import limits
from apps.core.exceptions import ArbEdgeError, TemporaryError
from apps.core.limits import Demand, Limit

logger = logging.getLogger(__name__)

# Other programs may share our address, and a request takes a moment to be counted.
HEADROOM: Final = 0.9
# Nothing goes out in bursts: in any two seconds at most what ccxt's own limiter would let through in them.
BURST_S: Final = 2.0
# Who has waited this long is better told: its data would be old, and its caller's deadline is near.
WAIT_S: Final = 5.0


class Urgency(Enum):
    """What a request is for; its value is the part of the exchange's budget that it may use up."""

    BOOKS = 1.0
    QUOTES = 0.9
    FUNDING = 0.8
    SLOW = 0.5


_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.SLOW)


def urgent(value: Urgency) -> None:
    """What the running task's requests are for, from here on."""
    _urgency.set(value)


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """How an exchange counts requests: over windows of so many seconds, as its documentation at `source` says.

    How many fit into a window is ccxt's word, who keeps it with each endpoint: a request of cost c takes
    c · rateLimit milliseconds of the exchange's time, and a window has as many milliseconds as it lasts. (Binance spot:
    rateLimit 50 ms and cost 16 for all 24 h tickers are 800 ms of a minute, which is weight 80 of 6,000.)"""

    seconds: float = 10.0
    source: str = ""


USUAL_LIMIT: Final = RequestLimit()


class Throttled:
    """Mixed into ccxt's class of an exchange: its `throttle` asks all processes' budget instead of its own."""

    request_limit: RequestLimit
    id: str
    rateLimit: float  # noqa: N815  (ccxt's own name)

    async def throttle(self, cost: float | None = None) -> Any:
        """Wait until a request of this cost (ccxt's units) may go out. With Redis away ccxt's own limiter holds alone.

        Raises TemporaryError(code="limit_reached") where that would take longer than WAIT_S."""
        demand = demand_build(self.id, self.request_limit, (1.0 if cost is None else cost) * self.rateLimit)
        try:
            await _granted(self.id, demand)
        except TemporaryError as error:
            if error.code != "limits_away":
                raise
            logger.warning("Limits of %s are kept by this process alone: %s", self.id, error.message)
            await super().throttle(cost)  # type: ignore[misc]


def limit_key(exchange: str) -> str:
    """Under which key of core.limits the exchange's budget is kept."""
    return f"exchange:{exchange}"


def budget_ms(limit: RequestLimit) -> int:
    """How many milliseconds of an exchange's time all requests together may take in its window."""
    return _milliseconds(limit.seconds * HEADROOM)


def demand_build(exchange: str, limit: RequestLimit, milliseconds: float) -> Demand:
    """What a request that takes so much of the exchange's time demands of its budget, as urgent as its caller says."""
    share = _urgency.get().value
    tiers = [Limit(_milliseconds(limit.seconds * HEADROOM * share), limit.seconds)]
    if limit.seconds > BURST_S:
        tiers.append(Limit(_milliseconds(BURST_S * share), BURST_S))
    # What alone takes longer than a tier lasts could never be granted: then the longest tier counts it in full.
    cost = min(max(1, math.ceil(milliseconds)), tiers[0].count)
    return Demand(limit_key(exchange), tuple(tier for tier in tiers if cost <= tier.count), cost)


async def _granted(exchange: str, demand: Demand) -> None:
    """Return once the demand is granted; in an executor, because a Redis that hangs must not stop the loop."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + WAIT_S
    while True:
        (wait,) = await loop.run_in_executor(None, limits.acquire, [[demand]])
        if not wait:
            return
        if loop.time() + wait > give_up:
            raise own_limit_reached(exchange, wait)
        # Those who wait for the same moment don't all come at once.
        await asyncio.sleep(wait + random.uniform(0.0, 0.05))


def own_limit_reached(exchange: str, wait: float) -> ArbEdgeError:
    """Our own budget holds a request back; nothing was asked, so it says nothing about the exchange."""
    return TemporaryError(
        f"our share of {exchange}'s request limit is used up for {wait:.0f} s", code="limit_reached", retry_after=wait
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
