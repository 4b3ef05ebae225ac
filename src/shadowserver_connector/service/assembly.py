"""Puts the connector together: what runs, and what is checked between two runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from shadowserver_connector.api.client import ReportsApi, open_api
from shadowserver_connector.connector.day_import import (
    ApiImportContext,
    ImportContext,
    utc_now,
    verdict_fields,
)
from shadowserver_connector.connector.events import (
    Observe,
    RequestRetried,
    WaitChanged,
    observe_both,
)
from shadowserver_connector.connector.helper import register
from shadowserver_connector.connector.history_store import open_comparer
from shadowserver_connector.connector.importer import ImportSetup
from shadowserver_connector.connector.run import (
    Run,
    do_nothing,
    run_window,
    run_without_api,
    warn_of_unknown_names,
)
from shadowserver_connector.connector.state_store import StateStore
from shadowserver_connector.errors import (
    SettingsError,
    ShadowserverConnectorError,
    SinkUnavailableError,
    is_disk_full,
)
from shadowserver_connector.logger import Logger
from shadowserver_connector.operations.drop_folder import DropFolder
from shadowserver_connector.operations.metrics import (
    Metrics,
    bind_pycti_metrics,
    register_status_metrics,
)
from shadowserver_connector.operations.reachability import reach_opencti
from shadowserver_connector.operations.status_file import StatusWriter, observe_run, status_path
from shadowserver_connector.pipeline.processes import if_ahead, open_executor
from shadowserver_connector.pipeline.report_comparer import with_comparison
from shadowserver_connector.report.info import safe_name
from shadowserver_connector.report.wording import shown_path
from shadowserver_connector.settings.load import LoadedSettings, Settings, conversion_options
from shadowserver_connector.settings.sections import ConnectorSettings
from shadowserver_connector.sink.opencti import Delivery, Session
from shadowserver_connector.sink.platform import (
    Abilities,
    find_abilities,
    limit_to_abilities,
    queued_megabytes,
)
from shadowserver_connector.temporary import (
    recreate_private_directory,
    remove_abandoned_folders,
    temporary_directory,
)
from shadowserver_connector.waiting import (
    OPENCTI,
    SCHEDULER,
    SHADOWSERVER,
    Retry,
    RetryPolicy,
    Waiter,
)

CHECK_SETTING: Final = "Check this setting"


@dataclass(frozen=True, slots=True)
class Connector:
    """What the schedule needs of an assembled connector."""

    helper: Any
    state_store: StateStore
    run: Run
    poll: Callable[[], None]
    """Poll the drop folder, if there is one."""
    has_drop_folder: bool


class Runtime:
    """The parts of a running connector, as far as they exist."""

    def __init__(self, loaded: LoadedSettings, log: Logger) -> None:
        self.loaded = loaded
        self.waiter = Waiter(threading.Event(), log, notify=self._notify, explain=self._explain)
        self.status_writer = StatusWriter(status_path(loaded.settings), log)
        # Before pycti's helper is built, because that starts the server for metrics.
        self.observe = _observer(loaded, self.status_writer)
        self.under_way: list[Delivery] = []
        """Deliveries whose works may be open."""
        # Stays so if its thread is ended by what is no Exception.
        self.exit_code = 1

    def log_totals(self, next_run: float | None = None) -> None:
        """Log the result of the last run, and in how many seconds the next one starts."""
        run = self.status_writer.status.last
        if run is None or run.ended is None:
            return
        totals: dict[str, object] = {
            "complete": run.complete,
            "days": run.days or 0,
            "imported": run.done,
            "skipped": run.skipped,
            "failed": run.failed,
            "findings": run.findings,
            **verdict_fields(run.verdict_counts),
            "objects": run.objects,
            "seconds": round((run.ended - run.started).total_seconds(), 1),
            "next_run_seconds": None if next_run is None else round(next_run),
        }
        self.waiter.log.info("Run ended", totals)

    def _notify(self, what: str, reason: str) -> None:
        self.observe(WaitChanged(what, reason, utc_now()))

    def _explain(self, what: str, reason: str) -> str:
        """Query OpenCTI as ``check`` does: that distinguishes a wrong URL, TLS, proxy and token."""
        if what != OPENCTI:
            return reason
        try:
            reach_opencti(self.loaded.settings)
        except ShadowserverConnectorError as error:
            return str(error)
        return reason

    @contextmanager
    def assemble(self) -> Iterator[Connector]:
        """Connect to OpenCTI and build everything; raises Stopping and SettingsError."""
        settings = self.loaded.settings.shadowserver
        with ExitStack() as stack:
            executor = self.waiter.until(
                SCHEDULER,
                lambda: stack.enter_context(
                    open_executor(settings.workers, settings.dask_scheduler)
                ),
            )
            yield self._build(executor, stack)

    def _build(self, executor: Executor, stack: ExitStack) -> Connector:
        settings = self.loaded.settings
        chosen = settings.shadowserver
        helper = register(self.loaded, self.waiter)
        self.status_writer.attach_helper(helper)
        for warning in setting_warnings(settings.connector, helper):
            self.waiter.log.warning(CHECK_SETTING, {"warning": warning})
        abilities = find_abilities(helper)
        log_missing_abilities(abilities, self.waiter.log)
        state_store = StateStore(helper, self.waiter)
        remove_abandoned_folders()
        workspace = self.waiter.until_disk_has_room(lambda: _workspace(settings.connector.id))
        comparer = open_comparer(settings, self.waiter)
        if comparer is not None:
            stack.callback(comparer.close)
        context = ImportContext(
            setup=ImportSetup(
                Session(helper, abilities, self.waiter, self.under_way),
                limit_to_abilities(conversion_options(chosen), abilities),
                with_comparison(comparer),
                comparer=comparer,
            ),
            settings=chosen,
            state_store=state_store,
            workspace=workspace,
            executor=if_ahead(executor),
            observe=self.observe,
        )
        poll = do_nothing
        if chosen.drop_dir is not None:
            poll = DropFolder(_drop_folder(chosen.drop_dir), context).poll
        run: Run = partial(run_without_api, context)
        # Otherwise the connector lives on its drop folder alone.
        if settings.require_run() is not None:
            api = _reports_api(settings, self.waiter, self.observe)
            warn_of_unknown_names(api, chosen, self.waiter.log)
            run = partial(run_window, ApiImportContext(**vars(context), api=api))
        return Connector(
            helper,
            state_store,
            observe_run(run, self.observe),
            _checking_queue(helper, poll),
            chosen.drop_dir is not None,
        )


def _observer(loaded: LoadedSettings, writer: StatusWriter) -> Observe:
    if not loaded.settings.connector.expose_metrics:
        return writer.observe
    bind_pycti_metrics(loaded.settings.connector.metrics_host)
    floor = loaded.settings.shadowserver.disk_floor
    register_status_metrics(lambda: writer.status, temporary_directory(), floor)
    return observe_both(writer.observe, Metrics().observe)


_QUEUE_INTERVAL: Final = 300.0
"""Seconds between two checks of OpenCTI's queue while nothing is sent."""


def _checking_queue(helper: Any, poll: Callable[[], None]) -> Callable[[], None]:
    """Return ``poll`` with an occasional check of the queue, which empties between the runs."""
    due = 0.0

    def check() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _QUEUE_INTERVAL
            with suppress(SinkUnavailableError):
                # There both the status (`StatusWriter`) and pycti's ping find it.
                helper.connector_info.queue_messages_size = queued_megabytes(helper)
        poll()

    return check


def setting_warnings(connector: ConnectorSettings, helper: Any) -> Iterator[str]:
    """Yield warnings about settings that do not, or not quite, do what one would expect."""
    if connector.queue_protocol == "api" and not hasattr(helper, "queue_protocol"):
        yield "CONNECTOR_QUEUE_PROTOCOL has no effect with this pycti"
    elif connector.queue_protocol == "api":
        yield (
            "CONNECTOR_QUEUE_PROTOCOL=api: OpenCTI learns late what a work contains, so it may "
            "show works as complete before their objects are imported"
        )
    if connector.send_to_s3 and not hasattr(helper, "bundle_send_to_s3"):
        yield "CONNECTOR_SEND_TO_S3 has no effect with this pycti"


def log_missing_abilities(abilities: Abilities, log: Logger) -> None:
    """Log in one line what the installed pycti lacks."""
    lacking = [
        lack
        for has, lack in (
            (abilities.whole_messages, "whole messages: it splits bundles into objects"),
            (abilities.multipart_works, "multipart works: a work may look complete too early"),
            (abilities.ssh_keys, "SSH-Key: left out"),
            (abilities.network_traffic, "ends of Network-Traffic: it is left out"),
        )
        if not has
    ]
    if lacking:
        log.info("The installed pycti lacks some features", {"lacks": lacking})


def _reports_api(settings: Settings, waiter: Waiter, observe: Observe) -> ReportsApi:
    def on_retry(retry: Retry) -> None:
        waiter.log.debug(
            "Retrying a request to Shadowserver",
            {
                "request": retry.what,
                "attempt": retry.attempt,
                "wait_seconds": round(retry.wait, 1),
                "reason": retry.reason,
            },
        )
        # Without the file's name: each value of a label is a metric of its own.
        observe(RequestRetried(retry.what.partition(" of ")[0]))

    return open_api(
        settings,
        RetryPolicy(
            sleep=waiter.pause,
            on_retry=on_retry,
            # Once waited for in vain it is asked once, not five times with what it asks to wait.
            gives_up=lambda: SHADOWSERVER in waiter.exhausted,
        ),
    )


def _workspace(connector_id: str) -> Path:
    """Return an empty directory of this connector's own, without what a killed process left.

    Raises ``OSError`` if no space is left, and SettingsError if it cannot be created for another
    reason.
    """
    path = temporary_directory() / safe_name(f"shadowserver-{connector_id}")
    try:
        return recreate_private_directory(path)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise SettingsError(
            f"{shown_path(path)}: cannot be made anew: {error.strerror}; "
            "let TMPDIR name another directory"
        ) from None


def _drop_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"SHADOWSERVER_DROP_DIR: {shown_path(path)} cannot be made: {error.strerror}; "
            "name another folder"
        ) from None
    return path
