"""Real servers and stand-ins that the integration tests share."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pycti import OpenCTIConnectorHelper

from tests.platform.opencti import OpenCTI
from tests.platform.queues import RabbitQueues
from tests.platform.rabbitmq import RabbitMQ

Connect = Callable[..., OpenCTIConnectorHelper]


def pytest_configure(config: pytest.Config) -> None:
    """Let pycti 6.2 call its own deprecated function; the suite treats warnings as errors."""
    config.addinivalue_line(
        "filterwarnings", "ignore:Use split_bundle_with_expectations instead:DeprecationWarning"
    )


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


@pytest.fixture
def platform(rabbitmq: RabbitMQ) -> Iterator[OpenCTI]:
    """Return a new, empty platform that queues on the RabbitMQ node."""
    with OpenCTI(RabbitQueues(rabbitmq)) as stand_in:
        yield stand_in
    assert stand_in.unknown == []


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Return a function that registers a connector by pycti's helper and ends it afterwards.

    It takes the platform and entries of the configuration's section `connector`.
    """
    for name in list(os.environ):
        if name.startswith(("OPENCTI_", "CONNECTOR_", "MQ_")):
            monkeypatch.delenv(name)
    # The helper replaces the hook by one that ends the process.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    helpers: list[OpenCTIConnectorHelper] = []

    def register(platform: OpenCTI, **connector: Any) -> OpenCTIConnectorHelper:
        defaults = {
            "id": str(uuid.uuid4()),
            "type": "EXTERNAL_IMPORT",
            "name": "Test",
            "scope": "report",
            "log_level": "critical",
        }
        helper = OpenCTIConnectorHelper({
            "opencti": {"url": platform.url, "token": platform.token},
            "connector": defaults | connector,
        })  # fmt: skip
        helpers.append(helper)
        return helper

    yield register
    for helper in helpers:
        helper.ping.stop()
        helper.ping.join(30)
