"""The history of findings that a connector keeps on disk: where it is, opened, kept in bounds."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from shadowserver_connector.connector.state_store import StateStore
from shadowserver_connector.errors import HistoryInUseError, HistoryUnusableError
from shadowserver_connector.history.history import History, open_history
from shadowserver_connector.logger import Logger
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.report.info import safe_name
from shadowserver_connector.settings.load import Settings
from shadowserver_connector.waiting import HISTORY, Waiter

NO_HISTORY: Final = "No history of findings is available: reports are sent in full"


def open_comparer(settings: Settings, waiter: Waiter) -> ReportComparer | None:
    """Return what compares reports with the connector's history of findings; it has to be closed.

    While another process has the history, reports are not compared, and the log says so. ``None``,
    with a warning, where the usual directory cannot be written. Raises HistoryUnusableError where
    ``SHADOWSERVER_STATE_DIR`` names a directory that cannot be used, and Stopping.
    """
    chosen = settings.shadowserver
    opening = _opener_unless_in_use(history_directory(settings), settings.connector.id, waiter.log)

    def create() -> ReportComparer:
        return ReportComparer(
            opening, waiter.log, absence=chosen.resurfaced_after, refresh=chosen.refresh_days
        )

    try:
        return waiter.until(HISTORY, create)
    except HistoryUnusableError as error:
        if chosen.state_dir is not None:
            raise
        reason = str(error)
    cure = "let SHADOWSERVER_STATE_DIR name a directory that lasts and can be written"
    waiter.log.warning(NO_HISTORY, {"reason": reason, "cure": cure})
    return None


def _opener_unless_in_use(directory: Path, owner: str, log: Logger) -> Callable[[], History | None]:
    """Return what opens a history, and logs once each time that another process has it."""
    is_told = False

    def open_or_log() -> History | None:
        nonlocal is_told
        try:
            history = open_history(directory, owner)
        except HistoryInUseError as error:
            reason = str(error)
        else:
            is_told = False
            return history
        if not is_told:
            is_told = True
            log.warning(NO_HISTORY, {"reason": reason})
        return None

    return open_or_log


def history_directory(settings: Settings) -> Path:
    """Return where the history is: as configured, otherwise where programs keep their state.

    The XDG Base Directory Specification defines the latter.
    """
    if settings.shadowserver.state_dir is not None:
        return settings.shadowserver.state_dir
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    folder = Path(os.path.expanduser(state)) / "shadowserver-connector"
    return folder / safe_name(settings.connector.id)


def clear_history_if_state_is_empty(
    comparer: ReportComparer | None, state_store: StateStore
) -> None:
    """Clear the history if OpenCTI has no state: what it says was sent may not be there."""
    if comparer is not None and state_store.is_empty:
        comparer.clear()


def forget_old_findings(comparer: ReportComparer | None, today: date, days: int) -> None:
    """Forget the findings that were not reported for this many days."""
    if comparer is not None:
        comparer.forget(today - timedelta(days=days))
