from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from shadowserver_connector.state.model import State, with_day_open
from shadowserver_connector.state.window import oldest_day, window

TODAY = date(2024, 3, 10)


def test_first_run_goes_back_the_initial_lookback_newest_day_first() -> None:
    """The newest day is wanted most."""
    days = window(State(), TODAY, initial_lookback=30, lookback=3)
    assert days[0] == TODAY
    assert days[-1] == TODAY - timedelta(days=30)
    assert days == sorted(set(days), reverse=True)
    assert len(days) == 31


def test_later_run_goes_back_the_lookback() -> None:
    """A run an hour after the last one asks for the usual days only."""
    state = State(last_run=datetime(2024, 3, 10, 1, tzinfo=UTC))
    assert window(state, TODAY, 30, 3) == [date(2024, 3, n) for n in (10, 9, 8, 7)]


def test_gap_since_the_last_run_is_added() -> None:
    """After a week off, the days that nobody asked for are asked for."""
    state = State(last_run=datetime(2024, 3, 3, 23, tzinfo=UTC))
    assert window(state, TODAY, 30, 3)[-1] == date(2024, 2, 29)


def test_clock_that_went_back_changes_nothing() -> None:
    """A last run in the future is as good as one today."""
    state = State(last_run=datetime(2030, 1, 1, tzinfo=UTC))
    assert window(state, TODAY, 30, 3)[-1] == date(2024, 3, 7)


def test_open_days_are_asked_again_once() -> None:
    """An open day inside the window is not asked twice; an older one is added."""
    state = State(last_run=datetime(2024, 3, 10, tzinfo=UTC))
    state = with_day_open(with_day_open(state, date(2024, 3, 9)), date(2024, 2, 20))
    days = window(state, TODAY, 30, 3)
    assert days == [date(2024, 3, n) for n in (10, 9, 8, 7)] + [date(2024, 2, 20)]


def test_memory_reaches_as_far_as_the_longest_lookback() -> None:
    """What a later run may ask for again is remembered."""
    assert oldest_day(TODAY, 30, 3) == TODAY - timedelta(days=30)
    assert oldest_day(TODAY, 3, 60) == TODAY - timedelta(days=60)
