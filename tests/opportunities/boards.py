"""What the sandbox's exchanges show at a moment, as if it had just been read and stored: no HTTP, no database."""

from typing import Any

import numpy as np

from apps.markets.enums import SnapshotKind
from apps.markets.types import FundingRates, Latest, MarketTable, Quotes
from sandbox.market.catalog import VENUES
from sandbox.market.world import World
from tests.opportunities.factories import NOW_MS, Listing, table_of

# Below what any of these exchanges takes from the public, so that nothing hides behind its fee.
SPOT_FEE, SWAP_FEE = 0.001, 0.0005


def shown(world: World, at: float) -> tuple[MarketTable, Latest]:
    """The table and the snapshots (at NOW_MS) of all exchanges at Unix time `at`, but for inverse perpetuals."""
    listings, latest = [], Latest()
    for venue, lists in VENUES.items():
        for is_swap in (False, True):
            if not (lists.swap if is_swap else lists.spot) or lists.inverse:
                continue
            board = world.board(venue, is_swap=is_swap)
            first = len(listings) + 1
            listings += [
                Listing(
                    venue, 1, 1, each.asset.name, each.quote, is_swap,
                    fee=SWAP_FEE if is_swap else SPOT_FEE, multiplier=each.multiplier,
                )
                for each in board.listings
            ]  # fmt: skip
            quotes = board.quotes(at)
            sound = [number for number, each in enumerate(board.listings) if each.place.active]
            fresh = [number for number in sound if at * 1000 - quotes.ts[number] < 15_000]
            ids = np.array(fresh, dtype=np.int32) + first
            common: Any = {"exchange": venue, "received_at": NOW_MS - 50, "market_version": 1, "market_id": ids}
            moments = quotes.ts[fresh] - round(at * 1000) + NOW_MS
            (latest.swap if is_swap else latest.spot).append(
                Quotes(
                    kind=SnapshotKind.SWAP if is_swap else SnapshotKind.SPOT,
                    bid=quotes.bid[fresh], bid_size=quotes.bid_size[fresh],
                    ask=quotes.ask[fresh], ask_size=quotes.ask_size[fresh],
                    last=quotes.last[fresh], quote_volume=quotes.turnover[fresh], exchange_ts=moments, **common,
                )
            )  # fmt: skip
            if is_swap:
                funding = board.funding(at)
                known = np.array([board.listings[number].interval_known for number in fresh])
                latest.funding.append(
                    FundingRates(
                        rate=funding.rate[fresh],
                        interval_hours=np.where(known, funding.interval_h[fresh], np.nan),
                        interval_source=np.ones(len(fresh), dtype=np.int8),
                        next_funding_at=funding.next_ms[fresh] - round(at * 1000) + NOW_MS,
                        mark=funding.mark[fresh], index=funding.index[fresh], exchange_ts=moments, **common,
                    )
                )  # fmt: skip
    return table_of(listings), latest
