"""Deadlines of an exchange, on connections as the HTTP library uses them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import httpcore
import pytest

from shadowserver_connector.api.connection import Deadline, DeadlineBackend, TooLateError, enforcing

SHORT = 0.05
LONG = 30.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Yield a server that accepts connections and sends nothing by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connected(listener: socket.socket) -> tuple[httpcore.NetworkStream, socket.socket]:
    """Return both ends of a connection."""
    stream = DeadlineBackend().connect_tcp(*listener.getsockname(), timeout=LONG)
    return stream, listener.accept()[0]


def test_time_is_over_at_the_moment_itself() -> None:
    """A deadline starts with its first use and expires exactly after its seconds."""
    now = [100.0]
    deadline = Deadline(10, clock=lambda: now[0])
    now[0] = 200.0
    assert deadline.left() == 10
    now[0] = 209.0
    assert deadline.left() == 1
    now[0] = 210.0
    with pytest.raises(TooLateError, match=r"^no answer in time \(10 seconds\)$"):
        deadline.left()


def test_more_time_is_counted_from_the_same_begin() -> None:
    """More time counts from the same start, and gives the error another reason."""
    now = [0.0]
    deadline = Deadline(10, clock=lambda: now[0])
    deadline.left()
    now[0] = 9.0
    deadline.allow(20, "the rest is missing")
    assert deadline.left() == 11
    now[0] = 20.5
    with pytest.raises(TooLateError, match="the rest is missing"):
        deadline.left()


@pytest.mark.parametrize("use", ["read", "write", "start_tls"])
@pytest.mark.parametrize("timeout", [LONG, None])
def test_what_takes_too_long_is_ended(
    listener: socket.socket, use: str, timeout: float | None
) -> None:
    """A deadline ends an operation with a longer time-out, or with none."""
    stream, other = connected(listener)
    with other, enforcing(Deadline(SHORT)), pytest.raises(TooLateError, match="no answer in time"):
        _use(stream, use, timeout)
    stream.close()


@pytest.mark.parametrize(
    ("use", "error"),
    [
        ("read", httpcore.ReadTimeout),
        ("write", httpcore.WriteTimeout),
        ("start_tls", httpcore.ConnectTimeout),
    ],
)
@pytest.mark.parametrize("within", [True, False])
def test_time_out_of_an_operation_is_told_from_the_end(
    listener: socket.socket, use: str, error: type[Exception], within: bool
) -> None:
    """An operation's time-out that is shorter than the deadline raises its own error."""
    stream, other = connected(listener)
    end = enforcing(Deadline(LONG)) if within else nullcontext()
    with other, end, pytest.raises(error) as caught:
        _use(stream, use, SHORT)
    assert not isinstance(caught.value, TooLateError)
    stream.close()


def _use(stream: httpcore.NetworkStream, use: str, timeout: float | None) -> None:
    if use == "read":
        stream.read(1, timeout)
    elif use == "write":
        stream.write(b"x" * (32 * 1024 * 1024), timeout)
    else:
        stream.start_tls(ssl.create_default_context(), "host.example", timeout)


def test_deadline_is_that_of_the_block(listener: socket.socket) -> None:
    """After the block, its deadline no longer applies."""
    stream, other = connected(listener)
    with other:
        over = Deadline(0)
        with enforcing(Deadline(LONG)):
            with pytest.raises(TooLateError), enforcing(over):
                stream.read(1, LONG)
            other.sendall(b"ab")
            assert stream.read(1, LONG) == b"a"
        assert stream.read(1, LONG) == b"b"
    stream.close()


def test_connection_carries_what_it_is_given(listener: socket.socket) -> None:
    """A connection reads, writes, tells its addresses and closes like any other."""
    stream, other = connected(listener)
    with other, enforcing(Deadline(LONG)):
        stream.write(b"question", LONG)
        assert other.recv(100) == b"question"
        other.sendall(b"answer")
        assert stream.read(4, LONG) == b"answ"
        assert stream.read(4, LONG) == b"er"
        assert stream.get_extra_info("client_addr") == other.getpeername()
        stream.close()
        assert other.recv(100) == b""


def test_connection_is_opened_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection opens within the time left, from the given local address."""
    asked: list[Any] = []

    def connect(self: object, *args: Any) -> Any:
        asked.append(args)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    options = [(1, 2, 3)]
    with enforcing(Deadline(10, clock=lambda: 0.0)):
        DeadlineBackend().connect_tcp("192.0.2.1", 443, 60.0, "192.0.2.9", options)
        DeadlineBackend().connect_tcp("192.0.2.1", 443, 5.0)
    DeadlineBackend().connect_tcp("192.0.2.1", 443)
    assert asked == [
        ("192.0.2.1", 443, 10.0, "192.0.2.9", options),
        ("192.0.2.1", 443, 5.0, None, None),
        ("192.0.2.1", 443, None, None, None),
    ]


def test_connection_that_is_not_made_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection not made before the deadline raises the deadline's error."""
    now = [0.0]

    def connect(self: object, *args: Any) -> Any:
        now[0] += 10
        raise httpcore.ConnectTimeout

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with enforcing(Deadline(10, clock=lambda: now[0])), pytest.raises(TooLateError):
        DeadlineBackend().connect_tcp("192.0.2.1", 443, 60.0)
    with enforcing(Deadline(30, clock=lambda: now[0])), pytest.raises(httpcore.ConnectTimeout):
        DeadlineBackend().connect_tcp("192.0.2.1", 443, 60.0)


def _found(*addresses: str) -> list[Any]:
    family = socket.AF_INET
    return [(family, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]


def test_addresses_of_a_host_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address gets what is left, and none is tried after the end."""
    now = [0.0]
    asked: list[tuple[str, float]] = []

    def connect(self: object, host: str, port: int, timeout: float, *_: Any) -> Any:
        asked.append((host, timeout))
        now[0] += timeout
        raise httpcore.ConnectTimeout

    found = _found("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with enforcing(Deadline(25, clock=lambda: now[0])), pytest.raises(TooLateError):
        DeadlineBackend().connect_tcp("host.example", 443, 10.0)
    assert asked == [("192.0.2.1", 10.0), ("192.0.2.2", 10.0), ("192.0.2.3", 5.0)]


def test_next_address_is_tried_and_the_error_of_the_last_is_raised(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host is reached by the first address that answers."""
    _, port = listener.getsockname()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        unused = closed.getsockname()[1]
    look_up = socket.getaddrinfo

    def two(host: str, *more: Any, **named: Any) -> Any:
        if host == "host.example":
            return _found("127.0.0.2", "127.0.0.1")
        return look_up(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    stream = DeadlineBackend().connect_tcp("host.example", port, LONG)
    assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
    stream.close()
    with pytest.raises(httpcore.ConnectError):
        DeadlineBackend().connect_tcp("host.example", unused, LONG)


def test_host_without_an_address_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's error is one of connecting."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(httpcore.ConnectError, match="Name or service not known"):
        DeadlineBackend().connect_tcp("host.example", 443, LONG)
