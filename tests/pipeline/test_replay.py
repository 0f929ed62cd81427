"""Recordings of real exchanges through the whole installation: the fresh count, the others are refused, visibly."""

import json
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, installation, until

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "har"

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.slow,
    pytest.mark.xdist_group("installation"),
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real exchanges are not beside this checkout"),
]


def feeds(running: Installation) -> dict[tuple[str, str], dict[str, Any]]:
    try:
        document = running.get("/api/v1/health/detailed")
    except urllib.error.HTTPError as unhealthy:
        document = json.load(unhealthy)
    return {(feed["exchange"], feed["kind"]): feed for feed in document["feeds"]}


def test_only_what_was_recorded_then_counts(tmp_path: Path) -> None:
    with installation(tmp_path, REPLAY=str(RECORDINGS), REPLAY_AT="2023-08-16T05:19:27Z") as running:
        bybit = [("bybit", kind) for kind in ("spot", "swap", "funding")]
        others = [("binance", "spot"), ("binanceusdm", "swap"), ("binanceusdm", "funding")]

        def as_expected() -> bool:
            now = feeds(running)
            return all(now[feed]["state"] == "ok" for feed in bybit) and all(
                now[feed]["state"] == "stale" for feed in others
            )

        until(as_expected, seconds=30, lines=running.lines, every=1)  # the page is limited to two a second
        seen = feeds(running)
        assert "binance says it is 2019-08-22" in seen["binance", "spot"]["reason"]
        until(lambda: any("bybit spot" in line and "read" in line for line in running.lines), seconds=30)
        told = "".join(running.lines)
        assert "binance spot is stale: binance says it is 2019-08-22" in told
        # Played out, it stands still, and that is told too.
        until(lambda: feeds(running)["bybit", "spot"]["state"] == "frozen", seconds=60, lines=running.lines, every=1)
        answer = running.get("/api/v1/opportunities", token=running.token("enterprise"))
        assert answer["origin"] == "replay"
        assert answer["results"] == []
        assert not any("found" in line for line in running.lines)
        assert running.sandbox.received() == []


def test_a_broken_recording_is_named_and_the_others_are_played(tmp_path: Path) -> None:
    folder = tmp_path / "har"
    folder.mkdir()
    (folder / "broken.har").write_text('{"log": {"entries": [')
    (folder / "bybit.har.gz").write_bytes((RECORDINGS / "bybit.har.gz").read_bytes())
    with installation(
        tmp_path / "var", REPLAY=str(folder), REPLAY_AT="2023-08-16T05:19:27Z", EXCHANGES="bybit"
    ) as running:
        until(
            lambda: feeds(running).get(("bybit", "spot"), {}).get("state") == "ok",
            seconds=30,
            lines=running.lines,
            every=1,
        )
        assert any("broken.har" in line and "refused" in line for line in running.lines)
