"""The delivery state machine: every way out of a lease."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.enums import DeliveryState, Outcome
from apps.notifications.services.states import Happened, Result, Standing, Verdict, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def half() -> float:
    return 0.5


def standing(*, attempts: int = 0, budget: int = 4, has_next: bool = False, expires_at: datetime = LATER) -> Standing:
    return Standing(attempts, budget, has_next, expires_at)


def test_delivered_counts_and_ends() -> None:
    assert decide(Result(Happened.DELIVERED), standing(), now=NOW) == Verdict(DeliveryState.DELIVERED, 1)


@pytest.mark.parametrize("has_next", [False, True])
def test_expired_ends_without_counting_or_falling_back(has_next: bool) -> None:
    verdict = decide(Result(Happened.EXPIRED), standing(attempts=2, has_next=has_next), now=NOW)
    assert verdict == Verdict(DeliveryState.EXPIRED, 2)


@pytest.mark.parametrize(("happened", "attempts"), [(Happened.PERMANENT, 1), (Happened.UNUSABLE, 0)])
@pytest.mark.parametrize(("has_next", "state"), [(True, DeliveryState.FAILED), (False, DeliveryState.DEAD)])
def test_what_cannot_work_goes_on_or_dies(happened: Happened, attempts: int, has_next: bool, state: str) -> None:
    assert decide(Result(happened), standing(has_next=has_next), now=NOW) == Verdict(DeliveryState(state), attempts)


def test_temporary_waits_with_jitter_that_grows() -> None:
    first = decide(Result(Happened.TEMPORARY), standing(), now=NOW, random=half)
    third = decide(Result(Happened.TEMPORARY), standing(attempts=2), now=NOW, random=half)
    assert first == Verdict(DeliveryState.PENDING, 1, 1.0)
    assert third == Verdict(DeliveryState.PENDING, 3, 16.0)


def test_a_lost_lease_counts_and_is_due_at_once() -> None:
    assert decide(Result(Happened.LOST), standing(), now=NOW) == Verdict(DeliveryState.PENDING, 1, 0.0)


@pytest.mark.parametrize("happened", [Happened.TEMPORARY, Happened.LOST])
@pytest.mark.parametrize(("has_next", "state"), [(True, DeliveryState.FAILED), (False, DeliveryState.DEAD)])
def test_a_spent_budget_gives_up(happened: Happened, has_next: bool, state: str) -> None:
    verdict = decide(Result(happened), standing(attempts=3, has_next=has_next), now=NOW)
    assert verdict == Verdict(DeliveryState(state), 4)


@pytest.mark.parametrize("happened", [Happened.THROTTLED, Happened.LIMITED])
@pytest.mark.parametrize("has_next", [False, True])
def test_waiting_on_request_is_never_counted(happened: Happened, has_next: bool) -> None:
    verdict = decide(Result(happened, wait_s=7), standing(attempts=3, has_next=has_next), now=NOW)
    assert verdict == Verdict(DeliveryState.PENDING, 3, 7)


def test_an_open_breaker_hands_over_at_once() -> None:
    assert decide(Result(Happened.BLOCKED, wait_s=9), standing(has_next=True), now=NOW).state == DeliveryState.FAILED


def test_an_open_breaker_waits_where_nobody_can_take_over() -> None:
    verdict = decide(Result(Happened.BLOCKED, wait_s=9), standing(), now=NOW)
    assert verdict == Verdict(DeliveryState.PENDING, 0, 9)


@pytest.mark.parametrize("happened", [Happened.THROTTLED, Happened.LIMITED, Happened.BLOCKED])
def test_a_wait_beyond_the_expiry_is_no_wait(happened: Happened) -> None:
    soon = NOW + timedelta(seconds=5)
    alone = decide(Result(happened, wait_s=5), standing(expires_at=soon), now=NOW)
    assert alone == Verdict(DeliveryState.EXPIRED, 0)
    followed = decide(Result(happened, wait_s=5), standing(expires_at=soon, has_next=True), now=NOW)
    assert followed == Verdict(DeliveryState.FAILED, 0)


def test_only_tries_leave_an_attempt_row() -> None:
    assert {one for one in Happened if one.outcome is not None} == {Happened(value) for value in Outcome.values}


@given(
    happened=st.sampled_from(Happened),
    attempts=st.integers(0, 10),
    budget=st.integers(1, 10),
    has_next=st.booleans(),
    wait_s=st.floats(0, 1e5),
    left_s=st.floats(0.001, 1e5),
)
def test_every_verdict_is_sound(
    happened: Happened, attempts: int, budget: int, has_next: bool, wait_s: float, left_s: float
) -> None:
    expires_at = NOW + timedelta(seconds=left_s)
    verdict = decide(Result(happened, wait_s=wait_s), Standing(attempts, budget, has_next, expires_at), now=NOW)
    assert (verdict.wait_s is not None) == (verdict.state == DeliveryState.PENDING)
    if verdict.wait_s is not None:
        assert verdict.wait_s >= 0
        assert NOW + timedelta(seconds=verdict.wait_s) < expires_at
    assert attempts <= verdict.attempts <= attempts + 1
    assert verdict.state != DeliveryState.SENDING
    assert (verdict.state == DeliveryState.FAILED) <= has_next
    assert not (verdict.state == DeliveryState.DEAD and has_next)


def test_what_is_held_waits_or_ends_but_never_goes_another_way() -> None:
    held = Result(Happened.HELD, "quiet_hours", wait_s=60)
    waiting = decide(held, standing(has_next=True), now=NOW)
    assert (waiting.state, waiting.wait_s, waiting.attempts) == (DeliveryState.PENDING, 60, 0)
    over = decide(Result(Happened.HELD, wait_s=10**6), standing(has_next=True), now=NOW)
    assert over.state == DeliveryState.EXPIRED
