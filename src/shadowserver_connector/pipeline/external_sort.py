"""The rows of a report grouped by a key: in memory if they are few, otherwise in sorted files."""

from __future__ import annotations

import marshal
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Final

from shadowserver_connector.mapping.planning.row_statistics import NumberedRow
from shadowserver_connector.mapping.texts.notes import CountedRow
from shadowserver_connector.memory_limits import MERGE_BYTES, SORT_BYTES
from shadowserver_connector.report.table import BETWEEN
from shadowserver_connector.temporary import as_block, read_blocks, temporary_folder

Item = tuple[str, int, int]
"""A row as text, its number, and the number of rows equal to it, itself included."""

MAX_OPEN: Final = 200
"""Files that are read at the same time; some systems allow a process 256."""
# Of ``MAX_OPEN`` files at once, batches take 6 MiB.
_BATCH_BYTES: Final = 32 * 1024
# Of a text's head, an item's tuple, its number, and its places in a dict and a list.
_ITEM_BYTES: Final = 200

_text: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class SortedFile:
    """Items in a file, sorted, each text once."""

    path: Path
    items: int
    largest_batch: int
    """Bytes of memory that its largest batch takes."""


def size_of(text: str) -> int:
    """Return how many bytes of memory an item of this text takes, about, and at most."""
    # Python stores each character in up to 4 bytes, or in one if all are ASCII.
    return (len(text) if text.isascii() else 4 * len(text)) + _ITEM_BYTES


def write_sorted(path: Path, blocks: Iterable[list[Item]]) -> SortedFile:
    """Write lists of items, sorted and each text once, to a new file.

    Raises ``OSError`` where that fails.
    """
    items = largest_batch = size = 0
    batch: list[Item] = []
    with path.open("xb") as file:
        for block in blocks:
            items += len(block)
            start = 0
            for index, (text, _, _) in enumerate(block):
                size += size_of(text)
                if size >= _BATCH_BYTES:
                    batch += block[start : index + 1]
                    file.write(as_block(marshal.dumps(batch)))
                    largest_batch = max(largest_batch, size)
                    batch = []
                    size = 0
                    start = index + 1
            batch += block[start:]
        if batch:
            file.write(as_block(marshal.dumps(batch)))
    return SortedFile(path, items, max(largest_batch, size))


def read_sorted(file: BinaryIO) -> Iterator[list[Item]]:
    """Yield a file's items, in order, a few at a time; ``OSError`` where it cannot be read.

    Whoever opened the file closes it: a compiled generator that is left before its end does not.
    """
    for block in read_blocks(file):
        # Written by this process, where nobody else may write.
        batch: list[Item] = marshal.loads(block)  # noqa: S302
        yield batch


def merge(sorted_files: Sequence[SortedFile], folder: Path) -> SortedFile:
    """Merge files into one in the folder; those merged are removed.

    Raises ``OSError`` where that fails.
    """
    waiting = list(sorted_files)
    merges = 0
    while len(waiting) > 1:
        most = mergeable(waiting)
        # If one merge cannot take all, the first takes as few as it must: so few are written twice.
        taken = min(most, max(2, len(waiting) - most + 1)) if len(waiting) > most else most
        merges += 1
        with ExitStack() as stack:
            files = [stack.enter_context(each.path.open("rb")) for each in waiting[:taken]]
            made = write_sorted(folder / f"merged-{merges}", _merge(files))
        for each in waiting[:taken]:
            each.path.unlink()
        # Last, so that each row is merged about as often as any other.
        waiting = [*waiting[taken:], made]
    return waiting[0]


def mergeable(sorted_files: Sequence[SortedFile]) -> int:
    """Return how many of the files, from the first on, can be merged at once: two at least."""
    held = 0
    for count, each in enumerate(sorted_files[:MAX_OPEN]):
        held += each.largest_batch
        if held > MERGE_BYTES and count >= 2:
            return count
    return min(len(sorted_files), MAX_OPEN)


def _merge(files: Sequence[BinaryIO]) -> Iterator[list[Item]]:
    """Yield the items of all files, sorted, those of equal text added up."""
    readers = [read_sorted(file) for file in files]
    heads = [next(reader, []) for reader in readers]
    # Kept beside the heads: of many files, most contribute nothing to a block.
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


GROUP_BYTES: Final = 256 * 1024
"""A group takes no more rows once its cells have this size, so that its Note can be sent."""

_BLOCK_ROWS: Final = 1_000


class RowSort:
    """Rows that can be read again key by key; `open_row_sort` creates one.

    Each method raises ``OSError`` if the disk fails or is full.
    """

    def __init__(self, memory: int, stack: ExitStack) -> None:
        self._memory = memory
        self._stack = stack
        # A row is kept as one text, its key first: a list of cells takes several times the memory.
        self._numbers: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self._file: SortedFile | None = None

    def fill(
        self,
        rows: Iterable[NumberedRow],
        key_of: Callable[[int, list[str]], str],
        text_of: Callable[[list[str]], str] = BETWEEN.join,
    ) -> None:
        """Take all rows, in order of their numbers; to be called once.

        ``key_of`` returns from a row and its number what it is grouped by, such as its host.
        ``text_of`` does as `Table.text_of`.
        """
        numbers = self._numbers
        times = self._times
        sorted_files: list[SortedFile] = []
        folder: Path | None = None
        size = 0
        for number, row in rows:
            # Nothing sorts before the separator, so texts have the order of their lists of cells.
            text = key_of(number, row) + BETWEEN + text_of(row)
            if text in numbers:
                times[text] = times.get(text, 1) + 1
                continue
            numbers[text] = number
            size += size_of(text)
            if size > self._memory:
                folder = folder or self._new_folder()
                sorted_files.append(self._write(folder / f"{len(sorted_files)}"))
                size = 0
        if folder:
            sorted_files.append(self._write(folder / f"{len(sorted_files)}"))
            self._file = merge(sorted_files, folder)

    def distinct(self) -> int:
        """Return how many rows there are, those that are equal cell by cell counted once."""
        return self._file.items if self._file else len(self._numbers)

    def by_key(self, most: int) -> Iterator[list[CountedRow]]:
        """Yield the rows of each key together, keys and their rows in order of their text.

        A group has at most ``most`` rows, and fewer where their cells are long; a key with more
        comes in several groups, one after the other. Rows that are equal come as one, with the
        number of the first.
        """
        return _by_key(self._blocks(), most)

    def in_groups(self, most: int) -> Iterator[list[CountedRow]]:
        """Yield the same rows in the same order, keys with few rows several in a group.

        None of these is divided, so that what its rows share need not be in two chunks.
        """
        return _together(self._blocks(), most)

    def _new_folder(self) -> Path:
        """Create a folder that nobody else may read, removed at the end."""
        return self._stack.enter_context(temporary_folder())

    def _write(self, path: Path) -> SortedFile:
        """Write the rows that are in memory to a new file, and forget them."""
        written = write_sorted(path, self._in_memory())
        self._numbers.clear()
        self._times.clear()
        return written

    def _blocks(self) -> Iterator[list[Item]]:
        if self._file is None:
            return self._in_memory()
        return read_sorted(self._stack.enter_context(self._file.path.open("rb")))

    def _in_memory(self) -> Iterator[list[Item]]:
        numbers = self._numbers
        times = self._times
        texts = sorted(numbers)
        for start in range(0, len(texts), _BLOCK_ROWS):
            block = texts[start : start + _BLOCK_ROWS]
            yield [(text, numbers[text], times.get(text, 1)) for text in block]


@contextmanager
def open_row_sort(memory: int = SORT_BYTES) -> Iterator[RowSort]:
    """Create an empty sort; what does not fit into ``memory`` bytes goes to disk.

    Its files are in a folder of their own in the temporary folder, removed at the end.
    """
    with ExitStack() as stack:
        yield RowSort(memory, stack)


def _by_key(blocks: Iterable[list[Item]], most: int) -> Iterator[list[CountedRow]]:
    for group, _ in _groups(blocks, most):
        yield group


def _together(blocks: Iterable[list[Item]], most: int) -> Iterator[list[CountedRow]]:
    together: list[CountedRow] = []
    size = 0
    for group, length in _groups(blocks, most):
        size += length
        if together and (len(together) + len(group) > most or size > GROUP_BYTES):
            yield together
            together = group
            size = length
        else:
            together += group
    if together:
        yield together


def _groups(blocks: Iterable[list[Item]], most: int) -> Iterator[tuple[list[CountedRow], int]]:
    """Cut sorted rows into groups of one key; yield each with the bytes of its cells."""
    group: list[CountedRow] = []
    current = ""
    size = 0
    for block in blocks:
        for text, number, times in block:
            cells = text.split(BETWEEN)
            key = cells.pop(0)
            # Bytes, as a chunk's limit counts them.
            length = len(text) if text.isascii() else len(text.encode())
            if group and (key != current or len(group) >= most or size + length > GROUP_BYTES):
                yield group, size
                group = []
                size = 0
            current = key
            size += length
            group.append((number, cells, times))
    if group:
        yield group, size
