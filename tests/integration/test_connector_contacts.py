"""The hosts that the connector contacts, and how it verifies them."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from shadowserver_connector.simulator.server import Simulator
from tests.api.tls import certificates
from tests.connector.world import KEY, SECRET, World, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

# Python imports this before anything else, in the connector and in every process that it starts.
_WITNESS = """
import json, os, sys

def wakes_itself_up():
    # pika makes a pair of connected sockets by way of a port of its own.
    frame = sys._getframe()
    while frame and not frame.f_code.co_name.endswith("nonblocking_socketpair"):
        frame = frame.f_back
    return frame is not None

def write(event, args):
    if event in ("socket.connect", "socket.sendto"):
        if wakes_itself_up():
            return
        seen = list(args[1]) if isinstance(args[1], tuple) else [str(args[1])]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        seen = [str(args[0])]
    else:
        return
    with open(os.environ["WITNESS"], "a") as file:
        file.write(json.dumps([event, *seen]) + "\\n")

sys.addaudithook(write)
"""


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def test_only_the_configured_hosts_are_contacted(world: World, tmp_path: Path) -> None:
    """Connections and DNS look-ups go only to OpenCTI, its broker and Shadowserver."""
    (tmp_path / "sitecustomize.py").write_text(_WITNESS)
    witness = tmp_path / "witness.jsonl"
    assert world.run(pythonpath=tmp_path, witness=witness, shadowserver_workers=2) == 0
    assert world.done() == 4
    seen = {tuple(json.loads(line)) for line in witness.read_text().splitlines()}
    ports = {
        urlsplit(url).port
        for url in (world.platform.url, world.simulator.api_url, world.simulator.download_url)
    }
    connected = {tuple(args) for event, *args in seen if event == "socket.connect"}
    assert connected == {("127.0.0.1", port) for port in ports | {world.broker.port}}
    assert {args[0] for event, *args in seen if event != "socket.connect"} <= {"127.0.0.1"}


def test_wrong_setting_is_told_before_anything_is_contacted(world: World, tmp_path: Path) -> None:
    """One line names setting, source and valid values, and no server is contacted."""
    (tmp_path / "sitecustomize.py").write_text(_WITNESS)
    witness = tmp_path / "witness.jsonl"
    ended = world.start_by_hand(
        pythonpath=tmp_path, witness=witness, shadowserver_notes="sometimes"
    )
    assert ended.returncode == 3
    [line] = ended.stderr.splitlines()
    for word in ("SHADOWSERVER_NOTES", "environment", "finding", "host", "none", "auto"):
        assert word in line
    assert not witness.exists()
    assert world.platform.requests == []


class Stranger(NamedTuple):
    """A server with a self-signed certificate."""

    url: str
    ca_file: Path
    refused: threading.Event
    """Set once a client has broken off the handshake over the certificate."""
    received: list[bytes]
    """What clients have sent after the handshake."""


@contextmanager
def stranger(folder: Path) -> Iterator[Stranger]:
    """Replace OpenCTI by a server whose certificate no CA has signed."""
    ca_file, tls = certificates(folder, "localhost")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    seen = Stranger(f"https://localhost:{port}", ca_file, threading.Event(), [])

    def serve() -> None:
        # Ends when the listener is shut down.
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                client.settimeout(10)
                try:
                    with tls.wrap_socket(client, server_side=True) as secured:
                        seen.received.append(secured.recv(65536))
                except ssl.SSLError as error:
                    if "CERTIFICATE" in str(error) or "UNKNOWN_CA" in str(error):
                        seen.refused.set()
                except OSError:
                    client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_certificate_that_nobody_vouches_for_is_refused(world: World, tmp_path: Path) -> None:
    """By default the token is sent only to a server with a verified certificate."""
    with stranger(tmp_path) as seen, world.connector(opencti_url=seen.url) as process:
        world.until(seen.refused.is_set)
        world.until(lambda: '"Waiting"' in world.logs())
        assert process.terminate(10) == 130
        assert seen.received == []


@pytest.mark.parametrize("trust", ["the authority", "everyone"])
def test_certificate_is_accepted_where_that_is_asked_for(
    trust: str, world: World, tmp_path: Path
) -> None:
    """With its CA known, or verification switched off, the server is used."""
    with stranger(tmp_path) as seen:
        settings = {
            "the authority": {"requests_ca_bundle": seen.ca_file},
            "everyone": {"opencti_ssl_verify": "false"},
        }[trust]
        with world.connector(opencti_url=seen.url, **settings) as process:
            world.until(lambda: bool(seen.received))
            assert process.terminate(10) == 130
        assert not seen.refused.is_set()
        assert b"POST /graphql" in seen.received[0]
