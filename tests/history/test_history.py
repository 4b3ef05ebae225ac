"""A history on disk gives the same answers as a simple reference that keeps every report."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowserver_connector.history import identified_rows as rows_module
from shadowserver_connector.history.comparison import Comparison, ReportFeed
from shadowserver_connector.history.database import FILE, reading_only
from shadowserver_connector.history.history import NAME_DAYS, History, open_history
from shadowserver_connector.history.questions import findings_about
from shadowserver_connector.history.record import day_number
from shadowserver_connector.history.verdicts import CHANGED, NEW, RECURRING, RESURFACED, VERDICTS
from tests.history.days import Report, Slow, day, key, numbered, rows_of, state

FEED = ReportFeed("scan_ssl", "example")
OTHER = ReportFeed("scan_ssl", "another")
RESURFACED_AFTER_DAYS = 5

reports = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=8)
several = st.lists(
    st.tuples(st.integers(0, 30), reports), min_size=1, max_size=9, unique_by=lambda each: each[0]
)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """An empty history."""
    with open_history(tmp_path / "history", "one") as opened:
        yield opened


def _compare(
    history: History, number: int, report: Report, feed: ReportFeed = FEED, *, refresh: int = 7
) -> Comparison:
    with rows_of(report) as rows:
        return history.compare(
            feed, day(number), rows, absence=RESURFACED_AFTER_DAYS, refresh=refresh
        )


def _commit(history: History, number: int, report: Report, feed: ReportFeed = FEED) -> None:
    with rows_of(report) as rows:
        history.commit(feed, day(number), rows)


def _content(path: Path) -> list[list[tuple[object, ...]]]:
    """Return all rows of a file, in order."""
    connection = sqlite3.connect(path)
    tables = ("feeds", "days", "findings", "names", "labels")
    try:
        return [connection.execute(f"SELECT * FROM {each}").fetchall() for each in tables]
    finally:
        connection.close()


@settings(max_examples=60, deadline=None)
@given(several)
def test_it_says_what_a_slow_history_says(days: list[tuple[int, Report]]) -> None:
    """Verdicts, counts, first days, since when and what is gone agree, in any order of days."""
    slow = Slow()
    with TemporaryDirectory() as folder, open_history(Path(folder), "one") as history:
        for number, report in days:
            found = _compare(history, number, report)
            expected = [
                slow.row_verdict(row, number, report, RESURFACED_AFTER_DAYS) for row in report
            ]
            assert list(found.verdicts) == expected
            findings = {of for of, _ in report}
            verdicts = [slow.verdict(of, number, report, RESURFACED_AFTER_DAYS) for of in findings]
            assert found.counts == {name: verdicts.count(at) for at, name in enumerate(VERDICTS)}
            gone = slow.gone(number, report)
            assert found.gone_count == len(gone)
            assert {each.key for each in found.gone_findings} == {key(of) for of in gone}
            slow.reports[number] = report
            for at, (of, _) in enumerate(report):
                assert found.first_days[at] == numbered(min(slow.days_of(of)))
                assert found.unchanged_since[at] == numbered(min(slow.since(of), number))
            _commit(history, number, report)
            _commit(history, number, report)
        newest, report = max(days)
        once = {of for of, _ in report if set(slow.days_of(of)) == {newest}}
        assert _compare(history, newest, report).counts["new"] == len(once)
        assert {
            (each.subject, each.first, each.last, each.days, each.since)
            for each in _asked(history, "192.0.2.0/24")
        } == {
            (f"192.0.2.{of}", day(min(seen)), day(max(seen)), len(seen), day(slow.since(of)))
            for of in range(6)
            if (seen := slow.days_of(of))
        }


def _asked(history: History, text: str) -> list[object]:
    with reading_only(history.path.parent) as connection:
        return list(findings_about(connection, text))


def test_two_orders_of_days_leave_the_same_behind(tmp_path: Path) -> None:
    """Days imported backwards, as on a first import, leave the same history."""
    month = [(number, [(of, number // (of + 7)) for of in range(5)]) for number in range(30)]
    contents = []
    for name, ordered in (("forward", month), ("back", month[::-1])):
        with open_history(tmp_path / name, "one") as history:
            for number, report in ordered:
                _commit(history, number, report)
        _, _, findings, names, _ = _content(tmp_path / name / FILE)
        contents.append((findings, [each[:2] for each in names]))
    assert contents[0] == contents[1]


def test_going_back_in_time_what_is_known_is_not_new(history: History) -> None:
    """On an earlier day only what differs from later days is new."""
    _commit(history, 9, [(1, 0), (2, 0)])
    found = _compare(history, 8, [(1, 0), (2, 1), (3, 0)])
    assert list(found.verdicts) == [RECURRING, CHANGED, NEW]
    assert (found.previous_day, found.gone_count) == (None, 0)


def test_going_back_in_time_a_change_counts_once(history: History) -> None:
    """A day before all others is compared with the first of them, not with the last."""
    _commit(history, 9, [(1, 1), (2, 0)])
    _commit(history, 8, [(1, 0), (2, 0)])
    assert list(_compare(history, 7, [(1, 0), (2, 0)]).verdicts) == [RECURRING, RECURRING]
    assert list(_compare(history, 7, [(1, 1), (2, 1)]).verdicts) == [CHANGED, CHANGED]
    assert list(_compare(history, 10, [(1, 1), (2, 0)]).verdicts) == [RECURRING, RECURRING]
    assert list(_compare(history, 10, [(1, 0)]).verdicts) == [CHANGED]
    _commit(history, 7, [(1, 0)])
    assert list(_compare(history, 7, [(1, 0)]).verdicts) == [RECURRING]


def test_back_again_only_after_reports_without_it(history: History) -> None:
    """A finding resurfaces only after a report without it, not after a day without a report."""
    _commit(history, 0, [(1, 0), (2, 0)])
    assert list(_compare(history, 20, [(1, 0)]).verdicts) == [RECURRING]
    _commit(history, 10, [(2, 0)])
    assert list(_compare(history, 20, [(1, 0), (2, 0)]).verdicts) == [RESURFACED, RECURRING]
    assert list(_compare(history, RESURFACED_AFTER_DAYS, [(1, 0)]).verdicts) == [RECURRING]


def test_a_day_that_is_imported_again_is_judged_as_it_was(history: History) -> None:
    """A day imported again, as after a broken run, gets the same verdicts."""
    _commit(history, 0, [(1, 0), (2, 0), (4, 0)])
    _commit(history, 20, [(1, 0)])
    report = [(1, 0), (2, 1), (3, 0), (4, 0)]
    before = _compare(history, 21, report)
    _commit(history, 21, report)
    assert before.counts == {"new": 1, "changed": 0, "recurring": 1, "resurfaced": 2}
    assert _compare(history, 21, report).counts == before.counts
    _commit(history, 22, [(1, 1)])
    assert list(_compare(history, 22, [(1, 1)]).verdicts) == [RECURRING]
    assert _compare(history, 22, [(1, 1)]).counts["changed"] == 1


@pytest.mark.parametrize("order", [1, -1], ids=["forward", "back"])
@pytest.mark.parametrize("refresh", [3, 7])
def test_what_recurs_is_due_once_in_so_many_days(
    history: History, order: int, refresh: int
) -> None:
    """Each recurring finding is due for a refresh once in that many days, not all on one day."""
    report = [(of, 0) for of in range(50)]
    due = []
    for number in range(4 * refresh)[::order]:
        found = _compare(history, number, report, refresh=refresh)
        due.append(found.update_due)
        _commit(history, number, report)
    assert not any(due[0])
    for start in range(1, 3 * refresh):
        span = due[start : start + refresh]
        assert [sum(days) for days in zip(*span, strict=True)] == [1] * len(report)
        assert max(map(sum, span)) < len(report)


def test_a_finding_that_was_absent_when_it_was_due_is_due_when_it_is_back(
    history: History,
) -> None:
    """A finding absent when its refresh was due is due when it is back."""
    _commit(history, 0, [(1, 0)])
    assert list(_compare(history, 7, [(1, 0)], refresh=7).update_due) == [1]
    assert list(_compare(history, 7, [(1, 1)], refresh=7).update_due) == [0]
    assert (
        sum(_compare(history, number, [(1, 0)], refresh=7).update_due[0] for number in range(1, 8))
        < 8
    )


def test_rows_of_one_finding_are_judged_together(history: History) -> None:
    """A finding of several rows counts once; rows that were there before recur."""
    _commit(history, 0, [(1, 0), (1, 1)])
    assert list(_compare(history, 1, [(1, 1), (1, 0), (1, 0)]).verdicts) == [RECURRING] * 3
    more = _compare(history, 1, [(1, 0), (1, 2), (1, 1)])
    assert list(more.verdicts) == [RECURRING, CHANGED, RECURRING]
    assert more.counts == {"new": 0, "changed": 1, "recurring": 0, "resurfaced": 0}
    fewer = _compare(history, 1, [(1, 0)])
    assert (list(fewer.verdicts), fewer.counts["changed"]) == ([RECURRING], 1)
    assert list(fewer.unchanged_since) == [numbered(1)]


def test_feeds_are_compared_with_themselves_alone(history: History) -> None:
    """Lists of one type do not share findings."""
    _commit(history, 0, [(1, 0)])
    assert list(_compare(history, 1, [(1, 0)], OTHER).verdicts) == [NEW]
    assert _compare(history, 1, [], OTHER).previous_day is None
    found = _compare(history, 1, [])
    assert (found.previous_day, found.gone_count) == (day(0), 1)
    assert found.gone_findings[0]._replace(key=b"") == (b"", "1/tcp", day(0), day(0), 1)


def test_the_longest_open_of_many_are_named(history: History) -> None:
    """All gone findings are counted, and those open longest are named."""
    _commit(history, 0, [(of, 0) for of in range(100, 130)])
    _commit(history, 1, [(of, 0) for of in range(250)])
    found = _compare(history, 2, [(0, 0)])
    assert found.gone_count == 249
    assert len(found.gone_findings) == 100
    assert {each.key for each in found.gone_findings[:30]} == {key(of) for of in range(100, 130)}


def test_comparing_writes_nothing(history: History) -> None:
    """A comparison does not change the file's content."""
    _commit(history, 0, [(1, 0)])
    before = _content(history.path)
    _compare(history, 1, [(1, 1), (2, 0)])
    assert _content(history.path) == before


def test_rows_on_disk_are_sorted_as_those_in_memory(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report sorted on disk in parts gives what one sorted in memory gives."""
    report = [(number * 7 % 40, number % 3) for number in range(200)]
    _commit(history, 0, report[:120])
    whole = _compare(history, 1, report)
    monkeypatch.setattr(rows_module, "COMPARED_ROWS", 9)
    monkeypatch.setattr(rows_module, "_BLOCK", 4)
    assert _compare(history, 1, report) == whole


def test_what_is_old_is_forgotten_with_all_that_belongs_to_it(history: History) -> None:
    """Old findings are deleted by their last day, with days, names and texts."""
    _commit(history, 0, [(1, 0), (2, 0)])
    _commit(history, 40, [(2, 0)])
    assert history.forget(day(40)) == 1
    _, days, findings, names, labels = _content(history.path)
    assert days == [(1, numbered(40))]
    assert [each[1] for each in findings] == [key(2)]
    assert [each[1] for each in names] == ["host2.example.net"]
    assert [each[1] for each in labels] == ["2/tcp"]
    assert history.forget(day(40) + timedelta(NAME_DAYS + 1)) == 1
    assert _content(history.path)[1:] == [[], [], [], []]


def test_a_name_lives_as_long_as_its_finding(history: History) -> None:
    """A name's last day is updated late, but the name outlives its finding."""
    for number in range(60):
        _commit(history, number, [(1, 0)])
    history.forget(day(59))
    (name,) = _content(history.path)[3]
    assert day_number(day(59)) - NAME_DAYS <= name[2] <= day_number(day(59))


def test_cleared_it_knows_nothing(history: History) -> None:
    """A cleared history is empty, as after a reset of the state in OpenCTI."""
    _commit(history, 0, [(1, 0)])
    history.clear()
    assert _content(history.path) == [[], [], [], [], []]
    assert list(_compare(history, 1, [(1, 0)]).verdicts) == [NEW]


def test_a_state_is_of_its_finding_alone(history: History) -> None:
    """The same state of another finding is not known."""
    _commit(history, 0, [(1, 0)])
    assert list(_compare(history, 1, [(2, 0)]).verdicts) == [NEW]
    assert state(0) != state(1)
