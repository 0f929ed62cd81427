"""Files of messages: stored once, checked, delivered or linked, forgotten in an order that no crash can hurt."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from apps.core import clock, config
from apps.core.exceptions import PermanentError
from apps.notifications.models import Attachment, Delivery, StoredFile
from apps.notifications.services import deliver, files
from apps.notifications.services.attachments import STORAGE, attachment_store, attachments_prune
from apps.notifications.services.files import PATH, file_url
from sandbox.providers.discord import TOKEN as DISCORD_TOKEN
from tests.notifications.people import endpoint_new, notification_new, user_new
from tests.notifications.sink import Sink
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, settings: Settings) -> Any:
    """An empty storage."""
    entry = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = settings.STORAGES | {STORAGE: entry}
    files.forget()
    yield tmp_path
    files.forget()


def store(bundle: str = "b", **fields: Any) -> Attachment:
    now = clock.now()
    given: dict[str, Any] = {"filename": "chart.png", "content_type": "image/png", "content": PNG}
    given |= {"bundle": bundle, "expires_at": now + WEEK, "now": now}
    return attachment_store(**given | fields)


def on_disk(folder: Any) -> list[Any]:
    return [path for path in folder.rglob("*") if path.is_file()]


# --- storing ---------------------------------------------------------------------------------------------------------


def test_the_same_content_is_stored_once(folder: Any) -> None:
    rows = [store(f"b{n}", filename=f"c{n}.png") for n in range(5)]
    assert len({row.file_id for row in rows}) == 1
    (path,) = on_disk(folder)
    assert path.read_bytes() == PNG
    other = store("b0", filename="c0.png", content=PNG + b"!")
    assert other.pk == rows[0].pk
    assert other.file_id != rows[0].file_id
    assert len(on_disk(folder)) == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"content": b"x" * 6_000_000, "content_type": "text/plain", "filename": "a.txt"}, "attachment_too_large"),
        ({"content": b""}, "attachment_empty"),
        ({"content": b"<svg/>", "content_type": "image/svg+xml", "filename": "a.svg"}, "attachment_type"),
        ({"content": b"<html>not a picture"}, "attachment_type"),
        ({"content": b"\xff\xfe\0", "content_type": "text/csv", "filename": "a.csv"}, "attachment_type"),
        ({"filename": "chart.html"}, "attachment_name"),
        ({"filename": "../../etc/passwd.png"}, "attachment_name"),
        ({"filename": 'a".png'}, "attachment_name"),
        ({"filename": "a\r\nX: y.png"}, "attachment_name"),
    ],
)
def test_what_is_no_attachment_is_refused_and_leaves_nothing(folder: Any, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        store(**fields)
    assert caught.value.code == code
    assert not on_disk(folder)
    assert not StoredFile.objects.exists()


def test_a_message_carries_so_many_files() -> None:
    config.forget()
    for n in range(5):
        store(filename=f"c{n}.png")
    with pytest.raises(PermanentError, match="at most 5") as caught:
        store(filename="c5.png")
    assert caught.value.code == "attachment_too_many"
    store(filename="c0.png", content=PNG + b"again")


# --- forgetting ------------------------------------------------------------------------------------------------------


def test_a_file_goes_with_the_last_that_refers_to_it(folder: Any) -> None:
    now = clock.now()
    store("short", expires_at=now + timedelta(hours=2))
    store("long")
    assert attachments_prune(now=now + timedelta(hours=3)) == 0
    assert len(on_disk(folder)) == 1
    assert attachments_prune(now=now + timedelta(days=8)) == 1
    assert not on_disk(folder)
    assert not StoredFile.objects.exists()


def test_what_is_just_being_attached_is_not_deleted(folder: Any) -> None:
    row = store()
    Attachment.objects.all().delete()
    assert attachments_prune(now=clock.now() + timedelta(minutes=30)) == 0
    assert store().file_id == row.file_id
    assert len(on_disk(folder)) == 1


def test_a_kill_between_file_and_row_is_made_good(folder: Any) -> None:
    row = store()
    # Killed after the file went and before the row did; somebody attaches the same meanwhile.
    Attachment.objects.all().delete()
    StoredFile.objects.update(doomed_at=clock.now())
    storages[STORAGE].delete(row.file.path)
    again = store()
    assert again.file_id != row.file_id
    assert attachments_prune(now=clock.now()) == 1
    assert StoredFile.objects.get().pk == again.file_id
    (path,) = on_disk(folder)
    assert path.read_bytes() == PNG


def test_a_kill_between_row_and_file_is_made_good(folder: Any) -> None:
    row = store()
    # Killed after the row was made and before the file was written.
    StoredFile.objects.update(stored_at=None)
    path = on_disk(folder)[0]
    path.unlink()
    assert store().file_id == row.file_id
    assert path.read_bytes() == PNG


# --- delivering ------------------------------------------------------------------------------------------------------


def test_ten_readers_of_one_chart_cost_one_query_and_one_reading(
    sink: Sink, folder: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from apps.notifications.services.attachments import bundled

    store("opportunity:1")
    with django_assert_num_queries(1):
        assert len(bundled(["opportunity:1"] * 10 + [""], now=clock.now())["opportunity:1"]) == 1
    with django_assert_num_queries(0):
        assert bundled(["", ""], now=clock.now()) == {}
    for n in range(3):
        user = user_new()
        endpoint_new(user, "telegram", f"42{n}")
        notification_new(user, bundle="opportunity:1")
    deliver(priority="high")
    assert [path.rpartition("/")[2] for path in sink.paths()] == ["sendPhoto"] * 3
    assert all(PNG in one.body for one in sink.arrived)


def test_a_message_without_its_chart_goes_all_the_same(sink: Sink) -> None:
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, bundle="opportunity:not-drawn-yet")
    deliver(priority="high")
    assert sink.paths()[0].endswith("/sendMessage")
    assert Delivery.objects.get().state == "delivered"


@pytest.mark.parametrize("fault", ["missing", "changed", "longer"])
def test_a_file_that_is_not_there_goes_as_a_link_and_the_log_says_so(
    sink: Sink, folder: Any, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = store("b")
    (path,) = on_disk(folder)
    if fault == "missing":
        path.unlink()
    else:
        path.write_bytes(PNG[:-1] + b"?" if fault == "changed" else PNG + b"?")
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, bundle="b")
    with caplog.at_level(logging.ERROR):
        deliver(priority="high")
    assert sink.paths()[0].endswith("/sendMessage")
    assert file_url(row) in sink.arrived[0].json["text"]
    delivery = Delivery.objects.get()
    assert delivery.state == "delivered"
    assert [note["code"] for note in delivery.notes] == ["attachment_missing"]
    assert "chart.png" in delivery.notes[0]["reason"]
    assert row.file.path in caplog.text


def test_refused_files_stand_in_the_log_of_their_try(sink: Sink) -> None:
    from tests.notifications.sink import Answer

    store("b")
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, bundle="b")
    sink.answers.append(Answer(400, '{"ok":false,"description":"Bad Request: PHOTO_INVALID_DIMENSIONS"}'))
    deliver(priority="high")
    delivery = Delivery.objects.get()
    assert delivery.state == "delivered"
    assert [path.rpartition("/")[2] for path in sink.paths()] == ["sendPhoto", "sendMessage"]
    attempt = delivery.attempt_rows.get()
    assert (attempt.outcome, attempt.code) == ("delivered", "files_linked")
    assert "photo_invalid_dimensions" in attempt.reason


def test_a_long_text_has_no_caption_but_a_link(sink: Sink) -> None:
    row = store("b")
    user = user_new()
    endpoint_new(user, "telegram", "42")
    notification_new(user, template="notice", context={"title": "T", "text": "word " * 300}, bundle="b")
    deliver(priority="high")
    assert sink.paths()[0].endswith("/sendMessage")
    assert file_url(row) in sink.arrived[0].json["text"]


def test_a_webhook_gets_the_links_among_its_data(sink: Sink) -> None:
    row = store("b")
    user = user_new()
    endpoint_new(user, "webhook", f"{sink.url}/hook")
    notification_new(user, bundle="b")
    deliver(priority="high")
    (one,) = sink.arrived[0].json["attachments"]
    assert one == {"filename": "chart.png", "content_type": "image/png", "size": len(PNG), "url": file_url(row)}


# --- the links -------------------------------------------------------------------------------------------------------


def test_a_link_gives_the_file_as_a_download(client: Client) -> None:
    row = store()
    url = file_url(row)
    path = PATH + url.rpartition("/")[2]
    assert url.endswith(path)
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'attachment; filename="chart.png"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "private" in answer["Cache-Control"]
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("token", ["x", "", "0" * 32, "0" * 32 + ".forged", "%00", "%F0%9F%98%80"])
def test_a_forged_link_gives_nothing(client: Client, token: str) -> None:
    store()
    answer = client.get(PATH + token)
    assert answer.status_code == 404
    assert PNG not in answer.content


def test_a_link_ends_with_its_time_and_a_lost_file_says_so(client: Client, folder: Any) -> None:
    row = store()
    path = PATH + file_url(row).rpartition("/")[2]
    on_disk(folder)[0].unlink()
    assert client.get(path).status_code == 503
    Attachment.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    answer = client.get(path)
    assert answer.status_code == 410
    assert answer["X-Content-Type-Options"] == "nosniff"


# --- the sandbox -----------------------------------------------------------------------------------------------------


def test_providers_take_files_and_buttons(sandbox: Sandbox, folder: Any, redis_state: None) -> None:
    store("b")
    user = user_new()
    for n, (channel, address) in enumerate(
        [
            ("telegram", "4711"),
            ("discord", f"https://discord.com/api/webhooks/100000000000000001/{DISCORD_TOKEN}"),
            ("slack", "https://hooks.slack.com/services/T00000001/B00000001/sandboxSlackWebhookToken"),
            ("email", "files@example.test"),
        ]
    ):
        endpoint_new(user, channel, address, route=n)
    notification_new(user, bundle="b")
    deliver(priority="high")
    assert {row.state for row in Delivery.objects.all()} == {"delivered"}, list(
        Delivery.objects.values("channel", "last_error")
    )
    size = len(PNG)
    for provider in ("telegram", "discord", "email"):
        (message,) = sandbox.received(provider=provider)
        (file,) = message["files"]
        assert (file["filename"], file["content_type"], file["size"]) == ("chart.png", "image/png", size)
    (telegram,) = sandbox.received(provider="telegram")
    keyboard = telegram["parameters"]["reply_markup"]["inline_keyboard"]
    assert [button["text"] for button in keyboard[0]] == ["Useful", "Not useful"]
    assert "Useful?" not in telegram["text"]
    (discord,) = sandbox.received(provider="discord")
    assert [button["label"] for button in discord["buttons"]] == ["Useful", "Not useful"]
    (slack,) = sandbox.received(provider="slack")
    assert slack["blocks"][-1]["type"] == "actions"
    assert "chart.png" in slack["body"]
    (mail,) = sandbox.received(provider="email")
    assert "Not useful: http" in mail["body"]
    assert ">Not useful</a>" in mail["html"]
