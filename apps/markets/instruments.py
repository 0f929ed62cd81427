"""Which asset a listed base is: multipliers removed, leveraged tokens and tokenised stocks left out. Equal names are
still only a claim: the quarantine and the price-ratio guard of the strategies tell different assets of one ticker
apart, and what operators know (aliases, denied bases) counts before these rules."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

# Only assets that are known to be listed in packs: "1INCH" is an asset, "1000X" may be X or a coin of that name.
# fmt: off
PACKED: Final = frozenset({
    "APU", "BABYDOGE", "BOB", "BONK", "BTT", "CAT", "CHEEMS", "COQ", "DOGS", "ELON", "FLOKI", "LADYS", "LUNC",
    "MOG", "MUMU", "NEIRO", "NEIROCTO", "PEIPEI", "PEPE", "QUBIC", "RATS", "SATS", "SHIB", "STARL", "TOSHI",
    "TURBO", "WEN", "WHY", "X", "XEC",
})
# fmt: on
_PACK: Final = re.compile(r"^(?:(?P<count>1000000|10000|1000)|(?P<million>1M)|(?P<kilo>k))(?P<asset>[A-Z][A-Z0-9]*)$")

# Tokens that rebalance a leveraged position daily; they are no asset that two exchanges could have in common.
# Words alone would take JUP, SYRUP or PUMP out, so a name counts only with a stem that has such tokens.
# fmt: off
_LEVERED_STEMS: Final = frozenset({
    "1INCH", "AAVE", "ADA", "ALGO", "AMPL", "APE", "APT", "ARB", "ATOM", "AVAX", "AXS", "BAL", "BCH", "BCHA", "BEAM",
    "BNB", "BSV", "BTC", "BTM", "CFX", "CHZ", "COMP", "CRV", "CVC", "DASH", "DEFI", "DOGE", "DOT", "DYDX", "EGLD",
    "ENJ", "EOS", "ETC", "ETH", "FIL", "FTM", "GALA", "GMT", "GRIN", "GRT", "HT", "ICP", "INJ", "JASMY", "JST", "KAVA",
    "KNC", "KSM", "LINK", "LON", "LRC", "LTC", "LUNA", "MANA", "MATIC", "MKR", "NEAR", "NEO", "OKB", "OMG", "ONT",
    "OP", "ORDI", "PEPE", "QTUM", "ROSE", "SAND", "SEI", "SERO", "SHIB", "SKL", "SNX", "SOL", "SRM", "SUI", "SUSHI",
    "SXP", "THETA", "TIA", "TON", "TRX", "UNI", "VET", "WAVES", "WIF", "WLD", "XAUT", "XLM", "XMR", "XRP", "XTZ", "YFI",
    "YFII", "ZEC", "ZEN", "ZIL",
})
# fmt: on
_LEVERED_WORD: Final = re.compile(r"^(?P<stem>[A-Z0-9]+?)(?:UP|DOWN|BULL|BEAR|HEDGE|HALF)$")
_LEVERED_DIGIT: Final = re.compile(r"^(?P<stem>[A-Z0-9]{2,}?)[1-5][LS]$")

# Claims on shares and funds: each issuer's is another claim, splits and dividends differ, and they are priced by a
# market that sleeps. Tickers that are coins too (META, COIN, SPY, WMTX, GMEX, MUX…) are no proof and are not here.
# fmt: off
_STOCKS: Final = frozenset({
    "AAPL", "ABBV", "ABNB", "AMZN", "AVGO", "BABA", "CMCSA", "CRCL", "CRWD", "CSCO", "DFDV", "GOOG", "GOOGL", "INTC",
    "MRVL", "MSFT", "MSTR", "NFLX", "NVDA", "ORCL", "PLTR", "PYPL", "QCOM", "TMUS", "TQQQ", "TSLA", "TSM",
})
# These are shares only under an issuer's suffix.
_SUFFIXED_STOCKS: Final = _STOCKS | {
    "AMD", "COIN", "COST", "GLD", "HOOD", "IBM", "JNJ", "JPM", "LLY", "MCD", "META", "QQQ", "SPY", "STRC", "UNH", "VTI",
    "XOM",
}
# fmt: on
# Backed's xStocks (AAPLX), Ondo's (TSLAON), and the names of perpetuals on stocks (TSLASTOCK).
_STOCK_TOKEN: Final = re.compile(r"^(?P<stock>[A-Z]{3,5})(?:X|ON|STOCK)$")


@dataclass(frozen=True, slots=True)
class Identity:
    """The asset behind a listed base and how many units of it one listed unit holds."""

    instrument: str
    multiplier: int


def identify(base: str) -> Identity:
    """The asset of a listed base: `1000PEPE` and `kPEPE` are 1,000 PEPE, `1MBABYDOGE` a million; others themselves."""
    pack = _PACK.match(base)
    if pack is None or pack["asset"] not in PACKED:
        return Identity(base, 1)
    multiplier = int(pack["count"]) if pack["count"] else 1_000_000 if pack["million"] else 1000
    return Identity(pack["asset"], multiplier)


def is_leveraged_token(base: str, listed: Collection[str] = ()) -> bool:
    """Whether the base is a leveraged token (`BTCUP`, `ETH3L`, `XRPBEAR`); `JUP`, `SOUP`, `SYRUP` and `BULL` are not.

    Names like `XYZ3L` are so distinct that beside the known stems any base `listed` on the same exchange is one."""
    word = _LEVERED_WORD.match(base)
    if word and word["stem"] in _LEVERED_STEMS:
        return True
    digit = _LEVERED_DIGIT.match(base)
    return bool(digit and (digit["stem"] in _LEVERED_STEMS or digit["stem"] in listed))


def is_tokenised_stock(base: str) -> bool:
    """Whether the base is a share or a fund: `TSLA`, `AAPLX`, `NVDAON`, `TSLASTOCK`, `XYZ-TSLA` (a market of one of
    Hyperliquid's deployers); coins whose names happen to end alike (`AVAX`, `TON`, `WMTX`) are not."""
    name = base.rpartition("-")[2].upper()
    token = _STOCK_TOKEN.match(name)
    return name in _STOCKS or bool(token and token["stock"] in _SUFFIXED_STOCKS)


@dataclass(frozen=True, slots=True)
class NameRules:
    """What operators know of the names on one exchange: `aliases` and `denied` by the listed base. An alias counts
    before the built-in rules, a denial before everything."""

    aliases: Mapping[str, Identity]
    denied: frozenset[str] = frozenset()

    def identity(self, base: str) -> Identity:
        """The asset of a listed base."""
        return self.aliases.get(base) or identify(base)

    def leaves_out(self, base: str, listed: Collection[str], *, is_stock: bool = False) -> bool:
        """Whether markets of this base are left out: denied, or a token that is no asset and that nobody vouches for by
        an alias. `listed` are all bases of the exchange, `is_stock` is its own word on this one."""
        if base in self.denied:
            return True
        is_token = is_stock or is_tokenised_stock(base) or is_leveraged_token(base, listed)
        return is_token and base not in self.aliases
