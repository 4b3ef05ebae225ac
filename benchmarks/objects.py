"""What is sent: objects by type for a network of N hosts with four rows each."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.sink.pycti_fakes import FakeHelper

from benchmarks.reports import USUAL, Report, report
from benchmarks.results import Result
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import abilities
from shadowserver_connector.sink.waiting import Waiter

ROWS_OF_HOST: Final = 4
LEAN: Final = "host, lean"
MODES: Final[Mapping[str, Options]] = {
    "finding": Options(notes="finding"),
    "host": Options(notes="host"),
    "none": Options(notes="none"),
    LEAN: Options(
        notes="host", observed_data=False, network_traffic=False, relationships=frozenset()
    ),
}
"""``host, lean`` is without Observed Data, Network Traffic and relationships."""

# Author and markings decide who sees what, and are in every message on purpose.
ALWAYS_SENT: Final = ("identity--", "marking-definition--")


def measure(folder: Path, *, quick: bool) -> Result:
    """Deliver a report in each mode, once OpenCTI keeping up and once all of it queued.

    What is queued only is sent again on purpose where a message refers to it, and is no goal: a
    worker may take that message first.
    """
    hosts = 60 if quick else 2_000
    given = report(folder, USUAL, hosts * ROWS_OF_HOST, hosts=hosts)
    sent = {mode: _deliver(given, options, keeping_up=True) for mode, options in MODES.items()}
    late = {mode: _deliver(given, options, keeping_up=False) for mode, options in MODES.items()}
    result = Result(
        f"Objects sent for {hosts:,} hosts with {ROWS_OF_HOST} rows each, by notes mode",
        ("type", *MODES),
    )
    for name in sorted({stix_type for each in sent.values() for stix_type in each.by_type}):
        result.rows.append((name, *(each.by_type[name] for each in sent.values())))
    result.rows.append(("all", *(each.by_type.total() for each in sent.values())))
    a_row = {mode: each.by_type.total() / given.rows for mode, each in sent.items()}
    result.rows.append(("objects a row", *a_row.values()))
    behind = {mode: each.by_type.total() / given.rows for mode, each in late.items()}
    result.rows.append(("objects a row, all still queued", *behind.values()))
    result.rows.append(("messages", *(each.messages for each in sent.values())))
    result.rows.append(("sent twice", *(each.twice for each in sent.values())))
    result.rows.append(("sent twice, all still queued", *(each.twice for each in late.values())))
    twice = sum(each.twice for each in sent.values())
    result.goal("no object twice in a work, OpenCTI keeping up", str(twice), met=twice == 0)
    lean = behind[LEAN]
    result.goal("lean: at most 1.2 objects a row", f"{lean:.2f}", met=lean <= 1.2)
    return result


class _Sent:
    def __init__(self, helper: FakeHelper) -> None:
        copies = Counter(
            (stix["id"], json.dumps(stix, sort_keys=True))
            for _, bundle in helper.messages
            for stix in bundle["objects"]
        )
        self.messages = len(helper.messages)
        self.by_type: Counter[str] = Counter()
        self.twice = 0
        """Copies beyond the first with the same content."""
        for (stix_id, _), count in copies.items():
            self.by_type[stix_id.partition("--")[0]] += count
            if not stix_id.startswith(ALWAYS_SENT):
                self.twice += count - 1


def _deliver(given: Report, options: Options, *, keeping_up: bool) -> _Sent:
    helper = FakeHelper()
    waiter = Waiter(threading.Event(), helper.connector_logger)
    delivery = Delivery(helper, abilities(helper), waiter, "objects")

    def send(chunk: Chunk) -> None:
        delivery.send(chunk, given.path)
        if keeping_up:
            for work_id in helper.api.work.works:
                helper.import_all(work_id)

    convert_report(given.path, given.info, options, send)
    return _Sent(helper)
