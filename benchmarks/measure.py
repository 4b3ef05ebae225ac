"""How time and memory are measured."""

# ruff: noqa: S603 - what is started and asserted here is our own

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
TIMEOUT = 6 * 3600


class Seconds(NamedTuple):
    """What something took: by the clock, and of the processor in this process."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Seconds:
    """Run something once."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def best(measured: list[Seconds]) -> Seconds:
    """Return the least wall time and the least CPU time: what others did cannot make it faster."""
    return Seconds(min(each.wall for each in measured), min(each.cpu for each in measured))


def rounds_of(rounds: int, *works: Callable[[], object]) -> list[list[Seconds]]:
    """Run several things in turn, so that a busy machine is busy for all; return each round's."""
    return [[timed(work) for work in works] for _ in range(rounds)]


def compete(rounds: int, *works: Callable[[], object]) -> list[Seconds]:
    """Run several things in turn, ``rounds`` times; return the best of each."""
    measured = rounds_of(rounds, *works)
    return [best(list(column)) for column in zip(*measured, strict=True)]


def peak_kib() -> int:
    """Return the most memory that this process has had, in KiB.

    Read from Linux, as ``ru_maxrss`` begins with the parent's.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0


def in_child(module: str, *arguments: str) -> Any:
    """Run a module of this package as a process; return the JSON value that it prints."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT)
    return json.loads(done.stdout.splitlines()[-1])
