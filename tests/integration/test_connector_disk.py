"""A full disk before, during and after a report: the connector waits, and completes.

With TEST_FULL set, as by ``make test-full``, every case is run; otherwise the most important ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.memory_limits import SORT_BYTES
from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import (
    KEY,
    SECRET,
    TODAY,
    Process,
    Reports,
    World,
    check_complete,
    csv,
)
from tests.integration.read_only import read_only_but
from tests.integration.small_disk import SmallDisk
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

FULL = bool(os.environ.get("TEST_FULL"))
ROWS = 30
# So that the rows are more than is sorted in memory: sorting takes as much again, and more.
CELL = 5 * SORT_BYTES // 4 // ROWS
BELOW_A_REPORT = SORT_BYTES
FOR_A_REPORT_BUT_NOT_TO_SORT_IT = 2 * SORT_BYTES
FOR_BOTH = 8 * SORT_BYTES
SETTINGS: dict[str, Any] = {
    # So that the log stays below what may be written without a disk of its own.
    "connector_log_level": "warning",
    "shadowserver_disk_floor": 0,
}
# Few objects, since it takes time to import them.
FEW: dict[str, Any] = {
    "shadowserver_notes": "none",
    "shadowserver_relationships": "none",
    "shadowserver_observed_data": "false",
    "shadowserver_network_traffic": "false",
}


def wide(number: int) -> bytes:
    """Return a large report that makes few objects."""
    head, *rows = csv(number, ROWS).decode().splitlines()
    return "\n".join([f"{head},comment", *(f"{row},{'x' * CELL}" for row in rows), ""]).encode()


@pytest.fixture
def store() -> Reports:
    """Return two reports, of two days."""
    store = Reports()
    for back in (1, 2):
        store.add(TODAY - timedelta(days=back), "scan_http", wide(back), ROWS)
    return store


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


@contextmanager
def connector_on(disk: SmallDisk, world: World, **settings: Any) -> Iterator[Process]:
    """Start a connector whose temporary folder is on the disk."""
    world.prefix = disk.prefix
    with world.connector(**SETTINGS, **FEW, **settings) as process:
        disk.hold(process.process.pid)
        yield process


def check_waited(world: World, store: Reports, process: Process) -> None:
    """Check that the run waited and completed, with each report downloaded and sent once."""
    assert process.wait() == 0, world.logs()[-3000:]
    assert 1 <= world.logs().count('"Waiting"') <= 2
    assert '"Report failed"' not in world.logs()
    assert '"The run failed"' not in world.logs()
    assert world.sends() == dict.fromkeys((report.file for report in store.files), 1)
    check_complete(world, store)


def test_full_from_the_start(world: World, store: Reports) -> None:
    """A disk that is full at the start is waited for, and the log says so."""
    with SmallDisk(world.folder / "tmp", FOR_A_REPORT_BUT_NOT_TO_SORT_IT) as disk:
        disk.fill()
        with connector_on(disk, world) as process:
            world.until(lambda: '"Waiting"' in world.logs())
            assert world.works() == []
            disk.grow()
            check_waited(world, store, process)


ROOM = {
    "in a conversion": (FOR_A_REPORT_BUT_NOT_TO_SORT_IT, 1),
    "in a conversion ahead": (FOR_A_REPORT_BUT_NOT_TO_SORT_IT, 2),
    "in a download": (BELOW_A_REPORT, 1),
}


@pytest.mark.parametrize("when", list(ROOM) if FULL else list(ROOM)[:1])
def test_full_in_a_report(when: str, world: World, store: Reports) -> None:
    """What did not fit is repeated when there is space; what was sent is not."""
    size, workers = ROOM[when]
    with SmallDisk(world.folder / "tmp", size) as disk:
        if not disk.is_real:
            # No file of a sort is larger than the report: a limit on files is met elsewhere only.
            disk.fill()
        with connector_on(disk, world, shadowserver_workers=workers) as process:
            world.until(lambda: '"Waiting"' in world.logs())
            assert world.done() == 0
            disk.grow()
            check_waited(world, store, process)


def test_full_after_a_report(world: World, store: Reports) -> None:
    """The first report is done once, the second when there is space."""
    first, second = store.files
    fault = Fault(FaultKind.HANG, f"/dl/{second.id}", times=1, seconds=1)
    world.simulator.faults.add(fault)
    with (
        SmallDisk(world.folder / "tmp", FOR_BOTH) as disk,
        connector_on(disk, world) as process,
    ):
        world.until(lambda: world.done() == 1)
        disk.fill()
        world.until(lambda: '"Waiting"' in world.logs())
        assert world.done() == 1
        disk.grow()
        check_waited(world, store, process)
    assert world.simulator.requests.count(path=f"/dl/{first.id}") == 1


def test_status_and_archive_without_room(world: World, store: Reports, tmp_path: Path) -> None:
    """Neither a status nor an archive that cannot be written stops a report; each has one line."""
    keeping = tmp_path / "keeping"
    settings = FEW | {
        "shadowserver_status_file": keeping / "status.json",
        "shadowserver_archive_dir": keeping / "archive",
    }
    with SmallDisk(keeping, 4096) as disk:
        if disk.is_real:
            disk.fill()
            world.prefix = disk.prefix
        else:
            (tmp_path / "tmp").mkdir()
            settings |= read_only_but(tmp_path / "hook", tmp_path / "tmp")
        with world.connector("run", **settings) as process:
            world.until(lambda: "Schedule next run" in world.logs())
            assert process.terminate(10) == 0
    assert world.logs().count("The status file cannot be written") == 1
    assert world.logs().count("The original file is not archived") == len(store.files)
    assert '"Waiting"' not in world.logs()
    check_complete(world, store)
