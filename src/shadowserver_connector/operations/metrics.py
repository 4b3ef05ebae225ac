"""Prometheus metrics of what happens, beside those of pycti and on the same port."""

from __future__ import annotations

import threading
from datetime import date
from functools import partial
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

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

# Seconds: from an empty report to the largest, for which OpenCTI's queue is waited for.
_DURATIONS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)


def serve_on(host: str) -> None:
    """Have pycti serve metrics on one address; of its own it has a setting for the port alone."""
    from pycti.connector import opencti_metric_handler as pycti

    pycti.start_http_server = partial(pycti.start_http_server, addr=host)


class Metrics:
    """An observer that counts; pycti serves what is in the default registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register all metrics; in one registry that can be done once."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"shadowserver_{name}", text, labels, registry=registry)

        self._lock = threading.Lock()
        self._outstanding: dict[str, date] = {}
        self._newest: date | None = None
        self._reports = counter("reports", "Reports dealt with.", "result")
        self._findings = counter("findings", "Findings sent to OpenCTI.")
        self._over_time = counter(
            "findings_over_time",
            "Findings against the history: new, changed, ..., gone.",
            "verdict",
        )
        self._objects = counter("objects", "STIX objects sent, each copy counted.", "type")
        self._bytes = counter("bytes", "Bytes of the report files imported.")
        self._failures = counter("failures", "Failures of reports.", "cause")
        self._given_up = counter("given_up_days", "Days of which reports are missing for good.")
        self._retries = counter("retries", "Repeated requests to Shadowserver.", "method")
        self._runs = counter("runs", "Runs that ended.", "result")
        self._dropped = counter("dropped_files", "Files of the drop folder.", "result")
        self._seconds = Histogram(
            "shadowserver_report_duration_seconds",
            "From waiting for a report's download to its last confirmed message.",
            buckets=_DURATIONS,
            registry=registry,
        )
        self._run_started = _gauge("run_started", "Start of the last run.", registry)
        self._run_ended = _gauge("run_ended", "End of the last run.", registry)
        self._left = Gauge(
            "shadowserver_reports_outstanding",
            "Reports that Shadowserver listed and that are not imported.",
            registry=registry,
        )
        self._lag = Gauge(
            "shadowserver_lag_days",
            "Days from the oldest report outstanding to Shadowserver's newest day, both counted.",
            registry=registry,
        )

    def observe(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._run_started.set(event.at.timestamp())
            case RunEnded():
                self._run_ended.set(event.at.timestamp())
                self._runs.labels("complete" if event.complete else "incomplete").inc()
            case ReportDone():
                self._count(event)
            case ReportSkipped():
                self._reports.labels("skipped").inc()
            case ReportFailed():
                self._reports.labels("failed").inc()
                self._failures.labels(event.cause).inc()
            case ReportsRefused():
                self._reports.labels("refused").inc(len(event.files))
            case DaysGivenUp():
                self._given_up.inc(len(event.reasons))
            case Retried():
                self._retries.labels(event.method).inc()
            case Dropped():
                self._dropped.labels("failed" if event.reason else "done").inc()
        self._follow(event)

    def _count(self, event: ReportDone) -> None:
        outcome = event.outcome
        self._reports.labels("imported").inc()
        self._findings.inc(outcome.findings)
        for verdict, number in (outcome.over_time or {}).items():
            self._over_time.labels(verdict).inc(number)
        self._bytes.inc(outcome.size)
        self._seconds.observe(event.seconds)
        for stix_type, count in outcome.objects.items():
            self._objects.labels(stix_type).inc(count)

    def _follow(self, event: Event) -> None:
        """Keep track of what is outstanding. What failed still is; what is empty is not there."""
        with self._lock:
            match event:
                case Listed():
                    self._outstanding = dict(event.outstanding)
                    self._newest = event.newest
                case ReportDone():
                    self._outstanding.pop(event.outcome.info.file, None)
                case ReportSkipped():
                    self._outstanding.pop(event.file, None)
                case _:
                    return
            self._left.set(len(self._outstanding))
            self._lag.set(self._lag_days())

    def _lag_days(self) -> int:
        if self._newest is None or not self._outstanding:
            return 0
        return (self._newest - min(self._outstanding.values())).days + 1


def _gauge(name: str, text: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(f"shadowserver_{name}_timestamp_seconds", text, registry=registry)
