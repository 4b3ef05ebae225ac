"""Downloads that request disk space: some grow piece by piece, and see what is on the disk."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

from shadowserver_connector.api.download import Claim, Downloaded
from shadowserver_connector.pipeline.bounds import folder_bytes
from shadowserver_connector.report.info import ReportInfo

PIECE = 1000
SIZES = (8000, 8000, 8000, 50_000, 8000, 8000, 8000, 8000, 8000, 30_000, 1000, 8000)
BOUND = 20_500
"""Room for two files and a half."""


def growing_reports() -> list[ReportInfo]:
    """Return a report for each size."""
    return [
        ReportInfo("t", date(2024, 1, 31), "same-name.csv", id=str(number))
        for number in range(len(SIZES))
    ]


def content_of(report: ReportInfo) -> bytes:
    """Return the content of a report's file."""
    return bytes([65 + int(report.id)]) * SIZES[int(report.id)]


class EqualFiles:
    """Downloads files of ``SIZE`` bytes, and records which were begun, and how often.

    The first ``together`` are all begun before the first of them requests space; they request it in
    turn.
    """

    SIZE = 60

    def __init__(self, together: int) -> None:
        self.begun: list[str] = []
        self._together = together
        self._asked = 0
        self._refused = 0
        self._changed = threading.Condition()

    def __call__(self, report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        """Request the file's space, and write it."""
        with self._changed:
            place = int(report.id.removeprefix("id-"))
            self.begun.append(report.id)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: len(self.begun) >= self._together and self._asked >= place, 60
            )
        try:
            claim(self.SIZE)
        except BaseException:
            self._tell(refused=1)
            raise
        self._tell(refused=0)
        path = folder / report.file
        path.write_bytes(b"x" * self.SIZE)
        return Downloaded(path, self.SIZE, "")

    def begins(self, number: int, seconds: float) -> bool:
        """Wait until this many have begun; tell whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.begun) >= number, seconds)

    def given_up(self, number: int, seconds: float) -> bool:
        """Wait until this many were given up; tell whether they were."""
        with self._changed:
            return self._changed.wait_for(lambda: self._refused >= number, seconds)

    def _tell(self, refused: int) -> None:
        with self._changed:
            self._asked += 1
            self._refused += refused
            self._changed.notify_all()


class GrowingFiles:
    """Downloads into ``folder``; the first ends only when one ahead of it was given up."""

    def __init__(self, folder: Path, *, is_announced: bool) -> None:
        self.turn = 0
        """Number of the report whose turn it is, to be set once the one before it is deleted."""
        self.most_ahead = 0
        """Most bytes on disk at any moment, without those of the report whose turn it is."""
        self.given_up = threading.Event()
        self._folder = folder
        self._is_announced = is_announced
        self._folders: dict[int, str] = {}
        # Nothing grows while all files are looked at.
        self._lock = threading.Lock()

    def __call__(self, report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        """Write a file, requesting its space at once or piece by piece."""
        number = int(report.id)
        self._folders[number] = str(folder)
        part = folder / ".part"
        try:
            if self._is_announced:
                claim(SIZES[number])
            self._write(part, number, claim)
        except BaseException:
            with self._lock:
                part.unlink(missing_ok=True)
            self.given_up.set()
            raise
        return Downloaded(part.rename(folder / report.file), SIZES[number], "")

    def _write(self, part: Path, number: int, claim: Claim) -> None:
        piece = bytes([65 + number]) * PIECE
        with part.open("wb", buffering=0) as file:
            for size in range(PIECE, SIZES[number] + PIECE, PIECE):
                if not self._is_announced:
                    claim(size)
                if number == 0 and size == SIZES[0]:
                    assert self.given_up.wait(60)
                with self._lock:
                    file.write(piece)
                    in_turn = self._folders.get(self.turn, "")
                    ahead = folder_bytes(self._folder, but={in_turn})
                    self.most_ahead = max(self.most_ahead, ahead)
