"""Recordings of real exchanges through the whole installation: the fresh count, the others are refused, visibly."""

import json
import urllib.error
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, installation, until

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "har"

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.slow,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real exchanges are not beside this checkout"),
]


def feeds(running: Installation) -> dict[tuple[str, str], dict[str, Any]]:
    try:
        document = running.get("/api/v1/health/detailed")
    except urllib.error.HTTPError as unhealthy:
        document = json.load(unhealthy)
    return {(feed["exchange"], feed["kind"]): feed for feed in document["feeds"]}


def told(running: Installation, words: str) -> bool:
    return any(words in line for line in running.lines)


def test_only_what_was_recorded_then_counts_and_a_broken_recording_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "har"
    folder.mkdir()
    for recording in RECORDINGS.glob("*.har.gz"):
        (folder / recording.name).symlink_to(recording)
    (folder / "broken.har").write_text('{"log": {"entries": [')
    with installation(
        tmp_path / "var",
        REPLAY=str(folder),
        REPLAY_AT="2023-08-16T05:19:27Z",
        # Less than from one poll to the next: what has not moved by then stands still.
        FROZEN_AFTER_S="4",
        FUNDING_HISTORY_CALLS="2",
    ) as running:
        assert any("broken.har" in line and "refused" in line for line in running.lines)
        fresh = [f"bybit {kind} is ok" for kind in ("spot", "swap", "funding")]
        old = ["binance spot is stale: binance says it is 2019-08-22"]
        old += [f"binanceusdm {kind} is stale: binanceusdm says it is 2020-10-16" for kind in ("swap", "funding")]
        # Each is told when it changes: none can have passed unseen, however busy the machine is.
        for words in (*fresh, *old):
            until(partial(told, running, words), seconds=60, lines=running.lines)
        until(lambda: any("bybit spot" in line and "read" in line for line in running.lines), seconds=30)
        # Played out, it stands still, and that is told too.
        until(partial(told, running, "bybit spot is frozen"), seconds=60, lines=running.lines)
        seen = feeds(running)
        assert "binance says it is 2019-08-22" in seen["binance", "spot"]["reason"]
        assert seen["binanceusdm", "swap"]["state"] == seen["binanceusdm", "funding"]["state"] == "stale"
        assert seen["bybit", "spot"]["state"] == "frozen"
        answer = running.get("/api/v1/opportunities", token=running.token("enterprise"))
        assert answer["origin"] == "replay"
        assert answer["results"] == []
        assert not told(running, "found")
        assert running.sandbox.received() == []
