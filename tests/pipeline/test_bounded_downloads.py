"""Downloads within a limit of bytes on the disk."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.api.download import Claim, Downloaded
from shadowserver_connector.pipeline.downloads_ahead import BoundedDownloads
from shadowserver_connector.report.info import ReportInfo

DONE = Downloaded(Path("x"), 0, "")


def report(name: str) -> ReportInfo:
    """Return a report with an id."""
    return ReportInfo("t", date(2024, 1, 31), "x.csv", id=name)


class Asking:
    """Downloads that request the bytes named by their ids, and count how often they begin."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended = threading.Semaphore(0)

    def __call__(self, report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        """Request space, and leave a file of that size."""
        self.begun.append(report.id)
        try:
            claim(int(report.id))
            folder.mkdir(exist_ok=True)
            (folder / "x.csv").write_bytes(b"x" * int(report.id))
        finally:
            self.ended.release()
        return DONE


def test_one_without_room_begins_again_when_there_is_room(tmp_path: Path) -> None:
    """A download without space starts again when its space is free; until then no other starts."""
    source = Asking()
    ahead = BoundedDownloads(source, tmp_path, threads=1, max_bytes=100)
    other = tmp_path / "other"
    other.write_bytes(b"x" * 60)
    future = ahead.begin(report("50"), tmp_path / "b")
    assert source.ended.acquire(timeout=60)
    # A single thread: what is begun now runs after it was put off.
    ahead.begin(report("1"), tmp_path / "c").result(60)
    assert not ahead.has_room()
    ahead.take_turn(tmp_path / "none", resume=True)
    other.write_bytes(b"x" * 50)
    ahead.take_turn(tmp_path / "none", resume=True)
    assert source.begun == ["50", "1"]
    other.write_bytes(b"x" * 49)
    ahead.take_turn(tmp_path / "none", resume=False)
    ahead.begin(report("0"), tmp_path / "d").result(60)
    assert source.begun == ["50", "1", "0"]
    ahead.take_turn(tmp_path / "none", resume=True)
    assert future.result(60) is DONE
    assert source.begun == ["50", "1", "0", "50"]
    assert not ahead.has_room()
    other.unlink()
    assert ahead.has_room()
    ahead.close()


def test_one_in_turn_is_never_held_up(tmp_path: Path) -> None:
    """The download whose turn it is always gets space, whatever its size and past."""
    source = Asking()
    ahead = BoundedDownloads(source, tmp_path, threads=1, max_bytes=100)
    large = ahead.begin(report("5000"), tmp_path / "a")
    assert source.ended.acquire(timeout=60)
    ahead.begin(report("1"), tmp_path / "b").result(60)
    assert not large.done()
    ahead.take_turn(tmp_path / "a", resume=False)
    assert large.result(60) is DONE
    ahead.take_turn(tmp_path / "c", resume=False)
    assert ahead.begin(report("7000"), tmp_path / "c").result(60) is DONE
    assert source.begun == ["5000", "1", "5000", "7000"]
    ahead.close()


def test_turn_that_comes_while_a_download_is_given_up_is_not_missed(tmp_path: Path) -> None:
    """A download whose turn comes while it is being given up starts again at once."""
    begun = []

    def download(report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        begun.append(report.id)
        try:
            claim(500)
        except Exception:
            ahead.take_turn(folder, resume=False)
            raise
        return DONE

    ahead = BoundedDownloads(download, tmp_path, threads=1, max_bytes=100)
    assert ahead.begin(report("a"), tmp_path / "a").result(60) is DONE
    assert begun == ["a", "a"]
    ahead.close()


@pytest.mark.parametrize("folder", ["work", "work/../work"])
def test_what_is_claimed_and_written_counts_once(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reserved bytes that are written count once; those of a failed download are freed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work" / "a").mkdir(parents=True)
    written, go_on = threading.Event(), threading.Event()

    def download(report: ReportInfo, into: Path, claim: Claim) -> Downloaded:
        claim(60)
        part = into / "part"
        part.write_bytes(b"x" * 60)
        written.set()
        assert go_on.wait(60)
        part.unlink()
        raise ValueError("broken")

    ahead = BoundedDownloads(download, Path(folder), threads=1, max_bytes=100)
    future = ahead.begin(report("a"), Path(folder, "a"))
    assert written.wait(60)
    assert ahead.has_room()
    (tmp_path / "work" / "other").write_bytes(b"x" * 40)
    assert not ahead.has_room()
    go_on.set()
    assert isinstance(future.exception(60), ValueError)
    assert ahead.has_room()
    ahead.close()
