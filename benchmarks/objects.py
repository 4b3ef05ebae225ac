"""What is sent: by type for a network of N hosts with four rows each, and a row on a first day."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Final

from tests.sink.pycti_fakes import FakeHelper

from benchmarks.reports import DAY, USUAL, Report, report
from benchmarks.results import Result
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.waiting import Waiter

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
"""``host, lean`` is without Observed-Data, Network-Traffic and relationships."""


OTHERS: Final = ("scan_ssl", "scan_ssh", "event4_honeypot_brute_force")
"""Types that make more of a row: certificates, keys, attackers beside the attacked."""


FIRST_DAYS: Final[Mapping[str, Sequence[str]]] = {
    "sinkhole": (
        "event4_sinkhole",
        "event4_sinkhole_http",
        "event4_sinkhole_http_referer",
        "event4_sinkhole_dns",
    ),
    "TLS": ("scan_ssl", "scan_ssl_freak"),
}
"""Kinds of types, by their columns; the others of a kind are like one of these."""

MOST: Final = 6
"""Objects a row that a first day of the types of a kind may cost on average."""


def measure(folder: Path, *, quick: bool) -> list[Result]:
    """Return what is sent by notes mode, and on a first day as the settings are by default."""
    return [_by_mode(folder, quick=quick), _first_day(folder, rows=(100, 300 if quick else 1_000))]


def _first_day(folder: Path, rows: tuple[int, int]) -> Result:
    """Deliver a report of each size to an OpenCTI that keeps up: two hosts for three rows.

    Beside it what all relationships would cost.
    """
    result = Result(
        "Objects a row on the first day, settings as by default",
        ("type", *(f"{count:,} rows" for count in rows), *(f"{count:,}, all" for count in rows)),
    )
    a_row: dict[str, list[float]] = {}
    for name in chain.from_iterable(FIRST_DAYS.values()):
        given = [report(folder, name, count) for count in rows]
        sent = [
            _keeping_up(each, options).by_type.total() / each.rows
            for options in (Options(), Options(relationships=None))
            for each in given
        ]
        a_row[name] = sent[: len(rows)]
        result.rows.append((name, *sent))
    for kind, names in FIRST_DAYS.items():
        for at, count in enumerate(rows):
            average = fmean(a_row[name][at] for name in names)
            result.goal(
                f"{kind} types: at most {MOST} objects a row on average, reports of {count:,} rows",
                f"{average:.2f}",
                met=average <= MOST,
            )
    result.notes.append("A Report goes with every message, and counts each time.")
    return result


def _by_mode(folder: Path, *, quick: bool) -> Result:
    """Deliver a report in each mode: OpenCTI keeps up, is behind, or is behind and knows nothing.

    Behind, all that is sent stays queued; it has imported the report of the day before. What it
    has never seen goes again on purpose in the last case, and that is no goal: a worker may take
    the message that refers to it before the one that brought it.
    """
    hosts = 60 if quick else 2_000
    rows = hosts * ROWS_OF_HOST
    before = report(folder, USUAL, rows, hosts=hosts, day=DAY - timedelta(days=1))
    given = report(folder, USUAL, rows, hosts=hosts)
    sent = {mode: _keeping_up(given, options) for mode, options in MODES.items()}
    behind = {mode: _behind(before, given, options) for mode, options in MODES.items()}
    empty = {mode: _behind(None, given, options) for mode, options in MODES.items()}
    result = Result(
        f"Objects sent for {hosts:,} hosts with {ROWS_OF_HOST} rows each, by notes mode",
        ("type", *MODES),
    )
    for name in sorted({stix_type for each in sent.values() for stix_type in each.by_type}):
        result.rows.append((name, *(each.by_type[name] for each in sent.values())))
    result.rows.append(("all", *(each.by_type.total() for each in sent.values())))
    a_row = {mode: each.by_type.total() / rows for mode, each in sent.items()}
    most = {mode: each.by_type.total() / rows for mode, each in empty.items()}
    result.rows.append(("objects a row", *a_row.values()))
    for name in OTHERS:
        other = report(folder, name, rows // 4, hosts=hosts // 4)
        counts = [_keeping_up(other, options).by_type.total() for options in MODES.values()]
        result.rows.append((f"objects a row, {name}", *(count / other.rows for count in counts)))
    result.rows.append(("objects a row, on its first day, behind", *most.values()))
    result.rows.append(("messages", *(each.messages for each in sent.values())))
    result.rows.append(("sent twice", *(each.twice for each in sent.values())))
    result.rows.append(("sent twice, OpenCTI behind", *(each.twice for each in behind.values())))
    result.rows.append(
        ("sent twice, on its first day, behind", *(each.twice for each in empty.values()))
    )
    twice = sum(each.twice for each in (*sent.values(), *behind.values()))
    result.goal("no object twice in a work, OpenCTI behind or not", str(twice), met=twice == 0)
    result.notes.append(
        "A Report goes with every message, each time with other references. On the first day goes "
        "twice what is queued only: another worker may take the message that refers to it first."
    )
    lean = most[LEAN]
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
            self.twice += count - 1


def _keeping_up(given: Report, options: Options) -> _Sent:
    helper = FakeHelper()
    _deliver(helper, given, options, imported=True)
    return _Sent(helper)


def _behind(before: Report | None, given: Report, options: Options) -> _Sent:
    """Deliver a report that stays queued, after another, if there is one, that was imported."""
    helper = FakeHelper()
    if before is not None:
        _deliver(helper, before, options, imported=True)
        helper.messages.clear()
    _deliver(helper, given, options, imported=False)
    return _Sent(helper)


def _deliver(helper: FakeHelper, given: Report, options: Options, *, imported: bool) -> None:
    waiter = Waiter(threading.Event(), helper.connector_logger)
    delivery = Delivery(helper, find_abilities(helper), waiter, str(given.info.day))

    def send(chunk: Chunk) -> None:
        delivery.send(chunk, given.path)
        if imported:
            for work_id in helper.api.work.works:
                helper.import_all(work_id)

    convert_report(given.path, given.info, options, send)
    delivery.close("done", in_error=False)
