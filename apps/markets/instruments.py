"""Which asset a listed base is: multipliers removed, leveraged tokens left out. Equal names are still only a claim: the
price-ratio guard of the strategies tells different assets of one ticker apart."""

import re
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
    "1INCH", "AAVE", "ADA", "ALGO", "ATOM", "AVAX", "AXS", "BCH", "BNB", "BSV", "BTC", "COMP", "DEFI", "DOGE",
    "DOT", "DYDX", "ENJ", "EOS", "ETC", "ETH", "FIL", "FTM", "GALA", "GMT", "GRT", "ICP", "JASMY", "KNC", "KSM",
    "LINK", "LTC", "LUNA", "MANA", "MATIC", "MKR", "NEAR", "OKB", "OP", "PEPE", "SAND", "SHIB", "SOL", "SUI",
    "SUSHI", "SXP", "THETA", "TRX", "UNI", "VET", "WLD", "XAUT", "XLM", "XMR", "XRP", "XTZ", "YFI", "ZEC",
})
# fmt: on
_LEVERED_WORD: Final = re.compile(r"^(?P<stem>[A-Z0-9]+?)(?:UP|DOWN|BULL|BEAR|HEDGE|HALF)$")
_LEVERED_DIGIT: Final = re.compile(r"^(?P<stem>[A-Z0-9]{2,}?)[2345][LS]$")


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


def is_leveraged_token(base: str) -> bool:
    """Whether the base is a leveraged token (`BTCUP`, `ETH3L`, `XRPBEAR`); `JUP`, `SOUP` and `SYRUP` are not."""
    word = _LEVERED_WORD.match(base)
    if word and word["stem"] in _LEVERED_STEMS:
        return True
    digit = _LEVERED_DIGIT.match(base)
    return bool(digit and digit["stem"] in _LEVERED_STEMS)
