"""Days on which findings recur: Reports are complete, and deleted objects come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import CONNECTOR, KEY, SECRET, TODAY, Reports, World, csv
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.worker import Workers

pytestmark = pytest.mark.integration

ROWS = 8
FIRST = TODAY - timedelta(days=3)
TOLD = ("IPv4-Addr", "Domain-Name", "Network-Traffic", "relationship", "Observed-Data", "Note")
CONTAINED = ("IPv4-Addr", "Domain-Name", "relationship")
"""Types of which every object is in the Report."""
NOTES = 5
"""Notes that are in the Report: the worst."""


class Days:
    """A world in which the same findings are reported every day."""

    def __init__(self, world: World, store: Reports) -> None:
        self._world = world
        self._store = store

    def import_day(self, day: date) -> int:
        """Report the findings and import what the connector sends; return the number of objects."""
        rows = csv(0, ROWS).replace(f"{TODAY - timedelta(days=1)}".encode(), f"{day}".encode())
        self._store.add(day, "scan_ssl", rows, ROWS)
        world = self._world
        # It waits for the import of earlier days, and of its own first message.
        with Workers(world.platform, world.broker, CONNECTOR) as workers:
            assert world.run(shadowserver_repeats="refer") == 0, world.logs()[-3000:]
            workers.wait_idle(120)
        assert (workers.rejected, workers.failed) == ([], [])
        assert world.platform.store.oddities.dropped == []
        sent: int = world.works()[-1].expected
        return sent

    def of(self, kind: str) -> dict[str, Any]:
        """Return the platform's objects of a type."""
        return {key: it for key, it in self._world.objects().items() if it["type"] == kind}

    def report(self, day: date) -> dict[str, Any]:
        """Return the Report of a day."""
        published = f"{day}T"
        [found] = [
            it
            for it in self.of("Report").values()
            if it["attributes"]["published"].startswith(published)
        ]
        return found


@pytest.fixture
def days(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[Days]:
    """Return the findings, simulator, platform and broker."""
    store = Reports()
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        world = World(platform, rabbitmq, simulator, tmp_path)
        days = Days(world, store)
        days.import_day(FIRST)
        yield days


def test_report_of_a_later_day_holds_what_recurs(days: Days) -> None:
    """The Report contains recurring objects, with no second Note, though they were not sent."""
    before = {kind: set(days.of(kind)) for kind in TOLD}
    sent = days.import_day(FIRST + timedelta(days=1))
    assert {kind: set(days.of(kind)) for kind in TOLD} == before
    held = set(days.report(FIRST + timedelta(days=1))["objects"])
    assert [kind for kind in CONTAINED if not before[kind] <= held] == []
    assert len(before["Note"] & held) == NOTES
    assert sent < ROWS


def test_what_was_deleted_comes_back_with_all_that_named_it(days: Days, platform: OpenCTI) -> None:
    """A deleted address comes back, and Notes, Observed-Data and traffic refer to it again."""
    before = platform.snapshot()["objects"]
    address = next(iter(days.of("IPv4-Addr")))
    platform.store.delete(address)
    days.import_day(FIRST + timedelta(days=1))
    after = platform.snapshot()["objects"]
    assert address in days.report(FIRST + timedelta(days=1))["objects"]
    for kind in TOLD:
        assert referring(kind, after) == referring(kind, before)


def referring(kind: str, things: dict[str, Any]) -> list[str]:
    """Return what the objects of a type refer to, without ids, as a Note sent again has another."""
    names = ("objects", "dst", "source", "target")
    return sorted(str([it.get(n) for n in names]) for it in things.values() if it["type"] == kind)
