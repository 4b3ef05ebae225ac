from __future__ import annotations

import errno
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.api.download import Downloaded, Take, take_any
from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.connector.importer import Importer
from shadowserver_connector.connector.memory import Memory, StateResetError
from shadowserver_connector.connector.run import run_window
from shadowserver_connector.errors import (
    ApiUnavailableError,
    DiskFullError,
    NotReadyError,
    ReportUnreadableError,
    TransferError,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.lost import ClusterLostError
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.platform import abilities
from shadowserver_connector.sink.waiting import Stopping, Waiter
from shadowserver_connector.sink.works import work_name
from shadowserver_connector.state.storage import load
from tests.sink.pycti_fakes import FakeHelper

TODAY = date(2024, 3, 10)
YESTERDAY = TODAY - timedelta(days=1)
SECRET = "capability-that-opens-a-file"


def report(day: date = YESTERDAY, type: str = "scan_ssl", number: int = 0) -> ReportInfo:
    """Return a report as the API lists it."""
    file = f"{day}-{type}-example-{number}.csv"
    return ReportInfo(type, day, file, list="example", id=f"{SECRET}-{day}-{type}-{number}")


class FakeApi:
    """A Reports API over a dict: reports and what is inside them."""

    def __init__(self, *reports: ReportInfo) -> None:
        self.content: dict[ReportInfo, bytes | Exception] = {
            each: f"content of {each.file}".encode() for each in reports
        }
        self.down_days: set[date] = set()
        self.events: list[DayEvents] = []
        self.calls: list[str] = []
        self.asked: list[ReportInfo] = []
        self.subscribed = ["example"]

    def list_reports(self, day: date, **_: Any) -> list[ReportInfo]:
        """List a day."""
        self.calls.append("list")
        if day in self.down_days:
            raise ApiUnavailableError("reports/list: status 503")
        return [each for each in self.content if each.day == day]

    def stats(self, first: date, last: date) -> list[DayEvents]:
        """Count events."""
        self.calls.append("stats")
        return self.events

    def subscriptions(self) -> list[str]:
        """Name lists."""
        self.calls.append("subscriptions")
        return self.subscribed

    def download(self, report: ReportInfo, into: Path, take: Take = take_any) -> Downloaded:
        """Write a file."""
        self.calls.append("download")
        self.asked.append(report)
        content = self.content[report]
        if isinstance(content, Exception):
            raise content
        path = into / report.file
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return Downloaded(path, len(content), "", "", digest, "")


def convert_simply(
    path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
) -> Outcome:
    """Make two chunks whose object tells the file and the chunk."""
    if path.read_bytes() == b"poison":
        raise ReportUnreadableError(f"{info.file}: no header")
    for number in range(2):
        stix_id = f"note--{info.file}-{number}"
        stix = json.dumps({"type": "note", "id": stix_id}).encode()
        emit(Chunk("findings", (Encoded(stix_id, stix),), 5))
    return Outcome(
        info, "low", rows=10, noted=9, merged=1, filtered=0, cut=0, chunks=2, objects={},
        size=1, sha256="",
    )  # fmt: skip


@pytest.fixture
def helper() -> FakeHelper:
    """Return a platform that has never seen the connector."""
    return FakeHelper()


def importer(helper: FakeHelper, api: FakeApi, tmp_path: Path, **changes: Any) -> Importer:
    """Return an importer that hardly waits."""
    waiter = Waiter(threading.Event(), helper.connector_logger, first_pause=0.001)
    settings = ShadowserverSettings.model_validate(changes.pop("settings", {}))
    parts: dict[str, Any] = {
        "convert": convert_simply,
        "now": lambda: datetime(2024, 3, 10, 8, tzinfo=UTC),
        "patience": 0.01,
    }
    return Importer(
        settings=settings,
        options=Options(),
        api=api,  # type: ignore[arg-type]
        helper=helper,
        can=abilities(helper),
        memory=Memory(helper, waiter),
        waiter=waiter,
        workspace=tmp_path,
        **(parts | changes),
    )


def sent(helper: FakeHelper) -> list[str]:
    """Return the ids sent, in order."""
    return [each["id"] for _, stix in helper.messages for each in stix["objects"]]


def test_first_run_imports_newest_day_first_in_one_work_a_day(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Each day has a closed work that counts; the state says that the run went through."""
    old = TODAY - timedelta(days=30)
    api = FakeApi(report(old), report(number=1), report(number=2))
    assert run_window(importer(helper, api, tmp_path))
    assert sent(helper) == [
        f"note--{each.file}-{n}"
        for each in (report(number=1), report(number=2), report(old))
        for n in range(2)
    ]
    works = list(helper.api.work.works.values())
    assert [work["name"] for work in works] == [
        f"Shadowserver reports of {YESTERDAY}",
        f"Shadowserver reports of {old}",
    ]
    assert works[0]["message"] == (
        "2024-03-09: 2 reports, 20 findings, 4 objects sent, 0 skipped, 0 failed"
    )
    assert not works[0]["in_error"]
    state = load(json.loads(helper.stored))
    assert state.last_run == datetime(2024, 3, 10, 8, tzinfo=UTC)
    assert not state.open_days


def test_first_run_tells_what_it_will_cost(helper: FakeHelper, tmp_path: Path) -> None:
    """Reports, findings of these reports' types, objects and hours, before anything is sent."""
    api = FakeApi(report())
    api.events = [DayEvents(YESTERDAY, "scan_ssl", 90_000), DayEvents(YESTERDAY, "other", 7)]
    run_window(importer(helper, api, tmp_path))
    [meta] = [
        meta
        for _, message, meta in helper.connector_logger.lines
        if message == "First import, roughly"
    ]
    assert meta == {"reports": 1, "findings": 90_000, "objects": 630_002, "hours": 7.0}
    assert api.calls.index("stats") < api.calls.index("download")


def test_run_without_news_asks_for_lists_only(helper: FakeHelper, tmp_path: Path) -> None:
    """Nothing is downloaded, no work opened, nothing sent."""
    api = FakeApi(report())
    run_window(importer(helper, api, tmp_path))
    api.calls.clear()
    helper.messages.clear()
    helper.api.work.works.clear()
    assert run_window(importer(helper, api, tmp_path))
    assert set(api.calls) == {"list"}
    assert len(api.calls) == 4
    assert helper.messages == []
    assert helper.api.work.works == {}


def test_known_file_under_a_new_id_is_downloaded_once_and_not_sent(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The content decides; afterwards the new id is known."""
    first = report()
    again = replace(first, id=f"{SECRET}-again")
    run_window(importer(helper, FakeApi(first), tmp_path))
    helper.messages.clear()
    api = FakeApi(again)
    run_window(importer(helper, api, tmp_path))
    assert api.asked == [again]
    assert helper.messages == []
    assert len(helper.api.work.works) == 1
    run_window(importer(helper, api, tmp_path))
    assert api.asked == [again]


def test_new_content_under_a_new_id_is_sent(helper: FakeHelper, tmp_path: Path) -> None:
    """A re-issued file is imported."""
    first = report()
    run_window(importer(helper, FakeApi(first), tmp_path))
    helper.messages.clear()
    again = replace(first, id=f"{SECRET}-again")
    api = FakeApi(again)
    api.content[again] = b"other content"
    run_window(importer(helper, api, tmp_path))
    assert len(helper.messages) == 2


def test_empty_file_is_asked_for_again_even_outside_the_usual_window(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Its day stays open; it is no failure and opens no work."""
    late = report(TODAY - timedelta(days=20))
    api = FakeApi(late)
    api.content[late] = NotReadyError("still empty")
    run_window(importer(helper, api, tmp_path))
    assert helper.api.work.works == {}
    assert helper.connector_logger.messages("error") == []
    api.content[late] = b"now it is there"
    run_window(importer(helper, api, tmp_path))
    assert len(helper.messages) == 2
    assert not load(json.loads(helper.stored)).open_days


def test_day_without_an_answer_stays_open(helper: FakeHelper, tmp_path: Path) -> None:
    """An API failure is no empty list: the other days go on, this one is asked again."""
    old = TODAY - timedelta(days=20)
    api = FakeApi(report(), report(old))
    api.down_days = {old}
    assert not run_window(importer(helper, api, tmp_path))
    assert len(helper.messages) == 2
    api.down_days.clear()
    assert run_window(importer(helper, api, tmp_path))
    assert sent(helper)[-1] == f"note--{report(old).file}-1"
    assert len(helper.messages) == 4


def test_poisoned_report_does_not_stop_the_others(helper: FakeHelper, tmp_path: Path) -> None:
    """It is named in the work, which is in error, and in the log."""
    bad = report(number=1)
    api = FakeApi(report(number=0), bad, report(number=2))
    api.content[bad] = b"poison"
    run_window(importer(helper, api, tmp_path))
    assert len(helper.messages) == 4
    [work] = helper.api.work.works.values()
    assert work["in_error"]
    assert work["message"].endswith(f"1 failed; failed: {bad.file}: {bad.file}: no header")
    assert helper.connector_logger.messages("error") == ["Report failed"]


def test_failing_report_is_retried_and_named_from_the_third_time(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Two failures leave OpenCTI alone; the third opens a work that names the report."""
    bad = report()
    api = FakeApi(bad)
    api.content[bad] = b"poison"
    for times in (1, 2, 3, 4):
        run_window(importer(helper, api, tmp_path))
        assert len(api.asked) == times
        assert len(helper.api.work.works) == max(0, times - 2)
    assert "failed (4 runs in a row): " in helper.api.work.works["work-2"]["message"]
    api.content[bad] = b"cured"
    run_window(importer(helper, api, tmp_path))
    assert len(helper.messages) == 2
    assert not load(json.loads(helper.stored)).failures


def test_defect_in_the_conversion_is_a_failure_of_the_report(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Its kind and place are told, not its text, which could quote anything."""

    def defective(*_: Any) -> Outcome:
        raise KeyError(SECRET)

    run_window(importer(helper, FakeApi(report()), tmp_path, convert=defective))
    assert "unexpected KeyError" in helper.connector_logger.text()
    assert SECRET not in helper.connector_logger.text()


def test_broken_download_is_tried_again_within_the_run(helper: FakeHelper, tmp_path: Path) -> None:
    """A transfer that breaks off is waited out before the report counts as failed."""
    api = FakeApi(report())
    content = api.content[report()]
    api.content[report()] = TransferError("broke off")
    parts = importer(helper, api, tmp_path, patience=60.0)

    def heal() -> None:
        api.content[report()] = content

    parts.waiter.log.warning = lambda *_: heal()  # type: ignore[method-assign]
    run_window(parts)
    assert len(helper.messages) == 2


def test_absent_cluster_is_waited_for_once_and_downloads_all_the_same(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """After one wait in vain each report fails at once; a broken transfer is still waited out."""
    api = FakeApi(*(report(number=number) for number in range(4)))
    download, failures = api.download, [TransferError("broke off")]

    def break_off_once(wanted: ReportInfo, *arguments: Any) -> Downloaded:
        if failures and wanted == report(number=2):
            raise failures.pop()
        return download(wanted, *arguments)

    def convert(*_: Any) -> Outcome:
        raise ClusterLostError("nobody answers")

    api.download = break_off_once  # type: ignore[method-assign]
    parts = importer(helper, api, tmp_path, convert=convert, patience=0.2)
    run_window(parts)
    waits = [line for line in helper.connector_logger.lines if line[1] == "Waiting"]
    assert [each[2]["for"].split(" of ")[0] for each in waits] == ["the conversion", "the download"]
    failed = helper.connector_logger.messages("error")
    assert failed == ["Report failed"] * 4


def test_full_disk_is_waited_out(helper: FakeHelper, tmp_path: Path) -> None:
    """Conversion and download begin again, however long it takes; nothing is sent twice."""
    full = [OSError(errno.ENOSPC, "No space left on device")] * 5
    api = FakeApi(report())
    content = api.content[report()]
    api.content[report()] = DiskFullError("cannot write")

    def convert(*args: Any) -> Outcome:
        outcome = convert_simply(*args)
        if full:
            raise full.pop()
        return outcome

    parts = importer(helper, api, tmp_path, convert=convert, patience=0.0)
    warn = parts.waiter.log.warning

    def heal(message: str, meta: dict[str, Any] | None = None) -> None:
        api.content[report()] = content
        warn(message, meta)

    parts.waiter.log.warning = heal  # type: ignore[method-assign]
    run_window(parts)
    assert len(helper.messages) == 2
    assert helper.connector_logger.messages("warning") == ["Waiting", "Waiting"]


def test_state_is_stored_after_each_report(helper: FakeHelper, tmp_path: Path) -> None:
    """A run that ends in the middle has told OpenCTI of what it finished."""
    api = FakeApi(report(number=0), report(number=1))

    def convert(path: Path, info: ReportInfo, *rest: Any) -> Outcome:
        if info == report(number=1):
            raise Stopping
        return convert_simply(path, info, *rest)

    with pytest.raises(Stopping):
        run_window(importer(helper, api, tmp_path, convert=convert))
    [work] = helper.api.work.works.values()
    assert "interrupted by a shutdown" in work["message"]
    state = load(json.loads(helper.stored))
    assert len(state.done[YESTERDAY]) == 1
    assert state.first_run
    helper.messages.clear()
    run_window(importer(FakeHelper(stored=helper.stored), api, tmp_path))
    assert api.asked.count(report(number=0)) == 1


def test_reset_stops_the_run_and_the_next_one_starts_over(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Nothing is written over the reset; everything is imported again."""
    api = FakeApi(report(number=0), report(number=1))
    resets = [helper.reset]

    def convert(*args: Any) -> Outcome:
        outcome = convert_simply(*args)
        if resets:
            resets.pop()()
        return outcome

    parts = importer(helper, api, tmp_path, convert=convert)
    with pytest.raises(StateResetError):
        run_window(parts)
    assert helper.stored == ""
    [work] = helper.api.work.works.values()
    assert "the state was reset" in work["message"]
    helper.messages.clear()
    run_window(parts)
    assert len(helper.messages) == 4


def test_work_left_open_by_a_killed_process_is_closed(helper: FakeHelper, tmp_path: Path) -> None:
    """It gets a message and is not deleted."""
    helper.api.work.initiate_work("connector-id", work_name(TODAY), is_multipart=True)
    run_window(importer(helper, FakeApi(), tmp_path))
    assert helper.api.work.works["work-1"]["message"].startswith("Interrupted")


def test_opencti_down_at_any_call_is_waited_out(helper: FakeHelper, tmp_path: Path) -> None:
    """Pings and works are asked for again; nothing is lost, nothing counted as failed."""
    helper.ping_failures = [requests.ConnectionError()] * 2
    helper.api.work.failures = [requests.ConnectionError()] * 2
    helper.sending_failures = [OSError("broker")] * 2
    run_window(importer(helper, FakeApi(report()), tmp_path))
    assert len(helper.messages) == 2
    [work] = helper.api.work.works.values()
    assert not work["in_error"]


@pytest.mark.parametrize(
    "settings",
    [{"report_types": "scan_http"}, {"report_names": "other"}, {"exclude_types": "scan_ssl"}],
)
def test_reports_are_filtered_here_too(
    settings: dict[str, str], helper: FakeHelper, tmp_path: Path
) -> None:
    """An API that does not filter brings in nothing unwanted."""
    api = FakeApi(report())
    run_window(importer(helper, api, tmp_path, settings=settings))
    assert api.asked == []


def test_key_without_subscriptions_is_said(helper: FakeHelper, tmp_path: Path) -> None:
    """A valid key with nothing subscribed looks like a quiet day; say what it is."""
    api = FakeApi()
    api.subscribed = []
    run_window(importer(helper, api, tmp_path))
    assert any(
        "no report is subscribed" in line for line in helper.connector_logger.messages("warning")
    )


def test_originals_are_archived_when_asked_for(helper: FakeHelper, tmp_path: Path) -> None:
    """The bytes lie in the day's folder, with their hash beside them."""
    archive = tmp_path / "archive"
    parts = importer(
        helper, FakeApi(report()), tmp_path / "w", settings={"archive_dir": str(archive)}
    )
    run_window(parts)
    [kept] = archive.rglob("*.csv")
    assert kept == archive / f"{YESTERDAY:%Y/%m/%d}" / report().file
    assert kept.read_bytes() == f"content of {report().file}".encode()
    assert (kept.parent / "SHA256SUMS").read_text().endswith(f"  {kept.name}\n")


def test_no_secret_is_logged_or_stored(helper: FakeHelper, tmp_path: Path) -> None:
    """Report ids are in no log line, state, or work, whatever goes wrong."""
    bad, broken = report(number=1), report(number=2)
    api = FakeApi(report(), bad, broken)
    api.content[bad] = b"poison"
    api.content[broken] = TransferError("broke off")
    run_window(importer(helper, api, tmp_path))
    assert SECRET not in helper.connector_logger.text()
    assert SECRET not in helper.stored
    assert SECRET not in json.dumps(helper.api.work.works)
