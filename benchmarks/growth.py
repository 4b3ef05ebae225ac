"""Time and memory as the report grows, in every notes mode; each in a process of its own.

Before and after each conversion the report of ``COMPARED`` rows is converted, and its rows a second
are the measure: a machine that is slower for some minutes is so for both. Memory is the most that
any round took.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks.measure import in_child
from benchmarks.reports import USUAL, Report, report
from benchmarks.results import Result

HEADINGS = (
    "notes",
    "rows",
    "rows/s",
    "of those around",
    "give or take",
    "objects a row",
    "peak MB",
)
MODES = ("finding", "host", "none")
SIZES = (10_000, 50_000, 100_000, 1_000_000, 5_000_000)
QUICK_SIZES = (500, 2_000)
COMPARED = 50_000
ROWS_ENOUGH = 1_000_000
"""Rows that a size is converted of at least, in 3 to 8 rounds: single seconds tell little."""
MAX_MB = 200
SURE = 0.1
"""What a ratio may be off by for a judgement on it."""


class Line(NamedTuple):
    """A size in a mode, as it stands in the table."""

    notes: str
    rows: int
    speed: float
    """Rows a second of CPU."""
    ratio: float
    """To those of ``COMPARED`` rows, before and after."""
    doubt: float
    """Twice the ratio's standard error."""
    objects: float
    peak_mb: float


class _Measured(NamedTuple):
    line: Line
    ratios: Sequence[float]


def measure(folder: Path, *, quick: bool, largest: int = SIZES[-1]) -> Result:
    """Convert reports of growing size; ``largest`` leaves out those beyond."""
    sizes = QUICK_SIZES if quick else tuple(size for size in SIZES if size <= largest)
    beside = report(folder, USUAL, QUICK_SIZES[-1] if quick else COMPARED, seed=2)
    measured: dict[str, list[_Measured]] = {notes: [] for notes in MODES}
    for size in sizes:
        given = report(folder, USUAL, size)
        rounds = 2 if quick else max(3, min(8, ROWS_ENOUGH // size))
        for notes in MODES:
            measured[notes].append(_measured(given, beside, notes, rounds))
        given.path.unlink()
    result = Result("Growth: time and memory by rows (rows a second of CPU)", HEADINGS)
    lines = {notes: _with_doubt(each) for notes, each in measured.items()}
    result.rows += [lines[notes][place] for place in range(len(sizes)) for notes in MODES]
    for of_mode in lines.values():
        _judge_memory(result, of_mode)
        _judge_time(result, of_mode)
    return result


def _measured(given: Report, beside: Report, notes: str, rounds: int) -> _Measured:
    found: list[dict[str, Any]] = []
    around = [_rate(beside, notes)]
    for _ in range(rounds):
        found.append(_converted(given, notes))
        around.append(_rate(beside, notes))
    speeds = [given.rows / each["cpu"] for each in found]
    ratios = [speed / fmean(pair) for speed, *pair in zip(speeds, around, around[1:], strict=False)]
    peak = max(each["peak_kib"] for each in found) * 1024 / 1e6
    objects = found[0]["objects"] / given.rows
    line = Line(notes, given.rows, fmean(speeds), fmean(ratios), math.nan, objects, peak)
    return _Measured(line, ratios)


def _converted(given: Report, notes: str) -> dict[str, Any]:
    found: dict[str, Any] = in_child("convert_once", str(given.path), USUAL, notes)
    return found


def _rate(given: Report, notes: str) -> float:
    return given.rows / float(_converted(given, notes)["cpu"])


def _with_doubt(measured: Sequence[_Measured]) -> list[Line]:
    """Return the lines of a mode: one round varies as much at each size, so all tell of that."""
    squares = sum((each - line.ratio) ** 2 for line, ratios in measured for each in ratios)
    freedom = sum(len(ratios) - 1 for _, ratios in measured)
    return [
        line._replace(doubt=2 * math.sqrt(squares / freedom / len(ratios)))
        for line, ratios in measured
    ]


def _judge_memory(result: Result, lines: Sequence[Line]) -> None:
    few = next((line for line in lines if line.rows == COMPARED), lines[0])
    most = lines[-1]
    growth = most.peak_mb / few.peak_mb - 1
    result.goal(
        f"notes: {most.notes}, {most.rows:,} rows in {MAX_MB} MB",
        f"{most.peak_mb:.0f} MB",
        met=most.peak_mb <= MAX_MB,
    )
    result.goal(
        f"notes: {most.notes}, at most 10 % above {few.rows:,} rows",
        f"{growth:+.1%}",
        met=growth <= 0.1,
    )


def _judge_time(result: Result, lines: Sequence[Line]) -> None:
    """Hold the sizes beyond ``COMPARED`` against it; smaller ones pay for the start."""
    for line in lines:
        if line.rows > COMPARED:
            result.goal(
                f"notes: {line.notes}, {line.rows:,} rows: rows/s do not fall",
                f"{line.ratio:.3f} of those of {COMPARED:,}, give or take {line.doubt:.3f}",
                met=line.doubt <= SURE and line.ratio + line.doubt >= 1,
            )
