"""Who lists what: every market of the synthetic world with its steps, sizes and part in the scenario."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.market.catalog import (
    COMMON,
    DOLLAR_PAIRS,
    DOLLARS,
    MAJORS,
    MICRO,
    MULTIPLIER,
    USDC_BASES,
    VENUES,
    Asset,
    Venue,
    extra_assets,
)
from sandbox.market.scenario import Part, Place, Quirk, cast_unused

_PLAIN = Place()


@dataclass(frozen=True, slots=True)
class Listing:
    """One market of one exchange. Prices are per unit of `base` (`multiplier` units of the asset); `price_dp` and
    `step_dp` are the decimals of price tick and order step, the step in the exchange's own order unit (contracts of
    `contract_size` base units, or of so many units of the quote currency where `is_inverse`)."""

    venue: str
    asset: Asset
    base: str
    quote: str
    is_swap: bool
    is_inverse: bool
    place: Place
    is_planned: bool
    multiplier: float
    contract_size: float
    price_dp: int
    step_dp: int

    @property
    def symbol(self) -> str:
        """The unified symbol: ccxt writes all of it in capitals."""
        settle = self.base if self.is_inverse else self.quote
        return (f"{self.base}/{self.quote}" + (f":{settle}" if self.is_swap else "")).upper()

    @property
    def step(self) -> float:
        """The least order in units of `base`, at the usual price."""
        size = self.contract_size / (self.asset.price if self.is_inverse else 1.0)
        return size / 10.0**self.step_dp

    @property
    def quote_usd(self) -> float:
        """About what one unit of the quote currency is worth in dollars."""
        return MAJORS.get(self.quote, 1.0)

    @property
    def least_value(self) -> str:
        """The least order in quote currency, about five dollars."""
        return f"{5.0 / self.quote_usd:.8f}".rstrip("0").rstrip(".")

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
    extra = extra_assets(max(0, count - len(prices)))
    assets = [
        Asset(name, price, 9e8, 0.00003, 250_000.0, liveliness=0.0 if price == 1.0 else 0.004)
        for name, price in DOLLARS.items()
    ]
    prices |= extra
    for name, price in prices.items():
        if name in MAJORS:
            assets.append(Asset(name, price, dice.uniform(3e8, 2e9), 0.00005, dice.uniform(40_000, 90_000)))
        else:
            spread = dice.uniform(0.0001, 0.00018)
            turnover, top = dice.uniform(4e6, 9e7), dice.uniform(4_000, 14_000)
            assets.append(Asset(name, price, turnover, spread, top, 1.4, extra=name in extra))
    return tuple(assets)


def listings_build(assets: tuple[Asset, ...], parts: tuple[Part, ...]) -> tuple[Listing, ...]:
    """Every market; the scenario's assets are listed only where their part puts them."""
    by_asset = {part.asset: part for part in parts if part.asset not in MICRO}
    micro = {part.asset: part for part in parts if part.asset in MICRO}
    listings: list[Listing] = []
    for asset in assets:
        part = by_asset.get(asset.name)
        listings += _spot(asset, part)
        if asset.name not in DOLLARS:
            listings += _swaps(asset, part or micro.get(asset.name))
    return tuple(listings)


def _spot(asset: Asset, part: Part | None) -> Iterator[Listing]:
    for name, venue in VENUES.items():
        if part is not None and name not in part.spot:
            continue
        place = part.spot[name] if part else _PLAIN
        for quote in venue.spot:
            if _is_listed(asset, venue, quote):
                yield _listing(name, asset, quote, place, is_planned=part is not None and quote == venue.spot[0])
    for (name, quote), place in part.quoted.items() if part else ():
        yield _listing(name, asset, quote, place, is_planned=True)


def _is_listed(asset: Asset, venue: Venue, quote: str) -> bool:
    """A venue's first currency quotes everything, the others only a few majors; one dollar is traded for another."""
    if asset.name in DOLLARS:
        return (asset.name, quote) in DOLLAR_PAIRS
    if venue.few and asset.name not in (*MAJORS, *COMMON):
        return False
    return quote == venue.spot[0] or asset.name in USDC_BASES


def _swaps(asset: Asset, part: Part | None) -> Iterator[Listing]:
    planned = part.swap if part is not None else None
    # An asset that is two things under one name has a perpetual of one of them only.
    is_ambiguous = part is not None and any(place.ratio != 1.0 for place in part.spot.values())
    for name, venue in VENUES.items():
        if not venue.swap or (is_ambiguous and name != "binanceusdm") or (planned is not None and name not in planned):
            continue
        if venue.few and asset.name not in (*MAJORS, *COMMON):
            continue
        place = planned[name] if planned is not None else Place(interval_h=venue.interval_h)
        yield _listing(name, asset, venue.swap, place, is_planned=planned is not None, is_swap=True)


def _listing(name: str, asset: Asset, quote: str, place: Place, *, is_planned: bool, is_swap: bool = False) -> Listing:
    venue = VENUES[name]
    base = venue.packed.get(asset.name, asset.name) if is_swap else asset.name
    multiplier = 1.0 if base == asset.name else MULTIPLIER
    price = asset.price * multiplier * place.ratio / MAJORS.get(quote, 1.0)
    contract_size, step_dp = 1.0, _decimals(math.ceil(math.log10(price * MAJORS.get(quote, 1.0))))
    if is_swap and venue.inverse:
        contract_size, step_dp = 100.0 if asset.name == "BTC" else 10.0, 0
    elif is_swap and venue.contracts is not None:
        contract_size, step_dp = venue.contracts.get(asset.name, (10.0 ** round(math.log10(10.0 / price)), 0))
    return Listing(
        venue=name,
        asset=asset,
        base=base,
        quote=quote,
        is_swap=is_swap,
        is_inverse=is_swap and venue.inverse,
        place=place,
        is_planned=is_planned,
        multiplier=multiplier,
        contract_size=contract_size,
        price_dp=_decimals(5 - math.floor(math.log10(price))),
        step_dp=step_dp,
    )


def _decimals(count: int) -> int:
    return min(12, max(0, count))


__all__ = ["Listing", "assets_build", "listings_build"]
