"""Cursors and parameters that nobody was given by us: an error answer, never a crash, never somebody else's view."""

from base64 import urlsafe_b64encode
from urllib.parse import urlencode

import pytest

from apps.accounts.enums import Tier
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

LIST = "/api/v1/opportunities"
POSITIONS = ["abc", "", "nan", "inf", "1e999", "\x00", "9" * 400, "2026-13-45", "-", "None", "1' OR 1=1--", "\ud7ff",
             "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]  # fmt: skip


def cursor(**parts: str) -> str:
    return urlsafe_b64encode(urlencode(parts).encode()).decode()


@pytest.mark.parametrize("ordering", ["-score", "net_edge", "-activated_at", "expires_at", "profit"])
@pytest.mark.parametrize("position", POSITIONS)
def test_a_made_up_position_is_no_server_error(
    make_user: MakeUser, make_opportunity: MakeOpportunity, ordering: str, position: str
) -> None:
    make_opportunity()
    client = client_of(make_user("reader"))
    client.raise_request_exception = False
    answer = client.get(LIST, {"ordering": ordering, "cursor": cursor(p=position)})
    assert answer.status_code in (200, 404)
    if answer.status_code == 404:
        assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("text", ["%%%", "AAAA", "\x00", "é", cursor(o="99999999999"), cursor(o="-1"), cursor(r="x")])
def test_a_made_up_cursor_is_no_server_error(make_user: MakeUser, make_opportunity: MakeOpportunity, text: str) -> None:
    make_opportunity()
    client = client_of(make_user("reader"))
    client.raise_request_exception = False
    assert client.get(LIST, {"cursor": text}).status_code in (200, 404)


@pytest.mark.parametrize("ordering", ["-score", "activated_at"])
def test_no_cursor_leads_round_the_tiers_delay(
    make_user: MakeUser, make_opportunity: MakeOpportunity, ordering: str
) -> None:
    fresh = make_opportunity(age_s=100)
    client = client_of(make_user("reader", tier=Tier.FREE))
    for text in (
        "",
        cursor(p="0"),
        cursor(p="2999-01-01 00:00Z"),
        cursor(r="1", p="0"),
        cursor(r="1", p="2000-01-01 00:00Z"),
    ):
        assert str(fresh.pk).encode() not in client.get(LIST, {"ordering": ordering, "cursor": text}).content
    assert client.get(f"{LIST}/{fresh.pk}").status_code == 404


@pytest.mark.parametrize(
    "query", [{"symbol": "a\x00b"}, {"exchange": "\x00"}, {"min_net_edge": "1e400"}, {"min_net_edge": "NaN"},
              {"min_net_edge": "-Infinity"}, {"kind": "\x00"}, {"limit": "1" * 5000}, {"ordering": "user__email"}],
)  # fmt: skip
def test_odd_parameters_are_told_back(
    make_user: MakeUser, make_opportunity: MakeOpportunity, query: dict[str, str]
) -> None:
    make_opportunity()
    client = client_of(make_user("reader"))
    client.raise_request_exception = False
    assert client.get(LIST, query).status_code in (200, 400)


@pytest.mark.parametrize("text", [r'"\ud800"', r'{"\udfff": 1}', "1e400", "-1e999", "[" * 100_000])
@pytest.mark.parametrize("field", ["quiet_policy", "other"])
def test_what_can_not_be_said_again_is_refused_at_the_door(make_user: MakeUser, field: str, text: str) -> None:
    client = client_of(make_user("reader"))
    client.raise_request_exception = False
    body = f'{{"{field}": {text}}}'
    answer = client.patch("/api/v1/notifications/reach", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_backslashes_and_whole_pairs_are_texts_like_others(make_user: MakeUser) -> None:
    client = client_of(make_user("reader"))
    body = r'{"address": "a@example.test", "channel": "email", "label": "\\u0000 \ud83d\ude00"}'
    answer = client.post("/api/v1/notifications/endpoints", body, content_type="application/json")
    assert (answer.status_code, answer.json()["label"]) == (201, r"\u0000 😀")
