"""Report files on disk imported into OpenCTI, with a helper that records what it is sent."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.connector.importer import (
    MAX_OPEN_DAYS,
    ObtainedFile,
    ReportImporter,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.operations.manual_imports import import_files
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.pipeline.processes import ProcessExecutor
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.waiting import Stopping
from tests.operations.world import Counting, convert_simply, report_of, sent, setup_of
from tests.sink.pycti_fakes import FakeHelper


@pytest.fixture
def helper() -> FakeHelper:
    """Return a platform."""
    return FakeHelper()


def report(folder: Path, day: int, kind: str, content: bytes = b"x") -> Path:
    """Write a report of a day in January."""
    path = folder / f"2024-01-{day:02}-{kind}-example.csv"
    path.write_bytes(content)
    return path


def works(helper: FakeHelper) -> dict[str, str]:
    """Return the messages of the works, by name; each is closed once."""
    return {work["name"]: work["message"] for work in helper.api.work.works.values()}


def test_one_work_a_day_whatever_the_order(helper: FakeHelper, tmp_path: Path) -> None:
    """Files that alternate between two days make two works, not four."""
    files = [report(tmp_path, day, kind) for kind in ("scan_ssl", "scan_vnc") for day in (30, 31)]
    results = list(import_files(setup_of(helper), files, tmp_path / "work"))
    assert [type(each) for each in results] == [Outcome] * 4
    assert sent(helper) == [file.name for file in files]
    assert works(helper) == {
        f"Shadowserver reports of 2024-01-{day}": (
            f"2024-01-{day}: 2 reports, 20 findings, 2 objects sent, 0 skipped, 0 failed"
        )
        for day in (30, 31)
    }


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs the list of open files")
def test_files_of_many_days_keep_few_files_open(helper: FakeHelper, tmp_path: Path) -> None:
    """However many days there are, the works of a few are open, each with its two files."""
    days = [date(2023, 1, 1) + timedelta(days=number) for number in range(80)]
    files = [tmp_path / f"{day}-scan_ssl-example.csv" for day in days]
    for file in files:
        file.write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    opened = [
        len(os.listdir("/proc/self/fd")) - before
        for _ in import_files(setup_of(helper), files, tmp_path / "work")
    ]
    assert max(opened) <= 2 * MAX_OPEN_DAYS
    assert len(works(helper)) == len(days)


def test_what_was_unpacked_is_deleted_and_what_was_given_is_not(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Members are unpacked and deleted one at a time, so one member's space is
    enough; inputs stay.
    """
    plain = report(tmp_path, 31, "scan_ssl")
    archive = tmp_path / "mail.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for kind in ("scan_vnc", "scan_rdp"):
            members.writestr(f"2024-01-31-{kind}-example.csv", b"x")
    work = tmp_path / "work"
    seen = [
        len(list(work.rglob("*.csv"))) if work.exists() else 0
        for _ in import_files(setup_of(helper), [plain, archive], work)
    ]
    assert seen == [0, 1, 1]
    assert not list(work.rglob("*.csv"))
    assert plain.exists()
    assert archive.exists()


def test_failures_stop_nothing(helper: FakeHelper, tmp_path: Path) -> None:
    """A bad report puts its day's work in error; a bad archive belongs to no day's work."""
    bad = report(tmp_path, 31, "scan_ssl", b"poison")
    good = report(tmp_path, 31, "scan_vnc")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK")
    results = list(import_files(setup_of(helper), [bad, broken, good], tmp_path / "work"))
    failures = [each for each in results if isinstance(each, Failure)]
    assert len(results) == 3
    assert [failure.reason.partition(":")[0] for failure in failures] == [bad.name, str(broken)]
    assert sent(helper) == [good.name]
    [work] = helper.api.work.works.values()
    assert work["in_error"]
    assert f"failed: {bad.name}" in work["message"]


def test_what_may_not_be_read_stops_nothing(
    helper: FakeHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive and reports without read permission are failures by name; the rest is imported."""
    good = report(tmp_path, 31, "scan_vnc")
    late = report(tmp_path, 31, "scan_ftp")
    locked = tmp_path / "locked.zip"
    with zipfile.ZipFile(locked, "w") as members:
        members.writestr("2024-01-31-scan_rdp-example.csv", b"x")
    nameless = tmp_path / "scan_ssl.csv"
    nameless.write_bytes(b"timestamp,ip,port\n")
    opened, zip_opened = Path.open, io.FileIO

    def refuse(path: Path, *more: Any, **named: Any) -> Any:
        if path in (late, nameless, locked):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return zip_opened(path, *more) if path.suffix == ".zip" else opened(path, *more, **named)

    def read(path: Path) -> bytes:
        with path.open("rb") as file:
            return bytes(file.read())

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(io, "FileIO", refuse)
    monkeypatch.setattr(Path, "read_bytes", read)
    given = [locked, nameless, late, good]
    results = list(import_files(setup_of(helper), given, tmp_path / "work"))
    reasons = [each.reason for each in results if isinstance(each, Failure)]
    assert sorted(reasons) == sorted(
        f"{each}: cannot be read: Permission denied" for each in (late.name, locked, nameless)
    )
    assert sent(helper) == [good.name]


@pytest.mark.parametrize("error", [Stopping(), KeyboardInterrupt()])
def test_an_interruption_closes_the_works(
    helper: FakeHelper, tmp_path: Path, error: BaseException
) -> None:
    """An interrupted import closes its works with the counts so far."""
    file = ObtainedFile(report(tmp_path, 31, "scan_ssl"), "")
    info = ReportInfo("scan_ssl", _day(), "a.csv")

    def interrupted() -> None:
        with ReportImporter(setup_of(helper)) as importer:
            importer.import_report(info, lambda: file)
            raise error

    with pytest.raises(type(error)):
        interrupted()
    [message] = works(helper).values()
    assert message.startswith("2024-01-31: 1 report,")
    assert message.endswith("interrupted")


def test_a_full_disk_is_not_the_reports_fault(helper: FakeHelper, tmp_path: Path) -> None:
    """A full disk is raised as an error, not counted as the report's failure."""

    def no_space(
        path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        convert_simply(path, info, options, emit)
        raise OSError(errno.ENOSPC, "No space left on device")

    setup = replace(setup_of(helper), convert=no_space)
    file = ObtainedFile(report(tmp_path, 31, "scan_ssl"), "")
    info = ReportInfo("scan_ssl", _day(), "a.csv")
    with pytest.raises(OSError, match="No space left"), ReportImporter(setup) as importer:
        importer.import_report(info, lambda: file)


KINDS = ("scan_ssl", "device_id", "scan_vnc", "malware_url", "blocklist", "scan_rdp")


def given(folder: Path) -> list[Path]:
    """Write three reports, one of which is no table, and an archive of two."""
    folder.mkdir()
    for number, kind in enumerate(KINDS[:4]):
        report(folder, 31, kind, b"\n\n" if kind == "scan_vnc" else report_of(kind, number))
    with zipfile.ZipFile(folder / "mail.zip", "w") as members:
        for number, kind in enumerate(KINDS[4:]):
            members.writestr(f"2024-01-31-{kind}-example.csv", report_of(kind, number))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("processes", [
    pytest.param(0, id="thread"),
    pytest.param(2, id="processes", marks=pytest.mark.integration),
])  # fmt: skip
def test_on_an_executor_the_same_is_sent(tmp_path: Path, processes: int) -> None:
    """An executor changes neither messages and their order nor works and
    failures; no file is left.
    """
    paths = given(tmp_path / "given")
    in_turn, ahead = FakeHelper(), FakeHelper()
    expected = list(import_files(setup_of(in_turn, convert_report), paths, tmp_path / "in-turn"))
    setup, work = setup_of(ahead, convert_report), tmp_path / "ahead"
    with ProcessExecutor(processes) if processes else ThreadPoolExecutor(1) as executor:
        found = list(import_files(setup, paths, work, executor))
    assert found == expected
    assert [type(each) for each in found] == [Outcome, Outcome, Outcome, Failure, Outcome, Outcome]
    assert ahead.messages == in_turn.messages
    assert works(ahead) == works(in_turn)
    assert [path for path in work.rglob("*") if path.is_file()] == []
    assert sorted((tmp_path / "given").iterdir()) == paths


def test_conversions_ahead_are_bounded(helper: FakeHelper, tmp_path: Path) -> None:
    """At most two reports per worker are unpacked and converted ahead, to save disk space."""
    paths = [report(tmp_path, 31, kind, report_of(kind, 0)) for kind in KINDS]
    with Counting() as executor:
        begun = [
            executor.begun
            for _ in import_files(
                setup_of(helper, convert_report), paths, tmp_path / "work", executor
            )
        ]
    assert begun == [2, 3, 4, 5, 6, 6]


def _day() -> date:
    return date(2024, 1, 31)
