"""The metrics endpoint of a running connector."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, REPORT_ID, SECRET, TODAY, Reports, World, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration


@pytest.fixture
def store() -> Reports:
    """Return the reports of two days."""
    return small_month(2, 2, 12)


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_metrics_are_served_beside_those_of_pycti(world: World) -> None:
    """They are on pycti's address and port, with the run's counts and no secrets."""
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


DASHBOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboard.json"


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Run Prometheus on loopback, which scrapes ``target`` each second; yield its address."""
    (folder / "prometheus.yml").write_text(
        json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(DASHBOARD.parents[1] / "prometheus" / "rules.yml")],
            "scrape_configs": [
                {"job_name": "shadowserver", "static_configs": [{"targets": [target]}]}
            ],
        })
    )  # fmt: skip
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def asked(address: str, query: str) -> list[dict[str, Any]]:
    """Return what a query finds now, or nothing until Prometheus is ready."""
    try:
        answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, timeout=10)
    except httpx.TransportError:
        return []
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return []
    assert answer.status_code == httpx.codes.OK, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


@pytest.mark.skipif(not shutil.which("prometheus"), reason="needs Prometheus")
def test_each_query_of_the_dashboard_finds_something(
    world: World, store: Reports, tmp_path: Path
) -> None:
    """After a run with a retry and a failed report, every query of the dashboard has data."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    left = {target["expr"] for panel in panels for target in panel["targets"]}
    # Nothing is waited for in this run; tests/deploy sees to it that there is such a metric.
    left.remove("shadowserver_waiting_seconds")
    assert len(left) > 15
    store.add(TODAY - timedelta(days=1), "scan_ssl", b"no report at all", 1)
    world.simulator.faults.add(Fault(FaultKind.STATUS, times=1))
    port = free_port()
    settings = {"connector_expose_metrics": "true", "connector_metrics_port": port}
    with (
        prometheus(tmp_path, f"127.0.0.1:{port}") as address,
        world.connector("run", **settings) as process,
    ):

        def nothing_left() -> bool:
            left.difference_update([query for query in left if asked(address, query)])
            return not left

        try:
            world.until(nothing_left, 180)
        except TimeoutError:
            assert left == set(), world.logs()[-3000:]
        assert process.terminate(10) == 0
