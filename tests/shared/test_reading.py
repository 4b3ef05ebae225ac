"""The reader against Shadowserver's sample files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import open_table

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FILES = sorted(SAMPLES.glob("*.csv"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILES, reason="no sample files beside the repository"),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample_is_read_row_by_row(path: Path) -> None:
    """All rows are read in their columns; the only anomalies are rows shorter than the header."""
    anomalies = Anomalies(path.name)
    with open_table(path, anomalies) as table:
        rows = [row for _, row in table.rows()]
    expected = list(csv.reader(path.read_text(encoding="utf-8").splitlines(keepends=True)))
    assert table.header[:-1] == tuple(name.lower() for name in expected[0])
    assert len(rows) == len(expected) - 1
    assert set(anomalies.counts()) <= {"row shorter than the header, padded"}
    assert not any('\\"' in cell or '""' in cell for row in rows for cell in row)
