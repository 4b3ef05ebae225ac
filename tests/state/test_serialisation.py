from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.errors import NewerStateError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.state import serialisation
from shadowserver_connector.state.serialisation import (
    LARGEST,
    SIZE_BUDGET,
    dump_state,
    fit_to_budget,
    load_state,
    read_state,
)
from shadowserver_connector.state.state import (
    ImportedReport,
    State,
    is_done,
    with_attempts_counted,
    with_day_open,
    with_done,
    with_failure,
    with_run_finished,
)

DAY = date(2024, 1, 31)
INFO = ReportInfo(
    type="scan_ssl", day=DAY, file="2024-01-31-scan_ssl-example.csv", list="example", id="token"
)


def as_stored(state: State) -> dict[str, Any]:
    """Convert a state to JSON and back, as OpenCTI does."""
    return json.loads(json.dumps(dump_state(state)))


def test_state_survives_storage() -> None:
    """A state written as JSON is read back equal."""
    state = with_done(State(), INFO, "00" * 32, set())
    state = with_failure(state, ReportInfo(type="scan_http", day=DAY, file="x.csv"))
    state = with_attempts_counted(with_day_open(state, date(2024, 1, 2)), DAY, date(2024, 1, 3))
    state = with_run_finished(state, datetime(2024, 2, 1, 8, 30, tzinfo=UTC), date(2024, 1, 1))
    assert state.late_attempts
    assert read_state(as_stored(state)) == (state, ())


@pytest.mark.parametrize("stored", [None, {}])
def test_no_state_is_a_first_run(stored: dict[str, Any] | None) -> None:
    """After a reset OpenCTI returns None or an empty state, which is a first run."""
    assert load_state(stored).is_first_run
    assert read_state(stored) == (State(), ())


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
    """The connector that this one replaces stored ``last_run`` as ISO time or
    seconds, by version.
    """
    state = load_state({"last_run": last_run})
    assert state.last_run == datetime(2024, 1, 31, 8, tzinfo=UTC)
    assert not state.done


ENTRY = "a" * 12 + "b" * 12


def days_of_years(number: int) -> list[str]:
    """Return many days, written as in a state."""
    return [(DAY - timedelta(days=n)).isoformat() for n in range(number)]


@pytest.mark.parametrize(
    ("stored", "problems"),
    [
        ([1], "it is not an object"),
        ({"version": 1, "open": days_of_years(2001)}, "'open'"),
        ({"version": 1, "done": dict.fromkeys(days_of_years(2001), "")}, "'done'"),
        ("2024", "it is not an object"),
        ({"version": 1, "done": 7}, "'done'"),
        ({"version": 1, "open": "2024"}, "'open'"),
        ({"version": 1, "failing": [1]}, "'failing'"),
        ({"version": 1, "tried": 3}, "'tried'"),
        ({"version": 1, "done": {"someday": ENTRY}}, "days of 'done'"),
        ({"version": 1, "done": {"2024-02-30": ENTRY, "99999-01-01": ""}}, "days of 'done'"),
        ({"version": 1, "done": {"20240131": ENTRY}}, "days of 'done'"),
        ({"version": 1, "done": {"2024-01-31": None}}, "days of 'done'"),
        ({"version": 1, "done": {"2024-01-31": ENTRY[1:]}}, "days of 'done'"),
        ({"version": 1, "done": {"2024-01-31": ENTRY[1:] + "/"}}, "days of 'done'"),
        ({"version": 1, "open": [None, 5, "2024-13-01"]}, "days of 'open'"),
        ({"version": 1, "failing": {"2024-01-31": {"a": 1}}}, "days of 'failing'"),
        ({"version": 1, "failing": {"2024-01-31": {"a" * 12: "b"}}}, "days of 'failing'"),
        ({"version": 1, "failing": {"2024-01-31": {"a" * 12: True}}}, "days of 'failing'"),
        ({"version": 1, "failing": {"2024-01-31": {"a" * 12: 0}}}, "days of 'failing'"),
        ({"version": 1, "failing": {"2024-01-31": {"a" * 12: 10**50}}}, "days of 'failing'"),
        ({"version": 1, "failing": {"2024-01-31": 1}}, "days of 'failing'"),
        ({"version": 1, "tried": {"2024-01-31": [1]}}, "days of 'tried'"),
        ({"version": 1, "tried": {"2024-01-31": [1, "soon"]}}, "days of 'tried'"),
        ({"version": 1, "tried": {"2024-01-31": {"1": 2}}}, "days of 'tried'"),
        ({"version": 1, "last_run": "soon"}, "'last_run'"),
        ({"version": 1, "last_run": None}, "'last_run'"),
        ({"version": 1, "last_run": True}, "'last_run'"),
        ({"version": 1, "last_run": [1]}, "'last_run'"),
        ({"version": 1, "last_run": "1970-01-01T00:00:05+00:00"}, "'last_run'"),
        ({"version": 1, "last_run": "2000-01-01T00:00:05+00:00"}, "'last_run'"),
        ({"version": 1, "last_run": "2019-12-31T23:59:59+00:00"}, "'last_run'"),
        ({"version": 1, "last_run": "9999-12-31T23:59:59-10:00"}, "'last_run'"),
        ({"version": 1, "last_run": "0001-01-01T00:00:00+10:00"}, "'last_run'"),
        ({"last_run": 1e300}, "'last_run'"),
        ({"last_run": float("nan")}, "'last_run'"),
        ({"last_run": -1e17}, "'last_run'"),
        ({"last_run": "soon"}, "'last_run'"),
        ({"cursor": 5}, "'last_run'"),
        ({"open": []}, "'version'"),
        ({"version": "1"}, "'version'"),
        ({"version": None}, "'version'"),
        ({"version": True}, "'version'"),
        ({"version": 0}, "'version'"),
    ],
)
def test_damaged_state_is_read_as_far_as_it_goes(stored: object, problems: str) -> None:
    """The valid parts of an edited state are read, and the wrong one is named."""
    state, found = read_state(stored)
    assert found == (problems,)
    assert state == State()


def test_what_is_whole_in_a_damaged_state_is_kept() -> None:
    """A damaged day is dropped alone; each damaged part is named once."""
    state = with_failure(with_done(State(), INFO, "00" * 32, set()), INFO)
    state = with_run_finished(state, datetime(2024, 2, 1, tzinfo=UTC), DAY)
    stored = as_stored(state)
    for bad in ("someday", "2024-02-31"):
        stored["done"][bad] = ENTRY
        stored["open"].append(bad)
        stored["failing"][bad] = {}
    kept, problems = read_state(stored)
    assert kept == load_state(stored) == state
    assert problems == ("days of 'done'", "days of 'open'", "days of 'failing'")


@pytest.mark.parametrize("version", [2, 1.5, 99, 10**400])
def test_state_of_a_newer_version_is_refused(version: float) -> None:
    """A state of a newer version is not read; the error says what to do."""
    said = (
        f"has format {str(version)[:20]}, and this connector reads formats up to 1: a newer one "
        "wrote it; install that one again, or reset the connector's state in OpenCTI$"
    )
    with pytest.raises(NewerStateError, match=said) as caught:
        load_state({"version": version, "done": {}, "last_run": "2024-01-31T08:00:00+00:00"})
    assert len(str(caught.value)) < 250


def test_huge_state_is_none_of_ours() -> None:
    """A state too large to be ours is not unpacked, as its entries could fill the memory."""
    day = {"version": 1, "done": {"2024-01-31": ENTRY * 400_000}}
    assert read_state(day) == (State(), ("it has more than 8,388,608 bytes",))
    assert read_state({"version": 1, "done": {"2024-01-31": ENTRY * 300_000}})[1] == ()


def test_state_that_an_earlier_version_stored_is_recognised() -> None:
    """Names, forms and digests stay stable: else an update would import a month again."""
    stored = {
        "version": 1,
        "done": {"2024-01-31": "d5Yxmdcs26iOOpdOn7D4LqEb"},
        "last_run": "2024-02-01T08:30:00+00:00",
        "open": ["2024-01-02", "2024-01-30"],
        "failing": {"2024-01-30": {"T1s86y7aAxcw": 2}},
    }
    earlier = replace(INFO, day=date(2024, 1, 30))
    state = with_day_open(with_done(State(), INFO, "00" * 32, set()), date(2024, 1, 2))
    state = with_failure(with_failure(state, earlier), earlier)
    state = with_run_finished(state, datetime(2024, 2, 1, 8, 30, tzinfo=UTC), date(2024, 1, 1))
    assert dump_state(state) == stored
    assert load_state(stored) == state


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the machine's time zone to that of Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
@pytest.mark.parametrize("last_run", ["2024-01-31T08:00:00", "2024-01-31T10:00:00+02:00"])
def test_times_are_utc_wherever_the_machine_stands(last_run: str) -> None:
    """A stored time without a zone is UTC; others are converted to UTC, in any local zone."""
    moment = load_state({"last_run": last_run}).last_run
    assert moment is not None
    assert moment.isoformat() == "2024-01-31T08:00:00+00:00"
    elsewhere = moment.astimezone(timezone(timedelta(hours=-5)))
    assert dump_state(State(last_run=elsewhere))["last_run"] == "2024-01-31T08:00:00+00:00"


def test_packed_digests_are_read_back_as_they_were() -> None:
    """Digests packed without separators are read back one by one."""
    infos = [ReportInfo(type="t", day=DAY, file=f"{n}.csv", id=f"i{n}") for n in range(50)]
    state = State()
    for info in infos:
        state = with_done(state, info, "00" * 32, set())
    restored = load_state(as_stored(state))
    assert all(is_done(restored, info) for info in infos)


def test_month_of_large_subscriber_stays_within_the_budget() -> None:
    """30 days of 300 reports each, some of them failing, fit into 256 KB of JSON."""
    state = State()
    for days_ago in range(30):
        day = DAY - timedelta(days=days_ago)
        for n in range(300):
            info = ReportInfo(type="t", day=day, file=f"{day}-{n}.csv", list="l", id=f"{day}{n}")
            state = with_done(state, info, f"{n:064x}", set())
        for n in range(20):
            failing = ReportInfo(type="t", day=day, file=f"{day}-failing-{n}.csv", list="l")
            state = with_failure(state, failing)
    state = with_run_finished(state, datetime(2024, 2, 1, tzinfo=UTC), DAY - timedelta(days=30))
    assert sum(len(done) for done in state.done.values()) == 9000
    assert len(json.dumps(dump_state(state)).encode()) <= SIZE_BUDGET


def test_many_days_are_read() -> None:
    """A state of 2,000 days, more than runs can leave, is read."""
    days = days_of_years(2000)
    state, problems = read_state({"version": 1, "open": days, "done": dict.fromkeys(days, "")})
    assert (len(state.open_days), len(state.done), problems) == (2000, 2000, ())


def full(days: Iterable[date], reports: int, state: State | None = None) -> State:
    """Return a state with this many reports done on each day."""
    entries = tuple(ImportedReport(f"{n:012}", f"{n:012}") for n in range(reports))
    return replace(state or State(), done=dict.fromkeys(days, entries))


def days_back(first: int, last: int) -> list[date]:
    """Return the days between two numbers of days ago."""
    return [DAY - timedelta(days=n) for n in range(first, last + 1)]


def test_state_that_fits_is_left_as_it_is() -> None:
    """A state within the budget loses nothing."""
    state = replace(full(days_back(0, 33), 300), open_days=frozenset(days_back(30, 33)))
    assert len(json.dumps(dump_state(state))) <= SIZE_BUDGET
    assert fit_to_budget(state, DAY, DAY) == (state, {})


def test_closed_days_are_forgotten_before_an_open_one_is_given_up() -> None:
    """The oldest closed days go first, only as many as needed; days the next run lists stay."""
    old = days_back(50, 60)
    state = replace(full([*days_back(0, 34), *old], 300), open_days=frozenset(old))
    after, given_up = fit_to_budget(state, DAY - timedelta(days=3), DAY - timedelta(days=40))
    assert given_up == {}
    assert after.open_days == set(old)
    size = len(json.dumps(dump_state(after)))
    assert SIZE_BUDGET - 2 * 7300 < size <= SIZE_BUDGET
    assert set(after.done) == {*old, *(day for day in after.done if day > DAY - timedelta(days=34))}
    assert set(days_back(0, 3)) < set(after.done)


def test_oldest_open_days_are_given_up_before_the_state_grows_too_large() -> None:
    """Open days given up are reported, and none lies in the window of a first run."""
    old, window = days_back(31, 60), days_back(0, 30)
    state = replace(full([*old, *window], 300), open_days=frozenset([*old, *window]))
    for day in old:
        state = with_failure(state, replace(INFO, day=day))
    after, given_up = fit_to_budget(state, DAY - timedelta(days=3), DAY - timedelta(days=30))
    assert len(json.dumps(dump_state(after))) <= SIZE_BUDGET
    assert set(given_up.values()) == {"the state would become too large"}
    assert after.open_days == set(after.done) == {*old, *window} - set(given_up)
    assert set(after.failures) == set(old) - set(given_up)
    assert sorted(given_up) == sorted(old)[: len(given_up)]
    assert len(given_up) == 25
    huge = replace(full(window, 3000), open_days=frozenset(window))
    assert fit_to_budget(huge, DAY - timedelta(days=3), DAY - timedelta(days=30)) == (huge, {})


def test_digests_survive_whatever_their_last_character() -> None:
    """Digests that end in ``-`` or ``_``, and a day without reports, are read back."""
    state = State(done={DAY: (ImportedReport("-" * 12, "_" * 12),), DAY - timedelta(days=1): ()})
    assert read_state(as_stored(state)) == (state, ())


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
    """The stored state does not contain the id of a report."""
    info = ReportInfo(type=type_, day=DAY, file=file, list=list_, id=f"capability-{secret}")
    state = with_failure(with_done(State(), info, content.hex(), set()), info)
    assert "capability" not in json.dumps(dump_state(state), ensure_ascii=False)
    assert is_done(load_state(dump_state(state)), info)


@pytest.mark.parametrize(("less", "kept"), [(0, 3), (1, 2)])
def test_state_of_just_the_budget_fits(
    monkeypatch: pytest.MonkeyPatch, less: int, kept: int
) -> None:
    """A state of exactly the budget keeps every day; with a byte more it loses one."""
    state = full(days_back(1, 3), 10)
    monkeypatch.setattr(serialisation, "SIZE_BUDGET", len(json.dumps(dump_state(state))) - less)
    after, given_up = fit_to_budget(state, DAY, DAY)
    assert (sorted(after.done), given_up) == (sorted(days_back(1, kept)), {})


@pytest.mark.parametrize("failing", [0, 30])
def test_no_more_days_are_forgotten_than_it_takes(
    monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Only as many of the oldest days go as needed, with their reports and failures."""
    state = full(days_back(1, 9), 20)
    for day in days_back(1, 9):
        for number in range(failing):
            state = with_failure(state, replace(INFO, day=day, file=f"{number}.csv"))
    state = replace(state, open_days=frozenset())
    for keep in range(1, 9):
        wanted = replace(
            state,
            done={day: state.done[day] for day in days_back(1, keep)},
            failures={day: state.failures[day] for day in days_back(1, keep) if failing},
        )
        monkeypatch.setattr(serialisation, "SIZE_BUDGET", len(json.dumps(dump_state(wanted))) + 300)
        after, given_up = fit_to_budget(state, DAY, DAY)
        assert sorted(after.done) == sorted(days_back(1, keep))
        assert set(after.failures) == (set(after.done) if failing else set())
        assert given_up == {}


def test_days_that_the_next_run_asks_for_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days that the next run lists stay, and open days from a first run's window on."""
    old, oldest, asked = (DAY - timedelta(days=n) for n in (9, 5, 2))
    days = [old, oldest, asked, DAY]
    state = replace(full([*days, DAY - timedelta(days=3)], 5), open_days=frozenset([old, oldest]))
    state = with_attempts_counted(state, DAY, DAY)
    monkeypatch.setattr(serialisation, "SIZE_BUDGET", 1)
    after, given_up = fit_to_budget(state, asked, oldest)
    assert sorted(after.done) == [oldest, asked, DAY]
    assert (after.open_days, set(after.late_attempts)) == ({oldest}, {oldest})
    assert given_up == {old: "the state would become too large"}


def test_state_of_just_the_most_bytes_is_read() -> None:
    """A state of exactly the largest size is read; a byte more is refused."""
    stored = {"version": 1, "done": {"2024-01-31": ENTRY}, "pad": ""}
    stored["pad"] = "x" * (LARGEST - len(json.dumps(stored)))
    assert set(read_state(stored).state.done) == {DAY}
    stored["pad"] = f"{stored['pad']}x"
    assert read_state(stored).state == State()


def test_counts_and_times_are_read_up_to_their_bounds() -> None:
    """Values just within their bounds are accepted."""
    stored = {
        "version": 1,
        "last_run": "2020-01-01T00:00:00+00:00",
        "failing": {"2024-01-31": {"a" * 12: 999_999, "b" * 12: 1}},
        "tried": {"2024-01-31": [999_999, "2024-01-31"]},
    }
    state, problems = read_state(stored)
    assert problems == ()
    assert state.last_run == datetime(2020, 1, 1, tzinfo=UTC)
    assert state.failures == {DAY: {"a" * 12: 999_999, "b" * 12: 1}}
    assert state.late_attempts[DAY] == (999_999, DAY)
    stored["failing"] = {"2024-01-31": {"a" * 12: 1_000_000}}
    assert read_state(stored).problems == ("days of 'failing'",)
