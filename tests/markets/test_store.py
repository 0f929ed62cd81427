"""The newest snapshot of a feed is the newest, whoever puts in which order."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from apps.core import redis
from apps.markets import store
from apps.markets.enums import SnapshotKind
from apps.markets.mirror import OVERLAP_MS, Mirror
from apps.markets.snapshot import snapshot_encode
from apps.markets.types import Quotes

pytestmark = pytest.mark.usefixtures("redis_state")

NOW = 1_800_000_000_000
SPOT = SnapshotKind.SPOT


def quotes(received_at: int) -> Quotes:
    one = np.array([1.0])
    return Quotes(
        exchange="okx",
        kind=SPOT,
        received_at=received_at,
        market_version=1,
        market_id=np.array([1], dtype=np.int32),
        bid=one,
        bid_size=one,
        ask=one,
        ask_size=one,
        last=one,
        quote_volume=one,
        exchange_ts=np.array([received_at], dtype=np.int64),
    )


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """No memory of an earlier test."""
    store.mirror.forget()


def stored() -> int | None:
    """When the stored snapshot was received."""
    snapshot = store.snapshot_latest("okx", SPOT)
    return snapshot.received_at if snapshot else None


def test_an_older_one_that_comes_late_is_left_out() -> None:
    for received_at in (NOW, NOW - 1, NOW - OVERLAP_MS):
        store.snapshot_put(quotes(received_at))
        # Another process has its own memory: Redis alone decides.
        store.mirror.forget()
        assert stored() == NOW
    for received_at in (NOW, NOW + 1):
        store.snapshot_put(replace(quotes(received_at), market_version=7))
        found = store.snapshot_latest("okx", SPOT)
        assert found is not None
        assert (found.received_at, found.market_version) == (received_at, 7)


def test_the_order_of_many_does_not_matter() -> None:
    moments = [NOW + number for number in range(60)]
    random.Random(7).shuffle(moments)
    others = [Mirror() for _ in range(4)]
    key = store._snapshot_key("okx", SPOT)
    with ThreadPoolExecutor(4) as pool:
        for number, moment in enumerate(moments):
            data = snapshot_encode(quotes(moment))
            pool.submit(others[number % 4].put_newest, key, data, moment=moment, ttl_s=60)
    assert stored() == NOW + 59


def test_what_was_refused_does_not_come_back_with_an_older_answer() -> None:
    store.snapshot_put(quotes(NOW))
    store.snapshot_drop("okx", SPOT, at_ms=NOW + 2)
    store.mirror.forget()
    store.snapshot_put(quotes(NOW + 1))
    assert stored() is None
    store.snapshot_put(quotes(NOW + 3))
    assert stored() == NOW + 3
    # A refusal of what is no longer the newest takes nothing away.
    store.snapshot_drop("okx", SPOT, at_ms=NOW + 2)
    assert stored() == NOW + 3


def test_a_clock_that_was_ahead_keeps_nothing_away() -> None:
    store.snapshot_put(quotes(NOW + OVERLAP_MS + 1))
    store.snapshot_put(quotes(NOW))
    assert stored() == NOW


def test_it_lives_as_long_as_it_may_be_asked_for() -> None:
    store.snapshot_put(quotes(NOW))
    key = store._snapshot_key("okx", SPOT)
    for name in (key, f"{key}:at"):
        assert store.SNAPSHOT_TTL_S - 5 <= redis.cache().ttl(name) <= store.SNAPSHOT_TTL_S
