"""Reports by people's own clocks and on request: their own alone, once, harmless in a spreadsheet and a browser."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.distribution.reports import COLUMNS, Line, report_csv, report_html
from apps.distribution.services import reports_send, run
from apps.distribution.services.reports import _lines
from apps.notifications.enums import Report
from apps.notifications.models import Attachment, Notification, ReachPreferences
from apps.notifications.services import reach_set
from apps.notifications.services.attachments import STORAGE
from apps.notifications.services.files import content_of
from tests.distribution.conftest import NOW, MakeOpportunity, MakeUser

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BERLIN = "Europe/Berlin"


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, settings: Settings) -> Any:
    """An empty storage."""
    entry = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = settings.STORAGES | {STORAGE: entry}
    return tmp_path


def wants(user: Any, now: datetime = NOW, **wishes: Any) -> datetime | None:
    reach_set(user_id=user.pk, wishes={"report": "daily", "report_hour": 8} | wishes, now=now)
    return ReachPreferences.objects.get(user=user).report_next_at


def reports() -> list[Notification]:
    return list(Notification.objects.filter(template="report"))


@pytest.mark.parametrize(
    ("zone", "now", "wishes", "due"),
    [
        ("UTC", datetime(2026, 3, 4, 7, tzinfo=UTC), {}, datetime(2026, 3, 4, 8, tzinfo=UTC)),
        ("UTC", datetime(2026, 3, 4, 8, tzinfo=UTC), {}, datetime(2026, 3, 5, 8, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 3, 4, 7, tzinfo=UTC), {}, datetime(2026, 3, 4, 23, tzinfo=UTC)),
        # Clocks leap from two to three that night, and show two o'clock twice in October.
        (BERLIN, datetime(2026, 3, 28, 22, tzinfo=UTC), {"report_hour": 2}, datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (BERLIN, datetime(2026, 10, 24, 22, tzinfo=UTC), {"report_hour": 2}, datetime(2026, 10, 25, 0, tzinfo=UTC)),
        ("UTC", NOW, {"report": "weekly", "report_day": 3}, datetime(2026, 3, 11, 8, tzinfo=UTC)),
        ("UTC", NOW, {"report": "weekly", "report_day": 7}, datetime(2026, 3, 8, 8, tzinfo=UTC)),
        ("UTC", NOW, {"report": "off"}, None),
    ],
)  # fmt: skip
def test_it_is_due_by_the_readers_own_clocks(
    trader: MakeUser, zone: str, now: datetime, wishes: dict[str, Any], due: datetime | None
) -> None:
    assert wants(trader(timezone=zone), now, **wishes) == due


def test_a_report_tells_what_one_was_told_of_and_comes_once(trader: MakeUser, opportunity: MakeOpportunity) -> None:
    me, other = trader(), trader()
    one = opportunity(symbol="=HYPERLINK(1)")
    run(now=NOW)
    due = wants(me)
    assert reports_send(now=NOW + HOUR) == 0
    assert due is not None
    assert (reports_send(now=due), reports_send(now=due)) == (1, 0)
    (row,) = reports()
    assert (row.user_id, row.context["told"]) == (me.pk, 1)
    files = {one.filename: content_of(one.file) or b"" for one in Attachment.objects.filter(bundle=row.bundle)}
    assert set(files) == {"report.csv", "report.html"}
    (line,) = csv.DictReader(io.StringIO(files["report.csv"].decode()))
    assert line["symbol"] == "'=HYPERLINK(1)"
    assert (line["net_edge_percent"], line["channels"]) == ("0.3000", "telegram pending")
    assert one.symbol in files["report.html"].decode()
    assert ReachPreferences.objects.get(user=me).report_next_at == due + timedelta(days=1)
    assert not Notification.objects.filter(user=other, template="report").exists()


def test_who_was_told_of_nothing_is_sent_nothing_and_asked_again_tomorrow(trader: MakeUser) -> None:
    me = trader()
    due = wants(me)
    assert due is not None
    assert reports_send(now=due) == 0
    assert reports() == []
    assert ReachPreferences.objects.get(user=me).report_next_at == due + timedelta(days=1)


def test_a_storage_that_is_away_leaves_it_due(trader: MakeUser, opportunity: MakeOpportunity, folder: Any) -> None:
    me = trader()
    opportunity()
    run(now=NOW)
    due = wants(me)
    assert due is not None
    folder.rmdir()
    folder.write_text("no folder")
    assert reports_send(now=due) == 0
    assert reports() == []
    assert ReachPreferences.objects.get(user=me).report_next_at == due
    folder.unlink()
    assert reports_send(now=due + timedelta(minutes=5)) == 1


def test_a_report_of_many_costs_three_queries(
    trader: MakeUser, opportunity: MakeOpportunity, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    me = trader()
    for _ in range(12):
        opportunity()
    run(now=NOW)
    with django_assert_num_queries(3):
        assert len(_lines(me.pk, Report.DAILY, NOW)) == 12


def test_strangers_words_stay_words() -> None:
    facts = {"symbol": "<script>alert(1)</script>", "net_edge": Decimal("-0.001"), "quote": "@SUM(A1)", "status": "+1"}
    line = Line(NOW, "cross_exchange", facts, "telegram delivered", 1.25)
    page = report_html([line], title="<b>", note="&").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    (row,) = csv.DictReader(io.StringIO(report_csv([line]).decode()))
    assert tuple(row) == COLUMNS
    assert (row["net_edge_percent"], row["quote"], row["status"]) == ("-0.1000", "'@SUM(A1)", "'+1")


def test_one_asks_for_it(trader: MakeUser, redis_state: None) -> None:
    me, api = trader(), APIClient()
    assert api.post("/api/v1/distribution/reports", {"report": "weekly"}, format="json").status_code in (401, 403)
    api.force_authenticate(me)
    made = api.post("/api/v1/distribution/reports", {"report": "weekly"}, format="json")
    assert made.status_code == 202
    (row,) = reports()
    assert made.json() == {"notification": str(row.pk)}
    assert (row.context["kind"], row.context["told"]) == ("weekly", 0)
    assert api.post("/api/v1/distribution/reports", {"report": "hourly"}, format="json").status_code == 400
    statuses = [
        api.post("/api/v1/distribution/reports", {"report": "daily"}, format="json").status_code for _ in range(3)
    ]
    assert statuses == [202, 202, 429]
