"""Snapshots as bytes."""

import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.snapshot import snapshot_decode, snapshot_encode
from apps.markets.types import FundingRates, Quotes


def quotes(rows: int) -> Quotes:
    names = ("bid", "bid_size", "ask", "ask_size", "last", "quote_volume")
    floats: dict[str, Any] = {name: np.linspace(start, start + 1, rows) for start, name in enumerate(names, start=1)}
    return Quotes(
        exchange="okx",
        kind=SnapshotKind.SWAP,
        received_at=1_700_000_000_000,
        market_version=7,
        market_id=np.arange(rows, dtype=np.int32),
        exchange_ts=np.full(rows, 1_700_000_000_123, dtype=np.int64),
        **floats,
    )


@pytest.mark.parametrize("rows", [0, 1, 3, 2000])
def test_quotes_come_back_as_they_were(rows: int) -> None:
    before = quotes(rows)
    after = snapshot_decode(snapshot_encode(before))
    assert isinstance(after, Quotes)
    for name in Quotes.__slots__:
        was, now = getattr(before, name), getattr(after, name)
        if isinstance(was, np.ndarray):
            np.testing.assert_array_equal(was, now)
            assert was.dtype == now.dtype
        else:
            assert was == now


def test_what_is_told_of_no_market_takes_no_bytes() -> None:
    without = quotes(100)
    told = replace(without, open_interest=np.linspace(0, 9, 100))
    after = snapshot_decode(snapshot_encode(told))
    assert isinstance(after, Quotes)
    assert after.open_interest is not None
    np.testing.assert_array_equal(after.open_interest, told.open_interest)
    assert 800 <= len(snapshot_encode(told)) - len(snapshot_encode(without)) < 840
    plain = snapshot_decode(snapshot_encode(without))
    assert isinstance(plain, Quotes)
    assert plain.open_interest is None


def test_funding_rates_come_back_with_their_unknowns() -> None:
    unknown = np.array([8.0, np.nan])
    times = np.array([0, 5], dtype=np.int64)
    ids = np.array([3, 9], dtype=np.int32)
    sources = np.array([1, 0], dtype=np.int8)
    before = FundingRates("bybit", 5, 2, ids, unknown, unknown, sources, times, unknown, unknown, times)
    after = snapshot_decode(snapshot_encode(before))
    assert isinstance(after, FundingRates)
    assert after.kind is SnapshotKind.FUNDING
    np.testing.assert_array_equal(after.interval_hours, unknown)
    np.testing.assert_array_equal(after.market_id, ids)


def test_another_format_is_refused() -> None:
    data = snapshot_encode(quotes(2))
    length = struct.unpack_from("<4sI", data)[1]
    header = json.loads(data[8 : 8 + length])
    assert header["format"] == 3
    other = data.replace(b'"format":3', b'"format":2')
    with pytest.raises(PermanentError, match="format 2") as error:
        snapshot_decode(other)
    assert error.value.code == "unknown_format"


@pytest.mark.parametrize("data", [b"", b"ARBS", b"garbage that is no snapshot at all", b"ARBS\x05\0\0\0nope!"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PermanentError):
        snapshot_decode(data)


def test_bytes_that_are_cut_short_are_refused() -> None:
    data = snapshot_encode(quotes(100))
    with pytest.raises(PermanentError, match="cut short"):
        snapshot_decode(data[: len(data) // 2])
