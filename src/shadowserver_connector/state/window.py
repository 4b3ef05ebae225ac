"""Which report days a run asks for, and when an open day is given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from shadowserver_connector.state.model import AHEAD, State, Tried, with_day_closed

LONGEST: Final = 365
"""Most days that a run goes back, whatever the state says: as many as the settings allow."""
REACH: Final = 2 * LONGEST
"""Age in days from which an open day is not asked again."""
RUNS: Final = 3
"""Runs that ask in vain for an open day, after it has left the window of a first run."""
DAYS: Final = 7
"""Days over which these runs are spread at least: longer than an outage."""


def window(state: State, today: date, initial_lookback: int, lookback: int) -> list[date]:
    """Return the days to ask for, newest first.

    A first run looks back ``initial_lookback`` days, a later one ``lookback`` days plus those
    since the last run, but not more than `LONGEST`. Days left open are added. Today is always
    among them: a subscriber's clock may be ahead of the API's.
    """
    back = min(_back(state, today, initial_lookback, lookback), LONGEST)
    days = {today - timedelta(days=n) for n in range(back + 1)}
    opened = {day for day in state.open_days if 0 <= (today - day).days <= REACH}
    return sorted(days | opened, reverse=True)


def passed_over(
    state: State, today: date, initial_lookback: int, lookback: int
) -> tuple[date, date] | None:
    """Return first and last of the days that nobody asked for and `window` does not reach."""
    back = _back(state, today, initial_lookback, lookback)
    if back <= LONGEST:
        return None
    return today - timedelta(days=back), today - timedelta(days=LONGEST + 1)


def _back(state: State, today: date, initial_lookback: int, lookback: int) -> int:
    if state.last_run is None:
        return initial_lookback
    gap = (today - state.last_run.date()).days
    if gap < -1:
        # The clock was wrong then or is now: when the last run was is not known.
        return max(initial_lookback, lookback)
    return lookback + max(0, gap)


def oldest_day(today: date, initial_lookback: int, lookback: int) -> date:
    """Return the oldest day that is worth remembering after a run, if it is not open."""
    return today - timedelta(days=max(initial_lookback, lookback))


def tried_again(state: State, today: date, oldest: date) -> State:
    """Count a run that asked in vain for the days that are still open and before ``oldest``."""

    def again(day: date) -> Tried:
        before = state.tried.get(day, Tried(0, today))
        # The clock may have been set back since.
        return Tried(before.runs + 1, min(before.since, today))

    tried = {day: again(day) for day in state.open_days if day < oldest}
    return replace(state, tried=MappingProxyType(tried))


def without_hopeless(state: State, today: date) -> tuple[State, dict[date, str]]:
    """Give up the open days that were tried often enough; return them with the reason, too."""
    hopeless = dict(_hopeless(state, today))
    for day in hopeless:
        state = with_day_closed(state, day)
    return state, hopeless


def _hopeless(state: State, today: date) -> Iterator[tuple[date, str]]:
    for day in sorted(state.open_days):
        age = (today - day).days
        tried = state.tried.get(day)
        if not -AHEAD <= age <= REACH:
            yield day, "out of reach"
        elif tried and tried.runs >= RUNS and (today - tried.since).days >= DAYS:
            yield day, f"still incomplete after {tried.runs:,} more runs since {tried.since}"
