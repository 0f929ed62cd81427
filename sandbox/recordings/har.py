"""HAR 1.2 files as entries to play (http://www.softwareishard.com/blog/har-12-spec/)."""

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson
from yarl import URL

# The body is given decoded, the length and the moment anew; the connection is ours.
_DROPPED_HEADERS = frozenset(
    ("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive", "date", "set-cookie")
)


class HarError(ValueError):
    """A file that can't be played: which one, where in it, and why."""

    def __init__(self, file: Path, position: str, reason: str) -> None:
        super().__init__(f"{file}: at {position}: {reason}")


class _Pair(msgspec.Struct):
    name: str
    value: str


class _PostData(msgspec.Struct):
    text: str = ""
    mimeType: str = ""  # noqa: N815


class _Request(msgspec.Struct):
    method: str
    url: str
    queryString: list[_Pair] = []  # noqa: N815
    postData: _PostData | None = None  # noqa: N815


class _Content(msgspec.Struct):
    text: str = ""
    encoding: str = ""
    mimeType: str = ""  # noqa: N815


class _Response(msgspec.Struct):
    status: int
    content: _Content
    headers: list[_Pair] = []


class _Entry(msgspec.Struct):
    request: _Request
    response: _Response
    startedDateTime: str | None = None  # noqa: N815


class _Log(msgspec.Struct):
    entries: list[_Entry]
    version: str = "1.2"


class _Har(msgspec.Struct):
    log: _Log


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded request and its answer. `fields`: of query and body; `started`: Unix seconds or None."""

    method: str
    host: str
    path: str
    fields: Mapping[str, str]
    started: float | None
    status: int
    headers: Mapping[str, str]
    body: bytes


def har_folder_read(folder: Path) -> tuple[list[Entry], list[HarError]]:
    """Entries of every `*.har` and `*.har.gz` in the folder, by file name, and the files that were refused.

    ValueError when the folder isn't there or holds no such file."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder of recordings")
    files = sorted(file for pattern in ("*.har", "*.har.gz") for file in folder.glob(pattern))
    if not files:
        raise ValueError(f"{folder} holds no *.har or *.har.gz file")
    entries: list[Entry] = []
    refused: list[HarError] = []
    for file in files:
        try:
            entries += har_read(file)
        except HarError as error:
            refused.append(error)
    return entries, refused


def har_read(file: Path) -> list[Entry]:
    """The entries of one file. HarError when any part of it is broken: half a recording would be a wrong market."""
    try:
        har = msgspec.json.decode(_unpacked(file), type=_Har)
    except msgspec.ValidationError as error:
        reason, _, position = str(error).partition(" - at ")
        raise HarError(file, position.strip("`") or "the start", reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason, _, position = str(error).partition(" (byte ")
        raise HarError(file, f"byte {position.rstrip(')')}" if position else "the end", reason) from None
    if not har.log.version.startswith("1."):
        raise HarError(file, "log.version", f"HAR {har.log.version} is not known, 1.2 is")
    return [_entry(file, number, entry) for number, entry in enumerate(har.log.entries)]


def fields_of(query: Mapping[str, str], body: bytes, kind: str) -> dict[str, str]:
    """Query parameters and body fields as one flat mapping (JSON objects with dotted names)."""
    if not body:
        return dict(query)
    if "x-www-form-urlencoded" in kind:
        return {**query, **dict(parse_qsl(body.decode(errors="replace")))}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {**query, "(body)": body.decode(errors="replace")}
    return {**query, **dict(_flat("", value))}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    else:
        yield prefix or "(body)", value if isinstance(value, str) else orjson.dumps(value).decode()


def _unpacked(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if file.suffix == ".gz" else content
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise HarError(file, "the compressed data", f"broken gzip: {error}") from None
    except OSError as error:
        raise HarError(file, "the start", str(error)) from None


def _entry(file: Path, number: int, entry: _Entry) -> Entry:
    position = f"log.entries[{number}]"
    try:
        url = URL(entry.request.url, encoded=True)
    except ValueError as error:
        raise HarError(file, f"{position}.request.url", str(error)) from None
    if not url.host or url.scheme not in ("http", "https"):
        raise HarError(file, f"{position}.request.url", f"{entry.request.url!r} is no http address")
    if not 100 <= entry.response.status <= 599:
        raise HarError(file, f"{position}.response.status", f"{entry.response.status} is no HTTP status")
    query = dict(url.query) or {pair.name: pair.value for pair in entry.request.queryString}
    post = entry.request.postData or _PostData()
    headers = {
        pair.name: pair.value
        for pair in entry.response.headers
        if pair.name.lower() not in _DROPPED_HEADERS and not pair.name.startswith(":")
    }
    if "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = entry.response.content.mimeType or "application/octet-stream"
    return Entry(
        method=entry.request.method.upper(),
        host=(url.authority if url.explicit_port else url.host).lower(),
        path=url.path,
        fields=fields_of(query, post.text.encode(), post.mimeType),
        started=_started(file, position, entry.startedDateTime),
        status=entry.response.status,
        headers=headers,
        body=_body(file, position, entry.response.content),
    )


def _started(file: Path, position: str, text: str | None) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise HarError(file, f"{position}.startedDateTime", f"{text!r} is no ISO 8601 moment") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _body(file: Path, position: str, content: _Content) -> bytes:
    if content.encoding != "base64":
        return content.text.encode()
    try:
        return base64.b64decode(content.text, validate=True)
    except binascii.Error as error:
        raise HarError(file, f"{position}.response.content.text", f"broken base64: {error}") from None
