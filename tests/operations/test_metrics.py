"""What Prometheus gets to see."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from prometheus_client import CollectorRegistry
from pycti.connector import opencti_metric_handler

from shadowserver_connector.connector.events import (
    DaysGivenUp,
    Dropped,
    Event,
    Listed,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsRefused,
    Retried,
    RunEnded,
    RunStarted,
)
from shadowserver_connector.operations.metrics import Metrics, serve_on
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo

NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)
TODAY, OLD = date(2024, 3, 10), date(2024, 3, 6)


def done(file: str, day: date = TODAY) -> ReportDone:
    """Return the import of a report."""
    outcome = Outcome(
        ReportInfo("scan_ssl", day, file, id="capability"), "high", rows=12, noted=9, merged=1,
        filtered=2, cut=0, chunks=1, objects={"note": 9, "report": 1}, size=1000, sha256="",
    )  # fmt: skip
    return ReportDone(outcome, 2.5)


class Seen:
    """Metrics after some events."""

    def __init__(self, *events: Event) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.after(*events)

    def after(self, *events: Event) -> None:
        """Let more happen."""
        for event in events:
            self.metrics.observe(event)

    def value(self, name: str, **labels: str) -> float | None:
        """Return a metric."""
        return self.registry.get_sample_value(f"shadowserver_{name}", labels)


def test_reports_are_counted() -> None:
    """Imported, skipped and failed ones; findings, objects by type, bytes and durations."""
    failed = ReportFailed("b", "b: no header", "ReportUnreadableError", 1)
    seen = Seen(done("a"), done("c"), ReportSkipped("d"), failed)
    counts = [
        seen.value("reports_total", result=each) for each in ("imported", "skipped", "failed")
    ]
    assert counts == [2, 1, 1]
    assert seen.value("failures_total", cause="ReportUnreadableError") == 1
    assert seen.value("findings_total") == 20
    assert seen.value("objects_total", type="note") == 18
    assert seen.value("bytes_total") == 2000
    assert seen.value("report_duration_seconds_sum") == 5
    assert seen.value("report_duration_seconds_count") == 2


def test_runs_retries_and_drops_are_counted() -> None:
    """By result and by method."""
    seen = Seen(
        RunStarted(NOON), Retried("reports/list"), Retried("download"), Retried("download"),
        RunEnded(NOON, complete=False, reason="why"), Dropped("a", ""), Dropped("b", "why"),
    )  # fmt: skip
    assert seen.value("retries_total", method="download") == 2
    assert seen.value("runs_total", result="incomplete") == 1
    assert seen.value("run_started_timestamp_seconds") == NOON.timestamp()
    assert seen.value("run_ended_timestamp_seconds") == NOON.timestamp()
    assert seen.value("dropped_files_total", result="done") == 1
    assert seen.value("dropped_files_total", result="failed") == 1


def test_lag_behind_the_newest_day() -> None:
    """In days, until everything listed is imported; what failed is still behind."""
    seen = Seen(Listed(TODAY, {"old": OLD, "bad": TODAY, "new": TODAY}))
    assert seen.value("lag_days") == 5
    assert seen.value("reports_outstanding") == 3
    seen.after(done("new"), done("old", OLD), ReportFailed("bad", "why", "X", 1))
    assert seen.value("lag_days") == 1
    assert seen.value("reports_outstanding") == 1
    seen.after(ReportSkipped("bad"))
    assert seen.value("lag_days") == 0
    seen.after(Listed(None, {}))
    assert seen.value("lag_days") == 0


def test_no_file_name_is_a_label() -> None:
    """Neither names nor ids: their number would grow without end."""
    seen = Seen(Listed(TODAY, {"a": TODAY}), done("a-file-name"))
    labels = {
        value
        for metric in seen.registry.collect()
        for sample in metric.samples
        for value in sample.labels.values()
    }
    assert not {value for value in labels if "capability" in value or "a-file-name" in value}


def test_one_registry_holds_them_once() -> None:
    """A second set would count for nobody."""
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


def test_what_is_not_imported_for_good_is_counted() -> None:
    """Days given up, and reports listed for a day that is not theirs."""
    seen = Seen(DaysGivenUp(("2024-01-01: x", "2024-01-02: y")), ReportsRefused(TODAY, ("a", "b")))
    assert seen.value("given_up_days_total") == 2
    assert seen.value("reports_total", result="refused") == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_metrics_are_served_on_one_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The other addresses of the machine do not answer."""
    start = opencti_metric_handler.start_http_server
    monkeypatch.setattr(opencti_metric_handler, "start_http_server", start)
    serve_on(host)
    server, thread = opencti_metric_handler.start_http_server(0)
    try:
        assert server.server_address[0] == host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
