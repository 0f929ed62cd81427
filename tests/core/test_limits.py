"""Rate limits on a real Redis; time passes by making the stored past older."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from apps.core import redis
from apps.core.exceptions import TemporaryError
from apps.core.limits import Demand, Limit, Usage, acquire, close_tap, forget, usage

MINUTE = Limit(3, 60)
DAY = Limit(5, 86_400)


def state_of(key: str) -> Any:
    blob = redis.state().get(f"arbedge:limit:{key}")
    return None if blob is None else msgspec.msgpack.decode(blob)  # type: ignore[arg-type]


def pass_time(seconds: float, *keys: str) -> None:
    """Move everything that a key remembers into the past, as if `seconds` had gone by."""
    moved = round(seconds * 1_000_000)
    for key in keys:
        state = state_of(key)
        if state is None:
            continue
        older = {
            name: value - moved if name == "tap" else [v if n % 3 == 2 else v - moved for n, v in enumerate(value)]
            for name, value in state.items()
        }
        redis.state().set(f"arbedge:limit:{key}", msgspec.msgpack.encode(older), keepttl=True)


def take(*demands: Demand) -> float:
    return acquire([demands])[0]


def test_grants_up_to_the_count_then_tells_how_long_to_wait(redis_state: None) -> None:
    waits = acquire([[Demand("chat", (MINUTE,))]] * 4)
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert 59 < waits[3] <= 60


def test_grants_again_when_the_window_has_passed_and_not_before(redis_state: None) -> None:
    acquire([[Demand("chat", (MINUTE,))]] * 3)
    pass_time(50, "chat")
    assert 9 < take(Demand("chat", (MINUTE,))) <= 10
    pass_time(10.001, "chat")
    assert take(Demand("chat", (MINUTE,))) == 0.0


def test_a_refused_item_consumes_nothing_anywhere(redis_state: None) -> None:
    acquire([[Demand("bot", (MINUTE,))]] * 3)
    before = state_of("bot")
    waits = acquire([[Demand("chat", (MINUTE, DAY)), Demand("bot", (MINUTE, DAY)), Demand("user", (DAY,))]])
    assert waits[0] > 0
    assert state_of("chat") is None
    assert state_of("user") is None
    assert state_of("bot") == before


def test_the_longest_wait_of_all_tiers_and_scopes_is_told(redis_state: None) -> None:
    acquire([[Demand("chat", (MINUTE, DAY))]] * 3)
    pass_time(120, "chat")
    acquire([[Demand("chat", (MINUTE, DAY))]] * 2)
    assert 86_200 < take(Demand("chat", (MINUTE, DAY)), Demand("other", (MINUTE,))) < 86_400


def test_an_item_sees_what_the_items_before_it_consumed_and_a_refusal_in_between_costs_nothing(
    redis_state: None,
) -> None:
    bot = Limit(2, 1)
    chat = Limit(1, 60)
    waits = acquire([[Demand("bot", (bot,)), Demand(f"chat:{name}", (chat,))] for name in ("a", "a", "b", "c")])
    assert waits[0] == 0.0
    assert 59 < waits[1] <= 60
    assert waits[2] == 0.0
    assert 0 < waits[3] <= 1


def test_costs_count(redis_state: None) -> None:
    assert take(Demand("api", (Limit(10, 60),), cost=7)) == 0.0
    assert take(Demand("api", (Limit(10, 60),), cost=4)) > 0
    assert take(Demand("api", (Limit(10, 60),), cost=3)) == 0.0


def test_no_window_of_a_second_holds_more_than_the_count_even_across_its_border(redis_state: None) -> None:
    tier = Limit(30, 1)
    assert acquire([[Demand("bot", (tier,))]] * 30) == [0.0] * 30
    pass_time(0.9, "bot")
    # A token bucket would have refilled 27 by now and let 57 through within the second.
    assert min(acquire([[Demand("bot", (tier,))]] * 30)) > 0


def test_merged_grants_leave_together_when_the_last_of_them_does(redis_state: None) -> None:
    pair = Demand("chat", (Limit(2, 10),))
    assert take(pair) == 0.0
    pass_time(0.5, "chat")
    assert take(pair) == 0.0
    pass_time(9.7, "chat")
    assert acquire([[pair], [pair]])[1] > 0
    pass_time(0.31, "chat")
    assert acquire([[pair], [pair]]) == [0.0, 0.0]


def test_grants_further_apart_than_a_tenth_of_the_window_leave_one_by_one(redis_state: None) -> None:
    pair = Demand("chat", (Limit(2, 10),))
    assert take(pair) == 0.0
    pass_time(1.1, "chat")
    assert take(pair) == 0.0
    pass_time(8.91, "chat")
    waits = acquire([[pair], [pair]])
    assert waits[0] == 0.0
    assert 1 < waits[1] < 1.1


def test_a_server_clock_that_was_set_back_frees_nothing_early(redis_state: None) -> None:
    pair = Demand("chat", (Limit(2, 10),))
    take(pair)
    pass_time(-5, "chat")
    assert take(pair) == 0.0
    pass_time(14, "chat")
    assert take(pair) > 0
    pass_time(1.01, "chat")
    assert take(pair) == 0.0


def test_a_lowered_count_holds_for_what_was_granted_before(redis_state: None) -> None:
    acquire([[Demand("chat", (Limit(20, 60),))]] * 20)
    assert take(Demand("chat", (Limit(2, 60),))) > 0


def test_a_closed_tap_refuses_for_as_long_as_was_asked_and_a_shorter_one_does_not_shorten_it(redis_state: None) -> None:
    close_tap("bot", 30)
    close_tap("bot", 5)
    assert 29 < take(Demand("bot", (MINUTE,))) <= 30
    assert take(Demand("another", (MINUTE,))) == 0.0
    pass_time(31, "bot")
    assert take(Demand("bot", (MINUTE,))) == 0.0
    assert "tap" not in state_of("bot")


def test_a_tap_needs_no_tiers_and_does_not_forget_what_was_granted(redis_state: None) -> None:
    acquire([[Demand("bot", (DAY,))]] * 5)
    close_tap("bot", 1)
    pass_time(2, "bot")
    assert take(Demand("bot", ())) == 0.0
    assert take(Demand("bot", (DAY,))) > 80_000


def test_every_key_goes_away_by_itself(redis_state: None) -> None:
    acquire([[Demand("chat", (MINUTE, Limit(1000, 3600)))]])
    close_tap("bot", 10)
    assert 3_500_000 < redis.state().pttl("arbedge:limit:chat") <= 3_601_000
    assert 0 < redis.state().pttl("arbedge:limit:bot") <= 10_001


def test_memory_of_a_busy_key_is_bounded(redis_state: None) -> None:
    for _ in range(60):
        assert take(Demand("busy", (Limit(100_000, 60),))) == 0.0
        pass_time(0.5, "busy")
    assert len(state_of("busy")["60000000"]) <= 3 * 11


def test_more_keys_than_luas_stack_holds(redis_state: None) -> None:
    waits = acquire([[Demand(f"chat:{n}", (MINUTE,))] for n in range(9_000)])
    assert waits == [0.0] * 9_000
    assert redis.state().dbsize() == 9_000


def test_a_restarted_server_that_forgot_the_script_is_served_too(redis_state: None) -> None:
    redis.state().script_flush()
    assert take(Demand("chat", (MINUTE,))) == 0.0


def test_nothing_asked_is_granted_without_redis(redis_away: None) -> None:
    assert acquire([]) == []
    assert acquire([[], []]) == [0.0, 0.0]


def test_without_redis_nothing_is_granted_and_the_caller_is_told_to_come_again(redis_away: None) -> None:
    with pytest.raises(TemporaryError) as caught:
        take(Demand("chat", (MINUTE,)))
    assert caught.value.code == "limits_away"


def test_usage_without_redis_is_not_known_rather_than_nothing(redis_away: None) -> None:
    with pytest.raises(TemporaryError) as caught:
        usage("chat")
    assert caught.value.code == "limits_away"


def test_forgetting_without_redis_is_told_to_the_caller(redis_away: None) -> None:
    with pytest.raises(TemporaryError) as caught:
        forget("k")
    assert caught.value.code == "limits_away"


def test_closing_a_tap_without_redis_is_logged(redis_away: None, caplog: pytest.LogCaptureFixture) -> None:
    close_tap("bot", 5)
    assert "Tap of bot not closed" in caplog.text


@pytest.mark.parametrize(
    "make",
    [
        lambda: Limit(0, 1),
        lambda: Limit(1, 0),
        lambda: Limit(1, float("nan")),
        lambda: Demand("k", (MINUTE,), cost=0),
        lambda: Demand("k", (MINUTE,), cost=4),
        lambda: Demand("k", (MINUTE, Limit(9, 60))),
        lambda: acquire([[Demand("k", (MINUTE,)), Demand("k", (DAY,))]]),
    ],
)
def test_what_can_never_be_granted_is_refused_when_it_is_written(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"usable|never|same"):
        make()


moves = st.lists(
    st.one_of(
        st.one_of(st.floats(0.05, 1.5), st.floats(8, 12), st.floats(0.05, 70)).map(lambda seconds: ("wait", seconds)),
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 2)), min_size=1, max_size=6).map(
            lambda items: ("acquire", items)
        ),
    ),
    min_size=1,
    max_size=25,
)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves)
def test_no_window_ever_holds_more_and_room_is_given_when_there_is_some(redis_state: None, moves: list[Any]) -> None:
    redis.state().flushdb()
    tiers = {"all": (Limit(5, 10), Limit(12, 60)), "a": (Limit(3, 10),), "b": (Limit(2, 20),)}
    granted: dict[str, list[tuple[float, float, int]]] = {key: [] for key in tiers}
    offset = 0.0

    def clock() -> float:
        seconds, micros = redis.state().time()
        return float(seconds) + micros / 1e6 + offset

    for kind, what in moves:
        if kind == "wait":
            pass_time(what, *tiers)
            offset += what
            continue
        before = clock()
        waits = acquire([[Demand("all", tiers["all"], cost), Demand(key, tiers[key], cost)] for key, cost in what])
        after = clock()
        for (key, cost), wait in zip(what, waits, strict=True):
            for scope in ("all", key):
                held = granted[scope]
                if wait == 0.0:
                    held.append((before, after, cost))
                for tier in tiers[scope]:
                    within = sum(c for first, _, c in held if after - first < tier.seconds)
                    assert within <= tier.count, (scope, tier)
            if wait > 0:
                full = any(
                    sum(c for _, last, c in granted[scope] if before - last <= tier.seconds * 1.1) + cost > tier.count
                    for scope in ("all", key)
                    for tier in tiers[scope]
                )
                assert full, f"{key} refused though there was room"
                assert wait <= max(tier.seconds for scope in ("all", key) for tier in tiers[scope])


def test_usage_tells_what_is_granted_and_how_long_the_tap_is_closed(redis_state: None) -> None:
    tiers = (Limit(10, 60), Limit(4, 0.5))
    assert usage("used") == Usage({}, 0.0)
    assert take(Demand("used", tiers, cost=3)) == 0.0
    assert usage("used").granted == {60.0: 3, 0.5: 3}
    pass_time(1, "used")
    assert usage("used") == Usage({60.0: 3, 0.5: 0}, 0.0)
    close_tap("used", 30.0)
    assert 28.0 < usage("used").closed_s <= 30.0
