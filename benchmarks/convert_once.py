"""Convert one file and print what it took; arguments are file, report type, notes mode."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.measure import peak_kib, timed
from benchmarks.reports import DAY
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.report.info import ReportInfo

objects = 0


def count(chunk: Chunk) -> None:
    """Write the bundle as a sink would, and forget it."""
    global objects
    chunk.bundle()
    objects += len(chunk.objects)


def main(path: str, report_type: str, notes: str) -> None:
    """Convert, and print one line of JSON."""
    info = ReportInfo(report_type, DAY, Path(path).name, "example")
    options = Options(notes=notes)  # type: ignore[arg-type]
    took = timed(lambda: convert_report(Path(path), info, options, count))
    found = {"wall": took.wall, "cpu": took.cpu, "peak_kib": peak_kib(), "objects": objects}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
