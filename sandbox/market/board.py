"""The markets of one exchange and kind: quotes, order books and funding at a moment."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox.market.catalog import USDT
from sandbox.market.listing import Listing
from sandbox.market.scenario import Quirk

Floats = NDArray[np.float64]

DAY_S = 86_400.0
HOUR_S = 3_600.0
# Venues differ by so little that no pair earns its costs by it.
_NOISE = 6e-5
_NOISE_PERIOD_S = 47.0
# What a thin market shows at the touch, under every least order; the next level is this much further away.
THIN_USD = 2.0
_THIN_JUMP = 0.012
_LEVEL_GAP = 1.1e-4
_CROSSED_BY = 0.008
_MAX_LEVELS = 400
# How far apart the trades are that bars are made of.
_TRADE_EVERY_S = 15


class Prices(Protocol):
    """Where fair prices come from."""

    def mids(self, at: float) -> Floats:
        """Fair prices of all assets at Unix time `at`."""

    def course(self, asset: int, at: Floats) -> Floats:
        """Fair prices of one asset at many Unix times."""


@dataclass(frozen=True, slots=True)
class Quotes:
    """Columns over the board's listings. Prices per listed base, sizes and volume in listed base units, `turnover` in
    quote currency, `ts` Unix ms. Damaged markets hold NaN, zero or negative prices, as their exchange shows them."""

    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    last: Floats
    open: Floats
    high: Floats
    low: Floats
    volume: Floats
    turnover: Floats
    mid: Floats
    ts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Funding:
    """Columns over the board's listings: `rate` per `interval_h`, `next_ms` Unix ms, prices per listed base."""

    rate: Floats
    interval_h: NDArray[np.int64]
    next_ms: NDArray[np.int64]
    mark: Floats
    index: Floats
    ts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Book:
    """Levels (price, size in listed base units), best first; a damaged side is empty."""

    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    ts: int


@dataclass(frozen=True, slots=True)
class Klines:
    """Bars of one market, oldest first, the last of which has not ended: when each begins (Unix ms), prices, volume in
    listed base units and turnover in quote currency."""

    open_ms: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    turnover: Floats

    def rows(self) -> Iterator[tuple[int, float, float, float, float, float, float]]:
        """Bar by bar: begin, open, high, low, close, volume, turnover."""
        columns = (self.open_ms, self.open, self.high, self.low, self.close, self.volume, self.turnover)
        return zip(*(column.tolist() for column in columns), strict=True)


class Board:
    """The listings in a fixed order; what they show is a pure function of time."""

    def __init__(self, listings: Sequence[Listing], index: Mapping[str, int], prices: Prices) -> None:
        self.listings = tuple(listings)
        self._prices = prices
        self._asset = np.array([index[each.asset.name] for each in listings])
        self._quote = np.array([-1 if each.quote == USDT else index[each.quote] for each in listings])
        self._factor = np.array([each.multiplier * each.place.ratio * (1.0 + each.place.gap) for each in listings])
        self._fair_factor = np.array([each.multiplier * each.place.ratio for each in listings])
        self._half = np.array([each.half_spread for each in listings])
        self._top_usd = np.array([each.asset.top_usd for each in listings])
        self._turnover = np.array([each.asset.turnover / each.quote_usd for each in listings])
        self._quote_usd = np.array([each.quote_usd for each in listings])
        self._price_scale = np.array([10.0**each.price_dp for each in listings])
        self._step = np.array([each.step for each in listings])
        self._daily = np.array([each.place.daily for each in listings])
        self._interval = np.array([each.place.interval_h for each in listings])
        self._planned = np.array([each.is_planned for each in listings])
        self._quirks = {
            quirk: np.array(
                [number for number, each in enumerate(listings) if each.place.quirk is quirk], dtype=np.intp
            )
            for quirk in Quirk
        }
        # One phase per market, from its name: independent of what else is listed.
        self._phase = np.array([_phase(f"{each.venue} {each.symbol}") for each in listings])
        self._quotes: tuple[float, Quotes] | None = None

    def mids(self, at: float) -> Floats:
        """Mid prices per listed base in quote currency."""
        noise = _NOISE * np.sin(2 * math.pi * at / _NOISE_PERIOD_S + self._phase)
        mids: Floats = self._converted(at) * self._factor * (1.0 + noise)
        return mids

    def quotes(self, at: float) -> Quotes:
        """Best bid and ask with sizes and the day's figures at Unix time `at`."""
        if self._quotes is None or self._quotes[0] != at:
            self._quotes = (at, self._quotes_build(at))
        return self._quotes[1]

    def funding(self, at: float) -> Funding:
        """Funding rates at Unix time `at`; unplanned markets differ by far less than costs."""
        drift = 0.0002 * np.sin(2 * math.pi * at / 28_000.0 + self._asset)
        own = np.where(self._planned, 0.0, 0.0002 + 0.00005 * np.sin(self._phase + at / 5_000.0))
        rate = (self._daily + drift + own) * self._interval / 24.0
        seconds = self._interval * HOUR_S
        following = ((np.floor(at / seconds) + 1) * seconds * 1000).astype(np.int64)
        fair = self._converted(at) * self._fair_factor
        return Funding(rate, self._interval, following, self.mids(at), fair, self._stamps(at))

    def book(self, number: int, at: float, levels: int) -> Book:
        """The order book of listing `number`; its first level is what `quotes` shows (but for a hidden thin book)."""
        quotes = self.quotes(at)
        levels = min(levels, _MAX_LEVELS)
        bids = self._levels(number, float(quotes.bid[number]), float(quotes.mid[number]), levels, -1)
        asks = self._levels(number, float(quotes.ask[number]), float(quotes.mid[number]), levels, +1)
        return Book(bids, asks, int(quotes.ts[number]))

    def settled(self, number: int, now: float, count: int) -> list[tuple[int, float, float]]:
        """Settled fundings of listing `number`, oldest first: (Unix ms, rate, mark price). Of a market that doesn't
        tell its interval the last midnight's is all that is known: its history doesn't tell it either, not even to who
        remembers yesterday's."""
        listing = self.listings[number]
        seconds = listing.place.interval_h * HOUR_S if listing.interval_known else DAY_S
        latest = math.floor(now / seconds) * seconds
        moments = [latest - back * seconds for back in range(count if listing.interval_known else 1)]
        rows = []
        for at in reversed(moments):
            funding = self.funding(at - 1.0)
            rows.append((int(at * 1000), float(funding.rate[number]), float(funding.mark[number])))
        return rows

    def klines(self, number: int, *, step_s: int, count: int, now: float) -> Klines:
        """The last `count` bars of listing `number`, each `step_s` long (a multiple of the time between two trades).

        There is a trade at the middle price every 15 s, so bars of any length are made of the same trades."""
        last = math.floor(now / step_s) * step_s
        starts = last - step_s * np.arange(count - 1, -1, -1)
        at = (starts[:, None] + np.arange(0, step_s, _TRADE_EVERY_S)).astype(np.float64)
        past = at <= now
        scale = self._price_scale[number]
        prices = np.round(self._mids_of(number, at.ravel()).reshape(at.shape) * scale) / scale
        share = 1.0 + 0.5 * np.sin(at * 0.7 + self._phase[number])
        turnover = np.where(past, self._turnover[number] * _TRADE_EVERY_S / DAY_S * share, 0.0)
        return Klines(
            open_ms=(starts * 1000).astype(np.int64),
            open=prices[:, 0],
            high=np.where(past, prices, -np.inf).max(axis=1),
            low=np.where(past, prices, np.inf).min(axis=1),
            close=prices[np.arange(count), past.sum(axis=1) - 1],
            volume=(turnover / prices).sum(axis=1),
            turnover=turnover.sum(axis=1),
        )

    def _mids_of(self, number: int, at: Floats) -> Floats:
        """What `mids` says of listing `number`, at many moments."""
        fair = self._prices.course(int(self._asset[number]), at)
        quote = int(self._quote[number])
        in_quote = fair / self._prices.course(quote, at) if quote >= 0 else fair
        noise = _NOISE * np.sin(2 * math.pi * at / _NOISE_PERIOD_S + self._phase[number])
        mids: Floats = in_quote * self._factor[number] * (1.0 + noise)
        return mids

    def _levels(self, number: int, best: float, mid: float, levels: int, side: int) -> list[tuple[float, float]]:
        if not best > 0.0:
            return []
        listing = self.listings[number]
        depth = np.arange(levels)
        distance = _LEVEL_GAP * depth * (1.0 + 0.03 * depth)
        jitter = 0.75 + 0.5 * np.modf(np.abs(np.sin(depth * 12.9898 + self._phase[number] + side)) * 437.58)[0]
        size_usd = self._top_usd[number] * (1.0 + 0.3 * depth) * np.where(depth == 0, 1.0, jitter)
        if listing.place.quirk in (Quirk.THIN, Quirk.THIN_HIDDEN):
            distance = distance + np.where(depth == 0, 0.0, _THIN_JUMP)
            size_usd = np.where(depth == 0, THIN_USD, size_usd)
        scale = self._price_scale[number]
        prices = np.round(best * (1.0 + side * distance) * scale) / scale
        mid_usd = mid * self._quote_usd[number]
        sizes = np.maximum(1.0, np.floor(size_usd / mid_usd / self._step[number])) * self._step[number]
        _, first = np.unique(prices, return_index=True)
        kept = np.sort(first)
        kept = kept[prices[kept] > 0.0]
        return list(zip(prices[kept].tolist(), sizes[kept].tolist(), strict=True))

    def _converted(self, at: float) -> Floats:
        fair = self._prices.mids(at)
        in_usdt = fair[self._asset]
        converted: Floats = np.where(self._quote >= 0, in_usdt / fair[self._quote], in_usdt)
        return converted

    def _stamps(self, at: float) -> NDArray[np.int64]:
        stamps: NDArray[np.int64] = (at * 1000 - np.floor(20 * (1 + np.sin(self._phase)))).astype(np.int64)
        # A stale market's own time stands still for an hour and is never younger than one.
        stamps[self._quirks[Quirk.STALE]] = int((math.floor(at / HOUR_S) - 1) * HOUR_S * 1000)
        return stamps

    def _quotes_build(self, at: float) -> Quotes:
        mid = self.mids(at)
        scale = self._price_scale
        bid = np.floor(mid * (1.0 - self._half) * scale) / scale
        ask = np.ceil(mid * (1.0 + self._half) * scale) / scale
        crossed = self._quirks[Quirk.CROSSED]
        bid[crossed], ask[crossed] = ask[crossed] * (1 + _CROSSED_BY), bid[crossed] * (1 - _CROSSED_BY)
        shown_usd = self._top_usd.copy()
        shown_usd[self._quirks[Quirk.THIN]] = THIN_USD
        size = np.maximum(1.0, np.floor(shown_usd / (mid * self._quote_usd) / self._step)) * self._step
        ask[self._quirks[Quirk.ZERO_ASK]] = 0.0
        bid[self._quirks[Quirk.NAN_BID]] = np.nan
        negative = self._quirks[Quirk.NEGATIVE_ASK]
        ask[negative] = -ask[negative]
        last = np.round(mid * scale) / scale
        yesterday = self.mids(at - DAY_S)
        turnover = self._turnover * (1.0 + 0.1 * np.sin(self._phase + at / 40_000.0))
        return Quotes(
            bid=bid,
            bid_size=size,
            ask=ask,
            ask_size=size,
            last=last,
            open=yesterday,
            high=np.maximum(mid, yesterday) * 1.012,
            low=np.minimum(mid, yesterday) * 0.988,
            volume=turnover / mid,
            turnover=turnover,
            mid=mid,
            ts=self._stamps(at),
        )


def _phase(name: str) -> float:
    """A number in [0, 2π) that every process derives alike from the name (Python's own hash is salted)."""
    value = 0
    for byte in name.encode():
        value = (value * 131 + byte) % 1_000_003
    return 2 * math.pi * value / 1_000_003
