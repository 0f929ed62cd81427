"""What SMS cost and how they are cut; the gateway's answers, over real HTTP."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.exceptions import OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.notifications.channels.sms import SmsChannel
from apps.notifications.channels.sms_text import fit, is_gsm, segments, smooth
from apps.notifications.exceptions import EndpointGoneError
from sandbox.providers.twilio import segment_count
from tests.contract.channel_cases import World, sms
from tests.notifications.mailbox import Mailbox
from tests.notifications.sink import Answer, Sink

ANY = st.text(
    st.one_of(
        st.sampled_from("ab €{}[]|~\n^\\ßé日🧪👩‍🚀🇩🇪é́\u200d"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=600,
)


@pytest.fixture
def world(sink: Sink) -> World:
    return sms(sink, Mailbox())


def form(sink: Sink) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(sink.arrived[-1].body.decode()).items()}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # 152 septets and an escape don't fit into 153: the pair goes to the next part.
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("日" * 70, 1),
        ("日" * 71, 2),
        ("日" * 134, 2),
        ("日" * 135, 3),
        ("🧪" * 35, 1),
        ("🧪" * 36, 2),
        # 67 units hold 33 pairs, and the last unit of each part stays empty.
        ("🧪" * 66, 2),
        ("🧪" * 67, 3),
        # One character outside the alphabet makes all of them cost two bytes.
        ("a" * 70 + "ç", 2),
        ("a" * 69 + "Ç", 1),
    ],
)
def test_segments_are_counted_as_networks_count(text: str, count: int) -> None:
    assert segments(text) == count


@given(ANY)
def test_another_count_agrees(text: str) -> None:
    assert segments(text) == segment_count(text)


@given(ANY, st.integers(1, 4))
def test_a_cut_text_fits_and_begins_the_same(text: str, most: int) -> None:
    cut = fit(text, most)
    assert segments(cut) <= most
    assert cut == text or (cut.endswith("...") and text.startswith(cut[:-3]))


@given(st.lists(st.sampled_from(["👩‍🚀", "🇩🇪", "é", "👍🏽", "a", "日", "❤️"]), max_size=200))
def test_no_character_that_readers_see_is_torn(pieces: list[str]) -> None:
    text = "".join(pieces)
    kept = fit(text, 1).removesuffix("...") if segments(text) > 1 else text
    ends = {0}
    for piece in pieces:
        ends.add(max(ends) + len(piece))
    assert len(kept) in ends


def test_a_cut_leaves_whole_lines_and_little_unused() -> None:
    lines = "\n".join(f"line {n:02d} of the alert" for n in range(20))
    cut = fit(lines, 1)
    assert cut.removesuffix("...").endswith("alert\n")
    assert segments(cut) == 1
    assert len(cut) > 130
    assert len(fit("x" * 1000, 2)) == 306


def test_typography_is_spelled_plainly() -> None:
    assert smooth("“BTC” – it’s 1\u00a0000 · net ≥ 0.3 %…\x07\u200b") == '"BTC" - it\'s 1 000 - net >= 0.3 %...'
    assert is_gsm(smooth("SANDBOX – not real data\nData: live · found 4 s ago"))


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("+49 1512 3456789", "+4915123456789"),
        (" +1 (202) 555-0123", "+12025550123"),
        ("+44 7911 123456", "+447911123456"),
    ],
)
def test_numbers_have_one_spelling(given: str, cleaned: str) -> None:
    assert SmsChannel.address_clean(given) == cleaned


def test_a_long_alert_costs_no_more_than_allowed(world: World, sink: Sink) -> None:
    world.send(body="Profit – “safe”… 🧪\n" + "line of words\n" * 200)
    assert segments(form(sink)["Body"]) == 2


def test_a_message_says_who_sends_it_and_how_long_it_may_wait(world: World, sink: Sink) -> None:
    sent = world.send(lasts_s=300)
    assert sent.provider_message_id == "SM1"
    assert form(sink) == {
        "To": "+4915123456789",
        "From": "+15005550006",
        "Body": "<b>hello</b>",
        "ValidityPeriod": "300",
    }
    world.send(lasts_s=10**6)
    assert form(sink)["ValidityPeriod"] == "14400"


def test_a_messaging_service_sends_instead_of_a_number(world: World, sink: Sink) -> None:
    config = {**world.channel.config, "sender": "MG" + "0" * 32}
    channel = SmsChannel.from_config(config, timeout_s=2)
    World(channel, world.address, {}, world.arrived, world.say, ()).send()
    assert form(sink)["MessagingServiceSid"] == "MG" + "0" * 32
    assert "From" not in form(sink)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21211, EndpointGoneError),
        (400, 21610, EndpointGoneError),
        (400, 21614, EndpointGoneError),
        (401, 20003, OperatorError),
        (404, 20404, OperatorError),
        (400, 21408, OperatorError),
        (400, 21606, OperatorError),
        (429, 20429, ThrottledError),
        (400, 21611, ThrottledError),
        (400, 21617, PermanentError),
        (500, 20500, TemporaryError),
    ],
)
def test_what_the_gateway_refuses(world: World, sink: Sink, status: int, code: int, kind: type[Exception]) -> None:
    sink.answers = [Answer(status, f'{{"code":{code},"message":"words","status":{status}}}')]
    with pytest.raises(kind) as caught:
        world.send()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [("30006", EndpointGoneError), ("30007", PermanentError), ("30003", TemporaryError), ("null", PermanentError)],
)
def test_a_message_that_was_taken_and_failed_is_no_success(
    world: World, sink: Sink, code: str, kind: type[Exception]
) -> None:
    sink.answers = [Answer(201, f'{{"sid":"SM1","status":"failed","error_code":{code},"error_message":"m"}}')]
    with pytest.raises(kind) as caught:
        world.send()
    assert type(caught.value) is kind
