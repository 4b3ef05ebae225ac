"""Report files from the API to disk, ahead of those who read them, within bounds."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from shadowserver_connector.api.download import Downloaded, Take
from shadowserver_connector.errors import RetriableError, SkippableError
from shadowserver_connector.pipeline.bounds import MAX_BYTES_AHEAD, DiskFloor, bytes_below, in_order
from shadowserver_connector.pipeline.outcome import Failure, Job
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


def fetch_all(
    download: Download,
    reports: Iterable[ReportInfo],
    folder: Path,
    *,
    threads: int,
    failed: Callable[[Failure], None],
    has_room: Callable[[], bool] = lambda: True,
    max_bytes: int = MAX_BYTES_AHEAD,
) -> Iterator[Job]:
    """Download reports, each into a folder of its own in ``folder``; yield them in their order.

    At most ``threads`` downloads are under way or waiting to be taken. One that would take
    ``folder`` beyond ``max_bytes`` is given up and begun again later, unless it is the next to
    be taken, which may be of any size: whoever takes a report deletes its folder. Where
    ``has_room`` says no, only that one is begun again. One that fails is given to ``failed``,
    and the others go on. When the iterator is closed, downloads under
    way are abandoned without waiting for them.
    """
    ahead = BoundedDownloads(download, folder, threads=threads, max_bytes=max_bytes)

    def begin(report: ReportInfo) -> tuple[Path, Future[Downloaded]]:
        own = Path(tempfile.mkdtemp(dir=folder))
        return own, ahead.begin(report, own)

    try:
        for report, (own, future) in in_order(
            begin, reports, ahead=threads, has_room=ahead.has_room
        ):
            ahead.take_turn(own)
            if has_room():
                ahead.resume()
            try:
                downloaded = future.result()
            except (RetriableError, SkippableError) as error:
                failed(Failure(report, str(error)))
            else:
                yield downloaded.path, report
    finally:
        ahead.close()


class Fetched(NamedTuple):
    """A report with its download, under way or done."""

    report: ReportInfo
    folder: Path
    """Where the file is or will be, alone."""
    download: Future[Downloaded]


def downloads(
    reports: Sequence[ReportInfo],
    download: Download,
    workspace: Path,
    *,
    threads: int,
    floor: DiskFloor,
    max_bytes: int = MAX_BYTES_AHEAD,
) -> Iterator[Fetched]:
    """Yield the reports in order, downloading up to ``threads`` of them at the same time.

    A report's folder is deleted when the next one is asked for, or when the iterator is closed,
    which abandons downloads under way without waiting for them. A download ahead that would take
    ``workspace`` beyond ``max_bytes``, whatever else is in there, is given up and begun again
    later; the one that was yielded last may be of any size. Below ``floor`` none is begun, nor
    begun again but the one that is yielded: first what is on disk is given away, then it waits,
    and raises Stopping.
    """
    ahead = BoundedDownloads(
        partial(download_into, download), workspace, threads=threads, max_bytes=max_bytes
    )

    def begin(numbered: tuple[int, ReportInfo]) -> Fetched:
        number, report = numbered
        folder = workspace / f"{report.day}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        return Fetched(report, folder, ahead.begin(report, folder))

    def has_room() -> bool:
        return floor.is_kept() and ahead.has_room()

    try:
        for _, fetched in in_order(
            begin, enumerate(reports), ahead=threads, has_room=has_room, await_room=floor.wait
        ):
            ahead.take_turn(fetched.folder)
            if floor.is_kept():
                ahead.resume()
            yield fetched
            shutil.rmtree(fetched.folder, ignore_errors=True)
    finally:
        ahead.close()
        shutil.rmtree(workspace, ignore_errors=True)


def download_into(download: Download, report: ReportInfo, folder: Path, take: Take) -> Downloaded:
    """Download a report into a folder that is made for it. Raises ``OSError`` where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    return download(report, folder, take)
