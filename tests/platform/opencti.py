"""A stand-in for an OpenCTI platform: its GraphQL API on a loopback port, and what it keeps.

It answers what pycti asks for while a connector runs and a worker imports, keeps objects by
standard id with the platform's upsert, and refuses what the platform refuses. A request that it
does not know is answered with an error and noted in `unknown`, so that a test can see it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from tests.platform.connectors import Connectors
from tests.platform.errors import PlatformError, bad_input
from tests.platform.graphql import Operation, read, select
from tests.platform.queues import LocalQueues, Queues
from tests.platform.resolvers import Platform, resolve
from tests.platform.schema import NEWEST, Schema
from tests.platform.server import Answer, Server
from tests.platform.store import Store
from tests.platform.works import Works

VERSION = "7.261026.0"
TOKEN = "6f9a2c1e-0000-4000-8000-0123456789ab"


@dataclass(slots=True)
class Fault:
    """What goes wrong, how often, and with which operation.

    `what`: an HTTP status; a PlatformError; "cut" to close the connection without an answer; "hang"
    to keep it open without one until `release` or `stop`. `operation`: name of the GraphQL
    operation ("StixCyberObservableAdd"), or None for all. `done`: the request takes effect, and
    only its answer is lost.
    """

    what: int | PlatformError | Literal["cut", "hang"]
    operation: str | None = None
    times: int = 1
    done: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that was received: name and fields of its operation, and
    whether it was accepted.
    """

    operation: str
    fields: tuple[str, ...]
    authenticated: bool


class OpenCTI:
    """The platform. Use as a context manager; what it keeps outlives `stop` and `start`.

    `store`, `works` and `connectors` may be read by tests at any time.
    """

    def __init__(
        self,
        queues: Queues | None = None,
        token: str = TOKEN,
        version: str = VERSION,
        schema: Schema = NEWEST,
    ) -> None:
        self.token = token
        self.schema = schema
        self.store = Store()
        self.works = Works()
        self.connectors = Connectors(queues or LocalQueues(), self.works)
        self.requests: list[Seen] = []
        self.unknown: list[str] = []
        self._platform = Platform(version, schema, self.store, self.works, self.connectors)
        self._server = Server(self._handle)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address to configure as `OPENCTI_URL`."""
        return f"http://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Open the port; after `stop`, the same port with everything that was kept."""
        self._released.clear()
        self._server.start()

    def stop(self) -> None:
        """Close the port: connections are refused until the next `start`."""
        self._released.set()
        self._server.stop()

    def inject(self, *faults: Fault) -> None:
        """Make the next matching requests fail; faults are used up in the given order."""
        with self._lock:
            self._faults += faults

    def release(self) -> None:
        """Drop all faults, and cut the requests that hang."""
        with self._lock:
            self._faults.clear()
        self._released.set()
        self._released = threading.Event()

    def reset(self, connector_id: str) -> None:
        """Reset a connector, as the user interface does."""
        self.connectors.reset(connector_id)

    def state(self, connector_id: str) -> Any:
        """Return the state that the platform keeps for a connector, decoded; None without one."""
        text = self.connectors.get(connector_id).state
        return json.loads(text) if text else None

    def count(self, operation: str) -> int:
        """Return how many requests of an operation were made."""
        return sum(seen.operation == operation for seen in self.requests)

    def snapshot(self) -> dict[str, Any]:
        """Return what the platform keeps as plain data, free of times, to be compared."""
        return {
            "objects": self.store.snapshot(),
            "works": [work.plain() for work in self.works.of()],
            "states": {one.id: self.state(one.id) for one in self.connectors.all()},
        }

    def _handle(self, headers: Mapping[str, str], call: dict[str, Any]) -> Answer | None:
        try:
            operation = read(call["query"], call.get("variables") or {})
            authenticated = headers.get("authorization") == f"Bearer {self.token}"
            names = tuple(field.name for field in operation.selection)
            self.requests.append(Seen(operation.name, names, authenticated))
            fault = self._next_fault(operation.name)
            if fault is None:
                return _success(self._answer(operation, headers, authenticated))
            if fault.done:
                self._answer(operation, headers, authenticated)
            return self._fail(fault)
        except PlatformError as error:
            if error.name == "BAD_USER_INPUT" and "Cannot query" in error.message:
                self.unknown.append(error.message)
            return error.http_status, json.dumps(error.answer()).encode()
        except Exception as error:
            self.unknown.append(repr(error))
            return 500, json.dumps(bad_input(repr(error)).answer()).encode()

    def _answer(
        self, operation: Operation, headers: Mapping[str, str], authenticated: bool
    ) -> dict[str, Any]:
        if not authenticated:
            raise PlatformError(
                "AUTH_REQUIRED", "You must be logged in to do this.", genre="TECHNICAL"
            )
        work_id = headers.get("opencti-work-id")
        if work_id and work_id != "None" and not self.works.is_alive(work_id):
            raise PlatformError("WORK_NOT_ALIVE", "Work is no longer alive", http_status=400)
        retry = headers.get("opencti-retry-number")
        return {
            field.key: select(
                resolve(self._platform, field, int(retry) if retry else None),
                field.selection,
            )
            for field in operation.selection
        }

    def _next_fault(self, operation: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.operation in (None, operation):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
            return None

    def _fail(self, fault: Fault) -> Answer | None:
        if isinstance(fault.what, PlatformError):
            return 200, json.dumps(fault.what.answer()).encode()
        if isinstance(fault.what, int):
            text = {502: "Bad Gateway", 500: "Internal Server Error"}.get(fault.what, "Error")
            return fault.what, f"<html><h1>{fault.what} {text}</h1></html>".encode()
        if fault.what == "hang":
            self._released.wait()
        return None


def _success(data: dict[str, Any]) -> Answer:
    return 200, json.dumps({"data": data}).encode()
