"""Parquet parts on the storage "archive": how they are named, saved, listed and opened.

Storages raise whatever their library raises; it comes out of here as TemporaryError(code="storage_away")."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, Final

from django.core.files import File
from django.core.files.storage import Storage, storages

from apps.core.exceptions import ArbEdgeError, TemporaryError
from apps.markets.enums import SnapshotKind

DAY: Final = "day"
_ENDING: Final = ".parquet"


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One exchange's rows of one kind on one day (UTC)."""

    kind: SnapshotKind
    date: date
    exchange: str

    @property
    def folder(self) -> str:
        """Its folder, as Hive writes partitions."""
        return f"kind={self.kind}/date={self.date.isoformat()}/exchange={self.exchange}"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a partition; `name` is without its ending: `day`, or that of the segment it came from."""

    partition: Partition
    name: str

    @property
    def path(self) -> str:
        """Its path on the storage."""
        return f"{self.partition.folder}/{self.name}{_ENDING}"


class _Finished(File):
    """A local file that may be moved: on a local storage a part then appears whole or not at all."""

    def temporary_file_path(self) -> str:
        """Where it is."""
        return str(self.file.name) if self.file else ""


def storage() -> Storage:
    """The storage of the archive."""
    return storages["archive"]


def save(part: Part, local: Path) -> None:
    """Store a finished local file as this part, in place of any earlier one; the local file is gone afterwards."""
    with _away(), local.open("rb") as file:
        stored = storage().save(part.path, _Finished(file, name=part.path))
    local.unlink(missing_ok=True)
    if stored != part.path:
        with _away():
            storage().delete(stored)
        raise TemporaryError(f"The archive's storage does not overwrite: {part.path}", code="storage_away")


def delete(part: Part) -> None:
    """Delete a part; fine if it is gone."""
    with _away():
        storage().delete(part.path)


def folder_delete(folder: str) -> None:
    """Delete an empty folder, where the storage has such a thing."""
    with _away():
        storage().delete(folder)


def size(part: Part) -> int:
    """Its bytes."""
    with _away():
        return int(storage().size(part.path))


@contextmanager
def opened(part: Part) -> Iterator[IO[Any]]:
    """A part for reading, seekable."""
    with _away():
        file = storage().open(part.path, "rb")
    with file:
        yield file


def fetch(part: Part, local: Path) -> None:
    """Copy a part to a local file."""
    with opened(part) as file, _away(), local.open("wb") as out:
        shutil.copyfileobj(file, out)


def dates(kind: SnapshotKind) -> list[date]:
    """The days that have rows of a kind, oldest first."""
    return sorted(date.fromisoformat(value) for value in _values(f"kind={kind}", "date"))


def partitions(kind: SnapshotKind, day: date) -> list[Partition]:
    """The partitions of a day, by exchange."""
    exchanges = _values(f"kind={kind}/date={day.isoformat()}", "exchange")
    return sorted(Partition(kind, day, exchange) for exchange in exchanges)


def parts(partition: Partition) -> list[Part]:
    """The parts of a partition in the order of time; a compacted day first."""
    names = [name.removesuffix(_ENDING) for name in _listed(partition.folder)[1] if name.endswith(_ENDING)]
    return [Part(partition, name) for name in sorted(names, key=lambda name: (name != DAY, name))]


def _values(folder: str, field: str) -> list[str]:
    return [name.removeprefix(f"{field}=") for name in _listed(folder)[0] if name.startswith(f"{field}=")]


def _listed(folder: str) -> tuple[list[str], list[str]]:
    with _away():
        try:
            return storage().listdir(folder)
        except FileNotFoundError:
            return [], []


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (ArbEdgeError, FileNotFoundError):
        raise
    except Exception as error:
        # Every storage has errors of its own (OSError, botocore's); all of them mean that it is not there now.
        text = f"The archive's storage can't be used: {type(error).__name__}: {error}"
        raise TemporaryError(text[:300], code="storage_away") from error
