"""The one clock."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import time_machine

from apps.core import clock

WALL = datetime(2026, 11, 22, 12, 0, 0, 500_000, tzinfo=UTC)
REPLAYED = datetime(2023, 8, 16, 5, 19, 27, tzinfo=UTC)


def test_app_time_is_real_time_without_a_replay(settings: Any) -> None:
    settings.REPLAY_AT = None
    with time_machine.travel(WALL, tick=False):
        assert clock.now() == clock.wall_now() == WALL
        assert clock.now_ms() == 1_795_348_800_500


def test_app_time_runs_on_from_the_moment_of_the_replay_and_wall_time_does_not_follow(settings: Any) -> None:
    settings.REPLAY_AT = REPLAYED.astimezone(timezone(timedelta(hours=2)))
    settings.REPLAY_STARTED_AT = (WALL - timedelta(seconds=90)).timestamp()
    with time_machine.travel(WALL, tick=False):
        assert clock.now() == REPLAYED + timedelta(seconds=90)
        assert clock.now().tzinfo is UTC
        assert clock.wall_now() == WALL


def test_a_replay_that_was_never_started_stands_still(settings: Any) -> None:
    settings.REPLAY_AT, settings.REPLAY_STARTED_AT = REPLAYED, None
    assert clock.now() == REPLAYED


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1_692_163_167_123, 4_102_444_800_001, -1])
def test_milliseconds_there_and_back(milliseconds: int) -> None:
    assert clock.to_ms(clock.from_ms(milliseconds)) == milliseconds
    assert clock.from_ms(milliseconds).tzinfo is UTC
