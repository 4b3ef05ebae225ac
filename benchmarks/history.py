"""Findings over time: what it costs to compare them, and to keep them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.sink.pycti_fakes import FakeHelper

from benchmarks.measure import Seconds, compete, in_child
from benchmarks.reports import USUAL, WIDEST, report
from benchmarks.results import Result
from shadowserver_connector.history.history import open_history
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.report_comparer import ReportComparer, with_comparison

ROWS = 5_000_000
SHARE = 0.15
MEMORY_MIB = 200
SECONDS = 120
BYTES = 100


def measure(folder: Path, *, quick: bool) -> list[Result]:
    """Measure what a history adds to conversions, then a history of millions."""
    rows = 300 if quick else 5_000
    compared = Result(
        f"A report of {rows:,} rows compared with the day before, and then converted",
        ("type", "conversion, us a row", "with a history", "added"),
    )
    for each in _TYPES:
        _share(compared, folder, each, rows, 1 if quick else 9)
    alone, both = (sum(row[at] for row in compared.rows) for at in (1, 2))
    share = both / alone - 1
    compared.goal(
        "at most 15 % of the conversion's time, all types together",
        f"{share:.1%}",
        met=share <= SHARE,
    )
    compared.notes.append("both send everything, so that the objects are the same")
    return [compared, _kept(folder, 20_000 if quick else ROWS)]


_TYPES = (USUAL, *WIDEST, "event4_sinkhole_http")


def _share(result: Result, folder: Path, report_type: str, rows: int, rounds: int) -> None:
    made = report(folder, report_type, rows)
    options = Options(repeats="all")
    home = folder / f"history-{report_type}"
    comparer = ReportComparer(lambda: open_history(home, "one"), FakeHelper().connector_logger)
    convert, convert_compared = (
        partial(each, made.path, made.info, options, lambda _: None)
        for each in (convert_report, with_comparison(comparer))
    )
    with closing(comparer):
        comparer.compare(made.path, replace(made.info, day=made.info.day - timedelta(1)))
        comparer.commit(made.path)
        alone, compared = compete(rounds, convert, convert_compared)
    share = compared.cpu / alone.cpu - 1
    each = [seconds.cpu * 1e6 / made.rows for seconds in (alone, compared)]
    result.rows.append((report_type, *each, f"{share:.0%}"))


def _kept(folder: Path, rows: int) -> Result:
    found = in_child("history_once", str(folder), str(rows))
    result = Result(
        f"A history, and the second day of a report of {rows:,} rows",
        ("step", "seconds", "CPU s", "us of CPU a row"),
    )
    took = {name: Seconds(*each) for name, each in found["seconds"].items()}
    for name, seconds in took.items():
        result.rows.append((name, *seconds, seconds.cpu * 1e6 / rows))
    said = ", ".join(f"{number:,} {name}" for name, number in found["counts"].items())
    result.notes.append(f"{said}; address, name and oldest are questions to it")
    size = max(found["bytes"])
    peak = found["peak"] / 1024
    both = took["sort"].wall + took["compare"].wall
    result.goal("compared in below two minutes", f"{both:.0f} s", met=both < SECONDS)
    result.goal("in 200 MB of memory", f"{peak:.0f} MiB", met=peak < MEMORY_MIB)
    result.goal("below 100 bytes a finding on disk", f"{size:.0f}", met=size < BYTES)
    return result
