"""The stores that the simulator serves."""

import re
from datetime import date

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.report.info import info_from_filename
from shadowserver_connector.simulator.profiles import PROFILES, GeneratedReports, days_until, sized

LAST = date(2024, 1, 31)


def test_demo_has_every_family_on_every_day() -> None:
    """Each day has at least 25 types, from every family, with 10 to 200 rows each."""
    catalogue = load_catalogue()
    store = GeneratedReports(PROFILES["demo"](), days_until(LAST, 3))
    assert store.days() == [date(2024, 1, 29), date(2024, 1, 30), LAST]
    families = {report_type.family for report_type in catalogue.types.values()}
    for day in store.days():
        reports = store.reports(day)
        assert len({report.type for report in reports}) >= 25
        assert {catalogue.types[report.type].family for report in reports} == families
        assert all(10 <= report.rows <= 200 for report in reports)
        assert len({report.list for report in reports}) > 1


def test_reports_open_by_their_id_with_as_many_rows_as_announced() -> None:
    """Ids are opaque and unique; name, size and number of rows are those announced."""
    store = GeneratedReports(PROFILES["demo"](), days_until(LAST, 2))
    reports = [report for day in store.days() for report in store.reports(day)]
    assert len({report.id for report in reports}) == len(reports)
    for report in reports:
        assert re.fullmatch(r"[A-Za-z0-9_.:?=&-]{50}", report.id)
        info = info_from_filename(report.file, load_catalogue().current_name_of_type)
        assert (info.type, info.day, info.list) == (report.type, report.day, report.list)
    chosen = next(report for report in reports if report.type == "scan_snmp")
    content = store.open(chosen.id)
    body = b"".join(content.chunks)
    assert content.size == len(body)
    assert body.count(b"\n") == chosen.rows + 1
    assert b"".join(store.open(chosen.id).chunks) == body


def test_large_reports_are_made_while_they_are_sent() -> None:
    """A report of millions of rows opens at once, without a size."""
    store = GeneratedReports(sized({"scan_ssl": 5_000_000}), [LAST])
    (report,) = store.reports(LAST)
    content = store.open(report.id)
    assert content.size is None
    assert next(content.chunks).startswith(b'"timestamp"')


def test_unknown_id_and_day_are_told_apart_from_empty_reports() -> None:
    """An unknown id has no file, and a day outside has no reports."""
    store = GeneratedReports(PROFILES["demo"](), [LAST])
    with pytest.raises(KeyError):
        store.open("0" * 50)
    assert store.reports(date(2020, 1, 1)) == []


def test_hostile_profile_differs_from_the_demo_by_its_cells() -> None:
    """The hostile profile has the demo's types, with hostile cells."""
    store = GeneratedReports(PROFILES["hostile"](), [LAST])
    assert {r.type for r in store.reports(LAST)} == set(PROFILES["demo"]().rows)
    body = b"".join(store.open(store.reports(LAST)[0].id).chunks)
    assert b"<script>" in body


def test_profile_of_all_types_has_all_types() -> None:
    """Every known type is there once a day."""
    store = GeneratedReports(PROFILES["all"](), [LAST])
    assert {report.type for report in store.reports(LAST)} == set(load_catalogue().types)
