"""Past days from the simulated API into a helper that keeps what it is given."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shadowserver_connector.api.client import ApiOptions, ReportsApi
from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.errors import DiskFullError, SinkUnavailableError
from shadowserver_connector.operations.manual_imports import (
    backfill,
    days_of,
    fetch_into,
    wanted_reports,
)
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.waiting import RetryPolicy, Waiter
from tests.api.memory import DAY, DAY_BEFORE, KEY, SECRET, MemoryStore, csv, stored
from tests.operations.world import Counting, sent, setup_of
from tests.sink.pycti_fakes import FakeHelper, FakeLog

GONE = stored("scan_rdp")


@pytest.fixture
def api() -> Iterator[ReportsApi]:
    """Return a client of an API with three reports, one of which cannot be downloaded."""
    files = {
        stored("scan_ssl"): csv(3),
        stored("scan_vnc", day=DAY_BEFORE): csv(2),
        GONE: b"",
    }
    with (
        Simulator(MemoryStore(dict(files)), key=KEY, secret=SECRET) as simulator,
        ReportsApi(
            KEY,
            SECRET,
            ApiOptions(
                api_url=simulator.api_url,
                download_url=simulator.download_url,
                requests_per_second=1_000,
                retry=RetryPolicy(sleep=lambda seconds: None),
            ),
        ) as client,
    ):
        yield client


def unexpected(failure: Failure) -> None:
    """Fail the test: no report of another day is expected."""
    raise AssertionError(failure)


def test_what_is_listed_for_another_day_fails_by_name() -> None:
    """A report listed for another day is imported under neither day, and is a named failure."""
    own = ReportInfo("scan_ssl", DAY, f"{DAY}-scan_ssl-x.csv", id="a")
    by_name = ReportInfo("scan_ssl", date.max, f"{DAY}-scan_ssl-y.csv", id="b")
    stray = ReportInfo("scan_ssl", DAY_BEFORE, f"{DAY_BEFORE}-scan_ssl-z.csv", id="c")
    answer = SimpleNamespace(list_reports=lambda day, **_: [own, by_name, stray])
    failures: list[Failure] = []
    found = list(wanted_reports(answer, ShadowserverSettings(), [DAY], failures.append))  # type: ignore[arg-type]
    assert found == [own, replace(by_name, day=DAY)]
    reason = f"{stray.file}: listed for {DAY}, which is not its day"
    assert failures == [Failure(stray, reason)]


def test_days_are_imported_one_after_the_other(api: ReportsApi, tmp_path: Path) -> None:
    """Days come newest first, each in a closed work with its failures; files are
    deleted or archived.
    """
    helper = FakeHelper()
    archive = tmp_path / "archive"
    settings = ShadowserverSettings(archive_dir=archive)
    work = tmp_path / "work"
    work.mkdir()
    reports = list(wanted_reports(api, settings, days_of(DAY_BEFORE, DAY), unexpected))
    results = list(backfill(setup_of(helper), api, settings, reports, work))
    assert sent(helper) == [
        "2024-01-31-scan_ssl-example-net.csv",
        "2024-01-30-scan_vnc-example-net.csv",
    ]
    assert [each.reason for each in results if isinstance(each, Failure)]
    newest, older = helper.api.work.works.values()
    assert newest["in_error"]
    assert f"failed: {GONE.file}" in newest["message"]
    assert not older["in_error"]
    assert "2024-01-30: 1 report," in older["message"]
    assert not list(work.rglob("*.csv"))
    assert {path.name for path in archive.rglob("*.csv")} == set(sent(helper))
    assert helper.stored == ""


def no_floor(folder: Path) -> DiskFloor:
    """Keep no space free, so that the disk is never too full."""
    return DiskFloor(folder, 0, Waiter(threading.Event(), FakeLog()))


def test_a_backfill_pauses_while_the_disk_is_nearly_full(
    api: ReportsApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says that the backfill waits; it resumes when there is room."""
    looks = count(1)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: SimpleNamespace(free=1 if next(looks) < 9 else 1 << 40)
    )
    helper = FakeHelper()
    settings = ShadowserverSettings()
    reports = list(wanted_reports(api, settings, days_of(DAY_BEFORE, DAY), unexpected))
    pauses: list[float] = []
    monkeypatch.setattr(Waiter, "pause", lambda waiter, seconds: pauses.append(seconds))
    results = list(backfill(setup_of(helper), api, settings, reports, tmp_path))
    assert len(results) == 3
    assert len(sent(helper)) == 2
    assert len(helper.api.work.works) == 2
    assert any(pauses)
    warnings = helper.connector_logger.messages("warning")
    assert warnings.count("Downloads paused, the disk is nearly full") == 1


def test_a_full_disk_ends_a_backfill(
    api: ReportsApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no report's failure: it ends the backfill after what came before."""
    found = wanted_reports(api, ShadowserverSettings(), days_of(DAY_BEFORE, DAY), unexpected)
    first, second = (report for report in found if report.file != GONE.file)
    fetch = api.download

    def full_for_the_second(report: ReportInfo, *more: Any) -> Downloaded:
        if report == second:
            raise DiskFullError("no space")
        return fetch(report, *more)

    monkeypatch.setattr(api, "download", full_for_the_second)
    helper = FakeHelper()
    results = backfill(
        setup_of(helper), api, ShadowserverSettings(), [first, second], tmp_path / "work"
    )
    with pytest.raises(DiskFullError, match="no space"):
        list(results)
    assert sent(helper) == [first.file]
    [work] = helper.api.work.works.values()
    assert work["message"].startswith(f"{DAY}: 1 report,")


def test_fetch_stops_before_the_disk_is_full(
    api: ReportsApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finished files are kept; running the same command later fetches the rest."""
    reports = list(
        wanted_reports(api, ShadowserverSettings(), days_of(DAY_BEFORE, DAY), unexpected)
    )
    wanted = [report for report in reports if report.file != GONE.file]
    looks = count(1)
    monkeypatch.setattr(DiskFloor, "has_room", lambda floor: next(looks) <= 1)
    floor = DiskFloor(tmp_path, 1 << 30, Waiter(threading.Event(), FakeLog()))
    begun = fetch_into(api, tmp_path, wanted, threads=2, floor=floor, failed=print)
    kept = next(begun)
    with pytest.raises(SinkUnavailableError, match="SHADOWSERVER_DISK_FLOOR"):
        next(begun)
    assert kept.report == wanted[0]
    assert kept.path.is_file()
    monkeypatch.undo()
    again = fetch_into(api, tmp_path, wanted, threads=2, floor=no_floor(tmp_path), failed=print)
    assert [each.report for each in again] == wanted[1:]


def test_fetch_names_what_fails(api: ReportsApi, tmp_path: Path) -> None:
    """A failed file is named, and the others are kept."""
    failures: list[Failure] = []
    reports = list(
        wanted_reports(api, ShadowserverSettings(), days_of(DAY_BEFORE, DAY), unexpected)
    )
    kept = list(
        fetch_into(
            api, tmp_path, reports, threads=2, floor=no_floor(tmp_path), failed=failures.append
        )
    )
    assert len(kept) == 2
    assert [failure.info.file for failure in failures] == [GONE.file]
    assert all(each.path.stat().st_size == each.size for each in kept)


def test_on_an_executor_the_same_is_sent(api: ReportsApi, tmp_path: Path) -> None:
    """Reports converted ahead on an executor give the same messages, and no file is left behind."""
    settings = ShadowserverSettings()
    reports = list(wanted_reports(api, settings, days_of(DAY_BEFORE, DAY), unexpected))
    in_turn, ahead = FakeHelper(), FakeHelper()
    folders = [tmp_path / name for name in ("in-turn", "ahead")]
    for folder in folders:
        folder.mkdir()
    setup = setup_of(in_turn, convert_report)
    expected = list(backfill(setup, api, settings, reports, folders[0]))
    with Counting() as executor:
        setup = setup_of(ahead, convert_report)
        found = list(backfill(setup, api, settings, reports, folders[1], executor))
        assert executor.begun == 2
    assert found == expected
    assert len(ahead.messages) >= 2
    assert ahead.messages == in_turn.messages
    assert list(ahead.api.work.works.values()) == list(in_turn.api.work.works.values())
    assert not [path for folder in folders for path in folder.rglob("*") if path.is_file()]
