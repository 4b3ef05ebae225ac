"""The rows of a report grouped by host: in memory while they are few, else on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from shadowserver_connector.mapping.rows import CountedRow
from shadowserver_connector.mapping.survey import NumberedRow
from shadowserver_connector.pipeline.runs import Item, Run, merge, read_run, size_of, write_run
from shadowserver_connector.temporary import temporary_directory

GROUP_BYTES: Final = 256 * 1024
"""Size of a group's cells from which it takes no more rows, so that its Note can be sent."""

MEMORY: Final = 12 * 1024 * 1024
"""Bytes that the rows take in memory, about, before they are written to disk."""

# No cell has one, and nothing sorts before it: texts have the order of their lists of cells.
_BETWEEN: Final = "\0"
_BLOCK_ROWS: Final = 1_000


class HostSort:
    """Rows to be read again host by host; `sorted_by_host` makes one.

    Each method raises ``OSError`` when the disk fails, with a number of ``DISK_FULL`` when it is
    full.
    """

    def __init__(self, memory: int, stack: ExitStack) -> None:
        self._memory = memory
        self._stack = stack
        # A row is kept as one text, its host first: a list of cells takes several times the memory.
        self._numbers: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self._run: Run | None = None

    def fill(self, rows: Iterable[NumberedRow], host_of: Callable[[int, list[str]], str]) -> None:
        """Take all rows, in order of their numbers; to be called once.

        Cells hold no NUL.
        """
        numbers = self._numbers
        times = self._times
        runs: list[Run] = []
        folder: Path | None = None
        size = 0
        for number, row in rows:
            text = host_of(number, row) + _BETWEEN + _BETWEEN.join(row)
            if text in numbers:
                times[text] = times.get(text, 1) + 1
                continue
            numbers[text] = number
            size += size_of(text)
            if size > self._memory:
                folder = folder or self._new_folder()
                runs.append(self._write(folder / f"{len(runs)}"))
                size = 0
        if folder:
            runs.append(self._write(folder / f"{len(runs)}"))
            self._run = merge(runs, folder)

    def different(self) -> int:
        """Return how many rows there are, those that are equal cell by cell counted once."""
        return self._run.items if self._run else len(self._numbers)

    def by_host(self, most: int) -> Iterator[list[CountedRow]]:
        """Yield the rows of each host together, hosts and their rows in order of their text.

        A group has at most ``most`` rows, and fewer where their cells are long; a host with more
        comes in several groups, one after the other. Rows that are equal come as one, with the
        number of the first.
        """
        return _by_host(self._blocks(), most)

    def in_turn(self, most: int) -> Iterator[list[CountedRow]]:
        """Yield the same rows in the same order, hosts with few rows several in a group.

        None of these is divided, so that what its rows share need not be in two chunks.
        """
        return _together(self._blocks(), most)

    def _new_folder(self) -> Path:
        """Make a folder that nobody else may read, removed at the end."""
        folder = tempfile.TemporaryDirectory(prefix="shadowserver-", dir=temporary_directory())
        return Path(self._stack.enter_context(folder))

    def _write(self, path: Path) -> Run:
        """Write the rows that are in memory to a new file, and forget them."""
        run = write_run(path, self._in_memory())
        self._numbers.clear()
        self._times.clear()
        return run

    def _blocks(self) -> Iterator[list[Item]]:
        if self._run is None:
            return self._in_memory()
        return read_run(self._stack.enter_context(self._run.path.open("rb")))

    def _in_memory(self) -> Iterator[list[Item]]:
        numbers = self._numbers
        times = self._times
        texts = sorted(numbers)
        for start in range(0, len(texts), _BLOCK_ROWS):
            block = texts[start : start + _BLOCK_ROWS]
            yield [(text, numbers[text], times.get(text, 1)) for text in block]


def host_reader(at: int | None) -> Callable[[int, list[str]], str]:
    """Return what makes the key by which rows are grouped, of a row's number and its cells.

    The host is in the cell at ``at``; a row without one stands alone.
    """

    def host_of(number: int, row: list[str]) -> str:
        host = row[at].strip().lower() if at is not None else ""
        return host or f"~{number:012d}"

    return host_of


@contextmanager
def sorted_by_host(memory: int = MEMORY) -> Iterator[HostSort]:
    """Make an empty sort; what does not fit into ``memory`` bytes goes to disk.

    Its files are in a folder of their own in the temporary folder, removed at the end.
    """
    with ExitStack() as stack:
        yield HostSort(memory, stack)


def _by_host(blocks: Iterable[list[Item]], most: int) -> Iterator[list[CountedRow]]:
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
    """Cut sorted rows into groups of one host; yield each with the bytes of its cells."""
    group: list[CountedRow] = []
    current = ""
    size = 0
    for block in blocks:
        for text, number, times in block:
            cells = text.split(_BETWEEN)
            host = cells.pop(0)
            length = len(text) if text.isascii() else len(text.encode())
            if group and (host != current or len(group) >= most or size + length > GROUP_BYTES):
                yield group, size
                group = []
                size = 0
            current = host
            size += length
            group.append((number, cells, times))
    if group:
        yield group, size
