from __future__ import annotations

import threading
import time
from typing import Any
from unittest.mock import ANY

import pytest

from shadowserver_connector.errors import (
    ApiUnavailableError,
    NotReadyError,
    SinkUnavailableError,
    SkippableError,
)
from shadowserver_connector.service import assembly
from shadowserver_connector.settings.load import load_settings
from shadowserver_connector.waiting import SHADOWSERVER, RetryPolicy, Stopping, Wait, Waiter
from tests.sink.pycti_fakes import FakeLog


def failing(times: int) -> list[Exception]:
    """Return this many errors that waiting may cure."""
    return [ApiUnavailableError(f"down {n}") for n in range(times)]


def calls(errors: list[Exception]) -> str:
    """Return a function that raises the errors one by one and then returns."""
    if errors:
        raise errors.pop(0)
    return "answer"


def test_waiting_is_said_once_and_its_end_too() -> None:
    """Five failures give two lines, one with the first reason and one for the end."""
    log = FakeLog()
    waiter = Waiter(threading.Event(), log, first_pause=0.0)
    errors = failing(5)
    assert waiter.until("Shadowserver", lambda: calls(errors)) == "answer"
    assert log.lines == [
        ("warning", "Waiting", {"for": "Shadowserver", "reason": "down 0"}),
        ("info", "Resumed", {"for": "Shadowserver", "seconds": ANY}),
    ]


def test_pauses_grow_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pause is twice the one before, up to a maximum."""
    pauses: list[float] = []
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: pauses.append(seconds))
    errors = failing(5)
    Waiter(threading.Event(), FakeLog(), 1.0, 5.0).until("it", lambda: calls(errors))
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_patience_ends_with_the_last_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience ends, the last error is raised."""
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: None)
    errors = failing(3)
    with pytest.raises(ApiUnavailableError, match="down 0"):
        Waiter(threading.Event(), FakeLog()).until("it", lambda: calls(errors), patience=0.5)


def test_other_errors_are_not_waited_out() -> None:
    """An error that waiting cannot cure is raised at once."""
    log = FakeLog()
    with pytest.raises(SkippableError):
        Waiter(threading.Event(), log).until("it", lambda: calls([SkippableError("bad")]))
    assert log.lines == []


def test_stop_ends_a_wait() -> None:
    """A long pause ends as soon as the process is asked to stop."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopping):
        Waiter(stop, FakeLog(), first_pause=3600).until("it", lambda: calls(failing(1)))


def test_silent_wait_is_noticed_once() -> None:
    """A call that hangs is named in the log, once, while it hangs."""
    log = FakeLog()
    said = threading.Event()
    log.warning = lambda *line: said.set()  # type: ignore[method-assign]
    with Waiter(threading.Event(), log, slow_after=0.0).logging_if_slow("the queue"):
        assert said.wait(10)


def test_quick_call_is_not_noticed() -> None:
    """A call that returns in time gives no line."""
    log = FakeLog()
    with Waiter(threading.Event(), log, slow_after=3600).logging_if_slow("the queue"):
        pass
    assert log.lines == []


def test_patience_is_used_up_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that ends exactly with the patience is still made."""
    now, pauses = [1_000.0], []

    def pause(_: Waiter, seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Waiter, "pause", pause)
    waiter = Waiter(threading.Event(), FakeLog(), first_pause=1.0)
    errors = failing(9)
    with pytest.raises(ApiUnavailableError, match="down 3"):
        waiter.until("it", lambda: calls(errors), patience=7.0)
    assert pauses == [1.0, 2.0, 4.0]


def test_what_is_not_ready_is_left_to_another_run() -> None:
    """A report that is not ready is not waited for, as a later run asks for it again."""
    with pytest.raises(NotReadyError):
        Waiter(threading.Event(), FakeLog()).until("it", lambda: calls([NotReadyError("empty")]))


def test_only_errors_of_the_kind_that_is_asked_for_are_waited_out() -> None:
    """Only errors of the given class are waited out; others are raised."""
    waiter = Waiter(threading.Event(), FakeLog(), first_pause=0.0)
    errors: list[Exception] = [SinkUnavailableError("away"), ApiUnavailableError("down")]
    with pytest.raises(ApiUnavailableError):
        waiter.until("it", lambda: calls(errors), retried=SinkUnavailableError)
    assert errors == []


def test_silent_wait_is_noticed_by_name_and_holds_up_no_end_of_the_process() -> None:
    """The thread that watches a call is a daemon and ends with the call."""
    log = FakeLog()
    before = set(threading.enumerate())
    with Waiter(threading.Event(), log, slow_after=0.01).logging_if_slow("the queue"):
        (timer,) = set(threading.enumerate()) - before
        assert timer.daemon
        timer.join(10)
    said = [(level, message, meta["for"]) for level, message, meta in log.lines]
    assert said == [("warning", "Waiting", "the queue"), ("info", "Resumed", "the queue")]
    assert log.lines[0][2]["reason"] == "no answer after 0.01 seconds"
    with Waiter(threading.Event(), log, slow_after=3600).logging_if_slow("the queue"):
        (timer,) = set(threading.enumerate()) - before
    timer.join(10)
    assert not timer.is_alive()


def test_a_long_wait_is_said_again_at_growing_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long wait is logged again after 1, 2, 4, ... minutes, and then every hour."""
    now = [0.0]
    monkeypatch.setattr("shadowserver_connector.waiting.time.monotonic", lambda: now[0])
    log, said = FakeLog(), list[float]()
    waiter = Waiter(threading.Event(), log, notify=lambda what, reason: said.append(now[0]))
    with Wait(waiter, "OpenCTI") as wait:
        for second in range(0, 16_000, 10):
            now[0] = float(second)
            wait.log_if_due("down")
    assert log.messages("warning") == ["Waiting"] + ["Still waiting"] * 9
    assert said[:-1] == [0, 60, 180, 420, 900, 1860, 3780, 7380, 10980, 14580]
    assert log.lines[-2][2]["seconds"] == said[-2]


def test_a_wait_gives_the_more_exact_reason() -> None:
    """A more exact reason is looked up when a line is logged, not at each attempt."""
    log, told, asked = FakeLog(), list[tuple[str, str]](), list[str]()

    def explain(what: str, reason: str) -> str:
        asked.append(reason)
        return f"{what}: its certificate has expired"

    def tell(what: str, reason: str) -> None:
        told.append((what, reason))

    waiter = Waiter(threading.Event(), log, first_pause=0.0, explain=explain, notify=tell)
    errors = failing(5)
    waiter.until("OpenCTI", lambda: calls(errors))
    assert asked == ["down 0"]
    assert log.lines[0][2]["reason"] == "OpenCTI: its certificate has expired"
    assert told == [("OpenCTI", "OpenCTI: its certificate has expired"), ("OpenCTI", "")]


def test_a_wait_in_vain_is_over_and_does_not_go_on() -> None:
    """The end of a failed wait is reported to the observer; the log tells of no success."""
    log, told = FakeLog(), list[str]()
    waiter = Waiter(
        threading.Event(), log, first_pause=0.01, notify=lambda what, reason: told.append(reason)
    )
    with pytest.raises(ApiUnavailableError):
        waiter.until("Shadowserver", lambda: calls(failing(9)), patience=0.02)
    assert told == ["down 0", ""]
    assert log.messages("info") == []


def test_what_is_not_ready_uses_up_nobodys_patience() -> None:
    """An empty file is an answer: what breaks off after it is waited for."""
    waiter = Waiter(threading.Event(), FakeLog(), first_pause=0.0)
    empty: list[Exception] = [NotReadyError("empty")]
    with pytest.raises(NotReadyError):
        waiter.until_patience_ends(SHADOWSERVER, "a report", lambda: calls(empty))
    assert waiter.exhausted == set()
    errors = failing(1)
    assert waiter.until_patience_ends(SHADOWSERVER, "it", lambda: calls(errors)) == "answer"


def test_patience_is_not_used_up_by_a_long_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that breaks off after an hour is begun again: only then does the wait begin."""
    now = [0.0]
    monkeypatch.setattr("shadowserver_connector.waiting.time.monotonic", lambda: now[0])
    waiter = Waiter(threading.Event(), FakeLog(), first_pause=0.0)
    errors = failing(1)

    def download() -> str:
        now[0] += 3600
        return calls(errors)

    assert waiter.until_patience_ends(SHADOWSERVER, "a report", download) == "answer"
    assert waiter.exhausted == set()


def test_a_notice_that_comes_too_late_is_not_given() -> None:
    """When a slow call returns while its line is being prepared, the status shows no wait."""
    log, told = FakeLog(), list[str]()
    begun, ended = threading.Event(), threading.Event()

    def explain(_what: str, reason: str) -> str:
        begun.set()
        ended.wait(10)
        return reason

    def tell(_what: str, reason: str) -> None:
        told.append(reason)

    before = set(threading.enumerate())
    waiter = Waiter(threading.Event(), log, slow_after=0.0, explain=explain, notify=tell)
    with waiter.logging_if_slow("the queue"):
        assert begun.wait(10)
        (timer,) = set(threading.enumerate()) - before
    ended.set()
    timer.join(10)
    assert told == []
    assert log.lines == []


def test_the_connector_asks_once_where_it_waited_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Shadowserver's patience is used up, none of its requests waits as it asks to."""
    monkeypatch.setattr(assembly, "open_api", lambda _settings, retry: retry)
    waiter = Waiter(threading.Event(), FakeLog())
    policy: Any = assembly._reports_api(load_settings(environ={}).settings, waiter, print)
    assert isinstance(policy, RetryPolicy)
    assert not policy.gives_up()
    waiter.exhausted.add(SHADOWSERVER)
    assert policy.gives_up()
