"""The connector as a process: started, supervised, and stopped in time."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

from shadowserver_connector import __version__
from shadowserver_connector.connector.events import Exited
from shadowserver_connector.connector.helper import pycti_version
from shadowserver_connector.connector.run import (
    POLL_INTERVAL,
    RUN_FAILED,
    Run,
    run_for_ever,
    run_through,
)
from shadowserver_connector.errors import (
    INTERRUPTED,
    OK,
    SOME_FAILED,
    UNAVAILABLE,
    SinkUnavailableError,
    VersionError,
    describe,
    exit_code_of,
)
from shadowserver_connector.logger import configure_logging
from shadowserver_connector.service.assembly import CHECK_SETTING, Runtime
from shadowserver_connector.settings.load import LoadedSettings, load_settings
from shadowserver_connector.waiting import Stopping, Waiter

# Seconds. Docker kills ten seconds after it asked to stop.
GRACE: Final = 6.0
_LAST_CALL: Final = 2.0
_STOP_CHECK: Final = 0.5
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Body = Callable[[Runtime], int]


def run(loaded: LoadedSettings | None = None) -> int:
    """Run as OpenCTI's connector until asked to stop; return the exit code.

    Without ``loaded`` the settings are read from their usual places. With
    ``CONNECTOR_RUN_AND_TERMINATE`` it is `run_once`. When asked to stop, which is how it normally
    ends, it ends the process with code 0 instead of returning. If it cannot start, it returns the
    code for the reason. Raises SettingsError before anything is contacted.
    """
    loaded = loaded or load_settings()
    if loaded.settings.connector.run_and_terminate:
        return run_once(loaded)
    return _supervise(loaded, _for_ever, stopped=OK)


def run_once(loaded: LoadedSettings | None = None) -> int:
    """Run once and return the exit code for the result, as in `errors.EXIT_CODES_HELP`.

    If asked to stop before that, it ends the process with the code for an interruption. Otherwise
    as `run`.
    """
    return _supervise(loaded or load_settings(), _once, stopped=INTERRUPTED)


def _for_ever(runtime: Runtime) -> int:
    period = runtime.loaded.settings.connector.duration_period
    with runtime.assemble() as parts:
        run_for_ever(
            parts.run,
            parts.helper,
            parts.state_store,
            runtime.waiter,
            period,
            between=parts.poll,
            on_end=runtime.log_totals,
        )
    return 0


def _once(runtime: Runtime) -> int:
    with runtime.assemble() as parts:
        # As pycti does: OpenCTI shows it with the last run.
        parts.helper.connector_info.run_and_terminate = True
        code = _code_of_run(parts.run, runtime.waiter)
        runtime.log_totals()
        # Twice: what has not changed in between is complete.
        parts.poll()
        runtime.waiter.pause(POLL_INTERVAL if parts.has_drop_folder else 0)
        parts.poll()
        parts.state_store.show_last_run()
    return code or (SOME_FAILED if runtime.status_writer.any_import_failed else OK)


def _code_of_run(run: Run, waiter: Waiter) -> int:
    """Run, log what it raises except Stopping, and return the exit code: UNAVAILABLE if a day could
    not be queried.
    """
    try:
        return OK if run_through(run, waiter) else UNAVAILABLE
    except Exception as error:
        reason, code = describe(error), exit_code_of(error)
    waiter.log.error(RUN_FAILED, {"reason": reason})
    return code


def _supervise(loaded: LoadedSettings, body: Body, *, stopped: int) -> int:
    """Run ``body`` in a thread, so that signals are handled whatever the body waits for.

    ``stopped`` is the exit code after a signal.
    """
    loaded.settings.require_run()
    connector, opencti = loaded.settings.connector, loaded.settings.opencti
    log = configure_logging(connector.name, connector.log_level, as_json=opencti.json_logging)
    # Before anything else: OpenCTI's own connector has the same image name and settings, and the
    # log must say which one runs.
    log.info(
        "Starting",
        {"program": "shadowserver-connector", "version": __version__, "pycti": pycti_version()},
    )
    for warning in loaded.warnings:
        log.warning(CHECK_SETTING, {"warning": warning})
    runtime = Runtime(loaded, log)
    # Not joined at the end: nothing interrupts a call that waits inside pycti.
    thread = threading.Thread(
        target=_run_and_report, args=(runtime, body), name="connector", daemon=True
    )
    with _stopping_on_signals(runtime.waiter.stop):
        thread.start()
        while thread.is_alive() and not runtime.waiter.stop.is_set():
            thread.join(_STOP_CHECK)
            runtime.status_writer.beat()
        if runtime.waiter.stop.is_set():
            _leave(runtime, thread, stopped)
    return runtime.exit_code


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_and_report(runtime: Runtime, body: Body) -> None:
    reason = None
    try:
        runtime.exit_code = body(runtime)
    except Stopping:
        # After a signal, the caller's ``stopped`` is the exit code.
        pass
    except Exception as error:
        reason, runtime.exit_code = describe(error), exit_code_of(error)
    if reason is not None:
        runtime.waiter.log.error("The connector is exiting", {"reason": reason})
        runtime.observe(Exited(reason))


def _leave(runtime: Runtime, thread: threading.Thread, code: int) -> NoReturn:
    """End the process in time: what is being sent is finished or abandoned, and its OpenCTI work is
    closed.
    """
    runtime.waiter.log.info("Stopping")
    thread.join(GRACE)
    if thread.is_alive():
        # In a thread of its own, because OpenCTI may not answer.
        closing = threading.Thread(target=_close_work, args=(runtime,), daemon=True)
        closing.start()
        closing.join(_LAST_CALL)
    runtime.waiter.log.info("Stopped")
    # `os._exit` would not flush what the log's handlers still hold.
    logging.shutdown()
    # An ordinary exit would wait for downloads under way, and pycti's `stop` would unregister the
    # connector and delete its queue.
    os._exit(code)


def _close_work(runtime: Runtime) -> None:
    # A copy, because the connector's thread may still change the list.
    for delivery in tuple(runtime.under_way):
        # The next run closes it.
        with suppress(SinkUnavailableError, VersionError):
            delivery.close_at_once("Interrupted by a shutdown; the next run continues")
