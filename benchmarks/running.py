"""The connector as a process: a run with no news, and the time from start to first API call."""

# ruff: noqa: S101, S603 - what is started and asserted here is our own

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil
from tests.connector.world import CONNECTOR, KEY, SECRET, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.queues import RabbitQueues, push_queue
from tests.platform.rabbitmq import RabbitMQ

from benchmarks.measure import ROOT, Seconds, best
from benchmarks.results import Result
from shadowserver_connector.simulator.server import Simulator

LISTS: Final = "/api2/reports/list"
DOWNLOADS: Final = "/dl/*"
_START: Final = "from shadowserver_connector.service.process import run_once; run_once()"
_PYCTI: Final = "import pycti, time; print(time.process_time())"


def measure(folder: Path, *, quick: bool) -> list[Result]:
    """Start the connector against simulator, stand-in and RabbitMQ."""
    with (
        RabbitMQ() as node,
        OpenCTI(RabbitQueues(node)) as platform,
        Simulator(small_month(), key=KEY, secret=SECRET) as simulator,
    ):
        environment = _environment(folder, platform, simulator)
        started = _started(environment, simulator, 1 if quick else 3)
        return [started, _no_news(environment, simulator, node)]


def _environment(folder: Path, platform: OpenCTI, simulator: Simulator) -> dict[str, str]:
    (folder / "tmp").mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        # What is measured: `make bench` puts the compiled build there.
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "TMPDIR": str(folder / "tmp"),
        "OPENCTI_URL": platform.url,
        "OPENCTI_TOKEN": platform.token,
        "CONNECTOR_ID": CONNECTOR,
        "CONNECTOR_LOG_LEVEL": "error",
        "CONNECTOR_RUN_AND_TERMINATE": "true",
        "SHADOWSERVER_API_KEY": KEY,
        "SHADOWSERVER_API_SECRET": SECRET,
        "SHADOWSERVER_API_URL": simulator.api_url.rstrip("/"),
        "SHADOWSERVER_DOWNLOAD_URL": simulator.download_url.rstrip("/"),
    }


def _spawn(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _started(environment: Mapping[str, str], simulator: Simulator, rounds: int) -> Result:
    measured = [
        (_import_pycti(environment), _first_call(environment, simulator)) for _ in range(rounds)
    ]
    pycti, ours = (best(list(column)) for column in zip(*measured, strict=True))
    result = Result(
        "From start to the first call of Shadowserver's API ",
        ("what", "seconds", "CPU s"),
        [("import pycti, alone", *pycti), ("connector", *ours)],
    )
    result.goal("start to first API call under 2 s", f"{ours.wall:.2f} s", met=ours.wall < 2)
    return result


def _import_pycti(environment: Mapping[str, str]) -> Seconds:
    begun = time.perf_counter()
    with _spawn(environment, "-c", _PYCTI) as process:
        assert process.stdout is not None
        cpu = float(process.stdout.readline())
    return Seconds(time.perf_counter() - begun, cpu)


def _first_call(environment: Mapping[str, str], simulator: Simulator) -> Seconds:
    simulator.requests.clear()
    begun = time.perf_counter()
    with _spawn(environment, "-c", _START) as process:
        while not simulator.requests.count() and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, "the connector ended before it asked Shadowserver"
        wall, cpu = time.perf_counter() - begun, psutil.Process(process.pid).cpu_times()
        process.kill()
    return Seconds(wall, cpu.user + cpu.system)


def _no_news(environment: Mapping[str, str], simulator: Simulator, node: RabbitMQ) -> Result:
    with _spawn(environment, "-m", "benchmarks.run_twice") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "first\n", first
        queued = node.ready(push_queue(CONNECTOR))
        lists_before = simulator.requests.count(path=LISTS)
        simulator.requests.clear()
        process.stdin.write("\n")
        process.stdin.flush()
        found = json.loads(process.stdout.readline())
    lists = simulator.requests.count(path=LISTS)
    downloads = simulator.requests.count(path=DOWNLOADS)
    messages = node.ready(push_queue(CONNECTOR)) - queued
    result = Result(
        "A run with no news",
        ("run", "days", "list calls", "downloads", "messages", "CPU s", "seconds"),
        [
            ("second", found["days"], lists, downloads, messages, found["cpu"], found["wall"]),
        ],
    )
    assert lists_before, "the first run asked for nothing"
    exact = (lists, downloads, messages) == (found["days"], 0, 0)
    counted = f"{lists} lists, {downloads} downloads, {messages} messages"
    result.goal("one list call a day, no download, no message", counted, met=exact)
    result.goal("under 1 s of CPU", f"{found['cpu']:.2f}", met=found["cpu"] < 1)
    return result
