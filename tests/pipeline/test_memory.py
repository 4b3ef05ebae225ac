"""Memory use grows with the report neither in the process that converts nor in the one
that takes its chunks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shadowserver_connector.simulator.generate import write_report
from tests.mapping.conversion import DAY

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
REPORT_TYPE = "scan_cwmp"
FEW = 50_000
MANY = 500_000 if os.environ.get("TEST_FULL") else 200_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small and a large report."""
    folder = tmp_path_factory.mktemp("reports")
    for rows in (FEW, MANY):
        write_report(folder / f"{rows}.csv", REPORT_TYPE, DAY, rows)
    return folder


def peaks(path: Path, notes: str) -> list[int]:
    """Return the peak memory, in KiB, of the process that converts and of the one that takes."""
    program = [sys.executable, "-m", "tests.pipeline.in_use"]
    arguments = [str(path), REPORT_TYPE, DAY.isoformat(), notes]
    done = subprocess.run(
        [*program, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=900
    )
    return [int(number) for number in done.stdout.split()]


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_many_rows_need_no_more_memory(folder: Path, notes: str) -> None:
    """Many rows take at most 10 % more than 50,000 rows, and less than 200 MB."""
    few, many = peaks(folder / f"{FEW}.csv", notes), peaks(folder / f"{MANY}.csv", notes)
    for of_few, of_many in zip(few, many, strict=True):
        assert of_many < of_few * 1.1
        assert of_many < 200_000_000 // 1024
