"""Candles over the API: known bars only, each with where it comes from."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.test import APIClient

from apps.core import clock
from apps.markets.candles import store
from apps.markets.candles.bars import FIELDS, VOLUME, Bars
from apps.markets.enums import BarOrigin
from apps.markets.models import Market
from tests.api.test_markets import api, get, markets  # noqa: F401  (fixtures)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state", "fresh")]

MINUTE = 60_000


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing of an earlier test in this process's memory."""
    store.mirror.forget()
    yield
    store.mirror.forget()


def put(market: Market, origin: BarOrigin, closes: list[float], *, volume: float = np.nan, ago: int = 0) -> int:
    """Minutes with these closes, the last of which ended so many minutes ago; when that one began."""
    last_ms = clock.now_ms() // MINUTE * MINUTE - (1 + ago) * MINUTE
    values = np.broadcast_to(np.array(closes), (FIELDS, 1, len(closes))).copy()
    values[VOLUME] = volume
    store.bars_put(market.exchange_id, "1m", origin, Bars(np.array([market.id]), MINUTE, last_ms, values))
    return last_ms


def test_known_bars_are_told_oldest_first_with_their_origin(api: APIClient, markets: dict[str, Market]) -> None:  # noqa: F811
    market = markets["okx BTC/USDT"]
    put(market, BarOrigin.EXCHANGE, [101.5], volume=7.25, ago=2)
    last_ms = put(market, BarOrigin.QUOTES, [100.0, 100.0, np.nan, 100.25])
    found = get(api, "trading/candles", exchange="okx", symbol="btc/usdt", timeframe="1m")
    assert (found["market_id"], found["symbol"], found["type"]) == (market.id, "BTC/USDT", "spot")
    assert (found["timeframe"], found["source"], found["reason"]) == ("1m", "redis", None)
    assert [(row["close"], row["volume"], row["origin"]) for row in found["results"]] == [
        ("100", None, "quotes"),
        ("101.5", "7.25", "exchange"),
        ("100.25", None, "quotes"),
    ]
    assert found["results"][-1]["open_at"] == clock.from_ms(last_ms).isoformat().replace("+00:00", "Z")
    assert 0 <= found["age"] < 180
    (last,) = get(api, "trading/candles", exchange="okx", symbol="BTC/USDT", limit=1)["results"]
    assert last["close"] == "100.25"


def test_where_there_is_none_it_says_why(api: APIClient, markets: dict[str, Market]) -> None:  # noqa: F811
    found = get(api, "trading/candles", exchange="okx", symbol="BTC/USDT:USDT", timeframe="4h")
    assert found["results"] == []
    assert (found["source"], found["age"]) == (None, None)
    assert "No bar of 4h is known" in found["reason"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"symbol": "BTC/USDT"}, "exchange"),
        ({"exchange": "okx"}, "symbol"),
        ({"exchange": "okx", "symbol": "BTC/USDT", "timeframe": "2m"}, "timeframe"),
        ({"exchange": "okx", "symbol": "BTC/USDT", "limit": 0}, "limit"),
        ({"exchange": "okx", "symbol": "BTC/USDT", "limit": 241}, "limit"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_back(
    api: APIClient,  # noqa: F811
    markets: dict[str, Market],  # noqa: F811
    params: dict[str, Any],
    field: str,
) -> None:
    answer = api.get("/api/v1/trading/candles", params)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("symbol", ["TINY/USDT", "OLD/USDT", "NONE/USDT"])
def test_a_market_that_is_not_read_has_no_candles(api: APIClient, markets: dict[str, Market], symbol: str) -> None:  # noqa: F811
    answer = api.get("/api/v1/trading/candles", {"exchange": "okx", "symbol": symbol})
    assert answer.status_code == 404
    assert answer.json()["code"] == "market_not_found"


def test_without_the_cache_it_says_so(
    api: APIClient,  # noqa: F811
    markets: dict[str, Market],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        store.mirror, "_store", lambda: redis.Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))
    )
    answer = api.get("/api/v1/trading/candles", {"exchange": "okx", "symbol": "BTC/USDT"})
    assert answer.status_code == 503
    assert answer.json()["code"] == "away"
