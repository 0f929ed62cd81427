"""Kinds of alert triggers as pure functions: forms that refuse, sides, news, words and evidence."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from apps.core import clock
from apps.distribution.services import boards
from apps.distribution.triggers.base import Judgement, ParamsInvalid, Source, Watch
from apps.distribution.triggers.board import Board, Listing, Offers
from apps.distribution.triggers.registry import KINDS
from apps.distribution.triggers.words import number, percent
from apps.markets.enums import SnapshotOrigin
from tests.opportunities.factories import NOW_MS, latest_of, table_of
from tests.opportunities.factories import Listing as Market

NAN = float("nan")
A = Market("aaa", 99.0, 101.0)
B = Market("bbb", 109.0, 111.0)
PERP = Market("aaa", 99.0, 101.0, swap=True, rate=0.001, interval_h=8.0)
HOURLY = Market("bbb", 99.0, 101.0, swap=True, rate=-0.0002, interval_h=1.0)


def board(*markets: Market, **more: Any) -> Board:
    listing = Listing(table_of(markets))
    return replace(boards._filled(listing, latest_of(markets), NOW_MS), **more)


def judged(kind: str, params: dict[str, Any], on: Board, standing: int = 0, **more: Any) -> Judgement:
    plugin = KINDS.get(kind)()
    return plugin.judge([Watch(uuid.uuid4(), uuid.uuid4(), "", plugin.read(params), standing, **more)], on)


def looked(kind: str, params: dict[str, Any], on: Board, standing: int = 0) -> tuple[int, bool]:
    found = judged(kind, params, on, standing)
    return int(found.side[0]), bool(found.edge[0])


def price(op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"symbol": "BTC/USDT", "op": op, "value": value, "exchange": "aaa", **more}


@pytest.mark.parametrize(
    ("params", "standing", "side", "news"),
    [
        (price("above", 99.9), 0, 1, True),
        (price("above", 99.9), -1, 1, True),
        (price("above", 99.9), 1, 1, False),
        (price("above", 100.0), -1, -1, False),
        (price("above", 100.05), 1, 1, False),  # within the hysteresis of 0.1 %
        (price("above", 100.05, hysteresis=0), 1, -1, False),
        (price("above", 100.2), 1, -1, False),
        (price("below", 100.1), -1, 1, True),
        (price("below", 99.95), 1, 1, False),
        (price("below", 99.8), 1, -1, False),
        (price("crosses", 99.9), 0, 1, False),  # nobody knows where it came from
        (price("crosses", 99.9), -1, 1, True),
        (price("crosses", 100.2), 1, -1, True),
        (price("crosses", 100.05), 1, 1, False),
        (price("above", 99.9, exchange="nowhere"), -1, 0, False),
        (price("above", 99.9, symbol="ETH/USDT"), -1, 0, False),
        (price("above", 105.0, exchange=""), -1, 1, True),  # the highest is bbb's
        (price("below", 105.0, exchange=""), -1, 1, True),  # the lowest is aaa's
        (price("below", 99.0, exchange=""), -1, -1, False),
        (price("crosses", 105.0, exchange=""), 1, -1, True),  # the lower of two middle ones
    ],
)
def test_price_sides_and_news(params: dict[str, Any], standing: int, side: int, news: bool) -> None:
    assert looked("price", params, board(A, B), standing) == (side, news)


@pytest.mark.parametrize(
    "untrue",
    [
        replace(A, bid=NAN),
        replace(A, bid=102.0),
        replace(A, bid=0.0),
        replace(A, ask=float("inf")),
        replace(A, bid=-1.0),
    ],
)
def test_a_price_that_can_not_be_true_is_none(untrue: Market) -> None:
    assert looked("price", price("above", 1.0), board(untrue)) == (0, False)
    assert looked("price", price("above", 1.0, exchange=""), board(untrue)) == (0, False)
    assert looked("price", price("crosses", 1.0, exchange=""), board(untrue), -1) == (0, False)


def test_the_middle_of_three_exchanges_is_what_crosses() -> None:
    three = board(A, B, replace(A, exchange="ccc", bid=119.0, ask=121.0))
    assert looked("price", price("crosses", 109.0, exchange=""), three, -1) == (1, True)
    assert looked("price", price("crosses", 111.0, exchange=""), three, -1) == (-1, False)


@pytest.mark.parametrize(
    ("op", "value", "side"),
    [
        ("rises", 0.10, 1),
        ("rises", 0.13, -1),
        ("falls", 0.04, 1),
        ("falls", 0.06, -1),
        ("moves", 0.10, 1),
        ("moves", 0.2, -1),
    ],
)
def test_moves_are_measured_from_the_windows_ends(op: str, value: float, side: int) -> None:
    on = board(A, lowest={15: np.array([90.0])}, highest={15: np.array([105.0])})
    assert looked("price", price(op, value, minutes=15), on, -1)[0] == side
    assert looked("price", price(op, value, minutes=15), board(A), -1)[0] == 0


def test_a_move_is_told_with_its_direction() -> None:
    on = board(A, lowest={15: np.array([90.0])}, highest={15: np.array([125.0])})
    told = judged("price", price("moves", 0.1, minutes=15), on, -1).tell(0)
    assert told.title == "BTC/USDT on aaa fell 20 % within 15 min"
    assert told.evidence["values"] == {"change": pytest.approx(-0.2), "minutes": 15, "low": 90.0, "high": 125.0}


def test_what_is_told_of_a_price_can_be_checked() -> None:
    on = board(A, B)
    told = judged("price", price("above", 105.0, exchange=""), on, -1).tell(0)
    assert told.title == "BTC/USDT on bbb is above 105: 110"
    [quote] = told.evidence["quotes"]
    assert quote == {
        "exchange": "bbb", "symbol": "BTC/USDT", "price": 110.0, "bid": 109.0, "ask": 111.0,
        "received_ms": NOW_MS - 100, "exchange_ms": NOW_MS - 200, "age_s": 0.1, "source": SnapshotOrigin.POLL.value,
    }  # fmt: skip
    crossed = judged("price", price("crosses", 200.0), on, 1).tell(0)
    assert crossed.title == "BTC/USDT on aaa crossed 200 downwards: 100"


@pytest.mark.parametrize(
    ("op", "value", "per", "exchange", "side"),
    [
        ("above", 0.0009, "8h", "aaa", 1),
        ("above", 0.0011, "8h", "aaa", -1),
        ("above", 1.0, "year", "aaa", 1),  # 0.001 * 3 * 365
        ("above", 1.1, "year", "aaa", -1),
        ("below", -0.0015, "8h", "bbb", 1),  # 8 hours of -0.0002
        ("below", -0.0017, "8h", "bbb", -1),
        ("below", -0.0015, "8h", "", 1),
        ("above", 0.0009, "8h", "", 1),
    ],
)
def test_funding_is_compared_in_one_unit(op: str, value: float, per: str, exchange: str, side: int) -> None:
    params = {"symbol": "BTC/USDT:USDT", "op": op, "value": value, "per": per, "exchange": exchange}
    assert looked("funding", params, board(PERP, HOURLY), -1) == (side, side > 0)


@pytest.mark.parametrize("unknown", [{"interval_h": NAN}, {"interval_h": 0.0}, {"rate": NAN}, {"next_h": -9.0}])
def test_a_rate_that_is_not_known_or_of_the_past_is_none(unknown: dict[str, Any]) -> None:
    params = {"symbol": "BTC/USDT:USDT", "op": "above", "value": -1.0}
    assert looked("funding", params, board(replace(PERP, **unknown)), -1) == (0, False)


def test_what_is_told_of_funding() -> None:
    params = {"symbol": "BTC/USDT:USDT", "op": "below", "value": -0.0015, "exchange": ""}
    told = judged("funding", params, board(PERP, HOURLY), -1).tell(0)
    assert told.title == "Funding of BTC/USDT:USDT on bbb is below -0.15 % per 8 h: -0.16 %"
    assert "Shorts pay longs" in told.lines[0]
    assert told.evidence["quotes"][0]["funding_apr"] == pytest.approx(-0.0002 * 8760)


def leaf(field: str, op: str, value: Any, exchange: str = "aaa", symbol: str = "BTC/USDT") -> dict[str, Any]:
    right = {"other": value} if isinstance(value, dict) else {"value": value}
    return {"field": field, "symbol": symbol, "exchange": exchange, "op": op, **right}


TRUE, FALSE = leaf("price", ">", 1), leaf("price", "<", 1)
UNKNOWN = leaf("price", ">", 1, exchange="nowhere")
OTHER = {"field": "price", "symbol": "BTC/USDT", "exchange": "aaa"}


@pytest.mark.parametrize(
    ("when", "side"),
    [
        ({"all": [TRUE]}, 1),
        ({"all": [TRUE, FALSE]}, -1),
        ({"any": [TRUE, FALSE]}, 1),
        ({"all": [TRUE, UNKNOWN]}, 0),
        ({"all": [FALSE, UNKNOWN]}, -1),
        ({"any": [FALSE, UNKNOWN]}, 0),
        ({"any": [TRUE, UNKNOWN]}, 1),
        ({"all": [TRUE, {"any": [FALSE, {"all": [TRUE, TRUE]}]}]}, 1),
        ({"all": [leaf("spread", ">", 0.019), leaf("spread", "<", 0.021)]}, 1),
        ({"all": [leaf("price", ">", {**OTHER, "times": 1.09}, exchange="bbb")]}, 1),
        ({"all": [leaf("price", ">", {**OTHER, "times": 1.11}, exchange="bbb")]}, -1),
        ({"all": [leaf("volume_24h", ">", 0)]}, 0),
        ({"all": [leaf("funding_apr", ">", 1, symbol="BTC/USDT:USDT"), TRUE]}, 1),
    ],
)
def test_conditions_hold_by_what_is_known_alone(when: dict[str, Any], side: int) -> None:
    assert looked("custom", {"when": when}, board(A, B, PERP), -1) == (side, side > 0)


def test_many_trees_keep_their_own_comparisons() -> None:
    plugin = KINDS.get("custom")()
    trees: list[dict[str, Any]] = [
        {"all": [TRUE, FALSE, TRUE]},
        {"any": [UNKNOWN, TRUE]},
        {"all": [UNKNOWN]},
        {"all": [TRUE]},
    ]
    watches = [Watch(uuid.uuid4(), uuid.uuid4(), "", plugin.read({"when": one})) for one in trees]
    assert plugin.judge(watches, board(A)).side.tolist() == [-1, 1, 0, 1]


def test_what_is_told_of_a_condition_names_every_figure() -> None:
    when = {"any": [TRUE, UNKNOWN, leaf("funding_8h", ">", 0, symbol="BTC/USDT:USDT"), leaf("bid", ">", 5)]}
    told = judged("custom", {"when": when}, board(A, PERP), -1).tell(0)
    assert told.lines == ("BTC/USDT on aaa: price 100, bid 99.", "BTC/USDT:USDT on aaa: funding_8h 0.001.")
    assert [one["symbol"] for one in told.evidence["quotes"]] == ["BTC/USDT", "BTC/USDT:USDT"]


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("price", {}, "symbol"),
        ("price", price("over", 1), "over"),
        ("price", price("above", "1"), "str"),
        ("price", price("above", 0), "> 0"),
        ("price", price("above", True), "bool"),
        ("price", price("rises", 0.1), "minutes"),
        ("price", price("above", 1, minutes=5), "minutes"),
        ("price", price("rises", 0.1, minutes=7), "7"),
        ("price", price("rises", 50, minutes=5), "fraction"),
        ("price", price("above", 1, stop=1), "stop"),
        ("price", price("above", 1, symbol="x" * 81), "80"),
        ("funding", {"symbol": "BTC/USDT", "op": "above", "value": 0.1}, "perpetual"),
        ("funding", {"symbol": "BTC/USDT:USDT", "op": "crosses", "value": 0.1}, "crosses"),
        ("opportunity", {"kinds": ["luck"]}, "luck"),
        ("opportunity", {"min_net_edge": 2}, "<= 1"),
        ("opportunity", {"symbols": ["X"] * 51}, "50"),
        ("custom", {}, "when"),
        ("custom", {"when": {"all": []}}, "1 to 10"),
        ("custom", {"when": {"all": [TRUE], "any": [TRUE]}}, "nothing beside"),
        ("custom", {"when": {"all": ["__import__('os')"]}}, "when.all[0]"),
        ("custom", {"when": {"all": [{"all": [{"all": [{"all": [TRUE]}]}]}]}}, "Nest"),
        ("custom", {"when": {"all": [{"any": [TRUE] * 6}, {"any": [TRUE] * 6}]}}, "at most 10"),
        ("custom", {"when": {"all": [leaf("price", ">", {**OTHER, "field": "spread"})]}}, "compared with"),
        ("custom", {"when": {"all": [leaf("price", "=", 1)]}}, ">, <"),
        ("custom", {"when": {"all": [leaf("price", ">", 10**400)]}}, "number"),
        ("custom", {"when": {"all": [leaf("funding_8h", ">", 1)]}}, "perpetuals"),
        ("custom", {"when": {"all": [{**TRUE, "other": OTHER}]}}, "one of them"),
        ("custom", {"when": {"all": [{**TRUE, "eval": "1"}]}}, "eval"),
    ],
)
def test_forms_refuse_with_the_place(kind: str, params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamsInvalid) as caught:
        KINDS.get(kind)().read(params)
    assert words in caught.value.message
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    ("when", "feed", "exchange"),
    [
        ({"all": [TRUE]}, "spot", "aaa"),
        ({"all": [TRUE, UNKNOWN]}, "spot", ""),
        ({"all": [TRUE, leaf("funding_8h", ">", 1, symbol="BTC/USDT:USDT")]}, "", "aaa"),
    ],
)
def test_a_condition_is_judged_by_the_news_of_what_it_reads(when: dict[str, Any], feed: str, exchange: str) -> None:
    plugin = KINDS.get("custom")()
    source: Source = plugin.source(plugin.read({"when": when}))
    assert (source.feed, source.exchange) == (feed, exchange)


OWNER = uuid.uuid4()


def offers(**changes: Any) -> Offers:
    """A gap of 0.3 % that is for all, the better one of 0.9 % that is riskier, a signal of OWNER's."""
    at = clock.from_ms(NOW_MS + 60_000)
    fields: dict[str, Any] = {
        "ids": tuple(uuid.UUID(int=number) for number in (1, 2, 3)),
        "kind": ("cross_exchange", "funding_rate", "technical"),
        "label": ("cross exchange", "funding rate", "technical signal"),
        "family": ("arbitrage", "arbitrage", "technical"),
        "symbol": ("BTC/USDT", "ETH/USDT:USDT", "SOL/USDT"),
        "instrument": ("BTC", "ETH", "SOL"),
        "exchanges": (frozenset({"aaa", "bbb"}), frozenset({"aaa", "ccc"}), frozenset({"aaa"})),
        "risk": ("low", "high", "medium"),
        "owner": (None, None, OWNER),
        "expires_at": (at, at, at),
        "activated_ms": np.array([NOW_MS - 400_000, NOW_MS - 1000, NOW_MS - 1000]),
        "priced_ms": np.array([NOW_MS - 2000] * 3),
        "net": np.array([0.003, 0.009, NAN]),
        "strength": np.array([NAN, NAN, 0.7]),
        "score": np.array([80.0, 60.0, 40.0]),
        "size": np.array([1000.0, 1000.0, 0.0]),
    }
    return Offers(**(fields | changes))


@pytest.mark.parametrize(
    ("params", "best"),
    [
        ({}, 1),
        ({"min_net_edge": 0.003}, 1),
        ({"min_net_edge": 0.004}, 2),
        ({"min_net_edge": 0.01}, None),
        ({"min_net_edge": 0.004, "max_risk": "medium"}, None),
        ({"min_score": 81}, None),
        ({"kinds": ["funding_rate", "spot_perp"]}, 2),
        ({"symbols": ["ETH"]}, 2),
        ({"symbols": ["BTC/USDT"]}, 1),
        ({"exchanges": ["aaa", "ccc"]}, 2),
        ({"exchanges": ["bbb"]}, None),
        ({"kinds": ["technical"]}, None),  # somebody else's
        ({"min_strength": 0.5}, None),
    ],
)
def test_an_opportunity_above_every_threshold(params: dict[str, Any], best: int | None) -> None:
    found = judged("opportunity", params, board(A, offers=offers()))
    assert bool(found.edge[0]) is (best is not None)
    assert found.side.tolist() == [0]
    if best is not None:
        assert found.tell(0).subject == str(uuid.UUID(int=best))


def test_a_personal_signal_is_its_owners_and_a_tier_waits() -> None:
    plugin, on = KINDS.get("opportunity")(), board(A, offers=offers())
    every = plugin.read({})
    signals = plugin.read({"min_strength": 0.5})
    watches = [
        Watch(uuid.uuid4(), OWNER, "", signals),
        Watch(uuid.uuid4(), uuid.uuid4(), "", signals),
        Watch(uuid.uuid4(), uuid.uuid4(), "", every, delay_s=300),
        Watch(uuid.uuid4(), uuid.uuid4(), "", every, delay_s=500),
    ]
    found = plugin.judge(watches, on)
    assert found.edge.tolist() == [True, False, True, False]
    told = found.tell(0)
    assert (told.title, told.family) == ("Technical signal SOL/USDT: strength 70 %", "technical")
    assert "risk-free" not in " ".join(told.lines)
    assert found.tell(2).subject == str(uuid.UUID(int=1))


def test_what_was_told_is_no_news_and_the_next_best_is() -> None:
    plugin = KINDS.get("opportunity")()
    mine = uuid.uuid4()
    on = board(A, offers=offers(told=frozenset({(mine, uuid.UUID(int=1)), (uuid.uuid4(), uuid.UUID(int=2))})))
    told = plugin.judge([Watch(mine, uuid.uuid4(), "", plugin.read({}))], on).tell(0)
    assert told.subject == str(uuid.UUID(int=2))
    assert told.age_s == 2
    assert told.ends_at == datetime.fromtimestamp(NOW_MS / 1000 + 60, UTC)


@pytest.mark.parametrize("kind", KINDS.names())
def test_no_market_and_no_opportunity_is_no_news(kind: str) -> None:
    params = {
        "price": price("crosses", 1.0, exchange=""),
        "funding": {"symbol": "BTC/USDT:USDT", "op": "above", "value": 0.1},
        "opportunity": {},
        "custom": {"when": {"all": [TRUE]}},
    }[kind]
    assert looked(kind, params, board(), 1) == (0, False)


def test_figures_as_people_read_them() -> None:
    assert [number(one) for one in (70012.5, 0.00001234, 1_000_000.0, 0.1 + 0.2, -0.5)] == [
        "70,012.5", "0.00001234", "1,000,000", "0.3", "-0.5"
    ]  # fmt: skip
    assert [percent(one) for one in (0.0001234567, 0.05, -0.0016)] == ["0.01235 %", "5 %", "-0.16 %"]
