from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.api.download import Claim, Downloaded, allow_any_size
from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.connector.day_import import ApiImportContext, ImportContext, utc_now
from shadowserver_connector.connector.estimates import estimate
from shadowserver_connector.connector.events import (
    DaysGivenUp,
    Event,
    ReportDone,
    ReportsRefused,
)
from shadowserver_connector.connector.importer import ImportSetup
from shadowserver_connector.connector.run import run_guarded, run_window, run_without_api
from shadowserver_connector.connector.state_store import StateResetError, StateStore
from shadowserver_connector.errors import (
    ApiUnavailableError,
    ClockError,
    ClusterLostError,
    DiskFullError,
    NotReadyError,
    ReportUnreadableError,
    SettingsError,
    SinkUnavailableError,
    TransferError,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.sink.opencti import Session
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.sink.works import work_name
from shadowserver_connector.state.serialisation import SIZE_BUDGET, dump_state, load_state
from shadowserver_connector.state.state import State, with_day_open, with_done, with_failure
from shadowserver_connector.waiting import Stopping, Waiter
from tests.sink.pycti_fakes import FakeHelper

TODAY = date(2024, 3, 10)
YESTERDAY = TODAY - timedelta(days=1)
SECRET = "capability-that-opens-a-file"


def report(day: date = YESTERDAY, type: str = "scan_ssl", number: int = 0) -> ReportInfo:
    """Return a report as the API lists it."""
    file = f"{day}-{type}-example-{number}.csv"
    return ReportInfo(type, day, file, list="example", id=f"{SECRET}-{day}-{type}-{number}")


class FakeApi:
    """A Reports API over a dict of reports and their content."""

    def __init__(self, *reports: ReportInfo) -> None:
        self.content: dict[ReportInfo, bytes | Exception] = {
            each: f"content of {each.file}".encode() for each in reports
        }
        self.down_days: set[date] = set()
        self.events: list[DayEvents] = []
        self.calls: list[str] = []
        self.asked: list[ReportInfo] = []
        self.counted: list[tuple[date, date]] = []
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
        self.counted.append((first, last))
        return self.events

    def subscriptions(self) -> list[str]:
        """Name lists."""
        self.calls.append("subscriptions")
        return self.subscribed

    def download(self, report: ReportInfo, into: Path, claim: Claim = allow_any_size) -> Downloaded:
        """Write a file."""
        self.calls.append("download")
        self.asked.append(report)
        content = self.content[report]
        if isinstance(content, Exception):
            raise content
        claim(len(content))
        path = into / report.file
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return Downloaded(path, len(content), digest)


def convert_simply(
    path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
) -> Outcome:
    """Make two chunks whose object names the file and the chunk."""
    if path.read_bytes() == b"poison":
        raise ReportUnreadableError(f"{info.file}: no header")
    for number in range(2):
        stix_id = f"note--{info.file}-{number}"
        stix = json.dumps({"type": "note", "id": stix_id}).encode()
        emit(Chunk((ChunkObject(stix_id, stix),), 5))
    return Outcome(
        info, "low", rows=10, noted=9, merged=1, filtered=0, cut=0, chunks=2, objects={},
        size=1, sha256="",
    )  # fmt: skip


@pytest.fixture
def helper() -> FakeHelper:
    """Return a platform that has never seen the connector."""
    return FakeHelper()


def api_context(
    helper: FakeHelper, api: FakeApi, tmp_path: Path, **changes: Any
) -> ApiImportContext:
    """Return the parts of a run, with an importer whose pauses are short."""
    waiter = Waiter(
        threading.Event(),
        helper.connector_logger,
        first_pause=0.001,
        patience=changes.pop("patience", 0.01),
    )
    settings = ShadowserverSettings.model_validate(changes.pop("settings", {}))
    convert = changes.pop("convert", convert_simply)
    parts: dict[str, Any] = {"now": lambda: datetime(2024, 3, 10, 8, tzinfo=UTC)}
    return ApiImportContext(
        setup=ImportSetup(Session(helper, find_abilities(helper), waiter), Options(), convert),
        settings=settings,
        api=api,  # type: ignore[arg-type]
        state_store=StateStore(helper, waiter),
        workspace=tmp_path,
        **(parts | changes),
    )


def sent(helper: FakeHelper) -> list[str]:
    """Return the ids sent, in order."""
    return [each["id"] for _, stix in helper.messages for each in stix["objects"]]


def test_files_are_gone_afterwards(helper: FakeHelper, tmp_path: Path) -> None:
    """Each downloaded file is deleted when its report is done, the folder at the end of the run."""
    seen: list[int] = []

    def convert(*conversion: Any) -> Outcome:
        seen.append(len(list(tmp_path.rglob("*.csv"))))
        return convert_simply(*conversion)

    api = FakeApi(*(report(number=number) for number in range(3)))
    settings = {"max_threads": 1}
    run_window(api_context(helper, api, tmp_path, convert=convert, settings=settings))
    assert seen == [1, 1, 1]
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_removed_do_no_harm(
    helper: FakeHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be deleted, as on some file servers, does not stop the run."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refused)
        assert run_window(api_context(helper, FakeApi(report()), tmp_path))
    assert len(helper.messages) == 2


def test_first_run_imports_newest_day_first_in_one_work_a_day(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Each day has a closed work with its counts; the state says that the run was complete."""
    old = TODAY - timedelta(days=30)
    api = FakeApi(report(old), report(number=1), report(number=2))
    assert run_window(api_context(helper, api, tmp_path))
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
    state = load_state(json.loads(helper.stored))
    assert state.last_run == datetime(2024, 3, 10, 8, tzinfo=UTC)
    assert not state.open_days


def test_first_run_tells_what_it_will_cost(helper: FakeHelper, tmp_path: Path) -> None:
    """The log estimates reports, findings, objects and hours before anything is sent."""
    api = FakeApi(report())
    api.events = [DayEvents(YESTERDAY, "scan_ssl", 90_000), DayEvents(YESTERDAY, "other", 7)]
    run_window(api_context(helper, api, tmp_path))
    [meta] = [
        meta
        for _, message, meta in helper.connector_logger.lines
        if message == "First import, estimated"
    ]
    expected = estimate([report()], api.events, Options())
    assert 90_000 < expected.objects < 900_000
    assert meta == {
        "reports": 1,
        "findings": 90_000,
        "objects": expected.objects,
        "hours": round(expected.objects / 25 / 3600, 1),
    }
    assert api.calls.index("stats") < api.calls.index("download")
    assert api.counted == [(TODAY - timedelta(days=30), TODAY)]


def logged(helper: FakeHelper, message: str) -> list[tuple[str, dict[str, Any]]]:
    """Return level and details of the lines with this message."""
    return [(level, meta) for level, said, meta in helper.connector_logger.lines if said == message]


def test_first_start_says_how_everything_is_marked(helper: FakeHelper, tmp_path: Path) -> None:
    """On the first start only, one line names the marking and the setting that changes it."""
    said = "Everything imported gets this marking; SHADOWSERVER_MARKING changes it"
    context = api_context(helper, FakeApi(report()), tmp_path)
    run_window(context)
    run_window(context)
    [(level, meta)] = logged(helper, said)
    assert level == "info"
    assert meta["marking"] == "TLP:CLEAR"
    assert "TLP:AMBER" in meta["shared_with"]


def test_first_run_goes_on_where_its_cost_is_unknown(helper: FakeHelper, tmp_path: Path) -> None:
    """Without statistics from the API, the log gives the number of reports alone."""
    api = FakeApi(report(), report(number=1))

    def down(*_: Any) -> list[DayEvents]:
        raise ApiUnavailableError("reports/stats: status 503")

    api.stats = down  # type: ignore[method-assign]
    run_window(api_context(helper, api, tmp_path))
    assert logged(helper, "First import") == [("info", {"reports": 2})]
    assert len(helper.messages) == 4


def test_later_run_says_what_is_new(helper: FakeHelper, tmp_path: Path) -> None:
    """The log counts new reports of the days that could be listed; those done are not counted."""
    api = FakeApi(report())
    run_window(api_context(helper, api, tmp_path))
    api.content[report(number=1)] = b"new"
    api.down_days = {TODAY}
    run_window(api_context(helper, api, tmp_path))
    assert logged(helper, "Reports listed") == [("info", {"days": 3, "new": 1})]
    assert len(logged(helper, "First import, estimated")) == 1


def test_day_is_told_when_it_is_through(helper: FakeHelper, tmp_path: Path) -> None:
    """A line for each finished day has the counts of its work; days without news have no line."""
    api = FakeApi(report())
    for _ in range(2):
        run_window(api_context(helper, api, tmp_path))
    said = {
        "day": str(YESTERDAY), "imported": 1, "skipped": 0, "failed": 0, "findings": 10,
        "objects": 2,
    }  # fmt: skip
    assert logged(helper, "Day imported") == [("info", said)]


def test_each_report_has_a_line(helper: FakeHelper, tmp_path: Path) -> None:
    """The line of a failed report says why and how often it failed; skipped reports have a line
    too.
    """
    poisoned, empty = report(number=1), report(number=2)
    api = FakeApi(poisoned, empty)
    api.content = {poisoned: b"poison", empty: NotReadyError("empty")}
    run_window(api_context(helper, api, tmp_path))
    run_window(api_context(helper, api, tmp_path))
    reason = f"{poisoned.file}: no header"
    assert logged(helper, "Report failed") == [
        ("error", {"file": poisoned.file, "reason": reason, "times": times}) for times in (1, 2)
    ]
    skipped = logged(helper, "Report skipped")
    reason = "Still empty, requested again in the next run"
    assert skipped == [("info", {"file": empty.file, "reason": reason})] * 2
    assert load_state(json.loads(helper.stored)).open_days == {YESTERDAY}


def test_line_of_a_report_has_what_is_new_and_what_is_gone(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The line has the verdicts only if the report was compared with the history."""
    verdict_counts = {"new": 3, "gone": 1}

    def convert(*arguments: Any) -> Outcome:
        return replace(convert_simply(*arguments), verdict_counts=verdict_counts)

    run_window(api_context(helper, FakeApi(report()), tmp_path, convert=convert))
    [(_, meta)] = logged(helper, "Report imported")
    assert meta["seconds"] == round(meta["seconds"], 1)
    assert list(meta) == [
        "file", "severity", "rows", "findings", "new", "changed", "recurring", "resurfaced",
        "gone", "objects", "oddities", "bytes", "seconds",
    ]  # fmt: skip
    assert (meta["new"], meta["gone"]) == (3, 1)
    [work] = helper.api.work.works.values()
    assert "10 findings (3 new, 1 gone), " in work["message"]


def test_seconds_of_a_report_have_one_digit(helper: FakeHelper, tmp_path: Path) -> None:
    """The log rounds seconds to one decimal place; events keep them exact."""
    events: list[Event] = []
    parts = api_context(helper, FakeApi(), tmp_path, observe=events.append)
    outcome = convert_simply(Path(__file__), report(), Options(), lambda chunk: None)
    parts.on_result(outcome, 12.345)
    [(_, meta)] = logged(helper, "Report imported")
    assert meta["seconds"] == 12.3
    assert events == [ReportDone(outcome, 12.345)]


def test_downloads_wait_while_the_disk_is_nearly_full(
    helper: FakeHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Downloads wait while free space is below the setting; the log names the folder."""
    sizes = [7 * 1024**2, 7 * 1024**2, 8 * 1024**2]

    def usage(folder: Path) -> SimpleNamespace:
        if folder != tmp_path:
            return SimpleNamespace(free=0)
        return SimpleNamespace(free=sizes.pop(0) if len(sizes) > 1 else sizes[0])

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: None)
    settings = {"disk_floor": "8MiB", "max_threads": 1}
    run_window(api_context(helper, FakeApi(report()), tmp_path, settings=settings))
    assert len(helper.messages) == 2
    [(level, meta)] = logged(helper, "Downloads paused, the disk is nearly full")
    assert (level, meta["folder"]) == ("warning", str(tmp_path))


def test_stop_is_looked_for_while_a_download_lasts(
    helper: FakeHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run checks for a stop while it waits for a download, and adds no pause of its own."""
    api = FakeApi(report())
    download, looked = api.download, threading.Event()
    pauses: list[float] = []

    def slow(*arguments: Any) -> Downloaded:
        assert looked.wait(30)
        return download(*arguments)

    def pause(_: Waiter, seconds: float) -> None:
        pauses.append(seconds)
        looked.set()

    api.download = slow  # type: ignore[method-assign]
    monkeypatch.setattr("shadowserver_connector.connector.day_import._STOP_CHECK", 0.01)
    monkeypatch.setattr(Waiter, "pause", pause)
    run_window(api_context(helper, api, tmp_path))
    assert len(helper.messages) == 2
    assert set(pauses) == {0}


def test_shadowserver_that_breaks_off_is_not_waited_for_at_each_report(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """After one wait without success, later reports of the run are not waited for."""
    api = FakeApi(*(report(number=number) for number in range(3)))
    api.content = dict.fromkeys(api.content, TransferError("broke off"))
    parts = api_context(helper, api, tmp_path)
    run_window(parts)
    assert parts.waiter.exhausted == {"Shadowserver"}
    [(_, meta)] = logged(helper, "Waiting")
    assert meta == {"for": f"the download of {report().file}", "reason": "broke off"}


def test_error_that_a_person_must_fix_ends_the_run_and_leaves_the_day(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """It is logged once, not for each report, and the day is imported when it is fixed."""
    api = FakeApi(report(), report(number=1))

    def convert(*_: Any) -> Outcome:
        raise SettingsError("a Dask worker has another version")

    parts = api_context(helper, api, tmp_path, convert=convert)
    assert not run_guarded(lambda: run_window(parts), parts.waiter)
    assert logged(helper, "Report failed") == []
    said = {"reason": "a Dask worker has another version"}
    assert logged(helper, "The run failed") == [("error", said)]
    assert run_window(api_context(helper, api, tmp_path))
    assert len(logged(helper, "Report imported")) == 2


def test_directory_that_cannot_be_written_is_not_waited_for_as_shadowserver(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """A download that cannot be written fails at once, and another that breaks off is repeated."""
    api = FakeApi(report(), report(number=1))
    download, failures = api.download, [TransferError("broke off")]
    api.content[report()] = SinkUnavailableError("cannot write to /tmp: Read-only file system")

    def break_off_once(wanted: ReportInfo, *arguments: Any) -> Downloaded:
        if failures and wanted == report(number=1):
            raise failures.pop()
        return download(wanted, *arguments)

    api.download = break_off_once  # type: ignore[method-assign]
    run_window(api_context(helper, api, tmp_path))
    reason = "cannot write to /tmp: Read-only file system"
    assert [meta["reason"] for _, meta in logged(helper, "Report failed")] == [reason]
    assert [meta["reason"] for _, meta in logged(helper, "Waiting")] == ["broke off"]
    assert len(logged(helper, "Report imported")) == 1


def test_open_day_on_which_nothing_is_left_is_closed(helper: FakeHelper, tmp_path: Path) -> None:
    """An open day whose missing reports were imported by other means is closed."""
    old = TODAY - timedelta(days=20)
    api = FakeApi(report(), report(old))
    parts = api_context(helper, api, tmp_path)
    run_window(parts)
    state = load_state(json.loads(helper.stored))
    parts.state_store.write(with_day_open(with_day_open(state, YESTERDAY), old))
    run_window(parts)
    assert load_state(json.loads(helper.stored)).open_days == set()


def test_time_is_utc() -> None:
    """The time of a run is in UTC."""
    assert utc_now().tzinfo is UTC
    assert abs(utc_now() - datetime.now(UTC)) < timedelta(minutes=5)


def test_defect_ends_a_run_and_says_no_more_in_its_work(helper: FakeHelper, tmp_path: Path) -> None:
    """An unexpected error ends the run; the work says only how far it got."""
    parts = api_context(helper, FakeApi(report(), report(number=1)), tmp_path)

    def observe(event: Event) -> None:
        if isinstance(event, ReportDone):
            raise RuntimeError("defect")

    parts.observe = observe
    with pytest.raises(RuntimeError):
        run_window(parts)
    [work] = helper.api.work.works.values()
    assert work["message"].endswith("0 failed; interrupted")
    assert list(tmp_path.iterdir()) == []
    assert parts.setup.session.under_way == []


def test_day_that_is_left_to_the_next_run_says_why(helper: FakeHelper, tmp_path: Path) -> None:
    """A line for each day that could not be listed gives the reason."""
    api = FakeApi()
    api.down_days = {YESTERDAY}
    assert not run_window(api_context(helper, api, tmp_path))
    said = {"day": str(YESTERDAY), "reason": "reports/list: status 503"}
    assert logged(helper, "Day left for the next run") == [("warning", said)]
    assert load_state(json.loads(helper.stored)).open_days == {YESTERDAY}


def test_shadowserver_that_is_away_is_waited_for_once_for_all_days(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """When Shadowserver is down, a run waits a quarter of an hour in all, not once per day."""
    api = FakeApi()
    api.down_days = {TODAY - timedelta(days=n) for n in range(31)}
    parts = api_context(helper, api, tmp_path)
    assert not run_window(parts)
    assert parts.waiter.exhausted == {"Shadowserver"}
    assert len(logged(helper, "Waiting")) == 1
    assert len(logged(helper, "Day left for the next run")) == 31


def test_shadowserver_is_waited_for_again_in_the_next_run(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Patience used up in one run is restored in the next."""
    parts = api_context(helper, FakeApi(), tmp_path)
    parts.waiter.exhausted.add("Shadowserver")
    run_window(parts)
    assert parts.waiter.exhausted == set()


@pytest.mark.parametrize("answers", [True, False])
def test_quiet_first_run_is_no_warning(helper: FakeHelper, tmp_path: Path, answers: bool) -> None:
    """A first run without reports is no warning if there is a subscription or the API is silent."""
    api = FakeApi()

    def down() -> list[str]:
        raise ApiUnavailableError("reports/subscribed: status 503")

    if not answers:
        api.subscriptions = down  # type: ignore[method-assign]
    assert run_window(api_context(helper, api, tmp_path))
    assert helper.connector_logger.messages("warning") == []
    assert "stats" not in api.calls


def test_work_that_is_closed_for_a_killed_process_is_named(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The log names the work that is closed; if OpenCTI is down, the run waits for it."""
    helper.api.work.initiate_work("connector-id", work_name(TODAY), is_multipart=True)
    helper.api.work.failures = [requests.ConnectionError()]
    run_window(api_context(helper, FakeApi(), tmp_path))
    closed = logged(helper, "Closed a work that was left open")
    assert closed == [("warning", {"work": work_name(TODAY)})]
    assert logged(helper, "Waiting")[0][1]["for"] == "OpenCTI"


@pytest.mark.parametrize("number", [20, 21])
def test_many_reports_of_another_day_are_cut_in_the_log(
    helper: FakeHelper, tmp_path: Path, number: int
) -> None:
    """The log counts all reports listed for another day and names some; the event names all."""
    strays = [replace(report(TODAY, number=n), file=f"{n}.csv") for n in range(number)]
    events: list[Event] = []
    api = FakeApi()
    api.list_reports = lambda day, **_: strays if day == YESTERDAY else []  # type: ignore[method-assign]
    run_window(api_context(helper, api, tmp_path, observe=events.append))
    [(_, meta)] = logged(helper, "Reports listed for the wrong day, not imported")
    assert (meta["reports"], len(meta["files"])) == (number, 20)
    [refused] = [event for event in events if isinstance(event, ReportsRefused)]
    assert len(refused.files) == number


def test_line_of_an_imported_report_has_its_counts(helper: FakeHelper, tmp_path: Path) -> None:
    """The line sums objects and anomalies over their types and has seconds to one decimal place."""

    def convert(
        path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        return replace(
            convert_simply(path, info, options, emit),
            oddities={"empty": 1, "long": 4},
        )

    run_window(api_context(helper, FakeApi(report()), tmp_path, convert=convert))
    [meta] = [m for _, said, m in helper.connector_logger.lines if said == "Report imported"]
    assert 0 <= meta.pop("seconds") < 60
    assert meta == {
        "file": report().file,
        "severity": "low",
        "rows": 10,
        "findings": 10,
        "objects": len(sent(helper)),
        "oddities": 5,
        "bytes": 1,
    }


def test_run_without_news_asks_for_lists_only(helper: FakeHelper, tmp_path: Path) -> None:
    """Without news nothing is downloaded, no work is opened and nothing is sent."""
    api = FakeApi(report())
    run_window(api_context(helper, api, tmp_path))
    api.calls.clear()
    helper.messages.clear()
    helper.api.work.works.clear()
    assert run_window(api_context(helper, api, tmp_path))
    assert set(api.calls) == {"list"}
    assert len(api.calls) == 4
    assert helper.messages == []
    assert helper.api.work.works == {}


def test_known_file_under_a_new_id_is_downloaded_once_and_not_sent(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Known content is not sent again; afterwards the new id is known too."""
    first = report()
    again = replace(first, id=f"{SECRET}-again")
    run_window(api_context(helper, FakeApi(first), tmp_path))
    helper.messages.clear()
    api = FakeApi(again)
    run_window(api_context(helper, api, tmp_path))
    assert api.asked == [again]
    assert helper.messages == []
    assert len(helper.api.work.works) == 1
    run_window(api_context(helper, api, tmp_path))
    assert api.asked == [again]


def test_new_content_under_a_new_id_is_sent(helper: FakeHelper, tmp_path: Path) -> None:
    """A re-issued file with new content is imported."""
    first = report()
    run_window(api_context(helper, FakeApi(first), tmp_path))
    helper.messages.clear()
    again = replace(first, id=f"{SECRET}-again")
    api = FakeApi(again)
    api.content[again] = b"other content"
    run_window(api_context(helper, api, tmp_path))
    assert len(helper.messages) == 2


def test_empty_file_is_asked_for_again_even_outside_the_usual_window(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The day of an empty file stays open; the file is no failure and opens no work."""
    late = report(TODAY - timedelta(days=20))
    api = FakeApi(late)
    api.content[late] = NotReadyError("still empty")
    run_window(api_context(helper, api, tmp_path))
    assert helper.api.work.works == {}
    assert helper.connector_logger.messages("error") == []
    api.content[late] = b"now it is there"
    run_window(api_context(helper, api, tmp_path))
    assert len(helper.messages) == 2
    assert not load_state(json.loads(helper.stored)).open_days


def test_day_without_an_answer_stays_open(helper: FakeHelper, tmp_path: Path) -> None:
    """A day that could not be listed is listed again by the next run; the other days go on."""
    old = TODAY - timedelta(days=20)
    api = FakeApi(report(), report(old))
    api.down_days = {old}
    assert not run_window(api_context(helper, api, tmp_path))
    assert len(helper.messages) == 2
    api.down_days.clear()
    assert run_window(api_context(helper, api, tmp_path))
    assert sent(helper)[-1] == f"note--{report(old).file}-1"
    assert len(helper.messages) == 4


def test_poisoned_report_does_not_stop_the_others(helper: FakeHelper, tmp_path: Path) -> None:
    """The work, which is in error, and the log name the report that failed."""
    bad = report(number=1)
    api = FakeApi(report(number=0), bad, report(number=2))
    api.content[bad] = b"poison"
    run_window(api_context(helper, api, tmp_path))
    assert len(helper.messages) == 4
    [work] = helper.api.work.works.values()
    assert work["in_error"]
    assert work["message"].endswith(f"1 failed; failed: {bad.file}: {bad.file}: no header")
    assert helper.connector_logger.messages("error") == ["Report failed"]


def test_failing_report_is_retried_and_named_from_the_third_time(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The first two failures do not show in OpenCTI; the third opens a work that names it."""
    bad = report()
    api = FakeApi(bad)
    api.content[bad] = b"poison"
    for times in (1, 2, 3, 4):
        run_window(api_context(helper, api, tmp_path))
        assert len(api.asked) == times
        assert len(helper.api.work.works) == max(0, times - 2)
    assert "failed (4 runs in a row): " in helper.api.work.works["work-2"]["message"]
    api.content[bad] = b"cured"
    run_window(api_context(helper, api, tmp_path))
    assert len(helper.messages) == 2
    assert not load_state(json.loads(helper.stored)).failures


def test_defect_in_the_conversion_is_a_failure_of_the_report(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The failure names type and place of the error, not its text, which could quote anything."""

    def defective(*_: Any) -> Outcome:
        raise KeyError(SECRET)

    run_window(api_context(helper, FakeApi(report()), tmp_path, convert=defective))
    assert "unexpected KeyError" in helper.connector_logger.text()
    assert SECRET not in helper.connector_logger.text()


def test_broken_download_is_tried_again_within_the_run(helper: FakeHelper, tmp_path: Path) -> None:
    """A download that breaks off is retried before the report counts as failed."""
    api = FakeApi(report())
    content = api.content[report()]
    api.content[report()] = TransferError("broke off")
    parts = api_context(helper, api, tmp_path, patience=60.0)

    def heal() -> None:
        api.content[report()] = content

    parts.waiter.log.warning = lambda *_: heal()  # type: ignore[method-assign]
    run_window(parts)
    assert len(helper.messages) == 2


def test_absent_cluster_is_waited_for_once_and_downloads_all_the_same(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """After one wait in vain each report fails at once; a broken download is still retried."""
    api = FakeApi(*(report(number=number) for number in range(4)))
    download, failures = api.download, [TransferError("broke off")]

    def break_off_once(wanted: ReportInfo, *arguments: Any) -> Downloaded:
        if failures and wanted == report(number=2):
            raise failures.pop()
        return download(wanted, *arguments)

    def convert(*_: Any) -> Outcome:
        raise ClusterLostError("nobody answers")

    api.download = break_off_once  # type: ignore[method-assign]
    parts = api_context(helper, api, tmp_path, convert=convert, patience=0.2)
    run_window(parts)
    waits = [line for line in helper.connector_logger.lines if line[1] == "Waiting"]
    assert [each[2]["for"].split(" of ")[0] for each in waits] == ["the conversion", "the download"]
    failed = helper.connector_logger.messages("error")
    assert failed == ["Report failed"] * 4
    assert parts.waiter.exhausted == {"converters"}


def test_full_disk_is_waited_out(helper: FakeHelper, tmp_path: Path) -> None:
    """Conversion and download start again when there is room; nothing is sent twice."""
    full = [OSError(errno.ENOSPC, "No space left on device")] * 5
    api = FakeApi(report())
    content = api.content[report()]
    api.content[report()] = DiskFullError("cannot write")

    def convert(*args: Any) -> Outcome:
        outcome = convert_simply(*args)
        if full:
            raise full.pop()
        return outcome

    parts = api_context(helper, api, tmp_path, convert=convert, patience=0.0)
    warn = parts.waiter.log.warning

    def heal(message: str, meta: dict[str, Any] | None = None) -> None:
        api.content[report()] = content
        warn(message, meta)

    parts.waiter.log.warning = heal  # type: ignore[method-assign]
    run_window(parts)
    assert len(helper.messages) == 2
    assert helper.connector_logger.messages("warning") == ["Waiting", "Waiting"]


def test_state_is_stored_after_each_report(helper: FakeHelper, tmp_path: Path) -> None:
    """When a run ends halfway, OpenCTI's state has every report that was finished."""
    api = FakeApi(report(number=0), report(number=1))

    def convert(path: Path, info: ReportInfo, *rest: Any) -> Outcome:
        if info == report(number=1):
            raise Stopping
        return convert_simply(path, info, *rest)

    with pytest.raises(Stopping):
        run_window(api_context(helper, api, tmp_path, convert=convert))
    [work] = helper.api.work.works.values()
    assert work["message"].endswith("; interrupted by a shutdown; the next run continues")
    state = load_state(json.loads(helper.stored))
    assert len(state.done[YESTERDAY]) == 1
    assert state.is_first_run
    helper.messages.clear()
    run_window(api_context(FakeHelper(stored=helper.stored), api, tmp_path))
    assert api.asked.count(report(number=0)) == 1


def test_reset_stops_the_run_and_the_next_one_starts_over(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """After a reset the run stores nothing; the next run imports everything again."""
    api = FakeApi(report(number=0), report(number=1))
    resets = [helper.reset]

    def convert(*args: Any) -> Outcome:
        outcome = convert_simply(*args)
        if resets:
            resets.pop()()
        return outcome

    parts = api_context(helper, api, tmp_path, convert=convert)
    with pytest.raises(StateResetError):
        run_window(parts)
    assert helper.stored == ""
    [work] = helper.api.work.works.values()
    assert work["message"].endswith("; interrupted, as the state was reset in OpenCTI")
    helper.messages.clear()
    run_window(parts)
    assert len(helper.messages) == 4


def test_work_left_open_by_a_killed_process_is_closed(helper: FakeHelper, tmp_path: Path) -> None:
    """The next run closes the work with a message and does not delete it."""
    helper.api.work.initiate_work("connector-id", work_name(TODAY), is_multipart=True)
    run_window(api_context(helper, FakeApi(), tmp_path))
    assert helper.api.work.works["work-1"]["message"].startswith("Interrupted")


def test_opencti_down_at_any_call_is_waited_out(helper: FakeHelper, tmp_path: Path) -> None:
    """Pings and requests for works are repeated until OpenCTI answers; no report fails."""
    helper.ping_failures = [requests.ConnectionError()] * 2
    helper.api.work.failures = [requests.ConnectionError()] * 2
    helper.sending_failures = [OSError("broker")] * 2
    run_window(api_context(helper, FakeApi(report()), tmp_path))
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
    """Reports that were not asked for are ignored, even if the API lists them."""
    api = FakeApi(report())
    run_window(api_context(helper, api, tmp_path, settings=settings))
    assert api.asked == []


def test_key_without_subscriptions_is_said(helper: FakeHelper, tmp_path: Path) -> None:
    """A warning says that the key has no subscription, which would look like a quiet day."""
    api = FakeApi()
    api.subscribed = []
    run_window(api_context(helper, api, tmp_path))
    assert any(
        "no subscribed reports" in line for line in helper.connector_logger.messages("warning")
    )


def test_originals_are_archived_when_asked_for(helper: FakeHelper, tmp_path: Path) -> None:
    """The archive has the file, byte for byte, in the day's folder, with its hash beside it."""
    archive = tmp_path / "archive"
    parts = api_context(
        helper, FakeApi(report()), tmp_path / "w", settings={"archive_dir": str(archive)}
    )
    run_window(parts)
    [kept] = archive.rglob("*.csv")
    assert kept == archive / f"{YESTERDAY:%Y/%m/%d}" / report().file
    assert kept.read_bytes() == f"content of {report().file}".encode()
    assert (kept.parent / "SHA256SUMS").read_text().endswith(f"  {kept.name}\n")


def test_no_secret_is_logged_or_stored(helper: FakeHelper, tmp_path: Path) -> None:
    """Report ids appear in no log line, state or work, even when downloads fail."""
    bad, broken = report(number=1), report(number=2)
    api = FakeApi(report(), bad, broken)
    api.content[bad] = b"poison"
    api.content[broken] = TransferError("broke off")
    run_window(api_context(helper, api, tmp_path))
    assert SECRET not in helper.connector_logger.text()
    assert SECRET not in helper.stored
    assert SECRET not in json.dumps(helper.api.work.works)


class Later:
    """Runs of one connector, days after each other."""

    def __init__(self, helper: FakeHelper, api: FakeApi, tmp_path: Path) -> None:
        self.helper = helper
        self.api = api
        self.tmp_path = tmp_path
        self.events: list[Event] = []

    def run(self, days: int, **changes: Any) -> bool:
        """Run so many days after the first day."""
        settings = {"initial_lookback": 3, "lookback": 3}
        at = datetime(2024, 3, 10, 8, tzinfo=UTC) + timedelta(days=days)
        parts = {"settings": settings, "now": lambda: at, "observe": self.events.append}
        return run_window(api_context(self.helper, self.api, self.tmp_path, **(parts | changes)))

    def state(self) -> State:
        """Return what the platform holds."""
        return load_state(json.loads(self.helper.stored))

    def given_up(self) -> list[tuple[str, ...]]:
        """Return the days that events say were given up."""
        return [event.reasons for event in self.events if isinstance(event, DaysGivenUp)]


@pytest.fixture
def later(helper: FakeHelper, tmp_path: Path) -> Later:
    """Return a connector that ran once and was then down."""
    runs = Later(helper, FakeApi(), tmp_path)
    assert runs.run(0)
    return runs


def test_a_report_that_fails_after_a_downtime_is_asked_for_again(later: Later) -> None:
    """A report older than a first run's window that fails once with 503 is imported later."""
    late = report(TODAY + timedelta(days=1))
    later.api.content[late] = TransferError("status 503")
    assert later.run(8)
    assert later.state().open_days == {late.day}
    assert list(later.state().failures) == [late.day]
    later.api.content[late] = b"now it is there"
    assert later.run(9)
    assert sent(later.helper) == [f"note--{late.file}-{n}" for n in range(2)]
    assert later.state().open_days == set()
    assert later.given_up() == []


def test_a_day_without_an_answer_after_a_downtime_is_asked_for_again(later: Later) -> None:
    """A day older than a first run's window that cannot be listed once is listed again."""
    late = report(TODAY + timedelta(days=1))
    later.api.content[late] = b"content"
    later.api.down_days = {late.day}
    assert not later.run(8)
    later.api.down_days.clear()
    assert later.run(9)
    assert len(later.helper.messages) == 2


def test_an_old_open_day_is_not_sent_again(later: Later) -> None:
    """The done reports of an open day stay known while another report of the day is retried."""
    day = TODAY + timedelta(days=1)
    good, bad = report(day), report(day, number=1)
    later.api.content = {good: b"content", bad: b"poison"}
    for days in (8, 9, 10):
        later.run(days)
    assert later.api.asked.count(good) == 1
    assert later.api.asked.count(bad) == 3
    assert len(later.helper.messages) == 2


def test_giving_up_a_day_is_an_error_everywhere(later: Later) -> None:
    """After three failed runs over seven days, log, work and event say that the day is given up."""
    bad = report(TODAY + timedelta(days=1))
    later.api.content[bad] = b"poison"
    for days in (8, 14):
        later.run(days)
        assert later.state().open_days == {bad.day}
    assert later.given_up() == []
    later.run(15)
    reason = f"{bad.day}: still incomplete after 3 more runs since 2024-03-18"
    assert later.given_up() == [(reason,)]
    [said] = [
        meta
        for level, message, meta in later.helper.connector_logger.lines
        if (level, message) == ("error", "Days given up, their reports are missing")
    ]
    assert said == {"days": [reason]}
    work = list(later.helper.api.work.works.values())[-1]
    assert work["name"] == "Shadowserver reports given up"
    assert work["in_error"]
    assert work["message"].endswith(f"'backfill' imports what is missing; {reason}")
    state = later.state()
    assert (state.open_days, dict(state.failures), dict(state.late_attempts)) == (set(), {}, {})
    asked = len(later.api.asked)
    later.run(16)
    assert len(later.api.asked) == asked
    assert len(later.given_up()) == 1


def test_a_day_at_the_edge_of_the_window_is_not_given_up(later: Later) -> None:
    """A day within a first run's window is never given up, however often its report fails."""
    bad = report(TODAY - timedelta(days=3))
    later.api.content[bad] = b"poison"
    for _ in range(5):
        later.run(0)
    assert later.state().open_days == {bad.day}
    assert dict(later.state().late_attempts) == {}
    later.run(1)
    assert later.state().late_attempts[bad.day].runs == 1


def test_an_outage_gives_no_day_up(later: Later) -> None:
    """A run that got no answer from Shadowserver does not count towards giving a day up."""
    bad = report(TODAY + timedelta(days=1))
    later.api.content[bad] = b"poison"
    later.run(8)
    later.api.down_days = {TODAY + timedelta(days=n) for n in range(-60, 60)}
    for days in range(9, 20):
        later.run(days)
    assert later.given_up() == []
    assert later.state().late_attempts[bad.day].runs == 1


def test_giving_up_is_said_before_it_is_stored(later: Later) -> None:
    """If the process is killed before the state is stored, the next run says it again."""
    bad = report(TODAY + timedelta(days=1))
    later.api.content[bad] = b"poison"
    for days in (8, 14):
        later.run(days)
    held: list[frozenset[date]] = []

    def observe(event: Event) -> None:
        if isinstance(event, DaysGivenUp):
            held.append(later.state().open_days)

    later.run(15, observe=observe)
    assert held == [{bad.day}]


def test_many_days_given_up_are_cut_in_the_log_and_the_work(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The log and the work name the first days given up and count the rest; the event names all."""
    stored = dump_state(State(last_run=datetime(2024, 3, 9, tzinfo=UTC)))
    stored["open"] = [f"1999-01-{n:02}" for n in range(1, 32)]
    helper = FakeHelper(stored=json.dumps(stored))
    runs = Later(helper, FakeApi(), tmp_path)
    assert runs.run(0)
    [reasons] = runs.given_up()
    assert len(reasons) == 31
    [work] = helper.api.work.works.values()
    assert work["message"].startswith("Not queried again; 'backfill' imports what is missing; ")
    assert work["message"].endswith("1999-01-20: out of reach; and 11 more")
    assert len(runs.api.calls) == 5


def test_twenty_days_given_up_are_named(tmp_path: Path) -> None:
    """Exactly twenty days are all named, with no count of others."""
    stored = dump_state(State(last_run=datetime(2024, 3, 9, tzinfo=UTC)))
    stored["open"] = [f"1999-01-{n:02}" for n in range(1, 21)]
    runs = Later(FakeHelper(stored=json.dumps(stored)), FakeApi(), tmp_path)
    assert runs.run(0)
    [work] = runs.helper.api.work.works.values()
    assert work["message"].endswith("; 1999-01-20: out of reach")


def test_days_passed_over_are_an_error(helper: FakeHelper, tmp_path: Path) -> None:
    """The window has a maximum length; days since the last run that lie before it are an error."""
    stored = dump_state(State(last_run=datetime(2020, 1, 5, tzinfo=UTC)))
    runs = Later(FakeHelper(stored=json.dumps(stored)), FakeApi(), tmp_path)
    assert runs.run(0)
    assert runs.api.calls == ["list"] * 366
    assert runs.given_up() == [("2020-01-02 to 2023-03-10: too long since the last run",)]
    assert runs.run(1)
    assert len(runs.given_up()) == 1


@pytest.mark.parametrize("year", [1, 1970, 2000, 2019])
def test_a_clock_before_any_connector_stops_the_run(
    helper: FakeHelper, tmp_path: Path, year: int
) -> None:
    """A clock set to 1970 stops the run before any request, and the state stays as it was."""
    stored = json.dumps(
        dump_state(with_day_open(State(datetime(2024, 3, 9, tzinfo=UTC)), YESTERDAY))
    )
    helper = FakeHelper(stored=stored)
    runs = Later(helper, FakeApi(), tmp_path)
    said = (
        rf"^this machine's clock says 0*{year}-12-31; let it follow a time server \(NTP\), "
        rf"nothing is queried until then$"
    )
    with pytest.raises(ClockError, match=said):
        runs.run(0, now=lambda: datetime(year, 12, 31, 23, 59, tzinfo=UTC))
    assert runs.api.calls == []
    assert helper.stored == stored


def test_the_first_day_of_any_connector_is_none_before_it(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The earliest day that the clock may show is accepted, and its state can be read back."""
    runs = Later(helper, FakeApi(), tmp_path)
    assert runs.run(0, now=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert runs.state().last_run == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("year", [2020, 2023, 2025, 2030, 9999])
def test_a_clock_that_is_wrong_for_one_run_loses_nothing(
    helper: FakeHelper, tmp_path: Path, year: int
) -> None:
    """Once the clock is right again, the run asks for a first run's days; it stays bounded."""
    runs = Later(helper, FakeApi(), tmp_path)
    assert runs.run(0)
    runs.api.calls.clear()
    runs.run(0, now=lambda: datetime(year, 12, 31, 23, 59, tzinfo=UTC))
    assert len(runs.api.calls) <= 367
    runs.api.content[report()] = b"content"
    runs.run(1)
    assert len(runs.helper.messages) == 2


def test_a_report_listed_for_another_day_is_refused_once_a_run(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """Such a report is neither downloaded nor stored; one line per day counts and names them."""
    runs = Later(helper, FakeApi(report()), tmp_path)
    strange = [
        replace(report(day, number=n), file=f"{day}-scan_ssl-example-{n}.csv")
        for n, day in enumerate((TODAY - timedelta(days=40), date(9999, 12, 31), date(1, 1, 1)))
    ]
    runs.api.list_reports = lambda day, **_: [report(), *strange] if day == YESTERDAY else []  # type: ignore[method-assign]
    for _ in range(2):
        assert runs.run(0)
    assert runs.api.asked == [report()]
    assert set(runs.state().done) == {YESTERDAY}
    assert runs.state().open_days == set()
    files = tuple(each.file for each in strange)
    refused = [event for event in runs.events if isinstance(event, ReportsRefused)]
    assert refused == [ReportsRefused(YESTERDAY, files)] * 2
    [first, _] = [
        meta
        for level, message, meta in helper.connector_logger.lines
        if (level, message) == ("error", "Reports listed for the wrong day, not imported")
    ]
    assert first == {"day": str(YESTERDAY), "reports": 3, "files": files}


@pytest.mark.parametrize("day", [date(9999, 12, 31), date(1, 1, 1), TODAY + timedelta(days=2)])
def test_a_wrong_timestamp_is_passed_over_where_the_file_names_the_day(
    helper: FakeHelper, tmp_path: Path, day: date
) -> None:
    """A report whose file name has the requested day is imported and retried as of that day."""
    runs = Later(helper, FakeApi(), tmp_path)
    odd = replace(report(), day=day)
    days: list[date] = []

    def convert(path: Path, info: ReportInfo, options: Options, emit: Any) -> Outcome:
        days.append(info.day)
        return convert_simply(path, info, options, emit)

    runs.api.list_reports = lambda asked, **_: [odd] if asked == YESTERDAY else []  # type: ignore[method-assign]
    runs.api.content = {report(): b"poison"}
    runs.run(0, convert=convert)
    assert runs.state().open_days == {YESTERDAY}
    runs.api.content = {report(): b"content"}
    for _ in range(2):
        runs.run(0, convert=convert)
    assert days == [YESTERDAY] * 2
    assert len(helper.messages) == 2
    assert runs.state().open_days == set()


def test_a_run_without_the_api_keeps_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key, open days are kept for when the key is back; old closed days are forgotten."""
    old = TODAY - timedelta(days=40)
    state = with_done(State(datetime(2024, 3, 9, tzinfo=UTC)), report(), "00" * 32, set())
    state = with_failure(state, report(old))
    closed = replace(report(old), day=old - timedelta(days=1))
    helper = FakeHelper(stored=json.dumps(dump_state(with_done(state, closed, "00" * 32, set()))))
    waiter = Waiter(threading.Event(), helper.connector_logger)
    monkeypatch.setattr(
        "shadowserver_connector.connector.run.utc_now", lambda: datetime(2024, 3, 10, tzinfo=UTC)
    )
    settings = ShadowserverSettings.model_validate({})
    context = ImportContext(
        setup=ImportSetup(Session(helper, find_abilities(helper), waiter), Options()),
        settings=settings,
        state_store=StateStore(helper, waiter),
        workspace=tmp_path,
    )
    assert run_without_api(context)
    assert load_state(json.loads(helper.stored)) == state
    monkeypatch.setattr(
        "shadowserver_connector.connector.run.utc_now", lambda: datetime(1970, 1, 1, tzinfo=UTC)
    )
    with pytest.raises(ClockError):
        run_without_api(context)
    assert load_state(json.loads(helper.stored)) == state


def without_api(helper: FakeHelper, tmp_path: Path, **settings: Any) -> ImportContext:
    """Return the parts of a run of a connector with a drop folder alone."""
    waiter = Waiter(threading.Event(), helper.connector_logger)
    return ImportContext(
        setup=ImportSetup(Session(helper, find_abilities(helper), waiter), Options()),
        settings=ShadowserverSettings.model_validate(settings),
        state_store=StateStore(helper, waiter),
        workspace=tmp_path,
    )


def test_an_import_that_is_forgotten_is_no_reset(helper: FakeHelper, tmp_path: Path) -> None:
    """A drop folder with files of old days, or none for a month, keeps its history."""
    history = History()
    context = without_api(helper, tmp_path)
    old = replace(report(), day=utc_now().date() - timedelta(days=40))
    context.state_store.write(with_done(State(), old, "00" * 32, set()))
    context = replace(context, setup=replace(context.setup, comparer=history))  # type: ignore[arg-type]
    for _ in range(2):
        assert run_without_api(context)
    assert load_state(json.loads(helper.stored)) == State()
    assert "clear" not in history.calls
    assert not logged(
        helper, "Everything imported gets this marking; SHADOWSERVER_MARKING changes it"
    )


def test_a_run_without_the_api_bounds_the_state(helper: FakeHelper, tmp_path: Path) -> None:
    """Of a year of dropped files, the state keeps what fits; each ping sends it whole."""
    context = without_api(helper, tmp_path, initial_lookback=365)
    state = State()
    for back in range(5, 205):
        for number in range(60):
            each = replace(report(number=number), day=utc_now().date() - timedelta(days=back))
            state = with_done(state, each, f"{back * 100 + number:064x}", set())
    context.state_store.write(state)
    assert len(helper.stored) > SIZE_BUDGET
    assert run_without_api(context)
    assert len(helper.stored) <= SIZE_BUDGET


def test_a_first_run_without_an_answer_is_repeated_as_the_first(
    helper: FakeHelper, tmp_path: Path
) -> None:
    """The run that finds Shadowserver back says what the import will cost."""
    api = FakeApi(report())
    api.down_days = {TODAY - timedelta(days=back) for back in range(31)}
    assert not run_window(api_context(helper, api, tmp_path))
    assert not logged(helper, "First import, estimated")
    assert run_window(api_context(helper, FakeApi(report()), tmp_path))
    assert len(logged(helper, "First import, estimated")) == 1


class History:
    """A history that records its calls."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def clear(self) -> None:
        """Forget everything."""
        self.calls.append("clear")

    def forget(self, before: date) -> None:
        """Forget what is old."""
        self.calls.append(before)


@pytest.mark.parametrize("with_api", [True, False])
def test_history_follows_the_state_and_the_settings(
    with_api: bool, helper: FakeHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history is cleared when OpenCTI has no state; each run ends by removing old findings."""
    monkeypatch.setattr(
        "shadowserver_connector.connector.run.utc_now", lambda: datetime(2024, 3, 10, tzinfo=UTC)
    )
    history = History()
    parts = api_context(helper, FakeApi(), tmp_path, settings={"history_days": 9})
    parts.setup = replace(parts.setup, comparer=history)  # type: ignore[arg-type]

    def run() -> bool:
        return run_window(parts) if with_api else run_without_api(parts)

    assert run()
    assert history.calls == ["clear", TODAY - timedelta(days=9)]
    history.calls.clear()
    parts.state_store.write(with_day_open(State(), YESTERDAY))
    assert run()
    assert history.calls == [TODAY - timedelta(days=9)]
