"""Circuit breakers on a real Redis; time passes by making the stored past older."""

from typing import Any

import pytest

from apps.core import redis
from apps.core.breaker import Breaker, BreakerState, troubled


def breaker(**settings: Any) -> Breaker:
    return Breaker("telegram", **{"failures": 3, "open_seconds": 60.0, "probes": 1, **settings})


def pass_time(seconds: float) -> None:
    key = "arbedge:breaker:telegram"
    for field in ("open_until", "probes_at"):
        value = redis.state().hget(key, field)
        if value is not None:
            redis.state().hset(key, field, str(int(value) - int(seconds * 1_000_000)))


def opened(**settings: Any) -> Breaker:
    target = breaker(**settings)
    for _ in range(3):
        assert target.allow()
        target.failure()
    return target


def test_opens_after_enough_failures_in_a_row_and_not_before(redis_state: None) -> None:
    target = breaker()
    target.failure()
    target.failure()
    assert target.state() is BreakerState.CLOSED
    assert target.allow()
    assert target.retry_in() == 0.0
    target.failure()
    assert target.state() is BreakerState.OPEN
    assert not target.allow()
    assert 59 < target.retry_in() <= 60


def test_a_success_in_between_starts_the_count_anew(redis_state: None) -> None:
    target = breaker()
    target.failure()
    target.failure()
    target.success()
    target.failure()
    target.failure()
    assert target.state() is BreakerState.CLOSED


def test_all_processes_see_the_same_breaker_and_other_names_are_apart(redis_state: None) -> None:
    opened()
    assert not breaker().allow()
    assert Breaker("email").allow()


def test_half_open_lets_exactly_the_probes_through(redis_state: None) -> None:
    target = opened(probes=2)
    pass_time(61)
    assert target.state() is BreakerState.HALF_OPEN
    assert target.retry_in() == 0.0
    assert [target.allow() for _ in range(4)] == [True, True, False, False]


def test_it_closes_when_every_probe_worked(redis_state: None) -> None:
    target = opened(probes=2)
    pass_time(61)
    assert target.allow()
    assert target.allow()
    target.success()
    assert target.state() is BreakerState.HALF_OPEN
    target.success()
    assert target.state() is BreakerState.CLOSED
    assert redis.state().exists("arbedge:breaker:telegram") == 0


def test_one_failing_probe_opens_it_again_for_the_whole_time(redis_state: None) -> None:
    target = opened(probes=2)
    pass_time(61)
    target.allow()
    target.allow()
    target.success()
    target.failure()
    assert target.state() is BreakerState.OPEN
    assert 59 < target.retry_in() <= 60
    pass_time(61)
    target.allow()
    target.success()
    assert target.state() is BreakerState.HALF_OPEN, "the success of the earlier round must not count"


def test_late_results_of_calls_from_before_change_nothing(redis_state: None) -> None:
    target = opened()
    target.success()
    assert target.state() is BreakerState.OPEN
    waits = target.retry_in()
    target.failure()
    assert target.retry_in() <= waits
    pass_time(61)
    target.success()
    target.failure()
    assert target.state() is BreakerState.HALF_OPEN


def test_a_probe_whose_result_never_comes_frees_its_place(redis_state: None) -> None:
    target = opened()
    pass_time(61)
    assert target.allow()
    assert not target.allow()
    pass_time(59)
    assert not target.allow()
    pass_time(2)
    assert target.allow()
    assert not target.allow()


def test_a_probe_that_was_not_made_frees_its_place_at_once(redis_state: None) -> None:
    target = opened()
    pass_time(61)
    assert target.allow()
    target.unused()
    assert [target.allow(), target.allow()] == [True, False]
    target.success()
    assert target.state() is BreakerState.CLOSED
    target.unused()
    assert target.allow()


def test_a_round_that_is_given_up_counts_for_nothing(redis_state: None) -> None:
    target = opened(probes=2)
    pass_time(61)
    assert target.allow()
    target.success()
    pass_time(61)
    assert [target.allow() for _ in range(3)] == [True, True, False]
    target.success()
    assert target.state() is BreakerState.HALF_OPEN
    target.success()
    assert target.state() is BreakerState.CLOSED


def test_trip_opens_at_once_and_a_shorter_one_does_not_shorten_it(redis_state: None) -> None:
    target = breaker()
    target.trip(300)
    target.trip(5)
    assert not target.allow()
    assert 299 < target.retry_in() <= 300


def test_it_does_not_stay_in_redis_for_ever(redis_state: None) -> None:
    target = breaker(failures=2)
    target.failure()
    assert redis.state().ttl("arbedge:breaker:telegram") > 0
    target.failure()
    assert target.state() is BreakerState.OPEN
    assert redis.state().ttl("arbedge:breaker:telegram") > 60


def test_one_look_tells_which_breakers_have_anything_to_remember(redis_state: None) -> None:
    Breaker("failed once").failure()
    Breaker("open").trip(60)
    well_again = Breaker("well again")
    well_again.failure()
    well_again.success()
    assert troubled(["failed once", "open", "well again", "never asked"]) == {"failed once", "open"}
    assert troubled([]) == set()


def test_without_redis_it_lets_everything_through_and_says_so(
    redis_away: None, caplog: pytest.LogCaptureFixture
) -> None:
    target = breaker(failures=1)
    target.failure()
    target.trip(60)
    assert target.allow()
    assert target.state() is BreakerState.CLOSED
    assert target.retry_in() == 0.0
    assert "does not guard" in caplog.text
    assert troubled(["telegram", "slack"]) == set()
    assert "2 breakers do not guard" in caplog.text


@pytest.mark.parametrize("bad", [{"failures": 0}, {"probes": 0}, {"open_seconds": 0}])
def test_nonsense_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        breaker(**bad)
