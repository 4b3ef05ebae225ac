"""The state as JSON: written for OpenCTI, and read back from whatever is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from shadowserver_connector.errors import NewerStateError
from shadowserver_connector.state.state import (
    DIGEST_CHARS,
    ImportedReport,
    LateAttempts,
    State,
    with_day_closed,
)

T = TypeVar("T")

VERSION: Final = 1
SIZE_BUDGET: Final = 256 * 1024
"""Maximum size of the JSON, enough for 30 days of 300 reports: the state travels with every ping.
"""
LARGEST: Final = 32 * SIZE_BUDGET
"""Bytes of JSON above which a state is not ours."""
FIRST_DAY: Final = date(2020, 1, 1)
"""No connector for these reports is older: an earlier clock is wrong."""

_ENTRIES = re.compile(rf"(?:[A-Za-z0-9_-]{{{2 * DIGEST_CHARS}}})*")
_DIGEST = re.compile(rf"[A-Za-z0-9_-]{{{DIGEST_CHARS}}}")
_MANY: Final = 1_000_000
# Days that a part of the state may name; two years back and one ahead are what runs leave.
_MANY_DAYS: Final = 2000
_OURS: Final = frozenset({"done", "open", "failing", "tried"})


class ReadState(NamedTuple):
    """A state as far as it could be read, and which parts could not."""

    state: State
    problems: tuple[str, ...]


def dump_state(state: State) -> dict[str, Any]:
    """Return the state as plain JSON values; equal states give equal JSON."""
    dumped: dict[str, Any] = {
        "version": VERSION,
        "done": {day.isoformat(): _packed(state.done[day]) for day in sorted(state.done)},
    }
    if state.last_run is not None:
        dumped["last_run"] = state.last_run.astimezone(UTC).isoformat(timespec="seconds")
    if state.open_days:
        dumped["open"] = [day.isoformat() for day in sorted(state.open_days)]
    if state.failures:
        dumped["failing"] = {
            day.isoformat(): dict(state.failures[day]) for day in sorted(state.failures)
        }
    if state.late_attempts:
        dumped["tried"] = {
            day.isoformat(): [attempts.runs, attempts.since.isoformat()]
            for day, attempts in sorted(state.late_attempts.items())
        }
    return dumped


def load_state(stored: Mapping[str, Any] | None) -> State:
    """Read a state back as far as possible; see `read_state`."""
    return read_state(stored).state


def read_state(stored: object) -> ReadState:
    """Read a state back, and say which parts could not be read.

    ``None`` or an empty one is a first run. A state of the connector that this one replaces,
    ``{"last_run": <ISO time or seconds>}``, is a later run that knows no reports yet. What
    cannot be read is left out: those reports are imported again, which changes nothing. Without
    a last run the next run asks for as many days as a first one.

    Raises NewerStateError for a state that a newer version of this connector has written.
    """
    if not stored:
        return ReadState(State(), ())
    if not isinstance(stored, dict):
        return ReadState(State(), ("it is not an object",))
    _check_version(stored)
    # OpenCTI keeps whatever it is sent, and anyone with the right may write it.
    if len(json.dumps(stored)) > LARGEST:
        return ReadState(State(), (f"it has more than {LARGEST:,} bytes",))
    bad: list[str] = []
    if "version" not in stored and _OURS.isdisjoint(stored):
        last_run = _part(stored, "last_run", _moment, bad, required=True)
        return ReadState(State(last_run), tuple(bad))
    # To Python, true equals 1.
    if stored.get("version") != VERSION or isinstance(stored["version"], bool):
        bad.append("'version'")
    state = State(
        last_run=_part(stored, "last_run", _moment, bad),
        done=_by_day(stored, "done", _entries, bad),
        open_days=frozenset(_open_days(stored, bad)),
        failures=_by_day(stored, "failing", _counts, bad),
        late_attempts=_by_day(stored, "tried", _attempts, bad),
    )
    return ReadState(state, tuple(dict.fromkeys(bad)))


def _check_version(stored: Mapping[str, Any]) -> None:
    version = stored.get("version")
    # JSON has one kind of number: 2 may come back as 2.0.
    if isinstance(version, int | float) and version > VERSION:
        raise NewerStateError(
            f"the state in OpenCTI has format {str(version)[:20]}, and this connector reads "
            f"formats up to {VERSION}: a newer one wrote it; install that one again, or reset the "
            "connector's state in OpenCTI"
        )


def _part(
    stored: Mapping[str, Any],
    name: str,
    read: Callable[[Any], T],
    bad: list[str],
    *,
    required: bool = False,
) -> T | None:
    if name not in stored and not required:
        return None
    try:
        # A number out of the system's range of times is an OverflowError or an OSError.
        return read(stored.get(name))
    except (ValueError, TypeError, OverflowError, OSError):
        bad.append(f"{name!r}")
        return None


def _by_day(
    stored: Mapping[str, Any], name: str, read: Callable[[Any], T], bad: list[str]
) -> Mapping[date, T]:
    """Read a part that is an object of days, each by itself."""
    days = stored.get(name, {})
    if not isinstance(days, dict) or len(days) > _MANY_DAYS:
        bad.append(f"{name!r}")
        return MappingProxyType({})
    found: dict[date, T] = {}
    for text, raw in days.items():
        try:
            found[_day(text)] = read(raw)
        except (ValueError, TypeError):
            bad.append(f"days of {name!r}")
    return MappingProxyType(found)


def _open_days(stored: Mapping[str, Any], bad: list[str]) -> Iterator[date]:
    days = stored.get("open", [])
    if not isinstance(days, list) or len(days) > _MANY_DAYS:
        bad.append("'open'")
        return
    for text in days:
        try:
            yield _day(text)
        except (ValueError, TypeError):
            bad.append("days of 'open'")


def _moment(raw: object) -> datetime:
    """Read a time; raises ``ValueError`` or ``OverflowError`` if it is not one or too early."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        moment = datetime.fromtimestamp(raw, UTC)
    else:
        moment = datetime.fromisoformat(str(raw))
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment.date() < FIRST_DAY:
        raise ValueError("before any connector")
    return moment


def _day(text: object) -> date:
    day = date.fromisoformat(str(text))
    # fromisoformat also reads 20240131 and 2024-W05-3: one day would be there twice.
    if day.isoformat() != text:
        raise ValueError("not as it was written")
    return day


def _entries(packed: object) -> tuple[ImportedReport, ...]:
    if not isinstance(packed, str) or not _ENTRIES.fullmatch(packed):
        raise ValueError("no entries")
    digests = [packed[at : at + DIGEST_CHARS] for at in range(0, len(packed), DIGEST_CHARS)]
    return tuple(map(ImportedReport, digests[::2], digests[1::2]))


def _counts(raw: object) -> Mapping[str, int]:
    if not isinstance(raw, dict) or not all(map(_DIGEST.fullmatch, raw)):
        raise ValueError("no counts")
    return MappingProxyType({name: _count(count) for name, count in raw.items()})


def _attempts(raw: object) -> LateAttempts:
    if not isinstance(raw, list):
        raise TypeError("no count and day")
    runs, since = raw
    return LateAttempts(_count(runs), _day(since))


def _count(raw: object) -> int:
    # To Python, true is a whole number as well.
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 < raw < _MANY:
        raise ValueError("no count")
    return raw


def fit_to_budget(state: State, asked_next: date, oldest: date) -> tuple[State, dict[date, str]]:
    """Return a state within `SIZE_BUDGET`, and the open days given up for that, with the reason.

    Forgets closed days first, oldest first, from before ``asked_next``, where the next run
    begins; then it gives up open days from before ``oldest``. Other days stay, whatever they take.
    """
    excess = len(json.dumps(dump_state(state))) - SIZE_BUDGET
    # The next run would import again what is forgotten of the days that it queries.
    closed = sorted(day for day in state.done if day < asked_next and day not in state.open_days)
    opened = sorted(day for day in state.open_days if day < oldest)
    given_up: dict[date, str] = {}
    for day in [*closed, *opened]:
        if excess <= 0:
            break
        excess -= _size(state, day)
        if day in state.open_days:
            given_up[day] = "the state would become too large"
        state = _forgotten(state, day)
    return state, given_up


def _size(state: State, day: date) -> int:
    """Return the bytes that a day takes, slightly underestimated."""
    failing = len(json.dumps(dict(state.failures.get(day, {}))))
    return len(_packed(state.done.get(day, ()))) + failing + len(day.isoformat())


def _forgotten(state: State, day: date) -> State:
    def without(days: Mapping[date, T]) -> Mapping[date, T]:
        return MappingProxyType({each: value for each, value in days.items() if each != day})

    return replace(
        with_day_closed(state, day), done=without(state.done), failures=without(state.failures)
    )


def _packed(entries: tuple[ImportedReport, ...]) -> str:
    return "".join(done.listing_digest + done.content_digest for done in entries)
