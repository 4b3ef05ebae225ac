"""Rows grouped by host, with the same result in memory and on disk."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowserver_connector.mapping.planning.row_statistics import NumberedRow
from shadowserver_connector.mapping.rows import CountedRow
from shadowserver_connector.memory_limits import SORT_BYTES
from shadowserver_connector.pipeline.external_sort import GROUP_BYTES, open_row_sort
from tests.integration.small_disk import SmallDisk

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)

ROW_BY_ROW = 0
"""Bytes of memory with which each row goes to disk in a file of its own."""
FEW_ROWS = 1_000
BUDGETS = (ROW_BY_ROW, FEW_ROWS, SORT_BYTES)


def key_of(_: int, row: list[str]) -> str:
    """Return the first cell as the host."""
    return row[0]


def groups_of(rows: list[NumberedRow], most: int, memory: int) -> list[list[CountedRow]]:
    """Return the groups with a limit of memory."""
    with open_row_sort(memory) as sort:
        sort.fill(rows, key_of)
        groups = list(sort.by_key(most))
        in_groups = list(sort.in_groups(most))
        assert [row for group in in_groups for row in group] == [
            row for group in groups for row in group
        ]

        assert sort.distinct() == sum(map(len, groups))
    return groups


def with_dicts(rows: list[NumberedRow], most: int) -> list[list[CountedRow]]:
    """Return the expected groups, made with dicts; hosts and rows sorted by text."""
    equal: dict[tuple[str, ...], list[int]] = {}
    for number, row in rows:
        equal.setdefault(tuple(row), []).append(number)
    groups: dict[str, list[CountedRow]] = {}
    for cells, numbers in sorted(equal.items()):
        groups.setdefault(cells[0], []).append((min(numbers), list(cells), len(numbers)))
    return [
        members[start : start + most]
        for _, members in sorted(groups.items())
        for start in range(0, len(members), most)
    ]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(_TEXT, min_size=2, max_size=2), max_size=30),
    st.integers(min_value=1, max_value=4),
)
def test_groups_are_the_same_however_little_memory_there_is(
    cells: list[list[str]], most: int
) -> None:
    """With any memory, hosts and rows are in order, complete and unchanged; equal rows count."""
    rows = list(enumerate(cells, start=1))
    expected = with_dicts(rows, most)
    assert [groups_of(rows, most, memory) for memory in BUDGETS] == [expected] * len(BUDGETS)


@pytest.mark.parametrize("memory", [ROW_BY_ROW, FEW_ROWS])
def test_hosts_and_equal_rows_are_put_together_from_many_files(memory: int) -> None:
    """Each host and each row comes once, even from more files than are read at once."""
    rows = [(n, [f"192.0.2.{n % 7}", f"{n % 70}", ""]) for n in range(300)]
    groups = groups_of(rows, 200, memory)
    assert groups == with_dicts(rows, 200)
    assert [len(group) for group in groups] == [10] * 7
    assert sum(times for group in groups for _, _, times in group) == 300


@pytest.mark.parametrize("memory", BUDGETS)
def test_hosts_with_few_rows_share_a_group_where_wanted(memory: int) -> None:
    """As many whole hosts share a group as fit; only a larger host is divided."""
    with open_row_sort(memory) as sort:
        sort.fill([(n, [f"192.0.2.{n % 3}", f"{n}"]) for n in range(7)], key_of)
        assert [len(group) for group in sort.in_groups(4)] == [3, 4]
        assert [len(group) for group in sort.in_groups(2)] == [2, 1, 2, 2]
        assert [len(group) for group in sort.in_groups(20)] == [7]
        assert [len(group) for group in sort.by_key(2)] == [2, 1, 2, 2]


@pytest.mark.parametrize("memory", BUDGETS)
def test_hosts_with_long_cells_do_not_share_a_group(memory: int) -> None:
    """Hosts with long cells get separate groups, which fit into a chunk."""
    cell = "x" * (GROUP_BYTES // 3)
    with open_row_sort(memory) as sort:
        sort.fill([(n, [f"192.0.2.{n}", cell]) for n in range(5)], key_of)
        assert [len(group) for group in sort.in_groups(20)] == [2, 2, 1]


@pytest.mark.parametrize("memory", BUDGETS)
@pytest.mark.parametrize(("filler", "size"), [("x", 1), ("\u4e00", 3)])
def test_group_of_long_cells_is_cut(memory: int, filler: str, size: int) -> None:
    """A group is divided so that its Note can be sent, for any characters; no row is lost."""
    cell = filler * (GROUP_BYTES // 3 // size)
    rows = [(n, ["192.0.2.1", f"{n}{cell}"]) for n in range(10)]
    groups = groups_of(rows, 200, memory)
    assert [number for group in groups for number, _, _ in group] == list(range(10))
    assert max(len(group) for group in groups) == 2


@pytest.mark.parametrize("memory", BUDGETS)
def test_row_longer_than_a_group_may_be_stands_alone(memory: int) -> None:
    """A row above the limit of a group has a group of its own."""
    rows = [(1, ["a", "x" * (2 * GROUP_BYTES)]), (2, ["a", ""])]
    assert [len(group) for group in groups_of(rows, 200, memory)] == [1, 1]


@pytest.mark.parametrize("memory", BUDGETS)
def test_no_rows_are_no_groups(memory: int) -> None:
    """Without rows, as when all are filtered, there are no groups."""
    assert groups_of([], 200, memory) == []


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty temporary folder, which is the process's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_few_rows_do_not_touch_the_disk(temporary: Path) -> None:
    """Few rows are sorted in memory."""
    with open_row_sort() as sort:
        sort.fill([(n, [f"192.0.2.{n}"]) for n in range(5)], key_of)
        next(sort.by_key(2))
        assert list(temporary.iterdir()) == []


def test_rows_on_disk_are_nobody_elses(temporary: Path) -> None:
    """The folder has mode 0700, and one merged file is left to read."""
    with open_row_sort(ROW_BY_ROW) as sort:
        sort.fill([(n, [f"192.0.2.{n}"]) for n in range(150)], key_of)
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(list(folder.iterdir())) == 1


def test_nothing_is_left_on_disk(temporary: Path) -> None:
    """No file is left, whether or not all groups were taken."""
    with open_row_sort(ROW_BY_ROW) as sort:
        sort.fill([(n, [f"192.0.2.{n}"]) for n in range(5)], key_of)
        next(sort.by_key(2))
        assert list(temporary.iterdir()) != []
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_of_rows_that_cannot_be_read(temporary: Path) -> None:
    """An error of the rows is raised, and no file is left."""

    def broken() -> Iterator[NumberedRow]:
        yield from [(n, [f"192.0.2.{n}"]) for n in range(5)]
        raise OSError(errno.EIO, "broken")

    with pytest.raises(OSError, match="broken"), open_row_sort(ROW_BY_ROW) as sort:
        sort.fill(broken(), key_of)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("full", ["1", "merged-1"])
def test_full_disk_is_told_by_its_number(
    full: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk raises ENOSPC from any file, so it can be waited out; no file is left."""
    really_open = Path.open

    def open_without_room(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if path.name == full:
            return io.open("/dev/full", "wb")  # noqa: UP020 - `open` is what is replaced
        return really_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_without_room)
    rows = [(n, [f"192.0.2.{n}", "x" * 1000]) for n in range(9)]
    with pytest.raises(OSError, match="No space left") as raised, open_row_sort(2_500) as sort:
        sort.fill(rows, key_of)
    assert raised.value.errno == errno.ENOSPC
    assert list(temporary.iterdir()) == []


_FILL_A_DISK = """
import os, sys
from shadowserver_connector.pipeline.external_sort import open_row_sort
os.environ["TMPDIR"] = sys.argv[1]
rows = ((n, [f"192.0.2.{n % 99}", str(n), "x" * 1_000]) for n in range(10_000))
try:
    with open_row_sort(100_000) as sort:
        sort.fill(rows, lambda _, row: row[0])
except OSError as error:
    print(error.errno, os.listdir(sys.argv[1]))
"""


@pytest.mark.integration
@pytest.mark.parametrize("room", [50_000, 2_000_000])
def test_disk_that_fills_up(room: int, tmp_path: Path) -> None:
    """A small disk that fills with any file raises the error and is left empty."""
    with SmallDisk(tmp_path / "disk", room) as disk:
        command = [*disk.prefix, sys.executable, "-c", _FILL_A_DISK, str(tmp_path / "disk")]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    number = errno.ENOSPC if disk.is_real else errno.EFBIG
    assert told.stdout == f"{number} []\n"
