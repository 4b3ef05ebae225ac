"""Limits of a connector: connections, downloads ahead, and work for a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import (
    CONNECTOR,
    KEY,
    SECRET,
    TODAY,
    Reports,
    World,
    check_complete,
    csv,
)
from tests.platform.cluster import Cluster, started
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.worker import Workers

pytestmark = pytest.mark.integration

DOWNLOADS = "/dl/*"
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def store() -> Reports:
    """Return seven reports of a day, the first of them the largest."""
    store = Reports()
    for number, rows in enumerate((40, 1, 1, 1, 1, 1, 1)):
        store.add(YESTERDAY, "scan_http", csv(number, rows), rows)
    return store


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster of one worker."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with started(folder, 1) as one:
        yield one


def test_full_queue_stops_downloads(world: World, store: Reports) -> None:
    """While a full queue pauses the run, no file beyond those allowed ahead is downloaded."""
    settings = {"shadowserver_max_threads": 2, "connector_queue_threshold": 0.12}
    with world.connector(**settings) as process:
        world.until(lambda: "The queue is full, pausing" in world.logs())
        world.until(lambda: world.simulator.requests.count(path=DOWNLOADS) == 2)
        looks = world.platform.count("GetConnector")
        world.until(lambda: world.platform.count("GetConnector") > looks)
        assert world.simulator.requests.count(path=DOWNLOADS) == 2
        assert world.done() == 0
        with Workers(world.platform, world.broker, CONNECTOR, 2):
            assert process.wait() == 0, world.logs()[-3000:]
    assert world.simulator.requests.count(path=DOWNLOADS) == len(store.files)
    check_complete(world, store)


def test_connections_are_those_that_are_configured(world: World, tmp_path: Path) -> None:
    """The connections never exceed the setting, however many and slow the files.

    Calls to the API count too. A busy machine may need fewer: a connection that is free again
    before the next file is asked for is used again.
    """
    world.simulator.faults.add(Fault(FaultKind.SLOW, DOWNLOADS, times=None, seconds=0.03))
    assert world.run(shadowserver_max_threads=2) == 0, world.logs()[-3000:]
    by_run = world.simulator.connections
    assert 1 <= by_run <= 2
    fetched = world.command(
        "fetch", "--from", YESTERDAY, "-o", tmp_path / "archive", shadowserver_max_threads=3
    )
    assert fetched.returncode == 0, fetched.stderr
    assert by_run < world.simulator.connections <= by_run + 3


def test_named_cluster_converts(world: World, store: Reports, cluster: Cluster) -> None:
    """Connector and command convert on the cluster, and everything arrives as without it."""
    settings = {"shadowserver_dask_scheduler": cluster.address, "shadowserver_workers": 1}
    assert world.run(**settings) == 0, world.logs()[-3000:]
    assert tasks_done(cluster) == len(store.files)
    check_complete(world, store)
    ((report, content), *_) = store.files.items()
    path = world.folder / report.file
    path.write_bytes(content)
    done = world.command("convert", path, "-o", world.folder / "bundles", **settings)
    assert done.returncode == 0, done.stderr
    assert tasks_done(cluster) == len(store.files) + 1


def tasks_done(cluster: Cluster) -> int:
    """Return how many functions the cluster's worker has run."""

    def executed(dask_worker: Any) -> int:
        return int(dask_worker.state.executed_count)

    with Client(cluster.address, timeout=30, set_as_default=False) as client:
        (done,) = client.run(executed).values()
    return int(done)
