"""Whatever fails at any moment, the connector waits, says so once, and completes.

With TEST_FULL set, as by ``make test-full``, every case is run; otherwise the most important ones.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, SECRET, Reports, World, check_complete, small_month
from tests.platform.errors import PlatformError
from tests.platform.opencti import Fault as PlatformFault
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

FULL = bool(os.environ.get("TEST_FULL"))
MOMENTS = ("in", "before", "after") if FULL else ("in",)


@pytest.fixture
def store() -> Reports:
    """Return the reports of two days."""
    return small_month()


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def moment(world: World, when: str) -> None:
    """Wait for a moment of the run: during the first report, or after it."""
    if when == "in":
        world.until(lambda: world.queued() >= 1)
    elif when == "after":
        world.until(lambda: world.done() >= 1)


@contextmanager
def broker_down(world: World) -> Iterator[None]:
    """Shut RabbitMQ down in order, and start it again."""
    world.broker.stop()
    yield
    world.broker.start()


@contextmanager
def broker_killed(world: World) -> Iterator[None]:
    """Cut RabbitMQ's power, and start it again."""
    world.broker.kill()
    yield
    world.broker.start()


@contextmanager
def broker_refusing(world: World) -> Iterator[None]:
    """Replace RabbitMQ by a server that closes every connection."""
    world.broker.stop()
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", world.broker.port)) as server:
        server.settimeout(0.1)

        def hang_up() -> None:
            while not ended.is_set():
                try:
                    server.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
    world.broker.start()


@contextmanager
def opencti_down(world: World) -> Iterator[None]:
    """Close the platform's port, and open it again."""
    world.platform.stop()
    yield
    world.platform.start()


@contextmanager
def opencti_failing(world: World) -> Iterator[None]:
    """Make the platform answer with a proxy's page, and with errors of its own."""
    world.platform.inject(
        PlatformFault(502, times=2), PlatformFault(PlatformError("DATABASE_ERROR", "no"), times=2)
    )
    yield
    world.until(lambda: '"Waiting"' in world.logs())
    world.platform.release()


@contextmanager
def shadowserver_down(world: World) -> Iterator[None]:
    """Make Shadowserver answer every request with an error, and then recover."""
    world.simulator.faults.add(Fault(FaultKind.STATUS, times=None))
    yield
    world.simulator.faults.clear()


Outage = Callable[[World], AbstractContextManager[None]]
OUTAGES: list[Outage] = [
    broker_down,
    opencti_down,
    broker_killed,
    broker_refusing,
    opencti_failing,
    shadowserver_down,
]


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("outage", OUTAGES if FULL else OUTAGES[:2])
def test_outage_is_waited_out(outage: Outage, when: str, world: World, store: Reports) -> None:
    """An outage costs time only, and one or two lines tell of it."""
    with ExitStack() as running:
        if when != "before":
            process = running.enter_context(world.connector())
            moment(world, when)
        with outage(world):
            if when == "before":
                process = running.enter_context(world.connector())
            world.until(lambda: '"Waiting"' in world.logs())
        assert process.wait() == 0, world.logs()[-3000:]
    assert world.logs().count('"Waiting"') <= 3
    check_complete(world, store)


SHADOWSERVER = {
    "a truncated file": Fault(FaultKind.TRUNCATED, "/dl/*", times=2),
    "no list": Fault(FaultKind.STATUS, "/api2/reports/list", times=2),
    "a page instead of a list": Fault(FaultKind.HTML, "/api2/reports/list", times=2),
    "broken JSON": Fault(FaultKind.BROKEN_JSON, "/api2/reports/list", times=2),
    "JSON of another shape": Fault(FaultKind.WRONG_JSON, "/api2/reports/list", times=2),
    "an error with status 200": Fault(FaultKind.ERROR, "/api2/reports/list", times=2),
    "no file": Fault(FaultKind.STATUS, "/dl/*", times=3),
    "a page instead of a file": Fault(FaultKind.HTML, "/dl/*", times=2),
    "a slow file": Fault(FaultKind.SLOW, "/dl/*", times=2, seconds=0.01),
    "cut connections": Fault(FaultKind.RESET, times=3),
    "no estimate": Fault(FaultKind.STATUS, "/api2/reports/stats", times=5),
}


@pytest.mark.parametrize("fault", list(SHADOWSERVER) if FULL else list(SHADOWSERVER)[:2])
def test_shadowserver_in_trouble(fault: str, world: World, store: Reports) -> None:
    """Wrong, slow and missing answers are retried within the run."""
    world.simulator.faults.add(SHADOWSERVER[fault])
    assert world.run() == 0, world.logs()[-3000:]
    check_complete(world, store)


def test_missing_file_stops_no_other(world: World, store: Reports) -> None:
    """A report that is listed but gone is named in its day's work, and requested again."""
    gone = next(iter(store.files))
    world.simulator.faults.add(Fault(FaultKind.STATUS, f"/dl/{gone.id}", times=1, status=410))
    assert world.run() == 1, world.logs()[-3000:]
    assert world.done() == len(store.files) - 1
    [work] = [work for work in world.works() if work.errors]
    assert gone.file in work.errors[-1]["message"]
    assert world.run() == 0
    assert world.done() == len(store.files)


def test_refused_key_is_said_and_sends_nothing(world: World) -> None:
    """A refused key ends the run with what to check; no day counts as done."""
    with world.connector("run", shadowserver_api_secret="another") as process:
        assert process.wait() == 4
    assert "check SHADOWSERVER_API_KEY" in world.logs()
    assert world.works() == []
    assert "last_run" not in (world.state() or {})


@pytest.mark.parametrize(
    "operation", ["PingConnector", "addExpectations", "GetConnector"] if FULL else ["PingConnector"]
)
def test_stop_is_heard_while_opencti_hangs(operation: str, world: World) -> None:
    """A platform that never answers cannot keep the connector from stopping in time."""
    with world.connector("run") as process:
        world.until(lambda: world.queued() >= 1)
        before = world.platform.count(operation)
        world.platform.inject(PlatformFault("hang", operation, times=99))
        world.until(lambda: world.platform.count(operation) > before)
        assert process.terminate(10) == 0
    assert all(work.closed for work in world.works())
