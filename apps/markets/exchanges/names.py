"""Which exchange ids the installed ccxt knows, told without importing it (that costs seconds and 100 MB)."""

import difflib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Final

# Ids of older ccxt releases under which the exchange can't be found any more, and its id today.
RENAMED: Final = {
    "bitcoincom": "fmfwio", "bitfinex1": "bitfinex", "bitfinex2": "bitfinex", "bitpanda": "onetrading",
    "bitstamp1": "bitstamp", "coinbaseadvanced": "coinbase", "coinbasepro": "coinbaseexchange", "gateio": "gate",
    "gdax": "coinbaseexchange", "hitbtc2": "hitbtc", "hitbtc3": "hitbtc", "huobi": "htx", "huobijp": "bittrade",
    "huobipro": "htx", "kucoin2": "kucoin", "latoken1": "latoken", "lbank2": "lbank", "mexc3": "mexc", "okex": "okx",
    "okex3": "okx", "okex5": "okx",
}  # fmt: skip
# Exchanges that ccxt had once: they closed, or nobody keeps their class up.
_GONE: Final = (
    "aax", "ace", "ascendex", "bitbay", "bitforex", "bitmart", "bitmax", "bitmex", "bittrex", "bitz", "bkex", "bl3p",
    "btcalpha", "btcex", "btctradeua", "buda", "cdax", "coinbaseprime", "coincatch", "coinex", "coinfalcon", "coinlist",
    "coinmetro", "currencycom", "defx", "ellipx", "eqonex", "exmo", "flowbtc", "ftx", "ftxus", "gopax", "hbtc", "idex",
    "itbit", "kuna", "liquid", "lykke", "novadax", "oceanex", "okcoin", "oxfun", "poloniexfutures", "probit", "ripio",
    "stex", "therock", "tidebit", "tidex", "timex", "tradeogre", "vertex", "wavesexchange", "wazirx", "xena", "yobit",
    "zb", "zipmex", "zonda",
)  # fmt: skip
# Why an id that people know from older releases can't be used, in words with what to do.
DROPPED: Final = {name: f'ccxt dropped "{name}"; take it out of EXCHANGES' for name in _GONE} | {
    old: f'ccxt calls "{old}" "{new}" now; write that in EXCHANGES' for old, new in RENAMED.items()
}


@cache
def known() -> frozenset[str]:
    """Every id of the installed ccxt: each has a module of its name."""
    spec = importlib.util.find_spec("ccxt")
    folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    return frozenset(path.stem for folder in folders for path in Path(folder).glob("[!_]*.py"))


def problem(exchange: str) -> str:
    """Why this id can't be used, in words with what to do; "" where it can."""
    if exchange in known():
        return ""
    if exchange in DROPPED:
        return DROPPED[exchange]
    close = difflib.get_close_matches(exchange, known(), n=1)
    hint = f'did you mean "{close[0]}"?' if close else "correct EXCHANGES or take it out"
    return f'"{exchange}" is not among the {len(known())} exchanges of the installed ccxt; {hint}'
