from collections.abc import Callable
from pathlib import Path

import pytest

from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import open_table


class Read:
    """What reading a file gave."""

    def __init__(self, path: Path) -> None:
        self.anomalies = Anomalies(path.name)
        with open_table(path, self.anomalies) as table:
            self.header = table.header
            numbered = list(table.rows())
        self.numbers = [number for number, _ in numbered]
        self.rows = [row for _, row in numbered]
        self.cells = [row[:-1] for row in self.rows]
        self.surplus = [row[-1] for row in self.rows]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes | str], Read]:
    """Write content to a file and read it as a table."""

    def reading(content: bytes | str) -> Read:
        path = tmp_path / "2024-01-31-scan_ssl-example.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Read(path)

    return reading
