"""Sorted rows in files, and many such files merged into one, in bounded memory."""

from __future__ import annotations

import marshal
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Final

Item = tuple[str, int, int]
"""A row as text, its number, and how many rows are equal to it, itself included."""

MOST_OPEN: Final = 64
"""Files that are read at the same time."""
MOST_HELD: Final = 12 * 1024 * 1024
"""Bytes of rows that are in memory while files are merged."""

_BATCH_BYTES: Final = 64 * 1024
_LENGTH_BYTES: Final = 4
# Of a text's head, an item's tuple, its number, and its places in a dict and a list.
_ITEM_BYTES: Final = 200

_text: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Run:
    """Items in a file, sorted, each text once."""

    path: Path
    items: int
    widest: int
    """Bytes of memory that its largest batch takes."""


def size_of(text: str) -> int:
    """Return how many bytes of memory an item of this text takes, about, and at most."""
    return (len(text) if text.isascii() else 4 * len(text)) + _ITEM_BYTES


def write_run(path: Path, blocks: Iterable[list[Item]]) -> Run:
    """Write lists of items, sorted and each text once, to a new file.

    Raises ``OSError`` where that fails.
    """
    items = widest = size = 0
    batch: list[Item] = []
    with path.open("xb") as file:
        for block in blocks:
            items += len(block)
            for item in block:
                batch.append(item)
                size += size_of(item[0])
                if size >= _BATCH_BYTES:
                    file.write(_packed(batch))
                    widest = max(widest, size)
                    batch = []
                    size = 0
        if batch:
            file.write(_packed(batch))
    return Run(path, items, max(widest, size))


def read_run(file: BinaryIO) -> Iterator[list[Item]]:
    """Yield a file's items, in order, a few at a time; ``OSError`` where it cannot be read.

    Whoever opened the file closes it: a compiled generator that is left before its end does not.
    """
    while length := file.read(_LENGTH_BYTES):
        # Written by this process, where nobody else may write.
        batch: list[Item] = marshal.loads(file.read(int.from_bytes(length)))  # noqa: S302
        yield batch


def merge(runs: Sequence[Run], folder: Path) -> Run:
    """Merge files into one in the folder; those merged are removed.

    Raises ``OSError`` where that fails.
    """
    waiting = list(runs)
    merges = 0
    while len(waiting) > 1:
        taken = at_once(waiting)
        merges += 1
        with ExitStack() as stack:
            files = [stack.enter_context(run.path.open("rb")) for run in waiting[:taken]]
            made = write_run(folder / f"merged-{merges}", _merged(files))
        for run in waiting[:taken]:
            run.path.unlink()
        waiting = [*waiting[taken:], made]
    return waiting[0]


def at_once(runs: Sequence[Run]) -> int:
    """Return how many of the files, from the first on, can be merged at once: two at least."""
    held = 0
    for count, run in enumerate(runs[:MOST_OPEN]):
        held += run.widest
        if held > MOST_HELD and count >= 2:
            return count
    return min(len(runs), MOST_OPEN)


def _merged(files: Sequence[BinaryIO]) -> Iterator[list[Item]]:
    """Yield the items of all runs, sorted, those of equal text added up."""
    readers = [read_run(file) for file in files]
    heads = [next(reader, []) for reader in readers]
    while any(heads):
        # Each text up to this one is in the heads, wherever it comes.
        bound = min([head[-1][0] for head in heads if head])
        block: list[Item] = []
        for index, head in enumerate(heads):
            end = bisect_right(head, bound, key=_text)
            if end == len(head):
                block += head
                heads[index] = next(readers[index], [])
            else:
                block += head[:end]
                heads[index] = head[end:]
        # In C, and fast for what consists of a few sorted parts.
        block.sort()
        yield _added_up(block)


def _added_up(items: list[Item]) -> list[Item]:
    """Return sorted items with those of equal text as one, which has the number of the first."""
    different: list[Item] = []
    last = None
    for item in items:
        text = item[0]
        if text == last:
            _, number, times = different[-1]
            different[-1] = (text, number, times + item[2])
        else:
            different.append(item)
            last = text
    return different


def _packed(batch: list[Item]) -> bytes:
    packed = marshal.dumps(batch)
    return len(packed).to_bytes(_LENGTH_BYTES) + packed
