"""How one more day changes the record of a finding, in any order of the days."""

from __future__ import annotations

import random
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.history.record import (
    MAX_STATES,
    WINDOW,
    FindingRecord,
    has_state,
    states_of,
    with_day,
)

A, B, C = b"aaaaaa", b"bbbbbb", b"cccccc"

days_and_states = st.dictionaries(
    st.integers(1000, 1000 + WINDOW - 1), st.sampled_from([A, B, C]), min_size=1, max_size=12
)


def _fields(record: FindingRecord | None) -> tuple[object, ...]:
    assert record is not None
    return tuple(getattr(record, field.name) for field in fields(FindingRecord))


def _told(days: list[int], states: dict[int, bytes]) -> FindingRecord | None:
    known: FindingRecord | None = None
    for day in days:
        known = with_day(known, day, states[day])
    return known


def _expected(states: dict[int, bytes]) -> tuple[object, ...]:
    """Return the expected record, derived from all days at once."""
    days = sorted(states)
    last = days[-1]
    run = [last]
    for day in reversed(days[:-1]):
        if states[day] != states[last]:
            break
        run.append(day)
    before = [day for day in days if day < run[-1]]
    seen = sum(1 << (last - day) for day in days)
    expected = {
        "states": states[last],
        "first": days[0],
        "last": last,
        "since": run[-1],
        "before": before[-1] if before else 0,
        "days": len(days),
        "seen_bits": seen,
        "what": 0,
        "first_states": b"" if states[days[0]] == states[last] else states[days[0]],
    }
    return tuple(expected[field.name] for field in fields(FindingRecord))


@given(states=days_and_states, seed=st.integers(0, 999))
def test_days_in_any_order_and_repeated_give_the_same(states: dict[int, bytes], seed: int) -> None:
    """First day, last day, number of days and since when do not depend on the order."""
    days = [*states, *states]
    random.Random(seed).shuffle(days)
    known = _told(days, states)
    assert _fields(known) == _expected(states)
    assert known is not None
    for day in range(990, 1000 + WINDOW + 5):
        earlier = [seen for seen in states if seen < day]
        assert known.last_day_before(day) == max(earlier, default=0)
        assert known.was_seen(day) == (day in states)


def test_a_second_file_of_the_last_day_adds_its_states() -> None:
    """Two files of a day both count as its state, and the next day is compared with both."""
    known = with_day(with_day(None, 10, A), 11, A)
    both = with_day(known, 11, B)
    assert (both.states, both.since, both.before, both.days) == (states_of({A, B}), 11, 10, 2)
    for again in (A, B, both.states):
        assert _fields(with_day(both, 11, again)) == _fields(both)
    assert with_day(both, 12, both.states).since == 11
    assert with_day(both, 12, A).since == 12


def test_a_day_before_the_window_is_counted_once() -> None:
    """A day too old to be remembered counts once if the caller knows the feed's days."""
    known = with_day(None, 1000, A)
    first = with_day(known, 1000 - WINDOW - 5, A)
    assert (first.days, first.first, first.since) == (2, 1000 - WINDOW - 5, 1000 - WINDOW - 5)
    again = with_day(first, 1000 - WINDOW - 5, A, known_day=True)
    assert _fields(again) == _fields(first)
    late = with_day(first, 1000 + 3 * WINDOW, A)
    assert (late.days, late.seen_bits, late.first) == (3, 1, first.first)


def test_states_of_many_rows_are_one_digest_that_no_row_has() -> None:
    """A few states are kept one by one; many only as a digest of all, in any order."""
    few = {bytes([number] * 6) for number in range(MAX_STATES)}
    many = few | {A}
    assert len(states_of(few)) == 6 * MAX_STATES
    assert all(has_state(states_of(few), state) for state in few)
    assert not has_state(states_of(few), A)
    assert len(states_of(many)) == 7
    assert not any(has_state(states_of(many), state) for state in many)
    assert states_of(many) == states_of({A, *sorted(few, reverse=True)})
    assert states_of(many) != states_of(few | {B})
