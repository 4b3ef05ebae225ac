"""A deadline for a whole HTTP exchange, whatever the other side still sends.

The HTTP libraries limit only each single read. A server that sends a header byte by byte, endless
1xx answers, or empty chunks keeps every read in time. So each operation on the connection gets only
the time that is left of the whole.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore


# One of httpcore's, as httpx converts only those to its own time-outs.
class TooLateError(httpcore.ReadTimeout):
    """The deadline has passed; the text says what is missing, in our own words."""


class Deadline:
    """When an exchange must be over, counted from its first use of the network."""

    def __init__(
        self,
        seconds: float,
        missing: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``missing`` is what to say when it has passed."""
        self._clock = clock
        # The wait for a free connection of the pool comes first and does not count.
        self._begun: float | None = None
        self._seconds = seconds
        self._missing = missing or f"no answer in time ({seconds:g} seconds)"

    def allow(self, seconds: float, missing: str | None = None) -> None:
        """Set another deadline, counted from the same start; ``None`` keeps what is said then."""
        self._seconds = seconds
        self._missing = missing or self._missing

    def left(self) -> float:
        """Return the seconds that are left, more than 0. Raises TooLateError."""
        now = self._clock()
        if self._begun is None:
            self._begun = now
        left = self._begun + self._seconds - now
        if left <= 0:
            raise TooLateError(self._missing)
        return left


# A variable, as httpcore tells its connections nothing of the request that they are used for.
_current: ContextVar[Deadline | None] = ContextVar("shadowserver_deadline", default=None)


@contextmanager
def enforcing(deadline: Deadline) -> Iterator[None]:
    """Apply the deadline to the HTTP requests that this thread makes inside."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def _bounded(seconds: float | None) -> float | None:
    deadline = _current.get()
    if deadline is None:
        return seconds
    left = deadline.left()
    return left if seconds is None else min(seconds, left)


@contextmanager
def _tell_timeouts_apart() -> Iterator[None]:
    """Distinguish the time-out of one operation from the end of the whole."""
    try:
        yield
    except httpcore.TimeoutException:
        # Raises another error if it is the time of the whole that is over.
        _bounded(None)
        raise


class DeadlineBackend(httpcore.SyncBackend):
    """Connections that keep the deadline of the thread that uses them."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        with _tell_timeouts_apart():
            stream = super().connect_tcp(
                host, port, _bounded(timeout), local_address, socket_options
            )
        return _Stream(stream)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _tell_timeouts_apart():
            return self._stream.read(max_bytes, _bounded(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _tell_timeouts_apart():
            self._stream.write(buffer, _bounded(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        with _tell_timeouts_apart():
            stream = self._stream.start_tls(ssl_context, server_hostname, _bounded(timeout))
        return _Stream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
