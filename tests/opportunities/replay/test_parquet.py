"""The archive as the source: its own Parquet files, as they lie in its folder or exported from it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files import File
from django.core.files.storage import storages
from django.core.management.base import CommandError
from pytest_django import Settings

from apps.markets.archive.spool import Sample
from apps.markets.archive.tables import table_of
from apps.markets.enums import IntervalSource, SnapshotKind
from apps.markets.types import FundingRates, Quotes, Snapshot
from arbedge.storage import archive_storage
from tests.markets.bucket import Bucket
from tests.opportunities.replay.playing import Line, played, rows_write

HOUR = 3_600_000
T_MS = 1_700_000_000_000
SYMBOLS = {SnapshotKind.SPOT: ["BTC/USDT", "ETH/USDT"], SnapshotKind.SWAP: ["BTC/USDT:USDT", "ETH/USDT:USDT"]}
Prices = list[tuple[float, float]]


def quotes(exchange: str, kind: SnapshotKind, received_at: int, prices: Prices, *, lag: int = 100) -> Quotes:
    bid, ask = (np.array(side, dtype=np.float64) for side in zip(*prices, strict=True))
    unknown = np.full(len(bid), np.nan)
    return Quotes(
        exchange=exchange,
        kind=kind,
        received_at=received_at,
        market_version=1,
        market_id=np.arange(1, len(bid) + 1, dtype=np.int32),
        bid=bid,
        bid_size=np.where(np.arange(len(bid)) == 0, 2.0, np.nan),
        ask=ask,
        ask_size=np.full(len(bid), 3.0),
        last=unknown,
        quote_volume=unknown,
        exchange_ts=np.full(len(bid), received_at - lag, dtype=np.int64),
    )


def fundings(exchange: str, received_at: int, rates: list[float]) -> FundingRates:
    unknown = np.full(len(rates), np.nan)
    return FundingRates(
        exchange=exchange,
        received_at=received_at,
        market_version=1,
        market_id=np.arange(1, len(rates) + 1, dtype=np.int32),
        rate=np.array(rates),
        interval_hours=np.full(len(rates), 8.0),
        interval_source=np.full(len(rates), IntervalSource.EXCHANGE, dtype=np.int8),
        next_funding_at=np.full(len(rates), T_MS + 4 * HOUR, dtype=np.int64),
        mark=unknown,
        index=unknown,
        exchange_ts=np.full(len(rates), received_at, dtype=np.int64),
    )


def recording() -> list[Snapshot]:
    """Two exchanges for three hours, every twenty minutes; one sample comes just after an hour that it is not of."""
    snapshots: list[Snapshot] = []
    for step in range(9):
        now = T_MS - T_MS % HOUR + 50 + step * 20 * 60_000
        gap = 2.0 if step in (0, 3, 4) else 0.0
        snapshots += [
            quotes("aaa", SnapshotKind.SPOT, now, [(99.9, 100.0), (10.0, 10.01)]),
            quotes("bbb", SnapshotKind.SPOT, now + 30, [(100.0 + gap, 102.1), (10.0, 10.01)]),
            quotes("aaa", SnapshotKind.SWAP, now, [(99.99, 100.0), (10.0, 10.01)]),
            quotes("bbb", SnapshotKind.SWAP, now + 30, [(99.99, 100.0), (10.0, 10.01)]),
        ]
        if step in (0, 6):
            snapshots += [fundings("aaa", now - 10, [0.0001, 0.0]), fundings("bbb", now - 10, [0.003, 0.0])]
    return snapshots


def files_write(folder: Path, snapshots: Iterable[Snapshot]) -> Path:
    """As the archive lays them down."""
    parts: dict[Path, list[Sample]] = {}
    for one in snapshots:
        symbols = SYMBOLS.get(one.kind, SYMBOLS[SnapshotKind.SWAP])
        part = folder / f"kind={one.kind}" / "date=2023-11-14" / f"exchange={one.exchange}" / "day.parquet"
        parts.setdefault(part, []).append(Sample.of(one, symbols))
    for path, samples in parts.items():
        path.parent.mkdir(parents=True)
        pq.write_table(table_of(samples), path)
    return folder


def as_rows(snapshots: Iterable[Snapshot]) -> list[dict[str, Any]]:
    """The same as neutral rows."""
    rows: list[dict[str, Any]] = []
    for one in snapshots:
        for at, symbol in enumerate(SYMBOLS.get(one.kind, SYMBOLS[SnapshotKind.SWAP])):
            row: dict[str, Any] = {"exchange": one.exchange, "symbol": symbol}
            if isinstance(one, FundingRates):
                row |= {"ts": one.received_at / 1000, "funding_rate": float(one.rate[at]), "interval_h": 8}
                row["next_funding_ts"] = int(one.next_funding_at[at]) / 1000
            else:
                row |= {name: float(getattr(one, name)[at]) for name in ("bid", "ask", "ask_size")}
                row |= {"ts": int(one.exchange_ts[at]) / 1000, "bid_size": 2 if at == 0 else None}
            rows.append(row)
    return rows


def kinds(lines: list[Line]) -> set[str]:
    return {line["kind"] for line in lines}


def test_the_archive_is_played_as_the_same_rows_would_be(tmp_path: Path) -> None:
    folder = files_write(tmp_path / "archive", recording())
    lines = played(tmp_path / "out", "--quotes", folder, "--execute")
    assert kinds(lines) == {"cross_exchange", "funding_rate", "spot_perp"}
    rows = rows_write(tmp_path / "rows.jsonl", as_rows(recording()))
    assert lines == played(tmp_path / "out", "--quotes", rows, "--execute")
    # Three gaps, of which two are twenty minutes apart and so none goes on.
    gaps = [line["first_seen"] for line in lines if line["kind"] == "cross_exchange"]
    assert [round(gap - T_MS / 1000 + T_MS % HOUR / 1000) for gap in gaps] == [0, 3600, 4800]


def test_files_of_quotes_alone_hold_no_fundings(tmp_path: Path) -> None:
    folder = files_write(tmp_path / "archive", recording())
    lines = played(tmp_path / "out", "--quotes", folder / "kind=spot", folder / "kind=swap")
    assert kinds(lines) == {"cross_exchange"}


def test_a_row_without_a_usable_price_is_counted_by_its_market(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crossed = quotes("ccc", SnapshotKind.SPOT, T_MS, [(105.0, 104.0), (10.0, 10.01)])
    folder = files_write(tmp_path / "archive", [*recording(), crossed])
    played(tmp_path / "out", "--quotes", folder)
    assert "1 row without a usable bid and ask: ccc BTC/USDT" in capsys.readouterr().err


def test_a_row_that_comes_minutes_late_is_counted_and_not_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = T_MS - T_MS % HOUR
    late = quotes("ccc", SnapshotKind.SPOT, now + HOUR + 50, [(120.0, 121.0), (10.0, 10.01)], lag=HOUR)
    folder = files_write(tmp_path / "archive", [*recording(), late])
    lines = played(tmp_path / "out", "--quotes", folder)
    assert not any(leg["exchange"] == "ccc" for line in lines for leg in line["legs"])
    assert "2 rows older than others that were stored two minutes before" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("columns", "words"),
    [({"price": [1.0]}, "has not the archive's columns"), ({}, "There are no rows in these files")],
)
def test_other_parquet_files_are_refused_in_words(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    table = pa.table(columns) if columns else table_of([Sample.of(recording()[0], SYMBOLS[SnapshotKind.SPOT])])[:0]
    pq.write_table(table, tmp_path / "some.parquet")
    with pytest.raises(CommandError, match=words):
        played(tmp_path / "out", "--quotes", tmp_path / "some.parquet")


@pytest.fixture
def bucket(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """The archive in a bucket, with the recording in it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "known")
    served = Bucket("quotes")
    problems: list[str] = []
    url = f"s3://quotes/arb?endpoint={served.url}&region=eu-central-1"
    entry = archive_storage(url, folder=tmp_path / "none", problem=problems.append)
    assert problems == []
    settings.STORAGES = settings.STORAGES | {"archive": entry}
    folder = files_write(tmp_path / "archive", recording())
    for path in folder.rglob("*.parquet"):
        with path.open("rb") as file:
            storages["archive"].save(str(path.relative_to(folder)), File(file))
    yield served
    served.close()


def test_an_archive_in_a_bucket_is_played_as_its_files_would_be(bucket: Bucket, tmp_path: Path) -> None:
    assert len(bucket.objects) == 6
    lines = played(tmp_path / "out", "--archive")
    assert lines
    assert lines == played(tmp_path / "out", "--quotes", tmp_path / "archive")
    assert lines == played(tmp_path / "out", "--archive", "--from", "2023-11-14", "--to", "2023-11-14")


def test_what_the_archive_lacks_is_told(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no part of these days"):
        played(tmp_path / "out", "--archive", "--from", "2023-11-15")
    bucket.refuse = True
    with pytest.raises(CommandError, match="storage can't be used"):
        played(tmp_path / "out", "--archive")
    with pytest.raises(CommandError, match="is no day"):
        played(tmp_path / "out", "--archive", "--to", "yesterday")


def test_either_files_or_the_archive(tmp_path: Path) -> None:
    for arguments in ((), ("--archive", "--quotes", tmp_path)):
        with pytest.raises(CommandError, match="either --quotes"):
            played(tmp_path / "out", *arguments)
