"""The HTTP side of the stand-in: requests in, answers out, files by multipart, faults on demand."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes]
Handler = Callable[[Mapping[str, str], dict[str, Any]], Answer | None]
"""Takes headers (lower case) and the decoded call; None closes the connection unanswered."""


class Server:
    """An HTTP server on one loopback port that can be stopped and started again."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._server: _Http | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    def start(self) -> None:
        """Listen; the second time on the same port as before."""
        if self._server is None:
            self._server = _Http(("127.0.0.1", self.port), self._handler)
            self.port = self._server.server_address[1]
            if self._tls is not None:
                self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
            self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
            self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, also those that are kept alive."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut_connections()
            self._thread.join()
            self._server = None


class _Http(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: Handler) -> None:
        self.handler = handler
        self._open: set[socket.socket] = set()
        super().__init__(address, _Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away is what several tests are about.
        pass


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path != "/graphql":
            return self._send(404, b"Cannot POST here")
        answer = self.server.handler(headers, decode(headers.get("content-type", ""), body))
        if answer is None:
            self.close_connection = True
            return None
        return self._send(*answer)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def decode(content_type: str, body: bytes) -> dict[str, Any]:
    """Return {"query", "variables"} of a request; uploads stand in the variables as dicts.

    An upload is {"name", "content", "mime"}, put where the request's `map` says
    (GraphQL multipart request specification).
    """
    if not content_type.startswith("multipart/form-data"):
        call: dict[str, Any] = json.loads(body)
        return call
    parts = _multipart(content_type, body)
    call = json.loads(parts["operations"]["content"])
    for number, paths in json.loads(parts["map"]["content"]).items():
        for path in paths:
            _put(call, path.split("."), parts[number])
    return call


def _multipart(content_type: str, body: bytes) -> dict[str, dict[str, Any]]:
    boundary = b"--" + content_type.partition("boundary=")[2].strip('"').encode()
    parts = {}
    for chunk in body.split(boundary)[1:-1]:
        head, _, content = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        lines = {name.lower(): value for name, value in lines.items()}
        disposition = dict(
            item.strip().split("=", 1)
            for item in lines["content-disposition"].split(";")
            if "=" in item
        )
        parts[disposition["name"].strip('"')] = {
            "name": disposition.get("filename", "").strip('"'),
            "content": content.removesuffix(b"\r\n"),
            "mime": lines.get("content-type", ""),
        }
    return parts


def _put(call: dict[str, Any], path: list[str], value: dict[str, Any]) -> None:
    place: Any = call
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(path[-1])] = value
    else:
        place[path[-1]] = value
