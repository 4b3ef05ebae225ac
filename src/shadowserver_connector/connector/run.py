"""One run: ask for the days of the window, import what is new, remember it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from shadowserver_connector.connector.day import import_day
from shadowserver_connector.connector.estimate import estimate
from shadowserver_connector.connector.events import DaysGivenUp, Listed, ReportsRefused
from shadowserver_connector.connector.importer import SHADOWSERVER, Importer, Patience, now
from shadowserver_connector.connector.memory import Memory
from shadowserver_connector.connector.selection import is_wanted, of_day
from shadowserver_connector.errors import ClockError, RetriableError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import OPENCTI
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.sink.works import close_orphans
from shadowserver_connector.state.model import State, finished, is_done, remembered, with_day_open
from shadowserver_connector.state.storage import FIRST_DAY, fitting
from shadowserver_connector.state.window import (
    oldest_day,
    passed_over,
    tried_again,
    window,
    without_hopeless,
)

_NAMED: Final = 20


def run_window(parts: Importer) -> bool:
    """Import everything new; return whether every day could be asked for.

    Raises StateResetError when the state was reset in OpenCTI meanwhile, CredentialsError when
    Shadowserver refuses the key, NewerStateError, ClockError, and Stopping.
    """
    started = parts.now()
    _check_clock(started)
    state = parts.memory.read()
    close_left_open(parts.helper, parts.waiter)
    settings = parts.settings
    days = window(state, started.date(), settings.initial_lookback, settings.lookback)
    lost = passed_over(state, started.date(), settings.initial_lookback, settings.lookback)
    patience = Patience(parts.waiter, parts.patience)
    listed = {day: _list_day(parts, patience, day) for day in days}
    found = {day: reports for day, reports in listed.items() if reports is not None}
    _announce(parts, state, found)
    for day in days:
        if day in found:
            state = import_day(parts, patience, state, day, found[day])
        else:
            state = with_day_open(state, day)
    state, reasons = _remembered(settings, state, started, answered=bool(found))
    if lost is not None:
        reasons.append(f"{lost[0]} to {lost[1]}: too long since the last run")
    # Before it is stored: what is given up is said, even if the process is killed now.
    _give_up(parts, reasons)
    parts.memory.write(state)
    return len(found) == len(days)


def _check_clock(started: datetime) -> None:
    if started.date() < FIRST_DAY:
        raise ClockError(
            f"this machine's clock says {started:%Y-%m-%d}; let it follow a time server (NTP), "
            "nothing is asked for until then"
        )


def _list_day(parts: Importer, patience: Patience, day: date) -> list[ReportInfo] | None:
    """Return the reports wanted of a day, or ``None`` when the API gave no answer."""
    settings = parts.settings
    try:
        reports = patience.until(
            SHADOWSERVER,
            "Shadowserver",
            lambda: parts.api.list_reports(
                day, lists=settings.report_names, types=settings.report_types
            ),
        )
    except RetriableError as error:
        parts.log.warning("Day left to the next run", {"day": str(day), "reason": str(error)})
        return None
    found, others = of_day(day, (report for report in reports if is_wanted(settings, report)))
    if others:
        refused = ReportsRefused(day, tuple(report.file for report in others))
        parts.observe(refused)
        parts.log.error(
            "Listed for a day that is not theirs, not imported",
            {"day": str(day), "reports": len(others), "files": refused.files[:_NAMED]},
        )
    return found


def run_without_api(
    memory: Memory, helper: Any, waiter: Waiter, settings: ShadowserverSettings
) -> bool:
    """Do what a run does besides asking Shadowserver: close works, and forget what is old.

    For a connector that lives on its drop folder alone. Raises Stopping, StateResetError,
    NewerStateError and ClockError.
    """
    started = now()
    _check_clock(started)
    state = memory.read()
    close_left_open(helper, waiter)
    today = started.date()
    oldest = oldest_day(today, settings.initial_lookback, settings.lookback)
    memory.write(remembered(state, oldest, today))
    return True


def close_left_open(helper: Any, waiter: Waiter) -> None:
    """Close the works that a killed process left open, and none that is still sent."""
    for name in waiter.until(OPENCTI, lambda: close_orphans(helper)):
        waiter.log.warning("Closed a work that was left open", {"work": name})


def _announce(parts: Importer, state: State, found: Mapping[date, Sequence[ReportInfo]]) -> None:
    """Say what is about to be imported; of a first run, what it will cost OpenCTI."""
    todo = [
        report for reports in found.values() for report in reports if not is_done(state, report)
    ]
    newest = max((day for day, reports in found.items() if reports), default=None)
    parts.observe(Listed(newest, {report.file: report.day for report in todo}))
    if not state.first_run:
        parts.log.info("Reports listed", {"days": len(found), "new": len(todo)})
        return
    if not todo:
        _say_if_nothing_is_subscribed(parts)
        return
    try:
        stats = parts.api.stats(min(found), max(found))
    except RetriableError:
        parts.log.info("First import", {"reports": len(todo), "findings": "unknown"})
        return
    expected = estimate(todo, stats, parts.options)
    parts.log.info(
        "First import, roughly",
        {
            "reports": expected.reports,
            "findings": expected.findings,
            "objects": expected.objects,
            "hours": round(expected.hours, 1),
        },
    )


def _say_if_nothing_is_subscribed(parts: Importer) -> None:
    try:
        subscribed = parts.api.subscriptions()
    except RetriableError:
        return
    if not subscribed:
        parts.log.warning("The key is valid, but no report is subscribed; ask Shadowserver")


def _remembered(
    settings: ShadowserverSettings, state: State, started: datetime, *, answered: bool
) -> tuple[State, list[str]]:
    """Return the state after a run, and which open days it gives up and why.

    Where Shadowserver gave no answer at all, the run counts for no day.
    """
    today = started.date()
    oldest = oldest_day(today, settings.initial_lookback, settings.lookback)
    if answered:
        state = tried_again(state, today, oldest)
    state, hopeless = without_hopeless(state, today)
    state = finished(state, started, oldest)
    state, too_much = fitting(state, today - timedelta(days=settings.lookback), oldest)
    return state, [f"{day}: {why}" for day, why in sorted((hopeless | too_much).items())]


def _give_up(parts: Importer, reasons: Sequence[str]) -> None:
    """Say that days are not asked for again: in the log, to who observes, and by a work."""
    if not reasons:
        return
    parts.observe(DaysGivenUp(tuple(reasons)))
    named = list(reasons[:_NAMED])
    if len(reasons) > _NAMED:
        named.append(f"and {len(reasons) - _NAMED:,} more")
    parts.log.error("Days given up, reports of them are missing", {"days": named})
    name = "Shadowserver reports given up"
    parts.delivery = delivery = Delivery(parts.helper, parts.can, parts.waiter, name)
    try:
        delivery.open()
        delivery.close(
            "; ".join(["Not asked for again, 'backfill' imports what is missing", *named]),
            in_error=True,
        )
    finally:
        parts.delivery = None
