"""Services by Apprise URL: which there are, what leaves the house, and what comes of the answers."""

import importlib
import logging
import subprocess
import sys
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.exceptions import PermanentError, TemporaryError, ThrottledError
from apps.core.http import HttpResponse
from apps.notifications.channels import apprise_wire
from apps.notifications.channels.custom import CustomChannel
from apps.notifications.exceptions import EndpointGoneError, ProviderThrottledError
from tests.contract.channel_cases import PUSHOVER_TOKEN, PUSHOVER_USER, World, custom
from tests.notifications.mailbox import Mailbox
from tests.notifications.sink import Answer, Sink

POVER = f"pover://{PUSHOVER_USER}@{PUSHOVER_TOKEN}"
URLS = {
    "ifttt": "ifttt://webhookidwebhookid/EventOne",
    "join": "join://" + "a" * 32 + "/" + "b" * 32,
    "line": "line://" + "T" * 40 + "/U" + "1" * 32,
    "ntfys": "ntfys://my-topic",
    "pagerduty": "pagerduty://" + "i" * 32 + "@" + "k" * 20,
    "pbul": "pbul://" + "a" * 32,
    "pover": POVER,
    "prowl": "prowl://" + "a" * 40,
    "push": "push://8b799edf-6f98-4d3a-9be7-2862fb4e5752",
    "pushy": "pushy://" + "a" * 64 + "/device1device1device1",
    "signl4": "signl4://teamsecretteam",
    "threema": "threema://*GATEWAY@secretsecret/ABCDEFGH",
}
SELF_HOSTED = [
    "json://hooks.test/x", "jsons://hooks.test", "xml://hooks.test", "form://hooks.test", "apprise://own.test/token",
    "mailto://user:pass@own.test", "ntfy://own.test/topic", "gotify://own.test/token", "matrix://own.test",
    "mmost://own.test/token", "rocket://own.test", "bark://own.test/key", "syslog://own.test", "mqtt://own.test/topic",
    "dbus://", "windows://", "file:///etc/passwd", "http://169.254.169.254/latest", "POVERX://a",
]  # fmt: skip


@pytest.fixture
def world(sink: Sink) -> World:
    return custom(sink, Mailbox())


def test_every_service_has_a_sample() -> None:
    assert set(URLS) == set(apprise_wire.SERVICES)


@pytest.mark.parametrize("schema", URLS)
def test_every_service_gets_one_request_at_its_own_host(schema: str) -> None:
    request = apprise_wire.request_made(URLS[schema], title="Title & more", body="hello <b>\n{json}")
    host = request.url.split("/")[2]
    assert request.url.startswith("https://")
    assert host in apprise_wire.SERVICES[schema].hosts
    assert b"hello" in request.body or "hello" in request.url
    assert URLS[schema] not in repr(request)
    answer = HttpResponse(200, {}, b'{"success": true, "status": 1}')
    assert apprise_wire.is_success(URLS[schema], answer, title="t", body="b")
    assert not apprise_wire.is_success(URLS[schema], HttpResponse(500, {}, b""), title="t", body="b")


@pytest.mark.parametrize("url", SELF_HOSTED)
def test_what_is_self_hosted_or_unknown_is_refused_with_advice(url: str) -> None:
    with pytest.raises(PermanentError, match="webhook channel") as caught:
        CustomChannel.parted(url, {})
    assert caught.value.code == "bad_address"


@pytest.mark.parametrize(
    "url",
    ["ntfys://own.test/topic", "ntfys://user:pass@own.test:8080/topic", "ntfys://ntfy.sh@127.0.0.1/topic",
     "ntfys://ntfy.sh:8080/topic"],
)  # fmt: skip
def test_a_server_of_ones_own_behind_a_listed_service_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="webhook channel") as caught:
        CustomChannel.credentials_check({"url": url})
    assert caught.value.code == "bad_credentials"


@pytest.mark.parametrize("url", ["pover://", "pover://@", "prowl://x", "push://not-a-uuid", "pbul://Ā", "threema://"])
def test_a_url_that_its_service_cannot_use_is_refused(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        CustomChannel.credentials_check({"url": url})
    assert caught.value.code == "bad_credentials"


@pytest.mark.parametrize("url", ["ntfys://topic?to=a,b", f"pbul://{'a' * 32}/device1/device2"])
def test_one_endpoint_is_one_target(url: str) -> None:
    with pytest.raises(PermanentError, match="several targets"):
        CustomChannel.credentials_check({"url": url})


@given(st.sampled_from(sorted(URLS)), st.text(st.characters(min_codepoint=32), max_size=80))
def test_no_url_breaks_the_check_or_leads_elsewhere(schema: str, rest: str) -> None:
    url = f"{schema}://{rest}"
    try:
        made = apprise_wire.request_made(url, title="t", body="b")
    except PermanentError as error:
        assert error.code in ("bad_address", "bad_credentials")
        return
    assert made.url.split("/")[2] in apprise_wire.SERVICES[schema].hosts


def test_the_url_is_a_credential_and_the_address_a_fingerprint() -> None:
    address, credentials = CustomChannel.parted(f" {POVER} ", {})
    assert credentials == {"url": POVER}
    assert address.startswith("pover:")
    assert not any(secret in address for secret in (PUSHOVER_USER, PUSHOVER_TOKEN))
    assert CustomChannel.parted(address, credentials) == (address, credentials)
    assert CustomChannel.address_clean(address) == address
    other, _ = CustomChannel.parted(POVER + "/phone", {})
    assert other != address
    with pytest.raises(PermanentError, match="not the one"):
        CustomChannel.parted(address, {"url": POVER + "/phone"})


def test_pushover_gets_what_it_documents(world: World, sink: Sink) -> None:
    world.send(body="a & b <c>\nline 2")
    (one,) = sink.arrived
    assert one.path == "/https://api.pushover.net/1/messages.json"
    form = {name: values[0] for name, values in parse_qs(one.body.decode()).items()}
    assert form["user"] == PUSHOVER_USER
    assert form["token"] == PUSHOVER_TOKEN
    assert form["title"] == "Subject"
    assert form["message"] == "a & b <c>\nline 2"


@pytest.mark.parametrize("status", [401, 404, 410])
def test_an_account_that_is_not_there_is_gone(world: World, sink: Sink, status: int) -> None:
    sink.answers = [Answer(status, "{}")]
    with pytest.raises(EndpointGoneError):
        world.send()


@pytest.mark.parametrize(("schema", "everybody"), [("ntfys", True), ("pover", False), ("prowl", False)])
def test_a_pause_is_meant_for_an_account_or_for_all_of_ours(sink: Sink, schema: str, everybody: bool) -> None:
    address, credentials = CustomChannel.parted(URLS[schema], {})
    channel = CustomChannel.from_config({"gateway": sink.url}, timeout_s=2)
    sink.answers = [Answer(429, "", {"Retry-After": "7"})]
    with pytest.raises(ThrottledError) as caught:
        World(channel, address, credentials, list, print, ()).send()
    assert isinstance(caught.value, ProviderThrottledError) is everybody
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("name", ["Session", "session", "patch", "sessions", "adapters", "api"])
def test_plugins_find_nothing_that_opens_a_socket(name: str) -> None:
    apprise_wire.check(POVER)
    seen = importlib.import_module("apprise.plugins.pushover").requests
    assert seen.codes.ok == 200
    with pytest.raises(AttributeError):
        getattr(seen, name)


def test_a_redirect_is_not_followed(world: World, sink: Sink) -> None:
    sink.answers = [Answer(307, "", {"Location": f"{sink.url}/elsewhere"})]
    with pytest.raises(PermanentError):
        world.send()
    assert len(sink.arrived) == 1


def test_a_refusal_that_comes_with_a_200_is_no_success(sink: Sink) -> None:
    kind = CustomChannel
    address, credentials = kind.parted(URLS["pushy"], {})
    channel = kind.from_config({"gateway": sink.url}, timeout_s=2)
    sink.answers = [Answer(200, '{"success": false, "error": "no such device"}')]
    world = World(channel, address, credentials, list, print, ())
    with pytest.raises(PermanentError, match="no such device"):
        world.send()


def test_urls_own_wishes_change_no_time_out_and_split_nothing(sink: Sink) -> None:
    url = POVER + "?overflow=split&rto=3600&cto=3600&retry=5&wait=60&verify=no&redirect=yes"
    address, credentials = CustomChannel.parted(url, {})
    channel = CustomChannel.from_config({"gateway": sink.url}, timeout_s=1)
    sink.answers = [Answer(delay_s=3)]
    with pytest.raises(TemporaryError) as caught:
        World(channel, address, credentials, list, print, ()).send(body="word " * 3000)
    assert caught.value.code == "timeout"
    assert len(sink.arrived) == 1


def test_the_plugins_log_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.send()
    assert [record for record in caplog.records if record.name.startswith("apprise")] == []


PROGRAM = """
import sys, django
django.setup()
import apps.notifications.tasks, apps.notifications.services.deliver
from apps.notifications.channels.custom import CustomChannel
from apps.notifications.channels.registry import CHANNELS
from arbedge.urls import urlpatterns
assert CHANNELS.problems() == []
print(sorted(name for name in ("apprise", "phonenumbers", "jwt") if name in sys.modules))
CustomChannel.credentials_check({"url": "prowl://" + "a" * 40})
print(sorted(name for name in sys.modules if name.startswith("apprise.plugins.")))
"""


def test_apprise_is_loaded_by_who_uses_it_and_only_the_plugin_that_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["[]", "['apprise.plugins.base', 'apprise.plugins.prowl']"]
