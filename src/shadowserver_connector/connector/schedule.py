"""Runs at their times, for ever: nothing that a run raises ends the schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from shadowserver_connector.connector.day import describe
from shadowserver_connector.connector.memory import StateResetError
from shadowserver_connector.sink.waiting import Waiter

RETRY_AFTER: Final = timedelta(hours=1)
"""The next run after one that Shadowserver or a defect kept from finishing."""

Run = Callable[[], bool]


def run_for_ever(run: Run, helper: Any, waiter: Waiter, period: timedelta) -> None:
    """Run now and every ``period``; ends with Stopping only.

    pycti's own scheduler is not used: when OpenCTI does not answer, it ends the process.
    """
    while True:
        began = time.monotonic()
        complete = run_guarded(run, waiter)
        helper.last_run_datetime()
        pause = period if complete else min(period, RETRY_AFTER)
        left = max(0.0, began + pause.total_seconds() - time.monotonic())
        helper.next_run_datetime(left)
        waiter.pause(left)


def run_guarded(run: Run, waiter: Waiter) -> bool:
    """Run, again from the start after a reset; return whether the run was complete.

    What it raises is logged, but for Stopping.
    """
    while True:
        try:
            return run()
        except StateResetError:
            reason = None
        except Exception as error:
            reason = describe(error)
        # Outside of the handlers: pycti logs the traceback of the error that is being handled.
        if reason is not None:
            waiter.log.error("The run failed", {"reason": reason})
            return False
        waiter.log.warning("The state was reset in OpenCTI: everything is imported again")
