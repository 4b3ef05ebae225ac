"""A run beside an import or a backfill with one id: neither closes the works of the other.

With TEST_FULL set, as by ``make test-full``, each command is run in both places.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import CONNECTOR, KEY, SECRET, TODAY, Reports, World, csv, small_month
from tests.platform.opencti import Fault, OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.worker import Workers
from tests.platform.works import Work

pytestmark = pytest.mark.integration

OLD = TODAY - timedelta(days=9)
COMMANDS = {
    "backfill": ("backfill", "--from", OLD, "--to", OLD, "--yes"),
    "import": ("import", "files"),
}
SITUATIONS = [("backfill", False), ("import", True)]
"""Commands, and whether they run on another machine."""
if os.environ.get("TEST_FULL"):
    SITUATIONS = [(command, elsewhere) for command in COMMANDS for elsewhere in (False, True)]


@pytest.fixture
def store(tmp_path: Path) -> Reports:
    """Return the reports of two days, and those of an older day, which are also on disk."""
    store = small_month()
    (tmp_path / "files").mkdir()
    for number in (1, 2):
        content = csv(40 + number, 12)
        report = store.add(OLD, "scan_ssl", content, 12)
        (tmp_path / "files" / report.file).write_bytes(content)
    return store


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def stuck(world: World) -> Work:
    """Make the running command wait in the middle of its work, and return that work."""
    world.until(lambda: any(work.expected for work in world.works()))
    asked = world.platform.count("GetConnector")
    world.platform.inject(Fault("hang", "GetConnector"))
    world.until(lambda: world.platform.count("GetConnector") > asked)
    [work] = world.works()
    return work  # type: ignore[no-any-return]


def settings(elsewhere: bool, tmp_path: Path) -> dict[str, Any]:
    """Return the settings of a connector on this machine, or on another one."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    return {"tmpdir": other} if elsewhere else {}


@pytest.mark.parametrize(("command", "elsewhere"), SITUATIONS)
def test_a_run_leaves_the_works_of_a_command_alone(
    command: str, elsewhere: bool, world: World, tmp_path: Path
) -> None:
    """A command's work stays open, though workers have imported all it has so far."""
    with (
        Workers(world.platform, world.broker, CONNECTOR) as workers,
        world.commanded(*COMMANDS[command]) as process,
    ):
        work = stuck(world)
        assert work.name == f"Shadowserver reports of {OLD} ({command})"
        assert world.run(**settings(elsewhere, tmp_path)) == 0, world.logs()[-3000:]
        assert not work.closed
        assert work.messages == work.errors == []
        world.platform.release()
        assert process.wait() == 0, world.logs()[-3000:]
        workers.wait_idle()
    assert work.status == "complete"
    assert work.processed == work.expected
    [message] = work.messages
    assert "2 reports, 24 findings" in message["message"]
    assert world.platform.works.too_late == []
    assert workers.rejected == workers.failed == []
    kinds = [thing["type"] for thing in world.objects().values()]
    assert kinds.count("Report") == 6


@pytest.mark.parametrize(("command", "elsewhere"), SITUATIONS)
def test_a_run_closes_the_works_of_a_command_that_is_dead(
    command: str, elsewhere: bool, world: World, tmp_path: Path
) -> None:
    """A dead command's work is closed, unless it ran on another machine."""
    with world.commanded(*COMMANDS[command]) as process:
        work = stuck(world)
        process.kill()
    world.platform.release()
    assert world.run(**settings(elsewhere, tmp_path)) == 0, world.logs()[-3000:]
    if elsewhere:
        assert not work.closed
    else:
        [message] = work.messages
        assert "Interrupted: the command has not sent everything" in message["message"]
        assert world.logs().count("Closed a work that was left open") == 1
    assert all(each.closed for each in world.works() if each is not work)
