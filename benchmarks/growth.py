"""Time and memory as the report grows, in every notes mode; each in a process of its own.

Before and after each conversion, one of ``COMPARED`` rows is made, and both are compared: a
machine that is slower for some minutes is so for both. CPU seconds are the mean of the rounds,
memory is the most that any of them took.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from benchmarks.measure import in_child
from benchmarks.reports import USUAL, Report, report
from benchmarks.results import Result

HEADINGS = (
    "notes",
    "rows",
    "rows/s",
    "of those around",
    "CPU s",
    "objects a row",
    "peak MB",
)
MODES = ("finding", "host", "none")
SIZES = (10_000, 50_000, 100_000, 1_000_000, 5_000_000)
QUICK_SIZES = (500, 2_000)
COMPARED = 50_000
ROWS_ENOUGH = 1_000_000
"""Rows that a size is converted of at least, in 2 to 5 rounds: single seconds tell little."""
MOST_MB = 200


def measure(folder: Path, *, quick: bool, largest: int = SIZES[-1]) -> Result:
    """Convert reports of growing size; ``largest`` leaves out those beyond."""
    sizes = QUICK_SIZES if quick else tuple(size for size in SIZES if size <= largest)
    beside = report(folder, USUAL, QUICK_SIZES[-1] if quick else COMPARED, seed=2)
    result = Result("Growth: time and memory by rows (rows a second of CPU)", HEADINGS)
    around: dict[str, list[float]] = {notes: [] for notes in MODES}
    for size in sizes:
        given = report(folder, USUAL, size)
        rounds = 1 if quick else max(2, min(5, ROWS_ENOUGH // size))
        for notes in MODES:
            result.rows.append(_measured(given, beside, notes, rounds, around[notes]))
        given.path.unlink()
    for notes in MODES:
        _judge_memory(result, notes)
        _judge_time(result, notes, around[notes])
    return result


def _measured(
    given: Report, beside: Report, notes: str, rounds: int, around: list[float]
) -> tuple[Any, ...]:
    """Return a line of the table; ``around`` gets the rows/s of those before and after."""
    found: list[dict[str, Any]] = []
    compared = [_rate(beside, notes)]
    for _ in range(rounds):
        found.append(_converted(given, notes))
        compared.append(_rate(beside, notes))
    around += compared
    cpu = fmean(each["cpu"] for each in found)
    peak = max(each["peak_kib"] for each in found) * 1024 / 1e6
    speed = given.rows / cpu
    objects = found[0]["objects"] / given.rows
    return notes, given.rows, speed, speed / fmean(compared), cpu, objects, peak


def _converted(given: Report, notes: str) -> dict[str, Any]:
    found: dict[str, Any] = in_child("convert_once", str(given.path), USUAL, notes)
    return found


def _rate(given: Report, notes: str) -> float:
    return given.rows / float(_converted(given, notes)["cpu"])


def _judge_memory(result: Result, notes: str) -> None:
    of_mode = [row for row in result.rows if row[0] == notes]
    few = next((row for row in of_mode if row[1] == COMPARED), of_mode[0])
    most = of_mode[-1]
    megabytes, growth = most[6], most[6] / few[6] - 1
    result.goal(
        f"notes: {notes}, {most[1]:,} rows in {MOST_MB} MB",
        f"{megabytes:.0f} MB",
        met=megabytes <= MOST_MB,
    )
    result.goal(
        f"notes: {notes}, at most 10 % above {few[1]:,} rows", f"{growth:+.1%}", met=growth <= 0.1
    )


def _judge_time(result: Result, notes: str, around: list[float]) -> None:
    """Hold each size against the one before; what one report varies by is no fall."""
    varies = pstdev(around) / fmean(around)
    of_mode = [row for row in result.rows if row[0] == notes]
    steps = [(now[3] / before[3] - 1, now[1]) for before, now in pairwise(of_mode)]
    step, size = min(steps)
    result.goal(
        f"notes: {notes}, rows/s fall from no size to the next by more than one report varies",
        f"{step:+.1%} to {size:,} rows, where the same report varies by {varies:.1%}",
        met=step >= -varies,
    )
