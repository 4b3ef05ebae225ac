"""Downloads on threads, whose files together stay within a number of bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

from shadowserver_connector.api.download import Downloaded, Take
from shadowserver_connector.pipeline.ahead import bytes_below
from shadowserver_connector.report.info import ReportInfo

Download = Callable[[ReportInfo, Path, Take], Downloaded]
"""As ``ReportsApi.download``."""


class GivenUpError(Exception):
    """There is no room for a download ahead of its turn; never leaves this module."""


@dataclass(slots=True, eq=False)
class _Begun:
    report: ReportInfo
    folder: str
    future: Future[Downloaded] = field(default_factory=Future)
    needs: int = 0
    """Bytes that it asked for when there was no room."""


class BoundedDownloads:
    """Downloads into folders inside of one folder, which all count, as does what else is there.

    A download claims the bytes of its file before they are written. One that is ahead of its
    turn and would go beyond the bound is given up, which leaves no file, fails nothing and is
    no attempt of the download's: `resume` begins it again once there is room for what it asked
    for, and `take_turn` in any case.
    """

    def __init__(self, download: Download, folder: Path, *, threads: int, max_bytes: int) -> None:
        """``threads`` is how many are under way at the same time; further ones wait for these."""
        self._download = download
        self._folder = Path(os.path.abspath(folder))
        self._max_bytes = max_bytes
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="download")
        self._lock = Lock()
        self._turn = ""
        self._claims: dict[str, int] = {}
        self._given_up: list[_Begun] = []

    def begin(self, report: ReportInfo, folder: Path) -> Future[Downloaded]:
        """Begin a download into a folder that is for it alone, inside of the common one."""
        begun = _Begun(report, os.path.abspath(folder))
        self._pool.submit(self._run, begun)
        return begun.future

    def has_room(self) -> bool:
        """Tell whether a further one may be begun: none was given up, and there is room."""
        with self._lock:
            return not self._given_up and self._taken() < self._max_bytes

    def take_turn(self, folder: Path) -> None:
        """Let the download into a folder have any size, and begin it again if it was given up."""
        with self._lock:
            self._turn = os.path.abspath(folder)
            for begun in self._given_up:
                if begun.folder == self._turn:
                    self._begin_again(begun)
                    break

    def resume(self) -> None:
        """Begin those again that were given up and now have room for what they asked for.

        To be called when a turn ends. More often would not do: of two that are larger than what
        is left, each would be begun again when the other one is given up.
        """
        with self._lock:
            for begun in list(self._given_up):
                if self._taken() + begun.needs <= self._max_bytes:
                    self._begin_again(begun)

    def close(self) -> None:
        """Begin none any more, and abandon those under way without waiting for them."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin_again(self, begun: _Begun) -> None:
        self._given_up.remove(begun)
        self._claims[begun.folder] = begun.needs
        self._pool.submit(self._run, begun)

    def _run(self, begun: _Begun) -> None:
        claim = partial(self._claim, begun)
        while True:
            try:
                downloaded = self._download(begun.report, Path(begun.folder), claim)
            except GivenUpError:
                if self._is_put_off(begun):
                    return
            except BaseException as error:
                self._unclaim(begun)
                begun.future.set_exception(error)
                return
            else:
                self._unclaim(begun)
                begun.future.set_result(downloaded)
                return

    def _claim(self, begun: _Begun, size: int) -> None:
        with self._lock:
            claimed = self._claims.get(begun.folder, 0)
            if size <= claimed:
                return
            is_in_turn = begun.folder == self._turn
            if not is_in_turn and self._taken() - claimed + size > self._max_bytes:
                begun.needs = size
                raise GivenUpError
            self._claims[begun.folder] = size

    def _unclaim(self, begun: _Begun) -> None:
        with self._lock:
            self._claims.pop(begun.folder, None)

    def _is_put_off(self, begun: _Begun) -> bool:
        """Tell whether one that was given up waits for `resume`: its turn may just have begun."""
        with self._lock:
            self._claims.pop(begun.folder, None)
            if begun.folder == self._turn:
                return False
            self._given_up.append(begun)
            return True

    def _taken(self) -> int:
        # Those under way have no more on disk than they claimed.
        return sum(self._claims.values()) + bytes_below(self._folder, but=self._claims)
