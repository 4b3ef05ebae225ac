"""What an operator does by hand, with platform, broker and simulator."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shadowserver_connector.simulator.server import Simulator
from tests.connector.world import (
    CONNECTOR,
    KEY,
    REPORT_ID,
    SECRET,
    TODAY,
    Reports,
    World,
    csv,
    small_month,
)
from tests.platform.opencti import OpenCTI
from tests.platform.rabbitmq import RabbitMQ

pytestmark = pytest.mark.integration

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def store() -> Reports:
    """Return the reports of two days."""
    return small_month()


@pytest.fixture
def world(store: Reports, platform: OpenCTI, rabbitmq: RabbitMQ, tmp_path: Path) -> Iterator[World]:
    """Return simulator, platform and broker."""
    with Simulator(store, key=KEY, secret=SECRET) as simulator:
        yield World(platform, rabbitmq, simulator, tmp_path)


def files_of(store: Reports, folder: Path) -> list[Path]:
    """Write the store's reports to disk: one plain, one gzipped, the others in one archive."""
    folder.mkdir()
    plain, packed, *others = store.files.items()
    first = folder / plain[0].file
    first.write_bytes(plain[1])
    second = folder / f"{packed[0].file}.gz"
    second.write_bytes(gzip.compress(packed[1]))
    archive = folder / "mail.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for report, content in others:
            members.writestr(report.file, content)
    return [first, second, archive]


def test_import_brings_files_into_opencti(world: World, store: Reports, tmp_path: Path) -> None:
    """``import`` needs no Shadowserver and gives the connector's objects, a closed work per day."""
    files = files_of(store, tmp_path / "files")
    done = world.command("import", *files, "--json", shadowserver_api_key="")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sorted(each["file"] for each in told["reports"]) == sorted(
        report.file for report in store.files
    )
    assert told["failed"] == []
    world.import_all()
    assert sorted(work.name for work in world.works()) == [
        f"Shadowserver reports of {TODAY - timedelta(days=back)} (import)" for back in (2, 1)
    ]
    assert all(work.status == "complete" for work in world.works())
    assert all("2 reports, 24 findings" in work.messages[-1]["message"] for work in world.works())
    imported = world.objects()
    world.platform.reset(CONNECTOR)
    assert world.run() == 0
    world.import_all()
    assert {name for name in world.objects() if name not in imported} == set()


def test_import_leaves_the_state_alone(world: World, store: Reports, tmp_path: Path) -> None:
    """``import`` sends no ping, so a connector with the same id goes on where it was."""
    assert world.run() == 0
    before = world.state()
    pings = world.platform.connectors.get(CONNECTOR).pings
    folder = tmp_path / "files"
    files_of(store, folder)
    assert world.command("import", folder).returncode == 0
    assert world.command("backfill", *DAYS, "--yes").returncode == 0
    assert world.state() == before
    assert world.platform.connectors.get(CONNECTOR).pings == pings


def test_import_names_what_fails(world: World, tmp_path: Path) -> None:
    """A failed file is named in the work, which is in error; the exit code is 1."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / f"{YESTERDAY}-scan_http-example.csv").write_bytes(csv(1, 3))
    (folder / f"{YESTERDAY}-scan_ssl-example.csv").write_bytes(b"\x00\x01 no table")
    (folder / "broken.zip").write_bytes(b"PK no archive")
    done = world.command("import", folder)
    assert done.returncode == 1
    assert f"{YESTERDAY}-scan_http-example.csv" in done.stdout
    assert "broken.zip" in done.stderr
    [work] = world.works()
    [error] = work.errors
    assert "1 report, 3 findings" in error["message"]
    assert f"failed: {YESTERDAY}-scan_ssl-example.csv" in error["message"]


@pytest.mark.parametrize(
    ("settings", "code", "named"),
    [
        ({"opencti_token": "wrong-token"}, 4, "OPENCTI_TOKEN"),
        ({"opencti_url": "http://127.0.0.1:9"}, 5, "OPENCTI_URL"),
        ({"opencti_url": ""}, 3, "OPENCTI_URL"),
    ],
)
def test_import_does_not_wait_for_an_opencti_that_is_not_there(
    world: World, store: Reports, tmp_path: Path, settings: dict[str, str], code: int, named: str
) -> None:
    """``import`` fails at once, in a line that says what to do."""
    files = files_of(store, tmp_path / "files")
    done = world.command("import", *files, **settings)
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "wrong-token" not in done.stdout + done.stderr


def test_run_once_from_the_command_line(world: World, store: Reports) -> None:
    """``run --once`` has exit code and status of the connector, and writes no secret."""
    store.add(YESTERDAY, "scan_ssh", b"\x00\x01 no table", 1)
    assert world.command("status").returncode == 5
    done = world.command("run", "--once")
    assert done.returncode == 1, done.stderr[-3000:]
    assert world.done() == len(store.files) - 1
    status = world.command("status", "--json")
    assert status.returncode == 1
    told = json.loads(status.stdout)
    assert not told["ok"]
    assert told["verdict"] == f"NOT OK: {told['problems'][0]}"
    assert told["problems"][0].startswith("1 report of the last run failed; ")
    run = told["last_run"]
    assert (run["new"], run["done"], run["failed"], run["findings"]) == (5, 4, 1, 48)
    assert run["failures"][0]["file"].endswith("scan_ssh-example-4.csv")
    assert told["newest_day"] == str(YESTERDAY)
    done.stdout += status.stdout
    for secret in (KEY, SECRET, REPORT_ID, world.platform.token):
        assert secret not in done.stdout + done.stderr


DAYS = ("--from", TODAY - timedelta(days=9), "--to", TODAY)


def test_backfill_estimates_asks_and_imports(world: World, store: Reports) -> None:
    """After a question, days are imported newest first, a closed work each; the
    state is unchanged.
    """
    old = TODAY - timedelta(days=9)
    store.add(old, "scan_ssl", csv(77, 5), 5)
    assert world.run() == 0
    before, works = world.state(), len(world.works())
    refused = world.command("backfill", *DAYS, given="n\n")
    assert refused.returncode == 0
    assert "1 report with about 5 findings" in refused.stderr
    assert "25 objects a second" in refused.stderr
    assert "Nothing is imported" in refused.stderr
    assert len(world.works()) == works
    done = world.command("backfill", *DAYS, given="y\n")
    assert done.returncode == 0, done.stderr
    assert str(old) in done.stdout
    world.import_all()
    assert [work.name for work in world.works()][works:] == [
        f"Shadowserver reports of {old} (backfill)"
    ]
    assert all(work.status == "complete" for work in world.works())
    assert world.state() == before


def test_backfill_without_a_question(world: World, store: Reports) -> None:
    """A script gets JSON, and exit code 1 if a report failed, whose work is in error."""
    store.add(YESTERDAY, "scan_ssh", b"\x00\x01 no table", 1)
    assert world.command("backfill", *DAYS, "--json").returncode == 2
    done = world.command("backfill", *DAYS, "--json", "--yes")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert len(told["reports"]) == 4
    assert [each["file"] for each in told["failed"]] == [f"{YESTERDAY}-scan_ssh-example-4.csv"]
    assert {work.name.split()[3]: len(work.errors) for work in world.works()} == {
        str(YESTERDAY): 1,
        str(YESTERDAY - timedelta(days=1)): 0,
    }
    for secret in (KEY, SECRET, REPORT_ID, world.platform.token):
        assert secret not in done.stdout + done.stderr


def test_one_line_a_report(world: World, store: Reports) -> None:
    """At the default log level there are lines per report, not per message."""
    assert world.run(connector_log_level="info", shadowserver_chunk_objects=10) == 0
    lines = [json.loads(line) for line in world.logs().splitlines() if line.startswith("{")]
    told = [line["message"] for line in lines]
    assert told.count("Report imported") == len(store.files)
    assert len(told) < 20, told
    [first, *_] = [line for line in lines if line["message"] == "Report imported"]
    assert first["attributes"]["rows"] == 12
    assert first["attributes"]["objects"] > 100
    [totals] = [line["attributes"] for line in lines if line["message"] == "Run ended"]
    assert totals["imported"] == len(store.files)
    assert totals["next_run_seconds"] is None
