"""How the connector is doing: plain data, made of events, judged against the clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    DayCompleted,
    DaysGivenUp,
    Event,
    Exited,
    FileProcessed,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsListed,
    ReportsRefused,
    RunEnded,
    RunStarted,
    WaitChanged,
)
from shadowserver_connector.report.wording import counted

# Ten heartbeats (`status_file.BEAT`).
DEAD_AFTER: Final = timedelta(minutes=5)
"""Time without a heartbeat after which a connector counts as dead."""
OVERDUE_AFTER: Final = timedelta(minutes=15)
"""Time after which a run that has not started is overdue."""
LONG_WAIT: Final = timedelta(minutes=5)
"""Time after which waiting needs attention."""
OK: Final = "OK"
_NAMED: Final = 20


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # pydantic takes a ValueError for a wrong value, and raises any other error as it is.
        raise ValueError("no time") from None


def _to_the_second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), PlainSerializer(_to_the_second)]
"""A time, UTC."""


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A report or file that could not be imported, and why."""

    file: str
    reason: str
    times: NonNegativeInt = 1
    """Failures in a row."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run, in progress or ended."""

    started: Moment
    ended: Moment | None = None
    complete: bool = False
    reason: str = ""
    """Why it did not complete; empty if it did."""
    cause: str = ""
    """The cause as a label; empty if it completed, or was stopped."""
    days: NonNegativeInt | None = None
    """Days for which Shadowserver has listed the reports; ``None`` until it has."""
    new: NonNegativeInt | None = None
    """Reports to import; ``None`` until Shadowserver has listed them."""
    done: NonNegativeInt = 0
    skipped: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    refused: NonNegativeInt = 0
    """Reports that were listed for the wrong day."""
    findings: NonNegativeInt = 0
    verdict_counts: Mapping[str, NonNegativeInt] = field(default_factory=dict)
    """Findings by verdict of the history, and gone; empty without a history."""
    objects: NonNegativeInt = 0
    failures: tuple[FailedFile, ...] = ()
    """The first twenty of them."""


@dataclass(frozen=True, slots=True)
class DroppedFiles:
    """The results for files of the drop folder since the start."""

    done: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    failures: tuple[FailedFile, ...] = ()
    """The last twenty of them."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that the connector is waiting for."""

    what: str
    reason: str
    since: Moment


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that the status file says, in its order."""

    # By keyword only, so that it can have a default and still be the first in the file.
    version: str = field(default=__version__, kw_only=True)
    started: Moment
    """Start of the process."""
    alive: Moment
    """Last heartbeat."""
    exit_reason: str = ""
    """The error that ended the process; empty if it runs, or was asked to stop."""
    next_run: Moment | None = None
    queue_megabytes: float | None = None
    """Size of the connector's queue in OpenCTI, when last checked."""
    newest_day: str | None = None
    """Newest day for which Shadowserver has a report."""
    newest_whole_day: str | None = None
    """Newest day of which every listed report is imported."""
    last_complete: Moment | None = None
    """End of the last run in which Shadowserver answered for every day."""
    failing: Mapping[str, NonNegativeInt] = field(default_factory=dict)
    """Incomplete runs since the last complete one, by cause."""
    waiting: tuple[Wait, ...] = ()
    current: Annotated[Run | None, Field(alias="current_run")] = None
    last: Annotated[Run | None, Field(alias="last_run")] = None
    given_up: tuple[str, ...] = ()
    """The last twenty days given up since the start, each with its reason."""
    drop_folder: DroppedFiles = DroppedFiles()


def initial_status(earlier: Status | None, now: datetime) -> Status:
    """Return the status of a process that starts and knows what an earlier one left."""
    if earlier is None:
        return Status(now, now)
    return Status(
        now,
        now,
        newest_day=earlier.newest_day,
        newest_whole_day=earlier.newest_whole_day,
        last_complete=earlier.last_complete,
        failing=earlier.failing,
        last=earlier.last,
    )


def status_after(status: Status, event: Event) -> Status:
    """Return the status after an event."""
    match event:
        case RunStarted():
            return replace(status, current=Run(event.at), next_run=None)
        case RunEnded() if status.current is not None:
            return _ended(status, status.current, event)
        case DayCompleted():
            # Days as ISO 8601 sort as text.
            whole = max(status.newest_whole_day or "", str(event.day))
            return replace(status, newest_whole_day=whole)
        case WaitChanged():
            return replace(status, waiting=_waits(status.waiting, event))
        case FileProcessed(reason=""):
            drops = replace(status.drop_folder, done=status.drop_folder.done + 1)
            return replace(status, drop_folder=drops)
        case FileProcessed():
            drops = status.drop_folder
            failures = (*drops.failures, FailedFile(event.file, event.reason))
            drops = replace(drops, failed=drops.failed + 1, failures=failures[-_NAMED:])
            return replace(status, drop_folder=drops)
        case DaysGivenUp():
            return replace(status, given_up=(*status.given_up, *event.reasons)[-_NAMED:])
        case Exited():
            return replace(status, exit_reason=event.reason)
        case ReportsListed():
            newest = str(event.newest) if event.newest else None
            return _in_run(replace(status, newest_day=newest), event)
        case _:
            return _in_run(status, event)


def _ended(status: Status, current: Run, event: RunEnded) -> Status:
    run = replace(
        current, ended=event.at, complete=event.complete, reason=event.reason, cause=event.cause
    )
    if event.complete:
        return replace(status, current=None, last=run, last_complete=event.at, failing={})
    failing = _sum(status.failing, {event.cause: 1}) if event.cause else status.failing
    return replace(status, current=None, last=run, failing=failing)


def _waits(waiting: tuple[Wait, ...], event: WaitChanged) -> tuple[Wait, ...]:
    since = next((each.since for each in waiting if each.what == event.what), event.at)
    others = tuple(each for each in waiting if each.what != event.what)
    return (*others, Wait(event.what, event.reason, since)) if event.reason else others


def _in_run(status: Status, event: Event) -> Status:
    run = status.current
    # Files of the drop folder are imported between runs.
    return status if run is None else replace(status, current=_counted(run, event))


def _counted(run: Run, event: Event) -> Run:
    match event:
        case ReportsListed():
            return replace(run, new=len(event.outstanding), days=event.days)
        case ReportDone():
            return replace(
                run,
                done=run.done + 1,
                findings=run.findings + event.outcome.findings,
                verdict_counts=_sum(run.verdict_counts, event.outcome.verdict_counts or {}),
                objects=run.objects + sum(event.outcome.objects.values()),
            )
        case ReportSkipped():
            return replace(run, skipped=run.skipped + 1)
        case ReportsRefused():
            return replace(run, refused=run.refused + len(event.files))
        case ReportFailed():
            failures = (*run.failures, FailedFile(event.file, event.reason, event.times))
            return replace(run, failed=run.failed + 1, failures=failures[:_NAMED])
        case _:
            return run


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {**one, **{key: one.get(key, 0) + other[key] for key in other}}


def health_line(status: Status, now: datetime) -> str:
    """Return the line by which status, health check and metrics judge.

    ``OK``, or ``NOT OK`` with the first of the `problems`.
    """
    found = problems(status, now)
    if not found:
        return OK
    more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
    return f"NOT {OK}: {found[0]}{more}"


def problems(status: Status, now: datetime) -> list[str]:
    """Return what needs attention and what to do, one line each; empty if all is well."""
    found = [line for line in (_lateness(status, now), *_long_waits(status, now)) if line]
    last = status.last
    # The reason why the process exited is said by `_lateness` already.
    if last is not None and not (status.exit_reason and last.reason == status.exit_reason):
        found += _of_last_run(last, is_made_good=status.current is not None and not last.cause)
    found += [
        f"given up, their reports are missing: {reason}; 'backfill' imports them"
        for reason in status.given_up
    ]
    if failed := status.drop_folder.failed:
        found.append(
            f"{counted(failed, 'file')} of the drop folder failed; see the .reason files in "
            "failed/, and move the files back to try them again"
        )
    return found


def _of_last_run(last: Run, *, is_made_good: bool) -> Iterator[str]:
    """Yield what is wrong with it; if it was only stopped, the current run makes up for it."""
    if not last.complete and not is_made_good:
        yield (
            "the last run did not complete: "
            + (last.reason or "some days could not be queried; the log says why")
            + ("" if last.cause == "credentials" else "; it is tried again within an hour")
        )
    if last.failed:
        yield (
            f"{counted(last.failed, 'report')} of the last run failed; the next run tries again; "
            "if that fails too, see the reason"
        )
    if last.refused:
        yield (f"{counted(last.refused, 'report')} listed for the wrong day; tell Shadowserver")


def _long_waits(status: Status, now: datetime) -> Iterator[str]:
    # What a dead process waited for does not matter any more.
    if now - status.alive > DEAD_AFTER:
        return
    for wait in status.waiting:
        if now - wait.since > LONG_WAIT:
            yield f"waiting for {wait.what} for {_minutes(now - wait.since)}: {wait.reason}"


def _lateness(status: Status, now: datetime) -> str | None:
    """Say what should have happened by now and has not."""
    if status.exit_reason:
        return f"the connector exited: {status.exit_reason}; then start it again"
    if status.alive - now > DEAD_AFTER:
        ahead = f"the last heartbeat is {_minutes(status.alive - now)} ahead of this clock"
        return f"{ahead}; let both machines follow a time server"
    silent = now - status.alive > DEAD_AFTER
    last_seen = f"last seen {_minutes(now - status.alive)} ago; start it again"
    if status.current is not None:
        return f"the connector stopped in the middle of a run, {last_seen}" if silent else None
    if status.next_run is not None:
        if now - status.next_run > OVERDUE_AFTER:
            return (
                f"the run of {status.next_run:%Y-%m-%d %H:%M} UTC is overdue; "
                "restart the connector; its log says why it stopped"
            )
        return f"the connector is not running, {last_seen}" if silent else None
    # It may be the last run of an earlier process (`initial_status`).
    has_run = status.last is not None and status.last.started >= status.started
    if has_run or status.waiting or now - status.started <= OVERDUE_AFTER:
        return None
    return (
        f"no run has begun since the start {_minutes(now - status.started)} ago; the log says why"
    )


def _minutes(time: timedelta) -> str:
    return f"{round(time.total_seconds() / 60):,} minutes"


_STATUS: Final = TypeAdapter(Status)


def as_json(status: Status) -> dict[str, Any]:
    """Return the status as plain JSON values."""
    plain: dict[str, Any] = _STATUS.dump_python(status, mode="json", by_alias=True)
    return plain


def from_json(stored: bytes) -> Status:
    """Read a status back; raises ``ValueError`` if it is not one."""
    return _STATUS.validate_json(stored, strict=True)
