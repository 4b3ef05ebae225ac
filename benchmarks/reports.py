"""The generated reports that are measured."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.simulator.generate import write_report

DAY = date(2024, 1, 31)

USUAL = "scan_cwmp"
"""A scan with 25 columns."""

WIDEST = ("scan_ssl", "scan_ssl_freak", "device_id", "scan_ssh")
"""TLS with its certificate's fields, and with the certificate itself; devices; SSH with keys."""


class Report(NamedTuple):
    """A file and what is known of it."""

    path: Path
    info: ReportInfo
    rows: int


def report(
    folder: Path,
    report_type: str,
    rows: int,
    *,
    hosts: int | None = None,
    seed: int = 1,
    day: date = DAY,
) -> Report:
    """Return a report of so many rows, made when it is first asked for."""
    name = f"{day}-{report_type}-example-{rows}-{hosts or 'default'}-{seed}.csv"
    path = folder / name
    if not path.exists():
        write_report(path, report_type, day, rows, hosts=hosts, seed=seed)
    return Report(path, ReportInfo(report_type, day, name, "example"), rows)
