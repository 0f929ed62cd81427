"""Charts of delivery statistics: for operators, from counted hours, and without a script in the page."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.core import clock
from apps.notifications.services import statistics_roll
from tests.admin.conftest import MARKUP, World

URL = reverse("admin:notifications_deliverystatistic_charts")


@pytest.mark.parametrize("span", ["day", "week", "month", "quarter", "nonsense"])
def test_charts_show_what_was_counted(page: Client, world: World, span: str) -> None:
    statistics_roll(now=clock.now() + timedelta(minutes=1))
    text = page.get(URL, {"span": span}).content.decode()
    found = re.search(r'<script id="statistics-data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    data = json.loads(found[1])
    assert len(data["labels"]) == len(data["success"]) == len(data["latency"]["p99"])
    drawn = set(re.findall(r'data-statistics="(\w+)"', text))
    assert drawn == {"outcomes", "success", "latency", "tries", "troubles"}
    assert MARKUP not in text


def test_filters_narrow_and_are_shown_as_text(page: Client, world: World) -> None:
    answer = page.get(URL, {"channel": "telegram", "provider": MARKUP, "template": "a\0b"})
    assert answer.status_code == 200
    assert MARKUP not in answer.content.decode()


def test_the_page_brings_no_script_of_its_own(page: Client, world: World) -> None:
    text = page.get(URL).content.decode()
    content = text[text.index('<form method="get"') :]
    scripts = re.findall(r"<script(?![^>]*application/json)[^>]*>", content[: content.index("Why deliveries failed")])
    assert scripts == []
    assert not re.search(r"\son\w+=", content[: content.index("Why deliveries failed")])
    assert finders.find("notifications/statistics.js")


def test_the_list_leads_to_the_charts_and_others_are_kept_out(page: Client, world: World, trader: User) -> None:
    assert URL in page.get(reverse("admin:notifications_deliverystatistic_changelist")).content.decode()
    for signed_in in (False, True):
        client = Client()
        if signed_in:
            client.force_login(trader)
        assert client.get(URL).status_code == 302
    staff = User.objects.create(email="staff@example.test", is_staff=True)
    client = Client()
    client.force_login(staff)
    assert client.get(URL).status_code == 403
