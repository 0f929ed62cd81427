"""Whether a feed as a whole is alive and on time."""

import numpy as np
import pytest

from apps.markets.enums import FeedState
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, Reply, RowTime
from apps.markets.judge import Pulse, Rules, Verdict, feed_judge

NOW = 1_692_163_200_000  # 2023-08-16 05:20 UTC
RULES = Rules(max_offset_ms=60_000, frozen_after_ms=30_000, max_age_ms=15_000)
YEAR_MS = 365 * 86_400_000


def reply(
    *,
    now: int = NOW,
    exchange_at: int | None = NOW,
    row_ts: int = 0,
    bid: float = 1.0,
    row_time: RowTime = RowTime.QUOTE,
) -> Reply[QuoteColumns]:
    one = np.array([1.0])
    columns = QuoteColumns(["S"], np.array([bid]), one, one, one, one, one, np.array([row_ts]), row_time)
    return Reply(columns, now, now, exchange_at)


def judge(answer: Reply[QuoteColumns], pulse: Pulse | None = None) -> Verdict:
    return feed_judge("bybit", answer, pulse or Pulse(), RULES)


def test_a_feed_on_time_is_fine() -> None:
    verdict = judge(reply())
    assert (verdict.state, verdict.reason, verdict.offset_ms) == (FeedState.OK, "", 0)


def test_an_answer_of_another_year_is_refused_as_stale_in_words() -> None:
    verdict = judge(reply(exchange_at=1_566_445_106_532))
    assert verdict.state is FeedState.STALE
    assert verdict.reason == "bybit says it is 2019-08-22 03:38 UTC, 4 years before our clock: refused as stale"


def test_the_newest_row_is_the_exchanges_clock_where_it_tells_no_other() -> None:
    verdict = judge(reply(exchange_at=None, row_ts=NOW - 3 * YEAR_MS))
    assert verdict.state is FeedState.STALE
    assert judge(reply(exchange_at=None)).state is FeedState.OK


@pytest.mark.parametrize(
    ("offset_ms", "state"),
    [
        (-60_000, FeedState.OK),
        (60_000, FeedState.OK),
        (-60_001, FeedState.CLOCK_OFF),
        (60_001, FeedState.CLOCK_OFF),
        (-3_600_001, FeedState.STALE),
        (3_600_001, FeedState.CLOCK_OFF),
    ],
)
def test_a_clock_may_be_off_by_a_minute_and_no_more(offset_ms: int, state: FeedState) -> None:
    verdict = judge(reply(exchange_at=NOW + offset_ms))
    assert verdict.state is state
    assert ("refused" in verdict.reason) is (state is not FeedState.OK)


def test_the_offset_is_smoothed_and_forgotten_when_the_clock_is_off() -> None:
    first = judge(reply(exchange_at=NOW + 10_000))
    assert first.offset_ms == 10_000
    second = judge(reply(exchange_at=NOW), first.pulse)
    assert second.offset_ms == 8_000
    assert judge(reply(exchange_at=NOW + 90_000), second.pulse).pulse.offset_ms is None


def test_old_rows_in_a_punctual_answer_make_the_feed_stale() -> None:
    verdict = judge(reply(row_ts=NOW - 16_000))
    assert verdict.state is FeedState.STALE
    assert "16 s old" in verdict.reason


def frozen_after(seconds: int, **changed: float) -> Verdict:
    pulse = judge(reply(row_ts=NOW - 100)).pulse
    later = NOW + seconds * 1000
    row_ts = int(changed.get("row_ts", NOW - 100))
    return feed_judge("bybit", reply(now=later, exchange_at=later, row_ts=row_ts), pulse, Rules(60_000, 30_000, 10**9))


def test_a_feed_whose_times_stand_still_is_frozen_after_half_a_minute() -> None:
    assert frozen_after(29).state is FeedState.OK
    verdict = frozen_after(30)
    assert verdict.state is FeedState.FROZEN
    assert verdict.reason == "bybit answers, but nothing in it has moved for 30 s: refused as frozen"
    assert frozen_after(30, row_ts=NOW + 29_000).state is FeedState.OK


@pytest.mark.parametrize("row_ts", [0, NOW - 100])
@pytest.mark.parametrize("seconds", [30, 61, 3700, 90_000])
def test_what_was_fine_and_stands_still_is_frozen_however_far_its_clock_falls_behind(seconds: int, row_ts: int) -> None:
    pulse = judge(reply(row_ts=row_ts)).pulse
    for later in range(5, seconds, max(5, seconds // 20)):
        pulse = judge(reply(now=NOW + later * 1000, exchange_at=NOW, row_ts=row_ts), pulse).pulse
    verdict = judge(reply(now=NOW + seconds * 1000, exchange_at=NOW, row_ts=row_ts), pulse)
    assert verdict.state is FeedState.FROZEN


def test_what_was_old_from_the_first_is_never_called_frozen() -> None:
    pulse = Pulse()
    for seconds in (0, 20, 40, 4000):
        answer = reply(now=NOW + seconds * 1000, exchange_at=NOW + seconds * 1000, row_ts=NOW - 20_000)
        verdict = judge(answer, pulse)
        assert verdict.state is FeedState.STALE
        pulse = verdict.pulse


def test_a_clock_that_runs_off_while_the_feed_moves_is_off() -> None:
    pulse = judge(reply()).pulse
    verdict = judge(reply(now=NOW + 70_000, exchange_at=NOW, bid=2.0), pulse)
    assert verdict.state is FeedState.CLOCK_OFF


def test_one_row_from_the_far_future_does_not_speak_for_the_others() -> None:
    pulse = Pulse()
    for seconds in range(0, 60, 10):
        now = NOW + seconds * 1000
        two = np.array([1.0, 1.0])
        times = np.array([NOW + YEAR_MS, now - 100])
        columns = QuoteColumns(["S", "T"], two, two, two, two, two, two, times, RowTime.QUOTE)
        for exchange_at in (now, None):
            verdict = feed_judge("x", Reply(columns, now, now, exchange_at), pulse, RULES)
            assert verdict.state is FeedState.OK
        pulse = verdict.pulse


def test_without_row_times_the_same_content_for_half_a_minute_is_frozen() -> None:
    pulse = judge(reply()).pulse
    later = NOW + 31_000
    assert judge(reply(now=later, exchange_at=later), pulse).state is FeedState.FROZEN
    assert judge(reply(now=later, exchange_at=later, bid=2.0), pulse).state is FeedState.OK


def trades(
    seconds: int, *, traded_ago: int, bid: float = 1.0, clock: bool = True, pulse: Pulse | None = None
) -> Verdict:
    """A small exchange whose rows tell when they last traded, so many seconds after NOW."""
    now = NOW + seconds * 1000
    answer = reply(
        now=now, exchange_at=now if clock else None, row_ts=now - traded_ago * 1000, bid=bid, row_time=RowTime.TRADE
    )
    return judge(answer, pulse)


@pytest.mark.parametrize("clock", [True, False])
def test_where_nobody_trades_for_minutes_the_quotes_are_as_old_as_the_answer(clock: bool) -> None:
    first = trades(0, traded_ago=600, clock=clock)
    assert (first.state, first.offset_ms) == (FeedState.OK, 0)
    # The trade stays where it was, the quotes move: alive.
    later = trades(40, traded_ago=640, bid=2.0, clock=clock, pulse=first.pulse)
    assert later.state is FeedState.OK
    # A trade at an unmoved quote is a sign of life too.
    assert trades(80, traded_ago=1, bid=2.0, clock=clock, pulse=later.pulse).state is FeedState.OK


def test_where_neither_a_trade_nor_a_quote_moves_it_is_frozen() -> None:
    first = trades(0, traded_ago=600)
    assert trades(29, traded_ago=629, pulse=first.pulse).state is FeedState.OK
    assert trades(31, traded_ago=631, pulse=first.pulse).state is FeedState.FROZEN


def test_where_nobody_has_traded_for_hours_the_answer_is_stale() -> None:
    verdict = trades(0, traded_ago=3 * 3600)
    assert verdict.state is FeedState.STALE
    assert verdict.reason == "bybit's newest trade is 3 hours old: refused as stale"


def test_a_frozen_feed_is_fine_again_once_it_moves() -> None:
    frozen = frozen_after(40)
    later = NOW + 45_000
    moved = feed_judge("bybit", reply(now=later, exchange_at=later, row_ts=later - 100), frozen.pulse, RULES)
    assert moved.state is FeedState.OK
    assert moved.pulse.moved_at == later


def test_a_pulse_from_the_future_is_not_believed() -> None:
    pulse = judge(reply(now=NOW + 10**9, exchange_at=NOW + 10**9)).pulse
    assert judge(reply(), pulse).pulse.moved_at == NOW


def test_funding_rates_may_honestly_stand_still() -> None:
    one = np.array([1.0])
    zero = np.array([0])
    columns = FundingColumns(["S"], one, one, zero, one, one, zero)
    later = NOW + 600_000
    first = feed_judge("okx", Reply(columns, NOW, NOW, NOW), Pulse(), RULES)
    assert feed_judge("okx", Reply(columns, later, later, later), first.pulse, RULES).state is FeedState.OK
    # The time of the answer may not: what repeats that is a recording or a cache.
    again = feed_judge("okx", Reply(columns, later, later, NOW), first.pulse, RULES)
    assert again.state is FeedState.FROZEN
    untold = feed_judge("okx", Reply(columns, NOW, NOW, None), Pulse(), RULES)
    assert feed_judge("okx", Reply(columns, later, later, None), untold.pulse, RULES).state is FeedState.OK
