"""The program where only ``TMPDIR`` and the given output folder are writable."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowserver_connector.simulator.faults import Fault, FaultKind
from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import CONNECTOR, KEY, SECRET, World, csv, small_month
from tests.integration.read_only import read_only_but
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

HOME = "/nonexistent"


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def _run(tmp_path: Path, *arguments: object, output: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of its own, where only ``tmp`` and ``output`` are writable."""
    folder, temporary = tmp_path / "here", tmp_path / "tmp"
    for each in (folder, temporary):
        each.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": HOME,
        "TMPDIR": str(temporary),
        **read_only_but(tmp_path / "hook", temporary, output),
    }
    return subprocess.run(
        [sys.executable, "-m", "shadowserver_connector", *map(str, arguments)],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _reports(folder: Path) -> Path:
    folder.mkdir()
    for number in range(3):
        (folder / f"2024-01-3{number % 2}-scan_ssl-list{number}.csv").write_bytes(csv(number, 9))
    return folder


def test_the_hook_refuses(tmp_path: Path) -> None:
    """Without a writable output folder nothing is converted, so the hook works."""
    done = _run(
        tmp_path, "convert", _reports(tmp_path / "in"), "-o", tmp_path / "out", output=Path(HOME)
    )
    assert done.returncode == 5, done.stderr
    assert f"refused: os.mkdir {tmp_path / 'out'}" in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_convert_writes_to_its_output_only(tmp_path: Path, workers: int) -> None:
    """Neither home nor working folder is written to, and TMPDIR is empty afterwards."""
    output = tmp_path / "out"
    done = _run(
        *(tmp_path, "convert", _reports(tmp_path / "in"), "-o", output, "--workers", workers),
        output=output,
    )
    assert done.returncode == 0, done.stderr
    assert "refused" not in done.stderr
    assert list(output.rglob("*.json"))
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "here").iterdir()) == []


def test_the_connector_writes_to_tmpdir_only(world: World, tmp_path: Path) -> None:
    """As in a container with a read-only root, all is sent, and status and history work."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = read_only_but(tmp_path / "hook", temporary)
    state = temporary / "state"
    environ["shadowserver_state_dir"] = str(state)
    assert world.run(home=HOME, **environ) == 0, world.logs()[-3000:]
    assert "refused" not in world.logs()
    assert world.done() == 4
    files = [path for path in temporary.rglob("*") if path.is_file() and path.parent != state]
    assert [path.suffixes for path in files] == [[".status", ".json"]]


def test_reports_on_disk_are_nobody_elses(world: World, tmp_path: Path) -> None:
    """While a report is downloaded, only its user can enter the folder."""
    world.simulator.faults.add(Fault(FaultKind.HANG, "/dl/*", times=None, seconds=60))

    def folders() -> list[Path]:
        return [entry for entry in (tmp_path / "tmp").glob("shadowserver-*") if entry.is_dir()]

    with world.connector():
        world.until(lambda: any(folder.rglob("*.part") for folder in folders()))
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders()] == [0o700]


def test_a_link_in_place_of_the_folder_is_not_followed(world: World, tmp_path: Path) -> None:
    """A link planted in a shared TMPDIR does not make us write or delete elsewhere."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "file").write_text("content")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (temporary / f"shadowserver-{CONNECTOR}").symlink_to(theirs)
    assert world.run() != 0
    assert "TMPDIR" in world.logs()
    assert [path.read_text() for path in theirs.iterdir()] == ["content"]
