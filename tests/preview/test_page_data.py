from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.texts.markdown import MASK
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.preview.page_data import PageData, collect_page_data, fair_shares
from shadowserver_connector.preview.page_findings import MAX_CELL
from shadowserver_connector.report.info import ReportInfo
from tests.preview.conftest import DAY, MakeJob

HEADER = ("timestamp", "severity", "ip", "port", "asn", "geo", "tag", "hostname")
ROWS = (
    ("2024-01-31 01:00:00", "high", "192.0.2.1", "443", "64496", "AT", "ssl;cve-2024-3400", ""),
    ("2024-01-31 01:30:00", "low", "192.0.2.2", "80", "64496", "CH", "http", "host.example.com"),
    ("2024-01-31 02:00:00", "high", "192.0.2.3", "443", "64497", "ZZ", "ssl", ""),
    ("nonsense", "odd", "192.0.2.4", "x", "AS0", "", "", ""),
)


def field(model: PageData, name: str) -> list[str]:
    """Return the values of a field, one per finding."""
    coded = model.findings.fields[name]
    values = list(coded.values)
    return [values[number] for number in coded.at]


def cells_of(model: PageData, place: int = 0, group: int = 0) -> dict[str, str]:
    """Return the cells of a row of a group, by column."""
    plain = model.findings.groups()[group].plain()
    found = {}
    for (name, *_), column in zip(plain["columns"], plain["cells"], strict=True):
        at = column["a"][place] if "a" in column else place if "n" not in column else 0
        found[name] = column["v"][at]
    return found


def objects_of(model: PageData) -> list[dict[str, Any]]:
    """Return the STIX objects of a page, decoded."""
    return [orjson.loads(body) for body in model.objects]


def test_findings_carry_what_they_are_filtered_by(make_job: MakeJob) -> None:
    """A finding has its number, severity, time, ASN, country, tags, CVEs and cells."""
    model = collect_page_data([make_job("scan_ssl", ROWS, HEADER)], Options())
    findings = model.findings
    assert list(findings.row_numbers) == [1, 2, 3, 4]
    assert field(model, "severity")[:3] == ["high", "low", "high"]
    assert field(model, "asn") == ["64496", "64496", "64497", ""]
    assert field(model, "country") == ["AT", "CH", "", ""]
    assert field(model, "subject") == [f"192.0.2.{number}" for number in (1, 2, 3, 4)]
    assert field(model, "port")[:2] == ["443", "80"]
    assert {("ssl",), ("http",)} <= set(findings.sets["tags"].values)
    assert ("CVE-2024-3400",) in findings.sets["cves"].values
    day = datetime(2024, 1, 31, tzinfo=UTC).timestamp()
    assert list(findings.seconds) == [day + 3600, day + 5400, day + 7200, day]
    assert cells_of(model)["ip"] == "192.0.2.1"
    assert cells_of(model, 1)["hostname"] == "host.example.com"


@pytest.mark.parametrize(
    ("report_type", "row", "subject"),
    [
        ("compromised_account", {"email": "user@example.org"}, "user@example.org"),
        ("ransomware_victim", {"entity_name": "Example Ltd"}, "Example Ltd"),
        ("malware_url", {"url": "http://example.org/a"}, "http://example.org/a"),
        ("malware_url", {"url": "http://example.org/a", "ip": "192.0.2.7"}, "192.0.2.7"),
    ],
)
def test_a_row_without_an_address_has_a_subject(
    make_job: MakeJob, report_type: str, row: dict[str, str], subject: str
) -> None:
    """An account, a victim or a URL is the subject of a row without an address."""
    header = ("timestamp", *row)
    job = make_job(report_type, [("2024-01-31 00:00:00", *row.values())], header)
    assert field(collect_page_data([job], Options()), "subject") == [subject]


def test_several_days_are_compared_as_the_history_compares_them(make_job: MakeJob) -> None:
    """The verdicts are the history's; a first or single day has none."""

    def row(number: int, tag: str = "ssl") -> tuple[str, ...]:
        return ("2024-01-31 00:00:00", "low", f"192.0.2.{number}", "443", "", "", tag, "")

    first = make_job("scan_ssl", [row(1), row(2), row(3)], HEADER, day=date(2024, 1, 30))
    second = make_job("scan_ssl", [row(1), row(2, "tls"), row(4)], HEADER)
    alone = make_job("scan_ssh", [row(9)], HEADER)
    other_list = make_job("scan_ssl", [row(3)], HEADER, "other")
    # In whatever order they are given.
    model = collect_page_data([alone, second, other_list, first], Options())
    said = list(
        zip(field(model, "subject"), field(model, "verdict"), field(model, "gone"), strict=True)
    )
    assert said == [
        ("192.0.2.1", "", ""),
        ("192.0.2.2", "", ""),
        ("192.0.2.3", "", "2024-01-31"),
        ("192.0.2.9", "", ""),
        ("192.0.2.1", "recurring", ""),
        ("192.0.2.2", "changed", ""),
        ("192.0.2.4", "new", ""),
        ("192.0.2.3", "", ""),
    ]
    number = dict(zip(range(8), model.findings.finding, strict=True))
    assert number[0] == number[4] != 0
    assert number[3] == number[7] == 0


def plain_field(model: PageData, name: str) -> list[str]:
    """Return the values of a field as the page decodes them (``coded`` in assets/data.js)."""
    plain = model.findings.table()[name]
    if "n" in plain:
        return [plain["v"][0]] * int(plain["n"])
    return [plain["v"][number] for number in plain.get("a", range(len(plain["v"])))]


def test_the_finding_that_is_gone_is_the_one_that_is_said_to_be(make_job: MakeJob) -> None:
    """Also where as many days as rows are named, as in the smallest comparison."""
    first = make_job("scan_ssl", [("192.0.2.1", "443")], ("ip", "port"), day=date(2024, 1, 30))
    second = make_job("scan_ssl", [("192.0.2.2", "443")], ("ip", "port"))
    model = collect_page_data([first, second], Options())
    gone = dict(zip(plain_field(model, "subject"), plain_field(model, "gone"), strict=True))
    assert gone == {"192.0.2.1": "2024-01-31", "192.0.2.2": ""}


def test_a_day_without_findings_makes_those_before_gone(make_job: MakeJob) -> None:
    """A report with only a header is a report, as in an import."""
    first = make_job("scan_ssl", [("192.0.2.1", "443")], ("ip", "port"), day=date(2024, 1, 30))
    model = collect_page_data([first, make_job("scan_ssl", [], ("ip", "port"))], Options())
    assert plain_field(model, "gone") == ["2024-01-31"]


def test_empty_columns_are_left_out(make_job: MakeJob) -> None:
    """A column that is empty in all findings is not in the page."""
    model = collect_page_data(
        [make_job("scan_ssl", [("192.0.2.1", "")], ("ip", "hostname"))], Options()
    )
    assert list(cells_of(model)) == ["ip"]


def test_secrets_are_masked(make_job: MakeJob) -> None:
    """A password in a report is neither in the page's table nor in its objects."""
    job = make_job(
        "compromised_account",
        [("2024-01-31 00:00:00", "user@example.org", "hunter2!")],
        ("timestamp", "email", "password"),
    )
    model = collect_page_data([job], Options())
    assert cells_of(model)["password"] == MASK
    everything = orjson.dumps([model.findings.table(), model.findings.groups()[0].plain()])
    assert b"hunter2!" not in everything + b"".join(model.objects)


def test_passwords_in_urls_are_masked(make_job: MakeJob) -> None:
    """The page is passed on more easily than what is in a platform."""
    url = "http://user:hunter2!@evil.example/x"
    job = make_job("malware_url", [(url, "x" * 3_000 + url)], ("url", "note"))
    model = collect_page_data([job], Options())
    assert cells_of(model)["url"] == f"http://user:{MASK}@evil.example/x"
    everything = orjson.dumps([model.findings.table(), model.findings.groups()[0].plain()])
    assert b"hunter2!" not in everything + b"".join(model.objects)


def test_long_cells_are_cut(make_job: MakeJob) -> None:
    """A cell of a megabyte is cut, with its length."""
    job = make_job("scan_ssl", [("192.0.2.1", "A" * 1_000_000)], ("ip", "banner"))
    model = collect_page_data([job], Options())
    cell = cells_of(model)["banner"]
    assert len(cell) < MAX_CELL + 50
    assert cell.endswith("(1000000 characters)")
    assert len(b"".join(model.objects)) < 100_000


def test_many_long_cells_are_cut_shorter(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The more text the page holds, the shorter further cells are cut."""
    monkeypatch.setattr("shadowserver_connector.preview.page_findings._ROOM", 3_000)
    rows = [(f"192.0.2.{number}", f"{number}" * 2_000) for number in range(1, 9)]
    model = collect_page_data([make_job("scan_ssl", rows, ("ip", "banner"))], Options())
    lengths = [len(cells_of(model, place)["banner"]) for place in range(8)]
    assert lengths[0] == 2_000
    assert all(length < 300 for length in lengths[2:])


def test_objects_are_those_of_the_conversion(make_job: MakeJob) -> None:
    """The graph has exactly the objects that the conversion makes, each once."""
    job = make_job("scan_ssl", 300)
    converted: set[str] = set()
    convert_report(
        *job, Options(), lambda chunk: converted.update(encoded.id for encoded in chunk.objects)
    )
    model = collect_page_data([job], Options())
    found = [stix["id"] for stix in objects_of(model)]
    assert len(found) == len(set(found)) == len(model.objects)
    assert set(found) == converted


def test_copies_of_an_object_are_united(make_job: MakeJob) -> None:
    """The Report, repeated in each chunk, has the references of all its copies."""
    job = make_job("scan_ssl", 60)
    whole = collect_page_data([job], Options())
    pieces = collect_page_data([job], Options(chunk_objects=100))

    def report_refs(model: Any) -> set[str]:
        reports = [o for o in objects_of(model) if o["type"] == "report"]
        assert len(reports) == 1
        return set(reports[0]["object_refs"])

    assert len(report_refs(whole)) > 100
    assert report_refs(pieces) == report_refs(whole)


def test_the_file_itself_stays_outside(make_job: MakeJob) -> None:
    """The Artifact has its hashes, and not the bytes of the file."""
    model = collect_page_data([make_job("scan_ssl", 5)], Options())
    artifact = next(o for o in objects_of(model) if o["type"] == "artifact")
    assert "left out" in artifact["payload_bin"]
    assert artifact["hashes"]["SHA-256"]


def test_the_page_holds_the_worst_findings(make_job: MakeJob) -> None:
    """A page that is too small for all omits the lower severities, fairly between reports."""

    def rows(high: int, low: int) -> list[tuple[str, str]]:
        return [("low", "192.0.2.1")] * low + [("high", "192.0.2.2")] * high

    header = ("severity", "ip")
    jobs = [make_job("scan_ssl", rows(5, 40), header), make_job("scan_rdp", rows(3, 4), header)]
    model = collect_page_data(jobs, Options(), max_findings=20)
    assert [report["shown"] for report in model.overview["reports"]] == [7, 13]
    assert Counter(field(model, "severity")) == {"high": 8, "low": 12}
    assert (model.overview["shown"], model.overview["findings"]) == (20, 52)


def test_objects_are_bounded(make_job: MakeJob) -> None:
    """The graph has the objects of some findings of each report; the table has all findings."""
    jobs = [make_job("scan_ssl", 200), make_job("scan_rdp", 30)]
    model = collect_page_data(jobs, Options(), max_drawn=60)
    assert (model.overview["drawn"], model.overview["shown"]) == (60, 230)
    notes = [o for o in objects_of(model) if o["type"] == "note"]
    assert 40 < len(notes) <= 60


def test_a_part_is_converted_as_the_whole_would_be(make_job: MakeJob) -> None:
    """The part shown of a large report has one Note per host, as OpenCTI would get it."""
    model = collect_page_data(
        [make_job("scan_ssl", 1_500)], Options(), max_findings=300, max_drawn=300
    )
    part = objects_of(model)
    notes = [stix["abstract"] for stix in part if stix["type"] == "note"]
    assert 0 < len(notes) < 300


def test_what_the_settings_leave_out_is_counted(make_job: MakeJob) -> None:
    """Rows below the configured severity are omitted, and the report has their number."""
    options = Options(min_severity="high")
    model = collect_page_data([make_job("scan_ssl", ROWS, HEADER)], options)
    report = model.overview["reports"][0]
    assert report["rows"] == report["findings"] + report["filtered"] == 4
    assert set(field(model, "severity")) <= {"high", "critical"}
    assert len(model.findings) == report["findings"]


def test_a_bad_report_does_not_stop_the_others(make_job: MakeJob, tmp_path: Path) -> None:
    """An unreadable report is named with its reason, and every report advances the progress."""
    bad = tmp_path / "2024-01-31-scan_rdp-bad.csv"
    bad.write_bytes(b"<html><body>502 Bad Gateway</body></html>")
    jobs = [
        (bad, ReportInfo(type="scan_rdp", day=DAY, file=bad.name)),
        make_job("scan_ssl", ROWS, HEADER),
    ]
    steps: list[None] = []
    model = collect_page_data(jobs, Options(), advance=lambda: steps.append(None))
    assert [failure.info.file for failure in model.failures] == [bad.name]
    assert model.overview["failed"][0][0] == bad.name
    assert [report["type"] for report in model.overview["reports"]] == ["scan_ssl"]
    assert len(steps) == 2 * len(jobs)


def test_download_links_stay_out(make_job: MakeJob) -> None:
    """A report's id, which opens it without credentials, is not in a page,
    whatever the settings.
    """
    path, info = make_job("scan_ssl", ROWS, HEADER)
    options = Options(link_download=True, download_url="https://dl.example.org/")
    model = collect_page_data([(path, replace(info, id="s3cr3t-report-id"))], options)
    assert b"s3cr3t" not in b"".join(model.objects) + orjson.dumps(model.overview)


@given(st.lists(st.integers(0, 500), max_size=12), st.integers(0, 2_000))
def test_shares_are_fair(wanted: list[int], most: int) -> None:
    """Nobody gets more than it wants, all is given out, and who wants more has a largest share."""
    shares = fair_shares(wanted, most)
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))
    assert sum(shares) == min(most, sum(wanted))
    short = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    assert all(share >= max(shares, default=0) - 1 for share in short)


@pytest.mark.parametrize(
    "report_type", ["compromised_account", "event4_sinkhole_http", "malware_url"]
)
def test_every_kind_of_report_has_a_page(make_job: MakeJob, report_type: str) -> None:
    """Reports with no address, with several, and about URLs give findings and objects."""
    model = collect_page_data([make_job(report_type, 20)], Options())
    assert len(model.findings) == 20
    assert all(field(model, "subject"))
    assert len(objects_of(model)) > 20
