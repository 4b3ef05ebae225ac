"""What has been imported: plain data, the queries on it, the days of a run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from shadowserver_connector.report.info import ReportInfo

DIGEST_CHARS: Final = 12
# Three bytes are four characters of base64, so there is no padding.
# 72 bits: among 9,000 reports two share a digest with a probability of one in 10^14.
_DIGEST_BYTES: Final = DIGEST_CHARS * 6 // 8
_CONTENT_CHARS: Final = 8
"""Characters of a content digest that depend on the bytes alone, not on names.

48 bits: a file that is new is taken for one of 9,000 with a probability of one in 10^10.
"""

LONGEST_LOOKBACK: Final = 365
"""Maximum number of days that a run goes back, whatever state and settings say."""
MAX_OPEN_AGE: Final = 2 * LONGEST_LOOKBACK
"""Greatest age in days at which an open day is still queried."""
MAX_DAYS_AHEAD: Final = 366
"""Days ahead of now beyond which nothing is kept; a clock that is set back leaves such days."""
GIVE_UP_RUNS: Final = 3
"""Runs that query an open day in vain after it has left the window of a first run."""
GIVE_UP_DAYS: Final = 7
"""Minimum number of days over which these runs are spread: longer than an outage."""

_T = TypeVar("_T")


def listing_digest(info: ReportInfo) -> str:
    """Digest a report as listed: list, type, day, file and id."""
    return _digest(b"report", *_names(info), info.id)


def name_digest(info: ReportInfo) -> str:
    """Digest a report as a subscriber knows it: list, type, day and file, whatever its id."""
    return _digest(b"file", *_names(info))


def content_digest(info: ReportInfo, sha256: str) -> str:
    """Digest a report's file and what is inside; ``sha256`` is the file's, in hex.

    It begins with what `bytes_digest` says of the same bytes.
    """
    named = _digest(b"content", *_names(info), sha256)
    return bytes_digest(sha256) + named[_CONTENT_CHARS:]


def bytes_digest(sha256: str) -> str:
    """Digest bytes: the first 8 characters of every content digest of a file that has them."""
    return _digest(b"bytes", sha256)[:_CONTENT_CHARS]


def _names(info: ReportInfo) -> tuple[str, str, str, str]:
    return (info.list, info.type, info.day.isoformat(), info.file)


def _digest(kind: bytes, *parts: str) -> str:
    # NUL is in no name, so different names never give the same text.
    # A file name that an API answer made up may contain lone surrogates.
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    # With `person`, the same texts give another digest for each kind.
    raw = hashlib.blake2b(text, digest_size=_DIGEST_BYTES, person=kind).digest()
    return base64.urlsafe_b64encode(raw).decode()


class ImportedReport(NamedTuple):
    """A report that OpenCTI has."""

    listing_digest: str
    """See `listing_digest`."""
    content_digest: str
    """See `content_digest`."""


class LateAttempts(NamedTuple):
    """Unsuccessful runs that queried an open day after it left every usual window."""

    runs: int
    since: date
    """Day of the first of these runs."""


@dataclass(frozen=True, slots=True)
class State:
    """What the connector remembers between runs; every change creates a new one."""

    last_run: datetime | None = None
    """Start of the last run that completed its window, UTC; ``None`` if there was none."""
    done: Mapping[date, tuple[ImportedReport, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    open_days: frozenset[date] = frozenset()
    """Days that must be queried again, even if they are older than the usual window."""
    failures: Mapping[date, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    """Day -> digest of list, type, day and file -> consecutive failures."""
    late_attempts: Mapping[date, LateAttempts] = field(default_factory=lambda: MappingProxyType({}))
    """Open day -> unsuccessful runs that queried it since it left every usual window."""

    @property
    def is_first_run(self) -> bool:
        """Whether no run has completed its window yet."""
        return self.last_run is None


def is_done(state: State, info: ReportInfo) -> bool:
    """Tell whether this report, under this id, does not need to be downloaded."""
    wanted = listing_digest(info)
    return any(done.listing_digest == wanted for done in state.done.get(info.day, ()))


def is_content_known(state: State, info: ReportInfo, sha256: str) -> bool:
    """Tell whether this file with these bytes was imported, under any id."""
    wanted = content_digest(info, sha256)
    return any(done.content_digest == wanted for done in state.done.get(info.day, ()))


def are_bytes_known(state: State, sha256: str) -> bool:
    """Tell whether a file with these bytes was imported, under any name and for any day."""
    wanted = bytes_digest(sha256)
    return any(
        done.content_digest.startswith(wanted) for day in state.done.values() for done in day
    )


def with_done(state: State, info: ReportInfo, sha256: str, listed: Collection[str]) -> State:
    """Remember a report as imported and forget its failures.

    ``listed`` are the report digests that the API lists for the day. An older id of the same
    content is forgotten once the API no longer lists it: ids that change with every listing
    must not make the state grow.
    """
    new = ImportedReport(listing_digest(info), content_digest(info, sha256))
    kept = tuple(
        done
        for done in state.done.get(info.day, ())
        if done != new
        and (done.content_digest != new.content_digest or done.listing_digest in listed)
    )
    return replace(
        without_failures(state, info), done=MappingProxyType({**state.done, info.day: (*kept, new)})
    )


def with_failure(state: State, info: ReportInfo) -> State:
    """Count one more failure of a report and keep its day open."""
    failures = dict(state.failures.get(info.day, {}))
    failures[name_digest(info)] = failures_of(state, info) + 1
    return replace(
        with_day_open(state, info.day),
        failures=MappingProxyType({**state.failures, info.day: MappingProxyType(failures)}),
    )


def without_failures(state: State, info: ReportInfo) -> State:
    """Forget the failures of a report."""
    failures = {k: v for k, v in state.failures.get(info.day, {}).items() if k != name_digest(info)}
    days = {day: counts for day, counts in state.failures.items() if day != info.day}
    if failures:
        days[info.day] = MappingProxyType(failures)
    return replace(state, failures=MappingProxyType(days))


def failures_of(state: State, info: ReportInfo) -> int:
    """Return how many times in a row this report has failed."""
    return state.failures.get(info.day, {}).get(name_digest(info), 0)


def with_day_open(state: State, day: date) -> State:
    """Have a day queried again by later runs."""
    return replace(state, open_days=state.open_days | {day})


def with_day_closed(state: State, day: date) -> State:
    """Leave a day to the usual window: everything it lists is imported, or it is given up."""
    return replace(
        state,
        open_days=state.open_days - {day},
        late_attempts=MappingProxyType(
            {each: attempts for each, attempts in state.late_attempts.items() if each != day}
        ),
    )


def with_run_finished(state: State, started: datetime, oldest: date) -> State:
    """Return the state after a run that completed its window; see `without_old_days`."""
    return replace(without_old_days(state, oldest, started.date()), last_run=started)


def without_old_days(state: State, oldest: date, today: date) -> State:
    """Forget days before ``oldest`` that are not open, and days more than a year ahead."""

    def kept(days: Mapping[date, _T]) -> Mapping[date, _T]:
        return MappingProxyType({day: value for day, value in days.items() if is_kept(day)})

    def is_kept(day: date) -> bool:
        return (day >= oldest or day in state.open_days) and (day - today).days <= MAX_DAYS_AHEAD

    return replace(
        state,
        done=kept(state.done),
        open_days=frozenset(filter(is_kept, state.open_days)),
        failures=kept(state.failures),
        late_attempts=kept(state.late_attempts),
    )


class Lookback(NamedTuple):
    """How many days a run goes back from today."""

    first_run: int
    """Without an earlier run: ``SHADOWSERVER_INITIAL_LOOKBACK``."""
    later_runs: int
    """In addition to the days since the last run: ``SHADOWSERVER_LOOKBACK``."""


def days_to_query(state: State, today: date, lookback: Lookback) -> list[date]:
    """Return the days to query, newest first.

    No run goes back more than `LONGEST_LOOKBACK` days, but days left open are added. Today is
    always among them: a subscriber's clock may be ahead of the API's.
    """
    back = min(_back(state, today, lookback), LONGEST_LOOKBACK)
    days = {today - timedelta(days=n) for n in range(back + 1)}
    opened = {day for day in state.open_days if 0 <= (today - day).days <= MAX_OPEN_AGE}
    return sorted(days | opened, reverse=True)


def unreachable_days(state: State, today: date, lookback: Lookback) -> tuple[date, date] | None:
    """Return first and last of the days that nobody queried and `days_to_query` does not reach."""
    back = _back(state, today, lookback)
    if back <= LONGEST_LOOKBACK:
        return None
    return today - timedelta(days=back), today - timedelta(days=LONGEST_LOOKBACK + 1)


def _back(state: State, today: date, lookback: Lookback) -> int:
    if state.last_run is None:
        return lookback.first_run
    gap = (today - state.last_run.date()).days
    # One day more may be a clock that was set back by minutes, across midnight.
    if gap < -1:
        # The clock was wrong then, or is now: the time of the last run is unknown.
        return max(lookback)
    return lookback.later_runs + max(0, gap)


def oldest_day(today: date, lookback: Lookback) -> date:
    """Return the oldest day that is worth remembering after a run, if it is not open."""
    return today - timedelta(days=max(lookback))


def with_attempts_counted(state: State, today: date, oldest: date) -> State:
    """Count an unsuccessful run for the days that are still open and before ``oldest``.

    The attempts of all other days are forgotten.
    """

    def again(day: date) -> LateAttempts:
        before = state.late_attempts.get(day, LateAttempts(0, today))
        # The clock may have been set back since.
        return LateAttempts(before.runs + 1, min(before.since, today))

    counted = {day: again(day) for day in state.open_days if day < oldest}
    return replace(state, late_attempts=MappingProxyType(counted))


def without_hopeless(state: State, today: date) -> tuple[State, dict[date, str]]:
    """Give up the open days that were tried often enough; return them with the reason as well."""
    hopeless = dict(_hopeless(state, today))
    for day in hopeless:
        state = with_day_closed(state, day)
    return state, hopeless


def _hopeless(state: State, today: date) -> Iterator[tuple[date, str]]:
    for day in sorted(state.open_days):
        age = (today - day).days
        late = state.late_attempts.get(day)
        if not -MAX_DAYS_AHEAD <= age <= MAX_OPEN_AGE:
            yield day, "out of reach"
        elif late and late.runs >= GIVE_UP_RUNS and (today - late.since).days >= GIVE_UP_DAYS:
            yield day, f"still incomplete after {late.runs:,} more runs since {late.since}"
