"""A stand-in for S3 on a loopback port: one bucket that takes, lists and deletes objects."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY = "sentinel-access-key"
SECRET_KEY = "sentinel-secret-key"


class Bucket:
    """The bucket. Use as a context manager.

    `objects` holds content by key, `ages` the time of an object that was not stored just now.
    The next `refused` requests to store an object are answered with AccessDenied.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.ages: dict[str, datetime] = {}
        self.refused = 0
        self._server = _Http(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def listing(self, prefix: str) -> str:
        """Return the answer to ListObjectsV2."""
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>"
            f"{self.ages.get(key, datetime.now(UTC)).isoformat()}</LastModified></Contents>"
            for key in self.objects
            if key.startswith(prefix)
        )
        return (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{self.name}</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        )


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        super().__init__(("127.0.0.1", 0), _Request)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if (key := self._key()) is None:
            return
        bucket = self.server.bucket
        if bucket.refused:
            bucket.refused -= 1
            self._refuse()
            return
        bucket.objects[key] = content
        self._send(200)

    def do_GET(self) -> None:
        if self._key() is not None:
            prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
            self._send(200, self.server.bucket.listing(prefix))

    def do_DELETE(self) -> None:
        if (key := self._key()) is not None:
            self.server.bucket.objects.pop(key, None)
            self._send(204)

    def _key(self) -> str | None:
        """Return the object's key; answers requests without our key, or to another bucket."""
        bucket, _, key = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        signed = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"
        if not self.headers.get("Authorization", "").startswith(signed):
            self._refuse()
        elif bucket != self.server.bucket.name:
            self._send(404, "<Error><Code>NoSuchBucket</Code></Error>")
        else:
            return key
        return None

    def _refuse(self) -> None:
        self._send(403, "<Error><Code>AccessDenied</Code></Error>")

    def _send(self, status: int, text: str = "") -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass
