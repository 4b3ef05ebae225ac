"""Runs at their times, forever: nothing that a run raises ends the schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from shadowserver_connector.connector.state_store import StateResetError, StateStore
from shadowserver_connector.errors import CredentialsError, describe
from shadowserver_connector.waiting import Waiter

RETRY_AFTER: Final = timedelta(hours=1)
"""Time until the next run after one that Shadowserver or a defect kept from completing."""
RUN_FAILED: Final = "The run failed"
RESET: Final = "The state was reset in OpenCTI: everything is imported again"
# Seconds after which a pause between two runs checks whether the state was reset.
_LOOK_UP: Final = 10.0

Run = Callable[[], bool]


def do_nothing() -> None:
    """Do nothing between two runs."""


def tell_nobody(seconds: float) -> None:
    """Tell nobody when the next run is."""


def run_for_ever(
    run: Run,
    helper: Any,
    state_store: StateStore,
    waiter: Waiter,
    period: timedelta,
    between: Callable[[], None] = do_nothing,
    ended: Callable[[float], None] = tell_nobody,
) -> None:
    """Run now, every ``period``, and soon after a reset; ends with Stopping only.

    But if Shadowserver refuses the key in the first run, it raises CredentialsError, because then
    the settings are wrong. ``ended`` is called after each run with the seconds until the next one.

    ``between`` is called every ten seconds while it waits for the next run. An error that it raises
    is logged, once while it stays the same, and ends nothing, except for Stopping.

    pycti's own scheduler is not used: if OpenCTI does not answer, it ends the process.
    """
    fatal: tuple[type[Exception], ...] = (CredentialsError,)
    while True:
        began = time.monotonic()
        complete = run_guarded(run, waiter, fatal)
        # A key that was accepted once may be renewed while the schedule continues.
        fatal = ()
        # Both are shown on the connector's page in OpenCTI.
        helper.last_run_datetime()
        pause = period if complete else min(period, RETRY_AFTER)
        left = max(0.0, began + pause.total_seconds() - time.monotonic())
        helper.next_run_datetime(left)
        ended(left)
        if _pause_until_reset(state_store, waiter, left, between):
            waiter.log.warning(RESET)


def _pause_until_reset(
    state_store: StateStore, waiter: Waiter, seconds: float, between: Callable[[], None]
) -> bool:
    """Pause; return early, and whether it was so, when the state was reset in OpenCTI."""
    end = time.monotonic() + seconds
    said = ""
    while (left := end - time.monotonic()) > 0:
        waiter.pause(min(left, _LOOK_UP))
        reason = _reason_of(between)
        # Outside the handler: pycti logs the traceback of the error being handled.
        if reason and reason != said:
            waiter.log.error("A task between two runs failed", {"reason": reason})
        said = reason
        # Someone who resets the state expects an import now, not tomorrow.
        if state_store.was_reset():
            return True
    return False


def _reason_of(call: Callable[[], None]) -> str:
    """Call it, and return why it failed; empty if it did not."""
    try:
        call()
    except Exception as error:
        return describe(error)
    return ""


def run_guarded(run: Run, waiter: Waiter, fatal: tuple[type[Exception], ...] = ()) -> bool:
    """Run as `run_through` does; log what it raises, except Stopping and fatal errors."""
    try:
        return run_through(run, waiter)
    except fatal:
        raise
    except Exception as error:
        reason = describe(error)
    # Outside the handlers: pycti logs the traceback of the error being handled.
    waiter.log.error(RUN_FAILED, {"reason": reason})
    return False


def run_through(run: Run, waiter: Waiter) -> bool:
    """Run, again from the start after a reset; return whether the run was complete.

    Raises what the run raises.
    """
    while True:
        with suppress(StateResetError):
            return run()
        waiter.log.warning(RESET)
