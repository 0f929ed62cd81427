"""The scenario: opportunities that must be found and decoys that must not, as data.

All gaps are constant while prices move. Costs they are measured against (ccxt's taker fees): spot binance 0.10 %, bybit
0.10 %, okx 0.15 %; perpetuals binanceusdm 0.05 %, bybit 0.06 %, okx 0.05 %; spreads 2 to 4 hundredths of a percent.

Assets quoted in coins are few on purpose: two of them on one exchange already make cycles of four trades together.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from sandbox.market.catalog import CAST, USDC, USDT

_Key = TypeVar("_Key")

CROSS = "cross_exchange"
FUNDING = "funding_rate"
SPOT_PERP = "spot_perp"
TRIANGULAR = "triangular"
# Stands for the part's asset among the currencies of a cycle.
ITSELF = "*"
# Expected gaps are stretched by the seed, by at most this factor: seeds differ, and no bystander turns profitable.
MAX_STRETCH = 1.08


class Quirk(StrEnum):
    """What is wrong with a market's data."""

    NONE = ""
    STALE = "stale"
    CROSSED = "crossed"
    ZERO_ASK = "zero_ask"
    NAN_BID = "nan_bid"
    NEGATIVE_ASK = "negative_ask"
    THIN = "thin"
    THIN_HIDDEN = "thin_hidden"
    UNKNOWN_INTERVAL = "unknown_interval"


@dataclass(frozen=True, slots=True)
class Place:
    """How one exchange lists the asset: `gap` off the fair price and `daily` funding of 24 h as fractions."""

    gap: float = 0.0
    daily: float = 0.0
    interval_h: int = 8
    quirk: Quirk = Quirk.NONE
    active: bool = True
    half_spread: float | None = None
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """One opportunity (`why` empty) or decoy: where its asset is listed, its legs and least net edges.

    `spot` and `swap` are the exchanges with a spot market in their first currency and with a perpetual (None: all of
    them, ordinary ones); `quoted` are spot markets in another currency, by (exchange, currency). Each of `legs` is
    (bought at, sold at) or, of a cycle, (exchange, currency, currency…).
    """

    kind: str
    spot: Mapping[str, Place]
    swap: Mapping[str, Place] | None
    legs: tuple[tuple[str, ...], ...]
    least: tuple[str, ...] = ()
    why: str = ""
    asset: str = ""
    price: float = 0.0
    fee_flag: str = ""
    note: str = ""
    quoted: Mapping[tuple[str, str], Place] = field(default_factory=dict)


_PLAIN = Place()


def _cross(spot: Mapping[str, Place], *legs: tuple[str, str], **more: Any) -> Part:
    return Part(CROSS, spot, None, legs, **more)


def _funding(swap: Mapping[str, Place], *legs: tuple[str, str], **more: Any) -> Part:
    return Part(FUNDING, {}, swap, legs, **more)


def _spot_perp(spot: str, swap: str, place: Place, **more: Any) -> Part:
    return Part(SPOT_PERP, {spot: _PLAIN}, {swap: place}, ((spot, swap),), **more)


def _triangular(venue: str, quoted: Mapping[str, Place], *cycles: tuple[str, ...], **more: Any) -> Part:
    places = {(venue, quote): place for quote, place in quoted.items()}
    legs = tuple((venue, *currencies) for currencies in cycles)
    return Part(TRIANGULAR, {venue: _PLAIN}, {}, legs, quoted=places, **more)


def _apart(low: str, high: str, gap: float, *, low_is: Place = _PLAIN, high_is: Place = _PLAIN) -> dict[str, Place]:
    """Two exchanges `gap` apart around the fair price."""
    return {low: replace(low_is, gap=-gap / 2), high: replace(high_is, gap=gap / 2)}


_EXPECTED = (
    _cross(_apart("binance", "okx", 0.0070), ("binance", "okx"), least=("0.0035",)),
    _cross(_apart("bybit", "binance", 0.0055), ("bybit", "binance"), least=("0.0025",)),
    _cross(_apart("okx", "bybit", 0.0080), ("okx", "bybit"), least=("0.0045",)),
    _cross(
        {"binance": Place(gap=-0.003), "bybit": Place(gap=0.003), "okx": Place(gap=0.003)},
        ("binance", "bybit"),
        ("binance", "okx"),
        least=("0.0030", "0.0025"),
    ),
    _cross(
        _apart("bybit", "okx", 0.0075),
        ("bybit", "okx"),
        least=("0.0040",),
        fee_flag="okx",
        note="no exchange lets ccxt report an unknown fee; flag this market's fee as unknown and it must vanish",
    ),
    _funding(
        {"binanceusdm": Place(daily=-0.0006), "bybit": Place(daily=0.0046)},
        ("binanceusdm", "bybit"),
        least=("0.0020",),
    ),
    _funding(
        {"bybit": Place(daily=0.0030), "okx": Place(daily=0.0096, interval_h=1)},
        ("bybit", "okx"),
        least=("0.0033",),
        note="the hourly rate is the smaller number and the larger funding",
    ),
    _funding(
        {
            "okx": Place(daily=-0.0027),
            "bybit": Place(daily=-0.0007),
            "binanceusdm": Place(daily=0.0013, interval_h=4),
        },
        ("okx", "binanceusdm"),
        least=("0.0011",),
        asset="PEPE",
        note="1000PEPE against PEPE",
    ),
    _funding(
        {"bybit": Place(daily=-0.0020, interval_h=2), "binanceusdm": Place(daily=0.0035)},
        ("bybit", "binanceusdm"),
        least=("0.0022",),
    ),
    _spot_perp("bybit", "bybit", Place(daily=0.0068), least=("0.0022",)),
    _spot_perp(
        "okx",
        "binanceusdm",
        Place(daily=0.0080, interval_h=1, gap=0.002),
        least=("0.0024",),
        note="that the perpetual is dearer than the coin is no part of the edge",
    ),
    _triangular(
        "binance",
        {"BTC": Place(gap=0.0075)},
        (USDT, ITSELF, "BTC"),
        least=("0.0034",),
        note="USDT, the coin, BTC, USDC, USDT earns as well, but only by a detour",
    ),
    _triangular(
        "bybit",
        {"BTC": Place(gap=-0.0027), "ETH": Place(gap=0.0027)},
        (USDT, "BTC", ITSELF, "ETH"),
        (USDC, "BTC", ITSELF, "ETH"),
        least=("0.0006", "0.0006"),
        note="three trades never earn their fees here, four do",
    ),
)

_DECOYS = (
    _cross(
        {"binance": Place(gap=-0.0009), "bybit": Place(), "okx": Place(gap=0.0009)},
        ("binance", "okx"),
        why="gross positive, net negative",
    ),
    _cross(_apart("binance", "okx", 0.009, high_is=Place(quirk=Quirk.STALE)), ("binance", "okx"), why="stale"),
    _cross(
        {"binance": Place(), "bybit": Place(quirk=Quirk.CROSSED)},
        ("binance", "bybit"),
        ("bybit", "binance"),
        why="crossed",
    ),
    _cross({"binance": Place(quirk=Quirk.ZERO_ASK), "bybit": Place()}, ("binance", "bybit"), why="zero price"),
    _cross({"okx": Place(), "bybit": Place(quirk=Quirk.NAN_BID)}, ("okx", "bybit"), why="NaN price"),
    _cross({"binance": Place(), "okx": Place(quirk=Quirk.NEGATIVE_ASK)}, ("okx", "binance"), why="negative price"),
    _cross(
        _apart("binance", "bybit", 0.009, low_is=Place(quirk=Quirk.THIN)),
        ("binance", "bybit"),
        why="thin book",
        note="2 USD at the gap, under the least order; the rest of the book is fair",
    ),
    _cross(
        _apart("bybit", "binance", 0.009, high_is=Place(quirk=Quirk.THIN_HIDDEN)),
        ("bybit", "binance"),
        why="thin book",
        note="the ticker promises a size that the book doesn't have",
    ),
    _cross(
        {"binance": Place(), "okx": Place(ratio=300.0)},
        ("binance", "okx"),
        why="same ticker, different asset",
        asset="ACE",
        price=1.85,
    ),
    _cross(_apart("binance", "okx", 0.012, high_is=Place(active=False)), ("binance", "okx"), why="inactive market"),
    _cross(_apart("bybit", "binance", 0.012, high_is=Place(active=False)), ("bybit", "binance"), why="inactive market"),
    _funding(
        {"binanceusdm": Place(), "bybit": Place(daily=0.0008), "okx": Place(daily=0.0015)},
        ("binanceusdm", "okx"),
        why="gross positive, net negative",
    ),
    _funding(
        {"binanceusdm": Place(), "bybit": Place(daily=0.009, quirk=Quirk.UNKNOWN_INTERVAL)},
        ("binanceusdm", "bybit"),
        why="unknown funding interval",
    ),
    _funding(
        {"bybit": Place(), "okx": Place(daily=0.009, quirk=Quirk.UNKNOWN_INTERVAL)},
        ("bybit", "okx"),
        why="unknown funding interval",
    ),
    _funding(
        {"okx": Place(daily=0.0048, interval_h=1), "bybit": Place(daily=0.0048)},
        ("okx", "bybit"),
        why="rates of different intervals",
        note="0.02 % an hour against 0.16 % in 8 hours: the same a day",
    ),
    _funding(
        {"binanceusdm": Place(daily=-0.006, quirk=Quirk.STALE), "bybit": Place()},
        ("binanceusdm", "bybit"),
        why="stale",
    ),
    _funding(
        {"binanceusdm": Place(daily=-0.005, quirk=Quirk.THIN), "bybit": Place()},
        ("binanceusdm", "bybit"),
        why="thin book",
        note="2 USD at the touch, the next levels 1.2 % away",
    ),
    _funding({"binanceusdm": Place(daily=-0.006, active=False), "okx": Place()}, ("binanceusdm", "okx"),
             why="inactive market"),
    _funding({"bybit": Place(daily=-0.005, half_spread=0.0025), "okx": Place()}, ("bybit", "okx"), why="wide spread"),
    _funding(
        {"binanceusdm": Place(), "bybit": Place(daily=0.005, gap=-0.006)},
        ("binanceusdm", "bybit"),
        why="basis against the position",
    ),
    _spot_perp("binance", "okx", Place(daily=0.0025), why="gross positive, net negative"),
    _spot_perp(
        "binance", "bybit", Place(daily=-0.008), why="the coin would have to be borrowed",
        note="the short leg pays; whoever sells the coin instead has to borrow it at a rate that nobody tells",
    ),
    _spot_perp("okx", "okx", Place(daily=0.006, gap=-0.006), why="basis against the position"),
    _spot_perp("bybit", "bybit", Place(daily=0.009, quirk=Quirk.UNKNOWN_INTERVAL), why="unknown funding interval"),
    _triangular("okx", {"BTC": Place(gap=0.003)}, (USDT, ITSELF, "BTC"), why="gross positive, net negative"),
    _triangular("okx", {"BTC": Place(gap=0.009, quirk=Quirk.STALE)}, (USDT, ITSELF, "BTC"), why="stale"),
    _triangular(
        "bybit", {"BTC": Place(gap=0.009, quirk=Quirk.THIN)}, (USDT, ITSELF, "BTC"), why="thin book",
        note="2 USD at the gap, under the least order; the rest of the book is fair",
    ),
)  # fmt: skip


def parts_cast(seed: int) -> tuple[Part, ...]:
    """The scenario's parts with their assets and gaps for this seed."""
    dice = random.Random(seed)
    names = list(CAST)
    dice.shuffle(names)
    parts = []
    for part in (*_EXPECTED, *_DECOYS):
        stretch = 1.0 if part.why else 1.0 + (MAX_STRETCH - 1.0) * dice.random()
        asset = part.asset or names.pop()
        parts.append(
            replace(
                part,
                asset=asset,
                price=part.price or CAST.get(asset, 0.0),
                spot=_stretched(part.spot, stretch),
                swap=None if part.swap is None else _stretched(part.swap, stretch),
                quoted=_stretched(part.quoted, stretch),
            )
        )
    return tuple(parts)


def _stretched(places: Mapping[_Key, Place], stretch: float) -> dict[_Key, Place]:
    return {key: replace(place, gap=place.gap * stretch, daily=place.daily * stretch) for key, place in places.items()}


def cast_unused(parts: tuple[Part, ...]) -> dict[str, float]:
    """The cast that got no part this time: ordinary assets."""
    taken = {part.asset for part in parts}
    return {name: price for name, price in CAST.items() if name not in taken}
