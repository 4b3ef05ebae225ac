"""Reports on disk: folders, archives, and malicious archives."""

import errno
import gzip
import io
import os
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.errors import SkippableError
from shadowserver_connector.report import report_files
from shadowserver_connector.report.info import ReportFile
from shadowserver_connector.report.report_files import find_reports

CONTENT = b"ip,tag\n192.0.2.1,ssl\n"


def _found(*paths: Path, workdir: Path) -> tuple[list[ReportFile], list[str]]:
    rejected: list[SkippableError] = []
    reports = list(find_reports(paths, workdir, rejected.append))
    return reports, [str(error) for error in rejected]


def _zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_folder_is_walked_in_order(tmp_path: Path) -> None:
    """Every report in a folder is found, sorted; other files are not."""
    top = tmp_path / "in"
    (top / "b").mkdir(parents=True)
    (top / "b" / "2.csv").write_bytes(CONTENT)
    (top / "a.csv").write_bytes(CONTENT)
    (top / "readme.txt").write_bytes(b"no report")
    (top / "c.csv.gz").write_bytes(gzip.compress(CONTENT))
    _zipped(top / "d.zip", {"e.csv": CONTENT, "notes.txt": b"no report"})
    (top / "loop").symlink_to(top)
    reports, rejected = _found(top, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["a.csv", "2.csv", "c.csv", "e.csv"]
    assert [report.path.read_bytes() for report in reports] == [CONTENT] * 4
    assert not rejected


def test_plain_file_is_read_where_it_lies(tmp_path: Path) -> None:
    """A CSV file is read in place, not copied."""
    path = tmp_path / "2024-01-31-scan_ssl-example.csv"
    path.write_bytes(CONTENT)
    reports, _ = _found(path, workdir=tmp_path / "work")
    assert reports == [ReportFile(path, path.name, str(path))]
    assert not (tmp_path / "work").exists()


def test_missing_path_is_named(tmp_path: Path) -> None:
    """A missing path is an error that names it, not an empty folder."""
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        _found(tmp_path / "nowhere", workdir=tmp_path)


def test_members_cannot_leave_the_work_folder(tmp_path: Path) -> None:
    """Members with absolute, parent or equal names get separate files in the work folder."""
    names = ["../../escaped.csv", "/tmp/absolute.csv", "a/same.csv", "b/same.csv", "..\\up.csv"]
    path = _zipped(tmp_path / "x.zip", {name: name.encode() for name in names})
    work = tmp_path / "deep" / "work"
    reports, rejected = _found(path, workdir=work)
    assert not rejected
    assert [report.name for report in reports] == [
        "escaped.csv",
        "absolute.csv",
        "same.csv",
        "same.csv",
        "up.csv",
    ]
    assert all(report.path.resolve().is_relative_to(work.resolve()) for report in reports)
    assert len({report.path for report in reports}) == len(names)
    assert [report.path.read_bytes().decode() for report in reports] == names


def test_bad_archive_does_not_stop_the_others(tmp_path: Path) -> None:
    """Each bad archive is rejected by name, and the others are read."""
    damaged = tmp_path / "a.zip"
    damaged.write_bytes(b"PK\x03\x04 no zip")
    empty = _zipped(tmp_path / "b.zip", {"readme.txt": b""})
    nested = _zipped(tmp_path / "c.zip", {"x.csv": CONTENT, "inner.zip": b"PK"})
    cut = tmp_path / "d.csv.gz"
    cut.write_bytes(gzip.compress(os.urandom(5000))[:-1000])
    no_gzip = tmp_path / "e.csv.gz"
    no_gzip.write_bytes(b"plain")
    tar = tmp_path / "f.tar.gz"
    tar.write_bytes(gzip.compress(b"x"))
    good = tmp_path / "g.csv"
    good.write_bytes(CONTENT)
    paths = (damaged, empty, nested, cut, no_gzip, tar, good)
    reports, rejected = _found(*paths, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["x.csv", "g.csv"]
    assert [message.split(":")[0] for message in rejected] == [
        str(path) for path in (damaged, empty, nested / "inner.zip", cut, no_gzip, tar)
    ]
    assert list((tmp_path / "work").iterdir()) == [reports[0].path]


@pytest.mark.parametrize("name", ["in/x.zip", "x.csv.gz", "x.CSV.GZ", "x.7z", "a/b/x.tar"])
def test_archive_in_an_archive_is_refused_by_itself(tmp_path: Path, name: str) -> None:
    """A nested archive is rejected by name with what to do; the reports around it are read."""
    path = _zipped(tmp_path / "x.zip", {"a.csv": CONTENT, name: b"PK", "z.csv": CONTENT})
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["a.csv", "z.csv"]
    assert rejected == [
        f"{path}/{name}: an archive inside an archive is not opened; unpack it and give its files"
    ]


def test_damaged_member_is_refused_by_itself(tmp_path: Path) -> None:
    """A damaged member is rejected, and the members after it are read."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in ("a", "b", "c"):
            archive.writestr(f"in/{name}.csv", f"ip,tag\n192.0.2.1,{name * 9}\n")
    path.write_bytes(path.read_bytes().replace(b"bbbbbbbbb", b"bbbbbbbbx"))
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["a.csv", "c.csv"]
    assert len(rejected) == 1
    assert rejected[0].startswith(f"{path}/in/b.csv: cannot be unpacked: ")
    assert sorted((tmp_path / "work").iterdir()) == [report.path for report in reports]


def test_link_in_an_archive_is_refused_by_itself(tmp_path: Path) -> None:
    """A link in an archive is rejected, and its target is not read."""
    path = _zipped(tmp_path / "x.zip", {"a.csv": CONTENT})
    link = zipfile.ZipInfo("b.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["a.csv"]
    assert rejected == [f"{path}/b.csv: a symbolic link is not followed"]


def test_shadows_of_macos_are_left_out(tmp_path: Path) -> None:
    """The metadata files of macOS, named like reports, are ignored."""
    names = ("a.csv", "__MACOSX/._a.csv", "__MACOSX/._b.zip")
    path = _zipped(tmp_path / "x.zip", dict.fromkeys(names, CONTENT))
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["a.csv"]
    assert not rejected


def test_members_are_named_with_their_folders(tmp_path: Path) -> None:
    """A member is named with its folder, so that equal names can be told apart, and escaped."""
    names = ("may/x.csv", "june/x.csv", "\x1b[31m/x.csv")
    path = _zipped(tmp_path / "x.zip", dict.fromkeys(names, CONTENT))
    reports, _ = _found(path, workdir=tmp_path / "work")
    assert [report.shown_path for report in reports] == [
        f"{path}/may/x.csv",
        f"{path}/june/x.csv",
        f"{path}/\\x1b[31m/x.csv",
    ]


def test_text_named_like_a_gzip_archive_is_not_shown(tmp_path: Path) -> None:
    """The error of a text file named .gz says what to do and quotes nothing of it."""
    path = tmp_path / "x.csv.gz"
    path.write_bytes(CONTENT)
    _, (message,) = _found(path, workdir=tmp_path / "work")
    assert message == (
        f"{path}: cannot be unpacked: damaged, or not a gzip archive; get it again, or rename it "
        "to .csv if that is what it is"
    )


def test_encrypted_archive_is_rejected(tmp_path: Path) -> None:
    """An encrypted archive is rejected, with what to do."""
    path = _zipped(tmp_path / "x.zip", {"x.csv": CONTENT})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, directory + 8, 1)
    struct.pack_into("<H", content, 6, 1)
    path.write_bytes(content)
    _, rejected = _found(path, workdir=tmp_path / "work")
    assert rejected == [f"{path}: encrypted; unpack it and give the .csv files"]


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_bomb_is_stopped_by_what_it_writes(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that unpacks to far more than its size is rejected and leaves no file."""
    monkeypatch.setattr(report_files, "RATIO_FLOOR_BYTES", 1 << 20)
    zeros = b"0" * (20 << 20)
    if kind == "zip":
        path = _zipped(tmp_path / "x.zip", {"x.csv": zeros})
    else:
        path = tmp_path / "x.csv.gz"
        path.write_bytes(gzip.compress(zeros))
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert reports == []
    assert "zip bomb" in rejected[0]
    assert list((tmp_path / "work").iterdir()) == []


def test_total_size_is_bounded_over_all_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many small members share a limit of their total size."""
    monkeypatch.setattr(report_files, "MAX_UNPACKED_BYTES", 1000)
    path = _zipped(tmp_path / "x.zip", {f"{n}.csv": os.urandom(400) for n in range(5)})
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["0.csv", "1.csv"]
    assert len(rejected) == 1
    assert "unpacks to more than" in rejected[0]


def test_number_of_members_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive with too many members is not unpacked."""
    monkeypatch.setattr(report_files, "MAX_MEMBERS", 3)
    path = _zipped(tmp_path / "x.zip", {f"{n}.csv": CONTENT for n in range(4)})
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert reports == []
    assert "4 members, more than 3" in rejected[0]


def test_a_tar_of_headers_of_headers_is_damaged(tmp_path: Path) -> None:
    """A tar of endless long-name headers is rejected; other files are read."""
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    header.size = 5
    path = tmp_path / "x.tar"
    path.write_bytes((header.tobuf(tarfile.GNU_FORMAT) + b"a.csv".ljust(512, b"\0")) * 5_000)
    other = tmp_path / "y.csv"
    other.write_bytes(CONTENT)
    reports, rejected = _found(path, other, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["y.csv"]
    assert len(rejected) == 1
    assert rejected[0].endswith("x.tar: cannot be unpacked: damaged")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_unpacks_without_bound_is_refused(tmp_path: Path, method: int) -> None:
    """bzip2 is refused, as `zipfile` may unpack some hundred bytes to megabytes at once."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", CONTENT, compress_type=method)
        archive.writestr("b.csv", CONTENT, compress_type=zipfile.ZIP_DEFLATED)
    reports, rejected = _found(path, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["b.csv"]
    assert len(rejected) == 1
    assert "a.csv: compressed by a method that is not supported" in rejected[0]


def _refuse(name: str, opener: Callable[..., Any]) -> Callable[..., Any]:
    """Return an opener that refuses files of this name; permissions would not stop root."""

    def open_it(path: Path, *more: Any) -> Any:
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opener(path, *more)

    return open_it


def test_what_may_not_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders and archives without read permission are rejected by name."""
    top = tmp_path / "in"
    (top / "b").mkdir(parents=True)
    (top / "a.csv.gz").write_bytes(gzip.compress(CONTENT))
    (top / "b" / "lost.csv").write_bytes(CONTENT)
    _zipped(top / "c.zip", {"lost.csv": CONTENT})
    (top / "d.csv").write_bytes(CONTENT)
    monkeypatch.setattr(report_files.os, "scandir", _refuse("b", os.scandir))
    monkeypatch.setattr(report_files.gzip, "GzipFile", _refuse("a.csv.gz", gzip.GzipFile))
    monkeypatch.setattr(report_files.io, "FileIO", _refuse("c.zip", io.FileIO))
    reports, rejected = _found(top, workdir=tmp_path / "work")
    assert [report.name for report in reports] == ["d.csv"]
    assert rejected == [
        f"{top / name}: cannot be read: Permission denied" for name in ("a.csv.gz", "b", "c.zip")
    ]


@pytest.mark.parametrize("name", ["x.zip", "x.csv.gz"])
def test_a_disk_that_cannot_be_read_is_not_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A read error inside an archive gives the system's reason and leaves no file."""
    _zipped(tmp_path / "x.zip", {"x.csv": CONTENT})
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(CONTENT))

    def broken(self: object, size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    kind = zipfile.ZipExtFile if name.endswith(".zip") else gzip.GzipFile
    monkeypatch.setattr(kind, "read", broken)
    reports, rejected = _found(tmp_path / name, workdir=tmp_path / "work")
    assert reports == []
    where = tmp_path / name / "x.csv" if name.endswith(".zip") else tmp_path / name
    assert rejected == [f"{where}: cannot be read: Input/output error"]
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("name", ["x.zip", "x.csv.gz"])
def test_a_work_folder_without_room_is_not_the_archives_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A full work folder ends the walk, as every archive would fail."""
    _zipped(tmp_path / "x.zip", {"x.csv": CONTENT})
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(CONTENT))

    def full(path: Path, mode: str) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        _found(tmp_path / name, workdir=tmp_path / "work")


def test_members_of_one_name_stay_apart(tmp_path: Path) -> None:
    """Any number of members with one name keep their name and content."""
    archive = tmp_path / "x.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(archive, "w") as packed:
        warnings.simplefilter("ignore")
        for number in range(50):
            packed.writestr("2024-01-31-scan_ssl-x.csv", f"ip\n192.0.2.{number}\n")
    found, _ = _found(archive, workdir=tmp_path / "work")
    assert {file.path.name for file in found} == {"2024-01-31-scan_ssl-x.csv"}
    assert len({file.path.read_bytes() for file in found}) == 50
