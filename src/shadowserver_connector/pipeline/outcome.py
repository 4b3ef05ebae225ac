"""The result of one report: the counts that are shown, logged and checked; or a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shadowserver_connector.report.info import ReportInfo

Job = tuple[Path, ReportInfo]
"""A report's file, and what is known of the report."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A report that could not be converted; the others are not affected."""

    info: ReportInfo
    reason: str
    """One line, without secrets."""
    times: int = 1
    """Consecutive failures, this one included."""
    error_kind: str = ""
    """Name of the kind of error, where it was met while the report was imported."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one converted report.

    ``rows == noted + merged + skipped + filtered + cut + empty`` always holds. ``convert --json``
    prints the fields under their names, so these stay as they are.
    """

    info: ReportInfo
    severity: str
    """Highest severity of the findings, ``info`` to ``critical``."""
    rows: int
    noted: int
    """Rows that have their own Note, or a line in a host's Note.

    With ``notes: none``, rows that would.
    """
    merged: int
    """Rows equal to another one, or with the same Note as another: shown once."""
    filtered: int
    """Rows below ``min_severity``."""
    cut: int
    """Rows beyond ``max_findings``."""
    chunks: int
    objects: Mapping[str, int]
    """Objects by STIX type, each chunk's copy. After an import, those that were sent: not what
    OpenCTI had.
    """
    size: int
    """Bytes of the original file."""
    sha256: str
    """Of the original file."""
    oddities: Mapping[str, int] = field(default_factory=dict)
    """Kind of anomaly -> number of cells or rows."""
    remarks: tuple[str, ...] = ()
    """A sentence for each kind and column, with file, rows and column."""
    skipped: int = 0
    """Rows of recurring findings for which nothing is sent and nothing referred to."""
    referred: int = 0
    """Objects that are only referred to, because OpenCTI was sent them on an earlier day."""
    empty: int = 0
    """Rows without any content."""
    verdict_counts: Mapping[str, int] | None = None
    """Findings by verdict (`history.comparison`), and gone; ``None`` without a history."""

    @property
    def findings(self) -> int:
        """Rows that are reported to OpenCTI, or were before."""
        return self.noted + self.merged + self.skipped
