"""The text of a Report: counts, most frequent values, and anomalies."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.highlights import SHOWN_FINDINGS, SHOWN_HOSTS
from shadowserver_connector.mapping.planning.row_statistics import MAX_DISTINCT, RowStatistics
from shadowserver_connector.mapping.texts.report_lead import CASE_PREVIEW_CHARACTERS
from shadowserver_connector.mapping.texts.report_text import (
    REPORT_PREVIEW_CHARACTERS,
    TOP,
    ReportFacts,
    case_text,
)
from shadowserver_connector.report.info import FileFacts
from tests.hostile.corpus import CELLS
from tests.mapping.conversion import convert, convert_bytes, info_of
from tests.mapping.gfm import blocks, tables

GOLDEN = Path(__file__).parents[1] / "golden"

HEADER = ("timestamp", "severity", "ip", "tag", "asn", "geo", "sector")


def row(
    n: int,
    severity: str = "low",
    tag: str = "",
    asn: str = "64496",
    geo: str = "DE",
    sector: str = "",
) -> tuple[str, ...]:
    """Return a finding on a host."""
    return ("2024-01-31 00:00:00", severity, f"192.0.2.{n + 1}", tag, asn, geo, sector)


def description(tmp_path: Path, rows: list[tuple[str, ...]], **options: object) -> str:
    """Return the text of the Report on these rows."""
    text = convert(tmp_path, "scan_ssl", HEADER, rows, **options).one("report")["description"]
    assert isinstance(text, str)
    return text


def table(text: str, first: str) -> list[tuple[str, ...]]:
    """Return the rows of the table whose first column has this heading."""
    (found,) = (each for each in tables(text) if each.rows[0][0] == first)
    return list(found.rows[1:])


def below(text: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the table under a heading, as dicts by column."""
    (found,) = tables(text.partition(f"### {heading}\n\n")[2].partition("\n### ")[0])
    return [dict(zip(found.rows[0], line, strict=True)) for line in found.rows[1:]]


def test_severities_are_counted_by_finding_and_by_host(tmp_path: Path) -> None:
    """Severities are counted, the worst first; a host counts once, by its worst finding."""
    rows = [row(0, "high"), row(0, "low"), row(1, "low"), row(2, "critical"), row(2, "critical")]
    text = description(tmp_path, rows)
    assert "5 findings on 3 hosts: 2 critical, 1 high, 2 low." in text
    assert table(text, "Severity") == [
        ("critical", "2", "1"),
        ("high", "1", "1"),
        ("low", "2", "1"),
    ]


def test_large_numbers_are_readable(tmp_path: Path) -> None:
    """Numbers in the text have thousands separators."""
    rows = [row(n % 3, asn=str(64496 + n % 2)) for n in range(2_401)]
    text = description(tmp_path, rows, max_findings=1_200)
    assert "1,200 findings on 3 hosts: all low." in text
    assert "- 1,201 findings beyond the first 1,200" in text
    assert table(text, "Severity") == [("low", "1,200", "3")]
    assert table(text, "Autonomous system") == [("AS64496", "600"), ("AS64497", "600")]
    assert re.search(r", \d{3},\d{3} bytes, SHA-512 ", text)


def test_most_frequent_values_are_named(tmp_path: Path) -> None:
    """Systems, countries, sectors, tags and vulnerabilities are listed by frequency."""
    rows = [
        row(0, tag="ssl;cve-2024-1000", asn="64497", geo="NL", sector="Government"),
        row(1, tag="ssl", asn="64497", geo="DE"),
        row(2, tag="vpn,CVE-2024-1000", asn="64496", geo="NL"),
    ]
    text = description(tmp_path, rows)
    assert table(text, "Autonomous system") == [("AS64497", "2"), ("AS64496", "1")]
    assert [cells[1] for cells in table(text, "Country")] == ["2", "1"]
    assert table(text, "Country")[1] == ("Germany", "1")
    assert table(text, "Sector") == [("Government", "1")]
    assert table(text, "Vulnerability") == [("CVE-2024-1000", "2")]
    assert table(text, "Tag") == [("ssl", "2"), ("vpn", "1")]


def test_vulnerability_in_two_columns_of_a_row_counts_once(tmp_path: Path) -> None:
    """A finding that names a CVE as tag and in a column of its own is one finding."""
    header = ("timestamp", "severity", "src_ip", "tag", "vulnerability_id")
    cells = ("2024-01-31 00:00:00", "high", "192.0.2.1", "cve-2024-1000", "CVE-2024-1000")
    text = convert(tmp_path, "event4_honeypot_http_scan", header, [cells]).one("report")
    assert table(text["description"], "Vulnerability") == [("CVE-2024-1000", "1")]


def test_long_tail_is_summed_up(tmp_path: Path) -> None:
    """The rarer values are summed up in one line with their count and findings."""
    rows = [row(n, asn=str(64496 + n)) for n in range(TOP + 3)] + [row(0, asn="64496")]
    found = table(description(tmp_path, rows), "Autonomous system")
    assert len(found) == TOP + 1
    assert found[0] == ("AS64496", "2")
    assert found[-1] == ("3 more", "3")


def test_a_long_tail_of_what_a_finding_has_several_of_is_not_summed_up(tmp_path: Path) -> None:
    """Rarer tags and vulnerabilities are counted, but not their findings, which may be the same."""
    tags = ";".join(f"t{n:02};cve-2024-10{n:02}" for n in range(TOP + 4))
    text = description(tmp_path, [row(0, tag=tags)])
    for heading in ("Tag", "Vulnerability"):
        assert table(text, heading)[-1] == ("4 more", "")


def test_counts_of_too_many_values_are_said_to_be_too_low(tmp_path: Path) -> None:
    """Beyond the distinct cells that are counted, numbers are at least so high."""
    rows = [row(n % 3, tag=f"t{n}") for n in range(MAX_DISTINCT + 5)]
    text = description(tmp_path, rows, notes="none", observed_data=False)
    last = [(found.rows[0], found.rows[-1]) for found in tables(text)]
    assert (
        ("Tag", "Findings, at least"),
        (f"at least {MAX_DISTINCT - TOP:,} more", ""),
    ) in last
    assert (("Country", "Findings"), ("Germany", f"{MAX_DISTINCT + 5:,}")) in last


def test_bad_cells_count_nowhere(tmp_path: Path) -> None:
    """Invalid AS numbers and countries are not among the frequent values."""
    text = description(tmp_path, [row(0, asn="many", geo="Atlantis"), row(1, asn="0", geo="")])
    assert "Autonomous system" not in text
    assert "Country" not in text


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    """The number of filtered and cut rows is given with the setting's value."""
    rows = [row(n, "low") for n in range(4)] + [row(n, "high") for n in range(5)]
    text = description(tmp_path, rows, min_severity="medium", max_findings=2)
    assert "4 findings below severity medium" in text
    assert "3 findings beyond the first 2" in text
    assert "2 findings on 2 hosts: all high." in text
    assert "Left out" not in description(tmp_path, rows)


@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_what_was_merged_is_said(tmp_path: Path, notes: str) -> None:
    """The number of merged rows, equal in every cell, is given."""
    rows = [row(0), row(1), row(0), row(2), row(0), row(1)]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, notes=notes)
    (text,) = {report["description"] for report in converted.of("report")}
    assert "Duplicates: 3 findings identical to another; each is shown once." in text
    assert (converted.outcome.noted, converted.outcome.merged) == (3, 3)
    assert "Merged" not in description(tmp_path, [row(0), row(1)], notes=notes)


def test_anomalies_of_the_file_are_named(tmp_path: Path) -> None:
    """The anomalies of the file are listed."""
    content = b"timestamp,severity,ip\n2024-01-31 00:00:00,low,192.0.2.1\n,low\n"
    text = convert_bytes(tmp_path, "scan_ssl", content).one("report")["description"]
    assert "Anomalies in the file" in text
    assert "row 2" in text


@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_notes_are_named_only_if_there_are_any(tmp_path: Path, notes: str) -> None:
    """Without Notes, no text refers to them: what could not be read is in the file only."""
    options = {"notes": notes, "create_incident": True, "case_min_severity": "info"}
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0, asn="many")], **options)
    for kind in ("report", "case-incident"):
        assert ("Note" in converted.one(kind)["description"]) == (notes != "none")
    where = "the original file" if notes == "none" else "Notes"
    text = converted.one("report")["description"]
    assert f"Could not be read, and is in {where} only:\n\n- autonomous system of 1 " in text


@pytest.mark.parametrize(
    ("report_type", "header", "could"),
    [("scan_ssl", ("ip", "port"), False), ("blocklist", ("ip", "source"), True)],
)
def test_a_network_in_place_of_an_address_could_not_be_read(
    tmp_path: Path, report_type: str, header: tuple[str, str], could: bool
) -> None:
    """A network is named as unread in a column of addresses, and is none on a block list."""
    converted = convert(tmp_path, report_type, header, [("192.0.2.0/24", "80")])
    assert bool(converted.of("ipv4-addr")) == could
    said = "Could not be read, and is in Notes only:\n\n- addresses of 1 host"
    assert (said in converted.one("report")["description"]) != could


def test_type_and_its_page_are_named(tmp_path: Path) -> None:
    """The text has the report type and the link to Shadowserver's page."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0)])
    assert "https://www.shadowserver.org/" in converted.one("report")["description"]


@pytest.mark.parametrize("name", sorted(CELLS))
def test_hostile_cells_stay_in_their_tables(tmp_path: Path, name: str) -> None:
    """Hostile tags and sectors neither break the tables nor take effect as markup."""
    hostile = CELLS[name]
    rows = [row(0), ("", "low", "192.0.2.1", hostile, hostile, hostile, hostile)]
    text = description(tmp_path, rows)
    for found in tables(text):
        assert found.width in (2, 3, 4, 5)
    assert set(blocks(text)) <= {
        *("heading_open", "paragraph_open", "table_open", "bullet_list_open"),
    }
    assert len(text.partition("\n\n")[0]) <= CASE_PREVIEW_CHARACTERS
    assert len(text) < 100_000


def test_same_file_gives_the_same_text_whatever_the_order_of_equals(tmp_path: Path) -> None:
    """Values of equal frequency are sorted by text."""
    rows = [row(n, tag=tag) for n, tag in enumerate(["b", "a", "c", "a;b;c"])]
    assert table(description(tmp_path, rows), "Tag") == [("a", "2"), ("b", "2"), ("c", "2")]


def texts(tmp_path: Path, name: str) -> tuple[str, str]:
    """Return the texts of Report and Case of a golden report."""
    content = (GOLDEN / f"{name}.csv").read_bytes()
    converted = convert_bytes(
        tmp_path, name, content, Options(create_incident=True, case_min_severity="info")
    )
    report, case = converted.of("report")[0], converted.of("case-incident")[0]
    return report["description"], case["description"]


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.csv")))
def test_what_is_shown_first_stands_alone(tmp_path: Path, name: str) -> None:
    """The part that OpenCTI shows collapsed has whole sentences, no table and no link."""
    report, case = texts(tmp_path, name)
    for text, shown in ((report, REPORT_PREVIEW_CHARACTERS), (case, CASE_PREVIEW_CHARACTERS)):
        lead = text.partition("\n\n")[0]
        assert len(lead) <= CASE_PREVIEW_CHARACTERS
        assert lead.endswith(".")
        assert "\n|" not in text[:shown]
        assert "](" not in text[:shown]
        assert "](" not in text.rpartition("\n\nMore: ")[0] or "](" not in text
    assert re.match(r"[0-9,]+ findings?( on [0-9,]+ hosts?)?: ", report)
    assert "To do: " in case[:CASE_PREVIEW_CHARACTERS]
    assert report.partition("\n\n")[0] != case.partition("\n\n")[0]


def test_no_table_is_shown_first_of_any_type(tmp_path: Path) -> None:
    """The collapsed part has no table, for any type."""
    for name in load_catalogue().types:
        converted = convert(
            tmp_path, name, HEADER, [row(0)], create_incident=True, case_min_severity="info"
        )
        for kind in ("report", "case-incident"):
            text = converted.one(kind)["description"]
            assert text.find("\n| ") >= REPORT_PREVIEW_CHARACTERS, name
            assert len(text.partition("\n\n")[0]) <= CASE_PREVIEW_CHARACTERS, name


def test_the_file_stands_above_the_tables_only_to_keep_them_from_being_shown_first() -> None:
    """Prose as long as what OpenCTI shows of a Case first is followed by the tables."""
    scan = load_catalogue().types["scan_ssl"]
    facts = ReportFacts(
        info_of("scan_ssl"),
        scan,
        RowStatistics(severities=Counter(low=1)),
        FileFacts(1, "md5", "sha1", "sha256", "sha512"),
        Options(notes="none"),
        None,
    )
    without = case_text(facts._replace(report_type=replace(scan, todo="", about="")))
    prose = len(without.partition("\n\nFile ")[0])
    for length in (CASE_PREVIEW_CHARACTERS - 1, CASE_PREVIEW_CHARACTERS):
        about = "a" * (length - prose - len("\n\n"))
        text = case_text(facts._replace(report_type=replace(scan, todo="", about=about)))
        is_first = text.index("File ") < text.index("### By severity")
        assert is_first == (length < CASE_PREVIEW_CHARACTERS)


def test_tables_have_a_heading_each(tmp_path: Path) -> None:
    """Each table has a heading, as adjoining ones would be shown as one."""
    for text in texts(tmp_path, "event4_sinkhole_http"):
        for block in re.split(r"\n\n(?=\|)", text)[:-1]:
            assert block.splitlines()[-1].startswith("### ")


SINKHOLE = ("timestamp", "severity", "src_ip", "src_port", "src_asn", "src_hostname", "infection",
            "family", "tag", "dst_ip", "dst_port", "protocol")  # fmt: skip


def sinkhole(n: int, severity: str, family: str = "conficker") -> tuple[str, ...]:
    """Return a row of a sinkhole's report."""
    return (
        *("2024-01-31 01:02:03", severity, f"192.0.2.{n}", "50123", "64496", f"pc{n}.example.com"),
        *("downadup", family, "b54", "203.0.113.1", "80", "tcp"),
    )


def test_the_worst_is_said_first(tmp_path: Path) -> None:
    """The worst finding comes first, with host, port, owner and severity."""
    rows = [sinkhole(n, "medium") for n in range(1, 4)] + [sinkhole(9, "critical", "necurs")]
    converted = convert(
        tmp_path, "event4_sinkhole", SINKHOLE, rows, create_incident=True, case_min_severity="info"
    )
    assert converted.one("report")["description"].startswith(
        "4 findings on 4 hosts: 1 critical, 3 medium. Worst: necurs on 192.0.2.9 port 80/tcp "
        "(pc9.example.com, AS64496), critical.\n\n"
    )
    assert (
        "Begin with 192.0.2.9 port 80/tcp (necurs, pc9.example.com, AS64496)."
        in (converted.one("case-incident")["description"][:CASE_PREVIEW_CHARACTERS])
    )


def test_one_malware_has_one_name(tmp_path: Path) -> None:
    """A malware has its entity's name in the text, whatever the row calls it."""
    converted = convert(tmp_path, "event4_sinkhole", SINKHOLE, [sinkhole(1, "high")])
    text = converted.one("report")["description"]
    assert converted.one("malware")["name"] == "conficker"
    assert table(text, "Malware or activity") == [("conficker", "1")]
    assert "downadup" not in text


def test_other_names_of_a_malware_are_counted_with_it(tmp_path: Path) -> None:
    """Names of one malware, in any case, are one line, and it is named so everywhere."""
    families = ["downadup", "Downadup", "conficker", "Necurs", "necurs"]
    rows = [sinkhole(n, "high", family) for n, family in enumerate(families, 1)]
    text = convert(tmp_path, "event4_sinkhole", SINKHOLE, rows).one("report")["description"]
    assert table(text, "Malware or activity") == [("conficker", "3"), ("Necurs", "2")]
    assert "Such as conficker on 192.0.2.1 " in text
    assert [each["What"] for each in below(text, "Findings")][:3] == ["conficker"] * 3


@pytest.mark.parametrize("family", ["-", "unknown", " "])
def test_a_placeholder_does_not_hide_the_other_column(tmp_path: Path, family: str) -> None:
    """Where the column for the family says nothing, the one for the infection is counted."""
    rows = [sinkhole(1, "high", family), sinkhole(2, "high", "necurs"), sinkhole(3, "high", family)]
    text = convert(tmp_path, "event4_sinkhole", SINKHOLE, rows).one("report")["description"]
    assert [cells[1] for cells in table(text, "Malware or activity")] == ["2", "1"]


def test_worst_hosts_are_ten_by_their_worst_finding(tmp_path: Path) -> None:
    """The ten worst hosts are listed by severity, then in the order of the file."""
    rows = [row(n % 250, "low", asn="64500") for n in range(3_000)]
    rows += [row(n, "high", tag="CVE-2024-1000;x") for n in (240, 7, 31)]
    text = description(tmp_path, rows, notes="none", observed_data=False)
    hosts = below(text, "Worst hosts")
    assert [each["Host"] for each in hosts[:3]] == ["192.0.2.241", "192.0.2.8", "192.0.2.32"]
    assert [each["Host"] for each in hosts[3:5]] == ["192.0.2.1", "192.0.2.2"]
    assert len(hosts) == SHOWN_HOSTS
    assert hosts[0]["What"] == "CVE-2024-1000"
    assert (hosts[0]["Severity"], hosts[0]["Network"]) == ("high", "AS64496")


def test_all_findings_are_listed_up_to_a_bound(tmp_path: Path) -> None:
    """The worst findings are listed, equal ones in one line, with the number of others."""
    few = [row(n, "low", tag="ssl") for n in range(5)]
    assert len(below(description(tmp_path, few), "Findings")) == len(few)
    rows = [row(n % 250, "low", tag=f"t{n}") for n in range(400)] + [row(200, "high")]
    text = description(tmp_path, rows)
    listed = below(text, "Findings")
    assert len(listed) == SHOWN_FINDINGS
    assert listed[0]["Severity"] == "high"
    assert [each["What"] for each in listed[1:4]] == ["t0", "t1", "t2"]
    assert f"{401 - SHOWN_FINDINGS} more findings: see the original file." in text
    twice = [(*row(0), "a"), (*row(0), "b")]
    converted = convert(tmp_path, "scan_ssl", (*HEADER, "http_reply"), twice)
    (line,) = below(converted.one("report")["description"], "Findings")
    assert line["Times"] == "2"


def test_small_messages_have_short_tables(tmp_path: Path) -> None:
    """With small messages the tables are cut, since each message repeats the text."""
    rows = [row(n, "low", tag=f"tag-{n}") for n in range(200)]
    text = description(tmp_path, rows, chunk_bytes=16 * 1024)
    assert len(text.encode()) <= 16 * 1024 // 8
    assert text.startswith("200 findings on 200 hosts: all low.")
    listed = below(text, "Findings")
    assert f"{200 - len(listed)} more findings: see the original file." in text
    assert text.splitlines()[-1].startswith("More: ")


def test_no_password_is_cut_free(tmp_path: Path) -> None:
    """A URL is masked before it is cut, so that a cut cannot reveal its password."""
    url = f"http://user:{'geheim' * 30}@example.org/"
    rows = [("2024-01-31 00:00:00", "high", url)]
    converted = convert(tmp_path, "malware_url", ("timestamp", "severity", "url"), rows)
    assert "geheim" not in converted.one("report")["description"]


def test_a_report_without_findings_says_so(tmp_path: Path) -> None:
    """A report without findings has one sentence and no tables."""
    converted = convert(
        tmp_path, "scan_ssl", HEADER, [], create_incident=True, case_min_severity="info"
    )
    for kind in ("report", "case-incident"):
        text = converted.of(kind)[0]["description"] if converted.of(kind) else "No findings."
        assert text.startswith("No findings.")
        assert not tables(text)
