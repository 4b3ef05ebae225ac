"""Reports made from the catalogue and a seed: any type, any size, never held in memory.

The same seed, type, day, number of rows and columns give the same bytes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO

from shadowserver_connector.catalogue.catalogue import Catalogue
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.simulator import hostile
from shadowserver_connector.simulator.numbered_hosts import Network
from shadowserver_connector.simulator.scene import POOL, Scene
from shadowserver_connector.simulator.values import maker_of, quoted

_ROWS_IN_CHUNK = 500
_REMOTE_HOSTS = 24
_BUSY_EVERY = 7
"""The last of this many rows belongs to a busy host; the others go through all hosts in turn."""
_GOLDEN = 0.618034


def report_rows(
    report_type: str,
    day: date,
    rows: int,
    *,
    seed: int = 1,
    hosts: int | None = None,
    columns: Sequence[str] | None = None,
    catalogue: Catalogue | None = None,
) -> Iterator[list[str]]:
    """Yield the cells of each row of a report as its file has them, in the order of its columns.

    ``hosts`` is how many different hosts there are, by default two for three rows; some have
    many findings. ``columns`` are the type's own by default; a column that the catalogue does
    not know is filled as well. Most hosts of one day are there on the next.
    """
    catalogue = catalogue or load_catalogue()
    hosts = max(1, rows * 2 // 3) if hosts is None else hosts
    ipv6 = "6_" in report_type or report_type.endswith("6")
    scene = Scene(
        type=catalogue.report_type(report_type),
        day=day,
        rows=rows,
        seed=seed,
        own=Network(hosts, ipv6=ipv6),
        remote=Network(_REMOTE_HOSTS, ipv6=ipv6, remote=True),
    )
    names = column_names(report_type, columns, catalogue)
    makers = [maker_of(catalogue.column(report_type, name), scene) for name in names]
    moved = (seed * 17 + day.toordinal()) % 400
    busy = max(1, hosts // 20)
    stride = _stride(hosts)
    for row in range(rows):
        visit, turn = divmod(row - row // _BUSY_EVERY, hosts)
        is_busy = row % _BUSY_EVERY == _BUSY_EVERY - 1
        order = row // _BUSY_EVERY % busy if is_busy else turn * stride % hosts
        host = order + moved
        finding = host * 37 + visit * 11 + is_busy * (row % 23)
        remote = (finding * 5 + row % 3) % _REMOTE_HOSTS
        kind = finding % POOL
        numbers = (row, host, host % POOL, kind, remote, row * POOL + kind)
        yield [make(numbers[block]) for block, make in makers]


def report_chunks(
    report_type: str,
    day: date,
    rows: int,
    *,
    seed: int = 1,
    hosts: int | None = None,
    columns: Sequence[str] | None = None,
    with_hostile_cells: bool = False,
    catalogue: Catalogue | None = None,
) -> Iterator[bytes]:
    """Yield a report as the bytes of its CSV file, piece by piece.

    Arguments are those of ``report_rows``. ``with_hostile_cells`` puts one cell of ``hostile``
    into each row, in another column each time.
    """
    catalogue = catalogue or load_catalogue()
    names = column_names(report_type, columns, catalogue)
    yield (",".join(f'"{name}"' for name in names) + "\n").encode()
    cells = report_rows(
        report_type, day, rows, seed=seed, hosts=hosts, columns=names, catalogue=catalogue
    )
    lines = map(",".join, _made_hostile(cells) if with_hostile_cells else cells)
    while chunk := list(itertools.islice(lines, _ROWS_IN_CHUNK)):
        yield ("\n".join(chunk) + "\n").encode("utf-8", "surrogateescape")


def write_report(
    target: Path | BinaryIO,
    report_type: str,
    day: date,
    rows: int,
    *,
    seed: int = 1,
    hosts: int | None = None,
    columns: Sequence[str] | None = None,
    with_hostile_cells: bool = False,
) -> int:
    """Write a report to a file, and return its size in bytes. Arguments as ``report_chunks``."""
    chunks = report_chunks(
        report_type,
        day,
        rows,
        seed=seed,
        hosts=hosts,
        columns=columns,
        with_hostile_cells=with_hostile_cells,
    )
    if isinstance(target, Path):
        with target.open("wb") as file:
            return sum(map(file.write, chunks))
    return sum(map(target.write, chunks))


def column_names(
    report_type: str, columns: Sequence[str] | None, catalogue: Catalogue
) -> tuple[str, ...]:
    """Return the columns of a generated report: the given ones, otherwise the type's own.

    A type that the catalogue does not know has the columns of ``special``.
    """
    if columns is not None:
        return tuple(columns)
    return catalogue.column_names(report_type) or catalogue.column_names("special")


def _stride(hosts: int) -> int:
    """Return a step that visits every host once, in an order that looks random.

    Steps of the golden ratio spread the visits evenly, so the hosts that are visited once more
    than others are like all others, however many there are.
    """
    step = int(hosts * _GOLDEN)
    while math.gcd(step, hosts) != 1:
        step += 1
    return step


def _made_hostile(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    cells = [text for name, text in hostile.CELLS.items() if name not in hostile.HUGE]
    cells += [raw.decode("utf-8", "surrogateescape") for raw in hostile.BYTES.values()]
    huge = [hostile.CELLS[name] for name in hostile.HUGE]
    for number, row in enumerate(rows):
        cell = huge.pop() if huge and number % 3 == 2 else cells[number % len(cells)]
        row[(number * 5 + number // len(row)) % len(row)] = quoted(cell)
        yield row
