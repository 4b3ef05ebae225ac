from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from shadowserver_connector.connector.run import reports_of_day, warn_of_unknown_names
from shadowserver_connector.errors import ApiUnavailableError, CredentialsError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from tests.sink.pycti_fakes import FakeLog


class Api:
    """Knows two types and one list."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def available_types(self) -> list[str]:
        """Name the types."""
        return self._answer(["scan_ssl", "scan_http"])

    def subscriptions(self) -> list[str]:
        """Name the lists."""
        return self._answer(["example"])

    def _answer(self, names: list[str]) -> list[str]:
        self.calls += 1
        if self.error:
            raise self.error
        return names


def warned(api: Api, **settings: str) -> FakeLog:
    """Return the lines that a check of the settings logs."""
    log = FakeLog()
    warn_of_unknown_names(api, ShadowserverSettings.model_validate(settings), log)  # type: ignore[arg-type]
    return log


def test_unknown_names_are_warned_about_with_those_that_exist() -> None:
    """One warning per setting lists the unknown names and those that are available."""
    log = warned(Api(), report_types="scan_ssl,scan_sll", report_names="exmaple")
    assert [meta["unknown"] for _, _, meta in log.lines] == [["scan_sll"], ["exmaple"]]
    assert log.lines[0][2]["known"] == ["scan_http", "scan_ssl"]
    assert [meta["setting"] for _, _, meta in log.lines] == [
        "SHADOWSERVER_REPORT_TYPES or _EXCLUDE_TYPES",
        "SHADOWSERVER_REPORT_NAMES",
    ]


def test_excluded_types_are_checked_too() -> None:
    """A misspelt type to exclude is warned about, since it would exclude nothing."""
    assert warned(Api(), exclude_types="scan_sll").messages("warning")


def test_known_names_say_nothing() -> None:
    """Names that exist cause no warning."""
    assert warned(Api(), report_types="scan_ssl", report_names="example").lines == []


def test_nothing_configured_asks_nothing() -> None:
    """Without filters, the API is not asked for its names."""
    api = Api()
    warned(api)
    assert api.calls == 0


@pytest.mark.parametrize("error", [ApiUnavailableError("down"), CredentialsError("no")])
def test_api_that_does_not_answer_is_left_to_the_run(error: Exception) -> None:
    """If the API does not answer, the check is skipped and the connector starts."""
    assert warned(Api(error), report_types="scan_ssl").lines == []


DAY = date(2024, 1, 31)
OWN = ReportInfo("scan_ssl", DAY, f"{DAY}-scan_ssl-example.csv", id="a")


def test_a_report_is_of_the_day_that_timestamp_or_name_says() -> None:
    """A report is of the listed day if its timestamp or its file name has that day."""
    unnamed = replace(OWN, file="special.csv")
    renamed = replace(OWN, file="2024-01-30-scan_ssl-example.csv")
    by_name = replace(OWN, day=date.max)
    assert reports_of_day(DAY, [OWN, unnamed, renamed, by_name]) == (
        [OWN, unnamed, renamed, OWN],
        (),
    )


@pytest.mark.parametrize("day", [date(2024, 1, 30), date(2024, 2, 1), date.max, date.min])
def test_a_report_of_another_day_is_left_out(day: date) -> None:
    """A report is left out if neither its timestamp nor its file name has the listed day."""
    for file in ("special.csv", f"{day}-scan_ssl-example.csv", "2024-01-32-scan_ssl-example.csv"):
        stray = replace(OWN, day=day, file=file)
        assert reports_of_day(DAY, [stray, OWN]) == ([OWN], (stray,))
