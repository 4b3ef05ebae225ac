"""Convert a report, or unpack an archive, in a process whose memory is measured.

Arguments are ``convert`` or ``unpack``, a file, and for a report its type and the notes mode.
Prints as JSON the peak memory of the process in KiB, the seconds of processor time, the text of an
error, and for a report its outcome and the largest message.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import SkippableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.report_files import find_reports
from tests.pipeline.in_use import peak


def convert(path: Path, report_type: str, notes: str) -> dict[str, Any]:
    """Convert a report; return the result."""
    largest = {"objects": 0, "bytes": 0}

    def measure(chunk: Chunk) -> None:
        if chunk.rows:
            largest["objects"] = max(largest["objects"], len(chunk.objects))
            largest["bytes"] = max(largest["bytes"], len(chunk.bundle()))

    info = ReportInfo(report_type, date(2024, 1, 31), path.name, "example")
    options = Options(notes=notes, create_incident=True, case_min_severity="info")  # type: ignore[arg-type]
    outcome = convert_report(path, info, options, measure)
    return {
        "rows": outcome.rows,
        "objects": outcome.objects,
        "oddities": outcome.oddities,
        "remarks": outcome.remarks,
        "largest": largest,
    }


def unpack(path: Path) -> dict[str, Any]:
    """Unpack an archive; return its messages."""
    said: list[SkippableError] = []
    with tempfile.TemporaryDirectory() as folder:
        files = len(list(find_reports([path], Path(folder), said.append)))
    return {"files": files, "said": [str(error) for error in said]}


def main(what: str, file: str, *more: str) -> None:
    """Convert or unpack, and print the results."""
    start = time.process_time()
    try:
        done = convert(Path(file), *more) if what == "convert" else unpack(Path(file))
    except SkippableError as error:
        done = {"error": str(error)}
    done |= {"seconds": time.process_time() - start, "peak": peak()}
    print(json.dumps(done))  # noqa: T201 - whoever started this reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
