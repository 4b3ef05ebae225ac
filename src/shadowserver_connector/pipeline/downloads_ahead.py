"""Report files from the API to disk, ahead of those who read them, within bounds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from shadowserver_connector.api.download import Claim, Downloaded
from shadowserver_connector.errors import RetriableError, SinkUnavailableError, SkippableError
from shadowserver_connector.pipeline.bounds import (
    MAX_BYTES_AHEAD,
    DiskFloor,
    folder_bytes,
    in_order,
)
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo

Download = Callable[[ReportInfo, Path, Claim], Downloaded]
"""As ``ReportsApi.download``."""


class Downloading(NamedTuple):
    """A report with its download, in progress or done."""

    report: ReportInfo
    folder: Path
    """Where the file is or will be, in a folder of its own; whoever takes the report deletes it."""
    downloaded: Future[Downloaded]


def downloads(
    reports: Iterable[ReportInfo],
    download: Download,
    folder: Path,
    *,
    threads: int,
    floor: DiskFloor | None = None,
    below_floor: Callable[[DiskFloor], None] = DiskFloor.wait,
    max_bytes: int = MAX_BYTES_AHEAD,
) -> Iterator[Downloading]:
    """Yield the reports in order, downloading up to ``threads`` of them at the same time.

    A download ahead that would take ``folder`` beyond ``max_bytes``, whatever else is in there, is
    put off and begun again later; the one that was yielded last may be of any size. Below ``floor``
    no download begins, but for one that was put off and is yielded next. Once all that are on disk
    are yielded, ``below_floor`` is called, which waits or raises. When the iterator is closed,
    downloads under way are abandoned without waiting for them.
    """
    ahead = BoundedDownloads(download, folder, threads=threads, max_bytes=max_bytes)

    def begin(numbered: tuple[int, ReportInfo]) -> Downloading:
        number, report = numbered
        # Numbered, because two reports may have one file name.
        own = folder / f"{report.day}-{number}"
        # An abandoned download of an earlier run may have ended here.
        shutil.rmtree(own, ignore_errors=True)
        return Downloading(report, own, ahead.begin(report, own))

    def is_above_floor() -> bool:
        return floor is None or floor.has_room()

    def await_room() -> None:
        if floor is not None:
            below_floor(floor)

    try:
        for _, downloading in in_order(
            begin,
            enumerate(reports),
            ahead=threads,
            has_room=lambda: is_above_floor() and ahead.has_room(),
            await_room=await_room,
        ):
            ahead.take_turn(downloading.folder, resume=is_above_floor())
            yield downloading
    finally:
        ahead.close()


def completed_downloads(
    downloading: Iterable[Downloading], failed: Callable[[Failure], None]
) -> Iterator[tuple[Downloaded, ReportInfo]]:
    """Yield the reports whose file is there; those that fail are passed to ``failed``.

    Raises SinkUnavailableError if a file cannot be written: so would the others.
    """
    for report, _, future in downloading:
        try:
            downloaded = future.result()
        except SinkUnavailableError:
            raise
        except (RetriableError, SkippableError) as error:
            failed(Failure(report, str(error)))
        else:
            yield downloaded, report


class PutOffError(Exception):
    """There is no room for a download ahead of its turn; never leaves this module."""


@dataclass(slots=True, eq=False)
class _Begun:
    report: ReportInfo
    folder: str
    future: Future[Downloaded] = field(default_factory=Future)
    needs: int = 0
    """Bytes that it requested when there was no room."""


class BoundedDownloads:
    """Downloads on threads, whose files, with what else is in their folder, stay within bytes.

    A download claims the bytes of its file before they are written. One that is ahead of its turn
    and would go beyond the bound is given up. That leaves no file, is not a failure, and does not
    count as an attempt. `take_turn` begins it again.
    """

    def __init__(self, download: Download, folder: Path, *, threads: int, max_bytes: int) -> None:
        self._download = download
        self._folder = Path(os.path.abspath(folder))
        self._max_bytes = max_bytes
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="download")
        self._lock = Lock()
        self._turn = ""
        self._claims: dict[str, int] = {}
        self._put_off: list[_Begun] = []

    def begin(self, report: ReportInfo, folder: Path) -> Future[Downloaded]:
        """Start a download into a folder of its own inside the common one."""
        # Absolute, as text: `folder_bytes` compares it with the folders that it finds.
        begun = _Begun(report, os.path.abspath(folder))
        self._pool.submit(self._run, begun)
        return begun.future

    def has_room(self) -> bool:
        """Tell whether another one may be started: none was cancelled, and there is room."""
        with self._lock:
            return not self._put_off and self._bytes_taken() < self._max_bytes

    def take_turn(self, folder: Path, *, resume: bool) -> None:
        """Let the download into a folder have any size, and begin it again if it was given up.

        With ``resume``, others that were given up and now have room are begun again, too. This
        happens only when a turn ends: otherwise, of two that are larger than what is left, each
        would be begun again whenever the other one is given up.
        """
        with self._lock:
            self._turn = os.path.abspath(folder)
            # The one whose turn it is comes first: its bytes count before any other is begun.
            for begun in sorted(self._put_off, key=lambda each: each.folder != self._turn):
                fits = resume and self._bytes_taken() + begun.needs <= self._max_bytes
                if fits or begun.folder == self._turn:
                    self._put_off.remove(begun)
                    self._claims[begun.folder] = begun.needs
                    self._pool.submit(self._run, begun)

    def close(self) -> None:
        """Start no more, and abandon those in progress without waiting for them."""
        # A large file may take minutes more; a stop has seconds.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, begun: _Begun) -> None:
        folder = Path(begun.folder)
        while True:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                downloaded = self._download(begun.report, folder, partial(self._claim, begun))
            except PutOffError:
                if self._is_put_off(begun):
                    return
            except BaseException as error:  # it belongs to whoever waits for the file
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
            if not is_in_turn and self._bytes_taken() - claimed + size > self._max_bytes:
                begun.needs = size
                raise PutOffError
            self._claims[begun.folder] = size

    def _unclaim(self, begun: _Begun) -> None:
        with self._lock:
            self._claims.pop(begun.folder, None)

    def _is_put_off(self, begun: _Begun) -> bool:
        """Tell whether one that was given up waits for its turn, which may just have begun."""
        with self._lock:
            self._claims.pop(begun.folder, None)
            if begun.folder == self._turn:
                return False
            self._put_off.append(begun)
            return True

    def _bytes_taken(self) -> int:
        # Those in progress have no more on disk than they claimed.
        return sum(self._claims.values()) + folder_bytes(self._folder, but=self._claims)
