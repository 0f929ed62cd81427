"""Why the net edge is what it is: costs step by step, how it went, and both as pictures."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.accounts.enums import Role, Tier
from apps.accounts.services import user_create
from apps.opportunities import services
from apps.opportunities.explain import history_picture, waterfall_picture
from apps.opportunities.models import EdgePoint, Opportunity
from apps.opportunities.services.edge_points import slot_of
from apps.opportunities.waterfall import waterfall_of
from tests.opportunities.test_taking import ROOT, client_of, person
from tests.opportunities.world import World

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1")</script>&\x00'
EDGES = st.decimals(Decimal("-0.5"), Decimal("0.5"), places=8)


def unpriced(**facts: Any) -> Opportunity:
    return Opportunity(kind="cross_exchange", symbol="BTC/USDT", origin="sandbox", legs=[], **facts)


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314


def test_a_price_gap_step_by_step(gap: World) -> None:
    row = gap.activate()
    steps = waterfall_of(row)
    assert [step.name for step in steps if step.name != "rounding"][:4] == ["gross", "fees", "depth", "net"]
    by_name = {step.name: step for step in steps}
    assert by_name["gross"].end == row.gross_edge == Decimal("0.01")
    # 1.01 · (1 - 0.999 / 1.001), and no depth: all of it stands at the best prices.
    assert abs(by_name["fees"].change + Decimal("0.00201798")) < Decimal("2e-8")
    assert by_name["depth"].change == 0
    assert by_name["net"].end == row.net_edge


def test_funding_step_by_step(funding_gap: World) -> None:
    row = funding_gap.activate()
    names = [step.name for step in waterfall_of(row) if step.name != "rounding"]
    assert names[:5] == ["gross", "fees", "spread", "basis", "net"]


@given(EDGES, st.dictionaries(st.sampled_from(["fees", "depth", "spread", "basis", "odd"]), EDGES, min_size=1), EDGES)
def test_every_step_begins_where_the_last_one_ended(gross: Decimal, costs: dict[str, Decimal], net: Decimal) -> None:
    row = unpriced(
        gross_edge=gross, net_edge=net, details={"costs": {name: f"{cost:f}" for name, cost in costs.items()}}
    )
    steps = waterfall_of(row)
    assert (steps[0].start, steps[0].end, steps[-1].end) == (0, gross, net)
    assert all(after.start == (0 if after.total else before.end) for before, after in pairwise(steps))
    assert sum(step.change for step in steps[:-1]) == net
    assert {step.name: -step.change for step in steps if step.name in costs} == costs
    picture = waterfall_picture(row)
    assert picture is not None
    root = ElementTree.fromstring(picture)  # noqa: S314
    width = float(root.attrib["width"])
    for bar in list(root.iter(f"{SVG}rect"))[1:]:
        assert 0 <= float(bar.attrib["x"]) <= width
        assert 0 < float(bar.attrib["width"]) <= width


def test_what_a_transfer_leaves_is_the_last_step() -> None:
    details = {"costs": {"fees": "0.002"}, "net_after_transfer": "-0.001"}
    steps = waterfall_of(unpriced(gross_edge=Decimal("0.003"), net_edge=Decimal("0.001"), details=details))
    assert [(step.name, step.change) for step in steps[-2:]] == [
        ("transfer", Decimal("-0.002")),
        ("net_after_transfer", Decimal("-0.001")),
    ]


@pytest.mark.parametrize("details", [{}, {"costs": {}}, {"costs": None}])
def test_what_is_not_priced_has_no_steps_and_no_picture(details: dict[str, Any]) -> None:
    row = unpriced(gross_edge=Decimal("0.003"), net_edge=Decimal("0.001"), details=details)
    assert waterfall_of(row) == ()
    assert waterfall_picture(row) is None


def test_pictures_say_what_they_are_of_and_where_the_data_is_from(gap: World) -> None:
    row = gap.activate()
    told = " ".join(texts(waterfall_picture(row) or ""))
    assert "BTC/USDT: buy on aaa, sell on bbb" in told
    assert "1.0000" in told
    assert "invented market data, not real" in told or "live market data" in told.lower()
    points = list(EdgePoint.objects.all())
    assert "net edge at its size over time" in " ".join(texts(history_picture(row, points) or ""))
    assert history_picture(row, []) is None


def test_names_of_exchanges_cant_write_into_a_picture(gap: World) -> None:
    row = gap.activate()
    row.symbol, row.legs[0]["exchange"] = HOSTILE, HOSTILE
    for picture in (waterfall_picture(row), history_picture(row, list(EdgePoint.objects.all()))):
        assert picture is not None
        root = ElementTree.fromstring(picture)  # noqa: S314
        assert not list(root.iter(f"{SVG}script"))
        assert "<script" not in picture
        assert root.findtext(f"{SVG}title", "").startswith('<script>alert("1")</script>&: buy on <script>')


def test_how_an_edge_went_is_noted_when_it_is_priced(gap: World) -> None:
    row = gap.activate()
    edges = [row.net_edge]
    for bid in (100.9, 100.8):
        gap.pass_time(6)
        gap.change(1, bid=bid)
        gap.quote()
        gap.price()
        row.refresh_from_db()
        edges.append(row.net_edge)
    assert edges == sorted(edges, reverse=True)
    assert len(set(edges)) == 3
    points = list(row.edge_points.all())
    assert [point.net_edge for point in points] == edges
    assert [(point.at - points[0].at).total_seconds() for point in points] == [0, 6, 12]
    assert points[-1].size == row.size
    body = client_of(person()).get(f"{ROOT}/{row.pk}").json()
    assert [Decimal(point["net_edge"]) for point in body["history"]] == edges
    assert body["waterfall"][0] == {"name": "gross", "total": True, "change": "0.00800000", "level": "0.00800000"}
    assert Decimal(body["waterfall"][-1]["level"]) == row.net_edge


def test_a_second_price_at_once_is_not_a_second_point(gap: World) -> None:
    row = gap.activate()
    for _ in range(3):
        gap.pass_time(1)
        gap.price()
    assert row.edge_points.count() == 1


def test_a_life_of_any_length_has_a_bounded_number_of_points() -> None:
    slots = [slot_of(timedelta(seconds=age)) for age in range(0, 4 * 3600 + 1, 2)]
    assert slots == sorted(slots)
    # The first minute is noted every five or six seconds, four hours in about a hundred and twenty points.
    assert len({slot for slot, age in zip(slots, range(0, 61, 2), strict=False)}) >= 9
    assert 100 <= len(set(slots)) <= 120
    assert slot_of(timedelta(days=30)) < 32_767
    assert slot_of(timedelta(seconds=-5)) == 0


def test_points_are_forgotten_after_a_week(gap: World) -> None:
    row = gap.activate()
    services.prune(now=gap.now + timedelta(days=6))
    assert row.edge_points.exists()
    services.prune(now=gap.now + timedelta(days=8))
    assert not row.edge_points.exists()
    assert Opportunity.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("name", ["waterfall", "history"])
def test_pictures_over_the_api(gap: World, name: str) -> None:
    row, user = gap.activate(), person()
    client, url = client_of(user), f"{ROOT}/{row.pk}/{name}.svg"
    for accepted in ({}, {"Accept": "image/svg+xml"}, {"Accept": "image/*"}, {"Accept": "*/*"}):
        answer = client.get(url, headers=accepted)
        assert answer.status_code == 200, answer.content
        assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
        assert ElementTree.fromstring(answer.content).tag == f"{SVG}svg"  # noqa: S314
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-ArbEdge-Origin"]
    assert client.get(url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", ["waterfall", "history"])
def test_pictures_are_as_hidden_as_their_opportunity(gap: World, name: str) -> None:
    row = gap.activate()
    url = f"{ROOT}/{row.pk}/{name}.svg"
    assert client_of(person(tier=Tier.FREE)).get(url).status_code == 404
    answer = client_of(person("eve", Tier.BASIC)).get(url.replace(str(row.pk), "6f3f2f0a-5d3c-5b0e-9a67-0e6a3f2f8a11"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "opportunity_not_found"


def test_there_is_no_picture_of_nothing(gap: World) -> None:
    row = gap.activate()
    EdgePoint.objects.all().delete()
    answer = client_of(person()).get(f"{ROOT}/{row.pk}/history.svg")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_picture")


def test_operators_see_both_pictures(gap: World, client: Client, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    row = gap.activate()
    Opportunity.objects.update(symbol=HOSTILE.rstrip("\x00"))
    client.force_login(user_create(email="op@example.test", role=Role.SUPER_ADMIN, is_staff=True, is_superuser=True))
    page = client.get(f"/admin/opportunities/opportunity/{row.pk}/change/")
    assert page.status_code == 200
    assert page.content.count(b"<svg xmlns=") >= 2
    assert b"net edge at its size over time" in page.content
    assert b"<script>alert" not in page.content
