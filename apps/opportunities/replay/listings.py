"""Which markets a recording is of: free exchange names, ccxt's unified symbols, as a market table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from apps.markets.conversion import DOLLARS
from apps.markets.instruments import NameRules
from apps.markets.types import MarketTable

SPOT, LINEAR, INVERSE = 0, 1, 2

# The same rules as for the exchanges that are read live; an operator's aliases are about exchanges of our own database.
_NAMES: Final = NameRules(aliases={})
_SYMBOL: Final = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s]+?)(?::(?P<settle>[^/:\s-]+)(?P<dated>-\S+)?)?")


@dataclass(frozen=True, slots=True)
class Listing:
    """One market: `type_code` as in `MarketTable`; `refused` says why it is not used ("": it is)."""

    exchange: str
    symbol: str
    base: str = ""
    quote: str = ""
    type_code: int = SPOT
    refused: str = ""


def listing_of(exchange: str, symbol: str) -> Listing:
    """What a unified symbol says: `BASE/QUOTE` is spot, `BASE/QUOTE:SETTLE` a perpetual, paid in the quote currency
    (or in another dollar, if that is one) or, inverse, in the base."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return Listing(exchange, symbol, refused="of a symbol that is not BASE/QUOTE or BASE/QUOTE:SETTLE")
    base, quote, settle = found["base"], found["quote"], found["settle"]
    if found["dated"]:
        return Listing(exchange, symbol, refused="of a dated future or an option; strategies use spot and perpetuals")
    if base == quote:
        return Listing(exchange, symbol, refused="of a currency against itself")
    if settle is None:
        return Listing(exchange, symbol, base, quote, SPOT)
    if settle == quote or (settle in DOLLARS and quote in DOLLARS):
        return Listing(exchange, symbol, base, quote, LINEAR)
    if settle == base:
        return Listing(exchange, symbol, base, quote, INVERSE)
    return Listing(exchange, symbol, refused="of a perpetual paid in a third currency; its profit is not linear")


@dataclass(slots=True)
class Listings:
    """The markets met so far, numbered from 0 in the order in which they came; `fees` by exchange, else the default."""

    fees: Mapping[str, float]
    default_fee: float
    all: list[Listing] = field(default_factory=list)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, exchange: str, symbol: str) -> int:
        """The number of a market, which is listed now if it was not."""
        key = exchange, symbol
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.all)
            self.all.append(listing_of(exchange, symbol))
        return number

    def refusals(self) -> list[str]:
        """By number, why a market is not used; "" if it is. Which tokens are leveraged ones depends on what else its
        exchange lists, so it is told when all of them are known."""
        bases: dict[str, set[str]] = {}
        for one in self.all:
            bases.setdefault(one.exchange, set()).add(one.base)
        return [
            one.refused
            or (
                "of leveraged tokens or tokenised stocks, which are no asset that two exchanges have in common"
                if _NAMES.leaves_out(one.base, bases[one.exchange])
                else ""
            )
            for one in self.all
        ]

    def fee(self, exchange: str) -> float:
        """The taker fee on an exchange, as a fraction."""
        return self.fees.get(exchange, self.default_fee)

    def table(self) -> MarketTable:
        """All of them as the market table that strategies use; the id of a market is its number + 1."""
        count = len(self.all)
        identities = [_NAMES.identity(one.base) for one in self.all]
        exchanges, exchange_code = _coded([one.exchange for one in self.all])
        instruments, instrument_code = _coded([one.instrument for one in identities])
        quotes, quote_code = _coded([one.quote for one in self.all])
        unknown = np.full(count, np.nan)
        return MarketTable(
            version=count,
            market_id=np.arange(1, count + 1, dtype=np.int32),
            exchange=exchanges,
            exchange_code=exchange_code.astype(np.int16),
            symbol=[one.symbol for one in self.all],
            type_code=np.array([one.type_code for one in self.all], dtype=np.int8),
            instrument_code=instrument_code,
            instruments=instruments,
            base=[one.base for one in self.all],
            quote_code=quote_code.astype(np.int16),
            quotes=quotes,
            contract_size=np.ones(count),
            multiplier=np.array([one.multiplier for one in identities], dtype=np.float64),
            taker_fee=np.array([self.fee(one.exchange) for one in self.all], dtype=np.float64),
            amount_step=unknown,
            min_amount=unknown,
            min_notional=unknown,
            max_leverage=unknown,
        )


def _coded(values: list[str]) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int32]]]:
    names = sorted(set(values))
    codes = {name: code for code, name in enumerate(names)}
    return names, np.array([codes[value] for value in values], dtype=np.int32)
