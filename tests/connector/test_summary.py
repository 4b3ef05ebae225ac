"""Numbers for people, of a day and of a first import; and how observers get events."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.connector.estimates import (
    Estimate,
    estimate,
    objects_per_unknown_finding,
)
from shadowserver_connector.connector.events import ReportSkipped, observe_both, observe_nothing
from shadowserver_connector.connector.importer import DaySummary
from shadowserver_connector.connector.run import is_wanted
from shadowserver_connector.history.history import open_history
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.pipeline.report_comparer import ReportComparer, with_comparison
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.simulator.profiles import (
    DEMO_TYPES,
    GeneratedReports,
    Profile,
    days_until,
)
from tests.sink.pycti_fakes import FakeLog

DAY = date(2024, 1, 31)


def outcome(noted: int, merged: int) -> Outcome:
    """Return the outcome of a report with some rows."""
    return Outcome(
        ReportInfo("scan_ssl", DAY, "a.csv"), "low", rows=noted + merged, noted=noted,
        merged=merged, filtered=0, cut=0, chunks=1, objects={}, size=1, sha256="",
    )  # fmt: skip


def failure(number: int, reason: str, times: int = 1) -> Failure:
    """Return the failure of a report that is named by a number."""
    return Failure(ReportInfo("scan_ssl", DAY, f"{number}.csv"), reason, times)


def test_day_is_told_in_one_line() -> None:
    """The line separates thousands by commas, and counts rows that share a Note as findings."""
    summary = DaySummary(DAY)
    assert summary.message(0) == (
        "2024-01-31: 0 reports, 0 findings, 0 objects sent, 0 skipped, 0 failed"
    )
    summary.add(outcome(1, 0))
    assert summary.message(1) == (
        "2024-01-31: 1 report, 1 finding, 1 object sent, 0 skipped, 0 failed"
    )
    summary.add(outcome(1_000, 2))
    summary.skipped += 1_234
    assert summary.message(5_000, "interrupted") == (
        "2024-01-31: 2 reports, 1,003 findings, 5,000 objects sent, 1,234 skipped, 0 failed; "
        "interrupted"
    )


def test_failures_are_named_with_how_often_in_a_row() -> None:
    """A failure is counted from the third in a row; errors of the whole day come first."""
    summary = DaySummary(DAY, failures=[failure(n, "no header", n) for n in (1, 2, 3)])
    assert summary.message(0, "interrupted").split("; ")[1:] == [
        "interrupted",
        "failed: 1.csv: no header",
        "failed: 2.csv: no header",
        "failed (3 runs in a row): 3.csv: no header",
    ]
    assert [each.info.file for each in summary.persistent_failures] == ["3.csv"]


@pytest.mark.parametrize(("count", "last"), [(20, "failed: 19.csv: x"), (1_021, "and 1,001 more")])
def test_not_more_failures_are_named_than_a_line_can_hold(count: int, last: str) -> None:
    """Twenty failures are named, and the others counted."""
    summary = DaySummary(DAY, failures=[failure(n, "x") for n in range(count)])
    parts = summary.message(0).split("; ")
    assert parts[0].endswith(f"{count:,} failed")
    assert parts[20] == "failed: 19.csv: x"
    assert parts[-1] == last


def test_first_import_is_estimated_from_the_events_of_its_reports() -> None:
    """Events of other days and types do not count; each file adds a Report and an Artifact."""
    reports = [ReportInfo("a", DAY, "1.csv"), ReportInfo("a", DAY, "2.csv")]
    yesterday = DAY - timedelta(days=1)
    stats = [DayEvents(DAY, "a", 10), DayEvents(DAY, "b", 5), DayEvents(yesterday, "a", 7)]
    expected = estimate(reports, stats, Options())
    assert expected == Estimate(2, 10, 4 + 10 * objects_per_unknown_finding(Options()))


@pytest.mark.integration  # converts a thousand rows
def test_the_estimate_is_right_within_ten_percent(tmp_path: Path) -> None:
    """The estimate for two days of the simulator is compared with what is sent."""
    types = dict.fromkeys(DEMO_TYPES[::5], (10, 200))
    store = GeneratedReports(Profile(types), days_until(DAY, 2))
    comparer = ReportComparer(lambda: open_history(tmp_path, "here"), FakeLog())
    reports, stats, sent = [], [], 0
    for day in reversed(store.days()):
        for report in store.reports(day):
            info = ReportInfo(report.type, day, report.file, report.list)
            path = tmp_path / info.file
            path.write_bytes(b"".join(store.open(report.id).chunks))
            outcome = with_comparison(comparer)(path, info, Options(), lambda chunk: None)
            comparer.commit(path)
            reports.append(info)
            stats.append(DayEvents(day, report.type, report.rows))
            sent += sum(outcome.objects.values())
    comparer.close()
    assert sent > 2_000
    assert estimate(reports, stats, Options()).objects == pytest.approx(sent, rel=0.1)


def test_hours_are_what_a_usual_installation_takes() -> None:
    """The estimated hours assume 25 objects per second."""
    assert Estimate(1, 1, 25 * 3600 * 3).hours == 3.0


@pytest.mark.parametrize(
    ("options", "objects"),
    [
        (Options(), 5),
        (Options(notes="none"), 4),
        (Options(observed_data=False), 5),
        (Options(network_traffic=False), 4),
        (Options(relationships=None), 7),
        (Options(relationships=frozenset()), 5),
        (Options(relationships=frozenset({"belongs-to"})), 6),
        (Options(relationships=frozenset({"needed", "located-at"})), 6),
    ],
)
def test_usual_finding_makes_as_many_objects_as_are_asked_for(
    options: Options, objects: int
) -> None:
    """Address and Autonomous System are always counted; relationships replace the Observed-Data."""
    assert objects_per_unknown_finding(options) == objects


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, True),
        ({"report_types": "scan_ssl,scan_http"}, True),
        ({"report_types": "scan_http"}, False),
        ({"report_names": "example"}, True),
        ({"report_names": "other"}, False),
        ({"exclude_types": "scan_ssl"}, False),
        ({"exclude_types": "scan_http"}, True),
        ({"report_types": "scan_ssl", "exclude_types": "scan_ssl"}, False),
        ({"report_types": "scan_ssl", "report_names": "other"}, False),
    ],
)
def test_report_is_wanted_by_type_and_list(settings: dict[str, str], wanted: bool) -> None:
    """Without filters every report is wanted; an exclusion wins over an inclusion."""
    report = ReportInfo("scan_ssl", DAY, "a.csv", list="example")
    assert is_wanted(ShadowserverSettings.model_validate(settings), report) is wanted


def test_two_observers_are_told_in_turn() -> None:
    """Both observers get the same event, one after the other."""
    told: list[tuple[str, object]] = []
    observe = observe_both(
        lambda event: told.append(("a", event)), lambda event: told.append(("b", event))
    )
    event = ReportSkipped("a.csv")
    observe(event)
    observe_nothing(event)
    assert told == [("a", event), ("b", event)]
