"""The synthetic market at any moment: a pure function of seed and time, so every process and endpoint agrees."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sandbox.market.board import Board
from sandbox.market.catalog import VENUES
from sandbox.market.listing import Listing, assets_build, listings_build
from sandbox.market.scenario import parts_cast
from sandbox.market.told import Scenario

Floats = NDArray[np.float64]

# Prices stand still for this long, so an answer is built at most once per endpoint in it.
TICK_S = 0.5
DAY_S = 86_400.0
# Periods (s) and amplitudes (log price) of the swings that a price is the sum of. The fast ones are small: within a few
# seconds a price moves far less than any cost, so two endpoints asked one after the other still agree.
_PERIODS = np.array([31.0, 180.0, 1_500.0, 10_800.0, 93_600.0])
_AMPLITUDES = np.array([2e-5, 1.2e-4, 9e-4, 4e-3, 1.6e-2])


class World:
    """All markets of one seed. `symbols` is the number of assets aimed at; the scenario needs some 80 of them."""

    def __init__(self, seed: int, symbols: int = 60) -> None:
        parts = parts_cast(seed)
        self.seed = seed
        self.assets = assets_build(parts, symbols, seed)
        listings = listings_build(self.assets, parts)
        self.scenario = Scenario(seed, parts, listings)
        generator = np.random.default_rng(seed)
        count = len(self.assets)
        lively = np.array([asset.liveliness for asset in self.assets])
        self._base = np.array([asset.price for asset in self.assets])
        self._beta = lively * generator.uniform(0.7, 1.2, count)
        self._amplitudes = lively[:, None] * _AMPLITUDES * generator.uniform(0.3, 0.8, (count, len(_PERIODS)))
        self._frequencies = 2 * math.pi / (_PERIODS * generator.uniform(0.8, 1.25, (count, len(_PERIODS))))
        self._phases = generator.uniform(0, 2 * math.pi, (count, len(_PERIODS)))
        self._market_phases = generator.uniform(0, 2 * math.pi, len(_PERIODS))
        self._mids: dict[float, Floats] = {}
        index = {asset.name: number for number, asset in enumerate(self.assets)}
        self._boards: Mapping[tuple[str, bool], Board] = {
            (venue, is_swap): Board(
                tuple(each for each in listings if each.venue == venue and each.is_swap is is_swap), index, self
            )
            for venue, lists in VENUES.items()
            for is_swap in (False, True)
            if (lists.swap if is_swap else lists.spot)
        }

    @staticmethod
    def tick(now: float) -> float:
        """The moment that prices are shown for at `now` (Unix seconds)."""
        return math.floor(now / TICK_S) * TICK_S

    def board(self, venue: str, *, is_swap: bool) -> Board:
        """The markets of one exchange and kind. KeyError for a pair that no exchange has."""
        return self._boards[venue, is_swap]

    def listings(self) -> list[Listing]:
        """Every market."""
        return [listing for board in self._boards.values() for listing in board.listings]

    def mids(self, at: float) -> Floats:
        """Fair prices in USDT of all assets at Unix time `at`."""
        found = self._mids.get(at)
        if found is None:
            market = float(np.sum(_AMPLITUDES * np.sin(2 * math.pi * at / _PERIODS + self._market_phases)))
            own = np.sum(self._amplitudes * np.sin(self._frequencies * at + self._phases), axis=1)
            found = self._base * np.exp(self._beta * market + own)
            if len(self._mids) >= 8:
                self._mids.pop(next(iter(self._mids)))
            self._mids[at] = found
        return found

    def course(self, asset: int, at: Floats) -> Floats:
        """Fair prices in USDT of asset number `asset` at many moments (Unix seconds), as `mids` has them."""
        moments = at[:, None]
        market = np.sum(_AMPLITUDES * np.sin(2 * math.pi * moments / _PERIODS + self._market_phases), axis=1)
        swings = np.sin(self._frequencies[asset] * moments + self._phases[asset])
        own = np.sum(self._amplitudes[asset] * swings, axis=1)
        prices: Floats = self._base[asset] * np.exp(self._beta[asset] * market + own)
        return prices
