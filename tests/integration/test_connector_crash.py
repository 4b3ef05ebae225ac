"""Killed at any step and started again, the connector loses nothing and repeats little.

With TEST_FULL set, as by ``make test-full``, every step is run; otherwise the most important ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, SECRET, World, small_month
from tests.platform.opencti import Fault as PlatformFault
from tests.platform.opencti import OpenCTI
from tests.platform.queues import RabbitQueues
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def uninterrupted(broker: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what OpenCTI holds after a run without interruption."""
    broker.start()
    with (
        OpenCTI(RabbitQueues(broker)) as platform,
        Simulator(small_month(), key=KEY, secret=SECRET) as simulator,
    ):
        world = World(platform, broker, simulator, tmp_path_factory.mktemp("uninterrupted"))
        assert world.run() == 0
        world.import_all()
        return world.objects()


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


@dataclass(frozen=True)
class Step:
    """A moment of a run: how to hold the connector there, and how to detect that it is there."""

    name: str
    reached: Callable[[World], object]
    arrange: Callable[[World], object] = lambda world: None


def _hang(path: str) -> Callable[[World], object]:
    fault = Fault(FaultKind.HANG, path, times=None, seconds=60)
    return lambda world: world.simulator.faults.add(fault)


def _drip(world: World) -> None:
    world.simulator.faults.add(Fault(FaultKind.SLOW, "/dl/*", times=None, seconds=0.2))


def _asked(path: str) -> Callable[[World], object]:
    return lambda world: world.until(lambda: world.simulator.requests.count(path=path) > 0)


def _downloading(world: World) -> None:
    world.until(lambda: world.simulator.requests.bytes_sent(path="/dl/*") > 0)


def _queued(number: int) -> Callable[[World], object]:
    return lambda world: world.until(lambda: world.queued() >= number)


def _done(number: int) -> Callable[[World], object]:
    return lambda world: world.until(lambda: world.done() >= number)


def _held(operation: str, *, done: bool = False) -> Callable[[World], object]:
    """Once the first chunk is queued, hold the connector at its next call of an operation."""

    def reached(world: World) -> None:
        _queued(1)(world)
        before = world.platform.count(operation)
        world.platform.inject(PlatformFault("hang", operation, times=99, done=done))
        world.until(lambda: world.platform.count(operation) > before)

    return reached


def _state_stored(world: World) -> None:
    _held("PingConnector", done=True)(world)
    _done(1)(world)


STEPS = [
    Step("during a download", _downloading, _drip),
    Step("after some chunks", _queued(3)),
    Step("before the state is written", _held("PingConnector")),
    Step("after the state is written", _state_stored),
    Step("before the list", _asked("/api2/reports/list"), _hang("/api2/reports/list")),
    Step("after the first chunk", _queued(1)),
    Step("before objects are announced", _held("addExpectations")),
    Step("between two reports", _done(1)),
    Step("in the last report", _done(3)),
    Step("before the work is closed", _held("workToProcessed")),
    Step("at the end", _done(4)),
]
_IN_CI = 4


@pytest.mark.parametrize(
    "step",
    STEPS if os.environ.get("TEST_FULL") else STEPS[:_IN_CI],
    ids=lambda step: step.name.replace(" ", "-"),
)
def test_killed_and_started_again(step: Step, world: World, uninterrupted: dict[str, Any]) -> None:
    """All reports arrive unchanged, and at most one is sent twice."""
    step.arrange(world)
    with world.connector() as process:
        step.reached(world)
        process.kill()
    world.simulator.faults.clear()
    world.platform.release()
    finished = world.done()
    world.simulator.requests.clear()
    assert world.run() == 0, world.logs()[-3000:]
    # What the state named is not downloaded again.
    assert world.simulator.requests.count(path="/dl/*") == 4 - finished
    sends = world.sends()
    assert set(sends) == {report.file for report in small_month().files}
    assert sum(sends.values()) <= len(sends) + 1
    assert all(work.closed for work in world.works())
    # Neither run left rows, copies or chunks behind.
    assert list((world.folder / "tmp").glob("shadowserver-tmp-*")) == []
    workers = world.import_all()
    assert workers.rejected == []
    assert workers.failed == []
    assert world.platform.store.oddities.dropped == []
    assert world.objects() == uninterrupted
