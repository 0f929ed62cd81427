"""The list and the detail: who sees what, in which order, how much of it, and what wrong questions are told."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.enums import Role, Tier
from apps.accounts.models import User
from apps.core import clock, config
from apps.opportunities.models import Opportunity
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

LIST = "/api/v1/opportunities"
FIELDS = {
    "id", "kind", "instrument", "symbol", "legs", "gross_edge", "net_edge", "net_apr", "size", "optimal_notional",
    "strength", "max_notional", "profit", "risk", "confidence", "score", "origin", "context", "opened_at",
    "activated_at", "last_seen_at", "expires_at", "age", "categories", "personal",
}  # fmt: skip


def _ids(client: APIClient, query: str = "") -> list[str]:
    response = client.get(f"{LIST}{query}")
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_list_shows_an_active_opportunity_in_full(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    opportunity = make_opportunity()
    response = client_of(make_user("ada")).get(LIST)
    body = response.json()
    assert set(body) == {"results", "next", "previous", "origin"}
    [row] = body["results"]
    assert set(row) == FIELDS
    assert row["id"] == str(opportunity.pk)
    assert row["net_edge"] == str(opportunity.net_edge)
    assert [(leg["side"], leg["exchange"], leg["price"]) for leg in row["legs"]] == [
        ("buy", "okx", "100"),
        ("sell", "bybit", "101"),
    ]
    assert row["age"] >= 600
    assert row["opened_at"].endswith("Z")


def test_every_answer_says_where_its_data_comes_from(make_user: MakeUser, settings: pytest.FixtureRequest) -> None:
    settings.ORIGIN = "sandbox"  # type: ignore[attr-defined]
    client = client_of(make_user("ada"))
    for url in (LIST, f"{LIST}/{uuid.uuid4()}", f"{LIST}?kind=nonsense"):
        assert client.get(url).headers["X-ArbEdge-Origin"] == "sandbox"
    assert APIClient().get(LIST).headers["X-ArbEdge-Origin"] == "sandbox"
    assert client.get(LIST).json()["origin"] == "sandbox"


@pytest.mark.parametrize("url", [LIST, f"{LIST}/{uuid.UUID(int=1)}"])
def test_without_or_with_wrong_credentials_nothing_is_told(make_opportunity: MakeOpportunity, url: str) -> None:
    opportunity = make_opportunity(id=uuid.UUID(int=1))
    for header in ({}, {"HTTP_AUTHORIZATION": "Token arb_wrong"}):
        response = APIClient().get(url, **header)  # type: ignore[arg-type]
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Token ")
        assert opportunity.fingerprint.encode() not in response.content
        assert b"okx" not in response.content


@pytest.mark.parametrize("status", ["detected", "expired", "closed", "dropped"])
def test_only_active_ones_are_listed(make_user: MakeUser, make_opportunity: MakeOpportunity, status: str) -> None:
    over = status not in ("detected",)
    make_opportunity(status=status, closed_at=clock.now() if over else None)
    assert _ids(client_of(make_user("ada"))) == []


def test_free_user_sees_it_five_minutes_later_and_not_before(
    make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    opportunity = make_opportunity(age_s=0)
    free, premium = client_of(make_user("free", Tier.FREE)), client_of(make_user("premium"))
    url = f"{LIST}/{opportunity.pk}"
    assert opportunity.activated_at is not None
    for seconds, status in ((299, 404), (300, 200)):
        with time_machine.travel(opportunity.activated_at + timedelta(seconds=seconds), tick=False):
            assert free.get(url).status_code == status
            assert _ids(free) == ([str(opportunity.pk)] if status == 200 else [])
            assert _ids(premium) == [str(opportunity.pk)]


@pytest.mark.parametrize("context", ["personal", "group"])
def test_what_was_found_for_others_is_nobody_elses(
    make_user: MakeUser, make_opportunity: MakeOpportunity, context: str
) -> None:
    theirs = make_opportunity(context=context, owner=make_user("ada") if context == "personal" else None)
    outsider = client_of(make_user("eve"))
    assert _ids(outsider) == []
    response = outsider.get(f"{LIST}/{theirs.pk}")
    assert (response.status_code, response.json()["code"]) == (404, "opportunity_not_found")
    assert theirs.fingerprint.encode() not in response.content


def test_unknown_and_malformed_ids_are_404(make_user: MakeUser) -> None:
    client = client_of(make_user("ada"))
    assert client.get(f"{LIST}/{uuid.uuid4()}").status_code == 404
    assert client.get(f"{LIST}/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("tier", "role", "length"),
    [
        (Tier.FREE, Role.USER, 5),
        (Tier.BASIC, Role.USER, 10),
        (Tier.PREMIUM, Role.USER, 20),
        (Tier.ENTERPRISE, Role.USER, 50),
        (Tier.FREE, Role.ADMIN, 100),
    ],
)
def test_one_answer_is_as_long_as_the_tier_allows(
    make_user: MakeUser, make_opportunity: MakeOpportunity, tier: Tier, role: Role, length: int
) -> None:
    for column in ("free", "basic"):
        config.config_set(key=f"tier.{column}.daily_arbitrage", value=None, actor_id=None)
    for number in range(length + 1):
        make_opportunity(score=float(number))
    client = client_of(make_user("ada", tier, role))
    assert len(_ids(client)) == length
    assert len(_ids(client, "?limit=1000000000000")) == length
    assert len(_ids(client, "?limit=2")) == 2


def test_pages_never_overlap_and_leave_nothing_out(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    made = {str(make_opportunity(score=float(number // 4)).pk) for number in range(13)}
    client = client_of(make_user("ada"))
    url: str | None = f"{LIST}?limit=3"
    seen: list[str] = []
    while url:
        body = client.get(url).json()
        seen += [row["id"] for row in body["results"]]
        url = body["next"]
    assert len(seen) == 13
    assert set(seen) == made


@pytest.mark.parametrize(
    "ordering", ["score", "-score", "net_edge", "-net_edge", "profit", "-expires_at", "activated_at"]
)
def test_order_is_as_asked(make_user: MakeUser, make_opportunity: MakeOpportunity, ordering: str) -> None:
    for number, bid in enumerate(("101", "103", "102")):
        make_opportunity(sell_bid=bid, score=float(-number), profit=Decimal(number), age_s=600 + number)
    rows = client_of(make_user("ada")).get(f"{LIST}?ordering={ordering}").json()["results"]
    name = ordering.removeprefix("-")
    values = [row[name] if name.endswith("_at") else Decimal(str(row[name])) for row in rows]
    assert values == sorted(values, reverse=ordering.startswith("-"))
    assert len(values) == 3


def test_best_first_by_default(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    low, high = make_opportunity(score=1.0), make_opportunity(score=2.0)
    assert _ids(client_of(make_user("ada"))) == [str(high.pk), str(low.pk)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=cross_exchange", {"okx-bybit", "binance-okx"}),
        ("kind=funding_rate", set()),
        ("symbol=btc/usdt", {"okx-bybit", "binance-okx"}),
        ("symbol=ETH/USDT", set()),
        ("exchange=okx", {"okx-bybit", "binance-okx"}),
        ("exchange=bybit", {"okx-bybit"}),
        ("exchange=binance", {"binance-okx"}),
        ("exchange=kraken", set()),
        ("min_net_edge=0.015", {"binance-okx"}),
        ("min_net_edge=0.5", set()),
        ("exchange=okx&min_net_edge=0.015", {"binance-okx"}),
    ],
)
def test_filters(make_user: MakeUser, make_opportunity: MakeOpportunity, query: str, found: set[str]) -> None:
    names = {
        str(make_opportunity().pk): "okx-bybit",
        str(make_opportunity(("binance", "okx"), sell_bid="102").pk): "binance-okx",
    }
    assert {names[id] for id in _ids(client_of(make_user("ada")), f"?{query}")} == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("kind=nonsense", "kind"),
        ("min_net_edge=much", "min_net_edge"),
        ("min_net_edge=NaN", "min_net_edge"),
        (f"symbol={'x' * 81}", "symbol"),
        ("ordering=fingerprint", "ordering"),
        ("ordering=evidence", "ordering"),
        ("ordering=-", "ordering"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=²", "limit"),
    ],
)
def test_wrong_questions_are_400_and_name_the_field(
    make_user: MakeUser, make_opportunity: MakeOpportunity, query: str, field: str
) -> None:
    make_opportunity()
    response = client_of(make_user("ada")).get(f"{LIST}?{query}")
    body = response.json()
    assert (response.status_code, body["code"]) == (400, "invalid")
    assert [error["field"] for error in body["errors"]] == [field]
    assert "results" not in body


def test_forged_cursor_is_refused(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    make_opportunity()
    response = client_of(make_user("ada")).get(f"{LIST}?cursor=nonsense")
    assert response.status_code == 404
    assert "results" not in response.json()


def test_list_is_three_queries_however_long(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    client = APIClient()
    make_user("ada", Tier.ENTERPRISE)
    counts = []
    for _ in range(2):
        for _ in range(10):
            make_opportunity()
        client.force_authenticate(User.objects.get())
        client.get(LIST)
        # A person of its own: one who was loaded before would have their preferences already.
        client.force_authenticate(User.objects.get())
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        counts.append(len(queries))
        assert not any("evidence" in query["sql"] for query in queries)
    # The page, what its reader wants to see, and where they have exchange keys.
    assert counts == [3, 3]


def test_token_costs_one_more_query(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    make_opportunity()
    client = client_of(make_user("ada"))
    client.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        client.get(LIST)
    assert len(queries) == 4


def test_detail_carries_evidence_that_gives_the_stored_edge(
    make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    opportunity = make_opportunity(sell_bid="101.37")
    body = client_of(make_user("ada")).get(f"{LIST}/{opportunity.pk}").json()
    assert set(body) == FIELDS | {
        "closed_at", "reason", "details", "evidence", "net_edge_recomputed", "strength_recomputed", "waterfall",
        "history",
    }  # fmt: skip
    assert Decimal(body["net_edge_recomputed"]) == Decimal(body["net_edge"]) == opportunity.net_edge
    assert body["evidence"] == opportunity.evidence


def test_recomputed_edge_follows_the_evidence_and_not_the_row(
    make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    opportunity = make_opportunity()
    told = opportunity.net_edge
    Opportunity.objects.filter(pk=opportunity.pk).update(net_edge=Decimal("0.009"))
    body = client_of(make_user("ada")).get(f"{LIST}/{opportunity.pk}").json()
    assert Decimal(body["net_edge"]) == Decimal("0.009")
    assert Decimal(body["net_edge_recomputed"]) == told


def test_evidence_of_an_older_formula_is_shown_without_a_figure(
    make_user: MakeUser, make_opportunity: MakeOpportunity
) -> None:
    opportunity = make_opportunity()
    opportunity.evidence["formula"] = "cross_exchange/0"
    opportunity.save()
    body = client_of(make_user("ada")).get(f"{LIST}/{opportunity.pk}").json()
    assert body["net_edge_recomputed"] is None
    assert body["evidence"]["formula"] == "cross_exchange/0"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written(make_user: MakeUser, make_opportunity: MakeOpportunity, method: str) -> None:
    opportunity = make_opportunity()
    client = client_of(make_user("op", role=Role.SUPER_ADMIN))
    for url in (LIST, f"{LIST}/{opportunity.pk}"):
        assert getattr(client, method)(url, {}, format="json").status_code == 405
    assert Opportunity.objects.get() == opportunity
