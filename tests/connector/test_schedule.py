from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from shadowserver_connector.connector.memory import StateResetError
from shadowserver_connector.connector.schedule import RETRY_AFTER, run_for_ever, run_guarded
from shadowserver_connector.errors import CredentialsError
from shadowserver_connector.sink.waiting import Stopping, Waiter
from tests.sink.pycti_fakes import FakeHelper, FakeLog

DAY = timedelta(days=1)


class Runs:
    """A run that does one thing after the other, then stops."""

    def __init__(self, *steps: bool | Exception) -> None:
        self.steps = list(steps)

    def __call__(self) -> bool:
        """Do the next step."""
        if not self.steps:
            raise Stopping
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def pauses_of(runs: Runs, monkeypatch: pytest.MonkeyPatch, period: timedelta = DAY) -> list[float]:
    """Return how long the schedule pauses between the runs, in hours."""
    pauses: list[float] = []
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: pauses.append(round(seconds / 3600)))
    with pytest.raises(Stopping):
        run_for_ever(runs, FakeHelper(), Waiter(threading.Event(), FakeLog()), period)
    return pauses


def test_runs_follow_each_other_by_the_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete runs come once in a period."""
    assert pauses_of(Runs(True, True, True), monkeypatch) == [24, 24, 24]


def test_nothing_that_a_run_raises_ends_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused keys and defects are logged; the next run comes sooner."""
    runs = Runs(CredentialsError("no"), KeyError("x"), MemoryError(), False, True)
    assert pauses_of(runs, monkeypatch) == [1, 1, 1, 1, 24]


def test_short_period_is_not_made_longer_by_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure never puts the next run off."""
    assert pauses_of(Runs(False), monkeypatch, period=RETRY_AFTER / 2) == [0]


def test_reset_starts_over_at_once() -> None:
    """The run after a reset does not wait for its time."""
    log = FakeLog()
    runs = Runs(StateResetError("reset"), True)
    assert run_guarded(runs, Waiter(threading.Event(), log))
    assert runs.steps == []
    assert log.messages("warning") == [
        "The state was reset in OpenCTI: everything is imported again"
    ]


def test_failure_is_logged_in_one_line_that_says_what_to_do() -> None:
    """Our own errors are told as they are."""
    log = FakeLog()
    assert not run_guarded(Runs(CredentialsError("check the key")), Waiter(threading.Event(), log))
    assert log.lines == [("error", "The run failed", {"reason": "check the key"})]
