"""One suite for every channel: a new one adds its line to CASES in `channel_cases`."""

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest

from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError, ThrottledError
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.channels.text import length
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import ChannelOffError, EndpointGoneError
from apps.notifications.types import Attached, Button
from tests.contract.channel_cases import CASES, World
from tests.notifications.mailbox import mailbox_run
from tests.notifications.sink import Sink, sink_run


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """One HTTP sink for the suite."""
    with sink_run() as sink:
        yield sink


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    """Each channel in turn."""
    return str(request.param)


@pytest.fixture
def world(name: str, sink: Sink, settings: Any) -> Iterator[World]:
    """The channel with its own outside."""
    sink.reset()
    settings.OUTBOUND_ALLOW = [sink.netloc]
    with mailbox_run() as mailbox:
        yield CASES[name].world(sink, mailbox)


def failure(world: World, **fields: Any) -> ArbEdgeError:
    with pytest.raises(ArbEdgeError) as caught:
        world.send(**fields)
    return caught.value


def test_every_channel_has_a_case() -> None:
    assert set(CASES) == set(CHANNELS.names())


def test_class_data_is_declared(name: str) -> None:
    kind = CHANNELS.get(name)
    assert kind.name == name
    assert kind.label
    assert kind.address_label
    assert kind.text_format in TextFormat
    assert kind.max_length > 0
    assert kind.provider_limits
    assert kind.endpoint_limits
    assert isinstance(kind.idempotent, bool)
    assert all(field.secret for field in kind.credential_fields if "secret" in field.name or "token" in field.name)


def test_a_missing_setting_switches_it_off_by_name(name: str) -> None:
    kind = CHANNELS.get(name)
    for row in (row for row in kind.settings if row.required):
        config = {other.name: "x" for other in kind.settings if other is not row}
        with pytest.raises(ChannelOffError, match=row.setting):
            kind.from_config(config, timeout_s=1)


def test_bad_addresses_are_refused_with_words(name: str) -> None:
    for address in CASES[name].bad_addresses:
        with pytest.raises(PermanentError) as caught:
            CHANNELS.get(name).address_clean(address)
        assert caught.value.code == "bad_address", address


def test_its_own_address_is_clean(world: World) -> None:
    assert world.channel.address_clean(f" {world.address} ") == world.address
    assert world.channel.host(world.address)


def test_success_arrives_once(world: World) -> None:
    sent = world.send()
    assert sent.provider_message_id
    assert len(world.arrived()) == 1
    assert b"hello" in world.arrived()[0]


def test_what_is_no_unicode_stops_no_message(world: World) -> None:
    body = '{"text": "hello \ud800"}' if world.channel.text_format is TextFormat.JSON else "hello \ud800\0 there"
    world.send(subject="bad \ud800", body=body, text_body="hello \ud800", link="https://x.test/\ud800")
    assert len(world.arrived()) == 1


def test_temporary(world: World) -> None:
    world.say("temporary")
    error = failure(world)
    assert isinstance(error, TemporaryError)
    assert not isinstance(error, ThrottledError)


def test_permanent(world: World) -> None:
    world.say("permanent")
    error = failure(world)
    assert isinstance(error, PermanentError)
    assert not isinstance(error, EndpointGoneError)


def test_gone_asks_to_disable(world: World) -> None:
    world.say("gone")
    assert isinstance(failure(world), EndpointGoneError)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.throttles])
def test_throttled_says_how_long(world: World) -> None:
    world.say("throttled")
    error = failure(world)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 17


def test_garbage_is_no_success(world: World) -> None:
    world.say("garbage")
    before = len(world.arrived())
    failure(world)
    assert len(world.arrived()) <= before + 1  # and no redirect was followed


def test_a_hanging_provider_is_temporary(world: World) -> None:
    world.say("hang")
    world.channel.timeout_s = 0.3
    assert failure(world).code == "timeout"


def test_overflow_fits_or_is_refused_and_never_sent_too_long(world: World) -> None:
    if world.channel.text_format is TextFormat.JSON:
        error = failure(world, body=json.dumps({"text": "x" * world.channel.max_length}))
        assert error.code == "too_large"
        assert world.arrived() == []
        return
    body = "\n".join(f"<b>line {n} &amp; more</b>" for n in range(10_000))
    fitted = world.channel.fitted(world.message(body=body, text_body=body, subject="s" * 5_000))
    assert length(fitted.body) <= world.channel.max_length
    assert length(fitted.text_body) <= world.channel.max_length
    assert fitted.body.count("<b>") == fitted.body.count("</b>")
    assert "line 0" in fitted.body.split("\n")[0]
    assert "line 9999" not in fitted.body
    assert length(fitted.subject) <= (world.channel.subject_max_length or world.channel.max_length)


def test_no_secret_in_repr_errors_or_logs(name: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [repr(world.channel), repr(world.message())]
    words = ("temporary", "permanent", "gone", "garbage", *(("throttled",) if CASES[name].throttles else ()))
    for word in words:
        world.say(word)
        error = failure(world)
        texts += [str(error), repr(error), error.message, repr(error.details)]
        assert error.__cause__ is None
    texts += [record.getMessage() for record in caplog.records]
    assert not [text for text in texts for secret in world.secrets if secret in text]
    assert world.address not in repr(world.message())


def test_a_secret_in_the_providers_answer_is_masked(world: World) -> None:
    for secret in world.secrets:
        assert secret not in world.channel.masked(f"you sent {secret}", world.message())


def test_credentials_are_checked(world: World) -> None:
    world.channel.credentials_check(world.credentials)
    with pytest.raises(PermanentError) as caught:
        world.channel.credentials_check({**world.credentials, "nonsense": "x"})
    assert caught.value.code == "bad_credentials"
    for field in world.channel.credential_fields:
        if field.required:
            with pytest.raises(PermanentError):
                world.channel.credentials_check({k: v for k, v in world.credentials.items() if k != field.name})


def test_header_injection_reaches_nobody(world: World) -> None:
    world.send(subject="Hi\r\nBcc: victim@example.test\r\n\r\nbody")
    assert b"\nBcc:" not in world.arrived()[0]


# --- files and buttons -----------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
URL = "https://arbedge.test/api/v1/notifications/files/0123456789abcdef0123456789abcdef.SIGNATURE"


def chart(content: bytes | None = PNG, *, name: str = "chart.png", n: int = 0) -> Attached:
    return Attached(name, "image/png", len(content or PNG), f"{URL}{n}", content)


def told(arrived: bytes) -> str:
    """What arrived, as its reader would decode it."""
    text = arrived.decode(errors="replace").replace("=\r\n", "").replace("=3D", "=")
    return unquote_plus(text).replace("\\/", "/")


def test_a_file_is_carried_or_linked_as_declared(name: str, world: World) -> None:
    how = CASES[name].files
    fitted = world.channel.fitted(world.message(attachments=(chart(),)))
    assert (fitted.attachments == (chart(),)) is (how == "carried")
    assert (world.channel.carries is not None) is (how == "carried")
    # JSON has the links among its data, where `services.messages` puts them.
    assert (URL in fitted.body) is (how == "linked")
    world.send(attachments=(chart(),))
    (arrived,) = world.arrived()
    assert ("chart.png" in told(arrived)) is (how != "in data")
    if how == "carried":
        assert PNG in arrived or base64.b64encode(PNG)[:60] in arrived
    elif how == "linked":
        assert f"{URL}0" in told(arrived)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.files == "carried"])
def test_what_can_not_be_carried_is_linked(world: World) -> None:
    carries = world.channel.carries
    assert carries is not None
    huge = Attached("huge.png", "image/png", carries.max_bytes + 1, f"{URL}-huge", bytes(carries.max_bytes + 1))
    lost = chart(None, name="lost.png", n=9)
    many = tuple(chart(name=f"c{n}.png", n=n) for n in range(carries.count + 1))
    for files, carried in (((huge,), 0), ((lost,), 0), (many, carries.count)):
        fitted = world.channel.fitted(world.message(attachments=files))
        assert len(fitted.attachments) == carried
        for one in files[carried:]:
            assert f'{one.url}"' in fitted.body or f"{one.url}>" in fitted.body or one.url in fitted.body
            assert one.filename in fitted.body.replace("\\", "")
        assert length(fitted.body) <= world.channel.max_length


def test_links_survive_a_long_text_and_take_no_more_than_half(name: str, world: World) -> None:
    if CASES[name].files == "in data":
        return
    body = "\n".join(f"<b>line {n}</b>" for n in range(10_000))
    many = tuple(chart(None, name=f"c{n}.png", n=n) for n in range(400))
    fitted = world.channel.fitted(world.message(body=body, text_body=body, attachments=many))
    assert length(fitted.body) <= world.channel.max_length
    assert "line 0" in fitted.body.split("\n")[0]
    assert fitted.body.count("<b>") == fitted.body.count("</b>")
    if name != "sms":  # words are worth more than a link there
        assert f"{URL}0" in fitted.body
    assert f"{URL}399" not in fitted.body


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.files == "carried"])
def test_refused_files_go_as_links_and_the_result_says_so(world: World) -> None:
    world.say("files refused")
    sent = world.send(attachments=(chart(),))
    assert "files were refused" in sent.note
    assert URL in told(world.arrived()[-1])
    assert sent.provider_message_id


def test_buttons_are_shown_as_declared(name: str, world: World) -> None:
    links = [f"https://arbedge.test/feedback/{n}" for n in range(2)]
    assert world.channel.shows(links) is CASES[name].buttons
    assert world.channel.shows(["http://localhost/x"]) is False
    assert world.channel.shows(["https://arbedge.test/" + "x" * 5000]) is False
    if CASES[name].buttons:
        world.send(buttons=tuple(Button(f"Label {n}", url) for n, url in enumerate(links)))
        (arrived,) = world.arrived()
        for n, url in enumerate(links):
            assert f"Label {n}" in told(arrived)
            assert url in told(arrived)
