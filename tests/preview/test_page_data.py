from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.texts.markdown import MASK
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.preview.page_data import collect, fair_shares
from shadowserver_connector.preview.table_rows import MAX_CELL
from shadowserver_connector.report.info import ReportInfo
from tests.preview.conftest import DAY, MakeJob

HEADER = ("timestamp", "severity", "ip", "port", "asn", "geo", "tag", "hostname")
ROWS = (
    ("2024-01-31 01:00:00", "high", "192.0.2.1", "443", "64496", "AT", "ssl;cve-2024-3400", ""),
    ("2024-01-31 01:30:00", "low", "192.0.2.2", "80", "64496", "CH", "http", "host.example.com"),
    ("2024-01-31 02:00:00", "high", "192.0.2.3", "443", "64497", "ZZ", "ssl", ""),
    ("nonsense", "odd", "192.0.2.4", "x", "AS0", "", "", ""),
)


def ids(objects: bytes) -> set[str]:
    """Return the ids in a JSON array of objects."""
    return {stix["id"] for stix in orjson.loads(objects)}


def test_charts_count_every_finding(make_job: MakeJob) -> None:
    """Charts count severities, types, ASNs, countries, tags, CVEs and hours over all rows."""
    model = collect([make_job("scan_ssl", ROWS, HEADER)], Options())
    charts = model.overview["charts"]
    assert [row[0::2] for row in charts["type"]] == [["scan_ssl", 4]]
    assert dict(row[0::2] for row in charts["severity"])["high"] == 2
    assert sum(row[2] for row in charts["severity"]) == 4
    assert charts["asn"] == [["64496", "AS64496", 2], ["64497", "AS64497", 1]]
    assert [row[0::2] for row in charts["country"]] == [["AT", 1], ["CH", 1]]
    assert [row[0::2] for row in charts["tag"]] == [
        ["ssl", 2],
        ["http", 1],
    ]
    assert charts["cve"] == [["CVE-2024-3400", "CVE-2024-3400", 1]]
    assert charts["time"]["unit"] == "hour"
    assert charts["time"]["keys"] == ["2024-01-31T00", "2024-01-31T01", "2024-01-31T02"]
    assert charts["time"]["series"]["high"] == [0, 1, 1]


def test_many_hours_are_drawn_as_days(make_job: MakeJob) -> None:
    """More hours than there is room for bars become days, more days months."""
    rows = [
        (f"2024-01-{day:02d} {hour:02d}:00:00", "192.0.2.1")
        for day in range(1, 11)
        for hour in range(24)
    ]
    time = collect([make_job("special", rows, ("timestamp", "ip"))], Options()).overview["charts"][
        "time"
    ]
    assert time["unit"] == "day"
    assert len(time["keys"]) == 10
    assert sum(map(sum, time["series"].values())) == 240


def test_findings_carry_what_they_are_filtered_by(make_job: MakeJob) -> None:
    """A finding has its number, severity, time, ASN, country, tags, CVEs and cells."""
    model = collect([make_job("scan_ssl", ROWS, HEADER)], Options())
    report = model.findings[0]
    number, severity, time, asn, country, tags, cves, cells = report["rows"][0]
    assert (number, severity, time, asn, country) == (
        1,
        "high",
        "2024-01-31T01:00:00.000Z",
        "64496",
        "AT",
    )
    assert (tags, cves) == (("ssl",), ("CVE-2024-3400",))
    named = dict(zip((name for name, _ in report["columns"]), cells, strict=True))
    assert named["ip"] == cells[report["at"]["address"]] == "192.0.2.1"
    assert cells[report["at"]["port"]] == "443"
    assert report["rows"][3][2] == "2024-01-31T00:00:00.000Z"


def test_empty_columns_are_left_out(make_job: MakeJob) -> None:
    """A column that is empty in all findings takes no room in the page."""
    model = collect([make_job("scan_ssl", [("192.0.2.1", "")], ("ip", "hostname"))], Options())
    assert [name for name, _ in model.findings[0]["columns"]] == ["ip"]
    assert "hostname" not in model.findings[0]["at"]


def test_secrets_are_masked(make_job: MakeJob) -> None:
    """A password in a report does not reach the page, neither its table nor its objects."""
    job = make_job(
        "compromised_account",
        [("2024-01-31 00:00:00", "user@example.org", "hunter2!")],
        ("timestamp", "email", "password"),
    )
    model = collect([job], Options())
    assert MASK in model.findings[0]["rows"][0][-1]
    assert b"hunter2!" not in orjson.dumps(model.findings) + model.objects.encoded()


def test_long_cells_are_cut(make_job: MakeJob) -> None:
    """A cell of a megabyte takes a bounded part of the page, and says how long it is."""
    job = make_job("scan_ssl", [("192.0.2.1", "A" * 1_000_000)], ("ip", "banner"))
    model = collect([job], Options())
    cell = max(model.findings[0]["rows"][0][-1], key=len)
    assert len(cell) < MAX_CELL + 50
    assert cell.endswith("(1000000 characters)")
    assert len(model.objects.encoded()) < 100_000


def test_objects_are_those_of_the_conversion(make_job: MakeJob) -> None:
    """The graph holds exactly the objects that the conversion makes, each once."""
    job = make_job("scan_ssl", 300)
    converted: set[str] = set()
    convert_report(
        *job, Options(), lambda chunk: converted.update(encoded.id for encoded in chunk.objects)
    )
    model = collect([job], Options())
    found = [stix["id"] for stix in orjson.loads(model.objects.encoded())]
    assert len(found) == len(set(found)) == len(model.objects)
    assert set(found) == converted


def test_copies_of_an_object_are_united(make_job: MakeJob) -> None:
    """The Report, sent anew in each chunk, refers to the objects of all of them."""
    job = make_job("scan_ssl", 60)
    whole = collect([job], Options())
    pieces = collect([job], Options(chunk_objects=100))

    def report_refs(model: Any) -> set[str]:
        reports = [o for o in orjson.loads(model.objects.encoded()) if o["type"] == "report"]
        assert len(reports) == 1
        return set(reports[0]["object_refs"])

    assert len(report_refs(whole)) > 100
    assert report_refs(pieces) == report_refs(whole)


def test_the_file_itself_stays_outside(make_job: MakeJob) -> None:
    """The Artifact is there with its hashes, without the bytes of the file."""
    model = collect([make_job("scan_ssl", 5)], Options())
    artifact = next(o for o in orjson.loads(model.objects.encoded()) if o["type"] == "artifact")
    assert "left out" in artifact["payload_bin"]
    assert artifact["hashes"]["SHA-256"]


def test_findings_are_bounded(make_job: MakeJob) -> None:
    """Table and graph hold no more findings than asked for; each report has its fair share."""
    jobs = [make_job("scan_ssl", 400), make_job("scan_rdp", 30), make_job("scan_ssh", 200)]
    model = collect(jobs, Options(), most=130)
    assert [len(report["rows"]) for report in model.findings] == [50, 30, 50]
    assert [report["shown"] for report in model.overview["reports"]] == [50, 30, 50]
    assert model.overview["shown"] == 130
    assert model.overview["findings"] == 630
    assert sum(row[2] for row in model.overview["charts"]["severity"]) == 630
    notes = [o for o in orjson.loads(model.objects.encoded()) if o["type"] == "note"]
    # A host's findings have one Note.
    assert 100 < len({note["id"] for note in notes}) == len(notes) <= 130


def test_a_part_is_converted_as_the_whole_would_be(make_job: MakeJob) -> None:
    """What is shown of a large report has one Note a host, as OpenCTI would get it."""
    job = make_job("scan_ssl", 1_500)
    model = collect([job], Options(), most=300)
    part = orjson.loads(model.objects.encoded())
    notes = [stix["abstract"] for stix in part if stix["type"] == "note"]
    hosts = {
        row[-1][model.findings[0]["at"]["address"]].lower() for row in model.findings[0]["rows"]
    }
    assert len(notes) == len(hosts) < 300


def test_what_the_settings_leave_out_is_counted(make_job: MakeJob) -> None:
    """Rows below the wanted severity are in no chart, but the report says how many there are."""
    options = Options(min_severity="high")
    model = collect([make_job("scan_ssl", ROWS, HEADER)], options)
    report = model.overview["reports"][0]
    assert report["rows"] == report["findings"] + report["filtered"] == 4
    assert {row[0] for row in model.overview["charts"]["severity"]} <= {"high", "critical"}
    assert len(model.findings[0]["rows"]) == report["findings"]


def test_a_bad_report_does_not_stop_the_others(make_job: MakeJob, tmp_path: Path) -> None:
    """What cannot be read is named with its reason, and every report advances the progress."""
    bad = tmp_path / "2024-01-31-scan_rdp-bad.csv"
    bad.write_bytes(b"<html><body>502 Bad Gateway</body></html>")
    jobs = [
        (bad, ReportInfo(type="scan_rdp", day=DAY, file=bad.name)),
        make_job("scan_ssl", ROWS, HEADER),
    ]
    steps: list[None] = []
    model = collect(jobs, Options(), advance=lambda: steps.append(None))
    assert [failure.info.file for failure in model.failures] == [bad.name]
    assert model.overview["failed"][0][0] == bad.name
    assert [report["type"] for report in model.overview["reports"]] == ["scan_ssl"]
    assert len(steps) == 2 * len(jobs)


def test_download_links_stay_out(make_job: MakeJob) -> None:
    """A report's id opens it without credentials: it is not in a page, whatever the settings."""
    path, info = make_job("scan_ssl", ROWS, HEADER)
    options = Options(link_download=True, download_url="https://dl.example.org/")
    model = collect([(path, replace(info, id="s3cr3t-report-id"))], options)
    assert b"s3cr3t" not in model.objects.encoded() + orjson.dumps(model.overview)


@given(st.lists(st.integers(0, 500), max_size=12), st.integers(0, 2_000))
def test_shares_are_fair(wanted: list[int], most: int) -> None:
    """Nobody gets more than wanted; all is shared out; who goes short has no less than others."""
    shares = fair_shares(wanted, most)
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))
    assert sum(shares) == min(most, sum(wanted))
    short = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    assert all(share >= max(shares, default=0) - 1 for share in short)


@pytest.mark.parametrize(
    "report_type", ["compromised_account", "event4_sinkhole_http", "malware_url"]
)
def test_every_kind_of_report_has_a_page(make_job: MakeJob, report_type: str) -> None:
    """Reports without addresses, with several, and about URLs give findings and objects."""
    model = collect([make_job(report_type, 20)], Options())
    assert len(model.findings[0]["rows"]) == 20
    assert len(ids(model.objects.encoded())) > 20
