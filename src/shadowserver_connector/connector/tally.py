"""What became of a day's reports, and the one line that says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.plural import counted

PERSISTENT: Final = 3
"""Failures in a row from which a report is named in OpenCTI even if nothing else is new."""
_NAMED: Final = 20


@dataclass
class Tally:
    """Counts of one day's reports."""

    day: date
    imported: int = 0
    findings: int = 0
    skipped: int = 0
    """Listed but without news: still empty, or known under another id."""
    failures: list[Failure] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an imported report."""
        self.imported += 1
        self.findings += outcome.noted + outcome.merged

    @property
    def persistent(self) -> list[Failure]:
        """The failures that did not go away by themselves."""
        return [failure for failure in self.failures if failure.times >= PERSISTENT]

    def message(self, objects: int, ending: str = "") -> str:
        """Return the line that closes the day's work; ``objects`` is how many were sent."""
        counts = (
            f"{self.day}: {counted(self.imported, 'report')}, {counted(self.findings, 'finding')}, "
            f"{counted(objects, 'object')} sent, {self.skipped:,} skipped, "
            f"{len(self.failures):,} failed"
        )
        named = [_line(failure) for failure in self.failures[:_NAMED]]
        if len(self.failures) > _NAMED:
            named.append(f"and {len(self.failures) - _NAMED:,} more")
        return "; ".join([counts, *([ending] if ending else []), *named])


def _line(failure: Failure) -> str:
    times = f" ({failure.times} runs in a row)" if failure.times >= PERSISTENT else ""
    return f"failed{times}: {failure.info.file}: {failure.reason}"
