"""The drop folder of a running connector, with platform and broker."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import KEY, SECRET, TODAY, World, csv, small_month
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

YESTERDAY = TODAY - timedelta(days=1)
MAIL_ONLY = {"shadowserver_api_key": "", "shadowserver_api_secret": ""}


@pytest.fixture
def world(platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(small_month(1, 1), key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """Return a drop folder with an archive, a plain report, and a broken one."""
    folder = tmp_path / "drop"
    folder.mkdir()
    with zipfile.ZipFile(folder / "mail.zip", "w") as archive:
        archive.writestr(f"{YESTERDAY}-scan_ssl-example.csv", csv(1, 5))
        archive.writestr(f"{YESTERDAY}-scan_vnc-example.csv", csv(2, 5))
    (folder / f"{YESTERDAY}-scan_http-example.csv").write_bytes(csv(3, 5))
    (folder / f"{YESTERDAY}-scan_ssh-example.csv").write_bytes(b"\x00\x01 no table")
    return folder


def test_drop_folder_alone(world: World, drop: Path) -> None:
    """Without credentials the connector imports from its drop folder and sends
    Shadowserver nothing.
    """
    with world.connector("run", shadowserver_drop_dir=drop, **MAIL_ONLY) as process:
        world.until(lambda: (drop / "done" / "mail.zip").exists())
        world.until(lambda: len(list(drop.glob("failed/*.reason"))) == 1)
        late = drop / f"{YESTERDAY}-scan_rdp-example.csv"
        late.write_bytes(csv(4, 5))
        world.until(lambda: not late.exists())
        assert process.terminate(10) == 0
    world.import_all()
    reports = [each for each in world.objects().values() if each["type"] == "Report"]
    assert len(reports) == 4
    assert all(work.status == "complete" for work in world.works())
    told = json.loads(world.command("status", "--json", **MAIL_ONLY).stdout)
    assert told["drop_folder"]["done"] == 3
    [failed] = told["drop_folder"]["failures"]
    assert failed["file"] == f"{YESTERDAY}-scan_ssh-example.csv"
    assert (drop / "failed" / f"{failed['file']}.reason").read_text().strip() in failed["reason"]


def test_drop_folder_beside_the_api(world: World, drop: Path) -> None:
    """A single run imports both and ends with 1 for a bad file; a second one finds nothing new."""
    assert world.run(shadowserver_drop_dir=drop) == 1, world.logs()[-3000:]
    assert sorted(path.name for path in (drop / "done").iterdir()) == [
        f"{YESTERDAY}-scan_http-example.csv", "mail.zip",
    ]  # fmt: skip
    sent = world.sends()
    assert len(sent) == 4
    (drop / "done" / "mail.zip").rename(drop / "again.zip")
    assert world.run(shadowserver_drop_dir=drop) == 0
    assert world.sends() == sent
    assert (drop / "done" / "again.zip").exists()
