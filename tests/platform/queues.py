"""The queues behind the stand-in: RabbitMQ's, or lists in memory when no broker is needed."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import Any, Protocol

import pika

from tests.platform.rabbitmq import RabbitMQ

EXCHANGE = "amqp.worker.exchange"


class Queues(Protocol):
    """What the platform does with queues. `connector` is a connector's id."""

    def connection(self) -> dict[str, Any]:
        """Return host, port and login for the answer to a registration."""

    def declare(self, connector: str) -> None:
        """Make the connector's queues, unless they are there."""

    def delete(self, connector: str) -> None:
        """Delete the connector's queues with what is in them."""

    def purge(self, connector: str) -> None:
        """Empty the connector's push queue."""

    def size(self, connector: str) -> tuple[int, int]:
        """Return (messages, bytes) of the push queue."""

    def publish(self, connector: str, body: bytes) -> None:
        """Put a message into the push queue."""


def push_queue(connector: str) -> str:
    """Return the name of the queue that the workers read."""
    return f"push_{connector}"


class RabbitQueues:
    """Queues on a RabbitMQ node."""

    def __init__(self, node: RabbitMQ) -> None:
        self._node = node

    def connection(self) -> dict[str, Any]:
        """Return where the node listens."""
        return {
            "host": "127.0.0.1",
            "port": self._node.port,
            "vhost": self._node.vhost,
            "use_ssl": False,
            "user": self._node.user,
            "pass": self._node.password,
        }

    def declare(self, connector: str) -> None:
        """Make exchange and queues as the platform does: durable and bound."""
        with pika.BlockingConnection(self._node.parameters()) as connection:
            channel = connection.channel()
            channel.exchange_declare(EXCHANGE, "direct", durable=True)
            for kind in ("push", "listen"):
                channel.queue_declare(f"{kind}_{connector}", durable=True)
                channel.queue_bind(f"{kind}_{connector}", EXCHANGE, f"{kind}_routing_{connector}")

    def delete(self, connector: str) -> None:
        """Delete both queues."""
        with pika.BlockingConnection(self._node.parameters()) as connection:
            for kind in ("push", "listen"):
                connection.channel().queue_delete(f"{kind}_{connector}")

    def purge(self, connector: str) -> None:
        """Empty the push queue."""
        self._node.purge(push_queue(connector))

    def size(self, connector: str) -> tuple[int, int]:
        """Ask the node for the size."""
        return self._node.size(push_queue(connector))

    def publish(self, connector: str, body: bytes) -> None:
        """Publish a persistent message and wait for the confirmation."""
        with pika.BlockingConnection(self._node.parameters()) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish(
                EXCHANGE,
                f"push_routing_{connector}",
                body,
                pika.BasicProperties(delivery_mode=2, content_encoding="utf-8"),
                mandatory=True,
            )


class LocalQueues:
    """Queues in memory, for tests of the API that need no broker; `messages` by connector."""

    def __init__(self) -> None:
        self.messages: dict[str, deque[bytes]] = defaultdict(deque)
        self._lock = threading.Lock()

    def connection(self) -> dict[str, Any]:
        """Return a login for an address where nothing listens."""
        return {
            "host": "127.0.0.1",
            "port": 1,
            "vhost": "/",
            "use_ssl": False,
            "user": "nobody",
            "pass": "nothing",
        }

    def declare(self, connector: str) -> None:
        """Make the queue."""
        with self._lock:
            self.messages.setdefault(connector, deque())

    def delete(self, connector: str) -> None:
        """Drop the queue."""
        with self._lock:
            self.messages.pop(connector, None)

    def purge(self, connector: str) -> None:
        """Empty the queue."""
        with self._lock:
            self.messages[connector].clear()

    def size(self, connector: str) -> tuple[int, int]:
        """Count the messages and their bytes."""
        with self._lock:
            bodies = self.messages[connector]
            return len(bodies), sum(len(body) for body in bodies)

    def publish(self, connector: str, body: bytes) -> None:
        """Append the message."""
        with self._lock:
            self.messages[connector].append(body)
