"""The wheel, built once, and installed as users install it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
UV: Final = (sys.executable, "-m", "uv")

Command = Callable[..., subprocess.CompletedProcess[str]]


def execute(
    *command: object, cwd: Path, check: bool = True, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a program without this project's sources and settings; its output is text."""
    ours = ("PYTHON", "VIRTUAL_ENV", "SHADOWSERVER_", "OPENCTI_", "CONNECTOR_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env=kept | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution, and the wheel from it; return their folder."""
    folder = tmp_path_factory.mktemp("dist")
    execute(*UV, "build", "--quiet", "--out-dir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    """Return the wheel."""
    (path,) = dist.glob("*.whl")
    return path


def install_with_uv(wheel: Path, pins: Path, folder: Path) -> Path:
    """Install a wheel in a new environment in a folder; return the folder of its commands."""
    execute(*UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    install = (*UV, "pip", "install", "--quiet", "--python", python)
    execute(*install, "--constraints", pins, wheel, cwd=folder)
    return python.parent


@pytest.fixture(scope="session")
def pins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the locked versions as constraints, so that new releases of others fail no test."""
    lock = (ROOT / "requirements" / "runtime.txt").read_text()
    path = tmp_path_factory.mktemp("pins") / "constraints.txt"
    path.write_text("\n".join(re.findall(r"^([\w.-]+==[^ \\]+(?: ;[^\\]*)?)", lock, re.MULTILINE)))
    return path
