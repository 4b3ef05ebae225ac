"""The part of ``check`` that asks OpenCTI, against a server that answers as OpenCTI does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.connector.helper import pycti_version
from shadowserver_connector.settings.network import NETWORK_VARIABLES
from tests.cli.conftest import Run

pytestmark = pytest.mark.integration

RunJson = Callable[..., tuple[Any, int]]
TOKEN = "opencti-token-0123456789"


class Platform(ThreadingHTTPServer):
    """Gives every request the same answer."""

    body: Any = None
    date: str | None = None
    token = ""

    @property
    def account(self) -> dict[str, str]:
        """Return the environment variables that lead to this platform."""
        return {
            "OPENCTI_URL": f"http://127.0.0.1:{self.server_port}",
            "OPENCTI_TOKEN": TOKEN,
            "CONNECTOR_ID": "0f0e0d0c-0000-4000-8000-00000000feed",
        }


class Handler(BaseHTTPRequestHandler):
    """Answers on behalf of `Platform`."""

    server: Platform

    def do_POST(self) -> None:
        """Answer."""
        self.server.token = self.headers["Authorization"]
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps(self.server.body).encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(answer)))
        if self.server.date:
            self.send_header("Date", self.server.date)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.fixture
def platform() -> Iterator[Platform]:
    """Serve on a free port of the loopback interface."""
    with Platform(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_opencti_answers(run_json: RunJson, account: dict[str, str], platform: Platform) -> None:
    """OpenCTI's version is shown, and its clock only if it differs."""
    platform.body = {"data": {"about": {"version": "7.1.0"}}}
    platform.date = formatdate(usegmt=True)
    told, code = run_json("check", **account, **platform.account)
    assert code == 0
    assert told["opencti"] == f"ok, version 7.1.0, with pycti {pycti_version()}"
    assert told["clock"] == []
    assert platform.token == f"Bearer {TOKEN}"


def test_a_wrong_clock_is_a_warning(
    run_json: RunJson, account: dict[str, str], platform: Platform
) -> None:
    """A clock that differs from OpenCTI's is reported with exit code 0."""
    platform.body = {"data": {"about": {"version": "7.1.0"}}}
    platform.date = "Sun, 10 Mar 2024 12:00:00 GMT"
    told, code = run_json("check", **account, **platform.account)
    assert code == 0
    [line] = told["clock"]
    assert "ahead of OpenCTI's" in line


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"errors": [{"name": "AUTH_REQUIRED", "message": "x"}], "data": None}, 4, "refuses"),
        ({"errors": [{"name": "OTP_REQUIRED", "message": "x"}], "data": None}, 4, "refuses"),
        (
            {"errors": [{"message": "x", "extensions": {"code": "AUTH_REQUIRED"}}], "data": None},
            4,
            "refuses",
        ),
        ({"errors": [{"message": "x"}], "data": None}, 5, "no valid answer"),
        (["odd"], 5, "no valid answer"),
        ({"data": {}}, 5, "no valid answer"),
    ],
)
def test_opencti_says_no(
    run_json: RunJson, account: dict[str, str], platform: Platform, body: Any, code: int, said: str
) -> None:
    """A refused token has the exit code of credentials and is not retried."""
    platform.body = body
    told, found = run_json("check", **account, **platform.account)
    assert found == code
    assert said in told["opencti"]
    assert told["shadowserver"].startswith("ok")
    assert TOKEN not in json.dumps(told)


def test_opencti_is_not_there(
    run_json: RunJson, account: dict[str, str], platform: Platform
) -> None:
    """An OpenCTI that cannot be reached gives exit code 5."""
    there = platform.account
    platform.server_close()
    told, code = run_json("check", **account, **there)
    assert code == 5
    assert "does not answer" in told["opencti"]


def test_a_drop_folder_alone(run_json: RunJson, platform: Platform) -> None:
    """With a drop folder, no account with Shadowserver is needed."""
    platform.body = {"data": {"about": {"version": "7.1.0"}}}
    told, code = run_json("check", **platform.account, SHADOWSERVER_DROP_DIR="drop")
    assert code == 0
    assert told["shadowserver"] == "not configured"


def test_each_missing_setting_has_its_line(run: Run, run_json: RunJson) -> None:
    """People get a line for each missing setting, scripts one text."""
    result = run("check", OPENCTI_URL="http://127.0.0.1:1")
    lines = [line for line in result.stdout.splitlines() if " is not set" in line]
    assert [line.split(" is not set")[0] for line in lines] == [
        "OpenCTI: OPENCTI_TOKEN",
        "Shadowserver: SHADOWSERVER_API_KEY",
        "Shadowserver: SHADOWSERVER_API_SECRET",
    ]
    told, _ = run_json("check", OPENCTI_URL="http://127.0.0.1:1")
    assert told["opencti"].count(" is not set") == 1
    assert "\n" not in told["opencti"]


@pytest.mark.parametrize(
    "command",
    [("check",), ("subscriptions",), ("run", "--once"), ("import", "x.csv")],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1080"), ("REQUESTS_CA_BUNDLE", "/nowhere.pem")],
)
def test_a_way_out_that_cannot_be_used_is_a_setting(
    run: Run,
    account: dict[str, str],
    platform: Platform,
    command: tuple[str, ...],
    name: str,
    value: str,
) -> None:
    """Every command names an unusable proxy or CA setting before any connection."""
    Path("x.csv").write_text("ip\n")
    environ = {**account, **platform.account, **dict.fromkeys(NETWORK_VARIABLES, ""), name: value}
    result = run(*command, **environ)
    assert result.exit_code == 3
    assert name in result.output
    assert "Traceback" not in result.output
    assert platform.token == ""


def test_a_token_that_no_header_can_hold_is_named(
    run_json: RunJson, account: dict[str, str], platform: Platform
) -> None:
    """A token with characters that no header can hold is refused and not shown."""
    told, code = run_json(
        "check", **account, **platform.account | {"OPENCTI_TOKEN": "1234\u20145678"}
    )
    assert code == 5
    assert "OPENCTI_TOKEN" in told["opencti"]
    assert "1234" not in json.dumps(told)
