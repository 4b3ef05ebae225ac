from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.mapping.cells.dates import first_year_too_late, parse_seen, parse_time
from tests.mapping.cells.platform import TIME


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2024-01-31 12:34:56", "2024-01-31T12:34:56.000Z"),
        ("2024-01-31 12:34:56Z", "2024-01-31T12:34:56.000Z"),
        ("2024-01-31T12:34:56Z", "2024-01-31T12:34:56.000Z"),
        ("2024-01-31T12:34:56.987654Z", "2024-01-31T12:34:56.987Z"),
        ("2024-01-31 12:34:56.987654", "2024-01-31T12:34:56.987Z"),
        ("2024-01-31 12:34:56 UTC", "2024-01-31T12:34:56.000Z"),
        ("2024-01-31T00:34:56+02:00", "2024-01-30T22:34:56.000Z"),
        ("2024-01-31 12:34+01", "2024-01-31T11:34:00.000Z"),
        ("2024-01-31", "2024-01-31T00:00:00.000Z"),
        ("Jan 01 00:00:00 2010 GMT", "2010-01-01T00:00:00.000Z"),
        ("Dec  9 23:59:59 2010 GMT", "2010-12-09T23:59:59.000Z"),
        ("9999-12-31 23:59:59", "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_time_is_in_utc_with_milliseconds(cell: str, value: str) -> None:
    """Every form of a time becomes UTC with milliseconds, the form that ids are made of."""
    assert parse_time(cell) == value


@pytest.mark.parametrize(
    "cell",
    [
        *("", "0000-00-00 00:00:00", "2024-02-30 00:00:00", "2023-02-29", "2024-01-31 25:00:00"),
        *("2024-01-31 12:34:60", "2024-13-01 00:00:00", "20240131", "2024-W05-3T12:34:56"),
        *("1706704496", "31.01.2024 12:34:56", "Foo 01 00:00:00 2010 GMT", "anF 01 00:00:00 2010"),
        *("Feb 30 00:00:00 2010 GMT", "0001-01-01T00:00:00+02:00", "2024-01-31x12:34:56"),
        *("2024-01-31 123456.7", "2024-01-31 12:34:5٣", "12:34:56", "2024-01-31 12"),
    ],
)
def test_what_is_no_time_is_refused(cell: str) -> None:
    """Impossible dates, bare numbers and unknown forms are refused."""
    with pytest.raises(ValueError, match="not a time"):
        parse_time(cell)


def test_the_hour_24_is_the_next_day_or_no_time() -> None:
    """24:00, which Python accepts since 3.14, becomes the next day or is refused."""
    try:
        found = parse_time("2024-01-31 24:00:00")
    except ValueError as error:
        found = str(error)
    assert found in ("2024-02-01T00:00:00.000Z", "not a time")


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001
        timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_any_time_is_itself(moment: datetime) -> None:
    """A time keeps its moment, cut to milliseconds."""
    value = parse_time(moment.isoformat())
    assert TIME.fullmatch(value)
    cut = moment.astimezone(UTC)
    assert datetime.fromisoformat(value) == cut.replace(microsecond=cut.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2024-01-31T00:00:00.000Z", "2035"),
        ("9985-12-31T00:00:00.000Z", "9996"),
        ("9995-12-31T00:00:00.000Z", "9999"),
    ],
)
def test_a_report_ends_ten_years_after_its_own(day: str, end: str) -> None:
    """Times in a report may be up to ten years later than its own year."""
    assert first_year_too_late(day) == end


@pytest.mark.parametrize("cell", ["2035-01-01", "2038-01-19T03:14:07Z", "2003-12-31 23:59:59"])
def test_time_outside_of_what_a_report_tells_of_is_refused(cell: str) -> None:
    """A time before Shadowserver, or ten years after the report, is refused in every form."""
    with pytest.raises(ValueError, match="a time "):
        parse_seen(cell, first_year_too_late("2024-01-31T00:00:00.000Z"))
