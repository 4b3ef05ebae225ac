"""What happens in a running connector, for whoever keeps count of it."""

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
class Listed:
    """Shadowserver has said what there is for the days of a run."""

    newest: date | None
    """Newest day that has a report; ``None`` where no day has one."""
    outstanding: Mapping[str, date]
    """Files that are not imported yet, and their days."""
    days: int = 0
    """Days that gave an answer."""


@dataclass(frozen=True, slots=True)
class DayWhole:
    """Everything that Shadowserver listed for a day is imported, or needs nothing."""

    day: date


@dataclass(frozen=True, slots=True)
class ReportDone:
    """A report is in OpenCTI's queue."""

    outcome: Outcome
    seconds: float
    """From the download that was waited for to the last confirmed chunk."""


@dataclass(frozen=True, slots=True)
class ReportSkipped:
    """A report needs nothing: it is still empty, or its content is known."""

    file: str


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """A report could not be imported."""

    file: str
    reason: str
    """One line, without secrets."""
    cause: str
    """Name of the kind of error."""
    times: int
    """Failures in a row, this one included."""


@dataclass(frozen=True, slots=True)
class ReportsRefused:
    """Shadowserver lists reports for a day that is not theirs; they are not imported."""

    day: date
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DaysGivenUp:
    """Days with reports missing that are not asked for again."""

    reasons: tuple[str, ...]
    """A line for each day, or row of days, that begins with it."""


@dataclass(frozen=True, slots=True)
class Retried:
    """Retrying a request to Shadowserver."""

    method: str
    """``reports/list``, ``download``, ..."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file of the drop folder is dealt with."""

    file: str
    reason: str
    """Why it could not be imported; empty when it was."""


@dataclass(frozen=True, slots=True)
class Waited:
    """Something is waited for, or no longer."""

    what: str
    reason: str
    """Why, in one line, without secrets; empty when the wait is over."""
    at: datetime


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over."""

    at: datetime
    complete: bool
    """Every day of the window could be asked for."""
    reason: str
    """Why it could not go on, in one line; empty when it went through."""
    cause: str = ""
    """What that was, of `errors.CAUSES`; empty when it was complete, or stopped."""


Event = (
    RunStarted
    | Listed
    | DayWhole
    | Waited
    | ReportDone
    | ReportSkipped
    | ReportFailed
    | ReportsRefused
    | DaysGivenUp
    | Retried
    | Dropped
    | RunEnded
)
Observe = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Observe nothing."""


def both(first: Observe, second: Observe) -> Observe:
    """Return an observer that tells two others."""

    def observe(event: Event) -> None:
        first(event)
        second(event)

    return observe
