"""Mixed lists: shares by focus, each family best first, pages without overlap."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.opportunities.mixing import interleaved, shares
from tests.api.conftest import MakeOpportunity, MakeUser, client_of
from tests.api.test_quota import LIST, signal

MINE = "/api/v1/users/preferences"


@pytest.fixture
def api(make_user: MakeUser) -> APIClient:
    return client_of(make_user("ada"))


def families(api: APIClient, query: str = "") -> str:
    """The list as letters: a for arbitrage, t for technical."""
    answer = api.get(f"{LIST}?{query}")
    assert answer.status_code == 200, answer.json()
    return "".join("t" if row["kind"] == "technical" else "a" for row in answer.json()["results"])


@given(
    size=st.integers(1, 100),
    share=st.floats(0, 1),
    arbitrage=st.integers(0, 120),
    technical=st.integers(0, 120),
)
def test_a_page_is_full_while_there_is_anything(size: int, share: float, arbitrage: int, technical: int) -> None:
    first, second = shares(size, share, arbitrage, technical)
    assert 0 <= first <= arbitrage
    assert 0 <= second <= technical
    assert first + second == min(size, arbitrage + technical)
    if arbitrage >= size and technical >= size:
        assert first == round(size * share)


@given(st.integers(0, 60), st.integers(0, 60))
def test_interleaving_keeps_orders_and_spreads_evenly(arbitrage: int, technical: int) -> None:
    mixed = interleaved([("a", n) for n in range(arbitrage)], [("t", n) for n in range(technical)])
    for letter, count in (("a", arbitrage), ("t", technical)):
        assert [n for family, n in mixed if family == letter] == list(range(count))
    for place in range(1, len(mixed) + 1):
        so_far = sum(family == "a" for family, _ in mixed[:place])
        assert abs(so_far - place * arbitrage / len(mixed)) <= 1


@pytest.mark.parametrize(("mix", "arbitrage"), [("hybrid", 10), ("arbitrage", 16), ("technical", 4)])
def test_the_focus_decides_the_shares(
    api: APIClient, make_opportunity: MakeOpportunity, mix: str, arbitrage: int
) -> None:
    for number in range(22):
        make_opportunity(score=100.0 + number)
        signal(make_opportunity, score=float(number))
    # By score alone there would be no signal at all.
    assert families(api) == "a" * 20
    assert families(api, f"mix={mix}").count("a") == arbitrage
    assert families(api, f"mix={mix}&limit=10").count("a") == arbitrage // 2
    api.patch(MINE, {"focus": mix}, format="json")
    assert families(api).count("a") == arbitrage
    # Whoever asks for an order gets that order.
    assert families(api, "ordering=-score") == "a" * 20


def test_what_one_family_lacks_goes_to_the_other(api: APIClient, make_opportunity: MakeOpportunity) -> None:
    for _ in range(3):
        make_opportunity()
    assert families(api, "mix=hybrid") == "aaa"
    signal(make_opportunity)
    assert sorted(families(api, "mix=technical")) == ["a", "a", "a", "t"]


@pytest.mark.parametrize("mix", ["hybrid", "arbitrage", "technical"])
def test_pages_leave_nothing_out_and_repeat_nothing(
    api: APIClient, make_opportunity: MakeOpportunity, mix: str
) -> None:
    made = {str(make_opportunity(score=float(number // 3)).pk) for number in range(9)}
    made |= {str(signal(make_opportunity, score=float(number // 2)).pk) for number in range(4)}
    url: str | None = f"{LIST}?mix={mix}&limit=3"
    seen: list[str] = []
    while url:
        body = api.get(url).json()
        assert len(body["results"]) <= 3
        seen += [row["id"] for row in body["results"]]
        url = body["next"]
    assert len(seen) == 13
    assert set(seen) == made


@pytest.mark.parametrize(
    "text",
    [
        "%%%", "[]", "null", '{"arbitrage": 1}', '{"arbitrage": ["nan", "6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11"]}',
        '{"other": [1, "6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11"]}', '{"arbitrage": [1, "x"]}', "[" * 5000,
        '{"technical": [1e999, "6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11"]}',
    ],
)  # fmt: skip
def test_a_made_up_cursor_is_404(api: APIClient, make_opportunity: MakeOpportunity, text: str) -> None:
    make_opportunity()
    for cursor in (text, urlsafe_b64encode(text.encode()).decode()):
        assert api.get(LIST, {"mix": "hybrid", "cursor": cursor}).status_code == 404


def test_an_unknown_mix_is_a_field_error(api: APIClient) -> None:
    answer = api.get(f"{LIST}?mix=salad")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "mix")


def test_a_minimum_edge_judges_only_what_promises_one(api: APIClient, make_opportunity: MakeOpportunity) -> None:
    make_opportunity(sell_bid="100.5"), make_opportunity(sell_bid="110"), signal(make_opportunity)
    api.patch(MINE, {"min_net_edge": "0.05"}, format="json")
    assert sorted(families(api)) == ["a", "t"]


def test_only_ones_own_exchanges(api: APIClient, make_opportunity: MakeOpportunity, settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "bybit", "okx"]
    make_opportunity(("okx", "bybit")), make_opportunity(("okx", "binance")), signal(make_opportunity)
    api.patch(MINE, {"own_exchanges_only": True}, format="json")
    assert len(families(api)) == 3
    api.patch(MINE, {"exchanges": ["okx", "bybit"]}, format="json")
    assert sorted(families(api)) == ["a", "t"]
