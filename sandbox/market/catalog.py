"""The assets of the synthetic market: names, usual prices (USDT), and how exchanges list the cheap ones."""

from dataclasses import dataclass

USDC = "USDC"
# Off parity on purpose: whoever takes USDC for USDT sees gaps that aren't there.
USDC_PRICE = 0.9962

MAJORS = {"BTC": 62_500.0, "ETH": 2_950.0, "SOL": 148.0, "BNB": 585.0, "XRP": 0.612, "DOGE": 0.131}
# Quoted in USDC too, beside the USDC/USDT pair itself.
USDC_BASES = ("BTC", "ETH", "SOL", "XRP")

COMMON = {
    "ADA": 0.462, "TRX": 0.1212, "AVAX": 35.4, "LINK": 14.6, "TON": 5.61, "BCH": 476.0, "LTC": 83.2, "UNI": 7.42,
    "XLM": 0.1083, "ETC": 26.4, "HBAR": 0.0894, "IMX": 2.07, "GRT": 0.2841, "AAVE": 88.7, "MKR": 2_610.0,
    "RUNE": 5.33, "THETA": 2.04, "EGLD": 40.1, "SAND": 0.442, "MANA": 0.4312, "AXS": 7.21, "CHZ": 0.1173, "CRV": 0.4181,
    "COMP": 55.3, "SNX": 2.71, "ZEC": 23.2, "DASH": 28.9, "KSM": 28.1, "ONE": 0.0193, "GALA": 0.0431, "APE": 1.22,
}  # fmt: skip
# 1000 units or more of these are one unit of a perpetual, under names that differ by exchange.
MICRO = {"PEPE": 0.00001123, "SHIB": 0.00002412, "BONK": 0.00002531, "FLOKI": 0.0001843}
MULTIPLIED = {
    "binanceusdm": {"PEPE": "1000PEPE", "SHIB": "1000SHIB", "BONK": "1000BONK", "FLOKI": "1000FLOKI"},
    "bybit": {"PEPE": "1000PEPE", "SHIB": "SHIB1000", "BONK": "1000BONK", "FLOKI": "1000FLOKI"},
    "okx": {},
}
MULTIPLIER = 1000.0

# Assets that take the parts of the scenario, shuffled by the seed.
CAST = {
    "ARB": 0.783, "OP": 1.83, "INJ": 24.7, "SEI": 0.4812, "TIA": 8.92, "JUP": 0.972, "APT": 8.81, "SUI": 1.043,
    "NEAR": 6.71, "ATOM": 8.14, "DYDX": 2.06, "LDO": 1.92, "FIL": 5.77, "ALGO": 0.1784, "ICP": 12.4, "WIF": 2.87,
    "ENA": 0.8123, "ORDI": 41.2, "DOT": 7.03, "STRK": 1.142, "ZRO": 3.87, "AEVO": 0.8634, "BLUR": 0.3912, "JTO": 3.64,
    "IOST": 0.00874, "YGG": 0.7921, "MAGIC": 0.7034, "PYTH": 0.3981, "W": 0.6214, "STX": 2.01,
    "KAS": 0.1321, "FET": 2.14,
}  # fmt: skip

# OKX contract sizes in units of the asset, and decimals of the lot in contracts, where they aren't the usual ones.
OKX_CONTRACTS = {
    "BTC": (0.01, 2),
    "ETH": (0.1, 2),
    "PEPE": (10_000_000.0, 1),
    "SHIB": (1_000_000.0, 1),
    "BONK": (100_000.0, 1),
    "FLOKI": (100_000.0, 1),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset: fair price in USDT around which it moves, turnover a day in USD, and how lively it is."""

    name: str
    price: float
    turnover: float
    half_spread: float
    top_usd: float
    liveliness: float = 1.0


def extra_assets(count: int) -> dict[str, float]:
    """`count` made-up assets for load tests, prices spread over five orders of magnitude."""
    return {f"TOK{number:04d}": 0.0031 * 10 ** (5 * (number * 0.6180339887 % 1.0)) for number in range(1, count + 1)}
