"""Over which chains an asset goes in and out of an exchange, at what fee, and which of these ways are closed."""

import zlib
from dataclasses import dataclass

from sandbox.market.catalog import CAST, DOLLARS, USD, Asset

# Chains by the name that ccxt gives them; coins with a chain of their own, the others are tokens.
_OWN = {"BTC": "BTC", "ETH": "ERC20", "SOL": "SOL", "BNB": "BEP20", "XRP": "XRP", "DOGE": "DOGE", "LTC": "LTC"}
_TOKENS = ("ERC20", "BEP20")
_DOLLARS = ("ERC20", "TRC20", "SOL")
# What a withdrawal costs in dollars.
_FEE_USD = {"ERC20": 3.2, "BTC": 5.5, "TRC20": 1.0, "BEP20": 0.3, "SOL": 0.4}
_USUAL_FEE_USD = 0.8
# One way in so many is closed.
_CLOSED_ONE_IN = 11


@dataclass(frozen=True, slots=True)
class Network:
    """One chain of an asset on one exchange; `fee` of a withdrawal in units of the asset."""

    chain: str
    fee: float
    deposit: bool
    withdraw: bool


def networks_of(venue: str, asset: Asset) -> tuple[Network, ...]:
    """The chains of an asset on an exchange, the same in every process and at any time; none for real dollars."""
    if asset.name == USD:
        return ()
    chains = _DOLLARS if asset.name in DOLLARS else (_OWN[asset.name],) if asset.name in _OWN else _TOKENS
    return tuple(
        Network(
            chain=chain,
            fee=float(f"{_FEE_USD.get(chain, _USUAL_FEE_USD) / asset.price:.3g}"),
            deposit=_is_open(venue, asset, f"{chain} deposit"),
            withdraw=_is_open(venue, asset, f"{chain} withdraw"),
        )
        for chain in chains
    )


def _is_open(venue: str, asset: Asset, way: str) -> bool:
    # What takes a part in the scenario can be moved anywhere: else what has to be found would depend on who has a key.
    return asset.name in CAST or zlib.crc32(f"{venue} {asset.name} {way}".encode()) % _CLOSED_ONE_IN != 0
