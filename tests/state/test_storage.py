from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.state.model import (
    State,
    finished,
    is_done,
    with_day_open,
    with_done,
    with_failure,
)
from shadowserver_connector.state.storage import SIZE_BUDGET, dump, load

DAY = date(2024, 1, 31)
INFO = ReportInfo(
    type="scan_ssl", day=DAY, file="2024-01-31-scan_ssl-example.csv", list="example", id="token"
)


def as_stored(state: State) -> dict[str, Any]:
    """Send a state through JSON, as OpenCTI does."""
    return json.loads(json.dumps(dump(state)))


def test_state_survives_storage() -> None:
    """What is written as JSON is read back equal."""
    state = with_done(State(), INFO, "00" * 32, set())
    state = with_failure(state, ReportInfo(type="scan_http", day=DAY, file="x.csv"))
    state = with_day_open(state, date(2024, 1, 2))
    state = finished(state, datetime(2024, 2, 1, 8, 30, tzinfo=UTC), date(2024, 1, 1))
    assert load(as_stored(state)) == state


@pytest.mark.parametrize("stored", [None, {}])
def test_no_state_is_a_first_run(stored: dict[str, Any] | None) -> None:
    """OpenCTI gives None or an empty state after a reset."""
    assert load(stored).first_run


@pytest.mark.parametrize(
    "last_run",
    [
        "2024-01-31T08:00:00+00:00",
        "2024-01-31T08:00:00",
        "2024-01-31T09:00:00+01:00",
        1706688000,
        1706688000.0,
    ],
)
def test_state_of_the_replaced_connector_is_a_later_run(last_run: str | float) -> None:
    """Its ``last_run`` is an ISO time or seconds, by version."""
    state = load({"last_run": last_run})
    assert state.last_run == datetime(2024, 1, 31, 8, tzinfo=UTC)
    assert not state.done


@pytest.mark.parametrize(
    "stored",
    [
        {"version": 1, "done": 7, "open": "2024", "failing": [1]},
        {"version": 1, "done": {"someday": "x", "2024-01-31": None}, "open": [None, 5]},
        {"version": 99, "last_run": "soon", "failing": {"2024-01-31": {"a": "b"}, "2024-01-30": 1}},
        {"last_run": 1e300},
    ],
)
def test_damaged_state_is_read_as_far_as_it_goes(stored: dict[str, Any]) -> None:
    """A state that someone edited stops nothing; what is lost is imported again."""
    state = load(stored)
    assert not any(state.done.values())
    assert not any(state.failures.values())


def test_packed_digests_are_read_back_as_they_were() -> None:
    """Entries stand without separators and still come apart."""
    infos = [ReportInfo(type="t", day=DAY, file=f"{n}.csv", id=f"i{n}") for n in range(50)]
    state = State()
    for info in infos:
        state = with_done(state, info, "00" * 32, set())
    restored = load(as_stored(state))
    assert all(is_done(restored, info) for info in infos)


def test_month_of_large_subscriber_stays_within_the_budget() -> None:
    """30 days of 300 reports each, with some failing, fit 256 KB of JSON."""
    state = State()
    for days_ago in range(30):
        day = DAY - timedelta(days=days_ago)
        for n in range(300):
            info = ReportInfo(type="t", day=day, file=f"{day}-{n}.csv", list="l", id=f"{day}{n}")
            state = with_done(state, info, f"{n:064x}", set())
        for n in range(20):
            failing = ReportInfo(type="t", day=day, file=f"{day}-failing-{n}.csv", list="l")
            state = with_failure(state, failing)
    state = finished(state, datetime(2024, 2, 1, tzinfo=UTC), DAY - timedelta(days=30))
    assert sum(len(done) for done in state.done.values()) == 9000
    assert len(json.dumps(dump(state)).encode()) <= SIZE_BUDGET


@given(
    st.text(),
    st.text(),
    st.text(alphabet=st.characters(codec=None)),
    st.text(),
    st.binary(max_size=8),
)
def test_no_secret_stands_in_the_state(
    list_: str, type_: str, file: str, secret: str, content: bytes
) -> None:
    """Whatever a report is called, its id is not in what OpenCTI stores."""
    info = ReportInfo(type=type_, day=DAY, file=file, list=list_, id=f"capability-{secret}")
    state = with_failure(with_done(State(), info, content.hex(), set()), info)
    assert "capability" not in json.dumps(dump(state), ensure_ascii=False)
    assert is_done(load(dump(state)), info)
