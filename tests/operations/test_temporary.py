"""Where temporary files go, and what becomes of those of a killed process."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.service.assembly import _workspace
from shadowserver_connector.temporary import (
    remove_abandoned_folders,
    temporary_directory,
    temporary_folder,
)
from tests.sink.test_directory import aged

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


HOLDING = """
import sys
from shadowserver_connector.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "rows").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a process that uses a temporary folder, and the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_temporary_folder_is_private_and_removed_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a folder of its own that only its user can enter."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with temporary_folder() as one, temporary_folder() as other:
        assert one.parent == other.parent == tmp_path
        assert one != other
        assert stat.S_IMODE(one.stat().st_mode) == 0o700
        (one / "rows").touch()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_used_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a process is alive is told by its lock, not by the age of its folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with holding(tmp_path) as (process, folder), temporary_folder() as own:
        aged(folder)
        aged(own)
        remove_abandoned_folders()
        assert (folder / "deep" / "rows").exists()
        process.kill()
        process.wait()
        remove_abandoned_folders()
        assert list(tmp_path.iterdir()) == [own]


def test_a_folder_that_was_just_made_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may belong to a process that has not locked it yet."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    new = Path(tempfile.mkdtemp(prefix="shadowserver-tmp-", dir=tmp_path))
    remove_abandoned_folders()
    assert new.exists()
    aged(new)
    remove_abandoned_folders()
    assert not new.exists()


def test_what_is_no_folder_of_ours_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, files, and folders of other users and of other names are not removed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tmp_path / "shadowserver-tmp-link").symlink_to(elsewhere)
    (tmp_path / "shadowserver-tmp-file").touch()
    aged(elsewhere)
    before = sorted(tmp_path.rglob("*"))
    remove_abandoned_folders()
    assert sorted(tmp_path.rglob("*")) == before

    (tmp_path / "shadowserver-tmp-others").mkdir()
    others = aged(tmp_path / "shadowserver-tmp-others")
    monkeypatch.setattr(os, "geteuid", lambda: elsewhere.stat().st_uid + 1)
    remove_abandoned_folders()
    assert others.exists()
