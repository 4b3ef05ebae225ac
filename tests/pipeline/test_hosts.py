"""Rows grouped by host on disk, as they would be in memory."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowserver_connector.mapping.rows import CountedRow
from shadowserver_connector.mapping.survey import NumberedRow
from shadowserver_connector.pipeline.hosts import GROUP_BYTES, sorted_by_host

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


def host_of(_: int, row: list[str]) -> str:
    """Return the first cell."""
    return row[0]


def groups_of(rows: list[NumberedRow], most: int) -> list[list[CountedRow]]:
    """Sort on disk."""
    with sorted_by_host() as sort:
        sort.fill(rows, host_of)
        groups = list(sort.by_host(most))
        in_turn = list(sort.in_turn(most))
        assert [row for group in in_turn for row in group] == [
            row for group in groups for row in group
        ]

        assert sort.different() == sum(map(len, groups))
    return groups


def in_memory(rows: list[NumberedRow], most: int) -> list[list[CountedRow]]:
    """Group with dicts, hosts and rows in order of their UTF-8, as SQLite compares."""
    equal: dict[tuple[str, ...], list[int]] = {}
    for number, row in rows:
        equal.setdefault(tuple(row), []).append(number)
    groups: dict[str, list[CountedRow]] = {}
    for cells, numbers in sorted(equal.items(), key=lambda item: orjson.dumps(item[0])):
        groups.setdefault(cells[0], []).append((min(numbers), list(cells), len(numbers)))
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
    """Hosts and their rows in order, none lost, equal ones counted, cells unchanged."""
    rows = list(enumerate(cells, start=1))
    assert groups_of(rows, most) == in_memory(rows, most)


def test_hosts_with_few_rows_share_a_group_where_wanted() -> None:
    """All groups but the last are as large as they may be."""
    with sorted_by_host() as sort:
        sort.fill([(n, [f"192.0.2.{n % 3}", f"{n}"]) for n in range(7)], host_of)
        assert [len(group) for group in sort.in_turn(2)] == [2, 2, 2, 1]
        assert [len(group) for group in sort.by_host(2)] == [2, 1, 2, 2]


def test_group_of_long_cells_is_cut(tmp_path: Path) -> None:
    """Its Note must be small enough to be sent; no row is lost."""
    rows = [(n, ["192.0.2.1", f"{n}{'x' * (GROUP_BYTES // 3)}"]) for n in range(10)]
    groups = groups_of(rows, 200)
    assert [number for group in groups for number, _, _ in group] == list(range(10))
    assert max(len(group) for group in groups) == 2


def test_row_longer_than_a_group_may_be_stands_alone() -> None:
    """It is taken, whole."""
    rows = [(1, ["a", "x" * (2 * GROUP_BYTES)]), (2, ["a", ""])]
    assert [len(group) for group in groups_of(rows, 200)] == [1, 1]


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not all groups were taken."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sorted_by_host() as sort:
        sort.fill([(n, [f"192.0.2.{n}"]) for n in range(5)], host_of)
        next(sort.by_host(2))
        assert list(tmp_path.iterdir()) != []
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
    with pytest.raises(OSError, match="No space left") as raised, sorted_by_host() as sort:
        sort.fill(rows, host_of)
    assert raised.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
