"""What the simulator serves: the reports of some days, each with its content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report file that the simulated Shadowserver has."""

    type: str
    list: str
    """Name of the subscriber's report list."""
    day: date
    file: str
    """File name, ``2024-01-31-scan_ssl-example.csv``."""
    id: str = field(repr=False)
    """Token that opens the file; ``[A-Za-z0-9_.:?=&-]+`` and unique in the store."""
    url: str
    """Shadowserver's page on the type; may be empty."""
    rows: int
    """Number of findings, for ``reports/stats``."""


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, made while they are sent."""

    size: int | None
    """Number of bytes; None if it is known only at the end, so that the file is sent in chunks."""
    chunks: Iterator[bytes]


class ReportStore(Protocol):
    """Where the simulator finds its reports. Called from several threads at once."""

    def days(self) -> Sequence[date]:
        """Return the days that have reports."""

    def reports(self, day: date) -> Sequence[StoredReport]:
        """Return the reports of a day; empty for a day without."""

    def open(self, id: str) -> Content:
        """Return the file with this id. Raises KeyError where there is none."""
