"""Dates and times, all to `YYYY-MM-DDTHH:MM:SS.mmmZ`: the form that goes into ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_OPENSSL: Final = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<time>\d\d:\d\d:\d\d) (?P<year>\d{4})"
    r"(?: GMT| UTC)?",
    re.ASCII,
)
# `strptime` would expect the names in the language of the locale.
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_FIRST: Final = "2004"
"""The year in which Shadowserver was founded; earlier times are zeros of clocks."""
_YEARS_LATER: Final = 10
"""Years by which a row may be later than its report.

A file without a day in its name may cover years. Later times are those of clocks at the end of
their range.
"""
# `fromisoformat` also takes `20240131`, which may be any number, and weeks (`2024-W05-3`).
_ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:|\Z)", re.ASCII)


def parse_time(text: str) -> str:
    """Return a time in UTC, cut to milliseconds.

    Taken are `2024-01-31 12:34:56` (UTC, as Shadowserver writes it), ISO 8601 with fractions and
    zone, a day alone, and OpenSSL's `Jan 31 12:34:56 2024 GMT`.
    """
    # As nearly all times are written: they are checked, and the text itself becomes the answer.
    if (
        len(text) == 19
        and text[10] == " "
        and text[4] == text[7] == "-"
        and text[13] == text[16] == ":"
        and text[11:13] != "24"  # an hour that is the next day's, where Python takes it at all
    ):
        _from_iso(text)
        return f"{text[:10]}T{text[11:]}.000Z"
    openssl = _OPENSSL.fullmatch(text)
    if openssl is not None:
        text = _openssl_to_iso(openssl)
    elif _ISO_DAY.match(text) is None:
        raise ValueError("not a time")
    moment = _from_iso(text.removesuffix(" UTC").removesuffix(" GMT"))
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:  # in UTC it is before the first year, or after the last
            raise ValueError("not a time") from None
    return moment.isoformat(timespec="milliseconds") + "Z"


def parse_seen(text: str, too_late: str) -> str:
    """Return the time at which something was seen, as `parse_time` does; see `first_year_too_late`.

    Old times are accepted, because special reports are about what happened months or years ago, but
    not times from before Shadowserver existed.
    """
    time = parse_time(text)
    if time >= too_late:
        raise ValueError(f"a time more than {_YEARS_LATER} years after the report's")
    if time < _FIRST:
        raise ValueError(f"a time before {_FIRST}")
    return time


def days_after(day: str, days: int) -> str:
    """Return the time this many days after another; both are written as `parse_time` does."""
    try:
        later = datetime.fromisoformat(day.removesuffix("Z")) + timedelta(days=days)
    except OverflowError:
        # The day can be that of a file's name, which may give any year of four digits.
        return "9999-12-31T23:59:59.999Z"
    return later.isoformat(timespec="milliseconds") + "Z"


def first_year_too_late(day: str) -> str:
    """Return the first year in which no row of a report of this day can have been seen.

    Both can be compared as texts with times that `parse_time` returns.
    """
    # As text, a year of five digits would come before all others.
    return str(min(int(day[:4]) + _YEARS_LATER + 1, 9999))


def _from_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time") from None


def _openssl_to_iso(match: re.Match[str]) -> str:
    month, rest = divmod(_MONTHS.find(match["month"]), 3)
    # Found across two names, such as "anF", or not at all: -1 leaves a rest too.
    if rest:
        raise ValueError("not a time")
    return f"{match['year']}-{month + 1:02d}-{int(match['day']):02d} {match['time']}"
