"""The archive: sampled into a local spool, stored as Parquet in order, compacted, exported, bounded; nothing twice."""

import csv
import fcntl
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from pytest_django import Settings

from apps.core import clock
from apps.core.exceptions import TemporaryError
from apps.markets import archive
from apps.markets.archive import intake, state
from apps.markets.archive.spool import Sample, Spool, Taken
from apps.markets.enums import IntervalSource, SnapshotKind, SnapshotOrigin
from apps.markets.health import archive_probe
from apps.markets.table import index_build
from apps.markets.types import FundingRates, Quotes, Snapshot
from apps.markets.validate import MarketIndex
from arbedge.storage import archive_storage
from tests.markets.bucket import Bucket

pytestmark = pytest.mark.usefixtures("redis_state")

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPOT, FUNDING = SnapshotKind.SPOT, SnapshotKind.FUNDING
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def index(first_id: int = 1, symbols: tuple[str, ...] = SYMBOLS, version: int = 3) -> MarketIndex:
    rows = [(first_id + row, symbol, "spot", 1, None) for row, symbol in enumerate(symbols)]
    return index_build(version, rows)


def quotes(
    at: datetime, *, exchange: str = "binance", price: float = 100.0, ids: tuple[int, ...] = (1, 2, 3)
) -> Quotes:
    n = len(ids)
    moment = clock.to_ms(at)
    return Quotes(
        exchange=exchange,
        kind=SPOT,
        received_at=moment,
        market_version=3,
        market_id=np.array(ids, dtype=np.int32),
        bid=np.arange(n, dtype=np.float64) + price,
        bid_size=np.arange(n, dtype=np.float64) + 1.0,
        ask=np.arange(n, dtype=np.float64) + price + 0.5,
        ask_size=np.arange(n, dtype=np.float64) + 2.0,
        last=np.array([np.nan] + [price] * (n - 1)),
        quote_volume=np.full(n, 1e6),
        exchange_ts=np.full(n, moment - 40),
        origin=SnapshotOrigin.STREAM,
    )


def rates(at: datetime) -> FundingRates:
    moment = clock.to_ms(at)
    return FundingRates(
        exchange="binance",
        received_at=moment,
        market_version=3,
        market_id=np.array([1, 2, 3], dtype=np.int32),
        rate=np.array([0.0001, -0.0002, 0.0]),
        interval_hours=np.array([8.0, 4.0, np.nan]),
        interval_source=np.array([1, 3, 0], dtype=np.int8),
        next_funding_at=np.array([moment + 3_600_000, 0, 0]),
        mark=np.array([100.0, np.nan, 1.0]),
        index=np.array([np.nan, 2.0, 1.0]),
        exchange_ts=np.full(3, moment - 10),
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty spool and storage of the test's own; tests flush by hand."""
    settings.VAR_DIR = tmp_path
    settings.ARCHIVE_QUOTES_S, settings.ARCHIVE_FUNDING_S = 60, 300
    backend = "django.core.files.storage.FileSystemStorage"
    options = {"location": str(tmp_path / "archive"), "allow_overwrite": True}
    settings.STORAGES = settings.STORAGES | {"archive": {"BACKEND": backend, "OPTIONS": options}}
    monkeypatch.setattr(intake, "_sampled", {})
    monkeypatch.setattr(intake, "_flusher_start", lambda: None)
    yield tmp_path
    intake.spool().rotate()


def stored(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder / "archive")) for path in (folder / "archive").rglob("*.parquet"))


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for name in stored(folder) for row in pq.ParquetFile(folder / "archive" / name).read().to_pylist()]


def exported(folder: Path, *arguments: str, kind: str = "spot") -> list[dict[str, Any]]:
    out = folder / f"out-{len(list(folder.glob('out-*')))}.jsonl"
    call_command("archive", "export", str(out), "--kind", kind, "--format", "jsonl", "--from", "2026-11-01", *arguments)
    return [json.loads(line) for line in out.read_text().splitlines()]


def same(one: Snapshot, other: Snapshot) -> bool:
    names = [name for name in type(one).__slots__ if isinstance(getattr(one, name), np.ndarray)]
    return type(one) is type(other) and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=getattr(one, name).dtype.kind == "f")
        for name in names
    )


def test_a_feed_is_sampled_once_a_period_whichever_process_polls_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for second in (0, 5, 55, 60, 61):
        archive.append(quotes(NOON + timedelta(seconds=second)), index())
    # Another process knows nothing of this one's samples.
    monkeypatch.setattr(intake, "_sampled", {})
    archive.append(quotes(NOON + timedelta(seconds=62)), index())
    assert archive.flush() == 1
    assert sorted({row["received_at"] for row in rows(folder)}) == [NOON, NOON + timedelta(seconds=60)]


def test_nothing_is_kept_of_a_kind_that_is_switched_off(folder: Path, settings: Settings) -> None:
    settings.ARCHIVE_QUOTES_S = 0
    archive.append(quotes(NOON), index())
    archive.append(rates(NOON), index())
    assert archive.step_s(SPOT) is None
    assert archive.flush() == 1
    assert [name.split("/")[0] for name in stored(folder)] == ["kind=funding"]


def test_rows_name_exchange_and_symbol_and_unknown_is_null(folder: Path) -> None:
    archive.append(quotes(NOON), index())
    archive.append(rates(NOON), index())
    archive.flush()
    funding, spot = stored(folder)
    assert spot.startswith("kind=spot/date=2026-11-21/exchange=binance/")
    row = pq.ParquetFile(folder / "archive" / spot).read().to_pylist()[0]
    assert row == {
        "received_at": NOON,
        "exchange": "binance",
        "symbol": "BTC/USDT",
        "origin": "stream",
        "bid": 100.0,
        "bid_size": 1.0,
        "ask": 100.5,
        "ask_size": 2.0,
        "last": None,
        "quote_volume": 1e6,
        "exchange_ts": NOON - timedelta(milliseconds=40),
    }
    second = pq.ParquetFile(folder / "archive" / funding).read().to_pylist()[1]
    assert (second["symbol"], second["rate"], second["interval_hours"]) == ("ETH/USDT", -0.0002, 4.0)
    assert (second["interval_source"], second["next_funding_at"]) == (IntervalSource.CONSTANT.name.lower(), None)


@pytest.mark.parametrize("make", [quotes, rates])
@pytest.mark.parametrize("is_stored", [False, True])
def test_the_newest_sample_comes_back_with_todays_market_ids(make: Any, is_stored: bool) -> None:
    for minute in (0, 10):
        archive.append(make(NOON + timedelta(minutes=minute)), index())
    if is_stored:
        archive.flush()
    kind = make(NOON).kind
    found = archive.latest("binance", kind, index())
    assert found is not None
    assert same(found, make(NOON + timedelta(minutes=10)))
    assert archive.latest("okx", kind, index()) is None
    # A database made anew: other ids, and one market gone.
    other = archive.latest("binance", kind, index(501, ("SOL/USDT", "BTC/USDT"), version=8))
    assert other is not None
    assert (other.market_id.tolist(), other.market_version) == ([501, 502], 8)


def test_a_flush_that_could_not_finish_is_repeated_without_a_row_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.markets.archive import parts

    archive.append(quotes(NOON), index())
    archive.append(quotes(NOON, exchange="okx"), index())
    save, saved = parts.save, []

    def dies_at_the_second(part: Any, local: Path) -> None:
        saved.append(part)
        if len(saved) == 2:
            raise TemporaryError("gone", code="storage_away")
        save(part, local)

    monkeypatch.setattr(parts, "save", dies_at_the_second)
    with pytest.raises(TemporaryError):
        archive.flush()
    assert len(stored(folder)) == 1
    monkeypatch.setattr(parts, "save", save)
    assert archive.flush() == 1
    assert [row["exchange"] for row in rows(folder)] == ["binance"] * 3 + ["okx"] * 3
    assert archive.flush() == 0


def test_with_the_storage_away_the_spool_grows_and_is_stored_in_order(folder: Path, settings: Settings) -> None:
    blocker = folder / "archive"
    blocker.write_text("a file where the storage's folder has to be")
    for minute in range(3):
        archive.append(quotes(NOON + timedelta(minutes=minute), price=100.0 + minute), index())
        with pytest.raises(TemporaryError, match="storage can't be used"):
            archive.flush()
    assert len(intake.spool().paths()) == 3
    assert stored(folder) == []
    blocker.unlink()
    assert archive.flush() == 3
    assert [row["bid"] for row in rows(folder) if row["symbol"] == "BTC/USDT"] == [100.0, 101.0, 102.0]
    assert intake.spool().paths() == []


def test_what_a_killed_process_left_is_stored_and_its_torn_end_is_left_out(folder: Path) -> None:
    program = f"""
import os, django
os.environ["VAR_DIR"] = {str(folder)!r}
django.setup()
from tests.markets.test_archive import NOON, index, quotes
from apps.markets.archive.spool import Sample, Spool
from pathlib import Path
spool = Spool(Path({str(folder)!r}) / "spool", most_bytes=10**7)
spool.append(Sample.of(quotes(NOON), list("abc")))
os.write(spool._file, b"ARBF torn")
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    assert archive.flush() == 1
    assert [row["symbol"] for row in rows(folder)] == ["a", "b", "c"]


def test_a_segment_that_another_process_writes_is_left_alone(folder: Path) -> None:
    other = Spool(folder / "spool", most_bytes=10**7)
    other.append(Sample.of(quotes(NOON), list("abc")))
    assert archive.flush() == 0
    other.rotate()
    (path,) = other.paths()
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert archive.flush() == 0
    assert archive.flush() == 1


def test_the_spool_is_bounded_and_says_what_that_cost(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    sample = Sample.of(quotes(NOON), list("abc"))
    spool = Spool(folder / "small", most_bytes=8000)
    for _ in range(60):
        spool.append(sample)
    spool.rotate()
    assert 4000 < spool.size() <= 8000
    dropped = spool.dropped()
    assert dropped.segments > 0
    assert dropped.bytes > 0
    assert "spool is full" in caplog.text
    taken: list[Taken] = []
    spool.drain(taken.append)
    assert all(len(segment.samples) > 0 for segment in taken)


def test_a_segment_that_cannot_be_stored_does_not_hold_the_others_up(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(folder / "spool", most_bytes=10**7)
    spool.append(Sample("binance", SPOT, clock.to_ms(NOON), "only-one-symbol", Sample.of(quotes(NOON), []).data))
    spool.rotate()
    archive.append(quotes(NOON), index())
    assert archive.flush() == 1
    assert len(rows(folder)) == 3
    assert "put aside" in caplog.text
    assert len(list((folder / "spool").glob("*.bad"))) == 1


def test_a_disk_that_takes_nothing_does_not_stop_ingestion(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "spool").write_text("a file where the spool's folder has to be")
    archive.append(quotes(NOON), index())
    assert "not archived" in caplog.text


def test_a_finished_day_becomes_one_part_with_each_sample_once(folder: Path) -> None:
    for minute in range(5):
        archive.append(quotes(NOON + timedelta(minutes=minute)), index())
        archive.flush()
    tomorrow = NOON + timedelta(days=1)
    archive.append(quotes(tomorrow), index())
    archive.flush()
    names = stored(folder)
    assert len(names) == 6
    report = archive.upkeep(today=tomorrow.date())
    assert (report.compacted, report.parts, report.is_done) == (1, 5, True)
    day, other = stored(folder)
    assert day == "kind=spot/date=2026-11-21/exchange=binance/day.parquet"
    assert other in names
    assert len(pq.ParquetFile(folder / "archive" / day).read()) == 15
    assert archive.upkeep(today=tomorrow.date()).compacted == 0
    (folder / "archive" / other).unlink()
    newest = archive.latest("binance", SPOT, index())
    assert newest is not None
    assert same(newest, quotes(NOON + timedelta(minutes=4)))


def test_a_compaction_that_died_before_deleting_costs_nothing_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.markets.archive import parts

    for minute in range(3):
        archive.append(quotes(NOON + timedelta(minutes=minute)), index())
        archive.flush()

    def gone(part: Any) -> None:
        raise TemporaryError("gone", code="storage_away")

    with monkeypatch.context() as patch, pytest.raises(TemporaryError):
        patch.setattr(parts, "delete", gone)
        archive.upkeep(today=NOON.date() + timedelta(days=1))
    assert len(stored(folder)) == 4
    assert len(exported(folder)) == 9
    archive.upkeep(today=NOON.date() + timedelta(days=1))
    assert len(rows(folder)) == len(exported(folder)) == 9


def test_days_past_their_time_are_deleted(folder: Path, settings: Settings) -> None:
    settings.ARCHIVE_DAYS = 30
    for days in (40, 31, 29):
        archive.append(quotes(NOON - timedelta(days=days)), index())
    archive.flush()
    assert archive.upkeep(today=NOON.date()).days_deleted == 2
    assert [name.split("/")[1] for name in stored(folder)] == ["date=2026-10-23"]
    assert not (folder / "archive" / "kind=spot" / "date=2026-10-12").exists()


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_rows_of_a_time_are_exported_in_each_format(folder: Path, form: str) -> None:
    for minute in range(4):
        for exchange in ("binance", "okx"):
            archive.append(quotes(NOON + timedelta(minutes=minute), exchange=exchange), index())
    archive.flush()
    out = folder / f"rows.{form}"
    call_command(
        *("archive", "export", str(out), "--kind", "spot", "--exchange", "okx", "--symbol", "ETH/USDT"),
        *("--from", "2026-11-21T12:01:00", "--to", "2026-11-21T12:03:00Z", "--format", form),
    )
    readers: dict[str, Any] = {
        "csv": lambda: list(csv.DictReader(out.open())),
        "parquet": lambda: pq.read_table(out).to_pylist(),
        "jsonl": lambda: [json.loads(line) for line in out.read_text().splitlines()],
    }
    found = readers[form]()
    assert [(row["exchange"], row["symbol"], float(row["bid"])) for row in found] == [("okx", "ETH/USDT", 101.0)] * 2
    assert "12:01:00" in str(found[0]["received_at"])


def test_a_wrong_export_is_refused_in_words(folder: Path) -> None:
    (folder / "there").write_text("mine")
    with pytest.raises(CommandError, match="exists"):
        call_command("archive", "export", str(folder / "there"), "--kind", "spot")
    assert (folder / "there").read_text() == "mine"
    with pytest.raises(CommandError, match="is not before"):
        call_command(
            "archive", "export", str(folder / "x"), "--kind", "spot", "--from", "2026-02-01", "--to", "2026-01-01"
        )
    with pytest.raises(CommandError, match="invalid moment"):
        call_command("archive", "export", str(folder / "x"), "--kind", "spot", "--from", "yesterday")
    assert not (folder / "x").exists()


def test_info_says_what_there_is_and_what_waits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive.append(quotes(NOON), index())
    archive.append(quotes(NOON, exchange="okx"), index())
    archive.flush()
    archive.append(rates(NOON), index())
    call_command("archive", "info")
    text = capsys.readouterr().out
    assert "2026-11-21" in text
    assert "Spool: 1 segments" in text
    (day,) = archive.info().days
    assert (day.kind, day.exchanges, day.parts, day.rows) == (SPOT, 2, 2, 6)
    assert day.bytes > 0


def test_the_archive_goes_on_with_redis_away(folder: Path) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        archive.append(quotes(NOON), index())
    assert archive.flush() == 1
    assert len(rows(folder)) == 3


def test_the_thread_of_a_market_process_stores_by_itself(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.installation import until

    stopped = threading.Event()
    monkeypatch.undo()
    monkeypatch.setattr(intake, "_sampled", {})
    monkeypatch.setattr(intake, "_thread", None)
    monkeypatch.setattr(intake, "_stopped", stopped)
    settings.VAR_DIR = folder
    settings.ARCHIVE_FLUSH_S = 0.05
    archive.append(quotes(NOON), index())
    flusher = intake._thread
    assert flusher is not None
    try:
        until(lambda: rows(folder), seconds=20, every=0.05)
        told = until(archive.told, seconds=20, every=0.05)
    finally:
        # It would flush the spool of whichever test comes next.
        stopped.set()
        flusher.join(timeout=20)
    assert not flusher.is_alive()
    assert len(rows(folder)) == 3
    assert list((folder / "spool").iterdir()) == []
    assert (told.trouble, told.dropped_segments) == ("", 0)
    assert archive_probe().state == "healthy"


def test_the_health_page_says_that_the_storage_is_away() -> None:
    assert archive_probe().state == "healthy"
    state.tell(trouble="The archive's storage can't be used: gone", spooled_bytes=7, most_bytes=9, dropped_segments=1)
    health = archive_probe()
    assert (health.state, health.reason) == ("degraded", "The archive's storage can't be used: gone")
    assert health.details == {"spooled_bytes": 7, "spool_most_bytes": 9, "dropped_segments": 1}


@pytest.fixture
def bucket(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """The archive in a bucket, by its address as an operator writes it."""
    for name, value in {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    served = Bucket("quotes")
    problems: list[str] = []
    url = f"s3://quotes/arb/edge?endpoint={served.url}&region=eu-central-1"
    entry = archive_storage(url, folder=folder, problem=problems.append)
    assert problems == []
    settings.STORAGES = settings.STORAGES | {"archive": entry}
    yield served
    served.close()


def test_the_same_in_a_bucket(bucket: Bucket, folder: Path) -> None:
    for minute in range(3):
        archive.append(quotes(NOON + timedelta(minutes=minute), price=100.0 + minute), index())
        archive.flush()
    assert len(bucket.objects) == 3
    assert all(key.startswith("arb/edge/kind=spot/date=2026-11-21/exchange=binance/") for key in bucket.objects)
    newest = archive.latest("binance", SPOT, index())
    assert newest is not None
    assert same(newest, quotes(NOON + timedelta(minutes=2), price=102.0))
    assert archive.upkeep(today=NOON.date() + timedelta(days=1)).parts == 3
    assert list(bucket.objects) == ["arb/edge/kind=spot/date=2026-11-21/exchange=binance/day.parquet"]
    assert len(exported(folder)) == 9
    assert archive.upkeep(today=NOON.date() + timedelta(days=40)).days_deleted == 1
    assert bucket.objects == {}


def test_with_the_bucket_away_the_spool_waits(bucket: Bucket) -> None:
    bucket.refuse = True
    archive.append(quotes(NOON), index())
    with pytest.raises(TemporaryError, match="storage can't be used"):
        archive.flush()
    assert len(intake.spool().paths()) == 1
    bucket.refuse = False
    assert archive.flush() == 1
    assert len(bucket.objects) == 1


@pytest.mark.parametrize("url", ["bucket", "s3:///nowhere", "http://x/y", "s3://bucket?region=a&key=secret"])
def test_an_address_that_is_none_is_told(url: str, tmp_path: Path) -> None:
    problems: list[str] = []
    archive_storage(url, folder=tmp_path, problem=problems.append)
    (problem,) = problems
    assert problem.startswith("ARCHIVE_URL")
