"""Downloads ahead of those who read them."""

from __future__ import annotations

import shutil
import threading
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.api.download import Downloaded, Take
from shadowserver_connector.errors import TransferError
from shadowserver_connector.pipeline.downloads import fetch_all
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo
from tests.pipeline.growing import BOUND, EqualFiles, GrowingFiles, content_of, growing_reports

REPORTS = [
    ReportInfo(type="t", day=date(2024, 1, 31), file="same-name.csv", id=f"id-{n}")
    for n in range(10)
]


class Source:
    """Downloads files of 100 bytes, but for the fourth; tells how many have begun."""

    def __init__(self) -> None:
        self.begun = 0
        self._lock = threading.Lock()

    def __call__(self, report: ReportInfo, folder: Path, take: Take) -> Downloaded:
        """Write a file that begins with the report's id."""
        with self._lock:
            self.begun += 1
        if report.id == "id-3":
            raise TransferError("broke off")
        path = folder / report.file
        path.write_text(report.id.ljust(100))
        return Downloaded(path, 100, "", "", "", "")


def begun_at_each(folder: Path, max_bytes: int, failures: list[Failure]) -> list[tuple[str, int]]:
    """Fetch all with three threads; return each id, and how many were begun when it was taken."""
    source = Source()
    taken = []
    for path, report in fetch_all(
        source, REPORTS, folder, threads=3, failed=failures.append, max_bytes=max_bytes
    ):
        assert path.read_text().strip() == report.id
        taken.append((report.id, source.begun))
        shutil.rmtree(path.parent)
    return taken


def test_downloads_are_bounded_in_number(tmp_path: Path) -> None:
    """Three, the one that is taken included; one that fails is told and not in the way."""
    failures: list[Failure] = []
    taken = begun_at_each(tmp_path, 1 << 30, failures)
    assert [name for name, _ in taken] == [f"id-{n}" for n in range(10) if n != 3]
    assert all(begun <= int(name[3:]) + 3 for name, begun in taken)
    assert [each.info.id for each in failures] == ["id-3"]
    assert list(tmp_path.rglob("*.csv")) == []


def test_downloads_are_bounded_in_bytes(tmp_path: Path) -> None:
    """With what fills the folder none is begun before its turn, and all are fetched."""
    (tmp_path / "x.chunks").write_bytes(b"x" * 50)
    taken = begun_at_each(tmp_path, 50, [])
    assert taken == [(f"id-{n}", n + 1) for n in range(10) if n != 3]


@pytest.mark.parametrize("is_announced", [True, False])
def test_files_under_way_count(tmp_path: Path, is_announced: bool) -> None:
    """What is ahead is never above the bound; the one in turn may be; all arrive in order."""
    source = GrowingFiles(tmp_path, is_announced=is_announced)
    reports = growing_reports()
    failures: list[Failure] = []
    taken = []
    for path, report in fetch_all(
        source, reports, tmp_path, threads=8, failed=failures.append, max_bytes=BOUND
    ):
        assert path.read_bytes() == content_of(report)
        taken.append(report)
        shutil.rmtree(path.parent)
        source.turn = len(taken)
    assert taken == reports
    assert failures == []
    assert source.given_up.is_set()
    assert source.most_ahead <= BOUND


@pytest.mark.parametrize("has_room", [True, False])
def test_only_the_next_begins_again_where_the_disk_is_nearly_full(
    tmp_path: Path, has_room: bool
) -> None:
    """Of those that were given up, the one whose turn it is; with room, as many as fit."""
    source = EqualFiles(together=4)
    reports = fetch_all(
        source,
        REPORTS[:4],
        tmp_path,
        threads=4,
        failed=print,
        has_room=lambda: has_room,
        max_bytes=2 * source.SIZE,
    )
    path, _ = next(reports)
    assert source.given_up(2, 60)
    for taken in range(1, 4):
        shutil.rmtree(path.parent)
        path, _ = next(reports)
        if not has_room:
            assert not source.begins(4 + taken, 0.2)
            assert source.begun[4:] == [f"id-{n}" for n in range(2, taken + 1)]
    assert sorted(source.begun[4:]) == ["id-2", "id-3"]
