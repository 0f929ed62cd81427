"""The outbound client against a real server on loopback."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from apps.core import http, loop
from apps.core.exceptions import ArbEdgeError, PermanentError, TemporaryError
from apps.core.http import HttpResponse
from tests.core.server import Server


def fetch(url: str, method: str = "GET", **options: Any) -> HttpResponse:
    return loop.run(http.request(method, url, **options), timeout=20)


def refusal(url: str, **options: Any) -> ArbEdgeError:
    with pytest.raises(ArbEdgeError) as caught:
        fetch(url, **options)
    return caught.value


@pytest.fixture
def allowed(server: Server, settings: Any) -> Server:
    """The server, on the operator's list."""
    settings.OUTBOUND_ALLOW = [server.netloc]
    return server


def name_resolves_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Make every name resolve to the given addresses, the next list at each lookup (the last one stays)."""
    left = list(answers)

    async def lookup(_: Any, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        current = left.pop(0) if len(left) > 1 else left[0]
        return [
            {"hostname": host, "host": ip, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for ip in current
        ]

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", lookup)
    monkeypatch.setattr("aiohttp.resolver.AsyncResolver.resolve", lookup)


def test_sends_json_and_answers_with_status_headers_and_body(allowed: Server) -> None:
    answer = fetch(f"{allowed.url}/https://api.example.com/x?y=1", "POST", json={"a": 1}, headers={"X-Id": "7"})
    assert (answer.status, answer.json()) == (200, {"ok": True})
    assert answer.headers["content-type"] == answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert allowed.bodies == [b'{"a":1}']
    request = allowed.seen[0]
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Id"] == "7"
    assert request.headers["User-Agent"] == "ArbEdge"
    assert request.raw_path == "/https://api.example.com/x?y=1"


def test_a_body_goes_out_as_it_is(allowed: Server) -> None:
    fetch(allowed.url, "PUT", body=b"signed \x00 bytes", headers={"Content-Type": "text/plain"})
    assert allowed.bodies == [b"signed \x00 bytes"]


def test_connections_are_pooled_and_cookies_are_not_kept(allowed: Server) -> None:
    fetch(allowed.url)
    fetch(allowed.url)
    first, second = allowed.seen
    assert first.transport is second.transport
    assert "Cookie" not in second.headers


def test_redirects_are_answers(allowed: Server) -> None:
    assert fetch(f"{allowed.url}/redirect").status == 302
    assert len(allowed.seen) == 1


@pytest.mark.parametrize("path", ["slow", "drip"])
def test_a_slow_answer_ends_at_the_timeout(allowed: Server, path: str) -> None:
    error = refusal(f"{allowed.url}/{path}", timeout=0.3)
    assert isinstance(error, TemporaryError)
    assert error.code == "timeout"


@pytest.mark.parametrize("path", ["endless", "bomb"])
def test_an_answer_that_is_too_large_is_cut_off(allowed: Server, path: str) -> None:
    error = refusal(f"{allowed.url}/{path}", max_bytes=50_000)
    assert isinstance(error, TemporaryError)
    assert error.code == "too_large"


def test_a_packed_answer_is_unpacked_and_may_be_exactly_as_large_as_allowed(allowed: Server) -> None:
    assert fetch(f"{allowed.url}/gzip", max_bytes=len(b'{"packed": true}')).json() == {"packed": True}
    assert refusal(f"{allowed.url}/gzip", max_bytes=len(b'{"packed": true}') - 1).code == "too_large"
    assert fetch(f"{allowed.url}/deflate").json() == [1]


@pytest.mark.parametrize("path", ["torn", "brotli"])
def test_what_cannot_be_unpacked_is_a_bad_body(allowed: Server, path: str) -> None:
    assert refusal(f"{allowed.url}/{path}").code == "bad_body"


def test_an_answer_that_is_not_json_says_so_only_when_json_is_asked_for() -> None:
    page = HttpResponse(502, {}, b"<html>")
    with pytest.raises(TemporaryError) as caught:
        page.json()
    assert caught.value.code == "bad_body"


def test_a_cut_connection_is_temporary_and_the_message_holds_no_path(allowed: Server) -> None:
    error = refusal(f"{allowed.url}/cut?token=s3cret")
    assert isinstance(error, TemporaryError)
    assert error.code == "connection"
    assert "s3cret" not in str(error)
    assert error.__cause__ is None


def test_nobody_listening_is_temporary(server: Server, settings: Any) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        netloc = f"127.0.0.1:{probe.getsockname()[1]}"
    settings.OUTBOUND_ALLOW = [netloc]
    assert refusal(f"http://{netloc}/").code == "connection"


def test_a_name_that_does_not_resolve_is_temporary(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    async def lookup(*_: Any, **__: Any) -> list[Any]:
        raise OSError(None, "no such name")

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", lookup)
    monkeypatch.setattr("aiohttp.resolver.AsyncResolver.resolve", lookup)
    assert refusal("http://nowhere.invalid/").code == "connection"


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.1", "[::ffff:127.0.0.1]", "localhost"])
def test_the_inside_is_out_of_reach_in_every_notation(server: Server, host: str) -> None:
    error = refusal(f"http://{host}:{server.port}/")
    assert isinstance(error, PermanentError)
    assert error.code == "address_blocked"
    assert server.seen == []


def test_literals_that_slip_past_the_early_check_are_stopped_at_the_socket(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.core.address._literal", lambda _: None)
    for host in ("127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"):
        # aiohttp itself takes a bare number for no host at all.
        assert refusal(f"http://{host}:{server.port}/").code == ("bad_url" if host.isdigit() else "address_blocked")
    assert server.seen == []


def test_a_name_that_resolves_inside_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    name_resolves_to(monkeypatch, ["127.0.0.1"])
    assert refusal(f"http://hooks.example.com:{server.port}/").code == "address_blocked"
    assert server.seen == []


def test_a_listed_address_is_not_reached_through_another_name(allowed: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    name_resolves_to(monkeypatch, ["127.0.0.1"])
    assert refusal(f"http://hooks.example.com:{allowed.port}/").code == "address_blocked"
    assert allowed.seen == []


def test_a_mixed_answer_never_reaches_its_inside_half(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    async def refuse(_: Any, __: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_connect", refuse)
    name_resolves_to(monkeypatch, ["8.8.8.8", "127.0.0.1"])
    assert refusal(f"http://mixed.example.com:{server.port}/").code == "address_blocked"
    assert tried == ["8.8.8.8"]


def test_a_name_that_changes_its_mind_is_judged_by_what_is_connected(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_resolves_to(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])

    async def both() -> ArbEdgeError | None:
        looked_up = await asyncio.get_running_loop().getaddrinfo("8.8.8.8", server.port)
        assert looked_up[0][4][0] == "8.8.8.8"
        client = await http.session(guarded=True)
        assert client.connector is not None
        # What a form's check would have seen; the connection then asks again.
        await client.connector._resolver.resolve("rebind.example.com", server.port)  # type: ignore[attr-defined]
        try:
            await http.request("GET", f"http://rebind.example.com:{server.port}/")
        except ArbEdgeError as error:
            return error
        return None

    error = loop.run(both(), timeout=10)
    assert error is not None
    assert error.code == "address_blocked"
    assert server.seen == []


def test_a_user_name_in_the_url_is_refused(allowed: Server) -> None:
    assert refusal(f"http://user@{allowed.netloc}/").code == "bad_url"
    assert allowed.seen == []


def test_a_closed_session_is_replaced(allowed: Server) -> None:
    async def closed_then_asked() -> bool:
        first = await http.session(guarded=False)
        await first.close()
        return await http.session(guarded=False) is not first

    assert loop.run(closed_then_asked(), timeout=5)


@pytest.mark.parametrize("path", ["endless", "bomb", "drip", "gzip", "torn"])
def test_who_wants_only_the_status_gets_it_whatever_the_body_is(allowed: Server, path: str) -> None:
    answer = fetch(f"{allowed.url}/{path}", max_bytes=8, only_start=True, timeout=10)
    assert answer.status == 200
    assert len(answer.body) <= 8


def test_an_answer_that_never_starts_is_still_a_timeout(allowed: Server) -> None:
    assert refusal(f"{allowed.url}/slow", timeout=0.3, only_start=True).code == "timeout"


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", "x\x00y", "\u2024", "xn--\ud800"])
def test_what_is_no_host_name_is_a_bad_url(server: Server, host: str) -> None:
    error = refusal(f"http://{host}:{server.port}/")
    assert isinstance(error, PermanentError)
    assert error.code in ("bad_url", "address_blocked")


def test_hanging_look_ups_of_strangers_leave_room_for_others(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def lookup(host: str, *_: Any, **__: Any) -> list[Any]:
        if host.startswith("slow"):
            release.wait(20)
        raise OSError(None, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    async def both() -> str:
        slow = [
            asyncio.ensure_future(http.request("GET", f"http://slow{number}.example/", timeout=15))
            for number in range(20)
        ]
        await asyncio.sleep(0.2)
        try:
            with pytest.raises(TemporaryError) as caught:
                await http.request("GET", "http://quick.example/", timeout=5)
            return caught.value.code
        finally:
            release.set()
            await asyncio.gather(*slow, return_exceptions=True)

    assert loop.run(both(), timeout=30) == "connection"


def test_a_process_ends_with_its_connections_closed(allowed: Server) -> None:
    fetch(allowed.url)
    kept = loop.run(http.session(guarded=False), timeout=5)
    assert http.close in loop._closers
    loop._close_all()
    assert kept.closed
    # The next request opens new ones.
    assert fetch(allowed.url).status == 200
