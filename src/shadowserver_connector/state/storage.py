"""The state as JSON: written for OpenCTI, read back from whatever lies there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final

from shadowserver_connector.state.digest import DIGEST_CHARS
from shadowserver_connector.state.model import Done, State

VERSION: Final = 1
SIZE_BUDGET: Final = 256 * 1024
"""Bytes of JSON that 30 days of 300 reports may take: the state travels with every ping."""

_ENTRY = re.compile(rf"([A-Za-z0-9_-]{{{DIGEST_CHARS}}})([A-Za-z0-9_-]{{{DIGEST_CHARS}}})")


def dump(state: State) -> dict[str, Any]:
    """Return the state as plain JSON values; equal states give equal JSON."""
    dumped: dict[str, Any] = {
        "version": VERSION,
        "done": {
            day.isoformat(): "".join(done.report + done.content for done in state.done[day])
            for day in sorted(state.done)
        },
    }
    if state.last_run is not None:
        dumped["last_run"] = state.last_run.astimezone(UTC).isoformat(timespec="seconds")
    if state.open_days:
        dumped["open"] = [day.isoformat() for day in sorted(state.open_days)]
    if state.failures:
        dumped["failing"] = {
            day.isoformat(): dict(state.failures[day]) for day in sorted(state.failures)
        }
    return dumped


def load(stored: Mapping[str, Any] | None) -> State:
    """Read a state back.

    ``None`` or an empty one is a first run. A state of the connector that this one replaces,
    ``{"last_run": <ISO time or seconds>}``, is a later run that knows no reports yet. What
    cannot be read is left out: those reports are imported again, which changes nothing.
    """
    if not stored:
        return State()
    return State(
        last_run=_moment(stored.get("last_run")),
        done=MappingProxyType(
            {day: tuple(_entries(packed)) for day, packed in _days(stored.get("done"))}
        ),
        open_days=frozenset(_each_day(stored.get("open"))),
        failures=MappingProxyType(
            {day: MappingProxyType(_counts(raw)) for day, raw in _days(stored.get("failing"))}
        ),
    )


def _moment(raw: object) -> datetime | None:
    try:
        if isinstance(raw, int | float):
            return datetime.fromtimestamp(raw, UTC)
        moment = datetime.fromisoformat(str(raw))
    except (ValueError, OverflowError, OSError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _days(raw: object) -> Iterator[tuple[date, object]]:
    for name, value in raw.items() if isinstance(raw, dict) else ():
        for day in _each_day([name]):
            yield day, value


def _each_day(raw: object) -> Iterator[date]:
    for name in raw if isinstance(raw, list) else ():
        try:
            yield date.fromisoformat(str(name))
        except ValueError:
            continue


def _entries(packed: object) -> Iterator[Done]:
    return (Done(*match.groups()) for match in _ENTRY.finditer(str(packed)))


def _counts(raw: object) -> dict[str, int]:
    counts = raw.items() if isinstance(raw, dict) else ()
    return {str(name): count for name, count in counts if isinstance(count, int)}
