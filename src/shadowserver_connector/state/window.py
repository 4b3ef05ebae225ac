"""Which report days a run asks for."""

from __future__ import annotations

from datetime import date, timedelta

from shadowserver_connector.state.model import State


def window(state: State, today: date, initial_lookback: int, lookback: int) -> list[date]:
    """Return the days to ask for, newest first.

    A first run looks back ``initial_lookback`` days, a later one ``lookback`` days plus those
    since the last run. Days left open are added. Today is always among them: a subscriber's
    clock may be ahead of the API's.
    """
    back = initial_lookback
    if state.last_run is not None:
        # The clock may have been set back since.
        back = lookback + max(0, (today - state.last_run.date()).days)
    days = {today - timedelta(days=n) for n in range(back + 1)}
    return sorted(days | state.open_days, reverse=True)


def oldest_day(today: date, initial_lookback: int, lookback: int) -> date:
    """Return the oldest day that is worth remembering after a run."""
    return today - timedelta(days=max(initial_lookback, lookback))
