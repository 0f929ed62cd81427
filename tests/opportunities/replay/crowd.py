"""Thirty exchanges at one moment and a little later, as neutral rows, with names and numbers as people write them."""

import random
from typing import Any

BEGAN = 1_752_000_000.123457
ODD_NAMES = (
    "Börse Köln",
    "交易所",
    "a=b",
    "c/d",
    "none",
    "NULL",
    "Kraken",
    "kraken",
    "x y  z",
    "gate.io",
    "3",
    "spot:1",
)
NAMES = (*ODD_NAMES, *(f"exchange-{number}" for number in range(30 - len(ODD_NAMES))))
MIDS = {"BTC": 117_000.0, "ETH": 2_950.5, "1INCH": 0.21, "SATS": 4.2e-8, "PEPE": 1.21e-5, "MOG": 1.4e-6}
WORTH = {
    "USDT": 1.0,
    "USDC": 0.9991,
    "USD": 1.0004,
    "FDUSD": 0.9979,
    "EUR": 1.17,
    "BTC": MIDS["BTC"],
    "ETH": MIDS["ETH"],
}
SPOT = (
    "BTC/USDT", "BTC/USDC", "BTC/USD", "BTC/FDUSD", "BTC/EUR", "ETH/USDT", "ETH/BTC", "ETH/EUR", "1INCH/USDT",
    "1INCH/ETH", "SATS/USDT", "PEPE/USDT", "1MBABYDOGE/USDT", "USDC/USDT", "FDUSD/USDT", "USDT/USD", "EUR/USDT",
)  # fmt: skip
PERPETUALS = (
    "BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:USD", "ETH/USDT:USDT", "1INCH/USDT:USDT", "1000PEPE/USDT:USDT",
    "kPEPE/USDC:USDC", "ETH/USD:USDC", "1000000MOG/USDT:USDT", "1000SATS/USDT:USDT", "10000SATS/USDT:USDT",
    "1MBABYDOGE/USDT:USDT",
)  # fmt: skip
# What no strategy compares, whatever its price says.
LEFT_OUT = (
    "BTC/USD:BTC",
    "ETH/USDT:USDT-251226",
    "BTC/USD:BTC-251226-100000-C",
    "ETH/BTC:USDT",
    "ETH3L/USDT",
    "BTCUSDT",
)
PACKS = {"1000000": 1e6, "10000": 1e4, "1000": 1e3, "1M": 1e6, "k": 1e3}


def crowd_of(seed: int, *, moments: int = 4) -> list[dict[str, Any]]:
    """Rows in no order: everything that each exchange lists at the first moment, later some of it."""
    chance = random.Random(seed)
    rows = []
    for number in range(moments):
        now = round(BEGAN + number * chance.choice([0.000001, 0.35, 4.999999, 5.000001, 90]), 6)
        for exchange in NAMES:
            # Few list enough for cycles.
            spot = SPOT if exchange in NAMES[::3] else chance.sample(SPOT, 7)
            listed = [*spot, *chance.sample(PERPETUALS, 4), chance.choice(LEFT_OUT)]
            few = chance.sample(listed, 1)
            rows += [_row(chance, exchange, symbol, now) for symbol in (listed if number == 0 else few)]
    chance.shuffle(rows)
    return rows


def _row(chance: random.Random, exchange: str, symbol: str, now: float) -> dict[str, Any]:
    base, _, quote = symbol.partition(":")[0].partition("/")
    mid = _worth(base or symbol) / WORTH.get(quote, 1.0) * (1 + chance.gauss(0, 0.0002 if base in WORTH else 0.0035))
    half = mid * chance.uniform(0, 0.0006)
    row: dict[str, Any] = {"ts": now, "exchange": exchange, "symbol": symbol, "note": "…"}
    row |= {"bid": _short(mid - half), "ask": _short(mid + half)}
    # Known, not known, or nothing said of it.
    for name in ("bid_size", "ask_size"):
        match chance.randrange(4):
            case 0:
                row[name] = None
            case 1:
                row[name] = _short(chance.uniform(20, 5_000) / _worth(base or symbol))
            case 2:
                row[name] = chance.randrange(1, 10**6)
    if ":" in symbol:
        row |= {"mark": row["bid"], "index": None, "funding_rate": _short(chance.gauss(0.0001, 0.0015))}
        # An interval that only the command line has, and perpetuals of which too little is told.
        told = {
            "interval_h": chance.choice([1, 2, 4, 8, None]),
            "next_funding_ts": int(now) + chance.randrange(1, 30_000),
        }
        row |= {name: value for name, value in told.items() if chance.random() < 0.85}
    return row


def _worth(base: str) -> float:
    pack = next((pack for pack in PACKS if base.startswith(pack)), "")
    coin = base.removeprefix(pack)
    if coin == "BABYDOGE":
        return 1.2e-9 * PACKS[pack]
    return MIDS[coin] * PACKS[pack] if pack and coin in MIDS else MIDS.get(base) or WORTH.get(base) or 5.0


def _short(value: float) -> float:
    return float(f"{value:.6g}")
