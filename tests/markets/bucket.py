"""A bucket that speaks as much of S3 as the archive needs: objects by PUT, HEAD, GET with ranges, DELETE, and listing.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Bucket:
    """Objects by key; `refuse` answers everything with 503."""

    def __init__(self, name: str) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuse = False
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _key(self) -> str:
                return unquote(urlsplit(self.path).path).removeprefix(f"/{name}").lstrip("/")

            def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header.replace("_", "-"), value)
                if "Content_Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def _refused(self) -> bool:
                if bucket.refuse:
                    self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    self._answer(503, b"<Error><Code>ServiceUnavailable</Code><Message>down</Message></Error>")
                return bucket.refuse

            def do_PUT(self) -> None:
                if not self._refused():
                    bucket.objects[self._key()] = self._body()
                    self._answer(200, ETag='"x"')

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked" and "aws-chunked" not in (
                    self.headers.get("Content-Encoding") or ""
                ):
                    return self.rfile.read(int(self.headers["Content-Length"]))
                data = self.rfile.read(int(self.headers["Content-Length"]))
                body, rest = b"", data
                while rest:
                    size, _, rest = rest.partition(b"\r\n")
                    length = int(size.split(b";")[0], 16)
                    if not length:
                        break
                    body, rest = body + rest[:length], rest[length + 2 :]
                return body

            def do_HEAD(self) -> None:
                if self._refused():
                    return
                data = bucket.objects.get(self._key())
                if data is None:
                    self._answer(404)
                else:
                    self._answer(
                        200, Content_Length=str(len(data)), ETag='"x"', Last_Modified="Sat, 21 Nov 2026 12:00:00 GMT"
                    )

            def do_GET(self) -> None:
                if self._refused():
                    return
                if not self._key():
                    self._answer(200, self._list(), Content_Type="application/xml")
                    return
                data = bucket.objects.get(self._key())
                if data is None:
                    self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")
                    return
                first, _, last = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
                start, end = int(first), int(last) if last else len(data) - 1
                part = data[start : end + 1]
                self._answer(
                    206 if self.headers.get("Range") else 200,
                    part,
                    Content_Range=f"bytes {start}-{start + len(part) - 1}/{len(data)}",
                    ETag='"x"',
                    Last_Modified="Sat, 21 Nov 2026 12:00:00 GMT",
                )

            def do_DELETE(self) -> None:
                if not self._refused():
                    bucket.objects.pop(self._key(), None)
                    self._answer(204)

            def _list(self) -> bytes:
                query = parse_qs(urlsplit(self.path).query)
                prefix = query.get("prefix", [""])[0]
                keys = [key for key in sorted(bucket.objects) if key.startswith(prefix)]
                folders = sorted(
                    {prefix + key[len(prefix) :].split("/")[0] + "/" for key in keys if "/" in key[len(prefix) :]}
                )
                files = [key for key in keys if "/" not in key[len(prefix) :]]
                contents = "".join(
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(bucket.objects[key])}</Size></Contents>"
                    for key in files
                )
                common = "".join(
                    f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders
                )
                return (
                    f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{common}</ListBucketResult>".encode()
                )

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
