"""Push to browsers and to phones, over real HTTP."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.core import loop
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.notifications.channels import webpush
from apps.notifications.channels.fcm import MAX_PAYLOAD, FcmChannel
from apps.notifications.channels.push import PushChannel, payload
from apps.notifications.enums import Priority
from apps.notifications.exceptions import ChannelOffError, EndpointGoneError
from apps.notifications.services.channels import channels_described
from apps.notifications.types import OutboundMessage
from tests.contract.channel_cases import ACCESS_TOKEN, World, fcm, push
from tests.notifications.browser import Browser
from tests.notifications.mailbox import Mailbox
from tests.notifications.sink import Answer, Sink

# The example of RFC 8291, section 5 and appendix A.
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3"
    "jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
WORDS = b"When I grow up, I want to be a watermelon"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(lambda text: text * 60)


@pytest.fixture
def browsers(sink: Sink) -> World:
    return push(sink, Mailbox())


@pytest.fixture
def phones(sink: Sink) -> World:
    return fcm(sink, Mailbox())


def refusal(world: World, sink: Sink, answer: Answer) -> Exception:
    """What a send raises where the provider (not the service that gives tokens) answers this."""
    sink.always["/v1" if world.channel.name == "fcm" else "/wpush"] = answer
    with pytest.raises((PermanentError, TemporaryError, OperatorError)) as caught:
        world.send()
    return caught.value


# --- web push ---------------------------------------------------------------------------------------------------------


def test_the_example_of_the_rfc() -> None:
    browser = Browser(RECEIVER, AUTH)
    keys = webpush.keys_read(browser.credentials["p256dh"], AUTH)
    made = webpush.encrypt(WORDS, keys, ours=webpush.private_key_read(SENDER), salt=webpush.unb64(SALT))
    assert webpush.b64(made) == BODY
    assert browser.opened(webpush.unb64(BODY)) == WORDS


def test_two_pushes_of_one_message_share_no_key_and_no_salt() -> None:
    browser = Browser()
    keys = webpush.keys_read(browser.credentials["p256dh"], browser.credentials["auth"])
    one, two = webpush.encrypt(WORDS, keys), webpush.encrypt(WORDS, keys)
    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]
    assert browser.opened(one) == browser.opened(two) == WORDS


def test_a_push_says_for_how_long_how_urgently_and_which(browsers: World, sink: Sink) -> None:
    sent = browsers.send(priority="critical", lasts_s=90, link="https://arbedge.test/o/1")
    assert sent.provider_message_id == "message-1"
    (one,) = sink.arrived
    assert one.headers["TTL"] == "90"
    assert one.headers["Urgency"] == "high"
    assert one.headers["Content-Encoding"] == "aes128gcm"
    message = json.loads(browsers.arrived()[0])
    assert message == {
        "title": "Subject",
        "body": "<b>hello</b>",
        "url": "https://arbedge.test/o/1",
        "tag": one.headers["Topic"],
    }
    assert len(one.headers["Topic"]) == 32


def test_a_repeat_has_the_same_topic_and_another_message_another(browsers: World, sink: Sink) -> None:
    for delivery_id in ("d-1", "d-1", "d-2"):
        browsers.send(delivery_id=delivery_id)
    first, again, other = (one.headers["Topic"] for one in sink.arrived)
    assert first == again != other


@pytest.mark.parametrize("priority", Priority.values)
def test_every_priority_has_an_urgency_of_the_rfc(browsers: World, sink: Sink, priority: str) -> None:
    browsers.send(priority=priority, lasts_s=10_000_000)
    assert sink.arrived[0].headers["Urgency"] in ("very-low", "low", "normal", "high")
    assert sink.arrived[0].headers["TTL"] == "2419200"


def test_the_signature_is_ours_for_this_service_and_for_half_a_day(browsers: World, sink: Sink) -> None:
    browsers.send()
    scheme, _, rest = sink.arrived[0].headers["Authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), webpush.unb64(fields["k"]))
    claims = jwt.decode(fields["t"], key, algorithms=["ES256"], audience=sink.url)
    assert scheme == "vapid"
    assert claims["sub"] == "mailto:ops@arbedge.test"
    assert 0 < claims["exp"] - time.time() <= 24 * 3600


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404), EndpointGoneError),
        (Answer(410), EndpointGoneError),
        (Answer(401), OperatorError),
        (Answer(403, "the VAPID credentials do not correspond to the credentials used"), OperatorError),
        (Answer(400, '{"reason":"VapidPkHashMismatch"}'), OperatorError),
        (Answer(413), PermanentError),
        (Answer(500), TemporaryError),
    ],
)
def test_what_push_services_answer(browsers: World, sink: Sink, answer: Answer, kind: type[Exception]) -> None:
    error = refusal(browsers, sink, answer)
    assert type(error) is kind


@pytest.mark.parametrize(
    ("p256dh", "auth"), [("", "x"), ("AAAA", AUTH), ("A" * 87, AUTH), ("é", AUTH), ("B" * 87, AUTH)]
)
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(PermanentError) as caught:
        PushChannel.credentials_check({"p256dh": p256dh, "auth": auth})
    assert caught.value.code == "bad_credentials"


def test_a_short_auth_is_refused() -> None:
    with pytest.raises(PermanentError):
        PushChannel.credentials_check({**Browser().credentials, "auth": "AAAA"})


@pytest.mark.parametrize(
    ("key", "subject", "named"),
    [
        ("nonsense", "mailto:a@b.test", "VAPID_PRIVATE_KEY"),
        ("", "x", "VAPID_PRIVATE_KEY"),
        (SENDER, "me", "VAPID_SUBJECT"),
    ],
)
def test_a_key_or_contact_that_is_none_switches_the_channel_off(key: str, subject: str, named: str) -> None:
    with pytest.raises(ChannelOffError, match=named):
        PushChannel.from_config({"private_key": key, "subject": subject}, timeout_s=1)


def test_an_inside_address_is_never_called(browsers: World, sink: Sink) -> None:
    with pytest.raises(EndpointGoneError):
        browsers.send(address="https://localhost:1/x")
    assert sink.arrived == []


@given(body=TEXTS, subject=st.text(max_size=300), link=st.text(max_size=3000))
def test_every_payload_fits_into_one_push(body: str, subject: str, link: str) -> None:
    channel = PushChannel.from_config({"private_key": SENDER, "subject": "mailto:a@b.test"}, timeout_s=1)
    message = OutboundMessage("d", "https://push.test/x", subject, body, link=link)
    assert len(payload(channel.fitted(message))) <= webpush.MAX_PLAINTEXT


def test_the_largest_payload_makes_4096_octets() -> None:
    keys = webpush.keys_read(*(Browser().credentials[name] for name in ("p256dh", "auth")))
    assert len(webpush.encrypt(b"x" * webpush.MAX_PLAINTEXT, keys)) == 4096


# --- FCM --------------------------------------------------------------------------------------------------------------


def test_a_phone_gets_title_text_link_and_a_time(phones: World) -> None:
    sent = phones.send(priority="critical", lasts_s=90, link="https://arbedge.test/o/1")
    assert sent.provider_message_id == "0:1"
    message = json.loads(phones.arrived()[0])["message"]
    assert message["notification"] == {"title": "Subject", "body": "<b>hello</b>"}
    assert message["data"]["url"] == "https://arbedge.test/o/1"
    assert message["android"]["ttl"] == "90s"
    assert message["android"]["priority"] == "HIGH"
    assert message["apns"]["headers"]["apns-priority"] == "10"
    assert message["android"]["collapse_key"] == message["apns"]["headers"]["apns-collapse-id"]


def test_many_at_once_ask_for_one_token(phones: World, sink: Sink) -> None:
    async def crowd() -> None:
        await asyncio.gather(*(phones.channel.send(phones.message(delivery_id=f"d-{n}")) for n in range(40)))

    loop.run(crowd(), timeout=20)
    assert sink.paths().count("/token") == 1
    assert len(phones.arrived()) == 40
    assert {one.headers["Authorization"] for one in sink.arrived if one.path != "/token"} == {f"Bearer {ACCESS_TOKEN}"}


def test_a_token_that_nobody_gives_fails_all_who_wait_with_one_question(phones: World, sink: Sink) -> None:
    sink.always["/token"] = Answer(503, "", delay_s=0.2)

    async def crowd() -> list[BaseException | None]:
        sends = (phones.channel.send(phones.message()) for _ in range(20))
        return await asyncio.gather(*sends, return_exceptions=True)  # type: ignore[return-value]

    assert {type(one) for one in loop.run(crowd(), timeout=20)} == {TemporaryError}
    assert sink.paths() == ["/token"]


def test_who_gives_up_waiting_takes_the_token_from_nobody(phones: World, sink: Sink) -> None:
    sink.always["/token"] = Answer(200, json.dumps({"access_token": "t", "expires_in": 3599}), delay_s=0.3)

    async def crowd() -> None:
        impatient = asyncio.create_task(phones.channel.send(phones.message()))
        patient = asyncio.create_task(phones.channel.send(phones.message()))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient

    loop.run(crowd(), timeout=20)
    assert len(phones.arrived()) == 1
    assert sink.paths().count("/token") == 1


def test_a_token_that_is_nearly_over_is_renewed(phones: World, sink: Sink) -> None:
    sink.always["/token"] = Answer(200, json.dumps({"access_token": "t", "expires_in": 200}))
    phones.send()
    phones.send()
    assert sink.paths().count("/token") == 2


def test_a_new_token_that_is_refused_is_the_operators_matter(phones: World, sink: Sink) -> None:
    error = refusal(phones, sink, Answer(401, '{"error":{"status":"UNAUTHENTICATED"}}'))
    assert isinstance(error, OperatorError)


def test_an_older_token_that_is_refused_is_asked_for_anew(
    phones: World, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones.send()
    monkeypatch.setattr("apps.notifications.channels.google._NEW_S", 0.0)
    error = refusal(phones, sink, Answer(401, '{"error":{"status":"UNAUTHENTICATED"}}'))
    assert isinstance(error, TemporaryError)
    sink.always["/v1"] = Answer(200, '{"name":"projects/project/messages/2"}')
    phones.send()
    assert sink.paths().count("/token") == 2


def test_the_assertion_names_account_scope_and_audience(phones: World, sink: Sink) -> None:
    phones.send()
    assertion = dict(part.split("=", 1) for part in sink.arrived[0].body.decode().split("&"))["assertion"]
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert claims["iss"] == "x@y.test"
    assert claims["aud"] == "https://oauth2.googleapis.com/token"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert claims["exp"] - claims["iat"] == 3600


def test_a_refused_account_is_the_operators_matter(phones: World, sink: Sink) -> None:
    sink.always["/token"] = Answer(400, '{"error":"invalid_grant"}')
    with pytest.raises(OperatorError, match="invalid_grant"):
        phones.send()
    assert phones.arrived() == []


def detail(status: int, code: str, words: str = "m") -> Answer:
    return Answer(status, json.dumps({"error": {"code": status, "message": words, "details": [{"errorCode": code}]}}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (detail(404, "UNREGISTERED"), EndpointGoneError),
        (
            detail(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"),
            EndpointGoneError,
        ),
        (detail(400, "INVALID_ARGUMENT", "Message is too big"), PermanentError),
        (detail(403, "SENDER_ID_MISMATCH"), OperatorError),
        (detail(401, "THIRD_PARTY_AUTH_ERROR"), OperatorError),
        (Answer(403, '{"error":{"status":"PERMISSION_DENIED"}}'), OperatorError),
        (detail(429, "QUOTA_EXCEEDED"), ThrottledError),
        (detail(500, "INTERNAL"), TemporaryError),
        (Answer(502, "<html>Error 502</html>"), TemporaryError),
        (Answer(404, "<html>no such page</html>"), PermanentError),
    ],
)
def test_what_fcm_answers(phones: World, sink: Sink, answer: Answer, kind: type[Exception]) -> None:
    error = refusal(phones, sink, answer)
    assert type(error) is kind


def test_a_quota_without_a_time_is_a_minute(phones: World, sink: Sink) -> None:
    error = refusal(phones, sink, detail(429, "QUOTA_EXCEEDED"))
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 60


def test_an_access_token_in_an_answer_is_masked(phones: World, sink: Sink) -> None:
    phones.send()
    assert ACCESS_TOKEN not in str(refusal(phones, sink, detail(400, "INVALID_ARGUMENT", f"Bearer {ACCESS_TOKEN} no")))


@pytest.mark.parametrize(
    "document", ["nonsense", "{}", "[]", '{"client_email": 1, "private_key": "k", "project_id": "p"}']
)
def test_an_account_that_is_none_switches_the_channel_off(document: str) -> None:
    with pytest.raises(ChannelOffError, match="FCM_SERVICE_ACCOUNT"):
        FcmChannel.from_config(
            {"account": document, "url": "https://f.test", "token_url": "https://t.test"}, timeout_s=1
        )


def test_a_private_key_that_is_none_is_the_operators_matter(phones: World) -> None:
    document = json.dumps({"client_email": "x", "private_key": "no key", "project_id": "p"})
    channel = FcmChannel.from_config({**phones.channel.config, "account": document}, timeout_s=1)
    with pytest.raises(OperatorError):
        loop.run(channel.send(phones.message()), timeout=10)


@given(body=TEXTS, subject=st.text(max_size=300))
def test_every_phones_payload_fits(body: str, subject: str) -> None:
    document = json.dumps({"client_email": "x", "private_key": "k", "project_id": "p"})
    channel = FcmChannel.from_config(
        {"account": document, "url": "https://f.test", "token_url": "https://t.test"}, timeout_s=1
    )
    message = OutboundMessage("d", "t" * 160, subject, body, link="https://arbedge.test/o/1")
    assert len(channel.body(channel.fitted(message))) <= MAX_PAYLOAD
    assert channel.fitted(replace(message, body="short")).body == "short"


# --- what people need beforehand --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_browser_is_told_the_key_to_subscribe_with(settings: Any) -> None:
    assert "application_server_key" not in next(one for one in channels_described() if one.name == "push").public
    settings.VAPID_PRIVATE_KEY, settings.VAPID_SUBJECT = SENDER, "mailto:a@b.test"
    facts = next(one for one in channels_described() if one.name == "push")
    assert facts.available
    # The sender's public key in the example of the RFC.
    point = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
    assert facts.public == {"application_server_key": point}


def test_the_command_makes_a_pair_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("vapid_key")
    private, public = (line.rpartition("=" if "=" in line else " ")[2] for line in capsys.readouterr().out.splitlines())
    channel = PushChannel.from_config({"private_key": private, "subject": "mailto:a@b.test"}, timeout_s=1)
    assert channel.public() == {"application_server_key": public}
