"""Registered connectors, their state and their queues."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass
from typing import Any

from pycti import OpenCTIStix2Splitter

from tests.platform.errors import PlatformError, functional
from tests.platform.queues import EXCHANGE, Queues
from tests.platform.works import Works

USER = "88ec0c6a-13ce-5e39-b486-354fe4a7084f"


@dataclass(slots=True)
class Connector:
    """A connector as the platform keeps it; `state` is the JSON text of the last ping."""

    id: str
    registration: dict[str, Any]
    state: str | None = None
    was_reset: bool = False
    info: dict[str, Any] | None = None
    pings: int = 0
    registrations: int = 0


class Connectors:
    """All connectors by id, with the queues behind them."""

    def __init__(self, queues: Queues, works: Works) -> None:
        self.queues = queues
        self._works = works
        self._connectors: dict[str, Connector] = {}
        self._lock = threading.Lock()

    def get(self, identifier: str) -> Connector:
        """Return a connector. Raises the platform's error when it is not registered."""
        try:
            return self._connectors[identifier]
        except KeyError:
            raise functional("No connector found with the specified ID", id=identifier) from None

    def all(self) -> list[Connector]:
        """Return every connector."""
        return list(self._connectors.values())

    def register(self, given: dict[str, Any]) -> dict[str, Any]:
        """Create the connector or refresh it; its state stays."""
        identifier = given["id"]
        _through(lambda: self.queues.declare(identifier))
        with self._lock:
            connector = self._connectors.setdefault(identifier, Connector(identifier, given))
            connector.registration = given
            connector.registrations += 1
        return self.answer(connector)

    def ping(
        self, identifier: str, state: str | None, info: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Store the state sent, unless it was reset since the last ping; then say so."""
        connector = self.get(identifier)
        with self._lock:
            connector.pings += 1
            connector.info = info
            if connector.was_reset:
                connector.was_reset = False
            else:
                connector.state = state
        return self.answer(connector)

    def reset(self, identifier: str) -> None:
        """Do what the button in the user interface does: empty the state and the queue."""
        connector = self.get(identifier)
        with self._lock:
            connector.state = ""
            connector.was_reset = True
        self.queues.purge(identifier)

    def delete(self, identifier: str) -> str:
        """Forget a connector with its queues and works."""
        self.get(identifier)
        with self._lock:
            del self._connectors[identifier]
        self.queues.delete(identifier)
        for work in self._works.of(identifier):
            self._works.delete(work.id)
        return identifier

    def push(self, identifier: str, bundle: str, work_id: str | None) -> bool:
        """Split a bundle, announce its objects and queue them, as the platform does for pushes."""
        self.get(identifier)
        *_, parts = OpenCTIStix2Splitter().split_bundle_with_expectations(bundle)
        if work_id:
            self._works.expect(work_id, len(parts))
        for number, part in enumerate(parts, start=1):
            message = {
                "type": "bundle",
                "applicant_id": USER,
                "action_sequence": number,
                "entities_types": [],
                "content": base64.b64encode(part.encode()).decode(),
                "update": True,
                "work_id": work_id,
            }
            body = json.dumps(message).encode()
            _through(lambda body=body: self.queues.publish(identifier, body))
        return True

    def answer(self, connector: Connector) -> dict[str, Any]:
        """Return a connector as GraphQL shows it."""
        identifier = connector.id
        number, size = _through(lambda: self.queues.size(identifier))
        return {
            "id": identifier,
            "name": connector.registration.get("name"),
            "active": True,
            "auto": connector.registration.get("auto"),
            "only_contextual": connector.registration.get("only_contextual"),
            "connector_type": connector.registration.get("type"),
            "connector_scope": connector.registration.get("scope"),
            "connector_state": connector.state,
            "connector_info": connector.info,
            "connector_user_id": USER,
            "connector_queue_details": {"messages_number": number, "messages_size": size},
            "built_in": False,
            "jwks": json.dumps({"keys": []}),
            "config": {
                "connection": self.queues.connection(),
                "s3": {"endpoint": "127.0.0.1", "port": 1, "use_ssl": False},
                "listen": f"listen_{identifier}",
                "listen_routing": f"listen_routing_{identifier}",
                "listen_exchange": EXCHANGE,
                "push": f"push_{identifier}",
                "push_routing": f"push_routing_{identifier}",
                "push_exchange": EXCHANGE,
            },
        }


def _through(call: Any) -> Any:
    """Call the broker; a platform without its broker answers with an error."""
    try:
        return call()
    except PlatformError:
        raise
    except Exception as error:
        raise PlatformError("DATABASE_ERROR", f"RabbitMQ is not available: {error!r}") from error
