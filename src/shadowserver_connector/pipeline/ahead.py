"""Work begun ahead of those who take its results: in order, bounded in number and in bytes."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

MAX_BYTES_AHEAD: Final = 1024**3
"""Bytes on disk, of downloads and of what was converted ahead, beyond which nothing is ahead."""

Item = TypeVar("Item")
Begun = TypeVar("Begun")


def in_order(
    start: Callable[[Item], Begun],
    items: Iterable[Item],
    *,
    ahead: int,
    has_room: Callable[[], bool] = lambda: True,
    await_room: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Item, Begun]]:
    """Yield each item with what ``start`` returned for it, in the order of ``items``.

    Never more than ``ahead`` items are started beyond the one that was yielded last, and none
    ahead of its turn where ``has_room`` says no. ``await_room`` is called before one is started
    whose turn it is, when nothing else is waiting to be taken. What any of them raises is raised
    after those begun before were yielded; nothing comes after it.
    """
    upcoming = iter(items)
    waiting: deque[tuple[Item, Begun]] = deque()
    failure: Exception | None = None
    more = True
    while more or waiting:
        while more and len(waiting) < ahead:
            try:
                if not waiting:
                    await_room()
                elif not has_room():
                    break
                item = next(upcoming)
                waiting.append((item, start(item)))
            except StopIteration:
                more = False
            except Exception as error:  # whatever it is, those before it go first
                more = False
                failure = error
        if waiting:
            yield waiting.popleft()
    if failure is not None:
        raise failure


def has_room_ahead(folder: Path) -> bool:
    """Tell whether a folder has room for what is converted ahead of its turn.

    It holds less than ``MAX_BYTES_AHEAD``, and its disk has as much free: what is ahead must not
    take the room of the one whose turn it is.
    """
    free = shutil.disk_usage(folder).free
    return bytes_below(folder) < MAX_BYTES_AHEAD <= free


def bytes_below(folder: Path, but: Container[str] = ()) -> int:
    """Return the bytes of all files in a folder and in those inside of it, but for some of these.

    ``but`` has the paths of the folders inside that do not count.
    """
    size = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in but]
        for name in names:
            # It may be renamed or deleted between two looks.
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(parent, name)).st_size
    return size
