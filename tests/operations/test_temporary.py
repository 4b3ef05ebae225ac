"""Where temporary files go."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.service.assembly import _workspace
from shadowserver_connector.temporary import temporary_directory

CONNECTOR = "2e4a8b9c-3c1b-4f0e-9d57-6f1a2b3c4d5e"


def test_the_configured_directory_is_used_though_its_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary directory is found without a trial write."""

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(os, "open", full)
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert temporary_directory() == tmp_path


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_directory_is_passed_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths that are no directories are skipped, as Python's tempfile does."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))
    monkeypatch.setenv("TEMP", str(tmp_path))
    assert temporary_directory() == tmp_path


def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path that the workspace of a connector will have."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / f"shadowserver-{CONNECTOR}"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_workspace_is_for_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """The workspace has mode 0700, whatever the umask and the mode of an earlier one."""
    path = workspace(tmp_path, monkeypatch)
    before = os.umask(umask)
    try:
        for _ in range(2):
            assert _workspace(CONNECTOR) == path
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            assert list(path.iterdir()) == []
            path.chmod(0o777)
            (path / "left").mkdir()
            (path / "left" / "report.csv").touch()
    finally:
        os.umask(before)


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "pipe"])
def test_a_workspace_that_leads_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A file, pipe or link in the workspace's place is refused; it and its target are unchanged."""
    path = workspace(tmp_path, monkeypatch)
    elsewhere = tmp_path / "elsewhere"
    if kind != "dangling link":
        elsewhere.mkdir(mode=0o755)
        (elsewhere / "kept").touch()
    if "link" in kind:
        path.symlink_to(elsewhere)
    elif kind == "file":
        path.touch()
    else:
        os.mkfifo(path)
    with pytest.raises(SettingsError, match="TMPDIR") as refused:
        _workspace(CONNECTOR)
    assert len(str(refused.value).splitlines()) == 1
    assert path.is_symlink() or not path.is_dir()
    assert elsewhere.is_dir() == (kind != "dangling link")
    assert kind == "dangling link" or (elsewhere / "kept").exists()


def test_a_workspace_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workspace that another user owns is neither deleted nor used."""
    path = workspace(tmp_path, monkeypatch)
    path.mkdir()
    (path / "kept").touch()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(SettingsError, match="another user"):
        _workspace(CONNECTOR)
    assert (path / "kept").exists()


def test_a_workspace_that_appears_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that someone makes between deleting and making the workspace is refused."""
    path = workspace(tmp_path, monkeypatch)
    path.mkdir()
    deleted = shutil.rmtree

    def delete(where: Path) -> None:
        deleted(where)
        where.mkdir(mode=0o777)

    monkeypatch.setattr(shutil, "rmtree", delete)
    with pytest.raises(SettingsError, match="cannot be made anew"):
        _workspace(CONNECTOR)
