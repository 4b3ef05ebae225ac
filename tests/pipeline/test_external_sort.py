"""Sorted rows in files: writing, reading and merging."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.memory_limits import MERGE_BYTES
from shadowserver_connector.pipeline.external_sort import (
    MAX_OPEN,
    Item,
    SortedFile,
    merge,
    mergeable,
    read_sorted,
    write_sorted,
)


def batches_of(run: SortedFile) -> list[list[Item]]:
    """Read all batches."""
    with run.path.open("rb") as file:
        return list(read_sorted(file))


def items_of(run: SortedFile) -> list[Item]:
    """Read all items into one list."""
    return [item for batch in batches_of(run) for item in batch]


def runs_of(folder: Path, *runs: list[Item]) -> list[SortedFile]:
    """Write all runs."""
    return [write_sorted(folder / f"{index}", [items]) for index, items in enumerate(runs)]


def test_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Any texts and lists are read back, in parts that are small."""
    blocks = [
        [("", 1, 1), ("\0\n\r", 2, 3)],
        [],
        [(f"{n:05}{'x' * 1_000}", n, 1) for n in range(2_000)],
        [("é\u4e00\U0001f600", 2**40, 2**33)],
    ]
    run = write_sorted(tmp_path / "run", blocks)
    batches = batches_of(run)
    assert [item for batch in batches for item in batch] == [item for b in blocks for item in b]
    assert run.items == 2_003
    assert (
        max(sum(len(text) for text, _, _ in batch) for batch in batches)
        < run.largest_batch
        < 300_000
    )


def test_equal_texts_are_added_up(tmp_path: Path) -> None:
    """Equal texts become one, with the lowest number and the sum; all are in order."""
    runs = runs_of(
        tmp_path,
        [("a", 5, 1), ("c", 6, 2)],
        [("a", 3, 4), ("b", 4, 1), ("d", 9, 1)],
        [],
        [("a", 7, 1)],
    )
    merged = merge(runs, tmp_path)
    assert items_of(merged) == [("a", 3, 6), ("b", 4, 1), ("c", 6, 2), ("d", 9, 1)]
    assert merged.items == 4
    assert list(tmp_path.iterdir()) == [merged.path]


def test_runs_of_many_batches_are_merged(tmp_path: Path) -> None:
    """The end of one file does not stop the merge, and nothing is lost."""
    wide = "x" * 2_000
    even = [(f"{n:05}{wide}", n, 1) for n in range(0, 1_000, 2)]
    thirds = [(f"{n:05}{wide}", 1_000 + n, 1) for n in range(0, 1_000, 3)]
    late = [(f"{n:05}", n, 1) for n in range(2_000, 2_003)]
    runs = runs_of(tmp_path, even, thirds, late)
    assert len(batches_of(runs[0])) > 2
    merged = items_of(merge(runs, tmp_path))
    assert [text for text, _, _ in merged] == sorted({t for t, _, _ in even + thirds + late})
    assert sum(times for _, _, times in merged) == len(even) + len(thirds) + len(late)


@pytest.mark.parametrize("count", [1, 2, MAX_OPEN, MAX_OPEN + 1, 3 * MAX_OPEN])
def test_any_number_of_runs_is_merged(count: int, tmp_path: Path) -> None:
    """More runs than may be open at once are merged."""
    runs = runs_of(tmp_path, *([("all", n, 1), (f"own {n:03}", n, 1)] for n in range(count)))
    assert items_of(merge(runs, tmp_path)) == [
        ("all", 0, count),
        *((f"own {n:03}", n, 1) for n in range(count)),
    ]


@pytest.mark.parametrize(
    ("largest_batch", "expected"),
    [(1, MAX_OPEN), (MERGE_BYTES // 10, 10), (MERGE_BYTES // 2, 2), (2 * MERGE_BYTES, 2)],
)
def test_runs_of_long_rows_are_merged_a_few_at_a_time(largest_batch: int, expected: int) -> None:
    """Runs of long rows are merged a few at a time, at least two, to fit into memory."""
    assert mergeable([SortedFile(Path("any"), 1, largest_batch)] * 1_000) == expected


def test_written_file_is_new(tmp_path: Path) -> None:
    """An existing file is not overwritten."""
    write_sorted(tmp_path / "run", [])
    with pytest.raises(FileExistsError):
        write_sorted(tmp_path / "run", [])
