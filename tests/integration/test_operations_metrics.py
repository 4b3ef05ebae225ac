"""The metrics endpoint of a connector that runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, REPORT_ID, SECRET, World, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(2, 2, 12), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_metrics_are_served_beside_those_of_pycti(world: World) -> None:
    """On its address and port, with the counts of the run and without secrets."""
    port = free_port()
    settings = {
        "connector_expose_metrics": "true",
        "connector_metrics_host": "127.0.0.2",
        "connector_metrics_port": port,
    }
    with world.connector("run", **settings) as process:
        world.until(lambda: "Schedule next run" in world.logs())
        text = httpx.get(f"http://127.0.0.2:{port}/metrics", timeout=10).text
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
        assert process.terminate(10) == 0
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["shadowserver_reports_total", "imported"] == 4
    assert values["shadowserver_findings_total",] == 48
    assert values["shadowserver_objects_total", "artifact"] == 4
    assert values["shadowserver_runs_total", "complete"] == 1
    assert values["shadowserver_last_complete_run_timestamp_seconds",] > 0
    assert values["shadowserver_reports_waiting",] == 0
    assert any("ping_api" in name for name, *_ in values)
    for secret in (KEY, SECRET, REPORT_ID, world.platform.token):
        assert secret not in text
