"""Everything that a connector talks to, real or simulated, and the connector as a process."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.simulator.store import Content, StoredReport
from tests.platform.opencti import OpenCTI
from tests.platform.queues import push_queue
from tests.platform.rabbitmq import RabbitMQ
from tests.platform.worker import SPLITS, Workers

CONNECTOR = "5c1b9f0e-0000-4000-8000-00000000c0de"
KEY = "sentinel-api-key"
SECRET = "sentinel-api-secret"
REPORT_ID = "sentinel-capability"
TODAY = datetime.now(UTC).date()
_HEADER = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city\n"
_PROGRAM = """
import sys
from shadowserver_connector.service.process import {entry}
from shadowserver_connector.settings.load import load_settings
sys.exit({entry}(load_settings()))
"""


def csv(number: int, rows: int) -> bytes:
    """Return a report of ``rows`` findings; ``number`` makes its addresses distinct."""
    lines = [
        f'"{TODAY - timedelta(days=1)} 0{row % 10}:00:00",medium,198.51.100.{row % 250},tcp,'
        f"{1024 + number * 500 + row},host-{number}-{row}.example.net,"
        f"http;cve-2024-{1000 + row % 7},64{496 + row % 5},NL,NOORD-HOLLAND,AMSTERDAM\n"
        for row in range(rows)
    ]
    return (_HEADER + "".join(lines)).encode()


@dataclass
class Reports:
    """A simulator's store over a dict, which may change while it is served."""

    files: dict[StoredReport, bytes] = field(default_factory=dict)

    def add(self, day: date, type: str, content: bytes, rows: int = 0) -> StoredReport:
        """Put a report into the store."""
        number = len(self.files)
        file = f"{day}-{type}-example-{number}.csv"
        report = StoredReport(type, "example", day, file, f"{REPORT_ID}-{number}", "", rows)
        self.files[report] = content
        return report

    def days(self) -> Sequence[date]:
        """Return the days that have reports."""
        return sorted({report.day for report in self.files})

    def reports(self, day: date) -> Sequence[StoredReport]:
        """Return the reports of a day."""
        return [report for report in self.files if report.day == day]

    def open(self, id: str) -> Content:
        """Return a file."""
        content = next((data for report, data in self.files.items() if report.id == id), None)
        if content is None:
            raise KeyError(id)
        return Content(len(content), iter([content[:100], content[100:]]))


def small_month(days: int = 2, reports: int = 2, rows: int = 12) -> Reports:
    """Return a store with a few small reports on each of the last days."""
    store = Reports()
    for back in range(1, days + 1):
        for number in range(reports):
            day = TODAY - timedelta(days=back)
            kind = ("scan_http", "scan_ssl", "scan_telnet")[number % 3]
            store.add(day, kind, csv(10 * back + number, rows), rows)
    return store


class Process:
    """The connector, running."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def wait(self, seconds: float = 90) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def terminate(self, seconds: float) -> int:
        """Ask it to stop, as Docker does; raises TimeoutExpired when it takes longer."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


class World:
    """Simulator, platform and broker, with connectors that run against them."""

    def __init__(
        self, platform: OpenCTI, broker: RabbitMQ, simulator: Simulator, folder: Path
    ) -> None:
        self.platform = platform
        self.broker = broker
        self.simulator = simulator
        self.folder = folder
        self.prefix: Sequence[str] = ()
        """What the command of each connector starts with."""
        self.worker_splits = SPLITS
        """See `Workers`; as the pycti of these tests, unless the connector has another one."""
        self.queue = push_queue(CONNECTOR)
        self._logs: list[Path] = []
        # An earlier test may have left something in the queue.
        platform.connectors.queues.declare(CONNECTOR)
        broker.purge(self.queue)

    def connector(
        self, entry: str = "run_once", **settings: Any
    ) -> AbstractContextManager[Process]:
        """Start a connector; it is killed at the end if it still runs.

        ``settings`` are environment variables in lower case: ``shadowserver_notes="host"``.
        """
        return self._running(["-c", _PROGRAM.format(entry=entry)], settings)

    def commanded(self, *arguments: object, **settings: Any) -> AbstractContextManager[Process]:
        """Start a command of the command line; it is killed at the end if it still runs."""
        return self._running(["-m", "shadowserver_connector", *map(str, arguments)], settings)

    @contextmanager
    def _running(self, arguments: Sequence[str], settings: dict[str, Any]) -> Iterator[Process]:
        log = self.folder / f"connector-{len(self._logs)}.log"
        self._logs.append(log)
        command = [*self.prefix, sys.executable, "-W", "ignore", *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=self.environment(settings), cwd=self.folder, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield Process(process, log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)

    def run(self, **settings: Any) -> int:
        """Run a connector once, to its end, and return its exit code."""
        with self.connector(**settings) as process:
            return process.wait()

    def command(
        self, *arguments: object, given: str = "", **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line to its end; ``given`` is typed into it."""
        command = [sys.executable, "-W", "ignore", "-m", "shadowserver_connector"]
        return subprocess.run(
            [*command, *map(str, arguments)], env=self.environment(settings), cwd=self.folder,
            input=given, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def start_by_hand(self, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Start the connector as a manual installation does, and wait for its end."""
        source = Path(__file__).resolve().parents[2] / "src"
        return subprocess.run(
            [sys.executable, "main.py"], env=self.environment(settings), cwd=source,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def until(self, happened: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until a condition holds. Raises TimeoutError with the end of the log."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise TimeoutError(self.logs()[-3000:])
            time.sleep(0.02)

    def queued(self) -> int:
        """Return how many messages wait in the queue."""
        return self.broker.ready(self.queue)

    def messages(self) -> list[dict[str, Any]]:
        """Return what waits in the queue, which stays there."""
        messages: list[dict[str, Any]] = self.broker.take(self.queue)
        for message in messages:
            self.platform.connectors.queues.publish(CONNECTOR, json.dumps(message).encode())
        return messages

    def bundles(self) -> list[dict[str, Any]]:
        """Return the bundles that wait in the queue, which stay there."""
        return [bundle_of(message) for message in self.messages()]

    def sends(self) -> Counter[str]:
        """Return how often each report was sent, by file name, according to the queue."""
        return Counter(
            name
            for bundle in self.bundles()
            for each in bundle["objects"]
            if each["type"] == "artifact"
            for name in each["x_opencti_additional_names"]
        )

    def import_all(self, number: int = 2) -> Workers:
        """Let workers import everything that is queued."""
        with Workers(
            self.platform, self.broker, CONNECTOR, number, splits=self.worker_splits
        ) as workers:
            workers.wait_idle(120)
        return workers

    def objects(self) -> dict[str, Any]:
        """Return what the platform holds."""
        snapshot: dict[str, Any] = self.platform.snapshot()["objects"]
        return snapshot

    def state(self) -> dict[str, Any] | None:
        """Return the connector's state in the platform; ``None`` before it is registered."""
        try:
            state: dict[str, Any] | None = self.platform.state(CONNECTOR)
        except Exception:
            return None
        return state

    def done(self) -> int:
        """Return how many reports the state says are done."""
        return (
            sum(len(packed) for packed in ((self.state() or {}).get("done") or {}).values()) // 24
        )

    def works(self) -> list[Any]:
        """Return the connector's works."""
        return list(self.platform.works.of(CONNECTOR))

    def logs(self) -> str:
        """Return everything that the connectors have written."""
        return "".join(log.read_text(errors="replace") for log in self._logs)

    def environment(self, settings: dict[str, Any]) -> dict[str, str]:
        """Return the environment of a connector with these settings, in lower case."""
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "PYTHONPATH")
            if name in os.environ
        }
        (self.folder / "tmp").mkdir(exist_ok=True)
        defaults = {
            "TMPDIR": str(self.folder / "tmp"),
            "OPENCTI_URL": self.platform.url,
            "OPENCTI_TOKEN": self.platform.token,
            "CONNECTOR_ID": CONNECTOR,
            "CONNECTOR_LOG_LEVEL": "debug",
            "SHADOWSERVER_API_KEY": KEY,
            "SHADOWSERVER_API_SECRET": SECRET,
            "SHADOWSERVER_API_URL": self.simulator.api_url.rstrip("/"),
            "SHADOWSERVER_DOWNLOAD_URL": self.simulator.download_url.rstrip("/"),
            "SHADOWSERVER_INITIAL_LOOKBACK": "3",
            "SHADOWSERVER_CHUNK_OBJECTS": "60",
            "SHADOWSERVER_STATE_DIR": str(self.folder / "state"),
            "SHADOWSERVER_REPEATS": "all",
        }
        given = {name.upper(): str(value) for name, value in settings.items()}
        return kept | defaults | given


def bundle_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the bundle that a message of the queue carries."""
    bundle: dict[str, Any] = json.loads(base64.b64decode(message["content"]))
    return bundle


def repeated(world: World) -> int:
    """Return how many objects wait in messages that are in the queue a second time.

    A broker that fails after it kept a message and before it confirmed it gets the message again:
    delivery is at least once, and the work then counts these objects twice.
    """
    messages = Counter(json.dumps(bundle["objects"]) for bundle in world.bundles())
    return sum((count - 1) * len(json.loads(each)) for each, count in messages.items())


def check_complete(world: World, store: Reports) -> None:
    """Check that everything arrived and every work counts exactly."""
    surplus = repeated(world)
    workers = world.import_all()
    assert workers.rejected == []
    assert workers.failed == []
    assert world.platform.store.oddities.dropped == []
    kinds = [thing["type"] for thing in world.objects().values()]
    assert kinds.count("Report") == len(store.files)
    assert world.done() == len(store.files)
    for work in world.works():
        assert work.closed
        assert work.errors == []
        assert work.status == "complete", work
        assert work.processed >= work.expected
    assert sum(work.processed - work.expected for work in world.works()) == surplus
