"""Report files downloaded from the API before they are needed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.api.download import Claim, Downloaded
from shadowserver_connector.errors import DiskFullError, TransferError
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.downloads_ahead import (
    Download,
    Downloading,
    completed_downloads,
    downloads,
)
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.waiting import Waiter
from tests.pipeline.growing import (
    BOUND,
    SIZES,
    EqualFiles,
    GrowingFiles,
    content_of,
    growing_reports,
)
from tests.sink.pycti_fakes import FakeLog

REPORTS = [
    ReportInfo(type="t", day=date(2024, 1, 31), file="same-name.csv", id=f"id-{n}")
    for n in range(10)
]


class Source:
    """Downloads files, and counts the downloads."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        """Write a file that holds the report's id."""
        with self._changed:
            self.begun.append(report.id)
            self._changed.notify_all()
        path = folder / report.file
        path.write_text(report.id)
        return Downloaded(path, len(report.id), "")

    def begins(self, number: int, seconds: float) -> bool:
        """Wait until this many have begun; tell whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.begun) >= number, seconds)


def failing(download: Download, name: str, error: Exception | None = None) -> Download:
    """Return a download function that fails for one report."""

    def fail_one(report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        if report.id == name:
            raise error or TransferError("broke off")
        return download(report, folder, claim)

    return fail_one


def fetched(
    reports: Sequence[ReportInfo],
    download: Download,
    folder: Path,
    *,
    threads: int,
    max_bytes: int = 1 << 30,
) -> Iterator[Downloading]:
    """Download on a disk with any number of bytes free."""
    floor = DiskFloor(folder, 0, Waiter(threading.Event(), FakeLog()))
    return downloads(reports, download, folder, threads=threads, floor=floor, max_bytes=max_bytes)


def test_reports_come_in_order_each_with_its_own_file(tmp_path: Path) -> None:
    """Two reports with one file name get separate files."""
    found = [
        each.downloaded.result().path.read_text()
        for each in fetched(REPORTS, Source(), tmp_path / "w", threads=3)
    ]
    assert found == [report.id for report in REPORTS]


def test_downloads_ahead_are_bounded_in_number(tmp_path: Path) -> None:
    """At most ``threads`` files are downloaded, including the one in use."""
    source = Source()
    reports = fetched(REPORTS, source, tmp_path / "w", threads=3)
    for handled in range(1, 4):
        next(reports).downloaded.result()
        assert source.begins(handled + 2, 60)
        assert not source.begins(handled + 3, 0.3)
    assert len(list(reports)) == len(REPORTS) - 3


def test_downloads_ahead_are_bounded_in_bytes(tmp_path: Path) -> None:
    """Further files beside a waiting one count; above the limit no download starts."""
    source = Source()
    reports = fetched(REPORTS, source, tmp_path / "w", threads=2, max_bytes=50)
    next(reports)
    assert source.begins(2, 60)
    (waiting,) = (tmp_path / "w").glob("*-1")
    (waiting / "x.chunks").write_bytes(b"x" * 50)
    second = next(reports)
    assert second.folder == waiting
    assert not source.begins(3, 0.3)
    assert len(list(reports)) == len(REPORTS) - 2


def test_with_what_fills_the_folder_none_is_ahead(tmp_path: Path) -> None:
    """With a full folder each download starts in its turn; one that fails does not stop others."""
    source = Source()
    failures: list[Failure] = []
    (tmp_path / "x.chunks").write_bytes(b"x" * 50)
    found = fetched(REPORTS, failing(source, "id-3"), tmp_path, threads=3, max_bytes=50)
    taken = []
    for file, report in completed_downloads(found, failures.append):
        taken.append((report.id, file.path.read_text(), len(source.begun)))
        shutil.rmtree(file.path.parent)
    names = [f"id-{n}" for n in range(10) if n != 3]
    assert taken == [(name, name, number) for number, name in enumerate(names, 1)]
    assert failures == [Failure(REPORTS[3], "broke off")]


def test_full_disk_is_not_the_failure_of_a_report(tmp_path: Path) -> None:
    """A file that cannot be written ends it all, after the reports before it."""
    failures: list[Failure] = []
    download = failing(Source(), "id-1", DiskFullError("no space"))
    begun = fetched(REPORTS, download, tmp_path / "w", threads=2)
    found = completed_downloads(begun, failures.append)
    assert next(found)[1] is REPORTS[0]
    with pytest.raises(DiskFullError, match="no space"):
        next(found)
    assert failures == []


@pytest.mark.parametrize("is_announced", [True, False])
def test_files_under_way_count(tmp_path: Path, is_announced: bool) -> None:
    """Files ahead never exceed the limit, the one in turn may, and all arrive in order."""
    work = tmp_path / "w"
    source = GrowingFiles(work, is_announced=is_announced)
    reports = growing_reports()
    for number, each in enumerate(fetched(reports, source, work, threads=8, max_bytes=BOUND)):
        assert each.report is reports[number]
        downloaded = each.downloaded.result(60)
        assert downloaded.path.read_bytes() == content_of(each.report)
        shutil.rmtree(each.folder)
        source.turn = number + 1
    assert source.turn == len(SIZES)
    assert source.given_up.is_set()
    assert source.most_ahead <= BOUND


@pytest.mark.parametrize("has_room", [True, False])
def test_only_the_one_in_turn_begins_again_below_the_floor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_room: bool
) -> None:
    """Below the floor only the download in turn restarts; with space, as many as fit."""
    source = EqualFiles(together=4)
    reports = fetched(REPORTS[:4], source, tmp_path / "w", threads=4, max_bytes=2 * source.SIZE)
    each = next(reports)
    each.downloaded.result(60)
    assert source.given_up(2, 60)
    monkeypatch.setattr(DiskFloor, "has_room", lambda floor: has_room)
    for taken in range(1, 4):
        shutil.rmtree(each.folder)
        each = next(reports)
        each.downloaded.result(60)
        if not has_room:
            assert not source.begins(4 + taken, 0.2)
            assert source.begun[4:] == [f"id-{n}" for n in range(2, taken + 1)]
    assert sorted(source.begun[4:]) == ["id-2", "id-3"]


def test_error_stays_with_its_report(tmp_path: Path) -> None:
    """A failed download is raised where its report is handled; the others go on."""

    failed = [
        each.report.id
        for each in fetched(REPORTS, failing(Source(), "id-2"), tmp_path / "w", threads=4)
        if each.downloaded.exception()
    ]
    assert failed == ["id-2"]


def test_closing_abandons_what_is_under_way(tmp_path: Path) -> None:
    """At shutdown no slow download is waited for, and none is started."""
    release = threading.Event()
    begun: list[str] = []

    def slow(report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
        begun.append(report.id)
        release.wait(60)
        return Source()(report, folder, claim)

    reports: Iterator[object] = fetched(REPORTS, slow, tmp_path / "w", threads=2)
    next(reports)
    try:
        reports.close()  # type: ignore[attr-defined]
    finally:
        release.set()
    assert len(begun) <= 2


@pytest.mark.parametrize("reports", [[], REPORTS[:1]])
def test_few_reports_need_no_more_than_themselves(
    reports: list[ReportInfo], tmp_path: Path
) -> None:
    """Zero and one report work like many."""
    assert len(list(fetched(reports, Source(), tmp_path / "w", threads=8))) == len(reports)
