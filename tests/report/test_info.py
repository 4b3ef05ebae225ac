"""Day, type and list read from a file name; hostile names become harmless."""

from datetime import date

import pytest

from shadowserver_connector.errors import ReportUnreadableError
from shadowserver_connector.report.info import day_in_name, info_from_filename, safe_name

KNOWN = {
    name: name
    for name in ("scan_ssl", "scan_ssl_poodle", "scan_http", "event4_sinkhole", "special")
} | {"cisco_smart_install": "scan_cisco_smart_install"}


@pytest.mark.parametrize(
    ("name", "report_type", "listed"),
    [
        ("2024-01-31-scan_ssl-example_org.csv", "scan_ssl", "example_org"),
        ("2024-01-31-scan_ssl_poodle-example.csv", "scan_ssl_poodle", "example"),
        ("2024-01-31-scan_ssl-1234-example.csv", "scan_ssl", "example"),
        ("2024-01-31-scan_ssl-example-at-asn.csv", "scan_ssl", "example-at-asn"),
        ("2024-01-31-scan_ssl-example-delayed.csv", "scan_ssl", "example"),
        ("2024-01-31-scan_brand_new-example.csv", "scan_brand_new", "example"),
        ("2024-01-31-scan__brand new-17-example.csv", "scan_brand_new", "example"),
        ("2024-01-31-scan_ssl.csv.gz", "scan_ssl", ""),
        ("2024-01-31-scan_ssl-example.csv.zip", "scan_ssl", "example"),
        ("2024-01-31-scan_ssl-example (2).csv", "scan_ssl", "example"),
        ("2024-01-31-SCAN_SSL-Example.CSV", "scan_ssl", "Example"),
        ("incoming/new/2024-01-31-special-example.csv", "special", "example"),
    ],
)
def test_name_tells_day_type_and_list(name: str, report_type: str, listed: str) -> None:
    """The longest known type counts; an unknown type ends at the next hyphen."""
    info = info_from_filename(name, KNOWN)
    assert (info.day, info.type, info.list) == (date(2024, 1, 31), report_type, listed)
    assert "/" not in info.file


def test_a_free_name_is_a_special_report() -> None:
    """A name whose type would be a number is a special report."""
    info = info_from_filename("2024-01-31-2023-12-scan-example.csv", KNOWN)
    assert (info.type, info.list) == ("special", "2023-12-scan-example")


def test_name_without_a_day_needs_one() -> None:
    """A sample's name gives the type; the caller gives the day."""
    info = info_from_filename("scan_http.csv", KNOWN, date(2024, 1, 31))
    assert (info.type, info.day) == ("scan_http", date(2024, 1, 31))
    with pytest.raises(ReportUnreadableError, match=r"^scan_http\.csv: the name has no day"):
        info_from_filename("scan_http.csv", KNOWN)


@pytest.mark.parametrize(
    ("name", "report_type"),
    [
        ("Open-IPMI.csv", "open_ipmi"),
        ("no-date-at-all.csv", "no_date_at_all"),
        ("2024_01 -- my  file.csv.gz", "2024_01_my_file"),
        ("x" * 150 + ".csv", "x" * 64),
    ],
)
def test_a_name_of_another_form_is_the_type_as_a_whole(name: str, report_type: str) -> None:
    """Without a day, an unknown name is the type as a whole, since nothing marks its end."""
    info = info_from_filename(name, KNOWN, date(2024, 1, 31))
    assert (info.type, info.list) == (report_type, "")


def test_a_known_type_is_found_in_a_name_without_a_day() -> None:
    """In a name without a day, what follows a known type is the list."""
    info = info_from_filename("scan_http-example.csv", KNOWN, date(2024, 1, 31))
    assert (info.type, info.list) == ("scan_http", "example")


@pytest.mark.parametrize("name", ["2024-13-31-scan_ssl.csv", "2024-02-30-scan_ssl-x.csv"])
def test_impossible_day_is_no_day(name: str) -> None:
    """A date that does not exist gives no day."""
    assert day_in_name(name) is None
    with pytest.raises(ReportUnreadableError):
        info_from_filename(name, KNOWN)


def test_name_without_a_type_is_refused() -> None:
    """A name with a day only is refused."""
    with pytest.raises(ReportUnreadableError, match="no report type"):
        info_from_filename("2024-01-31-.csv", KNOWN)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\windows\\system32\\x.csv",
        "/etc/cron.d/x.csv",
        "a\x00b\x1b[31m\n.csv",
        "....",
        "",
        ".hidden.csv",
        "-rf.csv",
        "$(reboot);`id`|x.csv",
        "\u202egpj.csv",
        "x" * 5000 + ".csv",
        "é" * 300 + ".csv.gz",
        "CON:\ud800.csv",
    ],
)
def test_hostile_name_becomes_a_plain_file_name(name: str) -> None:
    """Folders, control characters, leading dots and dashes are removed; the length is bounded."""
    safe = safe_name(name)
    assert safe.isprintable()
    assert 0 < len(safe.encode()) <= 200
    assert safe[0] not in ".-"
    assert not set(safe) & set("/\\\0$`|;<>:\"'* ")


def test_overlong_name_keeps_its_extension() -> None:
    """A long name is cut before its extension."""
    assert safe_name("x" * 5000 + ".csv").endswith("x.csv")


def test_cut_name_does_not_end_in_dots() -> None:
    """Where the cut leaves dots at the end they go, as those of a short name do."""
    safe = safe_name("x" * 198 + ".. and more")
    assert safe == safe_name(safe) == "x" * 198


@pytest.mark.parametrize(
    ("name", "report_type", "listed"),
    [
        ("[EXT] 2024-01-31-scan_ssl-example.csv", "scan_ssl", "example"),
        ("FW: 2024-01-31-scan_ssl-17-example.csv.gz", "scan_ssl", "example"),
        ("12345-2024-01-31-scan_ssl-example.csv", "scan_ssl", "example"),
        ("1_2024-01-31-scan_ssl_poodle-example (1).csv", "scan_ssl_poodle", "example"),
        ("2024_01_31_scan_ssl_example.csv", "scan_ssl", "example"),
        ("2024-01-31 scan ssl example.csv", "scan_ssl", "example"),
        ("20240131.scan-ssl.example.csv", "scan_ssl", "example"),
        ("scan_ssl-2024-01-31.csv", "scan_ssl", ""),
        ("Report_Scan-SSL_2024-01-31_example.csv", "scan_ssl", "example"),
        ("2024-01-31-17-scan_ssl-example.csv", "scan_ssl", "example"),
        ("2024-01-31-cisco_smart_install-example.csv", "scan_cisco_smart_install", "example"),
        ("[EXT] 2024-01-31-cisco_smart_install-example.csv", "scan_cisco_smart_install", "example"),
        ("[EXT] 2024-01-31-special-example.csv", "special", "example"),
        ("[EXT] 2024-01-31-scan_brand_new-example.csv", "scan_brand_new", "example"),
    ],
)
def test_names_that_others_changed_tell_the_same(name: str, report_type: str, listed: str) -> None:
    """Prefixes, other separators, added numbers and old names do not change what is read."""
    info = info_from_filename(name, KNOWN)
    assert (info.day, info.type, info.list) == (date(2024, 1, 31), report_type, listed)


@pytest.mark.parametrize("name", ["scan_ssl_new", "my_scan_ssl"])
def test_a_new_type_is_not_taken_for_a_known_one(name: str) -> None:
    """A new type is not confused with a known one that its name contains."""
    assert info_from_filename(f"2024-01-31-{name}-example.csv", KNOWN).type == name
