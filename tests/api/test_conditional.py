"""Reading again what has not changed costs no body."""

from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from apps.accounts.enums import Tier
from apps.core import clock
from apps.opportunities.models import EdgePoint, Opportunity
from tests.api.conftest import MakeOpportunity, MakeUser, client_of

LIST = "/api/v1/opportunities"


@pytest.fixture
def api(make_user: MakeUser) -> APIClient:
    return client_of(make_user("ada"))


@pytest.mark.parametrize("of", ["list", "detail", "categories"])
def test_the_same_again_is_304_whatever_its_age(api: APIClient, make_opportunity: MakeOpportunity, of: str) -> None:
    row = make_opportunity()
    url = {"list": LIST, "detail": f"{LIST}/{row.pk}", "categories": f"{LIST}/categories"}[of]
    first = api.get(url)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    with time_machine.travel(clock.now() + timedelta(seconds=3), tick=False):
        for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = api.get(url, headers={"If-None-Match": header})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == tag
            assert again.headers["X-ArbEdge-Origin"]
            assert "private" in again.headers["Cache-Control"]
            assert {"Authorization", "Cookie"} <= set(again.headers["Vary"].split(", "))
        for header in ("", '"other"', "nonsense"):
            assert api.get(url, headers={"If-None-Match": header}).status_code == 200


def test_a_change_of_any_figure_is_another_tag(api: APIClient, make_opportunity: MakeOpportunity) -> None:
    row = make_opportunity()
    detail = f"{LIST}/{row.pk}"
    tags = {url: api.get(url).headers["ETag"] for url in (LIST, detail)}
    Opportunity.objects.update(score=51.0)
    for url, tag in tags.items():
        answer = api.get(url, headers={"If-None-Match": tag})
        assert answer.status_code == 200
        assert answer.headers["ETag"] != tag
    tag = api.get(detail).headers["ETag"]
    EdgePoint.objects.create(opportunity=row, slot=0, at=clock.now(), net_edge=row.net_edge, size=1)
    assert api.get(detail, headers={"If-None-Match": tag}).status_code == 200


def test_a_tag_opens_nothing(make_user: MakeUser, make_opportunity: MakeOpportunity) -> None:
    row = make_opportunity(age_s=10)
    premium, free = client_of(make_user("ada")), client_of(make_user("eve", Tier.FREE))
    for url in (LIST, f"{LIST}/{row.pk}"):
        tag = premium.get(url).headers["ETag"]
        assert free.get(url, headers={"If-None-Match": tag}).status_code in (200, 404)
        assert free.get(f"{LIST}/{row.pk}", headers={"If-None-Match": "*"}).status_code == 404
        assert APIClient().get(url, headers={"If-None-Match": tag}).status_code == 401


def test_errors_have_no_tag(api: APIClient) -> None:
    assert "ETag" not in api.get(f"{LIST}?kind=nonsense").headers
