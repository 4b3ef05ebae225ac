"""Works: what a connector announces, what workers report, and when a work is complete."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_MAX_ERRORS = 100


@dataclass(slots=True)
class Work:
    """One work of a connector."""

    id: str
    connector_id: str
    name: str
    multipart: bool
    timestamp: str
    status: str = "progress"
    expected: int = 0
    processed: int = 0
    closed: bool = False
    alive: bool = True
    """Whether the platform counts for it, and takes what workers send on its behalf."""
    received_time: str | None = None
    processed_time: str | None = None
    completed_time: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the work as GraphQL shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "user": {"name": "connector"},
            "timestamp": self.timestamp,
            "status": self.status,
            "event_source_id": self.connector_id,
            "received_time": self.received_time,
            "processed_time": self.processed_time,
            "completed_time": self.completed_time,
            "tracking": {
                "import_expected_number": self.expected,
                "import_processed_number": self.processed,
            },
            "messages": self.messages,
            "errors": self.errors,
        }

    def plain(self) -> dict[str, Any]:
        """Return what tests compare: no times."""
        return {
            "connector": self.connector_id,
            "name": self.name,
            "multipart": self.multipart,
            "status": self.status,
            "expected": self.expected,
            "processed": self.processed,
            "closed": self.closed,
            "messages": [message["message"] for message in self.messages],
            "errors": [error["message"] for error in self.errors],
        }


class Works:
    """All works by id.

    A change to a work that was deleted is ignored, as the platform does. So is what is expected
    and reported of one that is closed and complete: OpenCTI until spring 2026 forgets its counts,
    and refuses what a worker sends on its behalf. All of that is noted in ``too_late``.
    """

    def __init__(self) -> None:
        self.too_late: list[tuple[str, str]] = []
        self._works: dict[str, Work] = {}
        self._lock = threading.Lock()
        self._number = 0

    def add(self, connector_id: str, name: str, multipart: bool) -> Work:
        """Open a work."""
        with self._lock:
            self._number += 1
            now = _now()
            work = Work(
                f"work_{connector_id}_{now}_{self._number}", connector_id, name, multipart, now
            )
            work.received_time = now
            self._works[work.id] = work
            return work

    def get(self, work_id: str) -> Work | None:
        """Return a work, or None when it was deleted or never was."""
        return self._works.get(work_id)

    def is_alive(self, work_id: str) -> bool:
        """Tell whether something may still be done for a work."""
        work = self._works.get(work_id)
        return work is not None and work.alive

    def of(self, connector_id: str | None = None) -> list[Work]:
        """Return the works of a connector, or all, oldest first."""
        return [
            work for work in list(self._works.values()) if connector_id in (None, work.connector_id)
        ]

    def delete(self, work_id: str) -> None:
        """Forget a work, as a click in the user interface does."""
        with self._lock:
            self._works.pop(work_id, None)

    def expect(self, work_id: str, number: int) -> None:
        """Raise the number of reports that the work waits for."""
        with self._lock:
            if work := self._living(work_id, "expected"):
                work.expected += number

    def report(self, work_id: str, error: dict[str, Any] | None) -> None:
        """Take one report of a worker, of success or of an error with `error` and `source`."""
        with self._lock:
            if work := self._living(work_id, "reported"):
                work.processed += 1
                if error and len(work.errors) < _MAX_ERRORS:
                    work.errors.append(_entry(error.get("error"), error.get("source")))
                if not work.multipart or work.closed:
                    _complete_when_done(work)

    def received(self, work_id: str, message: str | None) -> None:
        """Mark a work as received."""
        with self._lock:
            if work := self._works.get(work_id):
                work.status = "progress"
                work.received_time = _now()
                if message:
                    work.messages.append(_entry(message))

    def close(self, work_id: str, message: str | None, in_error: bool) -> None:
        """Mark a work as processed: nothing will be added to it."""
        with self._lock:
            if work := self._works.get(work_id):
                work.closed = True
                work.processed_time = _now()
                if message:
                    (work.errors if in_error else work.messages).append(_entry(message))
                _complete_when_done(work)
                work.alive = work.status != "complete"

    def _living(self, work_id: str, what: str) -> Work | None:
        if self.is_alive(work_id):
            return self._works[work_id]
        self.too_late.append((work_id, what))
        return None

    def wait_complete(self, work_id: str, seconds: float = 60) -> Work:
        """Wait until a work is complete and return it. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            work = self.get(work_id)
            if work is not None and work.status == "complete":
                return work
            time.sleep(0.05)
        raise TimeoutError(f"work not complete: {work.plain() if work else 'deleted'}")


def _complete_when_done(work: Work) -> None:
    if work.processed >= work.expected:
        work.status = "complete"
        work.completed_time = _now()


def _entry(message: str | None, source: str | None = None) -> dict[str, Any]:
    return {"timestamp": _now(), "message": message, "sequence": None, "source": source}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
