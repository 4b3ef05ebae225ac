"""Time and memory as the report grows, in every notes mode; each in a process of its own.

There are two hosts for three rows at every size, so that a row is as much work. CPU seconds are
the mean of the rounds, memory is the most that any of them took.
"""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from statistics import fmean

from benchmarks.measure import in_child
from benchmarks.reports import USUAL, report
from benchmarks.results import Result

HEADINGS = ("notes", "rows", "rows/s", "CPU s", "objects a row", "peak MB")
MODES = ("finding", "host", "none")
SIZES = (10_000, 50_000, 100_000, 1_000_000, 5_000_000)
QUICK_SIZES = (500, 2_000)
COMPARED = 50_000
ROWS_ENOUGH = 1_000_000
"""Rows that a size is converted of at least, in up to five rounds: single seconds tell little."""
MOST_MB = 200


def measure(folder: Path, *, quick: bool, largest: int = SIZES[-1]) -> Result:
    """Convert reports of growing size; ``largest`` leaves out those beyond."""
    sizes = QUICK_SIZES if quick else tuple(size for size in SIZES if size <= largest)
    result = Result("Growth: time and memory by rows (rows a second of CPU)", HEADINGS)
    for size in sizes:
        given = report(folder, USUAL, size)
        for notes in MODES:
            rounds = 1 if quick else max(1, min(5, ROWS_ENOUGH // size))
            found = [in_child("convert_once", str(given.path), USUAL, notes) for _ in range(rounds)]
            cpu = fmean(each["cpu"] for each in found)
            peak = max(each["peak_kib"] for each in found) * 1024 / 1e6
            result.rows.append((notes, size, size / cpu, cpu, found[0]["objects"] / size, peak))
        given.path.unlink()
    for notes in MODES:
        _judge(result, notes)
    return result


def _judge(result: Result, notes: str) -> None:
    of_mode = [row for row in result.rows if row[0] == notes]
    few = next((row for row in of_mode if row[1] == COMPARED), of_mode[0])
    most = of_mode[-1]
    megabytes, growth = most[5], most[5] / few[5] - 1
    result.goal(
        f"notes: {notes}, {most[1]:,} rows in {MOST_MB} MB",
        f"{megabytes:.0f} MB",
        met=megabytes <= MOST_MB,
    )
    result.goal(
        f"notes: {notes}, at most 10 % above {few[1]:,} rows", f"{growth:+.1%}", met=growth <= 0.1
    )
    first, slowest = of_mode[0], min(of_mode[1:], key=itemgetter(2))
    result.goal(
        f"notes: {notes}, rows/s nowhere below those of {first[1]:,} rows",
        f"{slowest[2] / first[2]:.2f} times at {slowest[1]:,} rows",
        met=slowest[2] >= first[2],
    )
