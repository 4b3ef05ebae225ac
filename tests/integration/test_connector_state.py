"""The state that OpenCTI keeps: shown, damaged, of another version, and after a downtime."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pycti import OpenCTIApiClient

from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.simulator.store import StoredReport
from tests.connector.world import CONNECTOR, KEY, SECRET, TODAY, Reports, World, csv, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

YESTERDAY = TODAY - timedelta(days=1)
HAS_API_PROTOCOL = hasattr(OpenCTIApiClient, "send_bundle_to_api")


class Misdated(Reports):
    """A Shadowserver whose list of yesterday also names reports of other days."""

    def reports(self, day: date) -> Sequence[StoredReport]:
        """Return the reports of a day, with the timestamps of the list."""
        found = list(super().reports(day))
        if day != YESTERDAY:
            return found
        wrong = [replace(found[0], day=date(9999, 12, 31)), *found[1:]]
        others = (date(9999, 12, 31), date(1, 1, 1), TODAY + timedelta(days=3))
        strays = [
            replace(found[0], id=f"stray-{n}", day=other, file=f"{other}-scan_ssl-example.csv")
            for n, other in enumerate(others)
        ]
        return [*wrong, *strays]


@pytest.fixture
def store() -> Reports:
    """Return the reports of two days."""
    return small_month()


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def put_state(world: World, state: object) -> None:
    """Store a state in the platform, given as text or as JSON data."""
    text = state if isinstance(state, str) else json.dumps(state)
    world.platform.connectors.get(CONNECTOR).state = text


def lines(world: World, message: str) -> list[dict[str, Any]]:
    """Return the log lines with this message."""
    found = (json.loads(line) for line in world.logs().splitlines() if line.startswith("{"))
    return [line for line in found if line.get("message") == message]


def test_a_single_run_is_shown(world: World) -> None:
    """OpenCTI's page of the connector shows when it ran, and that it ends by itself."""
    before = datetime.now(UTC).replace(microsecond=0)
    assert world.run() == 0
    info = world.platform.connectors.get(CONNECTOR).info
    assert info is not None
    assert info["run_and_terminate"] is True
    shown = datetime.fromisoformat(info["last_run_datetime"])
    assert before <= shown <= datetime.now(UTC)


@pytest.mark.skipif(not HAS_API_PROTOCOL, reason="this pycti has no such protocol")
def test_the_start_says_what_the_api_protocol_shows(world: World, store: Reports) -> None:
    """The start warns that works may be complete before their objects are imported."""
    store.files.clear()
    assert world.run(connector_queue_protocol="api", mq_port=1) == 0
    assert world.logs().count("OpenCTI learns late what a work contains") == 1


def test_a_report_that_fails_after_a_downtime_is_not_lost(world: World, store: Reports) -> None:
    """After eight days down, a report older than a first run's window that fails once arrives."""
    assert world.run() == 0
    late = TODAY - timedelta(days=8)
    store.add(late, "scan_ssh", csv(7, 5), 5)
    state = world.state() or {}
    put_state(world, {**state, "last_run": f"{late}T08:00:00+00:00"})
    world.simulator.faults.add(Fault(FaultKind.STATUS, "/dl/*", status=404))
    world.run()
    assert (world.state() or {})["open"] == [str(late)]
    assert world.done() == 4
    assert world.run() == 0
    assert "open" not in (world.state() or {})
    assert sorted(world.sends().values()) == [1] * 5


def test_reports_with_the_timestamp_of_another_day(
    platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """The file's name decides the day; reports of other days are refused, none is sent twice."""
    store = Misdated(small_month().files)
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        world = World(platform, rabbitmq, simulator, tmp_path)
        world.run()
        assert sorted(world.sends().values()) == [1, 1, 1, 1]
        assert world.done() == 4
        state = world.state() or {}
        assert set(state["done"]) == {str(TODAY - timedelta(days=n)) for n in (1, 2)}
        assert "open" not in state
        [refused] = lines(world, "Reports listed for the wrong day, not imported")
        assert refused["attributes"]["reports"] == 3
        world.simulator.requests.clear()
        world.run()
        paths = {each.path for each in world.simulator.requests.matching()}
        assert paths == {"/api2/reports/list"}
        assert sorted(world.sends().values()) == [1, 1, 1, 1]


def test_state_of_a_newer_version_stops_the_run(world: World) -> None:
    """A newer state stops the run before any request; nothing is written, the
    line says what to do.
    """
    assert world.run() == 0
    newer = {"version": 2, "seen": ["x"]}
    put_state(world, newer)
    world.simulator.requests.clear()
    assert world.run() != 0
    assert world.state() == newer
    assert list(world.simulator.requests.matching()) == []
    [line] = lines(world, "The run failed")
    assert "install that one again, or reset" in line["attributes"]["reason"]


@pytest.mark.parametrize(
    "damaged",
    [
        '{"version": 1, "last_run": "9999-12-31T23:59:59-10:00", "done": 5}',
        '{"version": "1", "last_run": "1970-01-01", "tried": {"9999-12-31": [3, "x"]}}',
        "{broken",
    ],
)
def test_damaged_state_is_said_and_replaced(world: World, damaged: str) -> None:
    """A damaged state is copied, and the run completes with a bounded window."""
    assert world.run() == 0
    put_state(world, damaged)
    world.simulator.requests.clear()
    assert world.run() == 0, world.logs()[-3000:]
    assert len(list(world.simulator.requests.matching(path="/api2/reports/list"))) == 4
    [line] = lines(
        world, "The state in OpenCTI is damaged; what could not be read is imported again"
    )
    copy = Path(line["attributes"]["copy"]).read_text()
    assert copy == damaged or json.loads(copy) == json.loads(damaged)
    state = world.state() or {}
    assert state["version"] == 1
    assert world.done() == 4
    assert "open" not in state
