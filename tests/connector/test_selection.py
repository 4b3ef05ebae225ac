from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from shadowserver_connector.connector.run import of_day, warn_of_unknown_names
from shadowserver_connector.errors import ApiUnavailableError, CredentialsError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from tests.sink.pycti_fakes import FakeLog


class Api:
    """Knows two types and one list."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def types(self) -> list[str]:
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
    """Return the log of a check."""
    log = FakeLog()
    warn_of_unknown_names(api, ShadowserverSettings.model_validate(settings), log)  # type: ignore[arg-type]
    return log


def test_unknown_names_are_warned_about_with_those_that_exist() -> None:
    """One warning for each setting names what is unknown and what is available."""
    log = warned(Api(), report_types="scan_ssl,scan_sll", report_names="exmaple")
    assert [meta["unknown"] for _, _, meta in log.lines] == [["scan_sll"], ["exmaple"]]
    assert log.lines[0][2]["known"] == ["scan_http", "scan_ssl"]
    assert [meta["setting"] for _, _, meta in log.lines] == [
        "SHADOWSERVER_REPORT_TYPES or _EXCLUDE_TYPES",
        "SHADOWSERVER_REPORT_NAMES",
    ]


def test_excluded_types_are_checked_too() -> None:
    """A misspelt exclusion would exclude nothing."""
    assert warned(Api(), exclude_types="scan_sll").messages("warning")


def test_known_names_say_nothing() -> None:
    """What exists needs no word."""
    assert warned(Api(), report_types="scan_ssl", report_names="example").lines == []


def test_nothing_configured_asks_nothing() -> None:
    """The API is not bothered without need."""
    api = Api()
    warned(api)
    assert api.calls == 0


@pytest.mark.parametrize("error", [ApiUnavailableError("down"), CredentialsError("no")])
def test_api_that_does_not_answer_is_left_to_the_run(error: Exception) -> None:
    """A check at the start must not keep the connector from starting."""
    assert warned(Api(error), report_types="scan_ssl").lines == []


DAY = date(2024, 1, 31)
OWN = ReportInfo("scan_ssl", DAY, f"{DAY}-scan_ssl-example.csv", id="a")


def test_a_report_is_of_the_day_that_timestamp_or_name_says() -> None:
    """A name without a day says nothing; one of another day does not count against the list."""
    unnamed = replace(OWN, file="special.csv")
    renamed = replace(OWN, file="2024-01-30-scan_ssl-example.csv")
    by_name = replace(OWN, day=date.max)
    assert of_day(DAY, [OWN, unnamed, renamed, by_name]) == ([OWN, unnamed, renamed, OWN], ())


@pytest.mark.parametrize("day", [date(2024, 1, 30), date(2024, 2, 1), date.max, date.min])
def test_a_report_of_another_day_is_left_out(day: date) -> None:
    """Also where its name has no day, or one that does not exist."""
    for file in ("special.csv", f"{day}-scan_ssl-example.csv", "2024-01-32-scan_ssl-example.csv"):
        stray = replace(OWN, day=day, file=file)
        assert of_day(DAY, [stray, OWN]) == ([OWN], (stray,))
