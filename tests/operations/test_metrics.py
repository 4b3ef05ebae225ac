"""The metrics that Prometheus scrapes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pycti.connector import opencti_metric_handler

from shadowserver_connector.connector.events import (
    DayCompleted,
    DaysGivenUp,
    Event,
    FileProcessed,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsListed,
    ReportsRefused,
    RequestRetried,
    RunEnded,
    RunStarted,
    WaitChanged,
)
from shadowserver_connector.operations.metrics import Metrics, StatusMetrics, bind_pycti_metrics
from shadowserver_connector.operations.status import Status, status_after
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo

NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)
TODAY, OLD = date(2024, 3, 10), date(2024, 3, 6)


def done(file: str, day: date = TODAY) -> ReportDone:
    """Return the event of an imported report."""
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
        """Let more events happen."""
        for event in events:
            self.metrics.observe(event)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a metric."""
        return self.registry.get_sample_value(f"shadowserver_{name}", labels)


def test_reports_are_counted() -> None:
    """Reports count as imported, skipped or failed, with findings, objects by type,
    bytes and seconds.
    """
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
    """Runs and drops are counted by result, retries by method."""
    seen = Seen(
        RunStarted(NOON), RequestRetried("reports/list"), RequestRetried("download"),
        RequestRetried("download"), RunEnded(NOON, complete=False, reason="why"),
        FileProcessed("a", ""), FileProcessed("b", "why"),
    )  # fmt: skip
    assert seen.value("retries_total", method="download") == 2
    assert seen.value("runs_total", result="incomplete") == 1
    assert seen.value("dropped_files_total", result="done") == 1
    assert seen.value("dropped_files_total", result="failed") == 1


class Told:
    """The metrics that Prometheus scrapes of a status."""

    def __init__(self, folder: Path, *events: Event, now: datetime = NOON) -> None:
        self.status = Status(NOON, NOON)
        self.registry = CollectorRegistry()
        self.registry.register(StatusMetrics(lambda: self.status, folder, 4096, lambda: now))
        self.after(*events)

    def after(self, *events: Event) -> None:
        """Let more happen."""
        for event in events:
            self.status = status_after(self.status, event)

    def value(self, name: str, **labels: str) -> float | None:
        """Return a metric."""
        return self.registry.get_sample_value(f"shadowserver_{name}", labels)


def test_a_revoked_key_shows(tmp_path: Path) -> None:
    """The time of the last complete run stays, and failed runs are counted by cause."""
    told = Told(tmp_path)
    assert told.value("last_complete_run_timestamp_seconds") is None
    assert told.value("ok") == 1
    told.after(RunStarted(NOON), RunEnded(NOON, complete=True, reason=""))
    later = NOON + timedelta(days=1)
    for cause in ("credentials", "credentials", "shadowserver"):
        told.after(RunStarted(later), RunEnded(later, complete=False, reason="no", cause=cause))
    assert told.value("ok") == 0
    assert told.value("last_complete_run_timestamp_seconds") == NOON.timestamp()
    assert told.value("run_ended_timestamp_seconds") == later.timestamp()
    assert told.value("consecutive_failures", cause="credentials") == 2
    assert told.value("consecutive_failures", cause="shadowserver") == 1
    assert told.value("consecutive_failures", cause="disk") == 0
    told.after(RunStarted(later), RunEnded(later, complete=True, reason=""))
    assert told.value("consecutive_failures", cause="credentials") == 0


def test_what_is_behind_shows(tmp_path: Path) -> None:
    """Complete days, waiting and failing reports have gauges, which are absent while unknown."""
    told = Told(tmp_path, RunStarted(NOON))
    assert told.value("reports_waiting") is None
    assert told.value("newest_whole_day_timestamp_seconds") is None
    told.after(ReportsListed(TODAY, {"old": OLD, "bad": TODAY, "new": TODAY}, 2))
    assert told.value("reports_waiting") == 3
    told.after(done("old", OLD), DayCompleted(OLD), done("new"), ReportFailed("bad", "why", "X", 3))
    assert told.value("reports_waiting") == 1
    assert told.value("reports_failing") == 1
    assert told.value("report_failures_in_a_row") == 3
    midnight = datetime(OLD.year, OLD.month, OLD.day, tzinfo=UTC).timestamp()
    assert told.value("newest_whole_day_timestamp_seconds") == midnight
    assert told.value("newest_day_timestamp_seconds") == midnight + 4 * 86400
    told.after(DayCompleted(date(2024, 3, 5)))
    assert told.value("newest_whole_day_timestamp_seconds") == midnight


def test_waits_queue_and_disk_show(tmp_path: Path) -> None:
    """Waiting times are in seconds; the queue and the free disk space are in bytes."""
    told = Told(tmp_path, WaitChanged("OpenCTI", "down", NOON), now=NOON + timedelta(minutes=4))
    told.after(WaitChanged("OpenCTI", "still down", NOON + timedelta(minutes=2)))
    assert told.value("waiting_seconds", what="OpenCTI") == 240
    assert told.value("queue_bytes") is None
    told.status = replace(told.status, queue_megabytes=1.5)
    assert told.value("queue_bytes") == 1_500_000
    assert told.value("disk_floor_bytes") == 4096
    assert (told.value("disk_free_bytes") or 0) > 0
    told.after(WaitChanged("OpenCTI", "", NOON))
    assert told.value("waiting_seconds", what="OpenCTI") is None


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_promtool_finds_nothing_to_say(tmp_path: Path) -> None:
    """promtool accepts the names, units and help texts."""
    told = Told(
        tmp_path,
        WaitChanged("OpenCTI", "down", NOON),
        RunStarted(NOON),
        ReportsListed(TODAY, {}, 1),
    )
    told.after(RunEnded(NOON, complete=True, reason=""), DayCompleted(TODAY))
    metrics = Metrics(told.registry)
    for event in (
        done("a"),
        ReportSkipped("b"),
        RequestRetried("download"),
        FileProcessed("c", ""),
    ):
        metrics.observe(event)
    text = generate_latest(told.registry)
    assert text.count(b"# TYPE shadowserver_") > 20
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, b"")


def test_no_file_name_is_a_label() -> None:
    """No label holds a file name or id, as their number would grow without bound."""
    seen = Seen(ReportsListed(TODAY, {"a": TODAY}), done("a-file-name"))
    labels = {
        value
        for metric in seen.registry.collect()
        for sample in metric.samples
        for value in sample.labels.values()
    }
    assert not {value for value in labels if "capability" in value or "a-file-name" in value}


def test_one_registry_holds_them_once() -> None:
    """A second set of metrics in the same registry is an error, as it would never be scraped."""
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


def test_what_is_not_imported_for_good_is_counted() -> None:
    """Days given up, and reports listed for the wrong day, are counted."""
    seen = Seen(DaysGivenUp(("2024-01-01: x", "2024-01-02: y")), ReportsRefused(TODAY, ("a", "b")))
    assert seen.value("given_up_total") == 2
    assert seen.value("reports_total", result="refused") == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_metrics_are_served_on_one_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Metrics are served on the configured address only."""
    start = opencti_metric_handler.start_http_server
    monkeypatch.setattr(opencti_metric_handler, "start_http_server", start)
    bind_pycti_metrics(host)
    server, thread = opencti_metric_handler.start_http_server(0)
    try:
        assert server.server_address[0] == host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
