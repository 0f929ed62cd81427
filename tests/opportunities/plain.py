"""The formulas once more, as plain loops over tickers: what the array scans have to equal, and to outrun."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from apps.opportunities.strategies.base import ScanParams
from tests.opportunities.factories import HOUR_MS, NOW_MS, Listing

Ticker = Mapping[str, Any]
Markets = Mapping[str, Mapping[str, Ticker]]


def tickers_of(listings: Sequence[Listing], *, swap: bool) -> dict[str, dict[str, Ticker]]:
    """Exchange -> common name -> ticker, prices per unit of the instrument, like the answers of a bulk call."""
    markets: dict[str, dict[str, Ticker]] = {}
    for one in listings:
        if one.swap is swap:
            markets.setdefault(one.exchange, {})[f"{one.instrument}/{one.quote}"] = {
                "bid": one.bid / one.multiplier,
                "ask": one.ask / one.multiplier,
                "fee": one.fee,
                "timestamp": one.ts,
                "rate": one.rate,
                "interval_ms": one.interval_h * HOUR_MS,
                "next": NOW_MS + round(one.next_h * HOUR_MS),
            }
    return markets


def cross_pairs(markets: Markets, params: ScanParams) -> dict[tuple[str, str, str], float]:
    """(name, buy exchange, sell exchange) -> net edge, one pair after the other."""
    found = {}
    for buy_exchange, buys in markets.items():
        for sell_exchange, sells in markets.items():
            if buy_exchange == sell_exchange:
                continue
            for name, buy in buys.items():
                sell = sells.get(name)
                if sell is None or not _comparable(buy, sell, params):
                    continue
                net = sell["bid"] * (1 - sell["fee"]) / (buy["ask"] * (1 + buy["fee"])) - 1
                if net > params.min_net_edge:
                    found[name, buy_exchange, sell_exchange] = net
    return found


def funding_pairs(markets: Markets, params: ScanParams) -> dict[tuple[str, str, str], float]:
    """(name, long exchange, short exchange) -> net edge, one pair after the other."""
    found = {}
    for long_exchange, longs in markets.items():
        for short_exchange, shorts in markets.items():
            if long_exchange == short_exchange:
                continue
            for name, long in longs.items():
                short = shorts.get(name)
                if short is None or not _comparable(long, short, params):
                    continue
                gross = _received(short, params) - _received(long, params)
                mid_long, mid_short = (long["bid"] + long["ask"]) / 2, (short["bid"] + short["ask"]) / 2
                spread = (long["ask"] - long["bid"]) / mid_long + (short["ask"] - short["bid"]) / mid_short
                net = gross - 2 * (long["fee"] + short["fee"]) - spread + min(0.0, mid_short / mid_long - 1)
                if net > params.min_net_edge:
                    found[name, long_exchange, short_exchange] = net
    return found


def spot_perp_pairs(spots: Markets, swaps: Markets, params: ScanParams) -> dict[tuple[str, str, str], float]:
    """(name, exchange of the coin, exchange of the perpetual) -> net edge, one pair after the other."""
    found = {}
    for long_exchange, longs in spots.items():
        for short_exchange, shorts in swaps.items():
            for name, long in longs.items():
                short = shorts.get(name)
                if short is None or not _comparable(long, short, params):
                    continue
                mid_long, mid_short = (long["bid"] + long["ask"]) / 2, (short["bid"] + short["ask"]) / 2
                spread = (long["ask"] - long["bid"]) / mid_long + (short["ask"] - short["bid"]) / mid_short
                net = _received(short, params) - 2 * (long["fee"] + short["fee"]) - spread
                net += min(0.0, mid_short / mid_long - 1)
                if net > params.min_net_edge:
                    found[name, long_exchange, short_exchange] = net
    return found


def _received(ticker: Ticker, params: ScanParams) -> float:
    wait, horizon = ticker["next"] - NOW_MS, params.horizon_h * HOUR_MS
    count = 0 if wait > horizon else math.floor((horizon - wait) / ticker["interval_ms"]) + 1
    return float(count * ticker["rate"])


def _comparable(one: Ticker, other: Ticker, params: ScanParams) -> bool:
    for ticker in (one, other):
        if not (math.isfinite(ticker["fee"]) and 0 < ticker["bid"] <= ticker["ask"]):
            return False
    mids = sorted(((one["bid"] + one["ask"]) / 2, (other["bid"] + other["ask"]) / 2))
    return abs(one["timestamp"] - other["timestamp"]) <= params.max_skew_ms and mids[1] <= mids[0] * (
        1 + params.max_price_ratio
    )
