"""Where temporary files go."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.temporary import temporary_directory


def test_it_is_the_one_configured_also_when_its_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to find out."""

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
    """As Python does."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))
    monkeypatch.setenv("TEMP", str(tmp_path))
    assert temporary_directory() == tmp_path
