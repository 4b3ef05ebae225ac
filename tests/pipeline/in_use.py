"""Convert a report as the connector does: in a process whose chunks this one then reads.

Arguments are file, report type, day and notes mode. Prints the peak memory of the two processes, in
KiB.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from pathlib import Path

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.conversions_ahead import submit_conversion
from shadowserver_connector.pipeline.processes import ProcessExecutor
from shadowserver_connector.report.info import ReportInfo


def main(file: str, report_type: str, day: str, notes: str) -> None:
    """Convert, and print the two peaks."""
    path = Path(file)
    info = ReportInfo(report_type, date.fromisoformat(day), path.name, "example")
    options = Options(notes=notes)  # type: ignore[arg-type]
    with ProcessExecutor(1) as executor:
        conversion = submit_conversion(executor, path, info, options, path.parent).result()
        conversion.emit_and_delete(lambda chunk: None)
        print(executor.submit(peak).result(), peak())  # noqa: T201 - whoever started this reads it


def peak() -> int:
    """Return the peak memory of this process, in KiB.

    It is read from Linux, as ``ru_maxrss`` may be that of the parent before ``exec``.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
