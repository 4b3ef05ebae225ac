"""Memory use does not grow with the file."""

import tracemalloc
from pathlib import Path

import pytest

from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import open_table

pytestmark = pytest.mark.integration


def _peak(path: Path) -> int:
    tracemalloc.start()
    try:
        with open_table(path, Anomalies(path.name)) as table:
            for _ in table.rows():
                pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_rows_need_no_more_memory(tmp_path: Path) -> None:
    """Reading 200,000 rows, every tenth faulty, takes at most 10 % more than 20,000."""
    row = "2024-01-31 00:00:00,192.0.2.1,tcp,443,host.example.com,ssl\n"
    odd = '2024-01-31 00:00:00,192.0.2.1,tcp,"443,host\x00.example.com\n'
    block = (row * 9 + odd) * 2_000
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    header = "timestamp,ip,protocol,port,hostname,tag\n"
    small.write_text(header + block)
    large.write_text(header + block * 10)
    assert _peak(large) < _peak(small) * 1.1


def test_unclosed_quote_does_not_gather_the_file(tmp_path: Path) -> None:
    """The lines after an unclosed quote are not all held in memory."""
    path = tmp_path / "x.csv"
    row = "2024-01-31 00:00:00,192.0.2.1,ssl\n"
    path.write_text('timestamp,ip,tag\n2024-01-31 00:00:00,192.0.2.1,"ssl\n' + row * 300_000)
    assert _peak(path) < 5_000_000 < path.stat().st_size
