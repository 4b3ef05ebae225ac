"""Which reports the settings choose, and whether what they name exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.errors import CredentialsError, RetriableError
from shadowserver_connector.report.filename import named_day
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.waiting import Log


def is_wanted(settings: ShadowserverSettings, report: ReportInfo) -> bool:
    """Tell whether the settings choose a report: by type and list, less what is excluded."""
    return (
        (not settings.report_types or report.type in settings.report_types)
        and (not settings.report_names or report.list in settings.report_names)
        and report.type not in settings.exclude_types
    )


def of_day(
    day: date, listed: Iterable[ReportInfo]
) -> tuple[list[ReportInfo], tuple[ReportInfo, ...]]:
    """Return the reports of the day that was asked for, and those that are not of it.

    A report is of the day when its timestamp says so, or its file's name; it then gets that day.
    Another one is listed for its own day, too, if that exists.
    """
    found: list[ReportInfo] = []
    others: list[ReportInfo] = []
    for report in listed:
        if day in (report.day, named_day(report.file)):
            found.append(replace(report, day=day))
        else:
            others.append(report)
    return found, tuple(others)


def warn_of_unknown_names(api: ReportsApi, settings: ShadowserverSettings, log: Log) -> None:
    """Log a warning for each setting that names types or lists which the API does not have.

    Asks nothing where nothing is configured.
    """
    types = (*settings.report_types, *settings.exclude_types)
    _warn(log, "SHADOWSERVER_REPORT_TYPES or _EXCLUDE_TYPES", types, api.types)
    _warn(log, "SHADOWSERVER_REPORT_NAMES", settings.report_names, api.subscriptions)


def _warn(log: Log, setting: str, named: Sequence[str], ask: Callable[[], list[str]]) -> None:
    if not named:
        return
    try:
        known = ask()
    except (RetriableError, CredentialsError):
        # The run will meet it, too, and say so.
        return
    unknown = sorted(set(named) - set(known))
    if unknown:
        log.warning(
            "Shadowserver does not know these names",
            {"setting": setting, "unknown": unknown, "known": sorted(known)},
        )
