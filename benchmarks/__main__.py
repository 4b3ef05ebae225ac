"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import conversion, delivery, growth, history, objects, parallel, repeats, running
from benchmarks.chart import draw
from benchmarks.measure import ROOT
from benchmarks.results import Result
from shadowserver_connector import __version__
from shadowserver_connector.cli.app import is_compiled

DOCS = ROOT / "docs"
Measure = Callable[..., Result | list[Result]]

BENCHMARKS: Mapping[str, Measure] = {
    "conversion": conversion.measure,
    "parallel": parallel.measure,
    "delivery": delivery.measure,
    "objects": objects.measure,
    "running": running.measure,
    "growth": growth.measure,
    "history": history.measure,
    "repeats": repeats.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each benchmark; write the numbers, and the growth as a chart."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"shadowserver-connector {__version__}, {_build()}", highlight=False)
    measures = dict(BENCHMARKS)
    measures["growth"] = partial(growth.measure, largest=options.largest)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for name in options.only or measures:
            found = measures[name](Path(folder), quick=options.quick)
            results = found if isinstance(found, list) else [found]
            for result in results:
                result.show(console, with_goals=not options.quick)
            if options.output:
                _write(name, results, options.output)
    return 0


def _write(name: str, results: Sequence[Result], target: Path) -> None:
    """Write the numbers of a benchmark, and the chart of the growth; others keep theirs."""
    known = json.loads(target.read_text()) if target.exists() else {}
    known[name] = {
        "measured": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "build": _build(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "tables": [result.plain() for result in results],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    if name == "growth":
        draw(results[0], target.with_name("growth.svg"))
    target.write_text(json.dumps(known, indent=1) + "\n")


def _build() -> str:
    return "compiled" if is_compiled() else "pure Python"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small and once: shows that all of it works"
    )
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="can be repeated")
    parser.add_argument(
        "--largest", type=int, default=5_000_000, help="rows of the largest report (growth)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help=f"JSON file to write, with growth.svg beside it; such as {DOCS.name}/benchmark.json",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
