"""Who lists what: every market of the synthetic world with its steps, sizes and part in the scenario."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.market.catalog import (
    COMMON,
    MAJORS,
    MICRO,
    MULTIPLIED,
    MULTIPLIER,
    OKX_CONTRACTS,
    USDC,
    USDC_BASES,
    USDC_PRICE,
    Asset,
    extra_assets,
)
from sandbox.market.scenario import CROSS, FUNDING, Part, Place, Quirk, cast_unused

SPOT_VENUES = ("binance", "bybit", "okx")
SWAP_VENUES = ("binanceusdm", "bybit", "okx")
_PLAIN = Place()


@dataclass(frozen=True, slots=True)
class Listing:
    """One market of one exchange. Prices are per unit of `base` (`multiplier` units of the asset); `price_dp` and
    `step_dp` are the decimals of price tick and order step, the step (and `contract_size`) in the exchange's own
    order unit."""

    venue: str
    asset: Asset
    base: str
    quote: str
    is_swap: bool
    place: Place
    is_planned: bool
    multiplier: float
    contract_size: float
    price_dp: int
    step_dp: int

    @property
    def symbol(self) -> str:
        """The unified symbol."""
        return f"{self.base}/{self.quote}" + (f":{self.quote}" if self.is_swap else "")

    @property
    def half_spread(self) -> float:
        """Half the distance between bid and ask as a fraction of the mid."""
        return self.place.half_spread or self.asset.half_spread

    @property
    def interval_known(self) -> bool:
        """Whether the exchange tells the funding interval."""
        return self.place.quirk is not Quirk.UNKNOWN_INTERVAL


def assets_build(parts: tuple[Part, ...], count: int, seed: int) -> tuple[Asset, ...]:
    """Every asset of the world; at least `count` of them, however many the scenario needs."""
    dice = random.Random(f"assets {seed}")
    prices = {
        **MAJORS,
        **COMMON,
        **MICRO,
        **cast_unused(parts),
        **{part.asset: part.price for part in parts if part.price},
    }
    prices |= extra_assets(max(0, count - len(prices)))
    assets = [Asset(USDC, USDC_PRICE, 9e8, 0.00003, 250_000.0, liveliness=0.004)]
    for name, price in prices.items():
        if name in MAJORS:
            assets.append(Asset(name, price, dice.uniform(3e8, 2e9), 0.00005, dice.uniform(40_000, 90_000)))
        else:
            spread = dice.uniform(0.0001, 0.00018)
            assets.append(Asset(name, price, dice.uniform(4e6, 9e7), spread, dice.uniform(4_000, 14_000), 1.4))
    return tuple(assets)


def listings_build(assets: tuple[Asset, ...], parts: tuple[Part, ...]) -> tuple[Listing, ...]:
    """Every market; the scenario's assets are spot only where a cross-exchange part puts them and perpetuals only where
    a funding part does (a cross-exchange asset has ordinary perpetuals everywhere)."""
    by_asset = {part.asset: part for part in parts if part.asset not in MICRO}
    micro = {part.asset: part for part in parts if part.asset in MICRO}
    listings: list[Listing] = []
    for asset in assets:
        part = by_asset.get(asset.name)
        listings += _spot(asset, part)
        if asset.name != USDC:
            listings += _swaps(asset, part or micro.get(asset.name))
    return tuple(listings)


def _spot(asset: Asset, part: Part | None) -> Iterator[Listing]:
    for venue in SPOT_VENUES:
        if part is not None and (part.kind == FUNDING or venue not in part.places):
            continue
        yield _listing(venue, asset, "USDT", part.places[venue] if part else _PLAIN, is_planned=part is not None)
        if asset.name in USDC_BASES:
            yield _listing(venue, asset, USDC, _PLAIN, is_planned=False)


def _swaps(asset: Asset, part: Part | None) -> Iterator[Listing]:
    planned = part if part is not None and part.kind == FUNDING else None
    # An asset that is two things under one name has a perpetual of one of them only.
    is_ambiguous = part is not None and any(place.ratio != 1.0 for place in part.places.values())
    for venue in ("binanceusdm",) if is_ambiguous else SWAP_VENUES:
        if planned is not None and venue not in planned.places:
            continue
        place = planned.places[venue] if planned else _PLAIN
        yield _listing(venue, asset, "USDT", place, is_planned=planned is not None, is_swap=True)


def _listing(venue: str, asset: Asset, quote: str, place: Place, *, is_planned: bool, is_swap: bool = False) -> Listing:
    base = MULTIPLIED.get(venue, {}).get(asset.name, asset.name) if is_swap else asset.name
    multiplier = 1.0 if base == asset.name else MULTIPLIER
    price = asset.price * multiplier * place.ratio
    contract_size, step_dp = 1.0, _decimals(math.ceil(math.log10(price)))
    if is_swap and venue == "okx":
        usual = 10.0 ** round(math.log10(10.0 / price)), 0
        contract_size, step_dp = OKX_CONTRACTS.get(asset.name, usual)
    return Listing(
        venue=venue,
        asset=asset,
        base=base,
        quote=quote,
        is_swap=is_swap,
        place=place,
        is_planned=is_planned,
        multiplier=multiplier,
        contract_size=contract_size,
        price_dp=_decimals(5 - math.floor(math.log10(price))),
        step_dp=step_dp,
    )


def _decimals(count: int) -> int:
    return min(12, max(0, count))


__all__ = ["CROSS", "FUNDING", "Listing", "assets_build", "listings_build"]
