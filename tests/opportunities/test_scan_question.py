"""A scan for one person's question: the same strategies over today's snapshots, and not a row written."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.enums import Tier
from apps.opportunities import services
from apps.opportunities.models import Opportunity
from apps.opportunities.types import CandidatesFound
from tests.opportunities.conftest import CHEAP, DEAR, HIGH, LOW, Build
from tests.opportunities.factories import Listing, levels
from tests.opportunities.test_taking import ROOT, client_of, person
from tests.opportunities.world import World

ETHER = [Listing("aaa", 9.99, 10.0, instrument="ETH"), Listing("ccc", 10.2, 10.21, instrument="ETH")]


@pytest.fixture
def market(build: Build) -> World:
    """A price gap of BTC (aaa, bbb), a larger one of ETH (aaa, ccc), a funding difference of BTC (aaa, bbb)."""
    world = build(CHEAP, DEAR, *ETHER, LOW, HIGH)
    world.quote()
    return world


def ask(client: APIClient, **question: Any) -> Any:
    return client.post(f"{ROOT}/scan", question, format="json")


def found(client: APIClient, **question: Any) -> list[tuple[str, str]]:
    answer = ask(client, **question)
    assert answer.status_code == 200, answer.json()
    return [(row["kind"], row["instrument"]) for row in answer.json()["results"]]


def test_it_finds_what_detection_finds_and_writes_nothing(market: World) -> None:
    rows = ask(client_of(person())).json()
    assert not Opportunity.objects.exists()
    services.detect(now=market.now)
    detected = {(row.kind, tuple(leg["market_id"] for leg in row.legs)): row for row in Opportunity.objects.all()}
    assert len(detected) >= 3
    assert {(row["kind"], tuple(leg["market_id"] for leg in row["legs"])) for row in rows["results"]} == set(detected)
    for row in rows["results"]:
        same = detected[row["kind"], tuple(leg["market_id"] for leg in row["legs"])]
        assert (row["net_edge"], row["gross_edge"]) == (str(same.net_edge), str(same.gross_edge))
    assert (rows["markets"], rows["found"]) == (6, len(detected))
    expected = [row["expected"] for row in rows["results"]]
    assert expected == sorted(expected, reverse=True)


@pytest.mark.parametrize(
    ("question", "there", "missing"),
    [
        ({"kinds": ["cross_exchange"]}, {("cross_exchange", "BTC"), ("cross_exchange", "ETH")}, set()),
        ({"kinds": ["funding_rate"]}, {("funding_rate", "BTC")}, {("cross_exchange", "BTC")}),
        ({"exchanges": ["aaa", "ccc"]}, {("cross_exchange", "ETH")}, {("cross_exchange", "BTC")}),
        ({"exchanges": ["bbb", "ccc"]}, set(), {("cross_exchange", "ETH"), ("cross_exchange", "BTC")}),
        ({"symbols": ["ETH/USDT"]}, {("cross_exchange", "ETH")}, {("cross_exchange", "BTC"), ("funding_rate", "BTC")}),
        ({"symbols": ["BTC/USDT:USDT"]}, {("funding_rate", "BTC")}, {("cross_exchange", "BTC")}),
        ({"symbols": ["XRP/USDT"]}, set(), {("cross_exchange", "BTC"), ("cross_exchange", "ETH")}),
        ({"min_net_edge": 0.01}, {("cross_exchange", "ETH")}, {("cross_exchange", "BTC"), ("funding_rate", "BTC")}),
    ],
)
def test_the_question_narrows_it(
    market: World, question: dict[str, Any], there: set[tuple[str, str]], missing: set[tuple[str, str]]
) -> None:
    answer = set(found(client_of(person()), **question))
    assert there <= answer
    assert not missing & answer


def test_edges_below_the_houses_minimum_are_found_when_asked_for(build: Build) -> None:
    world = build(CHEAP, Listing("bbb", 100.22, 100.3))
    world.quote()
    client = client_of(person())
    assert found(client) == []
    [row] = ask(client, min_net_edge=0).json()["results"]
    assert 0 < float(row["net_edge"]) < 0.0005


def test_a_longer_horizon_earns_more_fundings(market: World) -> None:
    client = client_of(person())

    def net(**question: Any) -> float:
        [row] = ask(client, kinds=["funding_rate"], **question).json()["results"]
        return float(row["net_edge"])

    # Three fundings within a day and six within two: of 0.2 % each.
    assert net(horizon_h=48) - net(horizon_h=24) == pytest.approx(3 * 0.002)


def test_the_answer_is_as_long_as_the_tier_allows(build: Build) -> None:
    pairs = [
        Listing(exchange, 10 + gap, 10.01 + gap, instrument=f"C{number}")
        for number in range(12)
        for exchange, gap in (("aaa", 0.0), ("bbb", 0.2 + number / 100))
    ]
    build(*pairs).quote()
    basic = client_of(person(tier=Tier.BASIC))
    answer = ask(basic, limit=100).json()
    assert (answer["found"], len(answer["results"])) == (12, 10)
    assert found(basic, limit=1) == [("cross_exchange", "C11")]


def test_what_is_shown_late_is_not_scanned_early(market: World) -> None:
    answer = ask(client_of(person(tier=Tier.FREE)))
    assert (answer.status_code, answer.json()["code"]) == (403, "tier_required")
    assert "basic" in answer.json()["detail"]
    assert ask(APIClient()).status_code == 401


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"exchanges": ["aaa", "mtgox"]}, "exchanges"),
        ({"kinds": ["gift"]}, "kinds[0]"),
        ({"min_net_edge": -1}, "min_net_edge"),
        ({"min_net_edge": "much"}, "min_net_edge"),
        ({"min_net_edge": "NaN"}, "min_net_edge"),
        ({"horizon_h": "nan"}, "horizon_h"),
        ({"horizon_h": 0}, "horizon_h"),
        ({"horizon_h": 1e9}, "horizon_h"),
        ({"limit": 0}, "limit"),
        ({"symbols": "BTC/USDT"}, "symbols"),
        ({"symbol": "BTC/USDT"}, "symbol"),
    ],
)
def test_wrong_questions_are_told(market: World, question: dict[str, Any], field: str) -> None:
    answer = ask(client_of(person()), **question)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_stale_snapshots_give_nothing(market: World) -> None:
    market.pass_time(60)
    body = ask(client_of(person())).json()
    assert (body["markets"], body["found"], body["results"]) == (0, 0, [])


def test_cycles_are_found_by_any_of_their_symbols(build: Build) -> None:
    build(
        Listing("aaa", 99.9, 100.0),
        Listing("aaa", 0.1018, 0.10181, instrument="ETH", quote="BTC"),
        Listing("aaa", 9.99, 10.0, instrument="ETH"),
        DEAR,
    ).quote()
    client = client_of(person())
    for symbols in (["ETH/BTC"], ["ETH/USDT", "XRP/USDT"]):
        [row] = ask(client, symbols=symbols).json()["results"]
        assert row["kind"] == "triangular"
        assert {leg["symbol"] for leg in row["legs"]} == {"BTC/USDT", "ETH/BTC", "ETH/USDT"}
        assert float(row["net_edge"]) > 0.01
    both = {kind for kind, _ in found(client, symbols=["BTC/USDT"])}
    assert both == {"triangular", "cross_exchange"}


def test_without_cached_books_it_says_so_and_asks_for_none(market: World) -> None:
    rows = ask(client_of(person())).json()["results"]
    assert rows
    for row in rows:
        assert row["on_books"] is None
        assert "no fresh order book" in row["books_reason"]
    assert market.news(CandidatesFound) == []


def test_what_has_books_is_priced_on_them(market: World) -> None:
    market.fill_books(0)
    # Ten units at 101, then at a loss: the reference of 1,000 dollars is all of them.
    market.fill_books(1, bids=levels(("101", "4"), ("99", "50")), asks=levels(("101.1", "50")))
    rows = {(row["kind"], row["instrument"]): row for row in ask(client_of(person())).json()["results"]}
    gap = rows["cross_exchange", "BTC"]
    assert gap["books_reason"] is None
    on_books = gap["on_books"]
    assert (on_books["size"], on_books["optimal_notional"]) == ("1000", "400")
    # (4·101 + 6·99)·0.999 - 1,000·1.001
    assert Decimal(on_books["profit"]) == Decimal("-3.998")
    assert Decimal(on_books["net_edge"]) < 0 < Decimal(gap["net_edge"])
    assert rows["cross_exchange", "ETH"]["on_books"] is None
