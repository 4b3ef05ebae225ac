from __future__ import annotations

import itertools
import json
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from shadowserver_connector.connector import run as module
from shadowserver_connector.connector.run import (
    PERIOD_AFTER_INCOMPLETE_RUN,
    RESET,
    run_for_ever,
    run_guarded,
)
from shadowserver_connector.connector.state_store import StateResetError, StateStore
from shadowserver_connector.errors import CredentialsError, SinkUnavailableError, VersionError
from shadowserver_connector.service import process
from shadowserver_connector.waiting import Stopping, Waiter
from tests.sink.pycti_fakes import FakeHelper, FakeLog

DAY = timedelta(days=1)


class Clock:
    """A monotonic clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time, in seconds."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Let time pass, and return what it then is."""
        self.now += seconds
        return self.now


class Runs:
    """A run that takes the prepared steps one by one, then stops the schedule."""

    def __init__(self, *steps: bool | Exception) -> None:
        self.steps = list(steps)

    def __call__(self) -> bool:
        """Take the next step."""
        if not self.steps:
            raise Stopping
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def pauses_of(runs: Runs, monkeypatch: pytest.MonkeyPatch, period: timedelta = DAY) -> list[float]:
    """Return the hours between the starts of the runs."""
    pauses: list[float] = []
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: clock.advance(seconds))

    def run() -> bool:
        pauses.append(round(clock.now / 3600))
        return runs()

    helper = FakeHelper()
    waiter = Waiter(threading.Event(), FakeLog())
    with pytest.raises(Stopping):
        run_for_ever(run, helper, StateStore(helper, waiter), waiter, period)
    return [after - before for before, after in itertools.pairwise(pauses)]


def test_reset_during_a_pause_starts_over_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset that pycti's ping finds during a pause starts a run within a minute and is logged."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    helper = FakeHelper(stored=json.dumps({"last_run": "2024-01-31"}))
    waiter = Waiter(threading.Event(), helper.connector_logger)
    memory = StateStore(helper, waiter)

    def pause(_waiter: Waiter, seconds: float) -> None:
        before, after = clock.now, clock.advance(seconds)
        if before < 3600 <= after:
            # What pycti's thread does when it has met a reset.
            helper.set_state(None)

    monkeypatch.setattr(Waiter, "pause", pause)
    began: list[float] = []
    first: list[bool] = []

    def run() -> bool:
        if len(began) == 2:
            raise Stopping
        began.append(clock.now)
        first.append(memory.confirm_and_read().is_first_run)
        return True

    with pytest.raises(Stopping):
        run_for_ever(run, helper, memory, waiter, DAY)
    assert first == [False, True]
    assert 3600 <= began[1] <= 3660
    assert helper.connector_logger.messages("warning") == [RESET]


def test_runs_follow_each_other_by_the_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a complete run, the next one starts one period later."""
    assert pauses_of(Runs(True, True, True), monkeypatch) == [24, 24, 24]


def test_nothing_that_a_run_raises_ends_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused key or a defect in a later run is logged, and the next run comes sooner."""
    runs = Runs(False, CredentialsError("no"), KeyError("x"), MemoryError(), True)
    assert pauses_of(runs, monkeypatch) == [1, 1, 1, 1, 24]


def test_a_key_that_is_refused_in_the_first_run_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first run a refused key ends the process, as wrong settings do; a defect does not."""
    with pytest.raises(CredentialsError):
        pauses_of(Runs(CredentialsError("no"), True), monkeypatch)
    assert pauses_of(Runs(KeyError("x"), True), monkeypatch) == [1, 24]


def test_short_period_is_not_made_longer_by_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure never delays the next run beyond the period."""
    assert pauses_of(Runs(False), monkeypatch, period=PERIOD_AFTER_INCOMPLETE_RUN / 2) == [0]


def test_reset_starts_over_at_once() -> None:
    """The run after a reset starts without a pause."""
    log = FakeLog()
    runs = Runs(StateResetError("reset"), True)
    assert run_guarded(runs, Waiter(threading.Event(), log))
    assert runs.steps == []
    assert log.messages("warning") == [RESET]


def test_failure_is_logged_in_one_line_that_says_what_to_do() -> None:
    """The connector's own errors are logged with their text."""
    log = FakeLog()
    assert not run_guarded(Runs(CredentialsError("check the key")), Waiter(threading.Event(), log))
    assert log.lines == [("error", "The run failed", {"reason": "check the key"})]


@pytest.mark.parametrize("error", [OSError("x"), UnicodeEncodeError("utf-8", "x", 0, 1, "x")])
def test_nothing_that_is_done_between_two_runs_ends_the_schedule(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """An error in the work between runs is logged once per pause; the work is still repeated."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: clock.advance(seconds))
    helper = FakeHelper()
    waiter = Waiter(threading.Event(), helper.connector_logger)
    looks: list[float] = []

    def between() -> None:
        looks.append(clock.now)
        raise error

    with pytest.raises(Stopping):
        run_for_ever(
            Runs(True),
            helper,
            StateStore(helper, waiter),
            waiter,
            PERIOD_AFTER_INCOMPLETE_RUN,
            between,
        )
    assert len(looks) == 360
    assert len(helper.connector_logger.messages("error")) == 1
    assert type(error).__name__ in helper.connector_logger.text()


def test_stopping_between_two_runs_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to stop during a pause ends the schedule without an error."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: clock.advance(seconds))
    helper = FakeHelper()
    waiter = Waiter(threading.Event(), FakeLog())

    def between() -> None:
        raise Stopping

    with pytest.raises(Stopping):
        run_for_ever(Runs(True, True), helper, StateStore(helper, waiter), waiter, DAY, between)
    assert clock.now == 10


def test_opencti_shows_when_the_next_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCTI is given the time at which a run ended and the seconds from then to the next."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Waiter, "pause", lambda self, seconds: clock.advance(seconds))
    helper = FakeHelper()
    shown: list[object] = []
    monkeypatch.setattr(helper, "next_run_datetime", shown.append)
    monkeypatch.setattr(helper, "last_run_datetime", lambda: shown.append("now"))
    waiter = Waiter(threading.Event(), FakeLog())
    steps = [(600.0, True), (DAY.total_seconds() + 5, True), (30.0, False)]

    def run() -> bool:
        if not steps:
            raise Stopping
        seconds, complete = steps.pop(0)
        clock.advance(seconds)
        return complete

    with pytest.raises(Stopping):
        run_for_ever(run, helper, StateStore(helper, waiter), waiter, DAY)
    assert shown == ["now", 85_800.0, "now", 0.0, "now", 3_570.0]


def test_what_fails_in_another_way_between_two_runs_is_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error that differs from the last one, or follows a success, is logged again."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    pauses: list[float] = []

    def pause(_: Waiter, seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds)

    monkeypatch.setattr(Waiter, "pause", pause)
    helper = FakeHelper()
    waiter = Waiter(threading.Event(), helper.connector_logger)
    errors = [CredentialsError(said) if said else None for said in ("a", "a", "b", "", "b", "")]

    def between() -> None:
        error = errors.pop(0)
        if error is not None:
            raise error

    period = timedelta(seconds=50.5)
    with pytest.raises(Stopping):
        run_for_ever(Runs(True), helper, StateStore(helper, waiter), waiter, period, between)
    assert pauses == [10.0] * 5 + [0.5]
    message = "A task between two runs failed"
    assert helper.connector_logger.lines == [
        ("error", message, {"reason": said}) for said in ("a", "b", "b")
    ]


def test_shutdown_closes_every_work_that_can_be_closed() -> None:
    """A work that OpenCTI or the installed pycti cannot close keeps no other one open."""
    closed: list[str] = []

    def closing(error: Exception | None = None) -> SimpleNamespace:
        def close_at_once(message: str) -> None:
            if error is not None:
                raise error
            closed.append(message)

        return SimpleNamespace(close_at_once=close_at_once)

    runtime: Any = SimpleNamespace(
        under_way=[
            closing(VersionError("misfit")),
            closing(SinkUnavailableError("away")),
            closing(),
        ]
    )
    process._close_work(runtime)
    assert closed == ["Interrupted by a shutdown; the next run continues"]
