"""The text of a Report: counts, most frequent values, and what was left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shadowserver_connector.mapping.texts.report_text import TOP
from tests.hostile.corpus import CELLS
from tests.mapping.conversion import convert, convert_bytes
from tests.mapping.gfm import blocks, tables

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
    """Return the rows of the table whose first heading is this."""
    (found,) = (each for each in tables(text) if each.rows[0][0] == first)
    return list(found.rows[1:])


def test_severities_are_counted_by_finding_and_by_host(tmp_path: Path) -> None:
    """The worst first; a host counts once, by its worst finding."""
    rows = [row(0, "high"), row(0, "low"), row(1, "low"), row(2, "critical"), row(2, "critical")]
    text = description(tmp_path, rows)
    assert "5 findings on 3 hosts." in text
    assert table(text, "Severity") == [
        ("critical", "2", "1"),
        ("high", "1", "1"),
        ("low", "2", "1"),
    ]


def test_large_numbers_are_readable(tmp_path: Path) -> None:
    """Thousands are set apart wherever the text counts."""
    rows = [row(n % 3, asn=str(64496 + n % 2)) for n in range(2_401)]
    text = description(tmp_path, rows, max_findings=1_200)
    assert "1,200 findings on 3 hosts." in text
    assert "- 1,201 findings beyond the first 1,200" in text
    assert table(text, "Severity") == [("low", "1,200", "3")]
    assert table(text, "Autonomous system") == [("AS64496", "600"), ("AS64497", "600")]
    assert re.search(r", \d{3},\d{3} bytes, SHA-256 ", text)


def test_most_frequent_values_are_named(tmp_path: Path) -> None:
    """Systems, countries, sectors, tags and vulnerabilities, the most frequent first."""
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
    assert table(text, "Tag")[:2] == [("cve-2024-1000", "2"), ("ssl", "2")]


def test_long_tail_is_summed_up(tmp_path: Path) -> None:
    """After the most frequent ones comes how many more there are, and of how many findings."""
    rows = [row(n, asn=str(64496 + n)) for n in range(TOP + 3)] + [row(0, asn="64496")]
    found = table(description(tmp_path, rows), "Autonomous system")
    assert len(found) == TOP + 1
    assert found[0] == ("AS64496", "2")
    assert found[-1] == ("3 more", "3")


def test_bad_cells_count_nowhere(tmp_path: Path) -> None:
    """What is no AS number and no country is not among the most frequent ones."""
    text = description(tmp_path, [row(0, asn="many", geo="Atlantis"), row(1, asn="0", geo="")])
    assert "Autonomous system" not in text
    assert "Country" not in text


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    """With its number, and the setting's value."""
    rows = [row(n, "low") for n in range(4)] + [row(n, "high") for n in range(5)]
    text = description(tmp_path, rows, min_severity="medium", max_findings=2)
    assert "4 findings below severity medium" in text
    assert "3 findings beyond the first 2" in text
    assert "2 findings on 2 hosts." in text
    assert "Left out" not in description(tmp_path, rows)


@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_what_was_merged_is_said(tmp_path: Path, notes: str) -> None:
    """Rows that are equal cell by cell, wherever they stand in the file."""
    rows = [row(0), row(1), row(0), row(2), row(0), row(1)]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, notes=notes)
    (text,) = {report["description"] for report in converted.of("report")}
    assert "Merged: 3 findings equal to another, cell by cell; each is shown once." in text
    assert (converted.outcome.noted, converted.outcome.merged) == (3, 3)
    assert "Merged" not in description(tmp_path, [row(0), row(1)], notes=notes)


def test_oddities_of_the_file_are_named(tmp_path: Path) -> None:
    """So that a reader knows that the file was not quite right."""
    content = b"timestamp,severity,ip\n2024-01-31 00:00:00,low,192.0.2.1\n,low\n"
    text = convert_bytes(tmp_path, "scan_ssl", content).one("report")["description"]
    assert "Odd in the file" in text
    assert "row 2" in text


def test_type_and_its_page_are_named(tmp_path: Path) -> None:
    """What the report is about, and where Shadowserver says more."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0)])
    assert "https://www.shadowserver.org/" in converted.one("report")["description"]


@pytest.mark.parametrize("name", sorted(CELLS))
def test_hostile_cells_stay_in_their_tables(tmp_path: Path, name: str) -> None:
    """Whatever tags, sectors and the like hold, tables keep their columns, and nothing acts."""
    hostile = CELLS[name]
    rows = [row(0), ("", "low", "192.0.2.1", hostile, hostile, hostile, hostile)]
    text = description(tmp_path, rows)
    for found in tables(text):
        assert found.width in (2, 3)
    assert set(blocks(text)) <= {"paragraph_open", "table_open", "bullet_list_open"}
    assert len(text) < 100_000


def test_same_file_gives_the_same_text_whatever_the_order_of_equals(tmp_path: Path) -> None:
    """Values of equal frequency are in order of their text."""
    rows = [row(n, tag=tag) for n, tag in enumerate(["b", "a", "c", "a;b;c"])]
    assert table(description(tmp_path, rows), "Tag") == [("a", "2"), ("b", "2"), ("c", "2")]
