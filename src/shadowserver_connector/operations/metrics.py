"""Prometheus metrics of events, served next to those of pycti on the same port."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shadowserver_connector.connector.day_import import utc_now
from shadowserver_connector.connector.events import (
    DaysGivenUp,
    Event,
    FileProcessed,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsRefused,
    RequestRetried,
    RunEnded,
)
from shadowserver_connector.errors import CAUSES
from shadowserver_connector.operations.status import Run, Status, problems

# Seconds: from an empty report to the largest, for which OpenCTI's queue is waited for.
_DURATIONS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)
# As pycti computes the size of the queue.
_MEGABYTE: Final = 1_000_000

_Gauge = tuple[str, str, float | None]
"""Name, help text, and value or ``None`` while that is unknown."""


def bind_pycti_metrics(host: str) -> None:
    """Make pycti serve metrics on one address; pycti itself has a setting for the port only."""
    # Not at the top: pycti reads some of its settings when it is imported.
    from pycti.connector import opencti_metric_handler as pycti

    pycti.start_http_server = partial(pycti.start_http_server, addr=host)


class Metrics:
    """An observer that counts events; pycti serves the default registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register all metrics, which works only once for each registry."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            # The library adds `_total` to the name.
            return Counter(f"shadowserver_{name}", text, labels, registry=registry)

        self._reports = counter("reports", "Reports processed.", "result")
        self._findings = counter("findings", "Findings sent to OpenCTI.")
        self._over_time = counter(
            "findings_over_time",
            "Findings compared with the history: new, changed, ..., gone.",
            "verdict",
        )
        self._objects = counter("objects", "STIX objects sent, each copy counted.", "type")
        self._bytes = counter("bytes", "Bytes of the report files imported.")
        self._failures = counter("failures", "Failures of reports.", "cause")
        self._given_up = counter("given_up", "Days given up: their reports are missing.")
        self._retries = counter("retries", "Repeated requests to Shadowserver.", "method")
        self._runs = counter("runs", "Runs that ended.", "result")
        self._dropped = counter("dropped_files", "Files of the drop folder.", "result")
        self._seconds = Histogram(
            "shadowserver_report_duration_seconds",
            "From waiting for a report's download to its last confirmed message.",
            buckets=_DURATIONS,
            registry=registry,
        )

    def observe(self, event: Event) -> None:
        match event:
            case RunEnded():
                self._runs.labels("complete" if event.complete else "incomplete").inc()
            case ReportDone():
                self._count(event)
            case ReportSkipped():
                self._reports.labels("skipped").inc()
            case ReportFailed():
                self._reports.labels("failed").inc()
                self._failures.labels(event.error_kind).inc()
            case ReportsRefused():
                self._reports.labels("refused").inc(len(event.files))
            case DaysGivenUp():
                self._given_up.inc(len(event.reasons))
            case RequestRetried():
                self._retries.labels(event.method).inc()
            case FileProcessed():
                self._dropped.labels("failed" if event.reason else "done").inc()

    def _count(self, event: ReportDone) -> None:
        outcome = event.outcome
        self._reports.labels("imported").inc()
        self._findings.inc(outcome.findings)
        for verdict, number in (outcome.verdict_counts or {}).items():
            self._over_time.labels(verdict).inc(number)
        self._bytes.inc(outcome.size)
        self._seconds.observe(event.seconds)
        for stix_type, count in outcome.objects.items():
            self._objects.labels(stix_type).inc(count)


class StatusMetrics(Collector):
    """The status at the moment of the scrape; values that are unknown are left out."""

    def __init__(
        self,
        status: Callable[[], Status],
        folder: Path,
        floor: int,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take what returns the status, the folder of the downloads, and the bytes to keep free
        there.
        """
        self._status = status
        self._folder = folder
        self._floor = floor
        self._now = now

    def collect(self) -> Iterator[Metric]:
        status, now = self._status(), self._now()
        for name, text, value in (*self._gauges(status, now), *self._disk()):
            if value is not None:
                yield GaugeMetricFamily(f"shadowserver_{name}", text, value=value)
        yield _labelled(
            "consecutive_failures",
            "Incomplete runs since the last complete one, by cause.",
            "cause",
            # With zeros: a series that exists only after the first failure is hard to query.
            {**dict.fromkeys(dict(CAUSES).values(), 0), **status.failing},
        )
        yield _labelled(
            "waiting_seconds",
            "How long the connector has been waiting for something.",
            "what",
            {wait.what: (now - wait.since).total_seconds() for wait in status.waiting},
        )

    def _gauges(self, status: Status, now: datetime) -> tuple[_Gauge, ...]:
        queue, listed = status.queue_megabytes, _listed(status)
        ended = None if status.last is None else status.last.ended
        known: tuple[_Gauge, ...] = (
            ("ok", "1 if the status says OK, 0 if NOT OK.", not problems(status, now)),
            ("started_timestamp_seconds", "Start of the process.", _seconds(status.started)),
            (
                "last_complete_run_timestamp_seconds",
                "End of the last run in which Shadowserver answered for every day.",
                _seconds(status.last_complete),
            ),
            (
                "run_ended_timestamp_seconds",
                "End of the last run, complete or not.",
                _seconds(ended),
            ),
            ("run_active", "1 during a run.", status.current is not None),
            (
                "newest_day_timestamp_seconds",
                "Beginning of the newest day for which Shadowserver has a report.",
                _beginning(status.newest_day),
            ),
            (
                "newest_whole_day_timestamp_seconds",
                "Beginning of the newest day of which every listed report is imported.",
                _beginning(status.newest_whole_day),
            ),
            (
                "queue_bytes",
                "Size of the connector's queue in OpenCTI, when last checked.",
                None if queue is None else queue * _MEGABYTE,
            ),
        )
        if listed is None:
            return known
        return (
            *known,
            (
                "reports_waiting",
                "Reports listed but not imported, failed ones included.",
                # Two reports with the same file name are listed as one (`Listed`), but both are
                # imported.
                max(0, (listed.new or 0) - listed.done - listed.skipped),
            ),
            ("reports_failing", "Reports whose last import failed.", listed.failed),
            (
                "report_failures_in_a_row",
                "Most consecutive runs in which one report failed.",
                max((each.times for each in listed.failures), default=0),
            ),
        )

    def _disk(self) -> tuple[_Gauge, ...]:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            return ()
        return (
            ("disk_free_bytes", "Free space where reports are downloaded.", free),
            ("disk_floor_bytes", "Free space below which nothing is downloaded.", self._floor),
        )


def register_status_metrics(status: Callable[[], Status], folder: Path, floor: int) -> None:
    """Have pycti serve the status as well."""
    REGISTRY.register(StatusMetrics(status, folder, floor))


def _listed(status: Status) -> Run | None:
    """Return the last run for which it is known what there was to import."""
    runs = (status.current, status.last)
    return next((run for run in runs if run is not None and run.new is not None), None)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"shadowserver_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _beginning(day: str | None) -> float | None:
    try:
        return datetime.fromisoformat(day or "").replace(tzinfo=UTC).timestamp()
    except ValueError:
        # Unknown; or not ours, in a status file that somebody else wrote.
        return None
