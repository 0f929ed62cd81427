"""Where conditions hold, and how strongly: by hand, and as properties over invented markets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.opportunities.technical import patterns
from apps.opportunities.technical.conditions import conditions_parse
from apps.opportunities.technical.readings import bar_by_bar, last_two
from apps.opportunities.technical.shipped import SHIPPED
from apps.opportunities.technical.signals import signals_of
from tests.opportunities.technical.bars import NEWEST_MS, judged, mirrored, readings_of, scaled, shipped, walks

NAN = float("nan")
TWINS = [("rsi_oversold", "rsi_overbought"), ("macd_up", "macd_down"), ("sma_up", "sma_down"), ("ema_up", "ema_down"),
         ("band_up", "band_down")]  # fmt: skip
SEEDS = st.integers(0, 10_000)


def reading(**figures: list[list[float]]) -> dict[str, np.ndarray]:
    known = {name: np.array(pairs, dtype=float) for name, pairs in figures.items()}
    count = len(next(iter(known.values())))
    return {"atr_14": np.full((count, 2), 2.0), "close": np.full((count, 2), 100.0), **known}


def held(leaf: dict[str, Any], **figures: list[list[float]]) -> list[float]:
    found = signals_of(conditions_parse({"all": [{"timeframe": "1h", **leaf}]}), {"1h": reading(**figures)})
    assert found.holds.tolist() == [strength > 0 for strength in found.strength.tolist()]
    return [round(strength, 6) for strength in found.strength.tolist()]


def test_margins_by_hand() -> None:
    below = {"indicator": "rsi_14", "op": "<", "value": 30}
    assert held(below, rsi_14=[[50, 30], [50, 15], [50, 0], [50, NAN]]) == [0, 0.5, 0.75, 0]
    above = {"indicator": "rsi_14", "op": ">", "value": 60}
    assert held(above, rsi_14=[[50, 60], [50, 80], [50, 100]]) == [0, 0.5, 0.75]
    crossing = {"indicator": "macd", "op": "crosses_above", "other": "macd_signal"}
    # 1 above, with an ATR of 2: half a margin. It was below, equal, above, unknown before.
    lines: Any = {"macd": [[0, 2], [1, 2], [2, 2], [NAN, 2]], "macd_signal": [[1, 1], [1, 1], [1, 1], [1, 1]]}
    assert held(crossing, **lines) == [0.5, 0.5, 0, 0]
    falling = {"indicator": "macd", "op": "crosses_below", "other": "macd_signal"}
    assert held(falling, macd=[[1, -9]], macd_signal=[[1, 1]]) == [0.75]
    band = {"indicator": "bb_percent", "op": ">", "value": 1}
    assert held(band, bb_percent=[[0, 1.5], [0, 9]]) == [0.5, 0.75]
    change = {"indicator": "roc_10", "op": ">", "value": 1}
    # The ATR is 2 % of the close.
    assert held(change, roc_10=[[0, 2], [0, 9]]) == [0.5, 0.75]
    between = {"indicator": "rsi_14", "op": "between", "value": [40, 60]}
    assert held(between, rsi_14=[[0, 40], [0, 50], [0, 45], [0, 61]]) == [0.25, 0.75, 0.5, 0]
    pattern = {"pattern": "engulfing", "is": "bearish"}
    assert held(pattern, engulfing=[[0, -1], [0, 1], [-1, 0]]) == [0.5, 0, 0]


def test_what_has_no_range_yet_is_no_signal() -> None:
    rising = {"indicator": "close", "op": ">", "other": "sma_20"}
    assert held(rising, sma_20=[[90, 90]], atr_14=[[NAN, NAN]]) == [0]
    assert held(rising, sma_20=[[90, 90]], atr_14=[[0, 0]]) == [0]


def test_groups_and_confirmation_by_hand() -> None:
    low = {"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}
    longer = {**low, "timeframe": "4h"}
    trend = {"indicator": "adx_14", "timeframe": "1h", "op": ">", "value": 50}
    hours = reading(rsi_14=[[50, 15], [50, 15], [50, 50]], adx_14=[[0, 75], [0, 25], [0, 100]])
    readings = {"1h": hours, "4h": reading(rsi_14=[[50, 0], [50, 50], [50, 15]])}

    def strengths(rule: dict[str, Any]) -> list[float]:
        return [round(one, 6) for one in signals_of(conditions_parse(rule), readings).strength.tolist()]

    assert strengths({"all": [low, longer]}) == [1 - 0.5 * 0.25, 0, 0]
    assert strengths({"any": [low, longer]}) == [1 - 0.5 * 0.25, 0.5, 0.5]
    # Of one timeframe the strongest counts, once.
    assert strengths({"all": [low, trend]}) == [0.5, 0, 0]
    assert strengths({"any": [low, trend]}) == [0.5, 0.5, 0.75]
    # What confirms need not hold, makes nothing hold, and only makes stronger.
    assert strengths({"all": [low], "confirm": [longer]}) == [1 - 0.5 * 0.25, 0.5, 0]
    assert strengths({"all": [low], "confirm": [trend]}) == [0.5, 0.5, 0]
    # What holds inside of a group that does not, adds nothing.
    assert strengths({"any": [low, {"all": [longer, {**trend, "value": 99}]}]}) == [0.5, 0.5, 0.875]


@given(SEEDS, st.sampled_from(SHIPPED), st.integers(-20, 20))
def test_scaling_all_prices_changes_no_signal(seed: int, rule: Any, power: int) -> None:
    """By powers of two, which floats scale exactly."""
    hours, four = walks(seed, markets=8, bars=120), walks(seed + 1, markets=8, bars=120, timeframe="4h")
    before = judged(dict(rule.conditions), hours, four)
    after = judged(dict(rule.conditions), scaled(hours, 2.0**power), scaled(four, 2.0**power))
    np.testing.assert_array_equal(before.holds, after.holds)
    np.testing.assert_allclose(before.strength, after.strength, rtol=1e-9)


@pytest.mark.parametrize(("up", "down"), TWINS)
def test_mirrored_prices_swap_the_direction(up: str, down: str) -> None:
    """RSI, averages, MACD and bands of prices turned around a constant are their own mirror images."""
    # The rate of change is a ratio, which has none.
    rules = [{**shipped(slug), "all": [one for one in shipped(slug)["all"] if one["indicator"] != "roc_10"]}
             for slug in (up, down)]  # fmt: skip
    found = 0
    for seed in range(20):
        hours, four = walks(seed), walks(seed + 100, timeframe="4h")
        for one, other in (rules, rules[::-1]):
            seen = judged(one, hours, four)
            turned = judged(other, mirrored(hours), mirrored(four))
            np.testing.assert_array_equal(seen.holds, turned.holds)
            np.testing.assert_allclose(seen.strength, turned.strength, atol=1e-9)
            found += int(seen.holds.sum())
    assert found > 5


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.slug)
def test_no_signal_of_missing_or_short_history(rule: Any) -> None:
    held_at_all = 0
    for seed in range(30):
        hours, four = walks(seed), walks(seed + 100, timeframe="4h")
        found = judged(dict(rule.conditions), hours, four)
        assert ((found.strength > 0) == found.holds).all()
        assert (found.strength < 1).all()
        held_at_all += int(found.holds.sum())
        last = np.arange(200) == 199
        prices: Any = {name: np.where(last, NAN, getattr(hours, name)) for name in ("open", "high", "low", "close")}
        gone = replace(hours, **prices)
        assert not judged(dict(rule.conditions), gone, four).holds.any()
        short = _until(hours, 10)
        assert not judged(dict(rule.conditions), short, four).holds.any()
    assert held_at_all > 0


@given(SEEDS, st.floats(0, 100), st.floats(0, 100), st.sampled_from(["<", ">"]))
def test_a_stricter_threshold_never_gives_more_signals(seed: int, one: float, other: float, op: str) -> None:
    lax, strict = (max(one, other), min(one, other)) if op == "<" else (min(one, other), max(one, other))
    bars = walks(seed, markets=20, bars=60)

    def rule(value: float) -> dict[str, Any]:
        return {"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": op, "value": value}]}

    assert not (judged(rule(strict), bars).holds & ~judged(rule(lax), bars).holds).any()


@given(SEEDS, st.lists(st.sampled_from(range(len(SHIPPED))), min_size=1, max_size=4))
def test_one_more_condition_never_gives_more_signals(seed: int, picked: list[int]) -> None:
    bars = walks(seed, markets=30, bars=120)
    leaves = [leaf for at in picked for leaf in SHIPPED[at].conditions["all"]]
    extra = {"indicator": "adx_14", "timeframe": "1h", "op": ">", "value": 20}
    fewer = judged({"all": [*leaves, extra]}, bars).holds
    assert not (fewer & ~judged({"all": leaves}, bars).holds).any()
    more = judged({"any": [*leaves, extra]}, bars).holds
    assert not (judged({"any": leaves}, bars).holds & ~more).any()


def test_bar_by_bar_reads_what_was_closed_by_then() -> None:
    """At every close of an hour the rule finds what it finds with the bars until then."""
    hours, four = walks(3, markets=3, bars=120), walks(4, markets=3, bars=120, timeframe="4h")
    conditions = conditions_parse(shipped("rsi_overbought"))
    moments, readings = bar_by_bar(conditions, {"1h": hours, "4h": four}, {"1h": 1, "4h": 1})
    found = signals_of(conditions, readings)
    assert moments.tolist() == (hours.open_ms + 3_600_000).tolist()
    assert moments[-1] == NEWEST_MS + 3_600_000
    for back in (0, 1, 2, 5, 17):
        upto = len(moments) - back
        closed = int((four.open_ms + 4 * 3_600_000 <= moments[upto - 1]).sum())
        then = signals_of(conditions, readings_of(conditions, _until(hours, upto), _until(four, closed)))
        assert found.strength[upto - 1] == pytest.approx(then.strength[1], abs=1e-9)


def _until(candles: Any, bars: int) -> Any:
    columns = {name: getattr(candles, name)[:, :bars] for name in ("open", "high", "low", "close", "volume")}
    return replace(candles, open_ms=candles.open_ms[:bars], **columns)


def test_patterns_are_read_from_the_newest_bars() -> None:
    bars = walks(5)
    every = patterns.compute(bars)
    names = {"engulfing", "harami", "doji", "rsi_14"}
    read = last_two(bars, names)
    assert set(read) == names
    for name in names - {"rsi_14"}:
        np.testing.assert_array_equal(read[name], every[name][:, -2:])
    assert sum(int(np.abs(read[name]).sum()) for name in names - {"rsi_14"}) > 0
