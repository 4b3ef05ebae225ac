"""The methods of the Reports API over a store, without HTTP.

Shapes follow Shadowserver's API documentation
(github.com/The-Shadowserver-Foundation/api_utils/wiki).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from shadowserver_connector.simulator.store import ReportStore, StoredReport

SAMPLE_LIST = "test"
SAMPLE_DAY = date(2010, 2, 10)
_DEFAULT_LIMIT = 1000

Fields = Mapping[str, object]


class RefusedError(Exception):
    """The request is answered with this status and ``{"error": message}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(store: ReportStore, method: str, fields: Fields) -> object:
    """Return the JSON value that a method answers with. Raises RefusedError."""
    if method not in _METHODS:
        raise RefusedError(404, "unknown method")
    return _METHODS[method](store, fields)


def samples(store: ReportStore) -> dict[str, tuple[StoredReport, str]]:
    """Return the list ``test``: one report of each type, by id, with the id of the stored file."""
    newest = {report.type: report for day in sorted(store.days()) for report in store.reports(day)}
    return {
        f"test:{name}": (
            replace(
                report,
                list=SAMPLE_LIST,
                day=SAMPLE_DAY,
                file=f"{SAMPLE_DAY}-{name}-{SAMPLE_LIST}.csv",
                id=f"test:{name}",
            ),
            report.id,
        )
        for name, report in newest.items()
    }


def _ping(_store: ReportStore, _fields: Fields) -> object:
    return {"pong": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}


def _key_info(_store: ReportStore, fields: Fields) -> object:
    return {"apikey": fields["apikey"], "name": "simulated subscriber", "groups": ["reports"]}


def _subscribed(store: ReportStore, _fields: Fields) -> object:
    return sorted({report.list for report in _all(store)})


def _types(store: ReportStore, fields: Fields) -> object:
    pages = {report.type: report.url for report in _all(store)}
    if fields.get("detail") is True:
        return [{"type": name, "url": pages[name]} for name in sorted(pages)]
    return sorted(pages)


def _list(store: ReportStore, fields: Fields) -> object:
    lists = _names(fields, "reports")
    types = _names(fields, "types") | _names(fields, "type")
    if lists == {SAMPLE_LIST}:
        found = [report for report, _ in samples(store).values()]
    else:
        found = [
            report
            for day in _days(store, fields)
            for report in store.reports(day)
            if not lists or report.list in lists
        ]
    chosen = [report for report in found if not types or report.type in types]
    # The real API promises no order, so ours is one that no client can rely on.
    chosen.sort(key=lambda report: hashlib.sha256(report.id.encode()).digest())
    return [_entry(report) for report in chosen[: _limit(fields)]]


def _stats(store: ReportStore, fields: Fields) -> object:
    rows: dict[tuple[date, str], int] = {}
    for day in _days(store, fields):
        for report in store.reports(day):
            rows[day, report.type] = rows.get((day, report.type), 0) + report.rows
    table = [[day.isoformat(), name, events] for (day, name), events in sorted(rows.items())]
    return [["date", "type", "events"], *table]


_METHODS: Mapping[str, Callable[[ReportStore, Fields], object]] = {
    "test/ping": _ping,
    "key/info": _key_info,
    "reports/subscribed": _subscribed,
    "reports/types": _types,
    "reports/list": _list,
    "reports/stats": _stats,
}


def _all(store: ReportStore) -> Iterator[StoredReport]:
    for day in store.days():
        yield from store.reports(day)


def _entry(report: StoredReport) -> dict[str, str]:
    entry = {
        "id": report.id,
        "type": report.type,
        "file": report.file,
        "report": report.list,
        "timestamp": report.day.isoformat(),
    }
    return {**entry, "url": report.url} if report.url else entry


def _days(store: ReportStore, fields: Fields) -> list[date]:
    asked = fields.get("date")
    if asked is None:
        return sorted(store.days())[-1:]
    try:
        bounds = [date.fromisoformat(part) for part in str(asked).split(":")]
        first, last = bounds if len(bounds) == 2 else bounds * 2
    except ValueError:
        raise RefusedError(400, "invalid date") from None
    return [day for day in sorted(store.days()) if first <= day <= last]


def _limit(fields: Fields) -> int:
    limit = fields.get("limit", _DEFAULT_LIMIT)
    if not isinstance(limit, int) or limit < 1:
        raise RefusedError(400, "invalid limit")
    return limit


def _names(fields: Fields, name: str) -> set[str]:
    value = fields.get(name)
    if value is None:
        return set()
    if isinstance(value, str):
        return {value}
    if isinstance(value, list):
        return {str(each) for each in value}
    raise RefusedError(400, f"invalid {name}")
