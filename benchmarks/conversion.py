"""Rows a second, ours beside the baseline, on the same file."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks import baseline
from benchmarks.measure import rounds_of
from benchmarks.reports import USUAL, WIDEST, Report, report
from benchmarks.results import Result
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report

FINDING = Options(notes="finding", relationships=None)
"""With all relationships, as the baseline makes them."""
HEADINGS = (
    "type",
    "columns",
    "rows",
    "baseline",
    "ours",
    "ratio",
    "least",
    "most",
    "by the clock",
    "objects",
)
TIMES = 10
"""Conversions of ours in a round: one alone takes too little time to tell."""


def measure(folder: Path, *, quick: bool) -> Result:
    """Convert the usual scan and the widest types both ways; of several rounds take the median."""
    rows, rounds, times = (300, 1, 1) if quick else (5_000, 5, TIMES)
    result = Result(
        "Conversion, one process, a Note a finding, all relationships (rows a second of CPU)",
        HEADINGS,
    )
    for report_type in (USUAL, *WIDEST):
        given = report(folder, report_type, rows)
        ratio, speed = _compare(result, given, rounds, times)
        if report_type == USUAL:
            result.goal("60 times the baseline on 25 columns", f"{ratio:.0f}", met=ratio >= 60)
            result.goal("20,000 rows/s on 25 columns", f"{speed:,.0f}", met=speed >= 20_000)
        else:
            goal = f"40 times the baseline on {report_type}"
            result.goal(goal, f"{ratio:.0f}", met=ratio >= 40)
    return result


def _compare(result: Result, given: Report, rounds: int, times: int) -> tuple[float, float]:
    objects = 0

    def count(chunk: Chunk) -> None:
        nonlocal objects
        objects += len(chunk.bundle()) and len(chunk.objects)

    def ours() -> None:
        nonlocal objects
        for _ in range(times):
            objects = 0
            convert_report(given.path, given.info, FINDING, count)

    measured = rounds_of(rounds, lambda: baseline.convert(given.path, given.info), ours)
    theirs = median(given.rows / slow.cpu for slow, _ in measured)
    speed = median(given.rows * times / fast.cpu for _, fast in measured)
    ratios = [slow.cpu * times / fast.cpu for slow, fast in measured]
    by_clock = median(slow.wall * times / fast.wall for slow, fast in measured)
    columns = given.path.open().readline().count(",") + 1
    result.rows.append((
        given.info.type, columns, given.rows, theirs, speed,
        median(ratios), min(ratios), max(ratios), by_clock, objects,
    ))  # fmt: skip
    return median(ratios), speed
