"""The replay once more, from the formulas: exact decimals and plain loops over rows, moment by moment.

It shares no code with the strategies or the replay. At each moment the rows of that moment are taken in; then every
edge is looked at whose legs (and, between different dollars, the rates) are all at most the skew old, and of which at
least one is of this moment."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
ONE, ZERO = Decimal(1), Decimal(0)
HOUR = Decimal(3600)
# Seconds for which an opportunity that is not seen is taken to last.
LASTS = {"funding_rate": 120, "spot_perp": 120, "cross_exchange": 60, "triangular": 30}
DOLLARS = {"USD", "USDT", "USDC", "DAI", "BUSD", "TUSD", "FDUSD", "USDP", "GUSD", "PYUSD"}
PACKS = {
    **dict.fromkeys(("1000PEPE", "kPEPE"), ("PEPE", 1000)),
    **{f"1000{coin}": (coin, 1000) for coin in ("BTT", "LUNC", "XEC", "SATS")},
    "10000SATS": ("SATS", 10_000),
    "1000000MOG": ("MOG", 1_000_000),
    "1MBABYDOGE": ("BABYDOGE", 1_000_000),
}


@dataclass(frozen=True)
class Rules:
    """What is looked for, with which costs."""

    fees: Mapping[str, Decimal] = field(default_factory=dict)
    default_fee: Decimal = Decimal("0.001")
    min_net_edge: Decimal = Decimal("0.0005")
    max_skew: Decimal = Decimal(5)
    max_price_ratio: Decimal = Decimal("0.2")
    horizon_h: Decimal = Decimal(24)
    intervals: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Market:
    """One market with its newest quote: prices as listed, sizes None where unknown."""

    exchange: str
    symbol: str
    kind: str
    base: str
    coin: str
    pack: Decimal
    quote: str
    fee: Decimal
    ts: Decimal
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None
    ask_size: Decimal | None

    @property
    def unit_bid(self) -> Decimal:
        return self.bid / self.pack

    @property
    def unit_ask(self) -> Decimal:
        return self.ask / self.pack

    @property
    def mid(self) -> Decimal:
        return (self.unit_bid + self.unit_ask) / 2

    @property
    def spread(self) -> Decimal:
        return (self.unit_ask - self.unit_bid) / self.mid


@dataclass(frozen=True)
class Seen:
    """One edge at one moment; a leg is (exchange, symbol, side, price, fee)."""

    kind: str
    legs: tuple[tuple[str, str, str, Decimal, Decimal], ...]
    gross: Decimal
    net: Decimal
    notional: Decimal | None

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, str, str]]]:
        return self.kind, frozenset(leg[:3] for leg in self.legs)


@dataclass
class Found:
    """One opportunity: its best moment, and from when until when it was there."""

    best: Seen
    best_at: Decimal
    first: Decimal
    last: Decimal
    times: int = 1


@dataclass(frozen=True)
class Ring:
    """A cycle of four trades at one moment. `needed`: no quote of a single trade that came within twice the skew, then
    or later, does as well as two of its trades in a row; whether the others are told depends on what was there first.
    """

    at: Decimal
    seen: Seen
    needed: bool


@dataclass(frozen=True)
class Result:
    """All opportunities but cycles of four trades, in the order of their first moments; and every sight of those."""

    found: list[Found]
    rings: list[Ring]


def rows_of(path: Path) -> list[Row]:
    """The rows of a recording, numbers as they are written."""
    with gzip.open(path, "rt") as lines:
        return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]


def slow_replay(rows: Iterable[Row], rules: Rules, settled: Sequence[Row] = ()) -> Result:
    """Every opportunity in the rows."""
    with localcontext() as context:
        context.prec = 40
        return _replay(list(rows), rules, settled)


def _replay(rows: list[Row], rules: Rules, settled: Sequence[Row]) -> Result:
    by_moment: dict[Decimal, list[Row]] = {}
    for row in rows:
        by_moment.setdefault(Decimal(row["ts"]), []).append(row)
    quoted = {one.quote for row in rows if (one := _market(row, rules)) is not None}
    markets: dict[tuple[str, str], Market] = {}
    told: dict[tuple[str, str], dict[str, Decimal]] = {}
    found: list[Found] = []
    rings: list[Ring] = []
    newest: dict[Any, Found] = {}
    single = _single_trades(rows, rules)
    for now in sorted(by_moment):
        for row in by_moment[now]:
            key = row["exchange"], row["symbol"]
            for name in ("funding_rate", "interval_h", "next_funding_ts"):
                if row.get(name) is not None:
                    told.setdefault(key, {})[name] = Decimal(row[name])
            market = _market(row, rules)
            if market is None:
                markets.pop(key, None)
            else:
                markets[key] = market
        live = [one for one in markets.values() if now - one.ts <= rules.max_skew]
        history = _held(settled, now, rules)
        funding = {key: _funding(key, told.get(key, {}), history.get(key, {}), now, rules) for key in markets}
        for seen in _edges(live, funding, quoted, now, rules):
            if len(seen.legs) == 4:
                rings.append(Ring(now, seen, _needed(seen, single, now, rules)))
                continue
            last = newest.get(seen.key)
            if last is None or now - last.last > LASTS[seen.kind]:
                newest[seen.key] = Found(seen, now, now, now)
                found.append(newest[seen.key])
                continue
            last.last, last.times = now, last.times + 1
            if seen.net > last.best.net:
                last.best, last.best_at = seen, now
    return Result(found, rings)


def _market(row: Row, rules: Rules) -> Market | None:
    """The market of a usable row."""
    match = re.fullmatch(r"([^/:\s]+)/([^/:\s]+?)(?::([^/:\s-]+))?", row["symbol"])
    if match is None:
        return None
    base, quote, settle = match.groups()
    if re.fullmatch(r".*[2-5][LS]|AAVEUP", base):
        return None
    in_dollars = settle == quote or {settle, quote} <= DOLLARS
    kind = "spot" if settle is None else "linear" if in_dollars else "inverse"
    bid, ask, bid_size, ask_size = (
        None if row.get(name) is None else Decimal(row[name]) for name in ("bid", "ask", "bid_size", "ask_size")
    )
    if kind == "inverse" or bid is None or ask is None or not 0 < bid <= ask:
        return None
    if any(size is not None and size <= 0 for size in (bid_size, ask_size)):
        return None
    fee = rules.fees.get(row["exchange"], rules.default_fee)
    coin, pack = PACKS.get(base, (base, 1))
    ts = Decimal(row["ts"])
    return Market(
        row["exchange"], row["symbol"], kind, base, coin, Decimal(pack), quote, fee, ts, bid, ask, bid_size, ask_size
    )  # fmt: skip


def _held(settled: Sequence[Row], now: Decimal, rules: Rules) -> dict[tuple[str, str], dict[str, Decimal]]:
    """The last settlement of each market until now, its interval, and when the next one is due."""
    times: dict[tuple[str, str], list[Decimal]] = {}
    held: dict[tuple[str, str], dict[str, Decimal]] = {}
    for row in sorted(settled, key=lambda one: one["ts"]):
        if row["ts"] > now:
            break
        key = row["exchange"], row["symbol"]
        times.setdefault(key, []).append(row["ts"])
        one = held[key] = {"funding_rate": Decimal(row["funding_rate"])}
        hours = row.get("interval_h") or rules.intervals.get(row["exchange"])
        if not hours and len(times[key]) > 1:
            hours = (times[key][-1] - times[key][-2]) / HOUR
        if hours:
            one["interval_h"] = Decimal(hours)
            one["next_funding_ts"] = row["ts"] + Decimal(hours) * HOUR
    return held


def _funding(
    key: tuple[str, str], told: Mapping[str, Decimal], held: Mapping[str, Decimal], now: Decimal, rules: Rules
) -> tuple[int, Decimal] | None:
    """(fundings inside the horizon, rate), where all of it is known and still to be believed."""
    rate = told.get("funding_rate", held.get("funding_rate"))
    hours = told.get("interval_h", held.get("interval_h", rules.intervals.get(key[0])))
    due = told.get("next_funding_ts", held.get("next_funding_ts"))
    if rate is None or hours is None or due is None:
        return None
    if due < now:
        due += hours * HOUR
    if due < now:
        return None
    wait = (due - now) / HOUR
    return (0 if wait > rules.horizon_h else int((rules.horizon_h - wait) / hours) + 1), rate


def _edges(
    live: list[Market],
    funding: Mapping[tuple[str, str], tuple[int, Decimal] | None],
    quoted: set[str],
    now: Decimal,
    rules: Rules,
) -> Iterator[Seen]:
    rates = _rates(live)
    for buy in live:
        for sell in live:
            if buy.coin != sell.coin or buy is sell:
                continue
            exchange = _exchange(buy, sell, rates)
            if exchange is None:
                continue
            rate, kept, rate_ts = exchange
            if now not in (buy.ts, sell.ts, rate_ts):
                continue
            low, high = sorted((buy.mid, sell.mid * rate))
            if high > low * (1 + rules.max_price_ratio):
                continue
            for seen in (
                _cross(buy, sell, rate, kept),
                _carry("funding_rate", buy, sell, rate, funding, rules),
                _carry("spot_perp", buy, sell, rate, funding, rules),
            ):
                if seen is not None and seen.net > rules.min_net_edge:
                    yield seen
    for exchange_name in sorted({one.exchange for one in live}):
        spot = [one for one in live if one.exchange == exchange_name and one.kind == "spot"]
        for seen in _cycles(spot, quoted, now, rules):
            if seen.net > rules.min_net_edge:
                yield seen


def _rates(live: list[Market]) -> dict[str, tuple[Decimal, Decimal, Decimal, Decimal]]:
    """What a unit of each dollar brings and costs in USDT, the fee of that, and the newest quote that says so."""
    told: dict[str, list[tuple[Decimal, Decimal, Decimal, Decimal]]] = {}
    for one in live:
        if one.kind == "spot" and {one.coin, one.quote} <= DOLLARS and one.coin != one.quote:
            if one.quote == "USDT":
                told.setdefault(one.coin, []).append((one.bid, one.ask, one.fee, one.ts))
            elif one.coin == "USDT":
                told.setdefault(one.quote, []).append((1 / one.ask, 1 / one.bid, one.fee, one.ts))
    rates = {"USDT": (ONE, ONE, ZERO, Decimal(-1))}
    for name, quotes in told.items():
        bids, asks, fees, moments = (sorted(column) for column in zip(*quotes, strict=True))
        # Of an even number the worse one of the middle two.
        low, high = (len(quotes) - 1) // 2, len(quotes) // 2
        rates[name] = bids[low], asks[high], fees[high], moments[-1]
    return rates


def _exchange(
    buy: Market, sell: Market, rates: Mapping[str, tuple[Decimal, Decimal, Decimal, Decimal]]
) -> tuple[Decimal, Decimal, Decimal] | None:
    """What the sold market's money is in the bought one's, what fees leave of it, and the newest quote that says so."""
    if buy.quote == sell.quote:
        return ONE, ONE, Decimal(-1)
    if buy.quote not in rates or sell.quote not in rates:
        return None
    earned, spent = rates[sell.quote], rates[buy.quote]
    return earned[0] / spent[1], (1 - earned[2]) / (1 + spent[2]), max(earned[3], spent[3])


def _cross(buy: Market, sell: Market, rate: Decimal, kept: Decimal) -> Seen | None:
    if buy.kind != "spot" or sell.kind != "spot" or buy.exchange == sell.exchange:
        return None
    gross = sell.unit_bid * rate / buy.unit_ask - 1
    net = sell.unit_bid * (1 - sell.fee) * rate * kept / (buy.unit_ask * (1 + buy.fee)) - 1
    sizes = _units(buy.ask_size, buy), _units(sell.bid_size, sell)
    return Seen("cross_exchange", _legs(buy, sell), gross, net, _notional(sizes, buy))


def _carry(
    kind: str,
    buy: Market,
    sell: Market,
    rate: Decimal,
    funding: Mapping[tuple[str, str], tuple[int, Decimal] | None],
    rules: Rules,
) -> Seen | None:
    if sell.kind != "linear" or buy.kind != ("linear" if kind == "funding_rate" else "spot"):
        return None
    received = funding[sell.exchange, sell.symbol]
    paid = funding[buy.exchange, buy.symbol] if kind == "funding_rate" else (0, ZERO)
    if received is None or paid is None or (kind == "funding_rate" and buy.exchange == sell.exchange):
        return None
    gross = received[0] * received[1] - paid[0] * paid[1]
    basis = min(ZERO, sell.mid * rate / buy.mid - 1)
    net = gross - 2 * (buy.fee + sell.fee) - (buy.spread + sell.spread) + basis
    sizes = [_units(size, one) for one in (buy, sell) for size in (one.ask_size, one.bid_size)]
    return Seen(kind, _legs(buy, sell), gross, net, _notional(sizes, buy))


def _cycles(spot: list[Market], quoted: set[str], now: Decimal, rules: Rules) -> Iterator[Seen]:
    """Three or four trades through as many currencies, begun with the best-known one."""
    trades: dict[tuple[str, str], tuple[Market, str]] = {}
    for one in spot:
        trades[one.base, one.quote] = one, "sell"
        trades[one.quote, one.base] = one, "buy"
    into: dict[str, list[str]] = {}
    for source, target in trades:
        into.setdefault(source, []).append(target)
    place = {name: at for at, name in enumerate(sorted(into, key=lambda name: _rank(name, quoted)))}
    for first in place:
        for way in _ways([first], into, place):
            yield from _cycle([trades[pair] for pair in pairwise(way)], now, rules)


def _single_trades(rows: list[Row], rules: Rules) -> dict[tuple[str, str, str], list[tuple[Decimal, Decimal]]]:
    """(exchange, from, to) -> (moment, what is left of one unit) of every quote there ever is."""
    single: dict[tuple[str, str, str], list[tuple[Decimal, Decimal]]] = {}
    for row in rows:
        one = _market(row, rules)
        if one is not None and one.kind == "spot":
            single.setdefault((one.exchange, one.base, one.quote), []).append((one.ts, one.bid * (1 - one.fee)))
            single.setdefault((one.exchange, one.quote, one.base), []).append((one.ts, (1 - one.fee) / one.ask))
    return single


def _needed(
    ring: Seen, single: Mapping[tuple[str, str, str], list[tuple[Decimal, Decimal]]], now: Decimal, rules: Rules
) -> bool:
    steps = []
    for exchange, symbol, side, price, fee in ring.legs:
        base, quote = symbol.split("/")
        ends, rate = ((base, quote), price) if side == "sell" else ((quote, base), 1 / price)
        steps.append((exchange, *ends, rate * (1 - fee)))
    for one, two in pairwise([*steps, steps[0]]):
        quotes = single.get((one[0], one[1], two[2]), [])
        if any(abs(ts - now) <= 2 * rules.max_skew and rate >= one[3] * two[3] for ts, rate in quotes):
            return False
    return True


def _ways(way: list[str], into: Mapping[str, list[str]], place: Mapping[str, int]) -> Iterator[list[str]]:
    """Every way on and back to where it began, in three or four steps; what is better known was a start itself."""
    if len(way) >= 3 and way[0] in into[way[-1]]:
        yield [*way, way[0]]
    if len(way) < 4:
        for name in into[way[-1]]:
            if place[name] > place[way[0]] and name not in way:
                yield from _ways([*way, name], into, place)


def _rank(name: str, quoted: set[str]) -> tuple[bool, bool, bool, bool, str]:
    return name not in quoted, name != "USDT", name not in {"USD", "USDC"}, name not in DOLLARS, name


def _cycle(trades: list[tuple[Market, str]], now: Decimal, rules: Rules) -> Iterator[Seen]:
    if all(one.ts != now for one, _ in trades):
        return
    gross = net = middle = ONE
    room: Decimal | None = None
    unknown = False
    for one, side in trades:
        rate = one.bid if side == "sell" else 1 / one.ask
        size = one.bid_size if side == "sell" else one.ask_size
        if size is None:
            unknown = True
        else:
            takes = (size if side == "sell" else size * one.ask) / net
            room = takes if room is None else min(room, takes)
        gross *= rate
        net *= rate * (1 - one.fee)
        mid = (one.bid + one.ask) / 2
        middle *= mid if side == "sell" else 1 / mid
    if max(middle, 1 / middle) <= 1 + rules.max_price_ratio:
        legs = tuple(
            (one.exchange, one.symbol, side, one.bid if side == "sell" else one.ask, one.fee) for one, side in trades
        )
        yield Seen("triangular", legs, gross - 1, net - 1, None if unknown else room)


def _legs(buy: Market, sell: Market) -> tuple[tuple[str, str, str, Decimal, Decimal], ...]:
    return (buy.exchange, buy.symbol, "buy", buy.ask, buy.fee), (sell.exchange, sell.symbol, "sell", sell.bid, sell.fee)


def _units(size: Decimal | None, market: Market) -> Decimal | None:
    return None if size is None else size * market.pack


def _notional(sizes: Iterable[Decimal | None], buy: Market) -> Decimal | None:
    known = list(sizes)
    least = None if None in known else min(size for size in known if size is not None)
    return None if least is None else least * buy.unit_ask
