"""Waiting before trying again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.retry import backoff


def test_doubles_up_to_the_cap() -> None:
    waits = [backoff(attempt, base=1, cap=60, random=lambda: 1.0) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_lies_between_nothing_and_the_cap(attempt: int, luck: float) -> None:
    assert 0 <= backoff(attempt, random=lambda: luck) <= 300


def test_full_jitter_spreads_over_the_whole_range() -> None:
    assert backoff(3, random=lambda: 0.0) == 0.0
    assert backoff(3, random=lambda: 0.5) == 2.0


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        backoff(0)
