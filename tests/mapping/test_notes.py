"""Notes: a finding, or the findings of a host, as tables."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from shadowserver_connector.catalogue.catalogue import Column
from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.texts.markdown import MASK
from shadowserver_connector.mapping.texts.notes import (
    HOST_ROWS,
    finding_note,
    host_note,
    note_columns,
)
from shadowserver_connector.report.layout import LONGEST_LINE
from tests.hostile.corpus import CELLS
from tests.mapping.conversion import convert
from tests.mapping.gfm import blocks, tables
from tests.mapping.rows import header_of, row_of

HEADER = ("timestamp", "severity", "ip", "port", "hostname", "tag", "sector")


def row(n: int, *, ip: str = "192.0.2.1", port: str = "") -> tuple[str, ...]:
    """Return a finding on a host."""
    time = f"2024-01-31 {n // 60 % 24:02}:{n % 60:02}:00"
    return (time, "high", ip, port or str(n + 1), "www.example.com", "ssl", "")


def fields(content: str) -> dict[str, str]:
    """Return the first table of a Note as fields and values."""
    table = tables(content)[0]
    assert table.rows[0] == ("Field", "Value")
    return dict(table.rows[1:])


def test_finding_note_shows_each_cell_that_is_not_empty(tmp_path: Path) -> None:
    """A line for each, under its readable name; none for an empty cell."""
    note = convert(tmp_path, "scan_ssl", HEADER, [row(0)]).one("note")
    assert set(fields(note["content"]).values()) == {
        *("2024-01-31 00:00:00", "high", "192.0.2.1", "1", "www.example.com", "ssl")
    }
    assert blocks(note["content"]) == ["table_open"]
    assert note["abstract"] == "scan_ssl 192.0.2.1"
    assert note["created"] == "2024-01-31T00:00:00.000Z"


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_abstract_has_no_less_than_sign(tmp_path: Path, notes: str) -> None:
    """The worker's markdown pass would change it, and with it the id of the Note."""
    rows = [("2024-01-31 00:00:00", "<b>bob</b>")]
    header = ("timestamp", "username")
    converted = convert(tmp_path, "compromised_account", header, rows, notes=notes)
    note = converted.one("note")
    assert converted.one("user-account")["account_login"] == "<b>bob</b>"
    assert note["abstract"] == "compromised_account &lt;b>bob&lt;/b>"


def test_cells_that_a_note_has_no_room_for_are_counted_in_it() -> None:
    """What stays are whole lines of the table."""
    columns = [Column(f"c{n}", "text", "", "", f"C{n}", n) for n in range(50)]
    cells = ["x" * 100] * 50
    note = orjson.loads(finding_note(note_columns(columns, CacheBudget()), cells, 2_000))
    (table,) = tables(note)
    shown = [value for _, value in table.rows[1:-1]]
    assert set(shown) == {"x" * 100}
    assert table.rows[-1][1] == f"{50 - len(shown)} more cells: see the original file"
    assert 1_500 < len(note) < 2_200


def test_findings_that_a_note_has_no_room_for_are_counted_in_it() -> None:
    """The table of a host's findings ends with a whole row, or is left out."""
    columns = [Column(f"c{n}", "text", "", "", f"C{n}", n) for n in range(5)]
    rows = [[f"{row}-{n}" + "x" * 100 for n in range(5)] for row in range(50)]
    note = orjson.loads(host_note(note_columns(columns, CacheBudget()), rows, 20_000))
    table = tables(note)[-1]
    left_out = 50 - (len(table.rows) - 1)
    assert 0 < left_out < 50
    assert note.endswith(f"\n\n{left_out} more findings: see the original file")
    assert len(note) < 20_000
    small = orjson.loads(host_note(note_columns(columns, CacheBudget()), rows, 1_000))
    assert small.endswith("**50 findings**\n\n50 more findings: see the original file")


def test_note_is_attached_to_report_case_and_observables(tmp_path: Path) -> None:
    """So that it shows on the page of the address and of the name."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0)], create_incident=True)
    wanted = {
        stix["id"] for stix in converted.of("report", "case-incident", "ipv4-addr", "domain-name")
    }
    assert wanted <= set(converted.one("note")["object_refs"])


def test_row_without_time_has_that_of_the_day(tmp_path: Path) -> None:
    """The Note was created, and the data observed, on the day covered."""
    several = [("", *row(0)[1:])]
    converted = convert(tmp_path, "scan_ssl", HEADER, several)
    assert converted.one("note")["created"] == "2024-01-31T00:00:00.000Z"
    observed = converted.one("observed-data")
    assert observed["first_observed"] == observed["last_observed"] == "2024-01-31T00:00:00.000Z"


ATTACK = ("timestamp", "src_ip", "end_time", "severity")


@pytest.mark.parametrize(
    ("time", "end", "observed"),
    [
        ("2024-01-31 05:00:00", "2024-01-31T05:20:22.710968Z", ("05:00:00.000", "05:20:22.710")),
        ("2024-01-31 05:00:00", "", ("05:00:00.000", "05:00:00.000")),
        ("2024-01-31 05:00:00", "2024-01-31 04:00:00", ("05:00:00.000", "05:00:00.000")),
        ("", "2024-01-31 04:00:00", ("00:00:00.000", "04:00:00.000")),
    ],
)
def test_what_lasted_is_observed_until_its_end(
    tmp_path: Path, time: str, end: str, observed: tuple[str, str]
) -> None:
    """An end before the row's own time tells nothing."""
    several = [(time, "192.0.2.1", end, "high")]
    converted = convert(tmp_path, "event4_honeypot_ddos_amp", ATTACK, several)
    stix = converted.one("observed-data")
    assert (stix["first_observed"], stix["last_observed"]) == tuple(
        f"2024-01-31T{each}Z" for each in observed
    )
    assert converted.outcome.oddities == {}


def test_end_that_is_no_time_is_counted(tmp_path: Path) -> None:
    """With its column; what the row tells otherwise is observed at its own time."""
    several = [("2024-01-31 05:00:00", "192.0.2.1", "later", "high")]
    converted = convert(tmp_path, "event4_honeypot_ddos_amp", ATTACK, several)
    stix = converted.one("observed-data")
    assert stix["first_observed"] == stix["last_observed"] == "2024-01-31T05:00:00.000Z"
    [remark] = converted.outcome.remarks
    assert "column end_time" in remark
    assert "not a time" in remark


def test_time_with_outer_space_is_a_time(tmp_path: Path) -> None:
    """Space around a time costs it as little as it costs an address."""
    several = [(" 2024-01-31 05:06:07 ", "high", " 192.0.2.1 ", "", "", "", "")]
    converted = convert(tmp_path, "scan_ssl", HEADER, several)
    assert converted.one("note")["created"] == "2024-01-31T05:06:07.000Z"
    assert converted.outcome.oddities == {}


@pytest.mark.parametrize("name", sorted(CELLS.keys() - {"blank"}))
def test_hostile_cells_stay_in_their_table(tmp_path: Path, name: str) -> None:
    """Whatever a row holds everywhere, its Note is one table with a line for each cell."""
    header = HEADER if name.startswith("long") else header_of("scan_ssl")
    # A line that is longer than is read would be cut.
    hostile = [CELLS[name][: LONGEST_LINE // len(header) - 1]] * len(header)
    converted = convert(tmp_path, "scan_ssl", header, [hostile], notes="finding")
    note = converted.one("note")
    assert blocks(note["content"]) == ["table_open"]
    (table,) = tables(note["content"])
    assert table.width == 2
    assert len(table.rows) == len(header) + 1
    assert note["content"] == note["content"].strip()
    assert "<" not in note["content"] + note["abstract"]


def test_hostile_header_stays_in_its_table(tmp_path: Path) -> None:
    """The names of columns are the file's, too."""
    header = (*HEADER, "a|b", "<b>x</b>", "[x](http://example.com)", "`", "tail\\")
    several = [(*row(n), *(f"{n}{at}" for at in range(5))) for n in range(2)]
    for notes, count in (("finding", 1), ("host", 2)):
        converted = convert(tmp_path, "scan_ssl", header, several, notes=notes)
        found = tables(converted.of("note")[0]["content"])
        assert len(found) == count
        assert {table.width for table in found} == ({2} if notes == "finding" else {2, 7})


def test_unknown_columns_and_surplus_cells_are_in_the_note(tmp_path: Path) -> None:
    """A column nobody knows, and cells beyond the header, are shown."""
    path_header = (*HEADER, "brand_new_thing")
    several = [(*row(0), "something", "beyond", "the header")]
    note = convert(tmp_path, "scan_ssl", path_header, several).one("note")
    shown = fields(note["content"]).values()
    assert "something" in shown
    assert "beyond,the header" in shown


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_secrets_are_masked_everywhere(tmp_path: Path, notes: str) -> None:
    """A victim's password is in no object but the Artifact, whatever its length."""
    header = header_of("event4_honeypot_brute_force")
    assert "password" in header
    several = [row_of("event4_honeypot_brute_force", header, n) for n in range(3)]
    for n, cells in enumerate(several):
        cells[header.index("src_ip")] = "192.0.2.1"
        cells[header.index("password")] = f"Tr0ub4dor{'x' * n}"
    converted = convert(tmp_path, "event4_honeypot_brute_force", header, several, notes=notes)
    for stix in converted.everything():
        if stix["type"] != "artifact":
            assert "Tr0ub4dor" not in str(stix)
    assert MASK in converted.of("note")[0]["content"]


def test_row_of_nothing_has_a_note(tmp_path: Path) -> None:
    """A row without a cell that can be shown is still accounted for, on the Report."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [(" ",) * len(HEADER)])
    note, report = converted.one("note"), converted.one("report")
    assert note["object_refs"] == [report["id"]]
    assert note["abstract"] == "scan_ssl"
    assert converted.outcome.noted == 1
    assert converted.of("observed-data") == []


def test_host_note_has_what_is_shared_once_and_the_rest_as_rows(tmp_path: Path) -> None:
    """One Note a host: a table of what its findings share, and one with a row for each."""
    several = [row(0), row(1), row(2, ip="192.0.2.2"), row(3)]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, notes="host")
    assert converted.outcome.noted == 4
    assert len(converted.of("note")) == 2
    note = converted.where("note", abstract="scan_ssl 192.0.2.1")
    shared, rows = tables(note["content"])
    assert "192.0.2.1" in dict(shared.rows).values()
    assert len(rows.rows) == 1 + 3
    assert {"1", "2", "4"} < {text for cells in rows.rows[1:] for text in cells}
    assert "**3 findings**" in note["content"]
    assert note["created"] == "2024-01-31T00:00:00.000Z"


def test_host_with_one_finding_has_a_plain_note(tmp_path: Path) -> None:
    """It looks as a finding's Note does, and is the host's: tomorrow it may have two."""
    by_host = convert(tmp_path, "scan_ssl", HEADER, [row(0)], notes="host").one("note")
    by_finding = convert(tmp_path, "scan_ssl", HEADER, [row(0)], notes="finding").one("note")
    assert by_host["content"] == by_finding["content"]
    assert by_host["id"] != by_finding["id"]


def test_host_with_very_many_findings_has_several_notes(tmp_path: Path) -> None:
    """None has more than ``HOST_ROWS`` of them, and together they have all."""
    count = 2 * HOST_ROWS + 1
    several = [row(n, port=str(n + 1)) for n in range(count)]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, notes="host")
    assert len(converted.of("note")) == 3
    assert converted.outcome.noted == count
    seen = [
        len(found[1].rows) - 1 if len(found) > 1 else 1
        for found in (tables(note["content"]) for note in converted.of("note"))
    ]
    assert sorted(seen) == [1, HOST_ROWS, HOST_ROWS]


def test_host_note_of_huge_cells_is_bounded(tmp_path: Path) -> None:
    """Findings full of long cells share fewer Notes' room: each stays small enough to send."""
    header = (*HEADER, *(f"banner_{n}" for n in range(10)))
    several = [(*row(n), *(f"{n}{'|*' * 1_500}" for _ in range(10))) for n in range(40)]
    converted = convert(tmp_path, "scan_ssl", header, several, notes="host")
    assert converted.outcome.noted + converted.outcome.merged == 40
    for note in converted.of("note"):
        assert len(note["content"]) < 1_000_000
    for chunk in converted.chunks[1:]:
        assert len(chunk.bundle()) <= 4 * 1024 * 1024


def test_rows_without_an_address_stand_alone(tmp_path: Path) -> None:
    """In host mode they have a Note each."""
    several = [("", "high", "", str(n), "", "", "") for n in range(3)]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, notes="host")
    assert len(converted.of("note")) == 3
