"""The hostile files, read as tables."""

from pathlib import Path

import pytest

from shadowserver_connector.errors import NotReadyError, ReportUnreadableError
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.layout import LONGEST_LINE
from shadowserver_connector.report.table import open_table
from shadowserver_connector.simulator.hostile import CELLS
from tests.hostile import corpus


def _read(tmp_path: Path, content: bytes) -> tuple[tuple[str, ...], list[list[str]], Anomalies]:
    path = tmp_path / "hostile.csv"
    path.write_bytes(content)
    anomalies = Anomalies(path.name)
    with open_table(path, anomalies) as table:
        return table.header, [row for _, row in table.rows()], anomalies


@pytest.mark.parametrize("name", corpus.TABLES)
def test_hostile_table_gives_whole_rows(tmp_path: Path, name: str) -> None:
    """Rows fit the header and are valid UTF-8, and each message is one line."""
    header, rows, anomalies = _read(tmp_path, corpus.TABLES[name])
    assert len(set(header)) == len(header)
    assert rows
    for row in rows:
        assert len(row) == len(header)
        assert "\0" not in "".join(row)
        "".join(row).encode()
    for line in anomalies.lines():
        assert line.isprintable()
        assert line.startswith("hostile.csv")


@pytest.mark.parametrize("name", CELLS)
def test_hostile_cell_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    """Reading changes no cell; escaping is left to the output."""
    _, rows, anomalies = _read(tmp_path, corpus.TABLES[f"cell_{name}"])
    cell = CELLS[name]
    assert [rows[at + 1][at] for at in range(len(corpus.HEADER))] == [cell] * len(corpus.HEADER)
    if len(cell) * len(corpus.HEADER) < LONGEST_LINE:
        assert rows[-1][:-1] == [cell] * len(corpus.HEADER)
        assert not anomalies


@pytest.mark.parametrize("name", corpus.NO_TABLES)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    """The refusal is one line that names the file."""
    with pytest.raises((NotReadyError, ReportUnreadableError), match=r"^hostile\.csv: ") as caught:
        _read(tmp_path, corpus.NO_TABLES[name])
    assert str(caught.value).isprintable()
