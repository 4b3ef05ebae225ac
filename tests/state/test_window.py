from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from shadowserver_connector.state.state import (
    LateAttempts,
    Lookback,
    State,
    days_to_query,
    oldest_day,
    unreachable_days,
    with_attempts_counted,
    with_day_open,
    without_hopeless,
)

LOOKBACK = Lookback(first_run=30, later_runs=3)
TODAY = date(2024, 3, 10)


def test_first_run_goes_back_the_initial_lookback_newest_day_first() -> None:
    """A first run lists the days of the initial lookback, newest first."""
    days = days_to_query(State(), TODAY, LOOKBACK)
    assert days[0] == TODAY
    assert days[-1] == TODAY - timedelta(days=30)
    assert days == sorted(set(days), reverse=True)
    assert len(days) == 31


def test_later_run_goes_back_the_lookback() -> None:
    """A run an hour after the last one lists only the days of the lookback."""
    state = State(last_run=datetime(2024, 3, 10, 1, tzinfo=UTC))
    assert days_to_query(state, TODAY, LOOKBACK) == [date(2024, 3, n) for n in (10, 9, 8, 7)]


def test_gap_since_the_last_run_is_added() -> None:
    """After a week without runs, the days of that week are listed too."""
    state = State(last_run=datetime(2024, 3, 3, 23, tzinfo=UTC))
    assert days_to_query(state, TODAY, LOOKBACK)[-1] == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("last_run", "back"),
    [("2024-03-11T23:00", 3), ("2024-03-12T00:00", 30), ("9999-12-31T23:59", 30)],
)
def test_last_run_in_the_future_is_taken_for_unknown(last_run: str, back: int) -> None:
    """A last run in the future is ignored, and the days of a first run are listed."""
    state = State(last_run=datetime.fromisoformat(f"{last_run}+00:00"))
    assert len(days_to_query(state, TODAY, LOOKBACK)) == back + 1
    assert unreachable_days(state, TODAY, LOOKBACK) is None


def test_longest_of_both_lookbacks_counts_where_the_last_run_is_unknown() -> None:
    """Without a usable last run, the longer of the two lookbacks counts."""
    assert (
        len(days_to_query(State(last_run=datetime(2030, 1, 1, tzinfo=UTC)), TODAY, Lookback(3, 60)))
        == 61
    )


def test_window_has_a_bound_and_what_is_beyond_is_told() -> None:
    """A last run long ago does not cause thousands of requests; the days omitted are reported."""
    state = State(last_run=datetime(2020, 1, 5, tzinfo=UTC))
    days = days_to_query(state, TODAY, LOOKBACK)
    assert (len(days), days[-1]) == (366, TODAY - timedelta(days=365))
    assert unreachable_days(state, TODAY, LOOKBACK) == (
        date(2020, 1, 2),
        TODAY - timedelta(days=366),
    )


def test_a_year_away_is_asked_for_as_a_whole() -> None:
    """A gap of exactly the bound is listed in full; one day more omits one day."""
    at = datetime(2024, 3, 10, tzinfo=UTC) - timedelta(days=362)
    assert unreachable_days(State(last_run=at), TODAY, LOOKBACK) is None
    lost = TODAY - timedelta(days=366)
    assert unreachable_days(State(last_run=at - timedelta(days=1)), TODAY, LOOKBACK) == (lost, lost)


def test_open_days_out_of_reach_are_not_asked() -> None:
    """Open days in the future, or too old to be true, are not listed."""
    edge = TODAY - timedelta(days=730)
    opened = {TODAY + timedelta(days=1), date.max, date.min, edge, edge - timedelta(days=1)}
    state = State(last_run=datetime(2024, 3, 10, tzinfo=UTC), open_days=frozenset(opened))
    assert days_to_query(state, TODAY, LOOKBACK)[3:] == [date(2024, 3, 7), edge]


def test_open_days_are_asked_again_once() -> None:
    """An open day inside the window is listed once; an older one is added to it."""
    state = State(last_run=datetime(2024, 3, 10, tzinfo=UTC))
    state = with_day_open(with_day_open(state, date(2024, 3, 9)), date(2024, 2, 20))
    days = days_to_query(state, TODAY, LOOKBACK)
    assert days == [date(2024, 3, n) for n in (10, 9, 8, 7)] + [date(2024, 2, 20)]


def test_memory_reaches_as_far_as_the_longest_lookback() -> None:
    """The state keeps every day that a later run may list again."""
    assert oldest_day(TODAY, LOOKBACK) == TODAY - timedelta(days=30)
    assert oldest_day(TODAY, Lookback(3, 60)) == TODAY - timedelta(days=60)


OLDEST = TODAY - timedelta(days=30)
OLD = OLDEST - timedelta(days=1)


def opened(*days: date) -> State:
    """Return a state with open days."""
    return State(open_days=frozenset(days))


def test_runs_are_counted_from_the_day_before_the_edge_of_the_window() -> None:
    """Failed runs count only for open days before a first run's window."""
    state = with_attempts_counted(opened(OLDEST, OLD), TODAY, OLDEST)
    assert state.late_attempts == {OLD: LateAttempts(1, TODAY)}
    state = with_attempts_counted(state, TODAY + timedelta(days=1), OLDEST + timedelta(days=1))
    assert state.late_attempts == {
        OLD: LateAttempts(2, TODAY),
        OLDEST: LateAttempts(1, TODAY + timedelta(days=1)),
    }


def test_a_longer_window_takes_a_day_back() -> None:
    """When a longer lookback covers an open day, its failed runs are reset."""
    state = with_attempts_counted(opened(OLD), TODAY, OLDEST)
    assert with_attempts_counted(state, TODAY, OLD).late_attempts == {}


def test_tries_that_began_in_the_future_begin_now() -> None:
    """Failed runs that began in the future, by a wrong clock, count from today."""
    state = with_attempts_counted(opened(OLD), date(2030, 1, 1), OLDEST)
    assert with_attempts_counted(state, TODAY, OLDEST).late_attempts == {
        OLD: LateAttempts(2, TODAY)
    }


@pytest.mark.parametrize(
    ("runs", "days", "hopeless"), [(3, 7, True), (2, 7, False), (3, 6, False), (99, 6, False)]
)
def test_a_day_is_given_up_after_three_runs_over_seven_days(
    runs: int, days: int, hopeless: bool
) -> None:
    """Three runs within a day do not give a day up, nor do two runs over seven days."""
    since = TODAY - timedelta(days=days)
    state = State(
        open_days=frozenset({OLD, OLDEST}), late_attempts={OLD: LateAttempts(runs, since)}
    )
    after, given_up = without_hopeless(state, TODAY)
    assert after.open_days == ({OLDEST} if hopeless else {OLD, OLDEST})
    said = f"still incomplete after {runs} more runs since {since}"
    assert given_up == ({OLD: said} if hopeless else {})


def test_days_out_of_reach_are_given_up_at_once() -> None:
    """Days that are never listed are given up at once, as nothing would close them."""
    near = [TODAY - timedelta(days=730), TODAY + timedelta(days=366)]
    far = [TODAY - timedelta(days=731), TODAY + timedelta(days=367)]
    after, given_up = without_hopeless(opened(*near, *far), TODAY)
    assert after.open_days == set(near)
    assert given_up == dict.fromkeys(far, "out of reach")
