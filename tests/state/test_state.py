from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.state.state import (
    State,
    are_bytes_known,
    bytes_digest,
    content_digest,
    failures_of,
    is_content_known,
    is_done,
    listing_digest,
    with_attempts_counted,
    with_day_closed,
    with_day_open,
    with_done,
    with_failure,
    with_run_finished,
    without_old_days,
)

DAY = date(2024, 1, 31)
INFO = ReportInfo(
    type="scan_ssl",
    day=DAY,
    file="2024-01-31-scan_ssl-example.csv",
    list="example",
    id="first-token",
)


def test_nothing_is_done_at_first() -> None:
    """An empty state knows no report and no content, and belongs to a first run."""
    state = State()
    assert state.is_first_run
    assert not is_done(state, INFO)
    assert not is_content_known(state, INFO, "00" * 32)


def test_done_report_is_recognised_by_list_type_day_file_and_id() -> None:
    """If any of the five differs, it is another report."""
    state = with_done(State(), INFO, "00" * 32, set())
    assert is_done(state, INFO)
    for other in (
        replace(INFO, list="other"),
        replace(INFO, type="scan_http"),
        replace(INFO, day=date(2024, 1, 30)),
        replace(INFO, file="2024-01-31-scan_ssl-example-delayed.csv"),
        replace(INFO, id="second-token"),
    ):
        assert not is_done(state, other)


def test_known_content_under_a_new_id_is_recognised() -> None:
    """Known bytes under a new id are not new, if the file is the same."""
    state = with_done(State(), INFO, "00" * 32, set())
    again = replace(INFO, id="second-token")
    assert is_content_known(state, again, "00" * 32)
    assert not is_content_known(state, again, "11" * 32)
    assert not is_content_known(state, replace(again, list="other"), "00" * 32)


def test_id_that_is_listed_no_more_is_forgotten() -> None:
    """Ids that change with every listing leave one entry per content."""
    state = State()
    for n in range(10):
        info = replace(INFO, id=f"token-{n}")
        state = with_done(state, info, "00" * 32, {listing_digest(info)})
    assert len(state.done[DAY]) == 1
    assert is_done(state, replace(INFO, id="token-9"))


def test_two_ids_listed_together_are_both_remembered() -> None:
    """A file listed under two ids is downloaded once for each, not at every run."""
    first, second = replace(INFO, id="token-1"), replace(INFO, id="token-2")
    listed = {listing_digest(first), listing_digest(second)}
    state = with_done(State(), first, "00" * 32, listed)
    state = with_done(state, second, "00" * 32, listed)
    assert is_done(state, first)
    assert is_done(state, second)


def test_two_contents_of_one_file_are_both_remembered() -> None:
    """A re-issued file keeps the digest of its earlier content."""
    state = with_done(State(), INFO, "00" * 32, set())
    state = with_done(state, replace(INFO, id="second-token"), "11" * 32, set())
    assert is_content_known(state, INFO, "00" * 32)
    assert is_content_known(state, INFO, "11" * 32)


def test_failures_are_counted_over_new_ids_and_forgotten_by_success() -> None:
    """A file's failures count on under a new id, keep the day open, and end with its import."""
    state = with_failure(State(), INFO)
    state = with_failure(state, replace(INFO, id="second-token"))
    assert failures_of(state, INFO) == 2
    assert state.open_days == {DAY}
    state = with_done(state, INFO, "00" * 32, set())
    assert failures_of(state, INFO) == 0
    assert not state.failures


def test_failure_of_one_report_leaves_another_alone() -> None:
    """Each report has its own count of failures."""
    other = replace(INFO, file="2024-01-31-scan_http-example.csv", type="scan_http")
    state = with_failure(with_failure(State(), INFO), other)
    state = with_done(state, other, "00" * 32, set())
    assert failures_of(state, INFO) == 1
    assert failures_of(state, other) == 0


def test_changes_leave_the_old_state_as_it_was() -> None:
    """A change returns a new state, so the old one can be kept meanwhile."""
    before = with_done(State(), INFO, "00" * 32, set())
    with_failure(with_day_open(before, DAY), INFO)
    assert not before.open_days
    assert not before.failures


def test_days_are_opened_and_closed() -> None:
    """Closing a day undoes opening it and leaves other days alone."""
    other = date(2024, 1, 30)
    state = with_day_open(with_day_open(State(), DAY), other)
    assert state.open_days == {DAY, other}
    assert with_day_closed(state, DAY).open_days == {other}
    assert not with_day_closed(with_day_closed(state, DAY), other).open_days


def test_file_name_that_is_no_text_is_remembered_too() -> None:
    """A file name with a lone surrogate, which JSON allows, is remembered."""
    info = replace(INFO, file="2024-01-31-scan_ssl-\ud800.csv")
    state = with_done(State(), info, "00" * 32, set())
    assert is_done(state, info)
    assert not is_done(state, replace(info, file="2024-01-31-scan_ssl-\ud801.csv"))


def test_finished_run_forgets_closed_days_outside_the_window() -> None:
    """Everything about closed days before the oldest day of the window is removed."""
    old, edge = replace(INFO, day=date(2024, 1, 1)), replace(INFO, day=date(2024, 1, 2))
    state = State()
    for info in (INFO, edge, old):
        state = with_failure(with_done(state, info, "00" * 32, set()), info)
    state = with_day_closed(with_day_closed(state, old.day), edge.day)
    started = datetime(2024, 2, 1, 8, tzinfo=UTC)
    after = with_run_finished(state, started, oldest=edge.day)
    assert after.last_run == started
    assert set(after.done) == set(after.failures) == {edge.day, DAY}
    assert after.open_days == {DAY}


def test_finished_run_remembers_everything_of_an_old_open_day() -> None:
    """Done reports of an old open day stay known, so that they are not sent again."""
    old = date(2023, 12, 1)
    state = with_done(State(), replace(INFO, day=old), "00" * 32, set())
    state = with_failure(state, replace(INFO, day=old, file="other.csv"))
    state = with_attempts_counted(state, DAY, DAY)
    after = with_run_finished(state, datetime(2024, 2, 1, tzinfo=UTC), oldest=date(2024, 1, 2))
    assert (
        set(after.done)
        == set(after.failures)
        == set(after.late_attempts)
        == after.open_days
        == {old}
    )


def test_days_far_ahead_are_forgotten() -> None:
    """Days more than 366 days ahead, from a wrong clock or a file name, are removed."""
    today = date(2024, 2, 1)
    near, far = today + timedelta(days=366), today + timedelta(days=367)
    state = State()
    for day in (near, far, date.max):
        info = replace(INFO, day=day)
        state = with_failure(with_done(state, info, "00" * 32, set()), info)
    state = with_attempts_counted(state, today, date.max)
    after = without_old_days(state, DAY, today)
    assert (
        set(after.done)
        == set(after.failures)
        == set(after.late_attempts)
        == after.open_days
        == {near}
    )


def test_closing_a_day_forgets_its_tries() -> None:
    """Closing a day removes its failed attempts and keeps those of other days."""
    other = DAY - timedelta(days=1)
    state = with_attempts_counted(with_day_open(with_day_open(State(), DAY), other), DAY, date.max)
    assert set(with_day_closed(state, DAY).late_attempts) == {other}


def test_oldest_day_of_the_window_is_not_forgotten() -> None:
    """The window's first day is kept, as the next run lists it again."""
    state = with_failure(with_done(State(), INFO, "00" * 32, set()), INFO)
    after = with_run_finished(state, datetime(2024, 2, 1, 8, tzinfo=UTC), oldest=DAY)
    assert set(after.done) == set(after.failures) == after.open_days == {DAY}


def test_bytes_are_known_under_whatever_name_and_of_whatever_day() -> None:
    """Bytes are recognised under any file name and day, by the start of the content's digest."""
    assert not are_bytes_known(State(), "00" * 32)
    state = State()
    for number, day in enumerate((DAY, DAY - timedelta(days=1), DAY - timedelta(days=9))):
        for other in range(2):
            info = replace(INFO, day=day, file=f"{number}-{other}.csv")
            state = with_done(state, info, f"{number}{other}" * 32, set())
    known = [f"{number}{other}" * 32 for number in range(3) for other in range(2)]
    assert all(are_bytes_known(state, each) for each in known)
    assert not are_bytes_known(state, "30" * 32)
    assert bytes_digest(known[0]) == bytes_digest(known[0]) != bytes_digest(known[1])


def test_content_is_remembered_by_its_bytes_and_then_by_its_names() -> None:
    """A content digest is 8 characters of the bytes and 4 of the names."""
    one, other = (content_digest(replace(INFO, file=name), "00" * 32) for name in ("a", "b"))
    same = bytes_digest("00" * 32)
    assert (len(same), len(one), len(other)) == (8, 12, 12)
    assert one[:8] == other[:8] == same
    assert one != other


def test_failures_are_of_a_list_a_type_a_day_and_a_file() -> None:
    """Names that read the same when joined do not share a count of failures."""
    state = with_failure(State(), replace(INFO, list="ab", type="cd"))
    for other in (
        replace(INFO, list="abc", type="d"),
        replace(INFO, list="a", type="bcd"),
        replace(INFO, list="ab", type="cd", file="other.csv"),
        replace(INFO, list="ab", type="cd", day=DAY - timedelta(days=1)),
    ):
        assert failures_of(state, other) == 0
    assert failures_of(state, replace(INFO, list="ab", type="cd")) == 1
