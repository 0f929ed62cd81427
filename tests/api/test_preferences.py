"""What people say they want to see, and what the list then shows to them and to others."""

from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.accounts.enums import Tier
from apps.opportunities.categories import CATEGORIES, categories_of, in_any
from apps.opportunities.models import Opportunity, Preferences
from apps.opportunities.wishes import wish_of
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

LIST = "/api/v1/opportunities"
MINE = "/api/v1/users/preferences"
EMPTY = {
    "kinds": [], "categories": [], "symbols": [], "exchanges": [], "own_exchanges_only": False, "focus": "",
    "min_net_edge": None, "max_risk": "high",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _exchanges(settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "bybit", "okx"]


@pytest.fixture
def api(make_user: MakeUser) -> APIClient:
    return client_of(make_user("ada"))


def say(api: APIClient, **wishes: Any) -> Any:
    answer = api.patch(MINE, wishes, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def names(api: APIClient, rows: dict[str, Opportunity], query: str = "") -> set[str]:
    answer = api.get(f"{LIST}?{query}")
    assert answer.status_code == 200, answer.json()
    ids = {str(row.pk): name for name, row in rows.items()}
    return {ids[row["id"]] for row in answer.json()["results"]}


def test_who_has_said_nothing_misses_nothing(api: APIClient, make_opportunity: MakeOpportunity) -> None:
    body = api.get(MINE).json()
    assert {name: body[name] for name in EMPTY} == EMPTY
    assert not Preferences.objects.exists()
    assert names(api, {"risky": make_opportunity(risk="high", net_edge=Decimal("0.000001"))}) == {"risky"}


@pytest.mark.parametrize(
    ("wishes", "found"),
    [
        ({"max_risk": "low"}, {"calm"}),
        ({"max_risk": "medium"}, {"calm", "ether"}),
        ({"kinds": ["funding_rate"]}, set()),
        ({"kinds": ["funding_rate", "cross_exchange"]}, {"calm", "ether", "rich"}),
        ({"symbols": ["eth"]}, {"ether"}),
        ({"symbols": ["ETH/USDT", "BTC"]}, {"calm", "ether", "rich"}),
        ({"symbols": ["XRP"]}, set()),
        ({"min_net_edge": "0.05"}, {"rich"}),
        ({"categories": ["low_risk_arbitrage"]}, {"calm"}),
        ({"categories": ["low_risk_arbitrage", "large_size"]}, {"calm", "rich"}),
        ({"exchanges": ["binance"]}, {"calm", "ether", "rich"}),
    ],
)
def test_the_list_shows_what_is_wanted_unless_asked_otherwise(
    api: APIClient, make_user: MakeUser, make_opportunity: MakeOpportunity, wishes: dict[str, Any], found: set[str]
) -> None:
    rows = {
        "calm": make_opportunity(sell_bid="100.5", risk="low"),
        "ether": make_opportunity(risk="medium", symbol="ETH/USDT", instrument="ETH"),
        "rich": make_opportunity(sell_bid="110", optimal_notional=Decimal(10_000)),
    }
    say(api, **wishes)
    assert names(api, rows) == names(api, rows, "preferences=true") == found
    assert names(api, rows, "preferences=false") == set(rows)
    assert names(client_of(make_user("eve")), rows) == set(rows)
    # Distribution asks without the database, and gets the same answer.
    wish = wish_of(Preferences.objects.get())
    assert {name for name, row in rows.items() if wish(Opportunity.objects.get(pk=row.pk))} == found


def test_what_is_not_named_stays(api: APIClient) -> None:
    say(api, max_risk="low", symbols=["BTC", "BTC", "ETH"])
    body = say(api, min_net_edge="0.002")
    assert (body["max_risk"], body["symbols"], body["min_net_edge"]) == ("low", ["BTC", "ETH"], "0.00200000")
    assert say(api, min_net_edge=None, symbols=[])["min_net_edge"] is None
    assert Preferences.objects.get().max_risk == "low"


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"max_risk": "none"}, "max_risk"),
        ({"kinds": ["gift"]}, "kinds[0]"),
        ({"categories": ["free_money"]}, "categories[0]"),
        ({"exchanges": ["okx", "mtgox"]}, "exchanges"),
        ({"min_net_edge": "5"}, "min_net_edge"),
        ({"min_net_edge": "NaN"}, "min_net_edge"),
        ({"symbols": "BTC"}, "symbols"),
        ({"symbols": ["x" * 81]}, "symbols[0]"),
        ({"symbols": ["a"] * 101}, "symbols"),
        ({"kinds": ["cross_exchange"] * 101}, "kinds"),
        ({"categories": ["low_risk_arbitrage"] * 101}, "categories"),
        ({"user": "somebody"}, "user"),
        ({"max_rsik": "low"}, "max_rsik"),
    ],
)
def test_wrong_wishes_are_told_and_change_nothing(api: APIClient, wishes: dict[str, Any], field: str) -> None:
    say(api, max_risk="low")
    answer = api.patch(MINE, wishes, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    stored = Preferences.objects.get()
    assert (stored.max_risk, stored.kinds, stored.symbols, stored.exchanges) == ("low", [], [], [])


def test_nothing_without_signing_in() -> None:
    assert APIClient().get(MINE).status_code == APIClient().patch(MINE, {}, format="json").status_code == 401


def test_personal_ones_have_every_leg_on_own_exchanges(
    api: APIClient, make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    rows = {"mine": make_opportunity(("okx", "bybit")), "half": make_opportunity(("okx", "binance"))}
    answer = api.get(f"{LIST}?personal=true")
    assert answer.status_code == 400
    assert "users/preferences" in answer.json()["errors"][0]["detail"]
    say(api, exchanges=["bybit", "okx"])
    marks = {row["id"]: row["personal"] for row in api.get(LIST).json()["results"]}
    assert marks == {str(rows["mine"].pk): True, str(rows["half"].pk): False}
    assert names(api, rows, "personal=true") == {"mine"}
    assert names(api, rows, "personal=false") == {"mine", "half"}
    assert not any(row["personal"] for row in client_of(make_user("eve")).get(LIST).json()["results"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("exchanges=okx,bybit", {"calm", "rich"}),
        ("exchanges=okx,bybit,binance", {"calm", "rich", "far"}),
        ("exchanges=okx", set()),
        ("max_risk=low", {"calm"}),
        ("min_confidence=0.5", {"calm"}),
        ("min_size=500", {"rich"}),
        ("min_profit=7", {"rich"}),
        ("instrument=btc", {"calm", "rich", "far"}),
        ("quote=usdt", {"calm", "rich", "far"}),
        ("quote=USDC", set()),
        ("category=price_gaps", {"calm", "rich", "far"}),
        ("category=carry", set()),
        ("category=low_risk_arbitrage&exchanges=okx,bybit", {"calm"}),
    ],
)
def test_more_filters(api: APIClient, make_opportunity: MakeOpportunity, query: str, found: set[str]) -> None:
    rows = {
        "calm": make_opportunity(risk="low", confidence=0.9),
        "rich": make_opportunity(size=Decimal(900), profit=Decimal(8)),
        "far": make_opportunity(("okx", "binance"), size=Decimal(10), risk="medium"),
    }
    assert names(api, rows, query) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("max_risk=extreme", "max_risk"),
        ("category=all", "category"),
        ("premium=maybe", "premium"),
        ("personal=1", "personal"),
        ("preferences=no", "preferences"),
        ("min_confidence=high", "min_confidence"),
        ("exchanges=" + ",".join("abcdefghijklmnopqrstu"), "exchanges"),
    ],
)
def test_wrong_filters_are_told(api: APIClient, query: str, field: str) -> None:
    answer = api.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_premium_picks_are_for_the_premium_tier(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    rows = {
        "pick": make_opportunity(risk="medium", confidence=0.7),
        "doubtful": make_opportunity(risk="low", confidence=0.69),
        "risky": make_opportunity(risk="high", confidence=1.0),
    }
    for tier in (Tier.PREMIUM, Tier.ENTERPRISE):
        assert names(client_of(make_user(tier, tier)), rows, "premium=true") == {"pick"}
    for tier in (Tier.FREE, Tier.BASIC):
        client = client_of(make_user(tier, tier))
        answer = client.get(f"{LIST}?premium=true")
        assert (answer.status_code, answer.json()["code"]) == (403, "tier_required")
        assert "premium" in answer.json()["detail"]
        assert names(client, rows, "premium=false") == set(rows)
    assert APIClient().get(f"{LIST}?premium=true").status_code == 401


def test_a_category_selects_what_it_holds_of(make_opportunity: MakeOpportunity) -> None:
    for risk in ("low", "medium", "high"):
        for bid in ("100.3", "102"):
            for optimal in (100, 20_000):
                make_opportunity(sell_bid=bid, risk=risk, optimal_notional=Decimal(optimal))
                make_opportunity(sell_bid=bid, risk=risk, optimal_notional=Decimal(optimal), kind="funding_rate")
    held = {category.name: 0 for category in CATEGORIES}
    for category in CATEGORIES:
        selected = set(Opportunity.objects.filter(in_any([category.name])))
        assert selected == {row for row in Opportunity.objects.all() if category.holds(row)}
        held[category.name] = len(selected)
    assert held | {"technical_momentum": 0} == {
        "low_risk_arbitrage": 8, "high_yield": 12, "large_size": 12, "carry": 12, "price_gaps": 12,
        "technical_momentum": 0,
    }  # fmt: skip
    assert not Opportunity.objects.filter(in_any(["unheard of"])).exists()


def test_categories_are_told_with_their_conditions(api: APIClient, make_opportunity: MakeOpportunity) -> None:
    told = {row["name"]: row for row in api.get(f"{LIST}/categories").json()}
    assert list(told) == [category.name for category in CATEGORIES]
    assert told["high_yield"]["min_net_edge"] == "0.005"
    assert "cross_exchange" in told["price_gaps"]["kinds"]
    assert "cross_exchange" not in told["carry"]["kinds"]
    row = make_opportunity(risk="low")
    assert api.get(LIST).json()["results"][0]["categories"] == categories_of(row)
    assert "low_risk_arbitrage" in categories_of(row)
