"""Rows a second, ours beside the baseline, on the same file."""

from __future__ import annotations

from pathlib import Path

from benchmarks import baseline
from benchmarks.measure import compete
from benchmarks.reports import USUAL, WIDEST, Report, report
from benchmarks.results import Result
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report

FINDING = Options(notes="finding")


def measure(folder: Path, *, quick: bool) -> Result:
    """Convert the usual scan and the widest types both ways."""
    rows, rounds = (300, 1) if quick else (5_000, 3)
    result = Result(
        "Conversion, one process, a Note a finding, all relationships (rows a second of CPU)",
        ("type", "columns", "rows", "baseline", "ours", "ratio", "ratio by the clock", "objects"),
    )
    for report_type in (USUAL, *WIDEST):
        given = report(folder, report_type, rows)
        ratio, speed = _compare(result, given, rounds)
        if report_type == USUAL:
            result.goal("60 times the baseline on 25 columns", f"{ratio:.0f}", met=ratio >= 60)
            result.goal("20,000 rows/s on 25 columns", f"{speed:,.0f}", met=speed >= 20_000)
        else:
            goal = f"40 times the baseline on {report_type}"
            result.goal(goal, f"{ratio:.0f}", met=ratio >= 40)
    return result


def _compare(result: Result, given: Report, rounds: int) -> tuple[float, float]:
    objects = 0

    def count(chunk: Chunk) -> None:
        nonlocal objects
        objects += len(chunk.bundle()) and len(chunk.objects)

    def ours() -> None:
        nonlocal objects
        objects = 0
        convert_report(given.path, given.info, FINDING, count)

    theirs, mine = compete(rounds, lambda: baseline.convert(given.path, given.info), ours)
    speed = given.rows / mine.cpu
    ratio = theirs.cpu / mine.cpu
    columns = given.path.open().readline().count(",") + 1
    result.rows.append((
        given.info.type, columns, given.rows, given.rows / theirs.cpu, speed, ratio,
        theirs.wall / mine.wall, objects,
    ))  # fmt: skip
    return ratio, speed
