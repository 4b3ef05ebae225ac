"""The archive of original files."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.pipeline.archive import archive_file, is_archived
from shadowserver_connector.report.info import ReportInfo

DAY = date(2024, 1, 31)


def report(file: str = "2024-01-31-scan_ssl-example.csv", id: str = "capability") -> ReportInfo:
    """Return a report as the API lists it."""
    return ReportInfo("scan_ssl", DAY, file, list="example", id=id)


def put(archive: Path, info: ReportInfo, content: bytes, tmp_path: Path) -> Path:
    """Write a file and archive it."""
    source = tmp_path / "downloaded.csv"
    source.write_bytes(content)
    return archive_file(archive, info, source, hashlib.sha256(content).hexdigest())


def files(archive: Path) -> set[str]:
    """Return everything in the archive, as relative paths."""
    return {str(path.relative_to(archive)) for path in archive.rglob("*") if path.is_file()}


def test_a_file_lies_in_the_folder_of_its_day(tmp_path: Path) -> None:
    """The archived file is unchanged, and its SHA-256 is in a list that sha256sum checks."""
    archive = tmp_path / "archive"
    kept = put(archive, report(), b"a,b\r\n1,2\r\n", tmp_path)
    assert kept == archive / "2024/01/31/2024-01-31-scan_ssl-example.csv"
    assert kept.read_bytes() == b"a,b\r\n1,2\r\n"
    digest = hashlib.sha256(b"a,b\r\n1,2\r\n").hexdigest()
    assert (kept.parent / "SHA256SUMS").read_text() == f"{digest}  {kept.name}\n"
    assert files(archive) == {
        f"2024/01/31/{name}" for name in (kept.name, "SHA256SUMS", ".reports")
    }


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """Archiving the same file again changes neither file nor list."""
    archive = tmp_path / "archive"
    kept = put(archive, report(), b"content", tmp_path)
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    inode = kept.stat().st_ino
    put(archive, report(), b"content", tmp_path)
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before
    assert kept.stat().st_ino == inode


def test_another_content_never_takes_the_place(tmp_path: Path) -> None:
    """A corrected file of the same name is stored beside the first."""
    archive = tmp_path / "archive"
    first = put(archive, report(), b"first", tmp_path)
    second = put(archive, report(id="other"), b"second", tmp_path)
    assert first.read_bytes() == b"first"
    assert second.read_bytes() == b"second"
    assert second.parent == first.parent
    assert second.suffix == ".csv"
    assert put(archive, report(id="other"), b"second", tmp_path) == second
    assert len((first.parent / "SHA256SUMS").read_text().splitlines()) == 2


def test_what_is_kept_is_known_by_its_listing(tmp_path: Path) -> None:
    """A report is archived if its id is listed and its file exists."""
    archive = tmp_path / "archive"
    assert not is_archived(archive, report())
    kept = put(archive, report(), b"content", tmp_path)
    assert is_archived(archive, report())
    assert not is_archived(archive, report(id="another"))
    kept.unlink()
    assert not is_archived(archive, report())


@pytest.mark.parametrize("name", ["../../../outside.csv", "/etc/outside.csv", "..", ".reports"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """Any file name of the API gives a visible file in the day's folder."""
    archive = tmp_path / "archive"
    kept = put(archive, report(file=name), b"content", tmp_path)
    assert kept.parent == archive / "2024/01/31"
    assert not kept.name.startswith(".")
    assert kept.name != "SHA256SUMS"


def test_the_sums_cannot_be_replaced_by_a_report(tmp_path: Path) -> None:
    """A report named like the list of hashes gets another name."""
    archive = tmp_path / "archive"
    kept = put(archive, report(file="SHA256SUMS"), b"evil", tmp_path)
    assert kept.read_bytes() == b"evil"
    assert kept.name != "SHA256SUMS"
    assert (kept.parent / "SHA256SUMS").read_text().endswith(f"  {kept.name}\n")


def test_no_report_id_is_written(tmp_path: Path) -> None:
    """The list has a digest of the report's id, as the id opens the file without credentials."""
    archive = tmp_path / "archive"
    put(archive, report(), b"content", tmp_path)
    for path in archive.rglob("*"):
        assert not path.is_file() or b"capability" not in path.read_bytes()


def test_line_that_a_full_disk_cut_off_spoils_no_other(tmp_path: Path) -> None:
    """After a line cut off by a full disk, the next entry begins a line of its own."""
    archive = tmp_path / "archive"
    sums = put(archive, report(), b"content", tmp_path).parent / "SHA256SUMS"
    sums.write_text(sums.read_text()[:40])
    kept = put(archive, report("other.csv", "another"), b"other", tmp_path)
    digest = hashlib.sha256(b"other").hexdigest()
    assert sums.read_text().splitlines()[1:] == [f"{digest}  {kept.name}"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_file_is_for_others_as_the_umask_allows(tmp_path: Path, umask: int, mode: int) -> None:
    """An archived file has the umask's mode, though the downloaded one is its owner's only."""
    archive = tmp_path / "archive"
    (tmp_path / "downloaded.csv").touch(mode=0o600)
    before = os.umask(umask)
    try:
        kept = put(archive, report(), b"content", tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(kept.stat().st_mode) == mode
    assert stat.S_IMODE((kept.parent / "SHA256SUMS").stat().st_mode) == mode
