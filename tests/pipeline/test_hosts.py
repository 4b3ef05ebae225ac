"""Rows grouped by host on disk, as they would be in memory."""

from __future__ import annotations

import errno
import gc
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowserver_connector.pipeline.hosts import GROUP_BYTES, NumberedRow, grouped_by_host

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


def host_of(_: int, row: list[str]) -> str:
    """Return the first cell."""
    return row[0]


def in_memory(rows: list[NumberedRow], most: int) -> list[list[NumberedRow]]:
    """Group with a dict, hosts in order of their UTF-8, as SQLite compares."""
    groups: dict[str, list[NumberedRow]] = {}
    for number, row in rows:
        groups.setdefault(row[0], []).append((number, row))
    return [
        members[start : start + most]
        for _, members in sorted(groups.items(), key=lambda item: item[0].encode())
        for start in range(0, len(members), most)
    ]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(_TEXT, min_size=2, max_size=2), max_size=30),
    st.integers(min_value=1, max_value=4),
)
def test_groups_are_those_of_memory(cells: list[list[str]], most: int) -> None:
    """Hosts in order, rows as in the file, none lost, cells unchanged."""
    rows = list(enumerate(cells, start=1))
    assert list(grouped_by_host(rows, host_of, most)) == in_memory(rows, most)


def test_group_of_long_cells_is_cut(tmp_path: Path) -> None:
    """Its Note must be small enough to be sent; no row is lost."""
    rows = [(n, ["192.0.2.1", "x" * (GROUP_BYTES // 3)]) for n in range(10)]
    groups = list(grouped_by_host(rows, host_of, 200))
    assert [number for group in groups for number, _ in group] == list(range(10))
    assert max(len(group) for group in groups) == 2


def test_row_longer_than_a_group_may_be_stands_alone() -> None:
    """It is taken, whole."""
    rows = [(1, ["a", "x" * (2 * GROUP_BYTES)]), (2, ["a", ""])]
    assert [len(group) for group in grouped_by_host(rows, host_of, 200)] == [1, 1]


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither after the last group, nor when nobody takes the rest."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    rows = [(n, [f"192.0.2.{n}"]) for n in range(5)]
    list(grouped_by_host(rows, host_of, 2))
    assert list(tmp_path.iterdir()) == []
    started = grouped_by_host(rows, host_of, 2)
    next(started)
    assert list(tmp_path.iterdir()) != []
    started.close()
    del started
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_told_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be waited out; nothing is left on it."""
    connect = sqlite3.connect

    def connect_to_little(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        database = connect(*args, **kwargs)
        database.execute("PRAGMA max_page_count = 4")
        return database

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(sqlite3, "connect", connect_to_little)
    rows = [(n, [f"192.0.2.{n}", "x" * 1000]) for n in range(99)]
    with pytest.raises(OSError, match="No space left") as raised:
        list(grouped_by_host(rows, host_of, 2))
    assert raised.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
