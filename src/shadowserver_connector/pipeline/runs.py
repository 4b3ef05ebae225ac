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

MOST_OPEN: Final = 200
"""Files that are read at the same time; some systems allow a process 256."""
MOST_HELD: Final = 12 * 1024 * 1024
"""Bytes of rows that are in memory while files are merged."""

_BATCH_BYTES: Final = 32 * 1024
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
            start = 0
            for index, (text, _, _) in enumerate(block):
                size += size_of(text)
                if size >= _BATCH_BYTES:
                    batch += block[start : index + 1]
                    file.write(_packed(batch))
                    widest = max(widest, size)
                    batch = []
                    size = 0
                    start = index + 1
            batch += block[start:]
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
        most = at_once(waiting)
        # Of more than that, no more than must be: few rows are then written twice.
        taken = min(most, max(2, len(waiting) - most + 1)) if len(waiting) > most else most
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
    # Beside the heads, since most have nothing for a block when there are many files.
    firsts = [head[0][0] if head else "" for head in heads]
    lasts = [head[-1][0] if head else "" for head in heads]
    unread = [index for index, head in enumerate(heads) if head]
    while unread:
        # Each text up to this one is in the heads, wherever it comes.
        bound = min([lasts[index] for index in unread])
        block: list[Item] = []
        for index in unread:
            if firsts[index] > bound:
                continue
            head = heads[index]
            end = bisect_right(head, bound, key=_text)
            block += head[:end]
            head = head[end:] or next(readers[index], [])
            heads[index] = head
            if head:
                firsts[index] = head[0][0]
                lasts[index] = head[-1][0]
        unread = [index for index in unread if heads[index]]
        # In C, and fast for what consists of a few sorted parts.
        block.sort()
        yield _added_up(block)


def _added_up(items: list[Item]) -> list[Item]:
    """Return sorted items with those of equal text as one, which has the least number."""
    last = ""
    for text, _, _ in items:
        if text == last:
            break
        last = text
    else:
        return items
    different: list[Item] = []
    for text, number, times in items:
        if different and different[-1][0] == text:
            _, first, before = different[-1]
            different[-1] = (text, first, before + times)
        else:
            different.append((text, number, times))
    return different


def _packed(batch: list[Item]) -> bytes:
    packed = marshal.dumps(batch)
    return len(packed).to_bytes(_LENGTH_BYTES) + packed
