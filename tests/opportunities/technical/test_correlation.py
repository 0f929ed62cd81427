"""Lead and lag: what is planted is found, and noise is rarely taken for a link."""

import numpy as np
import pytest

from apps.opportunities.technical.correlation import LEVEL, MAX_POINTS, MIN_POINTS, lead_lag

NAN = float("nan")


def pulses(random: np.random.Generator, length: int) -> np.ndarray:
    """Nothing most of the time: as signals and edges are."""
    on = np.repeat(random.random(length) < 0.08, 5)[:length]
    return np.roll(np.where(on, np.repeat(random.random(length), 5)[:length], 0.0), int(random.integers(0, 5)))


def course(random: np.random.Generator, length: int, memory: float) -> np.ndarray:
    """Noise that goes on as it was."""
    made = np.zeros(length + 50)
    for at, shock in enumerate(random.standard_normal(length + 50)):
        made[at] = memory * made[at - 1] + shock
    return made[50:]


@pytest.mark.parametrize("lag", [-5, -1, 0, 2, 5])
def test_a_planted_lag_is_found(lag: int) -> None:
    random = np.random.default_rng(lag + 20)
    whole = pulses(random, 420)
    signal = whole[10 + lag : 410 + lag]  # the edge at t is the signal of t - lag
    edge = 0.002 * whole[10:410] + 0.0001 * random.random(400)
    found = lead_lag(signal, edge, step_s=60)
    assert found is not None
    assert found.lag_s == 60 * lag
    assert found.correlation > 0.8
    assert found.points == 400 - abs(lag)
    assert found.significant
    turned = lead_lag(-signal, edge, step_s=60)
    assert turned is not None and turned.lag_s == 60 * lag and turned.correlation < -0.8


def test_finer_steps_look_at_as_many_seconds() -> None:
    random = np.random.default_rng(3)
    whole = pulses(random, 1320)
    found = lead_lag(whole[15:1315], whole[10:1310], step_s=20)
    assert found is not None and found.lag_s == 100 and found.significant
    beyond = lead_lag(whole[10 + 16 :], whole[10:-16], step_s=20)
    assert beyond is not None and abs(beyond.lag_s) <= 300


@pytest.mark.parametrize("kind", ["pulses", "plain", "lasting"])
@pytest.mark.parametrize("length", [60, 300])
def test_noise_is_claimed_no_more_often_than_the_level_says(kind: str, length: int) -> None:
    random = np.random.default_rng(length)
    makers = {
        "pulses": lambda: pulses(random, length),
        "plain": lambda: course(random, length, 0.0),
        "lasting": lambda: course(random, length, 0.9),
    }
    tries = 100
    found = [lead_lag(makers[kind](), makers[kind](), step_s=60) for _ in range(tries)]
    claimed = sum(one is not None and one.significant for one in found)
    assert all(one is None or 0 < one.p_value <= 1 for one in found)
    # Three deviations of a binomial above the level; the seed is fixed.
    assert claimed <= tries * LEVEL + 3 * (tries * LEVEL * (1 - LEVEL)) ** 0.5


def test_too_little_is_no_answer() -> None:
    random = np.random.default_rng(1)
    signal, edge = random.random(300), random.random(300)
    assert lead_lag(signal[: MIN_POINTS - 1], edge[: MIN_POINTS - 1], step_s=60) is None
    assert lead_lag(np.zeros(300), edge, step_s=60) is None
    assert lead_lag(signal, np.full(300, 0.001), step_s=60) is None
    assert lead_lag(np.full(300, NAN), edge, step_s=60) is None
    assert lead_lag(np.empty(0), np.empty(0), step_s=60) is None
    with pytest.raises(ValueError, match="different lengths"):
        lead_lag(signal, edge[1:], step_s=60)


def test_twenty_points_answer_and_claim_nothing() -> None:
    whole = np.random.default_rng(2).random(MIN_POINTS)
    found = lead_lag(whole, whole, step_s=60)
    assert found is not None
    assert (found.lag_s, found.points, found.correlation) == (0, MIN_POINTS, 1.0)
    assert not found.significant


def test_unknown_moments_are_left_out() -> None:
    random = np.random.default_rng(4)
    whole = pulses(random, 410)
    signal, edge = whole[7:407].copy(), whole[5:405].copy()
    signal[:40] = NAN
    edge[200:220] = NAN
    found = lead_lag(signal, edge, step_s=60)
    assert found is not None
    assert found.lag_s == 120
    assert found.points == 400 - 2 - 40 - 20
    assert found.correlation == pytest.approx(1)


def test_the_newest_day_counts() -> None:
    whole = pulses(np.random.default_rng(5), MAX_POINTS + 600)
    found = lead_lag(whole[1:], whole[:-1], step_s=60)
    assert found is not None and (found.lag_s, found.points) == (60, MAX_POINTS - 1)
