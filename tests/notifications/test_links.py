"""Telegram's deep link: asked for, followed in a chat, and told to us by Telegram itself."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from apps.core import clock
from apps.core.exceptions import ThrottledError
from apps.notifications.exceptions import CodeRefused
from apps.notifications.models import Endpoint
from apps.notifications.services import (
    deliver,
    endpoint_change,
    endpoint_disable,
    endpoint_try,
    link_follow,
    link_start,
)
from tests.notifications.people import endpoint_new, user_new
from tests.sandbox_process import Sandbox

SECRET = "only-telegram-knows_this-1"
HOOK = "/api/v1/telegram/webhook"
NAME = "X-Telegram-Bot-Api-Secret-Token"
HEADER = {NAME: SECRET}


@pytest.fixture(autouse=True)
def _bot(settings: Settings, redis_state: None) -> Iterator[None]:
    settings.TELEGRAM_BOT_TOKEN = "100:sandbox-bot-token"
    settings.TELEGRAM_BOT_NAME = "arbedge_sandbox_bot"
    settings.TELEGRAM_WEBHOOK_SECRET = SECRET
    yield


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["start"][0]


def update(text: str, *, chat: int = 4242, kind: str = "private") -> dict[str, Any]:
    return {"update_id": 1, "message": {"message_id": 1, "chat": {"id": chat, "type": kind}, "text": text}}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("templates")
def test_a_followed_link_makes_the_chat_an_endpoint(sandbox: Sandbox, live_server: LiveServer) -> None:
    out = StringIO()
    call_command("telegram_webhook", live_server.url, stdout=out)
    assert out.getvalue() == f"Telegram sends updates to {live_server.url}{HOOK}\n"
    user = user_new()
    link = link_start(user_id=user.pk, channel="telegram", now=clock.now())
    assert link.url.startswith("https://t.me/arbedge_sandbox_bot?start=")
    assert sandbox.say(chat=4242, text=f"/start {token_of(link.url)}") == 200
    endpoint = Endpoint.objects.get()
    assert (endpoint.user_id, endpoint.channel, endpoint.address, endpoint.usable) == (
        user.pk,
        "telegram",
        "4242",
        True,
    )
    deliver(priority="high")
    [greeting] = sandbox.received("telegram")
    assert greeting["to"] == "4242"
    # Once only: whoever finds the link later gets nothing.
    assert sandbox.say(chat=6666, text=f"/start {token_of(link.url)}") == 200
    assert Endpoint.objects.count() == 1


@pytest.mark.django_db
def test_a_link_followed_again_leaves_the_endpoints_place_and_name() -> None:
    user, now = user_new(), clock.now()
    for turn in range(2):
        at = now + timedelta(seconds=turn)
        token = token_of(link_start(user_id=user.pk, channel="telegram", now=at).url)
        endpoint = link_follow(channel="telegram", token=token, address="42", now=at)
        if turn == 0:
            endpoint_change(endpoint_id=endpoint.pk, label="phone", route=2, position=1)
            endpoint_disable(endpoint_id=endpoint.pk, reason="blocked")
    endpoint = Endpoint.objects.get()
    assert (endpoint.label, endpoint.route, endpoint.position, endpoint.usable) == ("phone", 2, 1, True)


@pytest.mark.django_db
def test_only_the_newest_link_counts_and_only_for_its_time() -> None:
    user = user_new()
    now = clock.now()
    old = token_of(link_start(user_id=user.pk, channel="telegram", now=now).url)
    new = token_of(link_start(user_id=user.pk, channel="telegram", now=now + timedelta(seconds=1)).url)
    for token, at in ((old, now + timedelta(seconds=2)), (new, now + timedelta(minutes=16)), ("x" * 32, now)):
        with pytest.raises(CodeRefused):
            link_follow(channel="telegram", token=token, address="42", now=at)
    with pytest.raises(CodeRefused):
        link_follow(channel="email", token=new, address="ada@example.test", now=now)
    assert link_follow(channel="telegram", token=new, address="42", now=now + timedelta(minutes=14)).user_id == user.pk


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "status"),
    [({}, 403), ({NAME: "guess"}, 403), (HEADER, 200)],
)
def test_only_telegram_is_heard(header: dict[str, str], status: int) -> None:
    user = user_new()
    token = token_of(link_start(user_id=user.pk, channel="telegram", now=clock.now()).url)
    answer = APIClient().post(HOOK, update(f"/start {token}"), format="json", headers=header)
    assert answer.status_code == status
    assert Endpoint.objects.exists() is (status == 200)


@pytest.mark.django_db
def test_without_a_secret_no_update_is_taken(settings: Settings) -> None:
    settings.TELEGRAM_WEBHOOK_SECRET = ""
    assert APIClient().post(HOOK, update("/start x"), format="json", headers=HEADER).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"update_id": "x"},
        {"update_id": 1},
        {"update_id": 1, "message": {"text": 7, "chat": []}},
        {"update_id": 1, "message": {"text": "/start", "chat": {"id": {}, "type": "private"}}},
        update("hello"),
        update("/start"),
        update("/start " + "x" * 65),
        update("/start ../../etc/passwd-and-more"),
        update("/start " + "A" * 32),
    ],
)
def test_whatever_is_said_to_the_bot_is_taken_without_harm(said: dict[str, Any]) -> None:
    assert APIClient().post(HOOK, said, format="json", headers=HEADER).status_code == 200
    assert not Endpoint.objects.exists()


@pytest.mark.django_db
def test_who_has_had_enough_test_messages_is_connected_without_one() -> None:
    user = user_new()
    token = token_of(link_start(user_id=user.pk, channel="telegram", now=clock.now()).url)
    other = endpoint_new(user, "telegram", "1")
    with pytest.raises(ThrottledError):
        for _ in range(100):
            endpoint_try(endpoint_id=other.pk, now=clock.now())
    # Telegram sends again what is refused.
    assert APIClient().post(HOOK, update(f"/start {token}"), format="json", headers=HEADER).status_code == 200
    assert Endpoint.objects.get(address="4242").usable


@pytest.mark.django_db
def test_a_link_followed_in_a_group_connects_nothing() -> None:
    user = user_new()
    token = token_of(link_start(user_id=user.pk, channel="telegram", now=clock.now()).url)
    said = update(f"/start@arbedge_sandbox_bot {token}", chat=-100123, kind="supergroup")
    assert APIClient().post(HOOK, said, format="json", headers=HEADER).status_code == 200
    assert not Endpoint.objects.exists()


@pytest.mark.django_db
def test_links_are_limited_and_only_where_there_are_some(settings: Settings) -> None:
    user = user_new()
    api = APIClient()
    api.force_authenticate(user)
    ask = "/api/v1/notifications/links"
    answers = [api.post(ask, {"channel": "telegram"}, format="json").status_code for _ in range(6)]
    assert answers == [201] * 5 + [429]
    assert api.post(ask, {"channel": "webhook"}, format="json").json()["code"] == "no_link"
    settings.TELEGRAM_BOT_NAME = ""
    off = api.post(ask, {"channel": "telegram"}, format="json")
    assert (off.status_code, off.json()["code"]) == (503, "channel_off")


def test_the_command_says_what_is_missing(settings: Settings) -> None:
    settings.TELEGRAM_WEBHOOK_SECRET = ""
    with pytest.raises(CommandError, match="TELEGRAM_WEBHOOK_SECRET"):
        call_command("telegram_webhook", "https://arbedge.example.org")
    settings.TELEGRAM_WEBHOOK_SECRET = SECRET
    with pytest.raises(CommandError, match="https://"):
        call_command("telegram_webhook", "arbedge")
