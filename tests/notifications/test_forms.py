"""One message read as HTML, Markdown, plain text and JSON, by its owner alone."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from apps.core import clock
from apps.notifications.models import Notification
from apps.notifications.services import code_send
from apps.notifications.services.attachments import attachment_store
from tests.notifications.people import endpoint_new, notification_new, user_new

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]
PATH = "/api/v1/notifications/"


@pytest.fixture
def api() -> APIClient:
    """Somebody who is signed in."""
    client = APIClient()
    client.user = user_new()  # type: ignore[attr-defined]
    client.force_authenticate(client.user)  # type: ignore[attr-defined]
    return client


def test_each_form_says_the_same(api: APIClient) -> None:
    row = notification_new(api.user)  # type: ignore[attr-defined]
    read = {form: api.get(f"{PATH}{row.pk}?form={form}").json() for form in ("html", "markdown", "plain", "json")}
    assert "<b>Cross exchange BTC/USDT</b>" in read["html"]["text"]
    assert "&lt;fast&gt;" in read["html"]["text"]
    assert "**Cross exchange BTC/USDT**" in read["markdown"]["text"]
    assert "\\<fast\\>" in read["markdown"]["text"]
    assert "<fast>" in read["plain"]["text"]
    assert "<b>" not in read["plain"]["text"]
    data = read["json"]["data"]
    assert data["type"] == "opportunity"
    assert data["data"]["symbol"] == "BTC/USDT"
    assert (data["data"]["html"], data["data"]["text"]) == (read["html"]["text"], read["plain"]["text"])
    assert {one["subject"] for one in read.values()} == {read["plain"]["subject"]}
    assert api.get(f"{PATH}{row.pk}").json() == read["plain"]


def test_its_files_are_named_with_their_links(api: APIClient) -> None:
    now = clock.now()
    attachment_store(
        bundle="b", filename="a.csv", content_type="text/csv", content=b"a,b", expires_at=now + timedelta(1), now=now
    )
    row = notification_new(api.user, bundle="b")  # type: ignore[attr-defined]
    (one,) = api.get(f"{PATH}{row.pk}?form=json").json()["data"]["attachments"]
    assert (one["filename"], one["size"]) == ("a.csv", 3)
    assert APIClient().get("/api/" + one["url"].partition("/api/")[2]).content == b"a,b"


def test_what_can_not_be_read(api: APIClient) -> None:
    mine, others = notification_new(api.user), notification_new(user_new())  # type: ignore[attr-defined]
    assert api.get(f"{PATH}{others.pk}").status_code == 404
    assert APIClient().get(f"{PATH}{mine.pk}").status_code == 401
    assert api.get(f"{PATH}{mine.pk}?form=pdf").status_code == 400
    assert api.get(f"{PATH}{mine.pk}?from=pdf").status_code == 400


def test_a_code_is_for_its_address_alone(api: APIClient, redis_state: None) -> None:
    endpoint = endpoint_new(api.user, "email", "a@example.test", verified=False)  # type: ignore[attr-defined]
    code_send(endpoint_id=endpoint.pk, now=clock.now())
    row = Notification.objects.get()
    answer = api.get(f"{PATH}{row.pk}?form=json")
    assert (answer.status_code, answer.json()["code"]) == (400, "sealed")
