"""Faults on demand: what the simulator does wrong, where, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultKind(StrEnum):
    """What goes wrong. The first group replaces the answer, the second disturbs its transfer."""

    STATUS = "status"
    """Answers with `Fault.status` and ``{"error": ...}``."""
    ERROR = "error"
    """Answers 200 with ``{"error": ...}``."""
    CREDENTIALS = "credentials"
    """Answers 200 with an ``{"error": ...}`` that speaks of the key."""
    BROKEN_JSON = "broken-json"
    """Answers 200 with JSON that ends in the middle."""
    WRONG_JSON = "wrong-json"
    """Answers 200 with JSON of a shape that nobody asked for."""
    DEEP_JSON = "deep-json"
    """Answers 200 with a hundred thousand nested lists."""
    HTML = "html"
    """Answers 200 with a web page."""
    EMPTY = "empty"
    """Answers 200 with 0 bytes."""
    REDIRECT = "redirect"
    """Answers 302 to `Fault.location`."""
    HUGE = "huge"
    """Answers 200 with a body that does not end."""

    TRUNCATED = "truncated"
    """Sends the first half of the body, then closes."""
    SLOW = "slow"
    """Sends the body in small pieces, `Fault.seconds` apart."""
    HANG = "hang"
    """Sends nothing for `Fault.seconds`, then closes."""
    RESET = "reset"
    """Resets the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, for the requests whose path matches."""

    kind: FaultKind
    path: str = "*"
    """Shell pattern of the request's path: ``/api2/reports/list``, ``/dl/*``."""
    times: int | None = 1
    """How many requests it hits; None: all, until `Faults.clear`."""
    skip: int = 0
    """How many matching requests are answered normally before."""
    status: int = 503
    retry_after: str | None = None
    """Value of the ``Retry-After`` header, sent with a replaced answer."""
    location: str = ""
    seconds: float = 0.0


class Faults:
    """The faults that are still to happen; the first that matches a request hits it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Schedule a fault after those already there."""
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._pending.clear()

    def take(self, path: str) -> Fault | None:
        """Return the fault that hits a request for ``path``, and count it."""
        with self._lock:
            for index, fault in enumerate(self._pending):
                if not fnmatchcase(path, fault.path):
                    continue
                if fault.skip:
                    self._pending[index] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times is not None:
                    left = replace(fault, times=fault.times - 1)
                    self._pending[index : index + 1] = [left] if left.times else []
                return fault
        return None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer on its way out; ``size`` None means chunked."""

    status: int
    headers: Mapping[str, str]
    size: int | None
    chunks: Iterator[bytes]


def reply_of(status: int, body: bytes, content_type: str = "application/json") -> Reply:
    """Return a reply with this body."""
    return Reply(status, {"Content-Type": content_type}, len(body), iter([body]))


_BODIES: Mapping[FaultKind, tuple[bytes, str]] = {
    FaultKind.ERROR: (b'{"error": "something went wrong"}', "application/json"),
    FaultKind.CREDENTIALS: (b'{"error": "invalid apikey"}', "application/json"),
    FaultKind.BROKEN_JSON: (b'[{"id": "', "application/json"),
    FaultKind.WRONG_JSON: (b'{"answer": [42]}', "application/json"),
    FaultKind.DEEP_JSON: (b"[" * 100_000 + b"]" * 100_000, "application/json"),
    FaultKind.HTML: (b"<!DOCTYPE html><html><h1>Maintenance</h1></html>", "text/html"),
    FaultKind.EMPTY: (b"", "text/csv"),
}


def replaced(reply: Reply, fault: Fault) -> Reply:
    """Return what is answered instead of ``reply``; itself if only its transfer is disturbed."""
    if fault.kind in _BODIES:
        other = reply_of(200, *_BODIES[fault.kind])
    elif fault.kind is FaultKind.STATUS:
        other = reply_of(fault.status, b'{"error": "simulated fault"}')
    elif fault.kind is FaultKind.REDIRECT:
        other = replace(reply_of(302, b""), headers={"Location": fault.location})
    elif fault.kind is FaultKind.HUGE:
        other = Reply(200, {"Content-Type": "application/json"}, None, _endless())
    else:
        return reply
    if fault.retry_after is None:
        return other
    return replace(other, headers={**other.headers, "Retry-After": fault.retry_after})


def _endless() -> Iterator[bytes]:
    yield b'["'
    while True:
        yield b" " * 65536
