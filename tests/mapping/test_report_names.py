"""Names and times of Reports and Cases, which tell them apart in OpenCTI's lists."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.objects.report_and_case import case_name, report_name
from shadowserver_connector.report.info import ReportInfo, info_from_filename
from shadowserver_connector.stix import ids
from tests.mapping.conversion import convert

LIST = "example-net"
SHOWN = 45
"""Characters of a name that the lists of OpenCTI show."""


def named(file: str) -> ReportInfo:
    """Return the facts that a file name gives."""
    return info_from_filename(
        file, load_catalogue().current_name_of_type, fallback_day=date(2026, 11, 28)
    )


def name(file: str) -> str:
    """Return the name of the Report of a file."""
    info = named(file)
    return report_name(info, load_catalogue().report_type(info.type))


def test_type_list_and_day_are_read_in_a_list() -> None:
    """The name has type, list and day, within the width of OpenCTI's lists."""
    assert name(f"2026-11-28-event4_sinkhole_http-{LIST}.csv") == (
        "Sinkhole HTTP Events: example-net, 2026-11-28"
    )
    for each in load_catalogue().types:
        read = name(f"2026-11-28-{each}-{LIST}.csv")
        assert f": {LIST}," in read[:SHOWN], read
        assert not read.startswith("Shadowserver"), read


def test_an_ending_in_capitals_is_no_part_of_a_name() -> None:
    """A file that a person renamed has the name that it would have otherwise."""
    assert name("2026-11-28-scan_ssl-example-net.CSV") == name(
        "2026-11-28-scan_ssl-example-net.csv"
    )


def test_each_file_has_a_name_of_its_own() -> None:
    """Reports of two files differ in name, even without case, as OpenCTI would merge equal ones."""
    files = [f"2026-11-28-{each}-{LIST}.csv" for each in load_catalogue().types]
    files += [
        "2026-11-28-scan_ssl-1234-example-net.csv",
        "2026-11-28-scan_ssl-example-net_2.csv",
        "2026-11-28-scan_ssl.csv",
        "2026-11-27-scan_ssl-example-net.csv",
        "scan_ssl-example-net.csv",
        "scan_ssl.csv",
        "scan_ssl.tsv",
        # Of a type that nobody knows, a title may read as another's does.
        "2026-11-28-open_proxy_services-example-net.csv",
        "2026-11-28-sinkhole_http_events-example-net.csv",
        "2026-11-28-open__proxy_services-example-net.csv",
        "2026-11-28-2023-12-scan-example-net.csv",
    ]
    names = [name(file).lower() for file in files]
    assert len(set(names)) == len(files)
    infos = [named(file) for file in files]
    cases = {case_name(i, load_catalogue().report_type(i.type)).lower() for i in infos}
    assert len(cases) == len(files)
    assert cases.isdisjoint(names)


def test_the_file_stays_the_external_reference(tmp_path: Path) -> None:
    """The Report's external reference is the file's name."""
    rows = [("2024-01-31 00:00:00", "low", "192.0.2.1")]
    converted = convert(
        tmp_path,
        "scan_ssl",
        ("timestamp", "severity", "ip"),
        rows,
        create_incident=True,
        case_min_severity="info",
    )
    report, case = converted.one("report"), converted.one("case-incident")
    (reference,) = report["external_references"]
    assert reference["external_id"] == "2024-01-31-scan_ssl-example.csv"
    assert report["name"] != case["name"]


def test_a_report_is_published_at_noon(tmp_path: Path) -> None:
    """A Report is dated at noon UTC, so that it shows the same day in the Americas."""
    rows = [("", "low", "192.0.2.1")]
    converted = convert(
        tmp_path,
        "scan_ssl",
        ("timestamp", "severity", "ip"),
        rows,
        create_incident=True,
        case_min_severity="info",
    )
    report, case = converted.one("report"), converted.one("case-incident")
    noon = "2024-01-31T12:00:00.000Z"
    assert report["published"] == report["created"] == case["created"] == noon
    assert report["id"] == ids.report(name=report["name"], published=noon)
    assert case["id"] == ids.case_incident(name=case["name"], created=noon)
    # A row without a time is of the day, from its first moment.
    assert converted.one("observed-data")["first_observed"] == "2024-01-31T00:00:00.000Z"
