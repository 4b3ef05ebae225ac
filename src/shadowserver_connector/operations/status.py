"""How the connector is doing: plain data, made of events, judged against the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
from shadowserver_connector.plural import counted

SILENCE: Final = timedelta(minutes=5)
"""Time without a sign of life after which a connector counts as dead."""
LATE: Final = timedelta(minutes=15)
"""Time after which a run that has not begun is overdue."""
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Failed:
    """A report or file that could not be imported, and why."""

    file: str
    reason: str
    times: int = 1
    """Failures in a row."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run, under way or over."""

    started: datetime
    ended: datetime | None = None
    complete: bool = False
    reason: str = ""
    """Why it did not go through; empty when it did."""
    new: int | None = None
    """Reports that were to be imported; ``None`` until Shadowserver has said."""
    done: int = 0
    skipped: int = 0
    failed: int = 0
    refused: int = 0
    """Reports that were listed for a day that is not theirs."""
    findings: int = 0
    over_time: Mapping[str, int] = field(default_factory=dict)
    """Findings by verdict of the history, and gone; empty without one."""
    objects: int = 0
    failures: tuple[Failed, ...] = ()
    """The first twenty of them."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that the status file says. Times are UTC."""

    started: datetime
    """Start of the process."""
    alive: datetime
    """Last sign of life."""
    version: str = __version__
    current: Run | None = None
    last: Run | None = None
    next_run: datetime | None = None
    queue_megabytes: float | None = None
    """What waited in OpenCTI's queue when it was last looked at."""
    newest_day: str | None = None
    """Newest day for which Shadowserver has a report."""
    given_up: tuple[str, ...] = ()
    """The last twenty days given up since the start, each with its reason."""
    dropped: int = 0
    """Files of the drop folder imported since the start."""
    drop_failures: tuple[Failed, ...] = ()
    """The last twenty files of the drop folder that failed since the start."""


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
            return replace(status, dropped=status.dropped + 1)
        case Dropped():
            failures = (*status.drop_failures, Failed(event.file, event.reason))
            return replace(status, drop_failures=failures[-_NAMED:])
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
    if status.drop_failures:
        found.append(f"{counted(len(status.drop_failures), 'file')} of the drop folder failed")
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


def as_json(status: Status) -> dict[str, Any]:
    """Return the status as plain JSON values."""
    return {
        "version": status.version,
        "started": _text(status.started),
        "alive": _text(status.alive),
        "next_run": _text(status.next_run),
        "queue_megabytes": status.queue_megabytes,
        "newest_day": status.newest_day,
        "current_run": _run_as_json(status.current),
        "last_run": _run_as_json(status.last),
        "given_up": list(status.given_up),
        "drop_folder": {
            "done": status.dropped,
            "failures": [_failed_as_json(each) for each in status.drop_failures],
        },
    }


def from_json(stored: Mapping[str, Any]) -> Status:
    """Read a status back; raises ``LookupError``, ``TypeError`` or ``ValueError`` if it is none."""
    return Status(
        version=str(stored["version"]),
        started=_time(stored["started"]),
        alive=_time(stored["alive"]),
        next_run=_moment(stored["next_run"]),
        queue_megabytes=_number(stored["queue_megabytes"]),
        newest_day=_maybe_text(stored["newest_day"]),
        current=_run_from_json(stored["current_run"]),
        last=_run_from_json(stored["last_run"]),
        given_up=tuple(map(_plain_text, stored["given_up"])),
        dropped=_count(stored["drop_folder"]["done"]),
        drop_failures=_failures_from_json(stored["drop_folder"]["failures"]),
    )


def _run_as_json(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "started": _text(run.started),
        "ended": _text(run.ended),
        "complete": run.complete,
        "reason": run.reason,
        "new": run.new,
        "done": run.done,
        "skipped": run.skipped,
        "failed": run.failed,
        "refused": run.refused,
        "findings": run.findings,
        "over_time": dict(run.over_time),
        "objects": run.objects,
        "failures": [_failed_as_json(each) for each in run.failures],
    }


def _run_from_json(stored: Mapping[str, Any] | None) -> Run | None:
    if stored is None:
        return None
    return Run(
        started=_time(stored["started"]),
        ended=_moment(stored["ended"]),
        complete=bool(stored["complete"]),
        reason=_plain_text(stored["reason"]),
        new=None if stored["new"] is None else _count(stored["new"]),
        done=_count(stored["done"]),
        skipped=_count(stored["skipped"]),
        failed=_count(stored["failed"]),
        refused=_count(stored["refused"]),
        findings=_count(stored["findings"]),
        # A file of an earlier version has none.
        over_time={
            _plain_text(verdict): _count(number)
            for verdict, number in stored.get("over_time", {}).items()
        },
        objects=_count(stored["objects"]),
        failures=_failures_from_json(stored["failures"]),
    )


def _failed_as_json(failed: Failed) -> dict[str, Any]:
    return {"file": failed.file, "reason": failed.reason, "times": failed.times}


def _failures_from_json(stored: Any) -> tuple[Failed, ...]:
    return tuple(
        Failed(_plain_text(each["file"]), _plain_text(each["reason"]), _count(each["times"]))
        for each in stored
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _moment(text: str | None) -> datetime | None:
    return _time(text) if text else None


def _time(text: str) -> datetime:
    """Read a time; one without a zone, or that cannot be told in UTC, is a ``ValueError``."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no time") from None


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("no count")
    return value


def _number(value: object) -> float | None:
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise TypeError("no number")
    return value


def _plain_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _maybe_text(value: object) -> str | None:
    return None if value is None else _plain_text(value)
