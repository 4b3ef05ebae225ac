"""A conversion's memory does not grow with the report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shadowserver_connector.simulator.generate import write_report
from tests.mapping.conversion import DAY

pytestmark = pytest.mark.integration

REPORT_TYPE = "scan_cwmp"
FEW, MANY = 50_000, 500_000

# The high-water mark of the process itself: `ru_maxrss` may be that of the parent before `exec`.
_PROGRAM = """
import re, sys
from datetime import date
from pathlib import Path
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.report.info import ReportInfo
path, day, notes = sys.argv[1:]
info = ReportInfo({report_type!r}, date.fromisoformat(day), Path(path).name, "example")
convert_report(Path(path), info, Options(notes=notes), lambda chunk: None)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small and a large report."""
    folder = tmp_path_factory.mktemp("reports")
    for rows in (FEW, MANY):
        write_report(folder / f"{rows}.csv", REPORT_TYPE, DAY, rows)
    return folder


def peak(path: Path, notes: str) -> int:
    """Return the most KiB of memory that a process needs to convert the report."""
    program = _PROGRAM.format(report_type=REPORT_TYPE)
    command = [sys.executable, "-c", program, str(path), DAY.isoformat(), notes]
    return int(subprocess.run(command, check=True, capture_output=True, timeout=900).stdout)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_ten_times_the_rows_need_no_more_memory(folder: Path, notes: str) -> None:
    """500,000 rows need what 50,000 rows need, plus 10 % at most, and less than 200 MB."""
    few, many = peak(folder / f"{FEW}.csv", notes), peak(folder / f"{MANY}.csv", notes)
    assert many < few * 1.1
    assert many < 200_000_000 // 1024
