"""The admin's first page: where to go, and that sandbox data is never taken for real."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.monitoring.admin import environment

INDEX = reverse("admin:index")


def test_doors_lead_somewhere(page: Client, redis_state: None) -> None:
    text = page.get(INDEX).content.decode()
    for name in ("admin:markets_feed_changelist", "admin:notifications_delivery_changelist", "docs", "redoc"):
        assert reverse(name) in text
        assert page.get(reverse(name)).status_code == 200
    assert reverse("health-detailed") in text


@pytest.mark.parametrize(("url", "shown"), [("", False), ("http://127.0.0.1:5555", True)])
def test_flower_is_offered_where_there_is_one(page: Client, settings: Any, url: str, shown: bool) -> None:
    settings.FLOWER_URL = url
    assert ("Flower" in page.get(INDEX).content.decode()) == shown


@pytest.mark.parametrize(("origin", "told"), [("live", False), ("sandbox", True), ("replay", True)])
def test_data_that_is_not_real_says_so(page: Client, settings: Any, origin: str, told: bool) -> None:
    settings.ORIGIN = origin
    assert ("nothing here is real market data" in page.get(INDEX).content.decode()) == told
    words, colour = environment(page.get(INDEX).wsgi_request)
    assert (words, colour) == (origin.upper(), "warning" if told else "success")


def test_page_is_for_operators(db: None) -> None:
    assert Client().get(INDEX).status_code == 302
