"""The connector as a process: started, supervised, and stopped in time."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.api.retry import Retry, RetryPolicy
from shadowserver_connector.connector.day import describe
from shadowserver_connector.connector.events import Observe, Retried
from shadowserver_connector.connector.helper import connect, pycti_log
from shadowserver_connector.connector.importer import Importer
from shadowserver_connector.connector.memory import Memory
from shadowserver_connector.connector.run import run_window
from shadowserver_connector.connector.schedule import run_for_ever, run_guarded
from shadowserver_connector.connector.selection import warn_of_unknown_names
from shadowserver_connector.errors import SettingsError, SinkUnavailableError
from shadowserver_connector.operations.statusfile import status_path
from shadowserver_connector.operations.watch import Watch, watched
from shadowserver_connector.pipeline.executors import open_executor
from shadowserver_connector.pipeline.options import conversion_options
from shadowserver_connector.report.filename import safe_name
from shadowserver_connector.settings.load import Loaded, load_settings
from shadowserver_connector.sink.platform import Abilities, abilities, within
from shadowserver_connector.sink.waiting import Log, Stopping, Waiter

# Seconds. Docker kills ten seconds after it asked to stop.
GRACE: Final = 6.0
_LAST_CALL: Final = 2.0
_LOOK_UP: Final = 0.5
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Body = Callable[["Process"], int]


def run(loaded: Loaded | None = None) -> int:
    """Run as OpenCTI's connector until asked to stop; return the exit code.

    Without ``loaded`` the settings are read from their usual places. With
    ``CONNECTOR_RUN_AND_TERMINATE`` it is `run_once`. When asked to stop, it ends the process with
    code 0 instead of returning. Raises SettingsError before anything is contacted.
    """
    loaded = loaded or load_settings()
    if loaded.settings.connector.run_and_terminate:
        return run_once(loaded)
    return _supervised(loaded, _for_ever)


def run_once(loaded: Loaded | None = None) -> int:
    """Run once and return the exit code: 1 when not every day could be asked for.

    Otherwise as `run`.
    """
    return _supervised(loaded or load_settings(), _once)


class Process:
    """The parts of a running connector, as far as they exist."""

    def __init__(self, loaded: Loaded, log: Log) -> None:
        self.loaded = loaded
        self.waiter = Waiter(threading.Event(), log)
        self.watch = Watch(status_path(loaded.settings), log)
        self.importer: Importer | None = None
        self.exit_code = 1

    @contextmanager
    def assembled(self) -> Iterator[Importer]:
        """Connect to OpenCTI and build everything; raises Stopping and SettingsError."""
        settings = self.loaded.settings.shadowserver
        with ExitStack() as stack:
            executor = self.waiter.until(
                "the Dask scheduler",
                lambda: stack.enter_context(
                    open_executor(settings.workers, settings.dask_scheduler)
                ),
            )
            yield self._assemble(executor)

    def _assemble(self, executor: Executor) -> Importer:
        settings = self.loaded.settings
        helper = connect(self.loaded, self.waiter)
        self.watch.look_at(helper)
        if settings.connector.queue_protocol == "api" and not hasattr(helper, "queue_protocol"):
            self.waiter.log.warning("CONNECTOR_QUEUE_PROTOCOL has no effect with this pycti")
        can = abilities(helper)
        say_what_pycti_lacks(can, self.waiter.log)
        self.importer = Importer(
            settings=settings.shadowserver,
            options=within(conversion_options(settings.shadowserver), can),
            api=_reports_api(self.loaded, self.waiter, self.watch.observe),
            helper=helper,
            can=can,
            memory=Memory(helper, self.waiter),
            waiter=self.waiter,
            workspace=_workspace(settings.connector.id or ""),
            # A single worker would only write to disk what can be sent at once.
            executor=None if isinstance(executor, ThreadPoolExecutor) else executor,
            observe=self.watch.observe,
        )
        warn_of_unknown_names(self.importer.api, settings.shadowserver, self.waiter.log)
        return self.importer


def say_what_pycti_lacks(can: Abilities, log: Log) -> None:
    """Log in one line what is done without, as the installed pycti is not the newest."""
    lacking = [
        lack
        for has, lack in (
            (can.whole_messages, "whole messages: it splits bundles into objects"),
            (can.multipart_works, "multipart works: a work may look complete too early"),
            (can.ssh_keys, "SSH-Key: left out"),
            (can.network_traffic, "ends of Network-Traffic: it is left out"),
        )
        if not has
    ]
    if lacking:
        log.info("The installed pycti is an older one", {"lacks": lacking})


def _for_ever(process: Process) -> int:
    period = process.loaded.settings.connector.duration_period
    with process.assembled() as parts:
        run = watched(lambda: run_window(parts), parts.observe)
        run_for_ever(run, parts.helper, parts.memory, parts.waiter, period)
    return 0


def _once(process: Process) -> int:
    with process.assembled() as parts:
        complete = run_guarded(watched(lambda: run_window(parts), parts.observe), parts.waiter)
        parts.helper.last_run_datetime()
    return 0 if complete else 1


def _supervised(loaded: Loaded, body: Body) -> int:
    """Run ``body`` in a thread, so that a signal is heard whatever the body is waiting for."""
    loaded.settings.require_run()
    log = pycti_log(loaded)
    for warning in loaded.warnings:
        log.warning(warning)
    process = Process(loaded, log)
    thread = threading.Thread(target=_guarded, args=(process, body), name="connector", daemon=True)
    with _stopping_on_signals(process.waiter.stop):
        thread.start()
        while thread.is_alive() and not process.waiter.stop.is_set():
            thread.join(_LOOK_UP)
            process.watch.beat()
        if process.waiter.stop.is_set():
            _leave(process, thread)
    return process.exit_code


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


def _guarded(process: Process, body: Body) -> None:
    reason = None
    try:
        process.exit_code = body(process)
    except Stopping:
        process.exit_code = 0
    except Exception as error:
        reason = describe(error)
    if reason is not None:
        process.waiter.log.error("The connector ends", {"reason": reason})


def _leave(process: Process, thread: threading.Thread) -> NoReturn:
    """End the process in time: what is in flight is finished or released, its work closed."""
    process.waiter.log.info("Stopping")
    thread.join(GRACE)
    if thread.is_alive():
        closing = threading.Thread(target=_close_work, args=(process,), daemon=True)
        closing.start()
        closing.join(_LAST_CALL)
    process.waiter.log.info("Stopped")
    logging.shutdown()
    # An ordinary exit would wait for downloads under way; the connector stays registered.
    os._exit(0)


def _close_work(process: Process) -> None:
    delivery = process.importer.delivery if process.importer else None
    if delivery is not None:
        with suppress(SinkUnavailableError):
            delivery.close_at_once("Interrupted by a shutdown; the next run goes on")


def _reports_api(loaded: Loaded, waiter: Waiter, observe: Observe) -> ReportsApi:
    settings = loaded.settings.shadowserver
    credentials = loaded.settings.require_api()

    def on_retry(retry: Retry) -> None:
        waiter.log.debug("Shadowserver is asked again", asdict(retry))
        observe(Retried(retry.what.partition(" of ")[0]))

    return ReportsApi(
        credentials.key.get_secret_value(),
        credentials.secret.get_secret_value(),
        api_url=settings.api_url,
        download_url=settings.download_url,
        ca_bundle=settings.ca_bundle,
        connections=settings.max_threads,
        retry=RetryPolicy(sleep=waiter.pause, on_retry=on_retry),
    )


def _workspace(connector_id: str) -> Path:
    """Return an empty directory of this connector's own; what a killed process left is deleted."""
    path = Path(tempfile.gettempdir()) / safe_name(f"shadowserver-{connector_id}")
    try:
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be made anew: {error.strerror}; let TMPDIR name another directory"
        ) from None
    return path
