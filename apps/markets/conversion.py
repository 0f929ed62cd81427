"""What one dollar is worth in another, from live quotes and at the adverse side: nothing is ever taken at parity.

Every dollar is measured in USDT, against which all of them are traded; a dollar that nobody trades against it right now
has no rate, and then no pair is made across it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_high, median_low
from typing import Final

import numpy as np

from apps.markets.types import Floats, Int32s, MarketTable, Quotes

PIVOT: Final = "USDT"
# Currencies that mean to be one dollar. Being one only makes their markets comparable: at which rate, quotes say.
DOLLARS: Final = frozenset({
    "AUSD", "BUSD", "DAI", "FDUSD", "GUSD", "PYUSD", "RLUSD", "TUSD", "USD", "USD1", "USDC", "USDD", "USDE", "USDG",
    "USDP", "USDS", "USDT",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of a dollar in USDT: selling it brings `bid`, buying it costs `ask`, each before the taker fee `fee` (a
    fraction). `exchanges` say so; the oldest of their quotes is of `exchange_ts` (Unix ms)."""

    bid: float
    ask: float
    fee: float
    exchanges: tuple[str, ...] = ()
    exchange_ts: int = 0

    @property
    def mid(self) -> float:
        """Between the two; for ranking and comparing prices, never for an edge."""
        return (self.bid + self.ask) / 2


Rates = Mapping[str, Rate]
_PARITY_WITH_ITSELF: Final = Rate(1.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class DollarMarkets:
    """The spot markets in which dollars are traded against USDT, as columns of length k sorted by market id: which
    dollar, whether USDT is what is listed (`USDT/USD`: prices are the wrong way round), the exchange, its taker fee."""

    market_id: Int32s
    dollar: tuple[str, ...]
    inverted: tuple[bool, ...]
    exchange: tuple[str, ...]
    fee: tuple[float, ...]


def dollar_markets(table: MarketTable) -> DollarMarkets:
    """Those of the table whose fee is known: a conversion whose cost nobody knows is no conversion."""
    names = np.array(table.instruments or [""]), np.array(table.quotes or [""])
    dollars = [np.isin(column, sorted(DOLLARS)) for column in names]
    both = dollars[0][table.instrument_code] & dollars[1][table.quote_code] & (table.type_code == 0)
    rows = [row for row in np.flatnonzero(both & (table.multiplier == 1)).tolist() if 0 <= table.taker_fee[row] < 1]
    pairs = {row: (table.instruments[table.instrument_code[row]], table.quotes[table.quote_code[row]]) for row in rows}
    found = [row for row, pair in pairs.items() if PIVOT in pair and pair[0] != pair[1]]
    return DollarMarkets(
        market_id=table.market_id[found],
        dollar=tuple(pairs[row][0] if pairs[row][1] == PIVOT else pairs[row][1] for row in found),
        inverted=tuple(pairs[row][0] == PIVOT for row in found),
        exchange=tuple(table.exchange[table.exchange_code[row]] for row in found),
        fee=tuple(float(table.taker_fee[row]) for row in found),
    )


def conversion_rates(markets: DollarMarkets, spot: Iterable[Quotes]) -> Rates:
    """The rate of each dollar that is quoted in `spot` (usable snapshots), USDT itself included.

    One exchange's broken quote can't move it: bid, ask and fee are each the median over the exchanges, the worse one of
    the middle two where their number is even."""
    quoted: dict[str, list[Rate]] = defaultdict(list)
    for quotes in spot if len(markets.market_id) else ():
        for at, row in _rows(markets.market_id, quotes.market_id):
            bid, ask = float(quotes.bid[row]), float(quotes.ask[row])
            if not 0 < bid <= ask < float("inf"):
                continue
            if markets.inverted[at]:
                bid, ask = 1 / ask, 1 / bid
            seen_at = int(quotes.exchange_ts[row])
            quoted[markets.dollar[at]].append(Rate(bid, ask, markets.fee[at], (markets.exchange[at],), seen_at))
    rates = {PIVOT: _PARITY_WITH_ITSELF}
    for dollar, found in quoted.items():
        rates[dollar] = Rate(
            bid=median_low(one.bid for one in found),
            ask=median_high(one.ask for one in found),
            fee=median_high(one.fee for one in found),
            exchanges=tuple(sorted(name for one in found for name in one.exchanges)),
            exchange_ts=min(one.exchange_ts for one in found),
        )
    return rates


@dataclass(frozen=True, slots=True)
class CodedRates:
    """Rates as columns by quote code: NaN where a currency has none (or is no dollar)."""

    bid: Floats
    ask: Floats
    fee: Floats


def rates_coded(rates: Rates, quotes: Sequence[str]) -> CodedRates:
    """The rates in the order of a table's quote currencies."""
    unknown = Rate(np.nan, np.nan, np.nan)
    found = [rates.get(name, unknown) for name in quotes]
    columns = (np.array([getattr(one, name) for one in found], dtype=np.float64) for name in ("bid", "ask", "fee"))
    return CodedRates(*columns)


def _rows(wanted: Int32s, market_id: Int32s) -> Iterable[tuple[int, int]]:
    """(place in `wanted`, row) of the wanted ids that a snapshot has; both are sorted."""
    if not len(market_id):
        return ()
    rows = np.minimum(np.searchsorted(market_id, wanted), len(market_id) - 1)
    there = np.flatnonzero(market_id[rows] == wanted)
    return zip(there.tolist(), rows[there].tolist(), strict=True)


def worths(table: MarketTable, mid: Floats, rates: Rates) -> Floats:
    """What one unit of each quote currency is worth in USDT, by quote code; NaN where nobody tells.

    Dollars at the middle of their rate, another currency at the median of its spot markets against dollars, whichever
    of the two is listed. `mid` by row of the table, NaN = unknown. For comparing and ranking, never for an edge."""
    in_usdt = np.array([rates[name].mid if name in rates else np.nan for name in table.quotes], dtype=np.float64)
    of_instrument = np.array([rates[name].mid if name in rates else np.nan for name in table.instruments or [""]])
    per_unit = mid / table.multiplier
    spot = (table.type_code == 0) & np.isfinite(per_unit)
    straight = np.where(spot, per_unit * in_usdt[table.quote_code], np.nan)
    turned = np.where(spot, of_instrument[table.instrument_code] / per_unit, np.nan)
    codes = {name: code for code, name in enumerate(table.instruments)}
    for code in np.flatnonzero(np.isnan(in_usdt)).tolist():
        told = [turned[table.quote_code == code]]
        if (instrument := codes.get(table.quotes[code])) is not None:
            told.append(straight[table.instrument_code == instrument])
        known = np.concatenate(told)
        known = known[np.isfinite(known)]
        if len(known):
            in_usdt[code] = np.median(known)
    return in_usdt
