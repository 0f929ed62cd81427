"""Samples on local disk until they are stored: segments of frames, each owned by whoever holds its file lock.

A process appends to one open segment and holds its lock meanwhile; a segment that nobody holds is finished, whether its
process closed it or died. Segments are taken in the order of their names, which is that of their beginnings."""

import fcntl
import itertools
import logging
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from apps.core.exceptions import TemporaryError
from apps.markets.enums import SnapshotKind
from apps.markets.snapshot import snapshot_decode, snapshot_encode
from apps.markets.types import Snapshot

logger = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 8 * 2**20
SUFFIX: Final = ".spool"
BAD: Final = ".bad"
_FRAME: Final = struct.Struct("<4sII")
_MAGIC: Final = b"ARBF"
_DROPPED: Final = "dropped.json"
_numbers = itertools.count()


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One snapshot with the symbol of each of its rows; `data` is the encoded snapshot."""

    exchange: str
    kind: SnapshotKind
    received_at: int
    symbols: str
    data: bytes

    @classmethod
    def of(cls, snapshot: Snapshot, symbols: list[str]) -> "Sample":
        """`symbols` in the order of the snapshot's rows."""
        return cls(
            snapshot.exchange, snapshot.kind, snapshot.received_at, "\n".join(symbols), snapshot_encode(snapshot)
        )

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot, its market ids those of the database it came from."""
        return snapshot_decode(self.data)


class Dropped(msgspec.Struct, frozen=True):
    """What the bound of the spool has cost so far; `last_at` Unix seconds, 0 for never."""

    segments: int = 0
    bytes: int = 0
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished segment that is ours for the moment."""

    path: Path
    samples: list[Sample]

    @property
    def name(self) -> str:
        """Its name without the ending: unique, and in the order of time."""
        return self.path.stem


class Spool:
    """The segments in a folder, `most_bytes` in all: beyond that the oldest finished ones are dropped, and said."""

    def __init__(self, folder: Path, *, most_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._segment_bytes = min(segment_bytes, max(1, most_bytes // 4))
        self._lock = threading.Lock()
        self._file: int | None = None
        self._written = 0

    def append(self, sample: Sample) -> None:
        """Add a sample to the open segment. Raises OSError (disk full, folder gone)."""
        payload = msgspec.msgpack.encode(sample)
        frame = _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload
        with self._lock:
            if self._file is None:
                self._file, self._written = self._open(), 0
            os.write(self._file, frame)
            self._written += len(frame)
            if self._written >= self._segment_bytes:
                self._close()

    def rotate(self) -> None:
        """Finish the open segment, if there is one; keep the bound."""
        with self._lock:
            self._close()

    def drain(self, take: Callable[[Taken], None]) -> int:
        """Hand over every segment that nobody holds, oldest first, and delete it once `take` has returned; how many.

        Ends with the TemporaryError that `take` raises: that segment and the later ones wait. What else it raises is a
        fault of the segment's own: it is put aside (`.bad`) and the next one is taken."""
        count = 0
        for path in self.paths():
            with _held(path) as is_ours:
                if not is_ours:
                    continue
                try:
                    take(Taken(path, _frames(path)))
                except TemporaryError:
                    raise
                except Exception:
                    logger.exception("Segment %s can't be stored: put aside", path.name)
                    path.rename(path.with_suffix(BAD))
                    continue
                path.unlink()
                count += 1
        return count

    def paths(self) -> list[Path]:
        """Every segment, oldest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def size(self) -> int:
        """Bytes of all segments, those put aside too."""
        return sum(_size(path) for path in self._all())

    def newest(self, exchange: str, kind: SnapshotKind) -> Sample | None:
        """The newest sample of a feed in any segment, open ones too."""
        for path in reversed(self.paths()):
            samples = [sample for sample in _frames(path) if (sample.exchange, sample.kind) == (exchange, kind)]
            if samples:
                return max(samples, key=lambda sample: sample.received_at)
        return None

    def dropped(self) -> Dropped:
        """What had to be dropped so far."""
        try:
            return msgspec.json.decode((self.folder / _DROPPED).read_bytes(), type=Dropped)
        except FileNotFoundError:
            return Dropped()

    def _all(self) -> list[Path]:
        return sorted([*self.folder.glob(f"*{SUFFIX}"), *self.folder.glob(f"*{BAD}")])

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = self.folder / f"{time.time_ns() // 1_000_000:013d}-{os.getpid()}-{next(_numbers)}{SUFFIX}"
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():
                return file
            # Another process took the empty file for a finished one before it was locked.
            os.close(file)

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._bound()

    def _bound(self) -> None:
        sizes = {path: _size(path) for path in self._all()}
        too_much = sum(sizes.values()) - self._most_bytes
        for path, size in sizes.items():
            if too_much <= 0:
                return
            with _held(path) as is_ours:
                if not is_ours:
                    continue
                path.unlink()
            too_much -= size
            before = self.dropped()
            told = Dropped(before.segments + 1, before.bytes + size, time.time())
            _replace(self.folder / _DROPPED, msgspec.json.encode(told))
            logger.warning("The archive's spool is full: segment %s dropped (%d bytes, the oldest)", path.name, size)


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Whether the lock of a segment is ours inside; not where somebody else has it, or it is gone."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        # Who held it before may have finished with it and deleted it.
        yield _locked(file) and path.exists()
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _frames(path: Path) -> list[Sample]:
    """The samples of a segment; what a killed process left half-written at its end is left out."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    samples, offset = [], 0
    while offset < len(data):
        start = offset + _FRAME.size
        magic, length, checksum = _FRAME.unpack_from(data, offset) if start <= len(data) else (b"", 0, 0)
        payload = data[start : start + length]
        if magic != _MAGIC or len(payload) < length or zlib.crc32(payload) != checksum:
            logger.warning("%s: %d bytes at its end are no whole sample, left out", path.name, len(data) - offset)
            break
        samples.append(msgspec.msgpack.decode(payload, type=Sample))
        offset = start + length
    return samples


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)
