"""The floor of free disk space below which nothing more is downloaded."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.sink.waiting import Waiter

_PAUSE: Final = 10.0
_MIB: Final = 1024 * 1024

T = TypeVar("T")


class DiskFloor:
    """Free space on a folder's disk, held against ``SHADOWSERVER_DISK_FLOOR``."""

    def __init__(self, folder: Path, floor: int, waiter: Waiter, pause: float = _PAUSE) -> None:
        """``floor`` is in bytes, 0 for none; ``pause`` in seconds, between two looks."""
        self._folder = folder
        self._floor = floor
        self._waiter = waiter
        self._pause = pause

    def is_kept(self) -> bool:
        """Tell whether there is more space than the floor."""
        return self._free() >= self._floor

    def wait(self) -> None:
        """Return once there is more space than the floor, said once; raises Stopping."""
        if self.is_kept():
            return
        self._waiter.log.warning("Downloads pause, the disk is nearly full", self._sizes())
        while not self.is_kept():
            self._waiter.pause(self._pause)
        self._waiter.log.info("Downloads go on, the disk has room again", self._sizes())

    def require(self) -> None:
        """Raise SinkUnavailableError where there is less space than the floor."""
        if not self.is_kept():
            free, floor = self._free() // _MIB, self._floor // _MIB
            raise SinkUnavailableError(
                f"{self._folder}: {free:,} MiB are free, less than SHADOWSERVER_DISK_FLOOR "
                f"({floor:,} MiB); make room and give the same command again"
            )

    def while_kept(self, waiting: deque[T]) -> Iterator[T]:
        """Take from what waits, first come first served, while there is more than the floor."""
        while waiting and self.is_kept():
            yield waiting.popleft()

    def _free(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free

    def _sizes(self) -> dict[str, object]:
        return {
            "folder": str(self._folder),
            "free MiB": self._free() // _MIB,
            "SHADOWSERVER_DISK_FLOOR MiB": self._floor // _MIB,
        }
