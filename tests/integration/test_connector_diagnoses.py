"""`run` says why it waits for OpenCTI, as exactly as `check` does."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shadowserver_connector.simulator.server import Simulator
from tests.api.tls import certificates
from tests.connector.world import KEY, SECRET, World, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.server import Server

pytestmark = pytest.mark.integration


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(1, 1, 1), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def a_web_page(world: World) -> Iterator[dict[str, str]]:
    """Set the URL of a server that is not OpenCTI."""
    server = Server(lambda headers, call: (404, b"<html>Not found</html>"))
    server.start()
    try:
        yield {"opencti_url": f"http://127.0.0.1:{server.port}"}
    finally:
        server.stop()


@contextmanager
def an_unknown_certificate(world: World) -> Iterator[dict[str, str]]:
    """Set the URL of a server whose certificate no CA has signed."""
    _, tls = certificates(world.folder, "localhost")
    server = Server(lambda headers, call: (200, b"{}"), tls)
    server.start()
    try:
        yield {"opencti_url": f"https://localhost:{server.port}"}
    finally:
        server.stop()


@contextmanager
def a_proxy_that_is_away(world: World) -> Iterator[dict[str, str]]:
    """Set a proxy that does not exist."""
    proxy = f"http://127.0.0.1:{free_port()}"
    yield {"opencti_url": "http://opencti.example.org", "http_proxy": proxy}


@contextmanager
def nobody(world: World) -> Iterator[dict[str, str]]:
    """Set the URL of a port where nothing listens."""
    yield {"opencti_url": f"http://127.0.0.1:{free_port()}"}


CASES: dict[str, tuple[Callable[..., object], tuple[str, ...]]] = {
    "a wrong URL": (a_web_page, ("404", "OPENCTI_URL")),
    "a certificate": (an_unknown_certificate, ("certificate", "OPENCTI_CA_BUNDLE")),
    "a proxy": (a_proxy_that_is_away, ("proxy", "HTTP_PROXY")),
    "an OpenCTI that is down": (nobody, ("refused", "OPENCTI_URL")),
}


def test_each_trouble_has_a_line_of_its_own(world: World) -> None:
    """While it waits, `run` logs the reason that `check` gives."""
    reasons = {}
    for name, (trouble, words) in CASES.items():
        with trouble(world) as settings:  # type: ignore[attr-defined]
            before = len(world.logs())
            with world.connector("run", **settings):
                world.until(lambda before=before: '"Waiting"' in world.logs()[before:], 300)
            checked = world.command("check", "--json", **settings)
        lines = [json.loads(line) for line in world.logs()[before:].splitlines() if line[:1] == "{"]
        [waiting] = [line["attributes"] for line in lines if line["message"] == "Waiting"]
        assert waiting["for"] == "OpenCTI"
        for word in words:
            assert word.lower() in waiting["reason"].lower(), name
        assert waiting["reason"] in checked.stdout
        reasons[name] = waiting["reason"]
    assert len(set(reasons.values())) == len(CASES)


def test_a_refused_token_ends_it(world: World) -> None:
    """A refused token ends the start with exit code 4 and a line that names the token."""
    with world.connector("run", opencti_token="00000000-0000-4000-8000-00000000dead") as process:
        assert process.wait(300) == 4
    last = json.loads(world.logs().splitlines()[-1])
    assert "OPENCTI_TOKEN" in last["attributes"]["reason"]
    assert '"Waiting"' not in world.logs()
    status = world.command("status")
    assert status.returncode == 1
    assert status.stdout.startswith("NOT OK: the connector exited: OpenCTI refuses OPENCTI_TOKEN")
