"""The requests that the simulator received, for tests and benchmarks to count."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(slots=True)
class Request:
    """One request; ``sent`` grows while its answer's body goes out."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    status: int = 0
    """Status answered; 0 where the connection was broken instead."""
    sent: int = 0


class Requests:
    """All requests so far, in the order of their arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Request] = []

    def add(self, request: Request) -> None:
        """Record a request that has just arrived."""
        with self._lock:
            self._all.append(request)

    def matching(self, method: str = "*", path: str = "*") -> list[Request]:
        """Return the requests whose method and path match these shell patterns."""
        with self._lock:
            return [
                request
                for request in self._all
                if fnmatchcase(request.method, method) and fnmatchcase(request.path, path)
            ]

    def count(self, method: str = "*", path: str = "*") -> int:
        """Return how many requests match."""
        return len(self.matching(method, path))

    def bytes_sent(self, method: str = "*", path: str = "*") -> int:
        """Return how many bytes of response bodies were sent for the matching requests."""
        return sum(request.sent for request in self.matching(method, path))

    def clear(self) -> None:
        """Reset the counts."""
        with self._lock:
            self._all.clear()
