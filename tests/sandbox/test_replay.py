"""Recordings: read, matched, played at their pace."""

import asyncio
import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox.calls import Answer, Call
from sandbox.recordings.har import HarError, har_folder_read, har_read
from sandbox.recordings.replay import Replay
from tests.sandbox.conftest import ask, http
from tests.sandbox_process import sandbox_run

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "har"
recorded = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings at {RECORDINGS}")


def entry(url: str, answer: Any, *, at: str | None = None, method: str = "GET", body: Any = None) -> dict[str, Any]:
    request: dict[str, Any] = {"method": method, "url": url, "queryString": []}
    if body is not None:
        request["postData"] = {"mimeType": "application/json", "text": json.dumps(body)}
    content = {"mimeType": "application/json", "text": json.dumps(answer)}
    made = {"request": request, "response": {"status": 200, "headers": [], "content": content}}
    return made | ({"startedDateTime": at} if at else {})


def har(folder: Path, *entries: dict[str, Any], name: str = "some.har") -> Path:
    file = folder / name
    content = json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return file


def get(query: str = "", *, path: str = "/a", method: str = "GET", body: Any = None, host: str = "x.test") -> Call:
    return Call(
        method=method,
        scheme="https",
        host=host,
        path=path,
        query=dict(parse_qsl(query)),
        headers={"content-type": "application/json"},
        body=b"" if body is None else json.dumps(body).encode(),
        now=0.0,
        raw_query=query,
    )


@pytest.fixture
def player(tmp_path: Path) -> Callable[..., Callable[[Call], Answer]]:
    def build(*entries: dict[str, Any], replay_at: datetime | None = None, clock: Any = lambda: 0.0) -> Any:
        replay = Replay(har_read(har(tmp_path, *entries)), replay_at=replay_at, clock=clock)
        return lambda call: asyncio.run(replay.answer(call))

    return build


def test_method_host_and_path_must_be_the_same(player: Any) -> None:
    play = player(entry("https://x.test/a", 1))
    assert play(get()).body == b"1"
    for other in (get(path="/b"), get(host="y.test"), get(method="POST"), get(path="/a/")):
        answer = play(other)
        assert answer.status == 404
        assert b"no recording fits" in answer.body


def test_a_parameter_that_selects_something_else_does_not_fit(player: Any) -> None:
    play = player(entry("https://x.test/a?symbol=BTC&limit=500", 1))
    assert play(get("symbol=BTC")).body == b"1"
    assert play(get("symbol=BTC&limit=5&timestamp=9&signature=ff&recvWindow=5000")).body == b"1"
    assert play(get("symbol=ETH")).status == 404
    # One symbol's answer is no answer to who asks for all.
    assert play(get()).status == 404


def test_an_unasked_filter_is_no_obstacle_and_the_likest_entry_wins(player: Any) -> None:
    play = player(
        entry("https://x.test/a?category=linear&status=PreLaunch", "pre"),
        entry("https://x.test/a?category=linear&status=Trading&limit=1000", "trading"),
        entry("https://x.test/a?category=option", "option"),
    )
    assert play(get("category=linear&limit=1000")).body == b'"trading"'
    assert play(get("category=linear")).body == b'"trading"'
    assert play(get("category=linear&limit=1000&status=PreLaunch")).body == b'"pre"'
    assert play(get("category=option&baseCoin=BTC")).body == b'"option"'
    assert play(get("category=spot")).status == 404


def test_the_most_specific_entry_wins(player: Any) -> None:
    play = player(
        entry("https://x.test/a", "all"),
        entry("https://x.test/a?category=spot", "spot"),
        entry("https://x.test/a?category=spot&symbol=BTC", "btc"),
    )
    assert play(get("category=spot&symbol=BTC")).body == b'"btc"'
    assert play(get("category=spot&symbol=ETH")).body == b'"spot"'
    assert play(get("category=spot")).body == b'"spot"'
    assert play(get()).body == b'"all"'


def test_fields_of_a_body_select(player: Any) -> None:
    play = player(
        entry("https://x.test/info", "mids", method="POST", body={"type": "allMids"}),
        entry(
            "https://x.test/info",
            "book",
            method="POST",
            body={"type": "l2Book", "req": {"coin": "BTC", "startTime": 1}},
        ),
    )

    def post(body: Any) -> bytes:
        return bytes(play(get(path="/info", method="POST", body=body)).body)

    assert post({"type": "allMids"}) == b'"mids"'
    assert post({"type": "l2Book", "req": {"coin": "BTC", "startTime": 99}}) == b'"book"'
    assert b"no recording" in post({"type": "l2Book", "req": {"coin": "ETH", "startTime": 1}})
    assert b"no recording" in post({"type": "l2Book"})
    assert b"no recording" in post({"type": "meta"})


def test_a_series_plays_at_its_pace(player: Any) -> None:
    now = [1_000.0]
    entries = [entry("https://x.test/a", n, at=f"2023-08-16T05:00:{10 * n:02d}Z") for n in (2, 1, 3)]
    play = player(*entries, clock=lambda: now[0])
    seen = []
    for elapsed in (0, 9.9, 10, 19.9, 20, 3_600):
        now[0] = 1_000.0 + elapsed
        seen.append(int(play(get()).body))
    assert seen == [1, 1, 2, 2, 3, 3]
    assert play(get()).headers["Date"] == "Wed, 16 Aug 2023 05:00:30 GMT"


def test_a_series_starts_at_the_moment_asked_for(player: Any) -> None:
    now = [0.0]
    entries = [entry("https://x.test/a", n, at=f"2023-08-16T05:00:{10 * n:02d}Z") for n in (1, 2, 3)]
    play = player(*entries, replay_at=datetime(2023, 8, 16, 5, 0, 25, tzinfo=UTC), clock=lambda: now[0])
    assert play(get()).body == b"2"
    now[0] = 5.0
    assert play(get()).body == b"3"


def test_a_moment_before_all_gives_the_first(player: Any) -> None:
    play = player(entry("https://x.test/a", 1, at="2026-01-01T00:00:00Z"), replay_at=datetime(2023, 8, 16, tzinfo=UTC))
    assert play(get()).body == b"1"


def test_binary_answers_and_headers_are_kept(tmp_path: Path) -> None:
    made = entry("https://x.test/a?b=1", 1)
    made["response"] |= {
        "status": 418,
        "headers": [{"name": n, "value": "v"} for n in ("Content-Encoding", "Date", "X-Kept", ":status")],
        "content": {"mimeType": "text/x", "encoding": "base64", "text": base64.b64encode(b"\x00\xff").decode()},
    }
    (read,) = har_read(har(tmp_path, made, name="some.har.gz"))
    assert (read.status, read.body) == (418, b"\x00\xff")
    assert read.headers == {"X-Kept": "v", "Content-Type": "text/x"}


def test_the_query_may_stand_beside_the_address(tmp_path: Path) -> None:
    made = entry("https://x.test/a", 1)
    made["request"]["queryString"] = [{"name": "symbol", "value": "BTC"}]
    (read,) = har_read(har(tmp_path, made))
    assert read.fields == {"symbol": "BTC"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"log": {"entries": [', "at the end"),
        (b'{"log": {"entries": [}}', "at byte 21"),
        (b'{"log": {"entries": [{"request": {"method": "GET"}}]}}', r"at \$\.log\.entries\[0\]\.request"),
        (b'{"log": {"entries": [{"request": {"method": "GET", "url": 5}}]}}', r"entries\[0\]\.request\.url"),
        (json.dumps({"log": {"entries": [entry("ftp://x/a", 1)]}}).encode(), r"entries\[0\]\.request\.url"),
        (json.dumps({"log": {"entries": [entry("https://x/a", 1, at="soon")]}}).encode(), r"startedDateTime.*soon"),
        (b'{"log": {"version": "2.0", "entries": []}}', "2.0 is not known"),
        (b"", "at the end"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_position(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "broken.har").write_bytes(content)
    har(tmp_path, entry("https://x.test/a", 1))
    with pytest.raises(HarError, match=reason):
        har_read(tmp_path / "broken.har")
    entries, (refusal,) = har_folder_read(tmp_path)
    assert [each.body for each in entries] == [b"1"]
    assert "broken.har" in str(refusal)


def test_broken_gzip_base64_and_status_are_refused(tmp_path: Path) -> None:
    file = har(tmp_path, entry("https://x.test/a", 1), name="cut.har.gz")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(HarError, match="gzip"):
        har_read(file)
    (tmp_path / "no.har.gz").write_bytes(b"plain")
    with pytest.raises(HarError, match="gzip"):
        har_read(tmp_path / "no.har.gz")
    made = entry("https://x.test/a", 1)
    made["response"]["content"] |= {"encoding": "base64", "text": "%"}
    with pytest.raises(HarError, match=r"entries\[0\]\.response\.content\.text"):
        har_read(har(tmp_path, made))
    made = entry("https://x.test/a", 1)
    made["response"]["status"] = 0
    with pytest.raises(HarError, match=r"entries\[0\]\.response\.status"):
        har_read(har(tmp_path, made))


def test_a_process_plays_what_is_whole_and_names_what_is_not(tmp_path: Path) -> None:
    har(tmp_path, entry("https://x.test/a", 1, at="2023-08-16T05:00:00Z"), entry("https://x.test/b", 2))
    (tmp_path / "broken.har").write_bytes(b'{"log": 5}')
    with sandbox_run("--replay", str(tmp_path)) as sandbox:
        dated, undated = (http(f"{sandbox.url}/https://x.test/{path}") for path in "ab")
        assert (dated.body, dated.headers["date"]) == (b"1", "Wed, 16 Aug 2023 05:00:00 GMT")
        assert (undated.body, "date" in undated.headers) == (b"2", False)
        missing = http(f"{sandbox.url}/https://x.test/c?d=1")
        assert (missing.status, missing.json) == (404, {"sandbox": "no recording fits GET https://x.test/c?d=1"})
        # The synthetic exchanges are off, the providers on.
        assert http(f"{sandbox.url}/https://api.binance.com/api/v3/time").status == 404
        assert http(f"{sandbox.url}/https://api.telegram.org/bot100:sandbox-bot-token/getMe").status == 200
        health = http(f"{sandbox.url}/_sandbox/health").json
        assert (health["mode"], health["recordings"]) == ("replay", 2)
        assert "broken.har" in health["refused"][0]
        assert sandbox.scenario() == {"seed": None, "expected": [], "decoys": [], "missing_fee": []}


@pytest.mark.parametrize("kind", ["missing", "empty", "all broken"])
def test_nothing_to_play_is_an_error_at_the_start(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "missing" if kind == "missing" else tmp_path
    if kind == "all broken":
        (tmp_path / "broken.har").write_bytes(b"{")
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", "0", "--smtp-port", "0", "--replay", str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert str(folder) in ended.stderr
    assert ("broken.har" in ended.stderr) is (kind == "all broken")


@recorded
def test_recorded_bybit_flows_through_the_real_client() -> None:
    async def question(client: Any) -> tuple[int, list[dict[str, Any]]]:
        markets = await client.load_markets()
        spot = await client.fetch_tickers(None, {"type": "spot"})
        linear = await client.fetch_tickers()
        rates = await client.fetch_funding_rates()
        return len(markets), [spot, linear, rates]

    with sandbox_run("--replay", str(RECORDINGS), "--replay-at", "2023-08-16T05:19:27Z") as sandbox:
        count, (spot, linear, rates) = ask(sandbox.url, "bybit", question)
        reply = http(f"{sandbox.url}/https://api.bybit.com/v5/market/tickers?category=linear")
        assert http(f"{sandbox.url}/_sandbox/health").json["refused"] == []
    assert (count, len(spot), len(linear), len(rates)) == (1_357, 211, 121, 121)
    assert all(rate["interval"] for rate in rates.values() if rate["info"]["symbol"] == "BTCUSDT")
    assert reply.headers["date"] == "Wed, 16 Aug 2023 05:19:27 GMT"


@recorded
@pytest.mark.parametrize(
    ("name", "markets", "tickers", "rates"),
    [("binance", 1_853, 595, 5), ("gate", 1_760, 0, 302), ("krakenfutures", 29, 29, 29), ("coinbase", 920, 920, 0)],
)
def test_other_recordings_play_as_far_as_they_go(name: str, markets: int, tickers: int, rates: int) -> None:
    async def question(client: Any) -> tuple[int, int, int]:
        found = len(await client.load_markets())
        prices = len(await client.fetch_tickers(None, {"type": "spot"})) if tickers else 0
        return found, prices, len(await client.fetch_funding_rates()) if rates else 0

    with sandbox_run("--replay", str(RECORDINGS)) as sandbox:
        assert ask(sandbox.url, name, question) == (markets, tickers, rates)
