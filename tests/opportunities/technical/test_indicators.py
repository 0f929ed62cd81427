"""Indicators against values by hand and a plain reading of their definitions; what is missing stays missing."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.exceptions import PermanentError
from apps.markets.types import Candles
from apps.opportunities.technical import indicators, patterns

IN_PRICE = ("macd", "macd_signal", "macd_hist", "sma_20", "sma_50", "ema_12", "ema_26", "atr_14") + tuple(
    f"bb_{band}" for band in ("upper", "middle", "lower")
)
FREE = ("rsi_14", "bb_percent", "roc_10", "adx_14", "stoch_k", "stoch_d")
# Bars before the first value.
BEFORE = {
    "rsi_14": 14,
    "macd": 33,
    "macd_signal": 33,
    "macd_hist": 33,
    "sma_20": 19,
    "sma_50": 49,
    "ema_12": 11,
    "ema_26": 25,
    "bb_upper": 19,
    "bb_middle": 19,
    "bb_lower": 19,
    "bb_percent": 19,
    "atr_14": 14,
    "roc_10": 10,
    "adx_14": 27,
    "stoch_k": 17,
    "stoch_d": 17,
    "obv": 0,
}
# Wilder's own table (New Concepts in Technical Trading Systems, 1978) is not free; these closes are of the worksheet
# that StockCharts explains his index with: https://school.stockcharts.com/doku.php?id=technical_indicators:relative_strength_index_rsi
CLOSES = [
    44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28, 46.00,
    46.03, 46.41, 46.22, 45.64, 46.21, 46.25, 45.71, 46.45, 45.78, 45.35, 44.03, 44.18,
    44.22, 44.57, 43.42, 42.66, 43.13,
]  # fmt: skip


def candles(close: np.ndarray, **others: np.ndarray) -> Candles:
    """Bars of these closes [n, m]; what is not given follows from them."""
    close = np.atleast_2d(np.asarray(close, dtype=float))
    open_ = np.roll(close, 1, axis=1)
    open_[:, :1] = close[:, :1]
    told = {
        "open": open_,
        "high": np.fmax(open_, close),
        "low": np.fmin(open_, close),
        "volume": np.ones_like(close),
    } | {name: np.atleast_2d(np.asarray(value, dtype=float)) for name, value in others.items()}
    count, spans = close.shape
    moments = np.arange(spans, dtype=np.int64) * 60_000
    return Candles("aaa", "1m", np.arange(count, dtype=np.int64), moments, close=close, **told)


def walk(seed: int, count: int = 3, bars: int = 120, price: float = 100.0) -> Candles:
    """Prices that go up and down by a per cent or so."""
    dice = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(dice.normal(0, 0.01, (count, bars)), axis=1))
    open_ = close * np.exp(dice.normal(0, 0.004, close.shape))
    high = np.maximum(open_, close) * (1 + np.abs(dice.normal(0, 0.004, close.shape)))
    low = np.minimum(open_, close) * (1 - np.abs(dice.normal(0, 0.004, close.shape)))
    return candles(close, open=open_, high=high, low=low, volume=dice.uniform(1, 9, close.shape))


# --- by hand --------------------------------------------------------------------------------------------------


def rsi_by_hand(closes: list[float]) -> list[float]:
    """Wilder's: the mean gain and loss of the first 14 moves, then 13/14 of the mean and 1/14 of the move."""
    moves = [Fraction(str(after)) - Fraction(str(before)) for before, after in pairwise(closes)]
    gain = sum(max(move, Fraction(0)) for move in moves[:14]) / 14
    loss = sum(max(-move, Fraction(0)) for move in moves[:14]) / 14
    found = [float(100 * gain / (gain + loss))]
    for move in moves[14:]:
        gain = (gain * 13 + max(move, Fraction(0))) / 14
        loss = (loss * 13 + max(-move, Fraction(0))) / 14
        found.append(float(100 * gain / (gain + loss)))
    return found


def test_rsi_is_wilders() -> None:
    found = indicators.compute(candles(np.array(CLOSES)), ["rsi_14"])["rsi_14"][0]
    assert np.isnan(found[:14]).all()
    # 3.34 up and 1.40 down in the first 14 moves: 100 * 3.34 / 4.74.
    assert found[14] == pytest.approx(70.4641350, abs=1e-6)
    assert found[14:] == pytest.approx(rsi_by_hand(CLOSES))
    assert found[-1] == pytest.approx(37.79, abs=0.02)


def test_an_exponential_average_begins_with_the_plain_one() -> None:
    closes = np.arange(1.0, 21.0) ** 2
    found = indicators.compute(candles(closes), ["ema_12"])["ema_12"][0]
    expected = [float(np.mean(closes[:12]))]
    for close in closes[12:]:
        expected.append(expected[-1] + 2 / 13 * (close - expected[-1]))
    assert expected[0] == pytest.approx(650 / 12)
    assert found[11:] == pytest.approx(expected)


def test_atr_is_wilders_mean_of_the_true_range() -> None:
    # Ranges of 2; every fourth bar jumps by 5 from the close before.
    close = np.array([100.0 + 5 * (number // 4) for number in range(20)])
    bars = candles(close, open=close, high=close + 1, low=close - 1)
    found = indicators.compute(bars, ["atr_14"])["atr_14"][0]
    true = [6.0 if number % 4 == 0 else 2.0 for number in range(1, 20)]
    expected = [sum(true[:14]) / 14]
    for range_ in true[14:]:
        expected.append((13 * expected[-1] + range_) / 14)
    assert expected[0] == pytest.approx(40 / 14)
    assert np.isnan(found[:14]).all()
    assert found[14:] == pytest.approx(expected)


def test_bands_are_two_deviations_of_the_whole_around_the_mean() -> None:
    close = np.array([10.0, 12.0] * 10)
    found = indicators.compute(candles(close))
    assert [found[f"bb_{band}"][0, 19] for band in ("lower", "middle", "upper")] == pytest.approx([9.0, 11.0, 13.0])
    assert found["bb_percent"][0, 19] == pytest.approx(0.75)


def test_the_plain_ones() -> None:
    close = np.arange(2.0, 62.0)
    found = indicators.compute(candles(close, open=close, high=close + 1, low=close - 1))
    assert found["sma_20"][0, 19] == pytest.approx(11.5)
    assert found["sma_50"][0, 49] == pytest.approx(26.5)
    assert found["roc_10"][0, 10] == pytest.approx(100 * (12 / 2 - 1))
    # 14 bars from 1 to 16: the close is a step under the highest high.
    assert found["stoch_k"][0, 30] == found["stoch_d"][0, 30] == pytest.approx(100 * 14 / 15)
    assert found["rsi_14"][0, 30] == found["adx_14"][0, 40] == pytest.approx(100)
    assert found["macd_hist"][0, 50] == pytest.approx(found["macd"][0, 50] - found["macd_signal"][0, 50])
    # The 26-bar average of a line lags by 12.5, the 12-bar one by 5.5.
    assert found["macd"][0, 50] == pytest.approx(7.0)
    assert found["obv"][0].tolist() == [1.0 + number for number in range(60)]


def test_patterns_point_up_or_down() -> None:
    close = np.array([100.0 - number for number in range(15)] + [88.0])
    open_ = np.array([101.0 - number for number in range(15)] + [85.0])
    bars = candles(close, open=open_, high=np.maximum(open_, close) + 0.1, low=np.minimum(open_, close) - 0.1)
    found = patterns.compute(bars)
    listed = talib.get_function_groups()["Pattern Recognition"]
    assert list(found) == list(patterns.NAMES) == [name.removeprefix("CDL").lower() for name in listed]
    assert found["engulfing"][0, -1] == 1
    mirrored = candles(200 - close, open=200 - open_, high=200 - bars.low, low=200 - bars.high)
    assert patterns.compute(mirrored)["engulfing"][0, -1] == -1
    assert {int(value) for shown in found.values() for value in np.unique(shown)} <= {-1, 0, 1}


# --- what must not change them --------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-40, 40))
def test_another_unit_of_price_changes_nothing_but_the_unit(seed: int, exponent: int) -> None:
    bars = walk(seed, count=2, bars=80)
    factor = 2.0**exponent
    other = replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})
    before, after = indicators.compute(bars), indicators.compute(other)
    for name in FREE + ("obv",):
        np.testing.assert_array_equal(after[name], before[name])
    for name in IN_PRICE:
        np.testing.assert_array_equal(after[name], before[name] * factor)
    seen, seen_after = patterns.compute(bars), patterns.compute(other)
    assert all((seen_after[name] == seen[name]).all() for name in patterns.NAMES)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1e-14, 1e6))
def test_so_does_any_factor_but_for_rounding(seed: int, factor: float) -> None:
    bars = walk(seed, count=2, bars=80)
    other = replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})
    before, after = indicators.compute(bars), indicators.compute(other)
    for name in FREE:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6, atol=1e-7)
    for name in IN_PRICE:
        np.testing.assert_allclose(after[name] / factor, before[name], rtol=1e-6, atol=1e-7)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_ranges(seed: int) -> None:
    bars = walk(seed)
    found = indicators.compute(bars)
    for name in ("rsi_14", "adx_14", "stoch_k", "stoch_d"):
        known = found[name][np.isfinite(found[name])]
        assert len(known)
        assert (known > -1e-9).all()
        assert (known < 100 + 1e-9).all()
    known = np.isfinite(found["bb_upper"])
    assert (found["bb_lower"][known] < found["bb_middle"][known]).all()
    assert (found["bb_middle"][known] < found["bb_upper"][known]).all()
    assert (found["atr_14"][np.isfinite(found["atr_14"])] > 0).all()


def test_each_market_is_computed_as_if_it_were_alone() -> None:
    bars = walk(3, count=5)
    whole, shown = indicators.compute(bars), patterns.compute(bars)
    for row in range(5):
        names = ("open", "high", "low", "close", "volume")
        one = replace(
            bars,
            market_ids=bars.market_ids[row : row + 1],
            **{name: getattr(bars, name)[row : row + 1] for name in names},
        )
        for name, values in indicators.compute(one).items():
            np.testing.assert_array_equal(values[0], whole[name][row])
        for name, seen in patterns.compute(one).items():
            assert (seen[0] == shown[name][row]).all()


# --- what is missing ------------------------------------------------------------------------------------------


def test_a_history_that_is_too_short_tells_nothing() -> None:
    found = indicators.compute(walk(1, bars=60))
    assert set(found) == set(BEFORE) == set(indicators.NAMES)
    for name, before in BEFORE.items():
        assert np.isnan(found[name][:, :before]).all(), name
        assert np.isfinite(found[name][:, before:]).all(), name
    for bars in (1, 2, 5):
        short = indicators.compute(walk(1, bars=bars))
        assert all(np.isnan(values).all() for name, values in short.items() if name != "obv")
        patterns.compute(walk(1, bars=bars))


def holed(bars: Candles, *at: int, row: int = 0) -> Candles:
    """The same with bars missing in one row."""
    changed = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for values in changed.values():
        values[row, list(at)] = np.nan
    return replace(bars, **changed)


@pytest.mark.parametrize("hole", [(0, 1, 2), (40,), (40, 41, 44), (118, 119), tuple(range(120))])
def test_nothing_is_computed_across_a_hole(hole: tuple[int, ...]) -> None:
    bars = walk(4)
    whole, found = indicators.compute(bars), indicators.compute(holed(bars, *hole))
    shown = patterns.compute(holed(bars, *hole))
    runs = np.split(np.arange(120), [edge for at in hole for edge in (at, at + 1)])
    runs = [run for run in runs if len(run) and run[0] not in hole]
    for name, before in BEFORE.items():
        expected = np.full(120, np.nan)
        for run in runs:
            cut = {each: getattr(bars, each)[:1, run] for each in ("open", "high", "low", "close", "volume")}
            alone = indicators.compute(replace(bars, market_ids=bars.market_ids[:1], open_ms=bars.open_ms[run], **cut))
            expected[run] = alone[name][0]
        np.testing.assert_array_equal(found[name][0], expected)
        # The neighbours don't notice.
        np.testing.assert_array_equal(found[name][1:], whole[name][1:])
        assert np.isnan(found[name][0, list(hole)]).all()
        assert all(np.isnan(found[name][0, run[:before]]).all() for run in runs)
    assert all((seen[0, list(hole)] == 0).all() for seen in shown.values())


def test_a_bar_without_one_of_its_prices_or_with_one_that_can_not_be_is_a_hole() -> None:
    bars = walk(5)
    for name, value in (("open", np.nan), ("high", np.inf), ("low", 0.0), ("close", -1.0)):
        changed = getattr(bars, name).copy()
        changed[0, 60] = value
        found = indicators.compute(replace(bars, **{name: changed}))
        expected = indicators.compute(holed(bars, 60))
        for each in set(BEFORE) - {"obv"}:
            np.testing.assert_array_equal(found[each], expected[each])


def test_without_volume_there_is_no_balance_of_it_and_all_else_is_the_same() -> None:
    bars = walk(6)
    found, whole = indicators.compute(replace(bars, volume=np.full_like(bars.volume, np.nan))), indicators.compute(bars)
    assert np.isnan(found["obv"]).all()
    for name in set(BEFORE) - {"obv"}:
        np.testing.assert_array_equal(found[name], whole[name])
    late = bars.volume.copy()
    late[:, 70] = np.nan
    part = indicators.compute(replace(bars, volume=late))["obv"]
    assert np.isfinite(part[:, :70]).all()
    assert np.isnan(part[:, 70:]).all()


def test_a_price_that_stands_still_is_neither_bought_nor_sold_out() -> None:
    found = indicators.compute(candles(np.full(60, 7.0)))
    for name in ("rsi_14", "stoch_k", "stoch_d", "bb_percent"):
        assert np.isnan(found[name]).all(), name
    for name in ("sma_20", "ema_12", "bb_upper", "bb_lower"):
        assert found[name][0, -1] == pytest.approx(7.0)
    assert found["atr_14"][0, -1] == found["macd"][0, -1] == found["roc_10"][0, -1] == 0.0
    # Once it moves there is an index again.
    moved = indicators.compute(candles(np.array([7.0] * 40 + [7.5] + [7.4] * 4)))
    assert moved["rsi_14"][0, 40] == pytest.approx(100.0)
    assert 0 < moved["rsi_14"][0, -1] < 100
    assert np.isnan(moved["stoch_k"][0, :40]).all()
    assert math.isfinite(moved["stoch_k"][0, 42])


def test_no_market_no_bar_and_unknown_names() -> None:
    empty = candles(np.empty((0, 30)))
    assert indicators.compute(empty)["rsi_14"].shape == (0, 30)
    assert patterns.compute(candles(np.empty((2, 0))))["doji"].shape == (2, 0)
    assert set(indicators.compute(walk(1), ["macd_hist", "obv"])) == {"macd_hist", "obv"}
    with pytest.raises(PermanentError, match="There is no indicator rsi_15; there are rsi_14, macd"):
        indicators.compute(walk(1), ["rsi_15", "macd"])
