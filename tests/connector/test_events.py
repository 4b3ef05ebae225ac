"""The events that a run reports, and how long it waits."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from shadowserver_connector.connector.day_import import ImportContext
from shadowserver_connector.connector.events import (
    DayCompleted,
    Event,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsListed,
)
from shadowserver_connector.connector.importer import ImportSetup
from shadowserver_connector.connector.run import run_window, run_without_api
from shadowserver_connector.connector.state_store import StateStore
from shadowserver_connector.errors import (
    ApiUnavailableError,
    NotReadyError,
    ReportUnreadableError,
    describe,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.sink.opencti import Session
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.state.state import State, with_done
from shadowserver_connector.waiting import Waiter
from tests.connector.test_run import TODAY, YESTERDAY, FakeApi, api_context, report
from tests.sink.pycti_fakes import FakeHelper, FakeLog

DAYS = 31
"""Of a first run: the initial lookback, and today."""


def told(helper: FakeHelper, api: FakeApi, tmp_path: Path) -> list[Event]:
    """Run once; return the events that the run emitted."""
    events: list[Event] = []
    run_window(api_context(helper, api, tmp_path, observe=events.append))
    return events


def test_run_tells_what_there_is_and_what_becomes_of_it(tmp_path: Path) -> None:
    """A run's events tell the newest day, the outstanding files, and how each of them ended."""
    old = TODAY - timedelta(days=5)
    api = FakeApi(report(), report(type="scan_http"), report(type="scan_ftp"), report(old))
    api.content[report(type="scan_http")] = b"poison"
    api.content[report(type="scan_ftp")] = NotReadyError("empty")
    helper = FakeHelper()
    listed, *others = told(helper, api, tmp_path)
    assert listed == ReportsListed(YESTERDAY, {each.file: each.day for each in api.content}, DAYS)
    done = [event for event in others if isinstance(event, ReportDone)]
    assert [event.outcome.info for event in done] == [report(), report(old)]
    assert all(0 <= event.seconds < 60 for event in done)
    file = report(type="scan_http").file
    failed = ReportFailed(file, f"{file}: no header", "ReportUnreadableError", 1)
    assert failed in others
    assert ReportSkipped(report(type="scan_ftp").file) in others
    assert DayCompleted(old) in others
    assert len(others) == 5
    again = told(helper, api, tmp_path)
    outstanding = {report(type=kind).file: YESTERDAY for kind in ("scan_http", "scan_ftp")}
    assert again[0] == ReportsListed(YESTERDAY, outstanding, again[0].days)
    assert replace(failed, times=2) in again


def test_nothing_listed_is_told_as_well(tmp_path: Path) -> None:
    """When no day has a report, the event names no newest day."""
    assert told(FakeHelper(), FakeApi(), tmp_path) == [ReportsListed(None, {}, DAYS)]


def test_known_content_is_skipped_without_news(tmp_path: Path) -> None:
    """A file listed again under another id, with content already imported, is skipped."""
    helper, api = FakeHelper(), FakeApi(report())
    told(helper, api, tmp_path)
    api.content = {replace(report(), id="another"): api.content[report()]}
    assert told(helper, api, tmp_path)[1:] == [
        ReportSkipped(report().file),
        DayCompleted(YESTERDAY),
    ]


def test_reports_that_need_nothing_are_counted_in_the_days_work(tmp_path: Path) -> None:
    """The day's work counts reports that are still empty or already known as skipped."""
    helper, api = FakeHelper(), FakeApi(report(number=1))
    told(helper, api, tmp_path)
    content = api.content.pop(report(number=1))
    for number in (2, 3):
        api.content[replace(report(number=1), id=f"again-{number}")] = content
        api.content[report(number=number)] = NotReadyError("empty")
    api.content[report(number=4)] = b"new"
    told(helper, api, tmp_path)
    assert helper.api.work.works["work-2"]["message"] == (
        "2024-03-09: 1 report, 10 findings, 2 objects sent, 4 skipped, 0 failed"
    )


def test_api_is_asked_for_what_is_wanted_and_waited_for_by_its_name(tmp_path: Path) -> None:
    """The filters go to the API with each listing; the log names Shadowserver when it waits."""
    asked: list[dict[str, object]] = []

    class Api(FakeApi):
        def list_reports(self, day: date, **wanted: object) -> list[ReportInfo]:
            asked.append(wanted)
            return super().list_reports(day)

    helper, api = FakeHelper(), Api()
    api.down_days = {YESTERDAY}
    settings = {"report_types": "scan_ssl", "report_names": "example"}
    run_window(api_context(helper, api, tmp_path, settings=settings))
    assert {tuple(wanted) for wanted in asked} == {("lists", "types")}
    assert list(asked[0]["lists"]) == ["example"]  # type: ignore[call-overload]
    assert list(asked[0]["types"]) == ["scan_ssl"]  # type: ignore[call-overload]
    waiting = [meta for _, message, meta in helper.connector_logger.lines if message == "Waiting"]
    assert waiting[0] == {"for": "Shadowserver", "reason": "reports/list: status 503"}


def waiter() -> Waiter:
    """Return a waiter that hardly waits."""
    return Waiter(threading.Event(), FakeLog(), first_pause=0.001)


def test_patience_that_is_used_up_comes_back_with_an_answer() -> None:
    """Each service has its own patience; a service that answers again gets it back."""
    impatient = replace(waiter(), patience=0.05)
    attempts: list[str] = []

    def down() -> None:
        attempts.append("x")
        raise ApiUnavailableError("down")

    def attempts_of(who: str) -> int:
        attempts.clear()
        with pytest.raises(ApiUnavailableError):
            impatient.until_patience_ends(who, "it", down)
        return len(attempts)

    assert attempts_of("one") > 1
    assert attempts_of("one") == 1
    assert attempts_of("other") > 1
    assert impatient.until_patience_ends("one", "it", lambda: 5) == 5
    assert attempts_of("one") > 1
    assert attempts_of("other") == 1


def test_connector_without_an_api_forgets_what_is_old(tmp_path: Path) -> None:
    """Without an API key, the state forgets days that are older than a first run's window."""
    helper = FakeHelper()
    memory = StateStore(helper, waiter())
    settings = ShadowserverSettings.model_validate({"initial_lookback": "30"})
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in (1, 28, 40)]
    state = State()
    for day in days:
        state = with_done(state, ReportInfo("t", day, "a.csv"), "00" * 32, set())
    memory.write(state)
    setup = ImportSetup(Session(helper, find_abilities(helper), waiter()), Options())
    context = ImportContext(setup=setup, settings=settings, state_store=memory, workspace=tmp_path)
    assert run_without_api(context)
    assert set(memory.last_known().done) == set(days[:2])
    assert memory.last_known().last_run is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ReportUnreadableError("a.csv: no header"), "a.csv: no header"),
        (KeyError("secret"), "unexpected KeyError; please report it"),
    ],
)
def test_error_is_described_in_one_line(error: Exception, said: str) -> None:
    """The connector's own errors keep their text; of others, only the type is safe to show."""
    assert describe(error) == said


def test_defect_is_described_with_its_place() -> None:
    """An unexpected error is described with the last line of the connector's code it came from."""
    with pytest.raises(AttributeError) as caught:
        StateStore(FakeHelper(), waiter()).write(None)  # type: ignore[arg-type]
    said = describe(caught.value)
    assert said.startswith("unexpected AttributeError at ")
    assert said.endswith("; please report it")
    assert ".py:" in said
