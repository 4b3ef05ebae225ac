"""One run: ask for the days of the window, import what is new, remember it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from shadowserver_connector.connector.day import import_day
from shadowserver_connector.connector.estimate import estimate
from shadowserver_connector.connector.events import Listed
from shadowserver_connector.connector.importer import SHADOWSERVER, Importer, Patience, now
from shadowserver_connector.connector.memory import Memory
from shadowserver_connector.connector.selection import is_wanted
from shadowserver_connector.errors import RetriableError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.platform import OPENCTI
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.sink.works import close_orphans
from shadowserver_connector.state.model import State, finished, is_done, since, with_day_open
from shadowserver_connector.state.window import oldest_day, window


def run_window(parts: Importer) -> bool:
    """Import everything new; return whether every day could be asked for.

    Raises StateResetError when the state was reset in OpenCTI meanwhile, CredentialsError when
    Shadowserver refuses the key, and Stopping.
    """
    started = parts.now()
    state = parts.memory.read()
    close_left_open(parts.helper, parts.waiter)
    settings = parts.settings
    days = window(state, started.date(), settings.initial_lookback, settings.lookback)
    patience = Patience(parts.waiter, parts.patience)
    listed = {day: _list_day(parts, patience, day) for day in days}
    found = {day: reports for day, reports in listed.items() if reports is not None}
    _announce(parts, state, found)
    for day in days:
        if day in found:
            state = import_day(parts, patience, state, day, found[day])
        else:
            state = with_day_open(state, day)
    oldest = oldest_day(started.date(), settings.initial_lookback, settings.lookback)
    _say_what_is_given_up(parts, state, oldest)
    parts.memory.write(finished(state, started, oldest))
    return len(found) == len(days)


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
    return [report for report in reports if is_wanted(settings, report)]


def run_without_api(
    memory: Memory, helper: Any, waiter: Waiter, settings: ShadowserverSettings
) -> bool:
    """Do what a run does besides asking Shadowserver: close works, and forget what is old.

    For a connector that lives on its drop folder alone. Raises Stopping and StateResetError.
    """
    state = memory.read()
    close_left_open(helper, waiter)
    memory.write(since(state, oldest_day(now().date(), settings.initial_lookback, 0)))
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


def _say_what_is_given_up(parts: Importer, state: State, oldest: date) -> None:
    given_up = sorted(str(day) for day in state.open_days if day < oldest)
    if given_up:
        parts.log.warning(
            "Days that stayed incomplete are too old now and not asked again", {"days": given_up}
        )
