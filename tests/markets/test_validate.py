"""Bad rows are refused at the edge, counted by reason."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.markets.enums import IntervalSource, SnapshotKind
from apps.markets.exchanges.columns import FundingColumns, QuoteColumns, RowTime
from apps.markets.validate import Arrival, MarketIndex, funding_clean, quotes_clean, refusals_text

NOW = 1_700_000_000_000
ARRIVAL = Arrival("okx", received_at=NOW, answered_at=NOW, offset_ms=0, max_age_ms=15_000)
GOOD = {"bid": 99.0, "bid_size": 5.0, "ask": 101.0, "ask_size": 6.0, "last": 100.0, "quote_volume": 1e6, "row_ts": NOW}


def index(symbols: list[str], *, contract: float = 1.0, inverse: bool = False, settled: float = np.nan) -> MarketIndex:
    count = len(symbols)
    # Ids in another order than the symbols arrive in.
    ids = np.arange(100 + count, 100, -1, dtype=np.int32)[::-1]
    return MarketIndex(
        version=4,
        row_of={symbol: row for row, symbol in enumerate(symbols)},
        market_id=ids,
        contract_size=np.full(count, contract),
        is_inverse=np.full(count, inverse),
        settled_interval_hours=np.full(count, settled),
    )


def columns(*rows: dict[str, Any], row_time: RowTime = RowTime.QUOTE) -> QuoteColumns:
    full = [GOOD | row for row in rows]
    arrays: dict[str, Any] = {
        name: np.array([row[name] for row in full], dtype=np.float64) for name in GOOD if name != "row_ts"
    }
    times = np.array([row["row_ts"] for row in full], dtype=np.int64)
    return QuoteColumns([f"S{number}" for number in range(len(rows))], **arrays, row_ts=times, row_time=row_time)


def clean(*rows: dict[str, Any], contract: float = 1.0, **more: Any) -> tuple[Any, dict[str, int]]:
    symbols = [f"S{number}" for number in range(len(rows))]
    return quotes_clean(
        columns(*rows, **more), index(symbols, contract=contract), kind=SnapshotKind.SWAP, arrival=ARRIVAL
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"bid": np.nan}, "missing"),
        ({"ask": np.inf}, "missing"),
        ({"ask_size": np.nan}, "missing"),
        ({"bid": -1.0}, "price not positive"),
        ({"ask": 0.0}, "price not positive"),
        ({"bid_size": 0.0}, "no size"),
        ({"ask_size": -3.0}, "no size"),
        ({"ask": 1e40}, "out of range"),
        ({"bid": 1e-40}, "out of range"),
        ({"bid_size": 1e40}, "out of range"),
        ({"bid": 102.0}, "crossed"),
        ({"row_ts": NOW - 15_001}, "stale"),
        ({"row_ts": NOW + 15_001}, "from the future"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_others_stay(bad: dict[str, Any], reason: str) -> None:
    snapshot, refused = clean({}, bad, {})
    assert refused == {reason: 1}
    assert snapshot.market_id.tolist() == [101, 103]


def test_a_row_counts_once_even_if_everything_is_wrong_with_it() -> None:
    snapshot, refused = clean({"bid": np.nan, "ask": -1.0, "ask_size": 0.0, "row_ts": 5})
    assert refused == {"missing": 1}
    assert len(snapshot.bid) == 0


def test_locked_quotes_and_the_oldest_allowed_stay() -> None:
    snapshot, refused = clean({"bid": 101.0}, {"row_ts": NOW - 15_000})
    assert refused == {}
    assert len(snapshot.bid) == 2


def test_sizes_are_in_base_units() -> None:
    snapshot, _ = clean({}, contract=0.01)
    assert snapshot.bid_size.tolist() == [pytest.approx(0.05)]
    assert snapshot.ask_size.tolist() == [pytest.approx(0.06)]


def test_sizes_that_an_exchange_never_tells_are_unknown_and_no_fault() -> None:
    unsized = replace(columns({"bid_size": np.nan, "ask_size": np.nan}, {"bid": np.nan}, {}), has_sizes=False)
    snapshot, refused = quotes_clean(unsized, index(["S0", "S1", "S2"]), kind=SnapshotKind.SPOT, arrival=ARRIVAL)
    assert refused == {"missing": 1}
    assert snapshot.market_id.tolist() == [101, 103]
    assert np.isnan(snapshot.bid_size[0])
    assert snapshot.bid_size[1] == GOOD["bid_size"]


def test_unknown_last_and_volume_become_nan_and_zero_volume_is_kept() -> None:
    snapshot, refused = clean({"last": np.nan, "quote_volume": 0.0}, {"last": -1.0, "quote_volume": np.inf})
    assert refused == {}
    assert np.isnan(snapshot.last).all()
    assert snapshot.quote_volume[0] == 0.0
    assert np.isnan(snapshot.quote_volume[1])


def test_symbols_that_are_not_listed_are_left_out_without_counting() -> None:
    only_first = index(["S0"])
    snapshot, refused = quotes_clean(columns({}, {"bid": np.nan}), only_first, kind=SnapshotKind.SPOT, arrival=ARRIVAL)
    assert refused == {}
    assert snapshot.market_id.tolist() == [101]


def test_times_are_corrected_by_the_clock_offset() -> None:
    late = replace(ARRIVAL, offset_ms=-20_000, answered_at=NOW - 20_000)
    snapshot, refused = quotes_clean(
        columns({"row_ts": NOW - 21_000}, {"row_ts": 0}), index(["S0", "S1"]), kind=SnapshotKind.SPOT, arrival=late
    )
    assert refused == {}
    assert snapshot.exchange_ts.tolist() == [NOW - 1000, NOW]


def test_a_time_of_the_last_trade_does_not_make_the_quote_old() -> None:
    snapshot, refused = clean({"row_ts": NOW - 3_600_000}, row_time=RowTime.TRADE)
    assert refused == {}
    assert snapshot.exchange_ts.tolist() == [NOW]


@given(st.lists(st.tuples(*[st.floats(width=32)] * 4), max_size=30))
def test_what_is_kept_is_always_sound(rows: list[tuple[float, ...]]) -> None:
    names = ("bid", "ask", "bid_size", "ask_size")
    snapshot, refused = clean(*(dict(zip(names, row, strict=True)) for row in rows))
    assert len(snapshot.bid) + sum(refused.values()) == len(rows)
    assert (snapshot.bid > 0).all()
    assert (snapshot.bid <= snapshot.ask).all()
    assert np.isfinite(snapshot.ask).all()
    assert (snapshot.bid_size > 0).all()
    assert (snapshot.ask_size > 0).all()
    assert (np.diff(snapshot.market_id) > 0).all()


def funding(**changes: Any) -> FundingColumns:
    row = {
        "rate": 0.0001,
        "interval_hours": 8.0,
        "next_funding_at": NOW + 1000,
        "mark": 100.0,
        "index": 100.0,
        "row_ts": NOW,
    }
    row |= changes
    arrays: dict[str, Any] = {name: np.array([row[name]], dtype=np.float64) for name in row}
    times: dict[str, Any] = {name: np.array([row[name]], dtype=np.int64) for name in ("next_funding_at", "row_ts")}
    return FundingColumns(["S0"], **arrays | times)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"rate": np.nan}, "missing"),
        ({"rate": 1.0}, "absurd rate"),
        ({"rate": -2.0}, "absurd rate"),
        ({"next_funding_at": NOW - 60_001}, "funding time passed"),
        ({"next_funding_at": NOW + 25 * 3_600_000}, "funding time too far"),
        ({"next_funding_at": 7_258_118_400_000}, "funding time too far"),
        ({"interval_hours": -8.0}, "absurd interval"),
        ({"interval_hours": 1e-9}, "absurd interval"),
        ({"interval_hours": 28_800.0}, "absurd interval"),
        ({"interval_hours": np.inf}, "absurd interval"),
        ({"row_ts": NOW - 15_001}, "stale"),
    ],
)
def test_a_bad_funding_rate_is_refused(bad: dict[str, Any], reason: str) -> None:
    snapshot, refused = funding_clean(funding(**bad), index(["S0"]), arrival=ARRIVAL, constant_hours=None)
    assert refused == {reason: 1}
    assert len(snapshot.rate) == 0


def test_a_negative_rate_and_unknown_interval_mark_and_time_stay() -> None:
    row = funding(rate=-0.01, interval_hours=np.nan, mark=np.nan, index=0.0, next_funding_at=0)
    snapshot, refused = funding_clean(row, index(["S0"]), arrival=ARRIVAL, constant_hours=None)
    assert refused == {}
    assert snapshot.rate.tolist() == [-0.01]
    assert np.isnan([snapshot.interval_hours[0], snapshot.mark[0], snapshot.index[0]]).all()


def test_reasons_are_told_most_frequent_first() -> None:
    assert refusals_text({"stale": 1, "missing": 12}) == "13 rows refused: 12 missing, 1 stale"
    assert refusals_text({"crossed": 2}) == "2 rows refused: crossed"
    assert refusals_text({"stale": 1}) == "1 row refused: stale"
    assert refusals_text({}) == ""


@pytest.mark.parametrize(
    ("told", "settled", "constant", "hours", "source"),
    [
        (4.0, 8.0, 8.0, 4.0, IntervalSource.EXCHANGE),
        (np.nan, 2.0, 8.0, 2.0, IntervalSource.HISTORY),
        (0.0, np.nan, 8.0, 8.0, IntervalSource.CONSTANT),
        (np.nan, -1.0, None, np.nan, IntervalSource.UNKNOWN),
    ],
)
def test_an_interval_says_where_it_comes_from(
    told: float, settled: float, constant: float | None, hours: float, source: IntervalSource
) -> None:
    snapshot, refused = funding_clean(
        funding(interval_hours=told), index(["S0"], settled=settled), arrival=ARRIVAL, constant_hours=constant
    )
    assert refused == {}
    np.testing.assert_array_equal(snapshot.interval_hours, [hours])
    assert snapshot.interval_source.tolist() == [source]


def test_contracts_of_inverse_perpetuals_are_worth_quote_currency() -> None:
    row = columns(GOOD | {"bid": 50.0, "ask": 100.0, "bid_size": 3.0, "ask_size": 2.0})
    snapshot, refused = quotes_clean(
        row, index(["S0"], contract=10.0, inverse=True), kind=SnapshotKind.SWAP, arrival=ARRIVAL
    )
    assert refused == {}
    assert (snapshot.bid_size.tolist(), snapshot.ask_size.tolist()) == ([0.6], [0.2])


@pytest.mark.parametrize(("inverse", "units"), [(False, [30.0, 0.0]), (True, [0.3, 0.0])])
def test_open_interest_is_in_base_units_and_nonsense_is_unknown(inverse: bool, units: list[float]) -> None:
    # Three contracts of ten, of the base or of the quote currency at a bid of 100.
    rows = replace(columns(*[{"bid": 100.0, "ask": 101.0}] * 4), open_interest=np.array([3.0, 0.0, -1.0, np.inf]))
    known = index([f"S{number}" for number in range(4)], contract=10.0, inverse=inverse)
    quotes, refused = quotes_clean(rows, known, kind=SnapshotKind.SWAP, arrival=ARRIVAL)
    assert quotes.open_interest is not None
    np.testing.assert_allclose(quotes.open_interest, [*units, np.nan, np.nan])
    # It is no reason to refuse a quote.
    assert (refused, len(quotes.bid)) == ({}, 4)
