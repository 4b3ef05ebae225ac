"""End to end: from the file to messages that RabbitMQ has confirmed, ours beside the baseline."""

from __future__ import annotations

import sys
import threading
import uuid
from pathlib import Path
from typing import Any

from pycti import OpenCTIConnectorHelper
from tests.platform.opencti import OpenCTI
from tests.platform.queues import RabbitQueues, push_queue
from tests.platform.rabbitmq import RabbitMQ

from benchmarks import baseline
from benchmarks.measure import compete
from benchmarks.reports import USUAL, report
from benchmarks.results import Result
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.waiting import Waiter


class QuickQueues(RabbitQueues):
    """Queues whose size costs no process of its own to ask, as at OpenCTI; always small."""

    def size(self, connector: str) -> tuple[int, int]:
        """Return no size: this benchmark is not about waiting."""
        return (0, 0)


def measure(folder: Path, *, quick: bool) -> Result:
    """Send the same report both ways to a real RabbitMQ node."""
    rows, rounds = (100, 1) if quick else (2_000, 2)
    given = report(folder, USUAL, rows)
    sent: dict[str, int] = {}
    with RabbitMQ() as node, OpenCTI(QuickQueues(node)) as platform:
        helper = _register(platform)
        queue = push_queue(helper.connector_id)

        def settle(who: str) -> None:
            sent[who] = node.ready(queue)
            node.purge(queue)

        def theirs() -> None:
            work_id = helper.api.work.initiate_work(helper.connector_id, "baseline")
            helper.send_stix2_bundle(baseline.convert(given.path, given.info), work_id=work_id)
            helper.api.work.to_processed(work_id, "done")
            settle("baseline")

        def ours() -> None:
            waiter = Waiter(threading.Event(), helper.connector_logger)
            delivery = Delivery(helper, find_abilities(helper), waiter, "ours")
            convert_report(
                given.path,
                given.info,
                Options(notes="finding", relationships=None),
                lambda chunk: delivery.send(chunk, given.path),
            )
            delivery.close("done", in_error=False)
            settle("ours")

        slow, fast = compete(rounds, theirs, ours)
        helper.ping.stop()
        helper.ping.join()
    result = Result(
        f"End to end into RabbitMQ, {rows:,} rows, every message confirmed",
        ("way", "seconds", "CPU s, with the stand-in's", "rows/s", "messages"),
        [
            ("baseline", slow.wall, slow.cpu, rows / slow.wall, sent["baseline"]),
            ("ours", fast.wall, fast.cpu, rows / fast.wall, sent["ours"]),
        ],
    )
    ratio = slow.wall / fast.wall
    result.goal("20 times the baseline's way", f"{ratio:.1f}", met=ratio >= 20)
    return result


def _register(platform: OpenCTI) -> Any:
    hook = sys.excepthook
    try:
        return OpenCTIConnectorHelper({
            "opencti": {"url": platform.url, "token": platform.token},
            "connector": {
                "id": str(uuid.uuid4()),
                "type": "EXTERNAL_IMPORT",
                "name": "Benchmark",
                "scope": "report",
                "log_level": "critical",
            },
        })  # fmt: skip
    finally:
        sys.excepthook = hook
