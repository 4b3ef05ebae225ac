"""The copy of a table: the same rows and anomalies in the same order, without parsing again."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import BETWEEN, Table, open_table
from shadowserver_connector.report.table_copy import (
    TableCopy,
    TableCopyReader,
    open_copier,
    open_copy,
)

FILE = "2024-01-31-scan_ssl-example.csv"
HEADER = b"timestamp,ip,tag\n"
ROW = b"2024-01-31 00:00:00,192.0.2.1,ssl\n"


class Order(Anomalies):
    """Records rows and anomalies in the order in which they come."""

    def __init__(self) -> None:
        super().__init__(FILE)
        self.order: list[object] = []

    def add(
        self, kind: str, row: int, column: str = "", detail: str = "", *, times: int = 1
    ) -> bool:
        """Record an anomaly."""
        self.order.append((kind, row, column, detail, times))
        return super().add(kind, row, column, detail, times=times)

    def read(self, table: Table | TableCopyReader) -> list[object]:
        """Record and return what a table gives."""
        self.order.append(table.header)
        width = len(table.header)
        self.order.extend(table.rows() if isinstance(table, Table) else table.rows(width))
        # Anomalies between rows came while the list grew: each is in its place.
        return [*self.order, table.empty_rows]


def copied(path: Path, target: Path | None) -> TableCopy | None:
    """Copy the table of a file."""
    with open_copier(FILE, target) as copier, open_table(path, copier) as table:
        for _, row in table.rows():
            copier.add_row(row)
        return copier.finish(table.header, table.empty_rows)


@pytest.mark.parametrize(
    "content",
    [
        HEADER,
        HEADER + ROW,
        HEADER + ROW * 5_000,
        b"sep=;\n" + HEADER.replace(b",", b";") + ROW.replace(b",", b";"),
        HEADER.replace(b"tag", b"tag,tag") + ROW,
        HEADER + b"\n\0\n" + ROW + HEADER + b",,\n" + b"2024-01-31,\n" + ROW + b"\0\n" * 3_000,
        HEADER + ROW.replace(b"ssl", b"s\0s\xff") * 3_000 + b"a,b,c,d,e\n" + HEADER,
        HEADER + b'2024-01-31 00:00:00,192.0.2.1,"never closed\n' + ROW * 2_000,
        HEADER + b'2024-01-31 00:00:00,192.0.2.1,"two\nlines"\n' + ROW,
        (HEADER + ROW.replace(b"ssl", "\u00e4\U0001f600".encode())).decode().encode("utf-16"),
    ],
)
def test_copy_gives_what_the_table_gave(content: bytes, tmp_path: Path) -> None:
    """Rows, their numbers, anomalies in their places, and the lines about them are equal."""
    path = tmp_path / FILE
    path.write_bytes(content)
    first, second = Order(), Order()
    with open_table(path, first) as table:
        expected = first.read(table)
    copy = copied(path, tmp_path / "copy")
    assert copy is not None
    path.unlink()

    with open_copy(copy, second) as again:
        assert second.read(again) == expected

    assert second.lines() == first.lines()


def test_each_row_has_its_own_text(tmp_path: Path) -> None:
    """A row's text is that of its cells, however few are split, and whichever row it is."""
    path = tmp_path / FILE
    path.write_bytes(HEADER + ROW + ROW.replace(b"192.0.2.1", b"192.0.2.2"))
    copy = copied(path, tmp_path / "copy")
    assert copy is not None
    with open_table(path, Anomalies(FILE)) as table:
        expected = [table.text_of(row) for _, row in table.rows()]
    assert len(set(expected)) == 2

    with open_copy(copy, Anomalies(FILE)) as again:
        kept: list[list[str]] = []
        for (_, row), text in zip(again.rows(2), expected, strict=True):
            assert again.text_of(row) == text
            assert row[:2] == text.split(BETWEEN)[:2]
            kept.append(row)
        assert [again.text_of(row) for row in kept] == expected


def test_anomalies_without_rows_do_not_pile_up(tmp_path: Path) -> None:
    """The millions of anomalies of a file of blank lines with NULs take bounded memory."""
    with open_copier(FILE, tmp_path / "copy") as copier:
        for row in range(1, 10_000):
            copier.add("NUL characters between the rows, left out", row)
        assert (tmp_path / "copy").stat().st_size > 100_000


class _FullDisk(io.BytesIO):
    """An unbuffered file on a disk that has room for some bytes."""

    room = 200_000

    def write(self, data: Any) -> int:
        if self.tell() >= self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data[: self.room - self.tell()])


@pytest.mark.parametrize("room", [0, 1, 200_000])
def test_full_disk_ends_the_copy_and_gives_the_room_back(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends the copy and frees its space; all rows are still read."""
    disk = _FullDisk()
    disk.room = room
    monkeypatch.setattr(Path, "open", lambda *_, **__: disk)
    with open_copier(FILE, tmp_path / "copy") as copier:
        for _ in range(10_000):
            copier.add_row(["2024-01-31 00:00:00", "192.0.2.1", "ssl"])
        assert copier.finish(("timestamp", "ip", "tag"), 0) is None
        assert disk.getvalue() == b""


@pytest.mark.parametrize("target", [None, Path("missing") / "copy"])
def test_there_is_no_copy_where_none_can_be(target: Path | None, tmp_path: Path) -> None:
    """If no file can be made, there is no copy and no error."""
    path = tmp_path / FILE
    path.write_bytes(HEADER + ROW)
    assert copied(path, target and tmp_path / target) is None
