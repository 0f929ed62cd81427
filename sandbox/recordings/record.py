"""Forwarding to the real hosts, each answer written into HAR 1.2 files that `--replay` plays."""

import asyncio
import base64
import gzip
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from sandbox.calls import Answer, Call, problem

# One file per host and so many entries: a file is written anew when it grows, and that must stay cheap.
ENTRIES_PER_FILE = 200
_WRITE_EVERY_S = 2.0
_TIMEOUT_S = 30.0
_HOP_HEADERS = frozenset(
    ("host", "connection", "keep-alive", "content-length", "transfer-encoding", "accept-encoding", "upgrade", "te")
)
_KEPT_HEADERS = frozenset(("content-type", "date", "retry-after", "cache-control"))
# Never written: keys and signatures of whoever records.
_SECRETS = frozenset(("signature", "sign", "sig", "apikey", "api_key", "accesskeyid"))


class _File:
    """The file of one host that is being filled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self.is_changed = False

    def write(self) -> None:
        """Write it whole, in one step for readers."""
        log = {"version": "1.2", "creator": {"name": "arbedge sandbox", "version": "1"}, "entries": self.entries}
        partial = self.path.with_suffix(".partial")
        partial.write_bytes(gzip.compress(orjson.dumps({"log": log}), mtime=0))
        partial.replace(self.path)
        self.is_changed = False


class Recorder:
    """An async context: files are written while it is open and completed when it closes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._counts: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        """Open the outbound session and the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        self._writer = asyncio.create_task(self._write_along())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left."""
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        await self._session.close()
        self._write()

    async def answer(self, call: Call) -> Answer:
        """Ask the real host and keep its answer; 502 when it can't be reached."""
        started = datetime.now(UTC)
        headers = {name: value for name, value in call.headers.items() if name.lower() not in _HOP_HEADERS}
        try:
            async with self._session.request(
                call.method,
                URL(call.url, encoded=True),
                headers=headers,
                data=call.body or None,
                allow_redirects=False,
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return problem(502, f"{call.host} could not be reached: {error or type(error).__name__}")
        kept = {name: value for name, value in response.headers.items() if name.lower() in _KEPT_HEADERS}
        took = (datetime.now(UTC) - started).total_seconds() * 1000
        self._keep(call, started, took, response.status, kept, body)
        return Answer(response.status, body, kept)

    def _keep(
        self, call: Call, started: datetime, took: float, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        file = self._files.get(call.host)
        if file is None or len(file.entries) >= ENTRIES_PER_FILE:
            if file is not None:
                file.write()
            number = self._counts[call.host] = self._counts.get(call.host, 0) + 1
            stamp = started.strftime("%Y%m%dT%H%M%SZ")
            name = f"{call.host.replace(':', '_')}-{stamp}-{number:03d}.har.gz"
            file = self._files[call.host] = _File(self._folder / name)
        file.entries.append(_entry(call, started, took, status, headers, body))
        file.is_changed = True

    async def _write_along(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_EVERY_S)
            self._write()

    def _write(self) -> None:
        for file in self._files.values():
            if file.is_changed:
                file.write()


def _entry(
    call: Call, started: datetime, took: float, status: int, headers: dict[str, str], body: bytes
) -> dict[str, Any]:
    query = [(name, value) for name, value in call.query.items() if name.lower() not in _SECRETS]
    url = URL.build(scheme=call.scheme, authority=call.host, path=call.path, query=query)
    request: dict[str, Any] = {
        "method": call.method,
        "url": str(url),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": -1,
        "bodySize": len(call.body),
    }
    if call.body:
        # Bodies are kept whole: the gateway's clients sign by header or query, both dropped here.
        kind = call.headers.get("content-type", "")
        request["postData"] = {"mimeType": kind, "text": call.body.decode(errors="replace")}
    mime = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return {
        "startedDateTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": round(took, 3),
        "request": request,
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "content": _content(body, mime),
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(body),
        },
        "cache": {},
        "timings": {"send": 0, "wait": round(took, 3), "receive": 0},
    }


def _content(body: bytes, mime: str) -> dict[str, Any]:
    try:
        return {"size": len(body), "mimeType": mime, "text": body.decode()}
    except UnicodeDecodeError:
        return {"size": len(body), "mimeType": mime, "encoding": "base64", "text": base64.b64encode(body).decode()}
