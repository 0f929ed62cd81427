"""A recording played in the order of time, its edges looked at whenever one of the quotes comes that they rest on.

Quotes are taken in together as long as that makes no difference: until one comes whose predecessor could still be
paired with one of them (it is younger than the largest skew, and has its instrument or its exchange in common), until a
rate between dollars changes or expires, until the number of fundings inside the horizon changes. So thirty exchanges at
one moment are one scan, whatever the order of their rows, and markets that nothing can be made of cost none."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import partial
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.core.money import to_decimal
from apps.markets.conversion import DOLLARS, dollar_markets
from apps.markets.enums import SnapshotKind
from apps.markets.types import FundingRates, Int64s, Latest, MarketTable, Quotes
from apps.opportunities.enums import Side
from apps.opportunities.legs import EXACT, Exchanged, Funding
from apps.opportunities.replay.episodes import Episode, Episodes
from apps.opportunities.replay.execution import Taker
from apps.opportunities.replay.funding import FAR, Fundings
from apps.opportunities.replay.listings import SPOT, Listings
from apps.opportunities.replay.losses import Losses
from apps.opportunities.replay.sightings import Quote, SeenLeg, Sighting
from apps.opportunities.replay.tape import Prices, Tape
from apps.opportunities.strategies.base import Candidates, ScanParams, Strategy
from apps.opportunities.view import MS_PER_HOUR, Bools, MarketView, market_view

# Floats are this close to the exact edge; nearer to the smallest edge wanted, the exact one decides.
_NEAR: Final = 1e-9
_NEVER: Final = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is looked for: hours held, the edge to beat, how far apart in time (µs) and price legs may be."""

    horizon_h: Decimal
    min_net_edge: Decimal
    max_skew_us: int
    max_price_ratio: float

    @property
    def scan(self) -> ScanParams:
        """For scans, a little on the generous side: time and edge are judged exactly afterwards."""
        return ScanParams(
            horizon_h=float(self.horizon_h),
            min_net_edge=float(self.min_net_edge) - _NEAR,
            max_skew_ms=self.max_skew_us / 1000 + 1,
            max_price_ratio=self.max_price_ratio,
        )

    @property
    def horizon_ms(self) -> int:
        """The horizon in whole milliseconds."""
        return int(self.horizon_h * MS_PER_HOUR)


@dataclass(slots=True)
class Sweep:
    """Plays tapes that follow one another; `episodes` is what was found so far."""

    listings: Listings
    strategies: Sequence[Strategy]
    limits: Limits
    fundings: Fundings
    intervals: Mapping[str, float]
    losses: Losses
    taker: Taker | None = None
    episodes: Episodes = field(default_factory=Episodes)
    scans: int = 0
    _state: "_State" = field(default_factory=lambda: _State())
    _market: "_Market | None" = None
    _orders: list[tuple[int, int, Episode]] = field(default_factory=list)
    _tickets: Iterator[int] = field(default_factory=count)
    _clock: int = _NEVER

    def play(self, tape: Tape, progress: Callable[[int], None]) -> None:
        """Take in a tape; `progress` is told how many of its rows are done."""
        market = self._known_markets()
        self.fundings.expect(tape.told)
        prices = self._usable(tape.prices, market)
        moments, numbers = prices.ts.tolist(), prices.market.tolist()
        steady = self.fundings.steady_after(prices, self.limits.horizon_ms)
        at = 0
        while at < len(moments):
            now = moments[at]
            self._take_due(now)
            self.fundings.advance(now)
            end = self._together(at, moments, numbers, steady, self._until(now))
            self._state.take(prices, slice(at, end))
            self.fundings.tell(prices, slice(at, end))
            self._scan(market, now, moments[end - 1])
            self._clock = moments[end - 1]
            at = end
            progress(at)

    def finish(self) -> None:
        """Take what is still to be taken, at the last quotes there are."""
        self._take_due(FAR)

    def _known_markets(self) -> "_Market":
        if self._market is None or len(self._market.refused) < len(self.listings.all):
            self._market = _Market.of(self.listings)
            self._state.grow(len(self.listings.all))
            hours = [self.intervals.get(one.exchange, np.nan) for one in self.listings.all]
            self.fundings.grow(np.array(hours, dtype=np.float64))
        return self._market

    def _usable(self, prices: Prices, market: "_Market") -> Prices:
        """The rows of markets that are used and that don't come too late; the others are counted."""
        refused = market.is_refused[prices.market]
        for number, rows in zip(*np.unique(prices.market[refused], return_counts=True), strict=True):
            one = self.listings.all[number]
            self.losses.add(market.refused[number], f"{one.exchange} {one.symbol}", rows=int(rows))
        late = ~refused & (prices.ts <= self._clock)
        if late.any():
            self.losses.add("older than others that were stored two minutes before", "archive", rows=int(late.sum()))
        return prices if not (refused | late).any() else prices.taken(np.flatnonzero(~(refused | late)))

    def _take_due(self, now: int) -> None:
        """Take what is to be taken before `now` (Unix µs)."""
        while self._orders and self._orders[0][0] < now:
            at, _, episode = heapq.heappop(self._orders)
            assert self.taker is not None
            episode.execution = self.taker.take(episode.first, at, self._state.quote)

    def _until(self, now: int) -> int:
        """Up to when (Unix µs) rows can be taken in at once with those of `now`, as far as it depends on what came
        before them."""
        # A cycle of four trades is told only if no single trade spares two of them: by what is live for all of a scan,
        # so a scan takes in no more than one skew of time.
        until = min(now + self.limits.max_skew_us, self.fundings.next_news() - 1)
        if self.taker is not None:
            first = self._orders[0][0] if self._orders else FAR
            until = min(until, first, now + self.taker.latency_us)
        live = self._state.ts >= now - self.limits.max_skew_us
        assert self._market is not None
        rates = live & self._market.is_rate
        if rates.any():
            until = min(until, int(self._state.ts[rates].min()) + self.limits.max_skew_us)
        steady = self.fundings.steady_until(now // 1000, self._market.perpetuals, self.limits.horizon_ms)
        return min(until, steady)

    def _together(self, at: int, moments: list[int], numbers: list[int], steady: list[int], until: int) -> int:
        """The end of the rows that can be taken in at once with the row `at`; `steady` as `Fundings.steady_after`."""
        now, size = moments[at], len(moments)
        assert self._market is not None
        newest, is_rate, meets = self._state.newest, self._market.rate_numbers, self._market.meets
        oldest_live = now - self.limits.max_skew_us
        # Where something new is met: its instrument, and its exchange if a cycle can lead through it; with a new rate
        # between dollars, which only the first moment can bring, everywhere.
        places: set[int] = set()
        everywhere = False
        end = at
        while end < size:
            moment, begin = moments[end], end
            while end < size and moments[end] == moment:
                end += 1
            group = numbers[begin:end]
            if moment != now and (
                moment > until
                or any(
                    number in is_rate
                    or (newest[number] >= oldest_live and (everywhere or not places.isdisjoint(meets[number])))
                    for number in group
                )
            ):
                return begin
            for number in group:
                newest[number] = moment
                places.update(meets[number])
                if number in is_rate:
                    everywhere = True
                    until = min(until, moment + self.limits.max_skew_us)
            until = min(until, *steady[begin:end])
        return end

    def _scan(self, market: "_Market", first: int, last: int) -> None:
        """Look at the edges that rest on a quote of `first` or later (Unix µs)."""
        live = self._state.live(first - self.limits.max_skew_us)
        near = market.near(np.flatnonzero(live & (self._state.ts >= first)))
        if np.count_nonzero(live & near) < 2:
            return
        self.scans += 1
        view = self._view(market, near, live, last)
        for strategy in self.strategies:
            candidates = strategy.scan(view, self.limits.scan)
            if len(candidates):
                self._see(_Found(view, live, strategy, candidates), market, first)

    def _view(self, market: "_Market", near: Bools, live: Bools, last: int) -> MarketView:
        """The live ones of these markets at `last` (Unix µs)."""
        table, now_ms, state = market.table, last // 1000, self._state
        # Without a quote the others are to the view as if they were not traded; the table, and so what strategies lay
        # out once per table, stays the same.
        rows = np.flatnonzero(live & near)
        ids = (rows + 1).astype(np.int32)
        perpetual = table.type_code[rows] != SPOT
        rate, hours, due = self.fundings.of(rows[perpetual])
        unknown = np.full(len(due), np.nan)

        def quotes(kind: SnapshotKind, which: Bools) -> Quotes:
            picked = rows[which]
            nothing = np.full(len(picked), np.nan)
            return Quotes(
                exchange="",
                kind=kind,
                received_at=now_ms,
                market_version=table.version,
                market_id=ids[which],
                bid=state.bid[picked],
                bid_size=state.bid_size[picked],
                ask=state.ask[picked],
                ask_size=state.ask_size[picked],
                last=nothing,
                quote_volume=nothing,
                exchange_ts=state.ts[picked] // 1000,
            )

        latest = Latest(
            spot=[quotes(SnapshotKind.SPOT, ~perpetual)],
            swap=[quotes(SnapshotKind.SWAP, perpetual)],
            funding=[
                FundingRates(
                    exchange="",
                    received_at=now_ms,
                    market_version=table.version,
                    market_id=ids[perpetual],
                    rate=rate,
                    interval_hours=hours,
                    interval_source=np.zeros(len(due), dtype=np.int8),
                    next_funding_at=due,
                    mark=unknown,
                    index=unknown,
                    exchange_ts=state.ts[rows[perpetual]] // 1000,
                )
            ],
        )
        return market_view(table, latest, now_ms=now_ms, max_age_ms=0, max_funding_age_ms=0)

    def _see(self, found: "_Found", market: "_Market", first: int) -> None:
        newest, oldest = found.moments(self._state, market)
        net, least = found.candidates.net, float(self.limits.min_net_edge)
        good = (newest >= first) & (newest - oldest <= self.limits.max_skew_us) & (net > least - _NEAR)
        for index in np.flatnonzero(good).tolist():
            at = int(newest[index])
            if net[index] < least + _NEAR and not self._clears(found, index, at):
                continue
            episode = self.episodes.see(
                found.key(index), found.strategy, at, float(net[index]), partial(self._sighting, found, index, at)
            )
            if episode is not None and self.taker is not None:
                heapq.heappush(self._orders, (at + self.taker.latency_us, next(self._tickets), episode))

    def _clears(self, found: "_Found", index: int, at: int) -> bool:
        return self._sighting(found, index, at).edges(self.limits.horizon_h).net > self.limits.min_net_edge

    def _sighting(self, found: "_Found", index: int, at: int) -> Sighting:
        pairs = found.candidates.at(index)
        notional = float(found.candidates.notional[index])
        view = found.view
        return Sighting(
            at=at,
            strategy=found.strategy,
            legs=tuple(self._leg(found, place, row, side, into=pairs[0][0]) for place, (row, side) in enumerate(pairs)),
            net=float(found.candidates.net[index]),
            notional=None if np.isnan(notional) else notional,
            quote=view.table.quotes[found.candidates.quote_code[index]],
        )

    def _leg(self, found: "_Found", place: int, row: int, side: int, *, into: int) -> SeenLeg:
        view, layout = found.view, found.view.layout
        number = int(layout.market_id[row]) - 1
        funding = None
        if place in found.strategy.funded and view.interval_ms[row] > 0:
            hours = to_decimal(int(view.interval_ms[row])) / MS_PER_HOUR
            funding = Funding(to_decimal(float(view.rate[row])), hours, int(view.next_funding_at[row]))
        quote = self._state.quote(number)
        assert quote is not None
        return SeenLeg(
            market=number,
            listing=self.listings.all[number],
            side=Side.BUY if side > 0 else Side.SELL,
            fee=float(layout.fee[row]),
            multiplier=float(layout.unit[row]),
            quote=quote,
            funding=funding,
            exchanged=_exchanged(view, row, into) if found.strategy.converts else None,
        )


def _exchanged(view: MarketView, row: int, into: int) -> Exchanged | None:
    """How the quote currency of `row` becomes that of `into`, at the rates of the view."""
    earned, spent = (int(view.layout.quote_code[one]) for one in (row, into))
    if earned == spent:
        return None
    rates, names = view.rates, view.table.quotes
    with localcontext(EXACT):
        return Exchanged(
            of=names[earned],
            into=names[spent],
            rate=to_decimal(float(rates.bid[earned])) / to_decimal(float(rates.ask[spent])),
            kept=(1 - to_decimal(float(rates.fee[earned]))) / (1 + to_decimal(float(rates.fee[spent]))),
            exchanges=(),
            exchange_ts=view.now_ms,
        )


@dataclass(slots=True)
class _State:
    """The newest quote of each market, by number; `ts` in Unix µs, NaN prices where it can't be traded."""

    ts: Int64s = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    bid: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    bid_size: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ask: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ask_size: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    # The times once more, as numbers of Python: they are looked at row by row.
    newest: list[int] = field(default_factory=list)

    def grow(self, total: int) -> None:
        more = total - len(self.newest)
        self.ts = np.append(self.ts, np.full(more, _NEVER, dtype=np.int64))
        for name in ("bid", "bid_size", "ask", "ask_size"):
            setattr(self, name, np.append(getattr(self, name), np.full(more, np.nan)))
        self.newest += [_NEVER] * more

    def take(self, prices: Prices, part: slice) -> None:
        """Later rows of one market win."""
        market = prices.market[part]
        for name in ("ts", "bid", "bid_size", "ask", "ask_size"):
            getattr(self, name)[market] = getattr(prices, name)[part]

    def live(self, oldest: int) -> Bools:
        """Which markets can be traded, by quotes not older than that."""
        live: Bools = (self.ts >= oldest) & (self.bid > 0)
        return live

    def quote(self, number: int) -> Quote | None:
        """A market's newest quote; None where it can't be traded."""
        columns = self.bid, self.bid_size, self.ask, self.ask_size
        bid, bid_size, ask, ask_size = (float(column[number]) for column in columns)
        return Quote(int(self.ts[number]), bid, bid_size, ask, ask_size) if bid > 0 else None


@dataclass(slots=True)
class _Market:
    """All markets known so far: their table, and by number what decides when and with what they are looked at."""

    table: MarketTable
    refused: list[str]
    is_refused: Bools
    is_rate: Bools
    perpetuals: NDArray[np.intp]
    rate_numbers: frozenset[int]
    # The dollars that each rate market is about, by quote code.
    rate_code: NDArray[np.int16]
    # Markets that have their instrument in common with another one, and those that a cycle can lead through.
    is_shared: Bools
    is_cyclic: Bools
    # The instrument and the exchange (as a negative number) that each of these has in common with others.
    meets: list[tuple[int, ...]]

    @classmethod
    def of(cls, listings: Listings) -> "_Market":
        """The markets of these listings."""
        table, refused = listings.table(), listings.refusals()
        is_refused = np.array([bool(reason) for reason in refused], dtype=np.bool_)
        is_perpetual = (table.type_code != SPOT) & ~is_refused
        is_rate = np.zeros(len(refused), dtype=np.bool_)
        rate_code = np.full(len(refused), -1, dtype=np.int16)
        used = {table.quotes[code] for code in np.unique(table.quote_code[~is_refused]).tolist()}
        if len(used & DOLLARS) > 1:
            found = dollar_markets(table)
            numbers = found.market_id - 1
            is_rate[numbers] = True
            codes = {name: code for code, name in enumerate(table.quotes)}
            rate_code[numbers] = [codes.get(name, -1) for name in found.dollar]
        others = np.bincount(table.instrument_code[~is_refused], minlength=len(table.instruments))
        is_shared = others[table.instrument_code] > 1
        is_cyclic = _cyclic(table, ~is_refused)
        return cls(
            table=table,
            refused=refused,
            is_refused=is_refused,
            is_rate=is_rate & ~is_refused,
            perpetuals=np.flatnonzero(is_perpetual),
            rate_numbers=frozenset(np.flatnonzero(is_rate & ~is_refused).tolist()),
            rate_code=rate_code,
            is_shared=is_shared,
            is_cyclic=is_cyclic,
            meets=_meets(table, is_shared, is_cyclic),
        )

    def near(self, fresh: NDArray[np.intp]) -> Bools:
        """The markets that can be legs together with one of `fresh`: the legs of every kind have their instrument in
        common, or their exchange. A new rate between dollars is near to all."""
        table = self.table
        if self.is_rate[fresh].any():
            return np.ones(len(table.market_id), dtype=np.bool_)
        instruments = np.zeros(len(table.instruments), dtype=np.bool_)
        exchanges = np.zeros(len(table.exchange), dtype=np.bool_)
        instruments[table.instrument_code[fresh[self.is_shared[fresh]]]] = True
        exchanges[table.exchange_code[fresh[self.is_cyclic[fresh]]]] = True
        near: Bools = instruments[table.instrument_code] | (exchanges[table.exchange_code] & self.is_cyclic)
        if near.any():
            near |= self.is_rate
        return near


def _cyclic(table: MarketTable, usable: Bools) -> Bools:
    """The spot markets between currencies that can be both come to and left again on their exchange."""
    names, numbers = np.unique(np.array([*table.base, *table.quotes]), return_inverse=True)
    place = table.exchange_code.astype(np.int64) * len(names)
    count = len(table.base)
    base, quote = place + numbers[:count], place + numbers[count:][table.quote_code]
    left: Bools = usable & (table.type_code == SPOT)
    while True:
        trades = np.bincount(np.concatenate([base[left], quote[left]]), minlength=len(table.exchange) * len(names))
        dead = left & ((trades[base] < 2) | (trades[quote] < 2))
        if not dead.any():
            return left
        left &= ~dead


def _meets(table: MarketTable, is_shared: Bools, is_cyclic: Bools) -> list[tuple[int, ...]]:
    instruments, exchanges = table.instrument_code.tolist(), table.exchange_code.tolist()
    columns = zip(instruments, is_shared.tolist(), exchanges, is_cyclic.tolist(), strict=True)
    return [(instrument,) * shared + (-1 - exchange,) * cyclic for instrument, shared, exchange, cyclic in columns]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a strategy found in a view of markets of which these are `live`."""

    view: MarketView
    live: Bools
    strategy: Strategy
    candidates: Candidates

    def key(self, index: int) -> tuple[str, tuple[tuple[int, int], ...]]:
        """The same for the same legs, whenever they are found."""
        ids = self.view.layout.market_id
        return self.strategy.kind.value, tuple((int(ids[row]), side) for row, side in self.candidates.at(index))

    def moments(self, state: _State, market: _Market) -> tuple[Int64s, Int64s]:
        """The newest and the oldest quote that each candidate rests on (Unix µs): its legs', and where these are quoted
        in different dollars those of the rates between them."""
        legs, layout = self.candidates.legs, self.view.layout
        there = legs >= 0
        stamps = state.ts[layout.market_id[legs] - 1]
        newest = np.where(there, stamps, _NEVER).max(axis=1)
        oldest = np.where(there, stamps, FAR).min(axis=1)
        codes = np.where(there, layout.quote_code[legs], layout.quote_code[legs[:, :1]])
        if self.strategy.converts and (codes != codes[:, :1]).any():
            rates = np.flatnonzero(self.live & market.is_rate)
            # One more for currencies that no rate is about.
            latest = np.full(len(self.view.table.quotes) + 1, _NEVER, dtype=np.int64)
            earliest = np.full(len(self.view.table.quotes) + 1, FAR, dtype=np.int64)
            np.maximum.at(latest, market.rate_code[rates], state.ts[rates])
            np.minimum.at(earliest, market.rate_code[rates], state.ts[rates])
            latest[-1], earliest[-1] = _NEVER, FAR
            across = (codes != codes[:, :1]).any(axis=1)
            newest = np.where(across, np.maximum(newest, latest[codes].max(axis=1)), newest)
            oldest = np.where(across, np.minimum(oldest, earliest[codes].min(axis=1)), oldest)
        return newest, oldest
