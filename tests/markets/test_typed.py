"""The fast way from a body to columns: numbers as exchanges write them, broken rows, bodies that are read again."""

import asyncio
import gc
import json
import time
import tracemalloc
from typing import Any, Generic, Literal

import msgspec
import numpy as np
import pytest
from msgspec import field

from apps.core import clock, loop
from apps.core.exceptions import PermanentError, ThrottledError
from apps.markets.enums import SnapshotKind
from apps.markets.exceptions import UnreadableAnswer
from apps.markets.exchanges import registry
from apps.markets.exchanges.base import ExchangeAdapter
from apps.markets.exchanges.columns import RawAnswer, RowTime
from apps.markets.exchanges.typed import LATEST_MS, Listed, Number, R, Row, Rows, matrix, milliseconds, quote_columns
from tests.markets.wire import BINANCE, USDM, Wire, binance_info, binance_symbol, binance_ticker, usdm_symbol

TICKERS = f"{BINANCE}/ticker/24hr"


class Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = None
    ask: Number = None
    row_ts: Number = field(name="ts", default=None)


class Envelope(msgspec.Struct, Generic[R]):
    code: Literal["0"]
    rows: list[R] = field(name="data")
    told_at: int = field(name="time", default=0)


def listed(*bases: str) -> Listed:
    return Listed.of({"id": f"{base}USDT", "symbol": f"{base}/USDT", "info": {}} for base in bases)


def read(rows: Any) -> Any:
    return Rows(list, Ticker).read(json.dumps(rows)).rows


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("1.50", 1.5),
        (1.5, 1.5),
        (2, 2.0),
        ("1e-7", 1e-7),
        ("-3", -3.0),
        ("0.1234567890123456789", 0.1234567890123456789),
        ("", np.nan),
        (None, np.nan),
        ("garbage", np.nan),
        ("1,5", np.nan),
        (True, np.nan),
        ([1], np.nan),
        ({"deep": 1}, np.nan),
    ],
)
def test_numbers_are_read_as_exchanges_write_them(told: Any, value: float) -> None:
    rows = read([{"symbol": "A", "bid": told, "ask": "7"}, {"symbol": "B", "bid": "3"}])
    columns = matrix(rows, ("bid", "ask", "missing"))
    np.testing.assert_array_equal(columns["bid"], [value, 3.0])
    np.testing.assert_array_equal(columns["ask"], [7.0, np.nan])
    np.testing.assert_array_equal(columns["missing"], [np.nan, np.nan])


def test_no_rows_are_no_trouble() -> None:
    columns = quote_columns(listed("A"), read([]), row_time=RowTime.QUOTE, has_sizes=True)
    assert (list(columns.symbols), len(columns.bid), columns.row_ts.dtype) == ([], 0, np.int64)


def test_three_broken_rows_of_two_thousand_cost_three() -> None:
    rows: list[Any] = [{"symbol": f"C{number}USDT", "bid": "1.5", "ask": "1.6", "ts": 5} for number in range(2000)]
    rows[0] = {"symbol": "C0USDT", "bid": "oops", "ask": {}, "ts": "never"}
    rows[1000] = None
    rows[1999] = {"bid": "1.5", "ask": "1.6"}
    bases = [f"C{number}" for number in range(2000)]
    columns = quote_columns(listed(*bases), read(rows), row_time=RowTime.QUOTE, has_sizes=True)
    assert int(np.isfinite(columns.bid).sum()) == 1997
    assert len(columns.symbols) == 1998
    assert (np.isnan(columns.bid[0]), columns.row_ts[0], columns.row_ts[1]) == (True, 0, 5)


def test_only_listed_ids_count_and_zero_is_no_price() -> None:
    rows = read([{"symbol": "XUSDT", "bid": "9"}, {"symbol": "BUSDT", "bid": "0.00", "ask": "2"}])
    columns = quote_columns(listed("A", "B"), rows, row_time=RowTime.TRADE, has_sizes=True)
    assert list(columns.symbols) == ["B/USDT"]
    np.testing.assert_array_equal([columns.bid[0], columns.ask[0]], [np.nan, 2.0])


def test_an_envelope_tells_success_and_time() -> None:
    tickers = Rows(Envelope, Ticker)
    told = tickers.read('{"code": "0", "data": [{"symbol": "A"}], "time": 1700000000000, "more": {}}')
    assert (told.at, [row.id for row in told.rows]) == (1_700_000_000_000, ["A"])
    for failure in ('{"code": "50011", "data": []}', '{"data": []}', "[]", "17", "", "<html>", '{"code": "0", "da'):
        with pytest.raises(msgspec.DecodeError):
            tickers.read(failure)


def test_rows_of_which_none_can_be_read_are_no_answer() -> None:
    with pytest.raises(msgspec.DecodeError, match="no row"):
        read([1, 2, 3])


def test_times_are_bounded() -> None:
    told = np.array([np.nan, -5.0, 0.0, 1_700_000_000_123.0, 1e18, np.inf])
    assert milliseconds(told).tolist() == [0, 0, 0, 1_700_000_000_123, LATEST_MS, LATEST_MS]


def binance_of(wire: Wire) -> ExchangeAdapter:
    return registry.adapter("binance", gateway=wire.url)


def quotes(wire: Wire) -> Any:
    return loop.run(binance_of(wire).quotes(SnapshotKind.SPOT, markets_from=0), timeout=20)


def again(wire: Wire, raw: tuple[RawAnswer, ...], kind: SnapshotKind = SnapshotKind.SPOT) -> Any:
    return loop.run(binance_of(wire).reread(kind, raw), timeout=20)


def test_a_reply_keeps_its_body_and_is_read_again_without_asking(binance: Wire) -> None:
    first = quotes(binance)
    (raw,) = first.raw
    assert (raw.path, raw.status) == ("/api/v3/ticker/24hr", 200)
    assert json.loads(raw.text)[0]["symbol"] == "BTCUSDT"
    assert (raw.sent_at, raw.received_at) == (first.sent_at, first.received_at)
    asked = len(binance.asked)
    second = again(binance, first.raw)
    assert len(binance.asked) == asked
    assert (second.value.symbols, second.value.bid.tolist()) == (first.value.symbols, first.value.bid.tolist())
    assert (second.sent_at, second.received_at, second.exchange_at, second.raw) == (
        first.sent_at,
        first.received_at,
        first.exchange_at,
        first.raw,
    )


def test_what_cannot_be_read_is_carried_by_its_error_and_fails_again(binance: Wire) -> None:
    quotes(binance)
    binance.say(TICKERS, b'[{"symbol": "BTCUSDT", "bid')
    with pytest.raises(UnreadableAnswer) as caught:
        quotes(binance)
    (raw,) = caught.value.raw
    assert raw.text == '[{"symbol": "BTCUSDT", "bid'
    with pytest.raises(UnreadableAnswer):
        again(binance, caught.value.raw)


def test_an_error_is_judged_by_ccxt_when_it_is_read_again_too(binance: Wire) -> None:
    quotes(binance)
    now = clock.now_ms()
    raw = RawAnswer("/api/v3/ticker/24hr", 429, {"retry-after": "9"}, '{"code": -1003, "msg": "slow down"}', now, now)
    with pytest.raises(ThrottledError) as caught:
        again(binance, (raw,))
    assert caught.value.retry_after == 9


def test_an_answer_that_is_missing_is_said(binance: Wire) -> None:
    quotes(binance)
    with pytest.raises(PermanentError) as caught:
        again(binance, ())
    assert caught.value.code == "incomplete"


def test_a_reading_of_two_calls_keeps_both_answers(wire: Wire) -> None:
    wire.say(f"{USDM}/exchangeInfo", binance_info(usdm_symbol("BTC"), usdm_symbol("ETH")))
    wire.say(f"{USDM}/fundingInfo", [{"symbol": "ETHUSDT", "fundingIntervalHours": 4}])
    later = int(time.time() * 1000) + 1_800_000
    premium = {"markPrice": "100", "indexPrice": "100", "lastFundingRate": "0.0001", "nextFundingTime": later}
    wire.say(f"{USDM}/premiumIndex", [{"symbol": f"{base}USDT", **premium} for base in ("BTC", "ETH")])
    adapter = registry.adapter("binanceusdm", gateway=wire.url)
    reply = loop.run(adapter.funding(markets_from=0), timeout=20)
    assert [raw.path for raw in reply.raw] == ["/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex"]
    np.testing.assert_array_equal(reply.value.interval_hours, [np.nan, 4.0])
    wire.say(f"{USDM}/premiumIndex", b"<html>")
    with pytest.raises(UnreadableAnswer) as caught:
        loop.run(adapter.funding(markets_from=0), timeout=20)
    assert [raw.path for raw in caught.value.raw] == ["/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex"]
    second = loop.run(adapter.reread(SnapshotKind.FUNDING, reply.raw), timeout=20)
    np.testing.assert_array_equal(second.value.interval_hours, [np.nan, 4.0])


def test_readings_side_by_side_keep_to_themselves(binance: Wire) -> None:
    binance.say(f"{BINANCE}/depth", {"lastUpdateId": 1, "bids": [["1", "1"]], "asks": [["2", "1"]]})
    adapter = binance_of(binance)

    async def both() -> list[str]:
        book = adapter.book("BTC/USDT", markets_from=0)
        replies = await asyncio.gather(adapter.quotes(SnapshotKind.SPOT, markets_from=0), book)
        return ["".join(raw.path for raw in reply.raw) for reply in replies]

    assert loop.run(both(), timeout=20) == ["/api/v3/ticker/24hr", "/api/v3/depth"]


def test_new_markets_are_known_after_the_next_load(binance: Wire) -> None:
    binance.say(TICKERS, [binance_ticker(base, 99, 101) for base in ("BTC", "NEW")])
    assert quotes(binance).value.symbols == ["BTC/USDT"]
    binance.say(f"{BINANCE}/exchangeInfo", binance_info(binance_symbol("BTC"), binance_symbol("NEW")))
    adapter = binance_of(binance)
    reply = loop.run(adapter.quotes(SnapshotKind.SPOT, markets_from=clock.now_ms() + 1), timeout=20)
    assert reply.value.symbols == ["BTC/USDT", "NEW/USDT"]


def test_reading_again_and_again_keeps_nothing(binance: Wire) -> None:
    raw = quotes(binance).raw
    for _ in range(20):
        again(binance, raw)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(60):
            again(binance, raw)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # Kept bodies would be sixty times one.
    assert grown < 10 * len(raw[0].text)
