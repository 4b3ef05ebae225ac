"""How the connector is doing: plain data, made of events, judged against the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    NonNegativeInt,
    PlainSerializer,
    TypeAdapter,
)

from shadowserver_connector import __version__
from shadowserver_connector.connector.events import (
    DaysGivenUp,
    Dropped,
    Event,
    Listed,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsRefused,
    RunEnded,
    RunStarted,
)
from shadowserver_connector.report.parse_warnings import counted

SILENCE: Final = timedelta(minutes=5)
"""Time without a sign of life after which a connector counts as dead."""
LATE: Final = timedelta(minutes=15)
"""Time after which a run that has not begun is overdue."""
_NAMED: Final = 20


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no time") from None


def _to_the_second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), PlainSerializer(_to_the_second)]
"""A time, UTC."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A report or file that could not be imported, and why."""

    file: str
    reason: str
    times: NonNegativeInt = 1
    """Failures in a row."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run, under way or over."""

    started: Moment
    ended: Moment | None = None
    complete: bool = False
    reason: str = ""
    """Why it did not go through; empty when it did."""
    new: NonNegativeInt | None = None
    """Reports that were to be imported; ``None`` until Shadowserver has said."""
    done: NonNegativeInt = 0
    skipped: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    refused: NonNegativeInt = 0
    """Reports that were listed for a day that is not theirs."""
    findings: NonNegativeInt = 0
    over_time: Mapping[str, NonNegativeInt] = field(default_factory=dict)
    """Findings by verdict of the history, and gone; empty without one."""
    objects: NonNegativeInt = 0
    failures: tuple[Failed, ...] = ()
    """The first twenty of them."""


@dataclass(frozen=True, slots=True)
class Drops:
    """What became of the files of the drop folder since the start."""

    done: NonNegativeInt = 0
    failures: tuple[Failed, ...] = ()
    """The last twenty of them."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that the status file says, in its order."""

    version: str = field(default=__version__, kw_only=True)
    started: Moment
    """Start of the process."""
    alive: Moment
    """Last sign of life."""
    next_run: Moment | None = None
    queue_megabytes: float | None = None
    """What waited in OpenCTI's queue when it was last looked at."""
    newest_day: str | None = None
    """Newest day for which Shadowserver has a report."""
    current: Annotated[Run | None, Field(alias="current_run")] = None
    last: Annotated[Run | None, Field(alias="last_run")] = None
    given_up: tuple[str, ...] = ()
    """The last twenty days given up since the start, each with its reason."""
    drop_folder: Drops = Drops()


def after(status: Status, event: Event) -> Status:
    """Return the status after an event."""
    match event:
        case RunStarted():
            return replace(status, current=Run(event.at), next_run=None)
        case RunEnded() if status.current is not None:
            run = replace(
                status.current, ended=event.at, complete=event.complete, reason=event.reason
            )
            return replace(status, current=None, last=run)
        case Dropped(reason=""):
            drops = replace(status.drop_folder, done=status.drop_folder.done + 1)
            return replace(status, drop_folder=drops)
        case Dropped():
            failures = (*status.drop_folder.failures, Failed(event.file, event.reason))
            drops = replace(status.drop_folder, failures=failures[-_NAMED:])
            return replace(status, drop_folder=drops)
        case DaysGivenUp():
            return replace(status, given_up=(*status.given_up, *event.reasons)[-_NAMED:])
        case Listed():
            newest = str(event.newest) if event.newest else None
            return _in_run(replace(status, newest_day=newest), event)
        case _:
            return _in_run(status, event)


def _in_run(status: Status, event: Event) -> Status:
    run = status.current
    # Files of the drop folder are imported between runs.
    return status if run is None else replace(status, current=_counted(run, event))


def _counted(run: Run, event: Event) -> Run:
    match event:
        case Listed():
            return replace(run, new=len(event.outstanding))
        case ReportDone():
            return replace(
                run,
                done=run.done + 1,
                findings=run.findings + event.outcome.findings,
                over_time=_sum(run.over_time, event.outcome.over_time or {}),
                objects=run.objects + sum(event.outcome.objects.values()),
            )
        case ReportSkipped():
            return replace(run, skipped=run.skipped + 1)
        case ReportsRefused():
            return replace(run, refused=run.refused + len(event.files))
        case ReportFailed():
            failures = (*run.failures, Failed(event.file, event.reason, event.times))
            return replace(run, failed=run.failed + 1, failures=failures[:_NAMED])
        case _:
            return run


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {**one, **{verdict: one.get(verdict, 0) + other[verdict] for verdict in other}}


def problems(status: Status, now: datetime) -> list[str]:
    """Return what a person should look at, one line each; empty when all is well."""
    found = [line for line in (_lateness(status, now),) if line]
    last = status.last
    if last is not None and not last.complete:
        reason = last.reason or "some days could not be asked for"
        found.append(f"the last run did not go through: {reason}")
    if last is not None and last.failed:
        found.append(f"{counted(last.failed, 'report')} of the last run failed")
    if last is not None and last.refused:
        found.append(f"{counted(last.refused, 'report')} listed for a day that is not theirs")
    found += [f"given up, reports are missing: {reason}" for reason in status.given_up]
    if dropped := status.drop_folder.failures:
        found.append(f"{counted(len(dropped), 'file')} of the drop folder failed")
    return found


def _lateness(status: Status, now: datetime) -> str | None:
    """Say what should have happened by now and has not."""
    if status.alive - now > SILENCE:
        return f"the last sign of life is {_minutes(status.alive - now)} ahead of this clock"
    silent = now - status.alive > SILENCE
    if status.current is not None:
        ended = f"the connector ended in the middle of a run, last seen {_ago(status, now)}"
        return ended if silent else None
    if status.next_run is not None:
        if now - status.next_run > LATE:
            return f"the run of {status.next_run:%Y-%m-%d %H:%M} UTC is overdue"
        return f"the connector does not run, last seen {_ago(status, now)}" if silent else None
    begun = status.last is not None and status.last.started >= status.started
    if begun or now - status.started <= LATE:
        return None
    return (
        f"no run has begun since the start {_minutes(now - status.started)} ago; "
        "the log says what it waits for"
    )


def _ago(status: Status, now: datetime) -> str:
    return f"{_minutes(now - status.alive)} ago"


def _minutes(time: timedelta) -> str:
    return f"{round(time.total_seconds() / 60):,} minutes"


_STATUS: Final = TypeAdapter(Status)


def as_json(status: Status) -> dict[str, Any]:
    """Return the status as plain JSON values."""
    plain: dict[str, Any] = _STATUS.dump_python(status, mode="json", by_alias=True)
    return plain


def from_json(stored: bytes) -> Status:
    """Read a status back; raises ``ValueError`` if it is none."""
    return _STATUS.validate_json(stored, strict=True)
