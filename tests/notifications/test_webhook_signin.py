"""Webhooks: signing in, packing, two secrets while one replaces the other, and what is never sent."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from apps.accounts.services import token_create
from apps.core import loop
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.notifications.channels.auth.registry import AUTHS
from apps.notifications.channels.webhook import WebhookChannel, secret_new
from apps.notifications.models import Endpoint
from apps.notifications.services import channels, deliver
from apps.notifications.services.channels import channel_get
from apps.notifications.services.endpoints import endpoint_credentials
from apps.notifications.services.rotation import endpoint_secret_rotate
from apps.notifications.types import OutboundMessage, Sent
from sandbox.providers import oauth2
from tests.notifications.people import SECRET, endpoint_new, notification_new, user_new
from tests.notifications.sink import Answer, Sink
from tests.sandbox_process import Sandbox

# Channels are made by a profile, which operators may edit.
pytestmark = pytest.mark.django_db

KEYS: dict[str, dict[str, str]] = {
    "none": {},
    "api_key": {"api_key": "very-secret-key"},
    "bearer": {"bearer_token": "very-secret-token"},
    "basic": {"basic_user": "trader", "basic_password": "very secret: password"},
    "header": {"header_name": "X-Custom", "header_value": "very secret value"},
    "oauth2": {"oauth_url": "https://auth.test/token", "oauth_client": "me", "oauth_secret": "very-secret-secret"},
}


def keys(kind: str, **more: str) -> dict[str, str]:
    return {"secret": SECRET, "auth": kind, **KEYS[kind], **more}


def message(url: str, credentials: dict[str, str], body: str = '{"a": 1}') -> OutboundMessage:
    return OutboundMessage(delivery_id="d-1", address=url, subject="", body=body, credentials=credentials)


def send(url: str, credentials: dict[str, str], body: str = '{"a": 1}') -> Sent:
    return loop.run(channel_get("webhook").send(message(url, credentials, body)), timeout=15)


def token(text: str, **more: Any) -> Answer:
    return Answer(200, json.dumps({"access_token": text, "token_type": "Bearer", "expires_in": 3600} | more))


@pytest.fixture(autouse=True)
def _no_token_kept() -> None:
    """Each test has a channel that has fetched nothing."""
    channels._made.cache_clear()


# --- kinds --------------------------------------------------------------------------------------------------------


def test_every_kind_is_tried_here() -> None:
    assert set(KEYS) == set(AUTHS.names())


@pytest.mark.parametrize("kind", KEYS)
def test_each_kind_says_what_it_needs_and_takes_nothing_of_others(kind: str) -> None:
    WebhookChannel.credentials_check(keys(kind))
    for name in KEYS[kind]:
        with pytest.raises(PermanentError, match=name):
            WebhookChannel.credentials_check({key: value for key, value in keys(kind).items() if key != name})
    other = "bearer" if kind != "bearer" else "api_key"
    with pytest.raises(PermanentError) as caught:
        WebhookChannel.credentials_check(keys(kind) | KEYS[other])
    assert caught.value.code == "bad_credentials"
    assert "very" not in caught.value.message


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("api_key", "X-API-Key", "very-secret-key"),
        ("bearer", "Authorization", "Bearer very-secret-token"),
        ("basic", "Authorization", "Basic " + base64.b64encode(b"trader:very secret: password").decode()),
        ("header", "X-Custom", "very secret value"),
    ],
)
def test_the_header_arrives_beside_the_signature(sink: Sink, kind: str, header: str, value: str) -> None:
    send(f"{sink.url}/hook", keys(kind))
    (one,) = sink.arrived
    assert one.headers[header] == value
    assert Webhook(SECRET).verify(one.body, dict(one.headers)) == {"a": 1}


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "Connection", "TE", "Upgrade", "Content-Type", "Content-Encoding",
     "Proxy-Authorization", "webhook-signature", "Expect", "Cookie", "a b", "a:b", "a\r\nb", "", "é", "x" * 65],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "field"), [("header", "header_name"), ("api_key", "api_key_header")])
def test_headers_that_change_the_request_are_refused(kind: str, field: str, name: str) -> None:
    if not name and kind == "api_key":
        return  # its default is taken
    with pytest.raises(PermanentError) as caught:
        WebhookChannel.credentials_check(keys(kind, **{field: name}))
    assert caught.value.code == "bad_credentials"


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb", "a\x00b", "é", " a", "x" * 4_097, "a\tb"])
@pytest.mark.parametrize(
    ("kind", "field"),
    [("header", "header_value"), ("api_key", "api_key"), ("bearer", "bearer_token"), ("basic", "basic_password"),
     ("oauth2", "oauth_secret"), ("oauth2", "oauth_scope")],
)  # fmt: skip
def test_values_that_are_no_header_value_are_refused(kind: str, field: str, value: str) -> None:
    with pytest.raises(PermanentError) as caught:
        WebhookChannel.credentials_check(keys(kind, **{field: value}))
    assert caught.value.code == "bad_credentials"


@pytest.mark.parametrize(
    "url", ["http://auth.test/token", "https://127.0.0.1/token", "https://u:p@auth.test/", "ftp://auth.test", "x"]
)
def test_a_token_url_is_vetted(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        WebhookChannel.credentials_check(keys("oauth2", oauth_url=url))
    assert caught.value.code == "bad_credentials"


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "none"])
def test_sign_in_data_never_travels_in_the_clear(sink: Sink, settings: Any, kind: str) -> None:
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(PermanentError) as caught:
        send("http://hooks.example.test/hook", keys(kind, **({"oauth_url": sink.url} if kind == "oauth2" else {})))
    assert caught.value.code == "plain_http"
    assert sink.arrived == []


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind not in ("none", "oauth2")])
def test_an_answer_that_repeats_the_sign_in_is_masked(sink: Sink, kind: str) -> None:
    signed_in = loop.run(AUTHS.get(kind)().headers(keys(kind), timeout_s=1), timeout=5)
    sink.answers = [Answer(400, f"you sent {json.dumps(signed_in)}")]
    with pytest.raises(PermanentError) as caught:
        send(f"{sink.url}/hook", keys(kind))
    words = caught.value.message
    assert "you sent" in words
    secrets = [value for name, value in KEYS[kind].items() if name not in ("basic_user", "header_name")]
    assert not [
        secret for secret in [*secrets, *(value.split()[-1] for value in signed_in.values())] if secret in words
    ]


# --- OAuth 2 ------------------------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_and_kept(sink: Sink) -> None:
    sink.always = {"/token": token("t-1")}
    credentials = keys("oauth2", oauth_url=f"{sink.url}/token", oauth_client="a b", oauth_scope="hooks")
    for _ in range(3):
        send(f"{sink.url}/hook", credentials)
    assert sink.paths() == ["/token", "/hook", "/hook", "/hook"]
    asked = sink.arrived[0]
    assert asked.body == b"grant_type=client_credentials&scope=hooks"
    assert base64.b64decode(asked.headers["Authorization"].split()[1]) == b"a+b:very-secret-secret"
    assert {one.headers["Authorization"] for one in sink.arrived[1:]} == {"Bearer t-1"}


def test_many_at_once_share_one_fetch(sink: Sink) -> None:
    sink.always = {"/token": Answer(200, token("t-1").body, delay_s=0.3)}
    credentials = keys("oauth2", oauth_url=f"{sink.url}/token")
    channel = channel_get("webhook")

    async def all_at_once() -> None:
        await asyncio.gather(*(channel.send(message(f"{sink.url}/hook", credentials)) for _ in range(20)))

    loop.run(all_at_once(), timeout=15)
    assert sink.paths().count("/token") == 1
    assert sink.paths().count("/hook") == 20


def test_a_refused_token_is_fetched_anew_once(sink: Sink) -> None:
    credentials = keys("oauth2", oauth_url=f"{sink.url}/token")
    sink.answers = [token("old"), Answer(200), Answer(401), token("new"), Answer(200)]
    send(f"{sink.url}/hook", credentials)
    send(f"{sink.url}/hook", credentials)
    assert [one.headers["Authorization"] for one in sink.arrived if one.path == "/hook"] == [
        "Bearer old", "Bearer old", "Bearer new",
    ]  # fmt: skip
    ids = {one.headers["webhook-id"] for one in sink.arrived if one.path == "/hook"}
    assert ids == {"d-1"}
    sink.reset()
    sink.answers = [Answer(401), token("newer"), Answer(401)]
    with pytest.raises(PermanentError) as caught:
        send(f"{sink.url}/hook", credentials)
    assert caught.value.code == "http_401"
    assert sink.paths() == ["/hook", "/token", "/hook"]


def test_a_token_that_has_run_out_is_not_used(sink: Sink) -> None:
    sink.always = {"/token": token("t", expires_in=0)}
    for _ in range(2):
        send(f"{sink.url}/hook", keys("oauth2", oauth_url=f"{sink.url}/token"))
    assert sink.paths() == ["/token", "/hook", "/token", "/hook"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(401, '{"error":"invalid_client"}'), PermanentError),
        (Answer(400, '{"error":"invalid_scope"}'), PermanentError),
        (Answer(503, "busy"), TemporaryError),
        (Answer(429, "", {"Retry-After": "9"}), ThrottledError),
        (Answer(302, "", {"Location": "http://127.0.0.1:1/"}), PermanentError),
        (Answer(200, "<html>"), TemporaryError),
        (Answer(200, "[]"), TemporaryError),
        (Answer(200, '{"access_token": 7}'), TemporaryError),
        (Answer(200, '{"access_token": "a\\r\\nb"}'), TemporaryError),
        (Answer(200, '{"access_token": "a", "token_type": "mac"}'), PermanentError),
        (Answer(200, '{"access_token": "' + "x" * 70_000 + '"}'), TemporaryError),
    ],
)
def test_without_a_token_nothing_is_sent_and_the_server_is_not_asked_by_everybody(
    sink: Sink, answer: Answer, kind: type[ArbEdgeError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.notifications.channels.auth.oauth2._FAILED_S", 3_600.0)
    sink.always = {"/token": answer}
    for _ in range(3):
        with pytest.raises(ArbEdgeError) as caught:
            send(f"{sink.url}/hook", keys("oauth2", oauth_url=f"{sink.url}/token"))
        assert type(caught.value) is kind
        assert "very-secret" not in str(caught.value)
    assert sink.paths() == ["/token"]


def test_a_fetched_token_is_masked_in_what_the_receiver_says(sink: Sink) -> None:
    sink.always = {"/token": token("fetched-token-1234"), "/hook": Answer(400, "no, Bearer fetched-token-1234")}
    with pytest.raises(PermanentError) as caught:
        send(f"{sink.url}/hook", keys("oauth2", oauth_url=f"{sink.url}/token"))
    assert "fetched" not in caught.value.message


# --- packing ------------------------------------------------------------------------------------------------------

LONG = json.dumps({"text": "x" * 1_100})


@pytest.mark.parametrize(
    ("compression", "body", "packed"), [("gzip", LONG, True), ("gzip", '{"a": 1}', False), ("none", LONG, False)]
)
def test_only_long_bodies_are_packed_and_only_where_asked_for(
    sink: Sink, compression: str, body: str, packed: bool
) -> None:
    send(f"{sink.url}/hook", {"secret": SECRET, "compression": compression}, body)
    (one,) = sink.arrived
    assert ("Content-Encoding" in one.headers) is packed
    plain = gzip.decompress(one.body) if packed else one.body
    assert plain.decode() == body
    # Whichever of the two a receiver takes for the raw body.
    for form in {plain, one.body}:
        assert _verified(form, one.headers)


def test_a_receiver_that_cannot_unpack_gets_it_plain(sink: Sink) -> None:
    sink.answers = [Answer(415, "")]
    send(f"{sink.url}/hook", {"secret": SECRET, "compression": "gzip"}, LONG)
    first, second = sink.arrived
    assert first.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in second.headers
    assert second.body.decode() == LONG


def _verified(body: bytes, headers: Any) -> bool:
    # The standard's own library takes text; what it computes is redone here for bytes.
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return wanted in headers["webhook-signature"].split()


# --- rotation -----------------------------------------------------------------------------------------------------


def test_both_secrets_sign_until_the_old_one_ends(sink: Sink) -> None:
    endpoint = endpoint_new(user_new(), "webhook", f"{sink.url}/hook")
    with time_machine.travel(datetime(2026, 5, 1, 12, tzinfo=UTC), tick=False) as clock:
        made = endpoint_secret_rotate(endpoint_id=endpoint.pk, now=datetime(2026, 5, 1, 12, tzinfo=UTC))
        assert made.previous_until == datetime(2026, 5, 2, 12, tzinfo=UTC)
        endpoint.refresh_from_db()
        send(endpoint.address, endpoint_credentials(endpoint))
        clock.shift(timedelta(hours=24))
        send(endpoint.address, endpoint_credentials(endpoint))
        during, after = sink.arrived
        Webhook(made.secret).verify(after.body, dict(after.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(after.body, dict(after.headers))
        clock.shift(timedelta(hours=-24))
        for secret in (SECRET, made.secret):
            Webhook(secret).verify(during.body, dict(during.headers))
    assert len(after.headers["webhook-signature"].split()) == 1


def test_a_second_rotation_ends_the_oldest_secret_and_keeps_the_rest() -> None:
    endpoint = endpoint_new(user_new(), "webhook", "https://hooks.example.test/x")
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    first = endpoint_secret_rotate(endpoint_id=endpoint.pk, now=now)
    own = secret_new()
    assert endpoint_secret_rotate(endpoint_id=endpoint.pk, now=now, secret=own).secret == own
    endpoint.refresh_from_db()
    credentials = endpoint_credentials(endpoint)
    assert (credentials["secret"], credentials["previous_secret"]) == (own, first.secret)
    assert SECRET not in credentials.values()


def test_owners_rotate_and_others_may_not(settings: Any) -> None:
    owner, other = user_new(), user_new()
    endpoint = endpoint_new(owner, "webhook", "https://hooks.example.test/x")
    chat = endpoint_new(owner, "telegram", "42")
    url = f"/api/v1/notifications/endpoints/{endpoint.pk}/rotate"
    client = APIClient()
    assert client.post(url).status_code == 401
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=other, name='t')}")
    assert client.post(url).status_code == 404
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_create(user=owner, name='t')}")
    assert client.post(url, {"secret": "whsec_weak"}, format="json").json()["code"] == "bad_credentials"
    assert client.post(url.replace(str(endpoint.pk), str(chat.pk))).json()["code"] == "not_signed"
    endpoint.refresh_from_db()
    assert endpoint_credentials(endpoint) == {"secret": SECRET}
    answer = client.post(url)
    assert answer.status_code == 200
    endpoint.refresh_from_db()
    assert endpoint_credentials(endpoint)["secret"] == answer.json()["secret"]


def test_operators_rotate_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = endpoint_new(user_new(), "webhook", "https://hooks.example.test/x")
    call_command("rotate_webhook_secret", str(endpoint.pk))
    endpoint.refresh_from_db()
    assert endpoint_credentials(endpoint)["secret"] == capsys.readouterr().out.split()[0]
    with pytest.raises(CommandError, match="no such endpoint"):
        call_command("rotate_webhook_secret", "00000000-0000-0000-0000-000000000000")


# --- the sandbox --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("templates", "redis_state")
def test_a_receiver_that_asks_for_everything_gets_it(sandbox: Sandbox) -> None:
    sandbox.secrets({"trader": SECRET})
    sandbox.hook_rules({"trader": {"oauth2": True}})
    token_url = f"{sandbox.url}/https://{oauth2.HOST}{oauth2.PATH}"
    signs_in = {"oauth_url": token_url, "oauth_client": oauth2.CLIENT, "oauth_secret": oauth2.SECRET}
    endpoint = endpoint_new(user_new(), "webhook", f"{sandbox.url}/_sandbox/hooks/trader", credentials={
        "secret": SECRET, "compression": "gzip", "auth": "oauth2", **signs_in,
    })  # fmt: skip
    notification_new(endpoint.user)
    assert deliver(priority="high").delivered == 1
    # The sandbox takes its tokens back: the one that is kept is refused, and a new one is fetched.
    sandbox.reset()
    sandbox.hook_rules({"trader": {"oauth2": True, "unpacked": True}})
    notification_new(endpoint.user)
    assert deliver(priority="high").delivered == 1
    (hook,) = sandbox.received("webhook")
    assert "content-encoding" not in hook["headers"]


@pytest.mark.usefixtures("templates", "redis_state")
def test_a_wrong_client_secret_fails_for_good_and_says_so(sandbox: Sandbox) -> None:
    sandbox.hook_rules({"trader": {"oauth2": True}})
    token_url = f"{sandbox.url}/https://{oauth2.HOST}{oauth2.PATH}"
    signs_in = {"auth": "oauth2", "oauth_url": token_url, "oauth_client": oauth2.CLIENT, "oauth_secret": "guessed"}
    endpoint = endpoint_new(
        user_new(), "webhook", f"{sandbox.url}/_sandbox/hooks/trader", credentials={"secret": SECRET, **signs_in}
    )
    notification_new(endpoint.user)
    assert deliver(priority="high").failed == 1
    assert sandbox.received("webhook") == []
    assert "invalid_client" in endpoint.deliveries.get().last_error
    assert Endpoint.objects.get().usable
