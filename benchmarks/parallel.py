"""Two processes on two reports beside one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import compete
from benchmarks.reports import USUAL, report
from benchmarks.results import Result
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import convert_all
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.pipeline.processes import ProcessExecutor


def measure(folder: Path, *, quick: bool) -> Result:
    """Convert two equally large reports into a directory by one process and by two."""
    rows, loops, rounds = (300, 100_000, 1) if quick else (50_000, 60_000_000, 5)
    jobs = [_job(folder, rows, seed) for seed in (1, 2)]
    warm = [_job(folder, 50, seed) for seed in (3, 4)]
    out = folder / "out"

    def convert(executor: ProcessExecutor, some: list[Job]) -> None:
        for outcome in convert_all(some, out, Options(notes="finding"), executor, ahead=2):
            if isinstance(outcome, Failure):
                raise RuntimeError(outcome.reason)

    with ProcessExecutor(1) as one, ProcessExecutor(2) as two:
        count(two, 1)

        def work(executor: ProcessExecutor) -> Callable[[], None]:
            convert(executor, warm)
            return lambda: convert(executor, jobs)

        alone, together, counting_alone, counting = compete(
            rounds, work(one), work(two), lambda: count(one, loops), lambda: count(two, loops)
        )
    shutil.rmtree(out)
    ratio = alone.wall / together.wall
    possible = counting_alone.wall / counting.wall
    load = os.getloadavg()[0]
    result = Result(
        f"Two reports of {rows:,} rows (seconds by the clock; load of the machine {load:.1f} "
        f"on {os.cpu_count()} processors)",
        ("processes", "seconds", "rows/s"),
        [(1, alone.wall, 2 * rows / alone.wall), (2, together.wall, 2 * rows / together.wall)],
    )
    # Two processors of a virtual machine are seldom twice one.
    given = f"{ratio:.2f} (two loops that do nothing but count: {possible:.2f})"
    result.goal("two processes 1.8 times one", given, met=ratio >= 1.8)
    return result


def count(executor: ProcessExecutor, loops: int) -> None:
    """Keep two processors busy with nothing, as far as the executor has two."""
    for future in [executor.submit(_count, loops) for _ in range(2)]:
        future.result()


def _count(loops: int) -> int:
    total = 0
    for each in range(loops):
        total += each
    return total


def _job(folder: Path, rows: int, seed: int) -> Job:
    given = report(folder, USUAL, rows, seed=seed)
    return given.path, given.info
