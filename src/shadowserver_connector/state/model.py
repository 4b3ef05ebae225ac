"""What has been imported: plain data, and the questions asked of it.

The state lives in OpenCTI and travels with every ping, so it holds short digests only, packed
without separators: 24 characters for each report. No report id can be recovered from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.state.digest import (
    bytes_digest,
    content_digest,
    file_digest,
    report_digest,
)

_T = TypeVar("_T")

AHEAD: Final = 366
"""Days from now after which nothing is remembered; a clock that is set back leaves some of them."""


class Done(NamedTuple):
    """A report that OpenCTI has."""

    report: str
    """Digest of list, type, day, file and id."""
    content: str
    """Digest of the bytes inside, and of list, type, day, file and these bytes."""


class Tried(NamedTuple):
    """Runs that asked in vain for an open day that no usual window reaches any more."""

    runs: int
    since: date
    """Day of the first of them."""


@dataclass(frozen=True, slots=True)
class State:
    """What the connector remembers between runs; every change makes a new one."""

    last_run: datetime | None = None
    """Start of the last run that went through its whole window, UTC; ``None``: never."""
    done: Mapping[date, tuple[Done, ...]] = field(default_factory=lambda: MappingProxyType({}))
    open_days: frozenset[date] = frozenset()
    """Days that must be asked again, even when they are older than the usual window."""
    failures: Mapping[date, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    """Day to digest of list, type, day and file to failures in a row."""
    tried: Mapping[date, Tried] = field(default_factory=lambda: MappingProxyType({}))
    """Open days that are older than the window of a first run."""

    @property
    def first_run(self) -> bool:
        """Whether no run has gone through its whole window yet."""
        return self.last_run is None


def is_done(state: State, info: ReportInfo) -> bool:
    """Tell whether this report, under this id, needs no download."""
    wanted = report_digest(info)
    return any(done.report == wanted for done in state.done.get(info.day, ()))


def is_content_known(state: State, info: ReportInfo, sha256: str) -> bool:
    """Tell whether this file with these bytes was imported, under whatever id."""
    wanted = content_digest(info, sha256)
    return any(done.content == wanted for done in state.done.get(info.day, ()))


def are_bytes_known(state: State, sha256: str) -> bool:
    """Tell whether a file with these bytes was imported, under whatever name, of whatever day."""
    wanted = bytes_digest(sha256)
    return any(done.content.startswith(wanted) for day in state.done.values() for done in day)


def with_done(state: State, info: ReportInfo, sha256: str, listed: Collection[str]) -> State:
    """Remember a report as imported and forget its failures.

    ``listed`` are the report digests that the API lists for the day. An older id of the same
    content is forgotten once the API no longer lists it: ids that change with every listing
    must not make the state grow.
    """
    new = Done(report_digest(info), content_digest(info, sha256))
    kept = tuple(
        done
        for done in state.done.get(info.day, ())
        if done != new and (done.content != new.content or done.report in listed)
    )
    return replace(
        without_failures(state, info),
        done=MappingProxyType({**state.done, info.day: (*kept, new)}),
    )


def with_failure(state: State, info: ReportInfo) -> State:
    """Count one more failure of a report and keep its day open."""
    failures = dict(state.failures.get(info.day, {}))
    failures[file_digest(info)] = failures_of(state, info) + 1
    return replace(
        with_day_open(state, info.day),
        failures=MappingProxyType({**state.failures, info.day: MappingProxyType(failures)}),
    )


def without_failures(state: State, info: ReportInfo) -> State:
    """Forget the failures of a report."""
    failures = {k: v for k, v in state.failures.get(info.day, {}).items() if k != file_digest(info)}
    days = {day: counts for day, counts in state.failures.items() if day != info.day}
    if failures:
        days[info.day] = MappingProxyType(failures)
    return replace(state, failures=MappingProxyType(days))


def failures_of(state: State, info: ReportInfo) -> int:
    """Return how many times in a row this report has failed."""
    return state.failures.get(info.day, {}).get(file_digest(info), 0)


def with_day_open(state: State, day: date) -> State:
    """Have a day asked again by later runs."""
    return replace(state, open_days=state.open_days | {day})


def with_day_closed(state: State, day: date) -> State:
    """Leave a day to the usual window: all that it lists is imported, or it is given up."""
    return replace(
        state,
        open_days=state.open_days - {day},
        tried=MappingProxyType({each: tried for each, tried in state.tried.items() if each != day}),
    )


def finished(state: State, started: datetime, oldest: date) -> State:
    """Return the state after a run through the whole window; see `remembered`."""
    return replace(remembered(state, oldest, started.date()), last_run=started)


def remembered(state: State, oldest: date, today: date) -> State:
    """Forget days before ``oldest`` that are not open, and any more than a year ahead."""

    def kept(days: Mapping[date, _T]) -> Mapping[date, _T]:
        return MappingProxyType({day: value for day, value in days.items() if is_kept(day)})

    def is_kept(day: date) -> bool:
        return (day >= oldest or day in state.open_days) and (day - today).days <= AHEAD

    return replace(
        state,
        done=kept(state.done),
        open_days=frozenset(filter(is_kept, state.open_days)),
        failures=kept(state.failures),
        tried=kept(state.tried),
    )
