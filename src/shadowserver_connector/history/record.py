"""What a history knows about one finding, and what one more day adds to it.

The days of a finding may come in any order: the outcome is the same, as long as no two of its days
are further apart than ``WINDOW``. Days are numbers: of days since ``EPOCH``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Final

EPOCH: Final = date(1999, 12, 31).toordinal()
"""Day 0. No report is that old: Shadowserver was founded in 2004."""

# More days than SHADOWSERVER_RESURFACED_AFTER and _REFRESH_DAYS may name (90).
WINDOW: Final = 128
"""Number of days, up to the last one, for which the history knows whether the finding was seen."""

DIGEST_BYTES: Final = 6
"""Length of the digest of an identity, which follows the subject in a key, and of a row's state.

Two findings of one subject have the same key in one of 2.8e14 pairs, those of different addresses
never, and one change in 2.8e14 is missed; docs/history.md has the calculation.
"""

SUBJECT_CHARACTERS: Final = 60
"""Limit for a subject in the key that is not an address; the digest covers all of it."""

LONGEST_WHAT: Final = 300
"""Limit for the text that says what was found; rows of Exchange servers name ten CVEs and more."""

# A finding may have as many rows as its report: beyond 48 bytes a digest does.
MAX_STATES: Final = 8
"""Maximum number of distinct states of a finding on one day that are stored one by one."""

_SEEN: Final = (1 << WINDOW) - 1


def day_number(day: date) -> int:
    """Return the number of a day; two bytes hold it until the year 2089."""
    return day.toordinal() - EPOCH


def day_of(number: int) -> date:
    """Return the day of a number."""
    return date.fromordinal(number + EPOCH)


# Many are made at once, and none is compared or kept in a set.
@dataclass(slots=True, eq=False)
class FindingRecord:
    """A finding's days, and the state that it had on the last of them."""

    states: bytes
    """See `states_of`."""
    first: int
    last: int
    since: int
    """First of the days on which the state is unchanged; it had this state on all days since."""
    before: int = 0
    """Last day before that, with another state; 0 if none is known."""
    days: int = 1
    """Number of days on which it was seen."""
    seen_bits: int = 1
    """Bit n: it was seen n days before the last day."""
    what: int = 0
    """Number of the text that describes it."""
    first_states: bytes = b""
    """The states on the first day; empty if they are those of the last."""

    def states_for(self, day: int) -> bytes:
        """Return the states to compare a day with: up to the first day its, else the last one's."""
        return self.first_states or self.states if day <= self.first else self.states

    def was_seen(self, day: int) -> bool:
        """Tell whether it was seen on a day of the last ``WINDOW`` days."""
        return 0 <= self.last - day < WINDOW and bool(self.seen_bits >> (self.last - day) & 1)

    def last_day_before(self, day: int) -> int:
        """Return the last day before this one on which it was seen; 0 where none is known."""
        if day > self.last:
            return self.last
        earlier = self.seen_bits >> (self.last - day + 1)
        if earlier:
            # The number of its lowest bit; bit 0 is the day before.
            return day - (earlier & -earlier).bit_length()
        # Of the days before the window only the first is known.
        return self.first if self.first < day else 0

    def first_day_after(self, day: int) -> int:
        """Return the first day after this one, which is before the last, on which it was seen."""
        later = self.seen_bits & ((1 << min(self.last - day, WINDOW)) - 1)
        return self.last - later.bit_length() + 1


def shortened(what: str) -> str:
    """Return what was found within the limit, without half a word at the end.

    Half of a CVE id would be another one.
    """
    if len(what) <= LONGEST_WHAT:
        return what
    most = LONGEST_WHAT - len(" …")
    whole = what[: most + 1].rpartition(" ")[0].rstrip(",")
    return f"{whole or what[:most]} …"


def texts_together(texts: Iterable[str]) -> str:
    """Return as one what several rows or files say of a finding, each part once."""
    parts = {part for text in texts for part in text.split(", ")} - {""}
    return shortened(", ".join(sorted(parts)))


def states_of(states: set[bytes]) -> bytes:
    """Return the states of all rows of a finding as one: in order, or as one digest if many."""
    if len(states) == 1:
        (only,) = states
        return only
    together = b"".join(sorted(states))
    return together if len(states) <= MAX_STATES else _condensed(together)


def has_state(states: bytes, state: bytes) -> bool:
    """Tell whether one row's state is among those of a finding, if they are stored one by one."""
    if len(states) == DIGEST_BYTES:
        return states == state
    if len(states) % DIGEST_BYTES:
        return False
    return any(
        states[at : at + DIGEST_BYTES] == state for at in range(0, len(states), DIGEST_BYTES)
    )


def with_day(
    known: FindingRecord | None, day: int, states: bytes, *, known_day: bool = False
) -> FindingRecord:
    """Return what is known of a finding after one more day, with the states of its rows.

    The same day may come again: with states that it had it changes nothing, others are added to
    those of the last day. ``known_day``: a report of this day is in the history already, so that a
    day before the window is not counted again.
    """
    if known is None:
        return FindingRecord(states, day, day, day)
    if day > known.last:
        return _later(known, day, states)
    if day == known.last:
        return _same_day(known, day, states)
    return _earlier(known, day, states, known_day)


def _later(known: FindingRecord, day: int, states: bytes) -> FindingRecord:
    same = states == known.states
    apart = day - known.last
    seen = 1 | (known.seen_bits << apart & _SEEN if apart < WINDOW else 0)
    return FindingRecord(
        states,
        known.first,
        day,
        known.since if same else day,
        known.before if same else known.last,
        known.days + 1,
        seen,
        known.what,
        _unless(states, known.first_states or known.states),
    )


def _same_day(known: FindingRecord, day: int, states: bytes) -> FindingRecord:
    together = _together(known.states, states)
    changed = together != known.states and known.since < day
    return FindingRecord(
        together,
        known.first,
        day,
        day if changed else known.since,
        known.last_day_before(day) if changed else known.before,
        known.days,
        known.seen_bits,
        known.what,
        b"" if known.first == day else _unless(together, known.first_states or known.states),
    )


def _earlier(known: FindingRecord, day: int, states: bytes, known_day: bool) -> FindingRecord:
    apart = known.last - day
    counted = known.was_seen(day) if apart < WINDOW else known_day
    # A day that is known comes again, or has a second file: only what that adds is different.
    same = _together(known.states, states) == known.states if counted else states == known.states
    since, before = known.since, known.before
    if same:
        # Not past a day on which the state was another.
        since = day if before < day < since else since
    elif day >= since:
        since, before = known.first_day_after(day), day
    else:
        before = max(before, day)
    on_first = known.first_states or known.states
    if day < known.first:
        on_first = states
    elif day == known.first:
        on_first = _together(on_first, states)
    return FindingRecord(
        known.states,
        min(known.first, day),
        known.last,
        since,
        before,
        known.days + (not counted),
        known.seen_bits | (1 << apart if apart < WINDOW else 0),
        known.what,
        _unless(known.states, on_first),
    )


def _unless(same: bytes, states: bytes) -> bytes:
    return b"" if states == same else states


def _together(some: bytes, others: bytes) -> bytes:
    """Return the states of two files of one day; the same ones stay as they are."""
    if some == others:
        return some
    if len(some) % DIGEST_BYTES or len(others) % DIGEST_BYTES:
        return _condensed(b"".join(sorted((some, others))))
    each = {
        states[at : at + DIGEST_BYTES]
        for states in (some, others)
        for at in range(0, len(states), DIGEST_BYTES)
    }
    return states_of(each)


def _condensed(states: bytes) -> bytes:
    # One byte longer than a state, so that it is never taken for a list of states.
    return blake2b(states, digest_size=DIGEST_BYTES + 1).digest()


Known = tuple[bytes, bytes, int, int, int, int, int, bytes, int, bytes]
"""A finding as its row of the database has it: its key, and then what a `FindingRecord` holds."""


def record_of(known: Known) -> FindingRecord:
    """Return what a row of the database says of a finding."""
    _, states, first, last, since, before, days, seen, label, first_states = known
    bits = int.from_bytes(seen, "little")
    return FindingRecord(states, first, last, since, before, days, bits, label, first_states)
