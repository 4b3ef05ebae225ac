"""The minimum of free disk space."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from shadowserver_connector.api.download import Claim, Downloaded
from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.downloads_ahead import downloads
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.waiting import Stopping, Waiter
from tests.sink.pycti_fakes import FakeLog

FLOOR = 100 * 1024 * 1024
REPORTS = [ReportInfo("t", date(2024, 1, 31), "x.csv", id=f"id-{n}") for n in range(4)]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Make the disk have these numbers of free bytes, one per look, the last one for ever."""

    def set_free(*numbers: int) -> list[int]:
        left = list(numbers)

        def usage(folder: Path) -> SimpleNamespace:
            return SimpleNamespace(free=left.pop(0) if len(left) > 1 else left[0])

        monkeypatch.setattr(shutil, "disk_usage", usage)
        return left

    return set_free


def floor(tmp_path: Path, log: FakeLog, stop: threading.Event | None = None) -> DiskFloor:
    """Return a floor whose pauses are short."""
    return DiskFloor(tmp_path, FLOOR, Waiter(stop or threading.Event(), log), pause=0.001)


def test_enough_space_is_not_mentioned(tmp_path: Path, free: Callable[..., list[int]]) -> None:
    """With enough space there is no wait and no line."""
    free(FLOOR)
    log = FakeLog()
    floor(tmp_path, log).wait()
    assert log.lines == []


def test_waits_below_and_says_so_once(tmp_path: Path, free: Callable[..., list[int]]) -> None:
    """One line says that the wait begins, and one that it is over."""
    free(*[FLOOR - 1] * 6, FLOOR)
    log = FakeLog()
    floor(tmp_path, log).wait()
    assert [(level, message) for level, message, _ in log.lines] == [
        ("warning", "Downloads paused, the disk is nearly full"),
        ("info", "Downloads resumed, the disk has room again"),
    ]
    assert log.lines[0][2]["floor_bytes"] == 100 * 1024**2


def test_a_wait_ends_when_the_process_is_asked_to_stop(
    tmp_path: Path, free: Callable[..., list[int]]
) -> None:
    """A request to stop ends the wait for space."""
    free(0)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopping):
        floor(tmp_path, FakeLog(), stop).wait()


def test_no_floor(tmp_path: Path, free: Callable[..., list[int]]) -> None:
    """With a floor of 0, a full disk shows only when something is written."""
    free(0)
    assert DiskFloor(tmp_path, 0, Waiter(threading.Event(), FakeLog())).has_room()


def test_a_command_is_told_what_is_missing(tmp_path: Path, free: Callable[..., list[int]]) -> None:
    """The error is one line with folder, space and setting."""
    free(FLOOR - 1)
    with pytest.raises(SinkUnavailableError) as caught:
        floor(tmp_path, FakeLog()).require()
    assert str(caught.value) == (
        f"{tmp_path}: 99 MiB are free, less than SHADOWSERVER_DISK_FLOOR (100 MiB); "
        "free space and repeat the command"
    )


def test_downloads_below_the_floor(tmp_path: Path, free: Callable[..., list[int]]) -> None:
    """Downloads ahead are not started, and finished files are handed over before any wait."""
    left = free(FLOOR, 0)
    begun: list[str] = []

    def download(report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        begun.append(report.id)
        return Downloaded(folder / "x", 1, "")

    log = FakeLog()
    found = downloads(REPORTS, download, tmp_path / "w", threads=4, floor=floor(tmp_path, log))
    next(found).downloaded.result()
    assert begun == ["id-0"]
    assert log.lines == []
    left[:] = [0, 0, FLOOR]
    assert [each.report.id for each in found] == ["id-1", "id-2", "id-3"]
    assert log.messages("warning") == ["Downloads paused, the disk is nearly full"]
