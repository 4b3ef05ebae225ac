"""The simulated Reports API over HTTP, on this machine only.

with Simulator(store, key="key", secret="secret") as simulator:
    ReportsApi("key", "secret", ApiOptions(simulator.api_url, simulator.download_url))
"""

from __future__ import annotations

import hmac
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson

from shadowserver_connector.api.client import sign
from shadowserver_connector.simulator import methods
from shadowserver_connector.simulator.faults import (
    Fault,
    FaultKind,
    Faults,
    Reply,
    replaced,
    reply_of,
)
from shadowserver_connector.simulator.requests import Request, Requests
from shadowserver_connector.simulator.store import ReportStore

_API = "/api2/"
_DOWNLOADS = "/dl/"
_MAX_BODY = 1024**2
_DRIP = 64
# A peer may go away at any time; anything else is a defect of the simulator.
_GONE = (ConnectionError, TimeoutError, ssl.SSLError)


class Simulator:
    """A Reports API with the reports of a store, on 127.0.0.1, in threads of this process.

    ``port`` 0 takes a free one, ``tls`` serves https. ``faults`` schedules faults, ``requests``
    records the requests, ``connections`` counts the connections that were opened.
    """

    def __init__(
        self,
        store: ReportStore,
        *,
        key: str,
        secret: str,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.store = store
        self.key = key
        self.secret = secret
        self.faults = Faults()
        self.requests = Requests()
        self.connections = 0
        self.stopping = threading.Event()
        self._scheme = "https" if tls else "http"
        self._server = _Server(self, port, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    @property
    def api_url(self) -> str:
        """Base URL of the API's methods."""
        return f"{self._scheme}://127.0.0.1:{self.port}{_API}"

    @property
    def download_url(self) -> str:
        """Base URL of the downloads."""
        return f"{self._scheme}://127.0.0.1:{self.port}{_DOWNLOADS}"

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Cut all connections, end all threads, and free the port."""
        self.stopping.set()
        self._server.shutdown()
        self._server.cut_connections()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def reply(self, request: Request) -> Reply:
        """Return the right answer to a request."""
        try:
            if request.method == "POST" and request.path.startswith(_API):
                return self._api_reply(request)
            if request.method == "GET" and request.path.startswith(_DOWNLOADS):
                return self._file_reply(request.path.removeprefix(_DOWNLOADS))
            raise methods.RefusedError(404, "not found")
        except methods.RefusedError as error:
            return reply_of(error.status, orjson.dumps({"error": str(error)}))

    def _api_reply(self, request: Request) -> Reply:
        signature = request.headers.get("hmac2", "")
        if not hmac.compare_digest(signature.encode(), sign(request.body, self.secret).encode()):
            raise methods.RefusedError(403, "HMAC2 mismatch")
        try:
            fields = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise methods.RefusedError(400, "invalid JSON") from None
        if not isinstance(fields, dict) or fields.get("apikey") != self.key:
            raise methods.RefusedError(403, "invalid apikey")
        method = request.path.removeprefix(_API)
        return reply_of(200, orjson.dumps(methods.answer(self.store, method, fields)))

    def _file_reply(self, id: str) -> Reply:
        if id.startswith("test:"):
            _, id = methods.samples(self.store).get(id, (None, id))
        try:
            content = self.store.open(id)
        except KeyError:
            raise methods.RefusedError(404, "not found") from None
        return Reply(200, {"Content-Type": "text/csv"}, content.size, content.chunks)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, simulator: Simulator, port: int, tls: ssl.SSLContext | None) -> None:
        self.simulator = simulator
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            # The handshake happens at the first read, so that it cannot block other clients.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        with self._lock:
            self.simulator.connections += 1
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        lingering = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        if struct.unpack("ii", lingering)[0]:
            # Closing without a shutdown first is what makes it a reset.
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), _GONE):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ReportsApiSimulator"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: paths are download links."""

    def _handle(self) -> None:
        simulator = self.server.simulator
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _MAX_BODY:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        simulator.requests.add(request)
        fault = simulator.faults.take(request.path)
        reply = simulator.reply(request)
        try:
            if fault is None:
                self._send(request, reply)
            else:
                self._send_broken(request, replaced(reply, fault), fault)
        except _GONE:
            self.close_connection = True

    def _send_broken(self, request: Request, reply: Reply, fault: Fault) -> None:
        if fault.kind is FaultKind.HANG:
            self.server.simulator.stopping.wait(fault.seconds)
            self.close_connection = True
        elif fault.kind is FaultKind.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        elif fault.kind is FaultKind.TRUNCATED:
            self._send_half(request, reply)
        elif fault.kind is FaultKind.SLOW:
            self._send(request, _dripping(reply, fault.seconds, self.server.simulator.stopping))
        else:
            self._send(request, reply)

    def _send(self, request: Request, reply: Reply) -> None:
        self._send_head(request, reply)
        for chunk in reply.chunks:
            self._send_chunk(request, chunk, chunked=reply.size is None)
        if reply.size is None:
            self.wfile.write(b"0\r\n\r\n")

    def _send_half(self, request: Request, reply: Reply) -> None:
        body = b"".join(reply.chunks)
        self._send_head(request, reply)
        self._send_chunk(request, body[: len(body) // 2], chunked=reply.size is None)
        self.close_connection = True

    def _send_head(self, request: Request, reply: Reply) -> None:
        request.status = reply.status
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.size is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(reply.size))
        self.end_headers()

    def _send_chunk(self, request: Request, chunk: bytes, *, chunked: bool) -> None:
        if not chunk:
            return
        self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        request.sent += len(chunk)


def _dripping(reply: Reply, seconds: float, stopping: threading.Event) -> Reply:
    def pieces() -> Iterator[bytes]:
        for chunk in reply.chunks:
            for start in range(0, len(chunk), _DRIP):
                stopping.wait(seconds)
                yield chunk[start : start + _DRIP]

    return Reply(reply.status, reply.headers, reply.size, pieces())
