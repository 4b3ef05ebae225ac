"""Reports in tar archives, within the limits of other archives."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from shadowserver_connector.errors import SkippableError
from shadowserver_connector.report import report_files
from shadowserver_connector.report.info import ReportFile
from shadowserver_connector.report.report_files import find_reports

CONTENT = b"ip,tag\n192.0.2.1,ssl\n"


def _found(path: Path, workdir: Path) -> tuple[list[ReportFile], list[str]]:
    rejected: list[SkippableError] = []
    reports = list(find_reports([path], workdir, rejected.append))
    return reports, [str(error) for error in rejected]


def _tarred(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    mode = "w:gz" if path.name.lower().endswith("gz") else "w"
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


@pytest.mark.parametrize("name", ["mail.tar", "mail.tgz", "mail.tar.gz", "MAIL.TGZ"])
def test_members_are_read(tmp_path: Path, name: str) -> None:
    """Each report is read in order under its own name; other members are ignored."""
    members = {"a.csv": CONTENT, "readme.txt": b"x" * 5_000, "in/b.csv": CONTENT * 2_000}
    path = _tarred(tmp_path / name, members)
    reports, rejected = _found(path, tmp_path / "work")
    assert [report.path.read_bytes() for report in reports] == [CONTENT, CONTENT * 2_000]
    assert [report.shown_path for report in reports] == [f"{path}/a.csv", f"{path}/in/b.csv"]
    assert [report.is_only_member for report in reports] == [False, False]
    assert rejected == []


def test_only_report_of_an_archive_is_known_to_be_alone(tmp_path: Path) -> None:
    """A report that is the only member of its archive is marked as such."""
    (report,), _ = _found(_tarred(tmp_path / "x.tgz", {"r.csv": CONTENT}), tmp_path / "work")
    assert (report.archive, report.is_only_member) == ("x.tgz", True)


def test_members_cannot_leave_the_work_folder(tmp_path: Path) -> None:
    """Paths are cut off, links are not followed, and nested archives are not opened."""
    members = {"../../out.csv": CONTENT, "/etc/x.csv": CONTENT, "in.zip": b"PK\x03\x04"}
    path = _tarred(tmp_path / "x.tgz", members, {"link.csv": "/etc/passwd"})
    work = tmp_path / "work"
    reports, rejected = _found(path, work)
    assert {report.path.parent for report in reports} == {work}
    assert len(reports) == 2
    assert [text.rpartition("/")[2].partition(":")[0] for text in rejected] == [
        "in.zip",
        "link.csv",
    ]


def test_bomb_is_stopped_by_what_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb is stopped, even in an unwanted member; the members before it are read."""
    monkeypatch.setattr(report_files, "RATIO_FLOOR_BYTES", 1 << 20)
    for name in ("y.csv", "y.bin"):
        members = {"x.csv": CONTENT, name: bytes(20 << 20)}
        path = _tarred(tmp_path / f"{name}.tgz", members)
        reports, rejected = _found(path, tmp_path / f"work-{name}")
        assert [report.name for report in reports] == ["x.csv"]
        assert "zip bomb" in rejected[0]


def test_number_and_size_of_members_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are those of zip archives; members before the limit are read."""
    path = _tarred(tmp_path / "x.tar", {f"{n}.csv": os.urandom(400) for n in range(5)})
    monkeypatch.setattr(report_files, "MAX_MEMBERS", 3)
    reports, rejected = _found(path, tmp_path / "work")
    assert len(reports) == 3
    assert "more than 3 members" in rejected[0]
    monkeypatch.setattr(report_files, "MAX_UNPACKED_BYTES", 2_000)
    _, rejected = _found(path, tmp_path / "other")
    assert "unpacks to more than" in rejected[0]


def test_extended_header_of_any_size_is_not_read_at_once(tmp_path: Path) -> None:
    """An archive whose header claims a gigabyte is refused in one line."""
    member = tarfile.TarInfo("header")
    member.type, member.size = tarfile.XHDTYPE, 1 << 30
    path = tmp_path / "x.tgz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + bytes(1_024)))
    reports, rejected = _found(path, tmp_path / "work")
    assert reports == []
    assert rejected == [f"{path}: cannot be unpacked: damaged"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"no tar", mtime=0)[:20], b"\0" * 99],
    ids=["empty", "text", "gzip cut off", "zeros"],
)
@pytest.mark.parametrize("name", ["x.tar", "x.tgz"])
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that is no archive is refused in one line that names it."""
    path = tmp_path / name
    path.write_bytes(content)
    reports, rejected = _found(path, tmp_path / "work")
    assert reports == []
    assert [text.startswith(f"{path}: ") for text in rejected] == [True]


def test_damage_does_not_cost_what_came_before(tmp_path: Path) -> None:
    """The members before the damage are read, and the damage is reported."""
    whole = _tarred(tmp_path / "x.tgz", {f"{n}.csv": os.urandom(60_000) for n in range(3)})
    whole.write_bytes(whole.read_bytes()[:-30_000])
    reports, rejected = _found(whole, tmp_path / "work")
    assert [report.name for report in reports] == ["0.csv", "1.csv"]
    assert len(rejected) == 2
