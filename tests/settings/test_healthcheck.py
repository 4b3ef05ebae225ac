"""The image's health check, against a platform that answers as OpenCTI does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.operations.status import Run, Status
from shadowserver_connector.operations.status_file import write_status

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.integration


class Platform(ThreadingHTTPServer):
    """Answers every request with the same status and body, and records the last request."""

    status = 200
    body: Any = None
    headers: dict[str, str]
    request_body: Any = None


class Handler(BaseHTTPRequestHandler):
    """Answers on behalf of `Platform`."""

    server: Platform

    def do_POST(self) -> None:
        """Record the request and answer."""
        self.server.headers = dict(self.headers)
        self.server.request_body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(self.server.body).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform on a free port of the loopback interface."""
    with Platform(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def health(tmp_path: Path, url: str, *options: str, **environ: str) -> tuple[int, str]:
    """Run the check as Docker does; return its exit code and its line."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "src" / "healthcheck.py"), *options],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            # Others may have left the status of a connector with this id.
            "TMPDIR": str(tmp_path),
            "OPENCTI_URL": url,
            "OPENCTI_TOKEN": "token",
            "CONNECTOR_ID": "0f0e0d0c-0000-4000-8000-00000000feed",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("status", "body", "code", "line"),
    [
        (200, {"data": {"connector": {"active": True}}}, 0, "OpenCTI hears from"),
        (200, {"data": {"connector": {"active": False}}}, 1, "OpenCTI has not heard from"),
        (200, {"data": {"connector": None}}, 1, "OpenCTI has not heard from"),
        (200, {"errors": [{"message": "down"}], "data": None}, 0, "OpenCTI does not answer"),
        (200, ["odd"], 0, "OpenCTI does not answer"),
        (503, {}, 0, "OpenCTI does not answer"),
    ],
)
def test_health(
    platform: Platform, tmp_path: Path, status: int, body: object, code: int, line: str
) -> None:
    """A connector is unhealthy only if OpenCTI answers and does not hear from it."""
    platform.status, platform.body = status, body
    found = health(
        tmp_path,
        f"http://127.0.0.1:{platform.server_port}",
        OPENCTI_CUSTOM_HEADERS="X-First:1; X-Second : two",
    )
    assert found[0] == code
    assert found[1].startswith(line)
    assert platform.request_body["variables"] == {"id": "0f0e0d0c-0000-4000-8000-00000000feed"}
    assert platform.headers["Authorization"] == "Bearer token"
    assert platform.headers["X-First"] == "1"
    assert platform.headers["X-Second"] == "two"


@pytest.mark.parametrize(("minutes", "code"), [(1, 0), (6, 1)])
def test_health_by_the_heartbeat(
    platform: Platform, tmp_path: Path, minutes: int, code: int
) -> None:
    """A process that is gone or stuck is unhealthy, even if OpenCTI has not noticed yet."""
    platform.body = {"data": {"connector": {"active": True}}}
    file = tmp_path / "status.json"
    then = datetime.now(UTC) - timedelta(minutes=minutes)
    write_status(file, Status(then, then))
    url = f"http://127.0.0.1:{platform.server_port}"
    found = health(tmp_path, url, SHADOWSERVER_STATUS_FILE=str(file))
    assert found[0] == code
    assert ("no heartbeat" in found[1]) == bool(code)


@pytest.mark.parametrize(("options", "code"), [((), 1), (("--alive",), 0)])
def test_health_is_the_verdict_of_the_status(
    platform: Platform, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    """A problem that the status reports is unhealthy, unless the option limits the
    check to the heartbeat.
    """
    platform.body = {"data": {"connector": {"active": True}}}
    now, file = datetime.now(UTC), tmp_path / "status.json"
    last = Run(now, now, reason="the key is refused; check it", cause="credentials")
    write_status(file, Status(now, now, last=last, next_run=now + timedelta(hours=1)))
    url = f"http://127.0.0.1:{platform.server_port}"
    found = health(tmp_path, url, *options, SHADOWSERVER_STATUS_FILE=str(file))
    assert found[0] == code
    assert found[1].startswith("NOT OK: the last run did not complete: the key") == bool(code)


def test_health_without_a_platform(platform: Platform, tmp_path: Path) -> None:
    """A platform that cannot be reached does not make the connector unhealthy."""
    url = f"http://127.0.0.1:{platform.server_port}"
    platform.server_close()
    assert health(tmp_path, url)[0] == 0


def test_health_with_wrong_settings(tmp_path: Path) -> None:
    """With wrong settings the check fails and prints the reason."""
    code, line = health(tmp_path, "ChangeMe")
    assert code == 1
    assert line.startswith("OPENCTI_URL is not set")
