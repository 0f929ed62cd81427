"""Snapshots as bytes: a JSON header that names the columns, then the raw columns, each padded to eight bytes; columns
that a snapshot may lack are left out where it does."""

import struct
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import msgspec
import numpy as np

from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind, SnapshotOrigin
from apps.markets.types import FundingRates, Quotes, Snapshot

FORMAT: Final = 3
_MAGIC: Final = b"ARBS"
_LENGTH: Final = struct.Struct("<4sI")
_SCALARS: Final = frozenset({"exchange", "kind", "received_at", "market_version", "origin"})
_OPTIONAL: Final = frozenset({"open_interest"})
_DTYPES: Final = {"market_id": "<i4", "exchange_ts": "<i8", "next_funding_at": "<i8", "interval_source": "|i1"}
_CLASSES: Final[Mapping[SnapshotKind, type[Quotes] | type[FundingRates]]] = {
    SnapshotKind.SPOT: Quotes,
    SnapshotKind.SWAP: Quotes,
    SnapshotKind.FUNDING: FundingRates,
}


class _Header(msgspec.Struct, frozen=True):
    format: int
    kind: SnapshotKind
    exchange: str
    received_at: int
    market_version: int
    rows: int
    columns: tuple[str, ...]
    origin: SnapshotOrigin = SnapshotOrigin.POLL


def snapshot_encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot."""
    columns = tuple(name for name in _columns(type(snapshot)) if getattr(snapshot, name) is not None)
    header = msgspec.json.encode(
        _Header(
            format=FORMAT,
            kind=snapshot.kind,
            exchange=snapshot.exchange,
            received_at=snapshot.received_at,
            market_version=snapshot.market_version,
            rows=len(snapshot.market_id),
            columns=columns,
            origin=snapshot.origin,
        )
    )
    arrays = (np.ascontiguousarray(getattr(snapshot, name), dtype=_dtype(name)) for name in columns)
    return b"".join([_padded(_LENGTH.pack(_MAGIC, len(header)) + header), *(_padded(a.tobytes()) for a in arrays)])


def snapshot_decode(data: bytes) -> Snapshot:
    """The snapshot in `data`; its arrays are read-only views of it.

    Raises PermanentError(code="unknown_format") for another format, other columns or bytes that are cut short."""
    header, offset = _read_header(data)
    cls = _CLASSES[header.kind]
    names = tuple(name for name in _columns(cls) if name not in _OPTIONAL or name in header.columns)
    if header.format != FORMAT or header.columns != names:
        raise PermanentError(f"snapshot of format {header.format}, this is {FORMAT}", code="unknown_format")
    columns: dict[str, Any] = {}
    for name in names:
        dtype = np.dtype(_dtype(name))
        size = header.rows * dtype.itemsize
        if offset + size > len(data):
            raise PermanentError(f"snapshot is cut short at column {name}", code="unknown_format")
        columns[name] = np.frombuffer(data, dtype=dtype, count=header.rows, offset=offset)
        offset += _up(size)
    if cls is Quotes:
        columns["kind"] = header.kind
    return cls(
        exchange=header.exchange,
        received_at=header.received_at,
        market_version=header.market_version,
        origin=header.origin,
        **columns,
    )


def _read_header(data: bytes) -> tuple[_Header, int]:
    try:
        magic, length = _LENGTH.unpack_from(data)
        if magic != _MAGIC:
            raise PermanentError("these bytes are no snapshot", code="unknown_format")
        header = msgspec.json.decode(data[_LENGTH.size : _LENGTH.size + length], type=_Header)
    except (struct.error, msgspec.MsgspecError) as error:
        raise PermanentError(f"snapshot header unreadable: {error}", code="unknown_format") from error
    return header, _up(_LENGTH.size + length)


def _columns(cls: type[Quotes] | type[FundingRates]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.name not in _SCALARS)


def _dtype(name: str) -> str:
    return _DTYPES.get(name, "<f8")


def _up(size: int) -> int:
    return -(-size // 8) * 8


def _padded(data: bytes) -> bytes:
    return data.ljust(_up(len(data)), b"\0")
