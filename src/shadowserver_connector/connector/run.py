"""One run: query the days of the window, import what is new, record it; and runs at their times,
forever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.connector.day_import import (
    ApiImportContext,
    ImportContext,
    import_day,
    utc_now,
)
from shadowserver_connector.connector.estimates import estimate
from shadowserver_connector.connector.events import (
    DayCompleted,
    DaysGivenUp,
    ReportsListed,
    ReportsRefused,
)
from shadowserver_connector.connector.history_store import (
    clear_history_if_state_is_empty,
    forget_old_findings,
)
from shadowserver_connector.connector.importer import MAX_LINES_IN_WORK, first_lines
from shadowserver_connector.connector.state_store import StateResetError, StateStore
from shadowserver_connector.errors import ClockError, CredentialsError, RetriableError, describe
from shadowserver_connector.logger import Logger
from shadowserver_connector.report.info import ReportInfo, day_at_start
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.sink.works import close_orphans
from shadowserver_connector.state.serialisation import FIRST_DAY, fit_to_budget
from shadowserver_connector.state.state import (
    Lookback,
    State,
    days_to_query,
    is_done,
    oldest_day,
    unreachable_days,
    with_attempts_counted,
    with_day_open,
    with_run_finished,
    without_hopeless,
    without_old_days,
)
from shadowserver_connector.waiting import OPENCTI, SHADOWSERVER, Waiter


def is_type_wanted(settings: ShadowserverSettings, report_type: str) -> bool:
    """Tell whether the settings choose a report type, and do not exclude it."""
    chosen = not settings.report_types or report_type in settings.report_types
    return chosen and report_type not in settings.exclude_types


def is_wanted(settings: ShadowserverSettings, report: ReportInfo) -> bool:
    """Tell whether the settings choose a report, by type and list."""
    listed = not settings.report_names or report.list in settings.report_names
    return listed and is_type_wanted(settings, report.type)


def reports_of_day(
    day: date, listed: Iterable[ReportInfo]
) -> tuple[list[ReportInfo], tuple[ReportInfo, ...]]:
    """Return the reports of the queried day, and those that are not of that day.

    A report is of the day if its timestamp or its file's name says so; it then gets that day. Any
    other report is also listed for its own day, if that exists.
    """
    found: list[ReportInfo] = []
    others: list[ReportInfo] = []
    for report in listed:
        if day in (report.day, day_at_start(report.file)):
            found.append(replace(report, day=day))
        else:
            others.append(report)
    return found, tuple(others)


def warn_of_unknown_names(api: ReportsApi, settings: ShadowserverSettings, log: Logger) -> None:
    """Log a warning for each setting that names types or lists the API does not have.

    Queries nothing if nothing is configured.
    """
    types = (*settings.report_types, *settings.exclude_types)
    _warn(log, "SHADOWSERVER_REPORT_TYPES or _EXCLUDE_TYPES", types, api.available_types)
    _warn(log, "SHADOWSERVER_REPORT_NAMES", settings.report_names, api.subscriptions)


def _warn(log: Logger, setting: str, named: Sequence[str], ask: Callable[[], list[str]]) -> None:
    if not named:
        return
    try:
        known = ask()
    except (RetriableError, CredentialsError):
        # The run will meet it too, and log it.
        return
    unknown = sorted(set(named) - set(known))
    if unknown:
        log.warning(
            "Shadowserver does not know these names",
            {"setting": setting, "unknown": unknown, "known": sorted(known)},
        )


def run_window(context: ApiImportContext) -> bool:
    """Import everything new; return whether every day could be queried.

    Raises StateResetError if the state was reset in OpenCTI meanwhile, CredentialsError if
    Shadowserver refuses the key, NewerStateError, ClockError, and Stopping.
    """
    started = context.now()
    _check_clock(started)
    state = context.state_store.confirm_and_read()
    # Before any report is compared: after a reset, OpenCTI lacks what the history knows.
    clear_history_if_state_is_empty(context.setup.comparer, context.state_store)
    # While this run has no work: one that this process still holds was given up.
    close_orphaned_works(context.setup.session.helper, context.waiter)
    settings = context.settings
    _log_marking(context)
    days = days_to_query(state, started.date(), _lookback(settings))
    lost = unreachable_days(state, started.date(), _lookback(settings))
    # What was unavailable in the last run may be back.
    context.waiter.exhausted.clear()
    # All days first: the cost of a first run is logged before the first report is imported.
    listed = {day: _list_day(context, day) for day in days}
    found = {day: reports for day, reports in listed.items() if reports is not None}
    _announce(context, state, found)
    for day in days:
        if day in found:
            state = import_day(context, state, day, found[day])
            if found[day] and day not in state.open_days:
                context.observe(DayCompleted(day))
        else:
            state = with_day_open(state, day)
    state, reasons = _end_run(settings, state, started, answered=bool(found))
    if lost is not None:
        reasons.append(f"{lost[0]} to {lost[1]}: too long since the last run")
    # Before it is stored: what is given up is logged, even if the process is killed now.
    _give_up(context, reasons)
    context.state_store.write(state)
    forget_old_findings(context.setup.comparer, started.date(), settings.history_days)
    # After a day without an answer the next run starts in an hour.
    return len(found) == len(days)


def _check_clock(started: datetime) -> None:
    if started.date() < FIRST_DAY:
        raise ClockError(
            f"this machine's clock says {started:%Y-%m-%d}; let it follow a time server (NTP), "
            "nothing is queried until then"
        )


def _list_day(context: ApiImportContext, day: date) -> list[ReportInfo] | None:
    """Return the wanted reports of a day, or ``None`` if the API gave no answer."""
    settings = context.settings
    try:
        reports = context.waiter.until_patience_ends(
            SHADOWSERVER,
            SHADOWSERVER,
            lambda: context.api.list_reports(
                day, lists=settings.report_names, types=settings.report_types
            ),
        )
    except RetriableError as error:
        context.log.warning("Day left for the next run", {"day": str(day), "reason": str(error)})
        return None
    # The API is queried by types and lists, but does not know about excluded ones.
    found, others = reports_of_day(
        day, (report for report in reports if is_wanted(settings, report))
    )
    if others:
        refused = ReportsRefused(day, tuple(report.file for report in others))
        context.observe(refused)
        context.log.error(
            "Reports listed for the wrong day, not imported",
            {"day": str(day), "reports": len(others), "files": refused.files[:MAX_LINES_IN_WORK]},
        )
    return found


def run_without_api(context: ImportContext) -> bool:
    """Do what a run does besides asking Shadowserver: close works, and forget what is old.

    For a connector that lives on its drop folder alone. Raises Stopping, StateResetError,
    NewerStateError and ClockError.
    """
    started = utc_now()
    _check_clock(started)
    state, settings = context.state_store.confirm_and_read(), context.settings
    _log_marking(context)
    clear_history_if_state_is_empty(context.setup.comparer, context.state_store)
    close_orphaned_works(context.setup.session.helper, context.waiter)
    today = started.date()
    oldest = oldest_day(today, _lookback(settings))
    state = without_old_days(state, oldest, today)
    state, too_much = fit_to_budget(state, today - timedelta(days=settings.lookback), oldest)
    _give_up(context, [f"{day}: {why}" for day, why in sorted(too_much.items())])
    context.state_store.write(state)
    forget_old_findings(context.setup.comparer, today, settings.history_days)
    return True


_SHARED_WITH: Final[Mapping[str, str]] = {
    "TLP:CLEAR": "everybody; TLP:AMBER keeps the weaknesses of your network to your organisation "
    "and its clients",
    "TLP:GREEN": "your community",
    "TLP:AMBER": "your organisation and its clients",
    "TLP:AMBER+STRICT": "your organisation",
    "TLP:RED": "named persons only",
}
"""Marking -> with whom it may be shared, according to TLP 2.0."""


def _log_marking(context: ImportContext) -> None:
    """Log on the first start how everything will be marked, while that is easy to change."""
    if context.state_store.is_empty:
        marking = context.settings.marking
        context.log.info(
            "Everything imported gets this marking; SHADOWSERVER_MARKING changes it",
            {"marking": marking, "shared_with": _SHARED_WITH[marking]},
        )


def close_orphaned_works(helper: Any, waiter: Waiter) -> None:
    """Close the works that a killed process left open, and none that is still being sent."""
    for name in waiter.until(OPENCTI, lambda: close_orphans(helper)):
        waiter.log.warning("Closed a work that was left open", {"work": name})


def _announce(
    context: ApiImportContext, state: State, found: Mapping[date, Sequence[ReportInfo]]
) -> None:
    """Log what is about to be imported; for a first run, what it will cost OpenCTI."""
    todo = [
        report for reports in found.values() for report in reports if not is_done(state, report)
    ]
    newest = max((day for day, reports in found.items() if reports), default=None)
    context.observe(ReportsListed(newest, {report.file: report.day for report in todo}, len(found)))
    if not state.is_first_run:
        context.log.info("Reports listed", {"days": len(found), "new": len(todo)})
        return
    if not todo:
        _log_if_nothing_is_subscribed(context)
        return
    try:
        stats = context.api.stats(min(found), max(found))
        expected = estimate(todo, stats, context.setup.options)
    # OSError, because the estimate writes generated reports to the temporary directory.
    except (RetriableError, OSError):
        context.log.info("First import", {"reports": len(todo)})
        return
    context.log.info(
        "First import, estimated",
        {
            "reports": expected.reports,
            "findings": expected.findings,
            "objects": expected.objects,
            "hours": round(expected.hours, 1),
        },
    )


def _log_if_nothing_is_subscribed(context: ApiImportContext) -> None:
    try:
        subscribed = context.api.subscriptions()
    except RetriableError:
        return
    if not subscribed:
        context.log.warning("The key is valid but has no subscribed reports; ask Shadowserver")


def _lookback(settings: ShadowserverSettings) -> Lookback:
    return Lookback(settings.initial_lookback, settings.lookback)


def _end_run(
    settings: ShadowserverSettings, state: State, started: datetime, *, answered: bool
) -> tuple[State, list[str]]:
    """Return the state after a run, and which open days it gives up and why.

    If Shadowserver gave no answer at all, the run counts for no day, and a first run is repeated as
    such: it says what the import will cost.
    """
    today = started.date()
    oldest = oldest_day(today, _lookback(settings))
    if answered:
        state = with_attempts_counted(state, today, oldest)
    state, hopeless = without_hopeless(state, today)
    if answered or not state.is_first_run:
        state = with_run_finished(state, started, oldest)
    else:
        state = without_old_days(state, oldest, today)
    # Last: without the days before the window the rest may fit.
    state, too_much = fit_to_budget(state, today - timedelta(days=settings.lookback), oldest)
    return state, [f"{day}: {why}" for day, why in sorted((hopeless | too_much).items())]


def _give_up(context: ImportContext, reasons: Sequence[str]) -> None:
    """Report that days are no longer queried: in the log, to observers, and in a work."""
    if not reasons:
        return
    context.observe(DaysGivenUp(tuple(reasons)))
    named = first_lines(reasons)
    context.log.error("Days given up, their reports are missing", {"days": named})
    delivery = context.setup.session.begin("Shadowserver reports given up")
    try:
        delivery.open()
        delivery.close(
            "; ".join(["Not queried again; 'backfill' imports what is missing", *named]),
            in_error=True,
        )
    finally:
        context.setup.session.under_way.remove(delivery)


PERIOD_AFTER_INCOMPLETE_RUN: Final = timedelta(hours=1)
"""Time until the next run after one that Shadowserver or a defect kept from completing.

Shadowserver's own clients ask every hour, too.
"""
RUN_FAILED: Final = "The run failed"
RESET: Final = "The state was reset in OpenCTI: everything is imported again"
POLL_INTERVAL: Final = 10.0
"""Seconds between two checks for a reset, and for files in the drop folder, between two runs. A
file that is the same in two of them counts as complete.
"""

Run = Callable[[], bool]


def do_nothing() -> None:
    """Do nothing between two runs."""


def run_for_ever(
    run: Run,
    helper: Any,
    state_store: StateStore,
    waiter: Waiter,
    period: timedelta,
    between: Callable[[], None] = do_nothing,
    on_end: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Run now, every ``period``, and soon after a reset; ends with Stopping only.

    But if Shadowserver refuses the key in the first run, it raises CredentialsError, because then
    the settings are wrong. Later, a key may be renewed while the schedule continues. ``on_end`` is
    called after each run with the seconds until the next one.

    ``between`` is called every `POLL_INTERVAL` while it waits for the next run. An error that it
    raises is logged, once while it stays the same, and ends nothing, except for Stopping.

    pycti's own scheduler is not used: if OpenCTI does not answer, it ends the process.
    """
    fatal: tuple[type[Exception], ...] = (CredentialsError,)
    while True:
        began = time.monotonic()
        complete = run_guarded(run, waiter, fatal)
        fatal = ()
        # Both are shown on the connector's page in OpenCTI.
        helper.last_run_datetime()
        pause = period if complete else min(period, PERIOD_AFTER_INCOMPLETE_RUN)
        # From its start: a daily run begins at the same hour, however long it takes.
        left = max(0.0, began + pause.total_seconds() - time.monotonic())
        helper.next_run_datetime(left)
        on_end(left)
        if _pause_until_reset(state_store, waiter, left, between):
            waiter.log.warning(RESET)


def _pause_until_reset(
    state_store: StateStore, waiter: Waiter, seconds: float, between: Callable[[], None]
) -> bool:
    """Pause; return early, and whether it was so, when the state was reset in OpenCTI."""
    end = time.monotonic() + seconds
    said = ""
    while (left := end - time.monotonic()) > 0:
        waiter.pause(min(left, POLL_INTERVAL))
        reason = _reason_of(between)
        if reason and reason != said:
            waiter.log.error("A task between two runs failed", {"reason": reason})
        said = reason
        # Someone who resets the state expects an import now, not tomorrow.
        if state_store.has_noticed_reset():
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
