"""WebDriver BiDi, the standard protocol to drive both Chromium and Firefox.

Chromium speaks it through Debian's chromedriver, Firefox by itself. Nothing is downloaded.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PATIENCE = 60
"""Seconds that a browser may take for one thing; only what hangs takes longer."""

_START = 240
"""Seconds that it may take to start: 8 of a processor, which a busy machine gives it late."""

_CHROMIUM_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

# Firefox asks nobody for anything, and shows the page in light colours wherever it runs.
_FIREFOX_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.update.enabled": False,
    "browser.download.alwaysOpenPanel": False,
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.systemAddon.update.enabled": False,
    "layout.css.prefers-color-scheme.content-override": 1,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "nimbus.rollouts.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "data:,",
}


class BrowserError(Exception):
    """The browser refused a command."""


class Session:
    """A browser that takes commands and reports events."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def command(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result. Raises BrowserError, and TimeoutError."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            limit = _START if method == "session.new" else PATIENCE
            answer = json.loads(self._socket.recv(timeout=limit))
            if answer.get("id") == self._number:
                if "result" not in answer:
                    raise BrowserError(f"{method}: {answer['error']}: {answer['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def events(self, method: str) -> list[dict[str, Any]]:
        """Return the events of a kind since the last call."""
        # What happened before this command is told before its answer.
        self.command("session.status")
        found = [event["params"] for event in self._events if event["method"] == method]
        self._events = [event for event in self._events if event["method"] != method]
        return found


@contextmanager
def chromium(profile: Path) -> Iterator[Session]:
    """Start Chromium with a profile of its own; it ends with the block."""
    options = {
        "binary": _program("chromium"),
        "args": [*_CHROMIUM_ARGUMENTS, f"--user-data-dir={profile}"],
    }
    with _chromedriver(profile) as port:
        wanted = {"webSocketUrl": True, "goog:chromeOptions": options}
        sessions = f"http://127.0.0.1:{port}/session"
        made = _asked("POST", sessions, {"capabilities": {"alwaysMatch": wanted}})
        try:
            with _connected(made["capabilities"]["webSocketUrl"]) as session:
                yield session
        finally:
            # Returns when the browser has ended, and writes to its profile no more.
            _asked("DELETE", f"{sessions}/{made['sessionId']}")


@contextmanager
def _chromedriver(folder: Path) -> Iterator[str]:
    """Start chromedriver; yield its port.

    It listens on a port that is free for IPv4, and ends if the same one is not for IPv6.
    """
    command = [_program("chromedriver", "chromium-driver"), "--port=0"]
    for attempts_left in reversed(range(5)):
        with _started(command, folder) as said:
            try:
                port = said(r"started successfully on port (\d+)")
            except AssertionError as error:
                if not attempts_left or "Address already in use" not in str(error):
                    raise
                continue
            yield port
            return


@contextmanager
def firefox(profile: Path) -> Iterator[Session]:
    """Start Firefox with a profile of its own; it ends with the block."""
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in _FIREFOX_PREFERENCES.items()
    ]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    arguments = ["--headless", "--remote-debugging-port=0", "--profile", str(profile)]
    with _started([_program("firefox-esr"), *arguments], profile) as said:
        address = said(r"BiDi listening on (ws://\S+)")
        with _connected(f"{address}/session") as session:
            session.command("session.new", capabilities={"alwaysMatch": {}})
            try:
                yield session
            finally:
                session.command("browser.close")


def _program(name: str, package: str = "") -> str:
    path = shutil.which(name)
    assert path, f"install Debian's {package or name}"
    return path


@contextmanager
def _started(command: Sequence[str], folder: Path) -> Iterator[Any]:
    """Start a process; yield a function that waits for its output to match and returns a group."""
    log = folder / "browser.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def said(pattern: str) -> str:
        until = time.monotonic() + _START
        while time.monotonic() < until:
            text = log.read_text(encoding="utf-8", errors="replace")
            if found := re.search(pattern, text):
                return found[1]
            assert process.poll() is None, f"{command[0]} ended: {text}"
            time.sleep(0.02)
        raise TimeoutError(f"{command[0]} did not start: {text}")

    try:
        yield said
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _connected(address: str) -> Iterator[Session]:
    # A busy browser may be late to answer a ping.
    with connect(
        address, max_size=None, ping_interval=None, proxy=None, compression=None
    ) as socket:
        yield Session(socket)


def _asked(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    """Return chromedriver's answer to a command of its own."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=_START) as answer:
        return json.load(answer)["value"]
