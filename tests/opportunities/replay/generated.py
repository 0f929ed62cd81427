"""Markets made up with many edges in them, as neutral rows: several moments, currencies and kinds of trouble."""

import random
from typing import Any

BEGAN = 1_700_006_395.0
COINS = {"BTC": 40_000.0, "ETH": 2_500.0, "SOL": 60.0, "PEPE": 0.000012}
EXCHANGES = ("alpha", "beta", "gamma exchange", "delta")
# Of each dollar in USDT.
WORTH = {"USDT": 1.0, "USDC": 0.9962, "USD": 1.0011}


def market_of(seed: int, *, moments: int = 24) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of quotes in the order in which they came (not that of their times) and of settled fundings."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    now = BEGAN
    for _ in range(moments):
        # Now and then longer than the skew, or than an opportunity is believed; a funding is settled at half past.
        now = round(now + chance.choice([0.001, 0.4, 1.7, 4.0, 5.0, 5.001, 40.0, 61.0, 130.0]), 3)
        for exchange in EXCHANGES:
            listed = _listed(exchange)
            rows += [_row(chance, exchange, symbol, now) for symbol in chance.sample(listed, len(listed) // 3)]
    chance.shuffle(rows)
    return rows, _settled(chance)


def _listed(exchange: str) -> list[str]:
    quotes = {"alpha": ("USDT", "BTC", "USDC"), "beta": ("USDT", "USD", "ETH"), "gamma exchange": ("USDT", "BTC")}
    coins = [coin for coin in COINS if coin != "PEPE"]
    spot = [f"{coin}/{quote}" for coin in coins for quote in quotes.get(exchange, ("USDT", "USDC")) if coin != quote]
    spot = [symbol for symbol in spot if symbol != "BTC/ETH"]
    dollars = {"alpha": ["USDC/USDT"], "beta": ["USDT/USD"], "delta": ["USDC/USDT"]}
    pepe = "1000PEPE" if exchange in ("alpha", "delta") else "PEPE"
    perpetuals = [f"{coin}/USDT:USDT" for coin in (*coins, pepe)]
    if exchange == "delta":
        perpetuals.append("BTC/USDC:USDC")
    return [*spot, "PEPE/USDT", *dollars.get(exchange, []), *perpetuals, "ETH/USD:ETH"]


def _row(chance: random.Random, exchange: str, symbol: str, now: float) -> dict[str, Any]:
    pair, _, settle = symbol.partition(":")
    base, quote = pair.split("/")
    coin = base.removeprefix("1000")
    worth = WORTH.get(coin) or COINS[coin] * (1000 if coin != base else 1)
    mid = worth / (WORTH.get(quote) or COINS[quote]) * (1 + chance.gauss(0, 0.0006 if coin in WORTH else 0.004))
    half = mid * chance.uniform(0, 0.0008)
    row: dict[str, Any] = {
        "ts": round(now + chance.choice([0, 0, 0.12, 0.121, 2.5]), 3),
        "exchange": exchange,
        "symbol": symbol,
        "bid": float(f"{mid - half:.7g}"),
        "bid_size": _size(chance, worth),
        "ask": float(f"{mid + half:.7g}"),
        "ask_size": _size(chance, worth),
    }
    trouble = chance.random()
    if trouble < 0.02:
        row["bid"] = None
    elif trouble < 0.04:
        row["bid"] = row["ask"] * 1.01
    elif trouble < 0.05:
        row["ask_size"] = 0
    if settle and exchange != "gamma exchange" and chance.random() < 0.7:
        # The funding of the third exchange is told by its settlements alone.
        row["mark"] = row["index"] = mid
        row["funding_rate"] = round(chance.gauss(0.0002, 0.0012), 6)
        row["next_funding_ts"] = BEGAN - BEGAN % 3600 + chance.choice([1800, 2160, 3600, 14400, 90000])
        if exchange != "beta":
            row["interval_h"] = chance.choice([1, 4, 8])
    return row


def _size(chance: random.Random, worth: float) -> float | None:
    return chance.choice([None, 5, float(f"{300 / worth:.4g}"), float(f"{chance.uniform(10, 3000) / worth:.4g}")])


def _settled(chance: random.Random) -> list[dict[str, Any]]:
    half_past = BEGAN - BEGAN % 3600 + 1800
    return [
        {"ts": half_past + 3600 * hours, "exchange": "gamma exchange", "symbol": f"{coin}/USDT:USDT",
         "funding_rate": round(chance.gauss(0.0003, 0.001), 6)}
        for coin in (*COINS,)
        for hours in (-9, -5, -1, 3)
    ]  # fmt: skip
