"""Market data over the API: what is listed, what is said, with source and age; 202 while something is fetched."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.core import clock
from apps.markets import selectors, store
from apps.markets.enums import IntervalSource, MarketType, SnapshotKind
from apps.markets.models import CurrencyNetwork, DeadLetter, Exchange, Feed, FeeRule, Market, Quarantine, SettledFunding
from apps.markets.types import FundingRates, OrderBook, Quotes
from tests.api.conftest import MakeUser, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

PATHS = (
    "trading/exchanges",
    "trading/markets",
    "trading/tickers",
    "trading/order-books/1",
    "trading/candles?exchange=okx&symbol=BTC/USDT",
    "trading/funding-rates",
    "trading/funding-rates/1/history",
    "trading/funding-spread?long=1&short=2",
    "trading/networks?exchange=okx",
)


@pytest.fixture
def api(make_user: MakeUser) -> APIClient:
    """Somebody signed in."""
    return client_of(make_user("anna"))


@pytest.fixture
def markets(settings: Settings) -> Iterator[dict[str, Market]]:
    """BTC spot and perpetual on two exchanges, one of them delisted, one not monitored."""
    settings.EXCHANGES = ["bybit", "okx"]
    selectors.caches_forget()
    made = {}
    for name in ("bybit", "okx"):
        exchange = Exchange.objects.create(id=name, name=name, market_version=1, markets_loaded_at=clock.now())
        for kind in SnapshotKind:
            Feed.objects.create(exchange=exchange, kind=kind, state="ok", last_ok_at=clock.now(), latency_ms=12)
        for symbol, type in (("BTC/USDT", MarketType.SPOT), ("BTC/USDT:USDT", MarketType.SWAP)):
            made[f"{name} {symbol}"] = Market.objects.create(
                exchange=exchange,
                symbol=symbol,
                type=type,
                base="BTC",
                quote="USDT",
                instrument="BTC",
                taker_fee=Decimal("0.001"),
                amount_step=Decimal("0.001"),
            )
    okx = Exchange.objects.get(id="okx")
    common: dict[str, Any] = {"exchange": okx, "type": "spot", "quote": "USDT"}
    made["gone"] = Market.objects.create(symbol="OLD/USDT", base="OLD", instrument="OLD", active=False, **common)
    made["unread"] = Market.objects.create(
        symbol="TINY/USDT", base="TINY", instrument="TINY", monitored=False, **common
    )
    yield made
    selectors.caches_forget()


def get(api: APIClient, path: str, **params: Any) -> Any:
    answer = api.get(f"/api/v1/{path}", params)
    assert answer.status_code == 200, answer.json()
    assert answer["X-ArbEdge-Origin"]
    return answer.json()


def quote(market: Market, *, age_s: float = 2.0) -> None:
    now = clock.now_ms() - round(age_s * 1000)
    kind = SnapshotKind.SPOT if market.type == MarketType.SPOT else SnapshotKind.SWAP
    one: dict[str, Any] = {
        name: np.array([value]) for name, value in {"bid": 99.5, "bid_size": 2.0, "ask": 100.25}.items()
    }
    store.snapshot_put(
        Quotes(
            exchange=market.exchange_id,
            kind=kind,
            received_at=now,
            market_version=1,
            market_id=np.array([market.id], dtype=np.int32),
            ask_size=np.array([0.0000001]),
            last=np.array([np.nan]),
            quote_volume=np.array([1e12]),
            exchange_ts=np.array([now], dtype=np.int64),
            **one,
        )
    )


@pytest.mark.parametrize("path", PATHS)
def test_nothing_without_signing_in(markets: dict[str, Market], path: str) -> None:
    assert APIClient().get(f"/api/v1/{path}").status_code == 401


def test_markets_are_listed_with_the_fee_that_counts_and_their_quarantine(
    api: APIClient, markets: dict[str, Market]
) -> None:
    bybit = markets["bybit BTC/USDT"]
    FeeRule.objects.create(exchange_id="bybit", market=bybit, taker=Decimal("0.0004"))
    Quarantine.objects.create(market=bybit, ratio=3.0, compared_with="okx BTC/USDT")
    rows = get(api, "trading/markets")["results"]
    assert len(rows) == 6
    row = next(row for row in rows if row["id"] == bybit.id)
    assert (row["exchange"], row["symbol"], row["type"]) == ("bybit", "BTC/USDT", "spot")
    assert (row["taker_fee"], row["fee_source"], row["quarantine"]) == ("0.0004", "market", "pending")
    assert (row["amount_step"], row["min_notional"], row["contract_size"]) == ("0.001", None, "1")
    assert {row["symbol"] for row in rows if not row["active"]} == {"OLD/USDT"}


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"exchange": "okx"}, 4),
        ({"type": "swap"}, 2),
        ({"symbol": "btc/usdt"}, 2),
        ({"instrument": "btc", "exchange": "bybit"}, 2),
        ({"active": "false"}, 1),
        ({"monitored": "false"}, 1),
        ({"quote": "EUR"}, 0),
        ({"exchange": "nowhere"}, 0),
    ],
)
def test_lists_of_markets_can_be_narrowed(
    api: APIClient, markets: dict[str, Market], params: dict[str, str], count: int
) -> None:
    assert len(get(api, "trading/markets", **params)["results"]) == count


def test_pages_follow_each_other(api: APIClient, markets: dict[str, Market]) -> None:
    first = get(api, "trading/tickers", limit=3)
    second = api.get(first["next"]).json()
    ids = [row["market_id"] for row in first["results"] + second["results"]]
    assert ids == sorted(market.id for name, market in markets.items() if name not in ("gone", "unread"))
    assert second["next"] is None


def test_a_filter_that_makes_no_sense_is_told_back(api: APIClient, markets: dict[str, Market]) -> None:
    answer = api.get("/api/v1/trading/markets?type=future")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "type")


def test_tickers_name_their_source_and_age_or_why_there_is_none(api: APIClient, markets: dict[str, Market]) -> None:
    quote(markets["okx BTC/USDT"])
    rows = {(row["exchange"], row["type"]): row for row in get(api, "trading/tickers")["results"]}
    known = rows["okx", "spot"]
    assert (known["bid"], known["ask_size"], known["last"], known["quote_volume"]) == (
        "99.5",
        "0.0000001",
        None,
        "1000000000000",
    )
    assert (known["source"], known["reason"]) == ("redis", None)
    assert 2.0 <= known["age"] < 10.0
    missing = rows["bybit", "swap"]
    assert (missing["bid"], missing["source"], missing["age"]) == (None, None, None)
    assert "asked for" in missing["reason"]


def test_a_ticker_that_is_too_old_is_none(api: APIClient, markets: dict[str, Market]) -> None:
    quote(markets["okx BTC/USDT"], age_s=60)
    (row,) = get(api, "trading/tickers", exchange="okx", type="spot")["results"]
    assert row["bid"] is None
    assert "60 s old" in row["reason"] or "61 s old" in row["reason"]


def test_funding_rates_say_where_their_interval_comes_from(api: APIClient, markets: dict[str, Market]) -> None:
    perpetual, now = markets["bybit BTC/USDT:USDT"], clock.now_ms()
    store.snapshot_put(
        FundingRates(
            exchange="bybit",
            received_at=now,
            market_version=1,
            market_id=np.array([perpetual.id], dtype=np.int32),
            rate=np.array([-0.0000125]),
            interval_hours=np.array([4.0]),
            interval_source=np.array([IntervalSource.HISTORY], dtype=np.int8),
            next_funding_at=np.array([0], dtype=np.int64),
            mark=np.array([100.0]),
            index=np.array([np.nan]),
            exchange_ts=np.array([now], dtype=np.int64),
        )
    )
    rows = get(api, "trading/funding-rates")["results"]
    assert {row["type"] for row in rows} == {"swap"}
    (row,) = [row for row in rows if row["market_id"] == perpetual.id]
    assert (row["rate"], row["interval_hours"], row["interval_source"]) == ("-0.0000125", 4.0, "history")
    assert (row["next_funding_at"], row["mark"], row["index"]) == (None, "100", None)


def test_a_book_that_nobody_has_is_asked_for(api: APIClient, markets: dict[str, Market]) -> None:
    market = markets["okx BTC/USDT"]
    answer = api.get(f"/api/v1/trading/order-books/{market.id}")
    assert answer.status_code == 202
    assert int(answer["Retry-After"]) == answer.json()["retry_after"] >= 1
    levels = ((Decimal("99.5"), Decimal("1E-7")),), ((Decimal("1E+2"), Decimal(2)),)
    store.books_put([OrderBook(market.id, *levels, exchange_ts=clock.now_ms(), received_at=clock.now_ms())])
    book = get(api, f"trading/order-books/{market.id}")
    assert (book["bids"], book["asks"]) == ([["99.5", "0.0000001"]], [["100", "2"]])
    assert book["source"] == "redis"


@pytest.mark.parametrize("which", ["gone", "unread", None])
def test_a_market_that_is_not_read_has_no_book(api: APIClient, markets: dict[str, Market], which: str | None) -> None:
    answer = api.get(f"/api/v1/trading/order-books/{markets[which].id if which else 99_999}")
    assert (answer.status_code, answer.json()["code"]) == (404, "market_not_found")


def test_history_is_newest_first_with_its_statistics(api: APIClient, markets: dict[str, Market]) -> None:
    market = markets["okx BTC/USDT:USDT"]
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for back in range(6):
        SettledFunding.objects.create(
            market=market, settled_at=hour - timedelta(hours=8 * back), rate=0.0008 + back / 1e5
        )
    Market.objects.filter(id=market.id).update(settled_checked_at=clock.now(), settled_interval_hours=8.0)
    answer = get(api, f"trading/funding-rates/{market.id}/history", days=1)
    assert [round(row["rate"], 9) for row in answer["results"]] == [0.0008, 0.00081, 0.00082]
    assert answer["stats"]["interval_hours"] == 8.0
    assert answer["stats"]["mean_8h"] == pytest.approx(0.000805, rel=0.02)
    assert answer["source"] == "database"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("days=0", "days"),
        ("days=91", "days"),
        ("since=tomorrow", "since"),
        ("until=2020-01-01T00:00:00Z&since=2021-01-01T00:00:00Z", "since"),
        ("until=0001-01-01T00:00:00Z", "until"),
    ],
)
def test_a_span_that_makes_no_sense_is_told_back(
    api: APIClient, markets: dict[str, Market], query: str, field: str
) -> None:
    market = markets["okx BTC/USDT:USDT"]
    answer = api.get(f"/api/v1/trading/funding-rates/{market.id}/history?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_spread_of_two_perpetuals(api: APIClient, markets: dict[str, Market]) -> None:
    long, short = markets["okx BTC/USDT:USDT"], markets["bybit BTC/USDT:USDT"]
    empty = get(api, "trading/funding-spread", long=long.id, short=short.id)["stats"]
    assert (empty["points"], empty["mean_hourly"]) == (0, None)
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for back in range(12):
        for market, rate in ((long, 0.0001), (short, 0.0009)):
            SettledFunding.objects.create(market=market, settled_at=hour - timedelta(hours=8 * back), rate=rate)
    stats = get(api, "trading/funding-spread", long=long.id, short=short.id)["stats"]
    assert stats["mean_hourly"] == pytest.approx(0.0001)
    assert stats["std_hourly"] == pytest.approx(0.0, abs=1e-12)


def test_networks_of_one_currency(api: APIClient, markets: dict[str, Market]) -> None:
    Exchange.objects.filter(id="okx").update(transfers_checked_at=clock.now())
    for currency in ("BTC", "ETH"):
        CurrencyNetwork.objects.create(
            exchange_id="okx", currency=currency, network=currency, deposit="open", withdraw="closed"
        )
    answer = get(api, "trading/networks", exchange="okx", currency="btc")
    assert answer["results"] == [
        {
            "currency": "BTC",
            "network": "BTC",
            "deposit": "open",
            "withdraw": "closed",
            "withdraw_fee": None,
            "withdraw_min": None,
        }
    ]
    unknown = api.get("/api/v1/trading/networks?exchange=nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


def test_exchanges_say_how_they_are(api: APIClient, markets: dict[str, Market]) -> None:
    DeadLetter.objects.create(exchange_id="okx", kind="spot", trouble="rows", reason="x", body=b"")
    rows = get(api, "trading/exchanges")
    assert [row["id"] for row in rows] == ["bybit", "okx"]
    assert rows[1]["guards"] == {"breaker": "closed", "retry_in": 0.0, "budget_used": 0.0}
    assert {feed["kind"]: (feed["state"], feed["latency_ms"]) for feed in rows[1]["feeds"]} == {
        "spot": ("ok", 12),
        "swap": ("ok", 12),
        "funding": ("ok", 12),
    }


def test_a_list_costs_few_queries(
    api: APIClient, markets: dict[str, Market], django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    get(api, "trading/markets")
    with django_assert_max_num_queries(6):
        get(api, "trading/markets")
