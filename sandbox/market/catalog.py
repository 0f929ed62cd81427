"""The assets of the synthetic market: names, usual prices (USDT), and how exchanges list the cheap ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field

USDT = "USDT"
USDC = "USDC"
USD = "USD"
# In USDT. Off parity on purpose: whoever takes one dollar for another sees gaps that aren't there.
DOLLARS = {USDT: 1.0, USDC: 0.9962, USD: 1.0011}
DOLLAR_PAIRS = ((USDC, USDT), (USDT, USD), (USDC, USD))

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
_THOUSANDS = {name: f"1000{name}" for name in MICRO}
MULTIPLIER = 1000.0

# Assets that take the parts of the scenario, shuffled by the seed.
CAST = {
    "ARB": 0.783, "OP": 1.83, "INJ": 24.7, "SEI": 0.4812, "TIA": 8.92, "JUP": 0.972, "APT": 8.81, "SUI": 1.043,
    "NEAR": 6.71, "ATOM": 8.14, "DYDX": 2.06, "LDO": 1.92, "FIL": 5.77, "ALGO": 0.1784, "ICP": 12.4, "WIF": 2.87,
    "ENA": 0.8123, "ORDI": 41.2, "DOT": 7.03, "STRK": 1.142, "ZRO": 3.87, "AEVO": 0.8634, "BLUR": 0.3912, "JTO": 3.64,
    "IOST": 0.00874, "YGG": 0.7921, "MAGIC": 0.7034, "PYTH": 0.3981, "W": 0.6214, "STX": 2.01,
    "KAS": 0.1321, "FET": 2.14, "GMX": 27.1, "SSV": 28.4, "CELO": 0.662, "MINA": 0.5812, "FLOW": 0.743, "ROSE": 0.0831,
    "KAVA": 0.612, "ZIL": 0.0221, "ENJ": 0.271, "BAT": 0.2143,
}  # fmt: skip

# Contract sizes in units of the asset, and decimals of the lot in contracts, where they aren't the usual ones.
_OKX_CONTRACTS = {
    "BTC": (0.01, 2),
    "ETH": (0.1, 2),
    "PEPE": (10_000_000.0, 1),
    "SHIB": (1_000_000.0, 1),
    "BONK": (100_000.0, 1),
    "FLOKI": (100_000.0, 1),
}


@dataclass(frozen=True, slots=True)
class Venue:
    """What an exchange lists: spot in the currencies of `spot`, perpetuals in the currency `swap` ("": none), under the
    names of `packed` where one listed unit is 1,000. `contracts`: sizes of perpetuals are counted in contracts of about
    ten dollars, or of (size, decimals of the lot); `inverse`: each contract is worth `usd_per_contract` dollars and is
    settled in the asset. `few`: only majors and common assets; `interval_h`: hours between two fundings."""

    spot: tuple[str, ...] = ()
    swap: str = ""
    packed: Mapping[str, str] = field(default_factory=dict)
    contracts: Mapping[str, tuple[float, int]] | None = None
    inverse: bool = False
    few: bool = False
    interval_h: int = 8


VENUES = {
    "binance": Venue(spot=(USDT, USDC)),
    "binanceusdm": Venue(swap=USDT, packed=_THOUSANDS),
    "binancecoinm": Venue(swap=USD, inverse=True, few=True),
    "bybit": Venue(spot=(USDT, USDC), swap=USDT, packed=_THOUSANDS | {"SHIB": "SHIB1000"}),
    "okx": Venue(spot=(USDT, USDC), swap=USDT, contracts=_OKX_CONTRACTS),
    "bitget": Venue(spot=(USDT, USDC), swap=USDT),
    "bingx": Venue(spot=(USDT,), swap=USDT, packed=_THOUSANDS),
    "coinbase": Venue(spot=(USD, USDC), few=True),
    "gate": Venue(spot=(USDT,), swap=USDT, contracts={}),
    "htx": Venue(spot=(USDT, USDC), swap=USDT, contracts={}),
    "hyperliquid": Venue(swap=USDC, packed={name: f"k{name}" for name in MICRO}, interval_h=1),
    "kraken": Venue(spot=(USD, USDT), few=True),
    "krakenfutures": Venue(swap=USD, few=True, interval_h=1),
    "kucoin": Venue(spot=(USDT, USDC)),
    "kucoinfutures": Venue(swap=USDT, packed=_THOUSANDS, contracts={}),
    "mexc": Venue(spot=(USDT, USDC), swap=USDT, contracts={}),
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
    extra: bool = False


def extra_assets(count: int) -> dict[str, float]:
    """`count` made-up assets for load tests, prices spread over five orders of magnitude."""
    return {f"TOK{number:04d}": 0.0031 * 10 ** (5 * (number * 0.6180339887 % 1.0)) for number in range(1, count + 1)}
