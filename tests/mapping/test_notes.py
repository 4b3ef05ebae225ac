"""Notes of one finding, or of the findings of a host, as tables."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.texts.markdown import MASK
from shadowserver_connector.mapping.texts.note_columns import note_columns
from shadowserver_connector.mapping.texts.notes import HOST_ROWS, finding_note, host_note
from shadowserver_connector.report.layout import LONGEST_LINE
from tests.hostile.corpus import CELLS
from tests.mapping.conversion import convert
from tests.mapping.expectation import CATALOGUE
from tests.mapping.gfm import blocks, tables
from tests.mapping.rows import header_of, row_of

CODES = CATALOGUE.cell_words

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
    """Each cell that is not empty has a line under its readable name, the important ones first."""
    note = convert(tmp_path, "scan_ssl", HEADER, [row(0)]).one("note")
    assert list(fields(note["content"]).items()) == [
        ("Time", "2024-01-31 00:00:00 UTC"),
        ("Tags", "ssl"),
        ("IP", "192.0.2.1"),
        ("Port", "1"),
        ("Severity", "high"),
        ("Host name", "www.example.com"),
        ("Report", "2024-01-31-scan_ssl-example.csv"),
    ]
    assert blocks(note["content"]) == ["paragraph_open", "table_open"]
    assert note["created"] == "2024-01-31T00:00:00.000Z"


def sentence(content: str) -> str:
    """Return the first sentence of a Note, in markdown."""
    return content.partition("\n\n")[0]


def test_title_and_first_sentence_say_what_a_person_asks_first(tmp_path: Path) -> None:
    """They say what was found, on which host, how bad, when (in UTC) and what to do."""
    header = ("timestamp", "src_ip", "dst_port", "protocol", "severity", "infection", "family")
    cells = ("2024-01-31 01:02:03", "192.0.2.1", "80", "tcp", "critical", "downadup", "conficker")
    note = convert(tmp_path, "event4_sinkhole_http", header, [cells]).one("note")
    assert note["abstract"] == "Sinkhole HTTP 192.0.2.1: conficker, 80/tcp, critical"
    assert sentence(note["content"]) == (
        "**192.0.2.1** called a botnet's controller over HTTP and reached a sinkhole (conficker, "
        "80/tcp) on 2024-01-31 at 01:02:03 UTC: find the infected machine at or behind the address "
        "and clean it ([Shadowserver's page](https://www.shadowserver.org/what-we-do/"
        "network-reporting/sinkhole-http-events-report/))."
    )
    assert fields(note["content"])["Infection or activity"] == "conficker (downadup)"


def test_a_malware_has_one_name_in_text_and_object(tmp_path: Path) -> None:
    """Text and object use one name for a malware, whichever the report uses."""
    header = ("src_ip", "infection")
    for name in ("downadup", "Conficker"):
        converted = convert(tmp_path, "event4_sinkhole", header, [("192.0.2.1", name)])
        assert converted.one("malware")["name"].lower() == "conficker"
        assert "conficker" in converted.one("note")["abstract"].lower()


def test_malware_that_only_a_tag_names_has_its_one_name(tmp_path: Path) -> None:
    """A file without a column for malware names it as the others do."""
    header, cells = ("ip", "tag"), ("192.0.2.1", "downadup")
    converted = convert(tmp_path, "event4_sinkhole_http", header, [cells])
    assert converted.one("malware")["name"] == "conficker"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (("2024-01-31 01:00:00",) * 2, "on 2024-01-31 at 01:00:00 UTC"),
        (
            ("2024-01-31 02:00:00", "2024-01-31 01:00:00"),
            "2024-01-31 between 01:00:00 and 02:00:00",
        ),
        (("2024-01-30 02:00:00", "2024-01-31 01:00:00"), "between 2024-01-30 02:00:00 and 2024-01"),
        (("", "soon"), "in the report of 2024-01-31"),
    ],
)
def test_the_sentence_says_when_all_of_a_host_was_seen(
    tmp_path: Path, times: tuple[str, str], said: str
) -> None:
    """A host's Note gives the first and last time, or the report's day if there is none."""
    several = [(time, *row(n)[1:]) for n, time in enumerate(times)]
    note = convert(tmp_path, "scan_ssl", HEADER, several).one("note")
    assert said in sentence(note["content"])


def test_title_of_several_findings_counts_them(tmp_path: Path) -> None:
    """The title has the count, the first ports and tags, and the worst severity."""
    several = [(*row(n)[:1], "critical" if n == 3 else "low", *row(n)[2:]) for n in range(5)]
    note = convert(tmp_path, "scan_ssl", HEADER, several).one("note")
    assert note["abstract"] == "TLS 192.0.2.1: 5 findings, 1, 2, 3 and 2 more, critical"


def test_what_the_name_of_a_type_says_is_not_said_again(tmp_path: Path) -> None:
    """A tag that repeats the scan's name is left out; a CVE id is written in upper case."""
    header = ("ip", "tag")
    for tags, said in (
        ("ntp;ntpversion;cve-2013-5211", "CVE-2013-5211, medium"),
        ("ntp", "medium"),
    ):
        note = convert(tmp_path, "scan_ntp", header, [("192.0.2.1", tags)]).one("note")
        assert note["abstract"] == f"NTP version 192.0.2.1: {said}"


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("aa|bb", r"`aa\|bb`"),
        ("Rogue Key;-;rogue_key", "rogue-key"),
        ("cve-2021-12", "cve-2021-12"),
        ("iot2;cve-2021-1234", "CVE-2021-1234, iot2"),
        ("downadup,kido", "conficker"),
    ],
)
def test_title_names_tags_as_labels_and_objects_do(tmp_path: Path, tags: str, said: str) -> None:
    """Tags in a title are the row's labels and CVE ids, these first."""
    note = convert(tmp_path, "scan_ssl", ("ip", "tag"), [("192.0.2.1", tags)]).one("note")
    assert note["abstract"] == f"TLS 192.0.2.1: {said}, info"


def test_codes_are_written_out(tmp_path: Path) -> None:
    """Countries, flags and times are written in words; a 0 that means no value is not shown."""
    header = ("timestamp", "ip", "geo", "naics", "sector", "ssl_poodle", "cert_expired")
    cells = ("2024-01-31 01:02:03", "192.0.2.1", "AT", "0", "0", "N", "Y")
    note = convert(tmp_path, "scan_ssl", header, [cells]).one("note")
    assert fields(note["content"]) == {
        "Time": "2024-01-31 01:02:03 UTC",
        "IP": "192.0.2.1",
        "Country": "Austria (AT)",
        "POODLE": "not vulnerable to POODLE",
        "Certificate expired": "yes",
        "Report": "2024-01-31-scan_ssl-example.csv",
    }


@pytest.mark.parametrize(
    ("columns", "cells", "shown"),
    [
        (("sha256_fingerprint", "sha512_fingerprint"), ("AB:" * 31 + "AB", "CD" * 64), "cd" * 64),
        (("sha256_fingerprint", "sha512_fingerprint"), ("AB:" * 31 + "AB", ""), "ab" * 32),
    ],
)
def test_of_a_certificates_hashes_the_one_that_opencti_shows_is_quoted(
    tmp_path: Path, columns: tuple[str, ...], cells: tuple[str, ...], shown: str
) -> None:
    """The Note has the one hash that OpenCTI shows; the certificate has all."""
    note = convert(tmp_path, "scan_ssl", ("ip", *columns), [("192.0.2.1", *cells)]).one("note")
    said = [value for name, value in fields(note["content"]).items() if "Certificate" in name]
    assert said == [shown]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (("ab" * 16, "67890"), {"File MD5": "ab" * 16, "File SHA-256": "67890"}),
        (("12345", "cd" * 32), {"File MD5": "12345", "File SHA-256": "cd" * 32}),
        (("12345", "67890"), {"File MD5": "12345", "File SHA-256": "67890"}),
        (("ab" * 16, "null"), {"File MD5": "ab" * 16}),
        (("ab" * 16, "cd" * 32), {"File SHA-256": "cd" * 32}),
    ],
)
@pytest.mark.parametrize("rows", [1, 2])
def test_hash_is_left_out_only_if_an_object_has_it(
    tmp_path: Path, cells: tuple[str, str], shown: dict[str, str], rows: int
) -> None:
    """A bad hash is in no object, so the Note has it, and it does not stand for a good one."""
    header = ("timestamp", "src_ip", "src_port", "file_md5", "file_sha256")
    found = [("2024-01-31 00:00:00", "192.0.2.1", str(n), *cells) for n in range(1, rows + 1)]
    converted = convert(tmp_path, "event4_honeypot_http_scan", header, found, notes="host")
    said = fields(converted.one("note")["content"])
    assert {name: said[name] for name in said if name.startswith("File ")} == shown


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("http://user:secret@example.com/x", f"`http://user:{MASK}@example.com/x`"),
        ("Microsoft IIS 10.0: Error Page", "Microsoft IIS 10.0: Error Page"),
        ("AB:CD", "AB:CD"),
        (" " + "AB:" * 15 + "AB", "ab" * 16),
    ],
)
def test_only_a_hash_is_shown_as_opencti_shows_hashes(cell: str, shown: str) -> None:
    """What else stands in a column of hashes is shown as it is, with passwords masked."""
    column = Column("md5", "file.md5", "", "", "MD5", 0)
    (as_note,) = note_columns([column], CacheBudget(), CODES)
    assert as_note.shown(cell) == shown


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("2024-01-31 12:34:56", "2024-01-31 12:34:56 UTC"),
        ("2024-01-31T12:34:56.123", "2024-01-31T12:34:56.123 UTC"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T12:34:56Z", "2024-01-31T12:34:56Z"),
        ("2024-01-31T12:34:56+05:00", "2024-01-31T12:34:56+05:00"),
        ("2024-01-31T12:34:56-05:00", "2024-01-31T12:34:56-05:00"),
        ("2024-01-31 12:34-0500", "2024-01-31 12:34-0500"),
        ("Jan 31 12:34:56 2024", "Jan 31 12:34:56 2024 UTC"),
        ("Jan 31 12:34:56 2024 GMT", "Jan 31 12:34:56 2024 GMT"),
    ],
)
def test_time_without_a_zone_is_shown_with_one(cell: str, shown: str) -> None:
    """Shadowserver's times are in UTC without saying so; a time with its zone stays as it is."""
    column = Column("timestamp", "time", "", "", "Time", 0)
    (as_note,) = note_columns([column], CacheBudget(), CODES)
    assert as_note.shown(cell) == shown


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_abstract_has_no_less_than_sign(tmp_path: Path, notes: str) -> None:
    """An abstract has no `<`, which the worker would change together with the Note's id."""
    rows = [("2024-01-31 00:00:00", "<b>bob</b>")]
    header = ("timestamp", "username")
    converted = convert(tmp_path, "compromised_account", header, rows, notes=notes)
    note = converted.one("note")
    assert converted.one("user-account")["account_login"] == "<b>bob</b>"
    assert note["abstract"] == "Compromised account &lt;b&#62;bob&lt;/b&#62;: critical"


def test_cells_that_a_note_has_no_room_for_are_counted_in_it() -> None:
    """A Note that is cut keeps whole lines and counts the cells left out."""
    columns = [Column(f"c{n}", "text", "", "", f"C{n}", n) for n in range(50)]
    cells = ["x" * 100] * 50
    note = orjson.loads(finding_note(note_columns(columns, CacheBudget(), CODES), cells, 2_000))
    (table,) = tables(note)
    shown = [value for _, value in table.rows[1:-1]]
    assert set(shown) == {"x" * 100}
    assert table.rows[-1][1] == f"{50 - len(shown)} more cells: see the original file"
    assert 1_500 < len(note) < 2_200


def test_findings_that_a_note_has_no_room_for_are_counted_in_it() -> None:
    """A host's table that is cut ends with a whole row, or is omitted."""
    columns = [Column(f"c{n}", "text", "", "", f"C{n}", n) for n in range(5)]
    rows = [[f"{row}-{n}" + "x" * 100 for n in range(5)] for row in range(50)]
    note = orjson.loads(host_note(note_columns(columns, CacheBudget(), CODES), rows, 20_000))
    table = tables(note)[-1]
    left_out = 50 - (len(table.rows) - 1)
    assert 0 < left_out < 50
    assert note.endswith(f"\n\n{left_out} more findings: see the original file")
    assert len(note) < 20_000
    small = orjson.loads(host_note(note_columns(columns, CacheBudget(), CODES), rows, 1_000))
    assert small.endswith("**50 findings**\n\n50 more findings: see the original file")


def test_note_is_attached_to_report_case_and_observables(tmp_path: Path) -> None:
    """A Note is attached to the address and name, so it shows on their pages."""
    converted = convert(
        tmp_path, "scan_ssl", HEADER, [row(0)], create_incident=True, case_min_severity="info"
    )
    wanted = {
        stix["id"] for stix in converted.of("report", "case-incident", "ipv4-addr", "domain-name")
    }
    assert wanted <= set(converted.one("note")["object_refs"])


@pytest.mark.parametrize("notes", ["auto", "finding"])
def test_the_worst_five_notes_are_on_the_report_and_the_others_on_their_addresses(
    tmp_path: Path, notes: str
) -> None:
    """A Report has at most five Notes, as OpenCTI draws them one after the other."""
    worst = {3: "critical", 31: "critical", 70: "high"}
    several = [
        ("2024-01-31 00:00:00", worst.get(n, "low"), f"192.0.2.{n}", "443", "", "", "")
        for n in range(80)
    ]
    converted = convert(
        tmp_path, "scan_ssl", HEADER, several, notes=notes, create_incident=True, chunk_objects=60
    )
    containers = {stix["id"] for stix in converted.of("report", "case-incident")}
    contained = {
        ref
        for stix in converted.everything()
        if stix["type"] in ("report", "case-incident")
        for ref in stix["object_refs"]
    }
    attached = [note for note in converted.of("note") if containers <= set(note["object_refs"])]
    others = [note for note in converted.of("note") if not containers & set(note["object_refs"])]
    assert (len(attached), len(others)) == (5, 75)
    assert not {note["id"] for note in converted.of("note")} & contained
    assert all(note["object_refs"] for note in others)
    bad = [note for note in attached if not note["abstract"].endswith("low")]
    assert len(bad) == len(worst)


def test_notes_hang_on_what_is_the_rows_own(tmp_path: Path) -> None:
    """A Note is not attached to shared objects, such as a controller or certificate."""
    header = header_of("event4_honeypot_brute_force")
    cells = row_of("event4_honeypot_brute_force", header, 0)
    converted = convert(tmp_path, "event4_honeypot_brute_force", header, [cells])
    kinds = {ref.partition("--")[0] for ref in converted.one("note")["object_refs"]}
    assert kinds <= {"report", "ipv4-addr", "domain-name", "hostname", "mac-addr"}
    assert "ipv4-addr" in kinds


def test_row_without_time_has_that_of_the_day(tmp_path: Path) -> None:
    """A row without a time has the report's day in its Note and Observed-Data."""
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
    """An Observed-Data lasts until the row's end time, unless that is before its start."""
    several = [(time, "192.0.2.1", end, "high")]
    converted = convert(tmp_path, "event4_honeypot_ddos_amp", ATTACK, several)
    stix = converted.one("observed-data")
    assert (stix["first_observed"], stix["last_observed"]) == tuple(
        f"2024-01-31T{each}Z" for each in observed
    )
    assert converted.outcome.oddities == {}


def test_end_that_is_no_time_is_counted(tmp_path: Path) -> None:
    """A bad end time is reported with its column, and the row is observed at its start."""
    several = [("2024-01-31 05:00:00", "192.0.2.1", "later", "high")]
    converted = convert(tmp_path, "event4_honeypot_ddos_amp", ATTACK, several)
    stix = converted.one("observed-data")
    assert stix["first_observed"] == stix["last_observed"] == "2024-01-31T05:00:00.000Z"
    [remark] = converted.outcome.remarks
    assert "column end_time" in remark
    assert "not a time" in remark


def test_time_with_outer_space_is_a_time(tmp_path: Path) -> None:
    """A time with space around it is valid."""
    several = [(" 2024-01-31 05:06:07 ", "high", " 192.0.2.1 ", "", "", "", "")]
    converted = convert(tmp_path, "scan_ssl", HEADER, several)
    assert converted.one("note")["created"] == "2024-01-31T05:06:07.000Z"
    assert converted.outcome.oddities == {}


@pytest.mark.parametrize("name", sorted(CELLS.keys() - {"blank"}))
def test_hostile_cells_stay_in_their_table(tmp_path: Path, name: str) -> None:
    """A row of hostile cells gives a Note with one table and a line for each cell."""
    header = HEADER if name.startswith("long") else header_of("scan_ssl")
    # A line that is longer than is read would be cut.
    hostile = [CELLS[name][: LONGEST_LINE // len(header) - 1]] * len(header)
    converted = convert(tmp_path, "scan_ssl", header, [hostile], notes="finding")
    note = converted.one("note")
    assert blocks(note["content"]) == ["paragraph_open", "table_open"]
    (table,) = tables(note["content"])
    assert table.width == 2
    # With its heading and the report's name; none is a good hash that would stand for others.
    assert len(table.rows) == len(header) + 2
    assert note["content"] == note["content"].strip()
    assert "<" not in note["content"] + note["abstract"]


def test_hostile_header_stays_in_its_table(tmp_path: Path) -> None:
    """Hostile column names do not break the table."""
    header = (*HEADER, "a|b", "<b>x</b>", "[x](http://example.com)", "`", "tail\\")
    several = [(*row(n), *(f"{n}{at}" for at in range(5))) for n in range(2)]
    for notes, count in (("finding", 1), ("host", 2)):
        converted = convert(tmp_path, "scan_ssl", header, several, notes=notes)
        found = tables(converted.of("note")[0]["content"])
        assert len(found) == count
        assert {table.width for table in found} == ({2} if notes == "finding" else {2, 7})


def test_unknown_columns_and_surplus_cells_are_in_the_note(tmp_path: Path) -> None:
    """Unknown columns, and cells beyond the header, are shown."""
    path_header = (*HEADER, "brand_new_thing")
    several = [(*row(0), "something", "beyond", "the header")]
    note = convert(tmp_path, "scan_ssl", path_header, several).one("note")
    shown = fields(note["content"]).values()
    assert "something" in shown
    assert "beyond,the header" in shown


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_secrets_are_masked_everywhere(tmp_path: Path, notes: str) -> None:
    """A victim's password of any length is in no object but the Artifact."""
    header = [*header_of("compromised_account"), "password"]
    several = [[*row_of("compromised_account", header[:-1], n), ""] for n in range(3)]
    for n, cells in enumerate(several):
        cells[header.index("password")] = f"Tr0ub4dor{'x' * n}"
    converted = convert(tmp_path, "compromised_account", header, several, notes=notes)
    for stix in converted.everything():
        if stix["type"] != "artifact":
            assert "Tr0ub4dor" not in str(stix)
    assert MASK in converted.of("note")[0]["content"]


def test_password_in_a_url_that_is_cut_is_masked_in_the_title(tmp_path: Path) -> None:
    """Title and sentence show the first part of a long URL, whose @ is beyond that."""
    url = f"http://someone:hunter2{'2' * 150}@www.example.org/login"
    header = ("timestamp", "severity", "url")
    note = convert(tmp_path, "phish_url", header, [("2024-01-31", "high", url)]).one("note")
    assert "www.example.org" in note["abstract"]
    assert "hunter" not in note["abstract"] + note["content"]


def test_row_of_nothing_has_a_note(tmp_path: Path) -> None:
    """A row that makes no object still has a Note, which is attached to the Report."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [("-",) * len(HEADER)])
    note, report = converted.one("note"), converted.one("report")
    assert note["object_refs"] == [report["id"]]
    assert note["abstract"] == "TLS: info"
    assert converted.outcome.noted == 1
    assert converted.of("observed-data") == []


def test_host_note_has_what_is_shared_once_and_the_rest_as_rows(tmp_path: Path) -> None:
    """A host's Note has a table of shared values and one with a row per finding."""
    several = [row(0), row(1), row(2, ip="192.0.2.2"), row(3)]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, notes="host")
    assert converted.outcome.noted == 4
    assert len(converted.of("note")) == 2
    note = converted.where("note", abstract="TLS 192.0.2.1: 3 findings, 1, 2, 4, high")
    shared, rows = tables(note["content"])
    assert "192.0.2.1" in dict(shared.rows).values()
    assert len(rows.rows) == 1 + 3
    assert {"1", "2", "4"} < {text for cells in rows.rows[1:] for text in cells}
    assert "**3 findings**" in note["content"]
    assert note["created"] == "2024-01-31T00:00:00.000Z"


def test_host_with_one_finding_has_a_plain_note(tmp_path: Path) -> None:
    """A host with one finding has a Note in a finding's form, under the host's id."""
    by_host = convert(tmp_path, "scan_ssl", HEADER, [row(0)]).one("note")
    by_finding = convert(tmp_path, "scan_ssl", HEADER, [row(0)], notes="finding").one("note")
    assert by_host["content"] == by_finding["content"]
    assert by_host["id"] != by_finding["id"]


def test_host_with_very_many_findings_has_several_notes(tmp_path: Path) -> None:
    """No Note has more than ``HOST_ROWS`` findings, and together they have all."""
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
    """Findings with long cells are split over more Notes, each small enough to send."""
    header = (*HEADER, *(f"banner_{n}" for n in range(10)))
    several = [(*row(n), *(f"{n}{'|*' * 1_500}" for _ in range(10))) for n in range(40)]
    converted = convert(tmp_path, "scan_ssl", header, several, notes="host")
    assert converted.outcome.noted + converted.outcome.merged == 40
    for note in converted.of("note"):
        assert len(note["content"]) < 1_000_000
    for chunk in converted.chunks[1:]:
        assert len(chunk.bundle()) <= 4 * 1024 * 1024


def test_rows_without_an_address_stand_alone(tmp_path: Path) -> None:
    """With a Note per host, each row without an address has its own Note."""
    several = [("", "high", "", str(n), "", "", "") for n in range(3)]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, notes="host")
    assert len(converted.of("note")) == 3


@pytest.mark.parametrize("notes", ["host", "finding"])
def test_two_spellings_of_a_network_share_a_note(tmp_path: Path, notes: str) -> None:
    """However a network is written, and whatever stands between, both rows are in its Note."""
    header = ["ip", "source", "reason", "severity"]
    networks = ("192.0.2.0/24", "192.0.2.5", "192.0.2.7/24")
    rows = [(network, "feed", f"reason {n}", "high") for n, network in enumerate(networks)]
    converted = convert(tmp_path, "blocklist", header, rows, notes=notes)
    found = [note["content"] for note in converted.of("note")]
    assert len(found) == 2
    assert any("reason 0" in text and "reason 2" in text for text in found)
