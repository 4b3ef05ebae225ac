"""Limits on what is done ahead: how many items, how many bytes, and the room on the disk."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.memory_limits import MIB
from shadowserver_connector.waiting import DISK, ROOM_PAUSE, Waiter

MAX_BYTES_AHEAD: Final = 1024**3
"""Bytes on disk, of downloads and converted chunks, beyond which nothing is done ahead."""

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

    At most ``ahead`` items are started beyond the one that was yielded last. While ``has_room``
    returns false, none is started before its turn. Once all started items are yielded, it is the
    next one's turn: ``await_room`` is called, and it starts in any case. If any of these
    calls raises an error, the items started before are yielded first; then the error is raised, and
    nothing follows.
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

    It must hold less than ``MAX_BYTES_AHEAD``, and its disk must have that much free: what is done
    ahead must not take the room of the item whose turn it is.
    """
    free = shutil.disk_usage(folder).free
    return folder_bytes(folder) < MAX_BYTES_AHEAD <= free


def folder_bytes(folder: Path, but: Container[str] = ()) -> int:
    """Return the bytes of all files in a folder and its subfolders.

    ``but`` has the paths of subfolders that do not count.
    """
    size = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in but]
        for name in names:
            # It may be renamed or deleted between two checks.
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(parent, name)).st_size
    return size


class DiskFloor:
    """Free space on a folder's disk, compared with ``SHADOWSERVER_DISK_FLOOR``."""

    def __init__(self, folder: Path, floor: int, waiter: Waiter, pause: float = ROOM_PAUSE) -> None:
        """``floor`` is in bytes, 0 for none; ``pause`` in seconds, between two checks."""
        self._folder = folder
        self._floor = floor
        self._waiter = waiter
        self._pause = pause

    def has_room(self) -> bool:
        return self._free() >= self._floor

    def wait(self) -> None:
        """Wait until at least the floor is free; log the wait and its end. Raises Stopping."""
        if self.has_room():
            return
        self._waiter.log.warning("Downloads paused, the disk is nearly full", self._sizes())
        self._waiter.notify(DISK, f"less than SHADOWSERVER_DISK_FLOOR is free in {self._folder}")
        try:
            while not self.has_room():
                self._waiter.pause(self._pause)
        finally:
            self._waiter.notify(DISK, "")
        self._waiter.log.info("Downloads resumed, the disk has room again", self._sizes())

    def require(self) -> None:
        """Raise SinkUnavailableError if less than the floor is free."""
        if not self.has_room():
            free, floor = self._free() // MIB, self._floor // MIB
            raise SinkUnavailableError(
                f"{self._folder}: {free:,} MiB are free, less than SHADOWSERVER_DISK_FLOOR "
                f"({floor:,} MiB); free space and repeat the command"
            )

    def _free(self) -> int:
        # Of a folder that is not there, the system does not say how much is free.
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free

    def _sizes(self) -> dict[str, object]:
        return {"folder": str(self._folder), "free_bytes": self._free(), "floor_bytes": self._floor}
