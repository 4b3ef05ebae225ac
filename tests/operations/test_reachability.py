"""This machine's clock, compared with a server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shadowserver_connector.operations.reachability import describe_clock_skew, server_time

NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)


def test_a_server_tells_its_time() -> None:
    """The server's time is read from the ``Date`` header of an answer."""
    assert server_time({"Date": "Sun, 10 Mar 2024 12:00:00 GMT"}) == NOON


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "noon"},
        {"Date": "99 Foo 2024"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 -1200"},
    ],
)
def test_a_server_that_does_not_tell(headers: dict[str, str]) -> None:
    """An answer without a usable ``Date`` header gives no time and no error."""
    assert server_time(headers) is None


@pytest.mark.parametrize("seconds", [-60, -1, 0, 60])
def test_a_clock_that_agrees(seconds: int) -> None:
    """A difference of less than a minute is not reported."""
    assert describe_clock_skew("OpenCTI", NOON, NOON + timedelta(seconds=seconds)) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(61, "61 seconds ahead of OpenCTI's"), (-7200, "7,200 seconds behind")]
)
def test_a_clock_that_is_wrong(seconds: int, said: str) -> None:
    """The report says by how much the clock is wrong, in which direction, and what to do."""
    text = describe_clock_skew("OpenCTI", NOON, NOON + timedelta(seconds=seconds))
    assert text is not None
    assert said in text
    assert "NTP" in text
