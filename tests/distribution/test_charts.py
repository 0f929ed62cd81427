"""Charts beside the way of messages: drawn once, carried by whoever is told later, awaited by nobody."""

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from pytest_django.fixtures import Settings

from apps.core import config
from apps.distribution.services import charts_draw, run
from apps.notifications.models import Attachment, Notification, StoredFile
from apps.notifications.services.attachments import STORAGE
from apps.opportunities.models import EdgePoint
from apps.opportunities.selectors import opportunity_chart
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

pytestmark = pytest.mark.django_db
COSTS = {"costs": {"fees": "0.0015", "depth": "0.0005"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, settings: Settings) -> Any:
    """An empty storage."""
    entry = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = settings.STORAGES | {STORAGE: entry}
    return tmp_path


def test_a_chart_shows_costs_and_history_and_is_the_same_each_time(opportunity: MakeOpportunity) -> None:
    one = opportunity(details=COSTS, symbol="BTC/USDT <&>\u202e")
    first = opportunity_chart(one.pk)
    assert first is not None
    assert first == opportunity_chart(one.pk)
    with Image.open(io.BytesIO(first)) as image:
        assert image.format == "PNG"
        low, colours = image.height, {colour for _, colour in image.convert("RGB").getcolors(100_000) or []}
    # The blue of totals, the red of costs: something was drawn.
    assert {(0x25, 0x63, 0xEB), (0xDC, 0x26, 0x26)} <= colours
    for slot in range(3):
        edge = Decimal("0.003") - slot * Decimal("0.0005")
        EdgePoint.objects.create(
            opportunity=one, slot=slot, at=NOW + slot * timedelta(seconds=30), net_edge=edge, size=1000
        )
    longer = opportunity_chart(one.pk)
    assert longer is not None
    with Image.open(io.BytesIO(longer)) as image:
        assert image.height > low
    assert len(longer) < 60_000


def test_what_has_no_price_has_no_chart(opportunity: MakeOpportunity) -> None:
    assert opportunity_chart(opportunity(details={}).pk) is None
    assert opportunity_chart("00000000-0000-0000-0000-000000000000") is None


def test_messages_carry_the_chart_that_is_there_and_wait_for_none(
    opportunity: MakeOpportunity, trader: MakeUser
) -> None:
    one = opportunity(details=COSTS)
    for _ in range(3):
        trader()
    run(now=NOW)
    bundle = f"opportunity:{one.pk}"
    assert set(Notification.objects.values_list("bundle", flat=True)) == {bundle}
    assert not Attachment.objects.exists()
    assert charts_draw(now=NOW) == 1
    assert charts_draw(now=NOW) == 0
    assert Attachment.objects.get().bundle == bundle
    assert StoredFile.objects.count() == 1


def test_old_and_unwanted_ones_are_not_drawn(opportunity: MakeOpportunity) -> None:
    opportunity(details=COSTS, activated_at=NOW - timedelta(hours=1))
    assert charts_draw(now=NOW) == 0
    opportunity(details=COSTS)
    config.config_set(key="distribution.charts", value=False, actor_id=None)
    assert charts_draw(now=NOW) == 0
    config.forget()


def test_a_storage_that_is_away_costs_a_chart_and_nothing_else(
    opportunity: MakeOpportunity, folder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    opportunity(details=COSTS)
    folder.joinpath("blocked").write_text("")
    folder.rename(folder.with_name("gone"))
    folder.write_text("no folder")
    assert charts_draw(now=NOW) == 0
    assert "has no chart" in caplog.text
    assert not Attachment.objects.exists()
