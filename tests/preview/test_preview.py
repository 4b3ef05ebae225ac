from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from shadowserver_connector.cli.file_commands import preview
from shadowserver_connector.errors import OK, SOME_FAILED, UsageError
from shadowserver_connector.mapping.options import Options
from tests.preview.conftest import MakeJob


def test_files_folders_and_archives_make_one_page(
    make_job: MakeJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page has all reports found, and the JSON counts them."""
    folder = tmp_path / "reports"
    folder.mkdir()
    zipped, _ = make_job("scan_ssl", 5)
    with zipfile.ZipFile(folder / "reports.zip", "w") as archive:
        archive.write(zipped, zipped.name)
    single, _ = make_job("scan_rdp", 7)
    page = tmp_path / "page.html"
    assert preview([folder, single], page, Options(), as_json=True) == OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["page"] == str(page)
    assert (shown["reports"], shown["findings"], shown["shown"]) == (2, 12, 12)
    assert shown["bytes"] == page.stat().st_size
    assert shown["failed"] == []


def test_a_report_that_fails_is_named(
    make_job: MakeJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page has the other reports; the failure is printed and sets the exit code."""
    good, _ = make_job("scan_ssl", 5)
    bad = tmp_path / "2024-01-31-scan_rdp-bad.csv"
    bad.write_bytes(b"\x1f\x8b\x08\x00\x00")
    page = tmp_path / "page.html"
    assert preview([bad, good], page, Options(), as_json=False) == SOME_FAILED
    printed = capsys.readouterr()
    assert printed.out.split() == [str(page)]
    assert bad.name in printed.err
    assert page.exists()


def test_nothing_to_show_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder gives no page, a reason, and a non-zero exit code."""
    folder = tmp_path / "empty"
    folder.mkdir()
    page = tmp_path / "page.html"
    assert preview([folder], page, Options(), as_json=False) == SOME_FAILED
    assert "no report" in capsys.readouterr().err
    assert not page.exists()


def test_what_is_cut_is_said(
    make_job: MakeJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the page has fewer findings than there are, the command prints both numbers."""
    path, _ = make_job("scan_ssl", 50)
    preview([path], tmp_path / "page.html", Options(), max_findings=20, as_json=False)
    assert "50 findings, 20 shown" in " ".join(capsys.readouterr().err.split())


def test_a_folder_is_no_page(tmp_path: Path) -> None:
    """A folder as the page's path is refused before any report is read."""
    with pytest.raises(UsageError, match="is a folder"):
        preview([tmp_path / "missing.csv"], tmp_path, Options(), as_json=False)
