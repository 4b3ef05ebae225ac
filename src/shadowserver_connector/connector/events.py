"""What happens in a running connector, for its observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from shadowserver_connector.pipeline.outcome import Outcome


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ReportsListed:
    """Shadowserver has listed the reports for the days of a run."""

    newest: date | None
    """Newest day that has a report; ``None`` if no day has one."""
    outstanding: Mapping[str, date]
    """Files that are not imported yet, and their days."""
    days: int = 0
    """Days for which there was an answer."""


@dataclass(frozen=True, slots=True)
class DayCompleted:
    """Everything that Shadowserver listed for a day is imported, or needs no import."""

    day: date


@dataclass(frozen=True, slots=True)
class ReportDone:
    """A report is in OpenCTI's queue."""

    outcome: Outcome
    seconds: float
    """From waiting for the download to the last confirmed chunk."""


@dataclass(frozen=True, slots=True)
class ReportSkipped:
    """A report needs no import: it is still empty, or its content is known."""

    file: str


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """A report could not be imported."""

    file: str
    reason: str
    """One line, without secrets."""
    error_kind: str
    """Name of the class of the error."""
    times: int
    """Consecutive failures, this one included."""


@dataclass(frozen=True, slots=True)
class ReportsRefused:
    """Shadowserver lists reports for the wrong day; they are not imported."""

    day: date
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DaysGivenUp:
    """Days with missing reports that are no longer queried."""

    reasons: tuple[str, ...]
    """A line for each day, or range of days, that begins with it."""


@dataclass(frozen=True, slots=True)
class RequestRetried:
    """Retrying a request to Shadowserver."""

    method: str
    """``reports/list``, ``download``, ..."""


@dataclass(frozen=True, slots=True)
class FileProcessed:
    """A file of the drop folder has been processed."""

    file: str
    reason: str
    """Why it could not be imported; empty if it was."""


@dataclass(frozen=True, slots=True)
class WaitChanged:
    """The connector waits for something, or no longer does."""

    what: str
    reason: str
    """Why, in one line, without secrets; empty when the wait is over."""
    at: datetime


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run has ended."""

    at: datetime
    complete: bool
    """Every day of the window was queried successfully."""
    reason: str
    """Why it could not continue, in one line; empty if it completed."""
    cause: str = ""
    """The cause, from `errors.CAUSES`; empty if it was complete, or stopped."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The connector ends because of an error, not because it was asked to stop."""

    reason: str
    """Why, in one line, without secrets."""


Event = (
    RunStarted
    | ReportsListed
    | DayCompleted
    | WaitChanged
    | ReportDone
    | ReportSkipped
    | ReportFailed
    | ReportsRefused
    | DaysGivenUp
    | RequestRetried
    | FileProcessed
    | RunEnded
    | Exited
)
Observe = Callable[[Event], None]


def observe_nothing(event: Event) -> None:
    """Observe nothing."""


def observe_both(first: Observe, second: Observe) -> Observe:
    """Return an observer that informs two others."""

    def observe(event: Event) -> None:
        first(event)
        second(event)

    return observe
