"""Real servers and stand-ins that integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.platform.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMQ]:
    """One RabbitMQ node for all tests of the run; started when a test first asks for it."""
    with RabbitMQ() as node:
        yield node


@pytest.fixture
def rabbitmq(broker: RabbitMQ) -> RabbitMQ:
    """Return the node, running: an earlier test may have stopped it."""
    broker.start()
    return broker
