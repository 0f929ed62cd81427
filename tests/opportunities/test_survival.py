"""How long edges last, some of which were not seen to their end."""

import math
import random

import pytest

from apps.opportunities.survival import half_life_s


@pytest.mark.parametrize(
    ("episodes", "expected"),
    [
        ([], None),
        ([(5.0, True)], 5.0),
        ([(5.0, False)], None),
        ([(1.0, True), (2.0, True), (3.0, True)], 2.0),
        ([(1.0, True), (2.0, True), (3.0, True), (4.0, True)], 2.0),
        # Of three left after one that was not seen to its end, two have to go: 2/3, then 1/3.
        ([(1.0, False), (2.0, True), (3.0, True), (4.0, True)], 3.0),
        ([(1.0, True), (9.0, False), (9.0, False)], None),
        # 5/6, 5/6, then 5/6 · 2/4.
        ([(6.0, True), (6.0, True), (7.0, False), (7.0, False), (1.0, True), (3.0, False)], 6.0),
    ],
)
def test_the_product_limit_estimate(episodes: list[tuple[float, bool]], expected: float | None) -> None:
    assert half_life_s(episodes) == expected


def test_what_was_cut_short_does_not_make_lives_shorter() -> None:
    dice = random.Random(3)
    lives = [dice.expovariate(math.log(2) / 100) for _ in range(4000)]
    cut = [(min(life, watched), life <= watched) for life in lives if (watched := dice.uniform(20, 600))]
    found = half_life_s(cut)
    assert found is not None
    assert found == pytest.approx(100, rel=0.1)
    # Taking every cut as an end would say far less.
    assert sorted(seconds for seconds, _ in cut)[len(cut) // 2] < 90
