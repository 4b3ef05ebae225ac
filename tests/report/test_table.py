"""Files read as rows: faults are repaired, counted and named."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.errors import NotReadyError, ReportUnreadableError
from shadowserver_connector.report import layout
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import open_table
from tests.report.conftest import Read

Reading = Callable[[bytes | str], Read]

WELL_FORMED = '"timestamp","ip","tag"\n"2024-01-31 00:00:00",192.0.2.1,"ssl;vpn"\n'


def test_well_formed_file_has_rows_and_no_anomaly(read: Reading) -> None:
    """A plain report gives its cells, with rows numbered from 1, and no anomaly."""
    result = read(WELL_FORMED + '"2024-01-31 00:00:01",192.0.2.2,""\n')
    assert result.header == ("timestamp", "ip", "tag", "_surplus")
    assert list(zip(result.numbers, result.rows, strict=True)) == [
        (1, ["2024-01-31 00:00:00", "192.0.2.1", "ssl;vpn", ""]),
        (2, ["2024-01-31 00:00:01", "192.0.2.2", "", ""]),
    ]
    assert not result.anomalies


def test_header_alone_is_a_report_without_rows(read: Reading) -> None:
    """A header without rows is a report without findings."""
    assert read('"timestamp","ip"\n').rows == []


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n  \n"])
def test_file_without_content_is_not_ready(read: Reading, content: bytes) -> None:
    """An empty file is not ready, as it may be complete later."""
    with pytest.raises(NotReadyError, match=r"^2024-01-31-scan_ssl-example\.csv: "):
        read(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!DOCTYPE html><html><body>503, try again</body></html>", "HTML"),
        (b'{"error": "unknown report", "code": 404}', "JSON"),
        (b'[{"ip": "192.0.2.1", "port": 443}]', "JSON"),
        (b"Report not found\n", "not a CSV header"),
        (b"PK\x03\x04" + bytes(range(256)), "a zip archive; rename it to end in .zip"),
        (b"\x1f\x8b\x08" + bytes(range(256)), "a gzip archive; rename it to end in .csv.gz"),
        (b"\x00\x01\x02\x03\x04\x05,\x06\x07\x08\x0e\x0f\n", "binary"),
        (b'"2024-01-31 00:00:00",192.0.2.1,tcp\n', "header is missing"),
        (b"192.0.2.1,tcp\n", "header is missing"),
        (b",".join(b"c%d" % n for n in range(6000)) + b"\n", "6000 columns"),
        (b"a," * (1 << 20) + b"\n", "more than 1,048,576 characters"),
    ],
)
def test_file_that_is_no_table_is_refused_by_name(read: Reading, content: bytes, why: str) -> None:
    """An error page or a binary is refused in one line with file and reason."""
    with pytest.raises(ReportUnreadableError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("2024-01-31-scan_ssl-example.csv: ")
    assert why in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "content",
    [
        b"hunter2\n",
        b"hunter2,192.0.2.77,x\n",
        b"192.0.2.77,hunter2\n",
        b"<b>hunter2</b>\n",
        b'{"token": "hunter2"}\n',
        b"hunter2," * 6_000 + b"\n",
        b"hunter2," * (1 << 18) + b"\n",
    ],
)
def test_no_refusal_quotes_the_file(read: Reading, content: bytes) -> None:
    """A refusal quotes nothing of the file, which may hold secrets."""
    with pytest.raises(ReportUnreadableError) as caught:
        read(content)
    assert "hunter2" not in str(caught.value)
    assert "192.0.2" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encoding_is_detected(read: Reading, encoding: str) -> None:
    """Byte order marks, and UTF-16 without one, are recognised; encodings but UTF-8 are named."""
    content = WELL_FORMED + '"2024-01-31 00:00:01",192.0.2.2,"Zürich"\n'
    result = read(content.encode(encoding))
    assert result.header[0] == "timestamp"
    assert result.cells[1] == ["2024-01-31 00:00:01", "192.0.2.2", "Zürich"]
    shown = {"utf-16": "UTF-16-LE", "utf-32": "UTF-32-LE"}.get(encoding, encoding.upper())
    told = [] if encoding == "utf-8-sig" else [f"written in {shown}, not in UTF-8"]
    assert list(result.anomalies.counts()) == told


def test_what_is_no_utf_16_is_counted(read: Reading) -> None:
    """Invalid UTF-16 becomes a replacement character and is counted."""
    content = "ip,tag\n192.0.2.1,a\ud800b\n192.0.2.2,c\n"
    result = read(b"\xff\xfe" + content.encode("utf-16-le", "surrogatepass"))
    assert result.cells == [["192.0.2.1", "a\ufffdb"], ["192.0.2.2", "c"]]
    kind = "not valid in the encoding of the file, shown as \ufffd"
    assert result.anomalies.counts()[kind] == 1
    assert f"column tag, row 1: {kind}, once" in "".join(result.anomalies.lines())


def test_bytes_that_are_not_utf_8_are_read_as_windows_1252(read: Reading) -> None:
    """Invalid bytes become characters of Windows-1252; valid UTF-8 in the file stays."""
    result = read(b'ip,city,region\n192.0.2.1,"Z\xfcrich \x80\x81","Z\xc3\xbcrich"\n')
    assert result.cells == [["192.0.2.1", "Zürich €\x81", "Zürich"]]
    assert result.anomalies.lines() == [
        "2024-01-31-scan_ssl-example.csv, column city, row 1: not UTF-8, read as Windows-1252, once"
    ]


def test_no_lone_surrogate_comes_out(read: Reading) -> None:
    """Bytes that encode a surrogate do not give one."""
    result = read(b"ip,tag\n192.0.2.1,\xed\xa0\x80\n")
    result.cells[0][1].encode("utf-8")
    assert result.anomalies


def test_nul_is_taken_out_and_counted(read: Reading) -> None:
    """A NUL in a cell is removed and counted; the rest of the cell stays."""
    result = read(b"ip,tag,banner\n192.0.2.1,ssl,a\0b\0\n192.0.2.2,s\0sl,\n")
    assert result.cells == [["192.0.2.1", "ssl", "ab"], ["192.0.2.2", "ssl", ""]]
    assert result.anomalies.counts() == {"NUL characters, removed": 2}
    banner, tag = result.anomalies.lines()
    assert "column banner, row 1: NUL characters, removed, once" in banner
    assert "column tag, row 2: NUL characters, removed, once" in tag


def test_nuls_between_the_rows_are_counted(read: Reading) -> None:
    """NULs at the end of a truncated file are no row, and are reported."""
    result = read(b"ip,tag\0,geo,asn\n192.0.2.1,a,,\n\0\0\n192.0.2.2,b,,\n" + b"\0" * 50)
    assert [row[0] for row in result.cells] == ["192.0.2.1", "192.0.2.2"]
    assert result.anomalies.counts() == {
        "NUL characters in the header, removed": 1,
        "NUL characters between the rows, left out": 2,
    }


def test_line_ends_may_be_mixed(read: Reading) -> None:
    """LF, CRLF and CR may end lines in one file."""
    result = read("ip,tag\n192.0.2.1,a\r\n192.0.2.2,b\r192.0.2.3,c")
    assert [row[0] for row in result.cells] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert not result.anomalies


def test_unusual_line_separators_stay_in_their_cell(read: Reading) -> None:
    """Line separators that only Unicode knows are content."""
    cell = "a\x0bb\x0cc\x1cd\x85e\u2028f"
    assert read(f"ip,banner\n192.0.2.1,{cell}\n").cells == [["192.0.2.1", cell]]


def test_cell_may_span_lines(read: Reading) -> None:
    """A PEM certificate keeps its lines, and the next row starts after it."""
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----"
    result = read(f'ip,raw_cert,tag\n192.0.2.1,"{pem}",a\n192.0.2.2,"{pem}",b\n')
    assert result.cells == [["192.0.2.1", pem, "a"], ["192.0.2.2", pem, "b"]]
    assert not result.anomalies


def test_cell_of_megabytes_is_read_whole(read: Reading) -> None:
    """A cell above the csv module's limit is kept."""
    cell = "x," * 1_000_000
    assert read(f'ip,body\n192.0.2.1,"{cell}"\n').cells == [["192.0.2.1", cell]]


def test_endless_line_is_cut_and_counted(read: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line above the limit loses its end, and the rows after it are kept."""
    monkeypatch.setattr(layout, "LONGEST_LINE", 1000)
    monkeypatch.setattr("shadowserver_connector.report.table.LONGEST_LINE", 1000)
    monkeypatch.setattr(layout, "_CHUNK", 100)
    result = read('ip,body,tag\n192.0.2.1,"' + "x" * 5000 + '",a\n192.0.2.2,y,b\n')
    assert [row[0] for row in result.cells] == ["192.0.2.1", "192.0.2.2"]
    assert set(result.cells[0][1]) == {"x"}
    kind = "line longer than 2 Mi characters, cut"
    assert f", row 1: {kind}, once" in result.anomalies.lines()[0]


def test_cut_line_that_is_no_row_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut header or blank line counts once, however often the file is read."""
    monkeypatch.setattr(layout, "LONGEST_LINE", 20)
    monkeypatch.setattr("shadowserver_connector.report.table.LONGEST_LINE", 20)
    monkeypatch.setattr(layout, "_CHUNK", 10)
    path = tmp_path / "x.csv"
    path.write_bytes(b"ip,tag\n192.0.2.1,a\n" + b" " * 50)
    anomalies = Anomalies("x.csv")
    with open_table(path, anomalies) as table:
        assert list(table.rows()) == list(table.rows())
    assert anomalies.counts() == {"line longer than 2 Mi characters, cut": 1}


def test_short_row_is_padded_and_counted(read: Reading) -> None:
    """Missing cells at the end of a row are empty, and the row is counted."""
    result = read("ip,port,tag\n192.0.2.1,443\n192.0.2.2,443,b\n")
    assert result.cells[0] == ["192.0.2.1", "443", ""]
    assert ", row 1: row shorter than the header, padded, once" in result.anomalies.lines()[0]


def test_surplus_cells_are_kept(read: Reading) -> None:
    """Cells beyond the header are in a virtual last column, as CSV."""
    result = read('ip,tag\n192.0.2.1,a,"b,c",,d\n192.0.2.2,e,,\n')
    assert result.cells == [["192.0.2.1", "a"], ["192.0.2.2", "e"]]
    assert result.surplus == ['"b,c",,d', ""]
    assert sum(result.anomalies.counts().values()) == 2


def test_every_row_is_as_long_as_the_header(read: Reading) -> None:
    """Each row has one cell per column."""
    result = read("a,b,c\n\n1\n1,2\n1,2,3\n1,2,3,4\n,x,\n")
    assert [len(row) for row in result.rows] == [len(result.header)] * 5


def test_blank_lines_are_no_rows(read: Reading) -> None:
    """Blank lines, also before the header, are skipped."""
    assert read("\n\nip,tag\n\n192.0.2.1,a\n   \n\n192.0.2.2,b\n\n").numbers == [1, 2]


def test_repeated_header_is_left_out_and_counted(read: Reading) -> None:
    """Repeated headers, as in concatenated files, are omitted and counted."""
    result = read("ip,tag\n192.0.2.1,a\nip,tag\n192.0.2.2,b\n")
    assert [row[0] for row in result.cells] == ["192.0.2.1", "192.0.2.2"]
    assert result.anomalies.counts() == {"header repeated between the rows, left out": 1}


def test_doubled_and_missing_names_become_unique(read: Reading) -> None:
    """Duplicate and empty column names become unique, and no cell is lost."""
    result = read(" IP ,tag,TAG,,tag_2\n192.0.2.1,a,b,c,d\n")
    assert result.header == ("ip", "tag", "tag_2", "column_4", "tag_2_2", "_surplus")
    assert result.cells == [["192.0.2.1", "a", "b", "c", "d"]]
    assert result.anomalies.counts() == {"column name used twice": 2, "column without a name": 1}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiter_is_told_by_the_header(read: Reading, delimiter: str) -> None:
    """A header with semicolons or tabs and no comma sets the file's delimiter."""
    result = read(f"ip{delimiter}tag{delimiter}port\n192.0.2.1{delimiter}a,b{delimiter}443\n")
    assert result.cells == [["192.0.2.1", "a,b", "443"]]
    shown = "semicolons" if delimiter == ";" else "tabs"
    assert result.anomalies.counts() == {f"columns separated by {shown}, not by commas": 1}


def test_inner_quotes_doubled(read: Reading) -> None:
    """With doubled quotes, backslashes are content, also at the end of a cell."""
    result = read('ip,path,realm\n192.0.2.1,"C:\\dir\\","say ""hi"""\n192.0.2.2,"\\\\srv\\x",\n')
    assert result.cells == [
        ["192.0.2.1", "C:\\dir\\", 'say "hi"'],
        ["192.0.2.2", "\\\\srv\\x", ""],
    ]


def test_inner_quotes_doubled_and_escaped(read: Reading) -> None:
    r"""``\"\"`` is one quote and ``\\`` one backslash, even if only the file's end shows it."""
    filler = "192.0.2.9,,\n" * 1000
    result = read(
        f'ip,realm,path\n{filler}192.0.2.1,"Basic realm=\\"\\"a,b\\"\\"","C:\\\\dir\\\\x"\n'
    )
    assert result.cells[-1] == ["192.0.2.1", 'Basic realm="a,b"', "C:\\dir\\x"]
    assert not result.anomalies


def test_inner_quotes_escaped(read: Reading) -> None:
    r"""``\"`` is one quote if the file does not double quotes."""
    result = read('ip,realm,tag\n192.0.2.1,"say \\"hi\\", then \\"go\\"",a\n')
    assert result.cells == [["192.0.2.1", 'say "hi", then "go"', "a"]]


def test_backslashes_doubled_without_any_inner_quote(read: Reading) -> None:
    """A file whose backslashes are all doubled was escaped."""
    result = read('ip,pipe\n192.0.2.1,"\\\\\\\\HOST\\\\pipe\\\\sql"\n')
    assert result.cells == [["192.0.2.1", "\\\\HOST\\pipe\\sql"]]


def test_unclosed_quote_costs_one_row(read: Reading) -> None:
    """An unclosed quote does not swallow the rows after it."""
    rows = "".join(f"192.0.2.{n},b,c\n" for n in range(2, 250)) * 100
    result = read(f'ip,tag,banner\n192.0.2.1,a,"oops\n{rows}')
    assert result.cells[0] == ["192.0.2.1", "a", '"oops']
    assert len(result.rows) == 1 + 248 * 100
    assert result.cells[1:] == [line.split(",") for line in rows.splitlines()]
    kind = "quote never closed, row read by itself"
    assert f", row 1: {kind}, once" in "".join(result.anomalies.lines())


def test_unclosed_quote_before_quoted_rows_costs_one_row(read: Reading) -> None:
    """An unclosed quote ends at its row, even if the next row has quotes in that column."""
    rows = "".join(f'192.0.2.{n},"b","c"\n' for n in range(2, 50))
    result = read(f'ip,tag,banner\n192.0.2.1,a,"oops\n{rows}')
    assert result.cells[0] == ["192.0.2.1", "a", '"oops']
    assert result.cells[1:] == [[f"192.0.2.{n}", "b", "c"] for n in range(2, 50)]


def test_two_stray_quotes_do_not_join_their_rows(read: Reading) -> None:
    """A stray quote is not closed by that of another row, so both rows stay apart."""
    result = read('ip,tag,banner\n192.0.2.1,a,"b\n",x,y\n192.0.2.3,c,d\n')
    assert result.cells == [["192.0.2.1", "a", '"b'], ['"', "x", "y"], ["192.0.2.3", "c", "d"]]


def test_unescaped_inner_quotes_keep_the_columns(read: Reading) -> None:
    """Quotes that should have been doubled stay in their cell."""
    result = read('ip,realm,tag\n192.0.2.1,"Basic realm="Router, new"",a\n192.0.2.2,x,y\n')
    assert result.cells == [
        ["192.0.2.1", 'Basic realm="Router, new"', "a"],
        ["192.0.2.2", "x", "y"],
    ]
    assert sum(result.anomalies.counts().values()) == 1


def test_stray_quote_does_not_tear_a_certificate_apart(read: Reading) -> None:
    """A row with a stray quote and a cell of many lines stays one row."""
    result = read('ip,realm,raw_cert\n192.0.2.1,"a "b" c","BEGIN\nMIIB\nEND"\n192.0.2.2,x,y\n')
    assert [row[0] for row in result.cells] == ["192.0.2.1", "192.0.2.2"]
    assert result.cells[0][2] == "BEGIN\nMIIB\nEND"


def test_file_cut_off_inside_of_a_cell_keeps_what_there_is(read: Reading) -> None:
    """A last cell without its closing quote keeps the content there is."""
    result = read('ip,tag,raw_cert\n192.0.2.1,a,"BEGIN\nMI\nEND"\n192.0.2.2,b,"BEGIN\nMI')
    assert [row[:2] for row in result.cells[:2]] == [["192.0.2.1", "a"], ["192.0.2.2", "b"]]
    assert result.anomalies


def test_file_of_nothing_but_bad_quotes_is_still_read_row_by_row(
    read: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is read alone, even after the repair has been given up."""
    monkeypatch.setattr("shadowserver_connector.report.records.FAILED_REPAIRS", 5)
    result = read("ip,tag,port,banner\n" + '192.0.2.1,"oops\n' * 50)
    assert result.cells == [["192.0.2.1", '"oops', "", ""]] * 50


def test_second_pass_gives_the_same_rows_and_counts_nothing_again(tmp_path: Path) -> None:
    """Reading the rows again gives the same, and counts no anomaly twice."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"ip,tag\n192.0.2.1\n192.0.2.2,\xff\n192.0.2.3,c,d\nip,tag\n")
    anomalies = Anomalies("x.csv")
    with open_table(path, anomalies) as table:
        begun = table.rows()
        next(begun)
        first = list(table.rows())
        counted = anomalies.counts()
        assert list(table.rows()) == first
        assert list(begun) == []
    assert len(first) == 3
    assert anomalies.counts() == counted
    assert all(count == 1 for count in counted.values())


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"), max_size=20)


@given(st.lists(st.lists(TEXT, min_size=3, max_size=3), max_size=8), st.sampled_from([0, 1]))
def test_what_csv_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], quoting: int
) -> None:
    """Any table that Python's csv writes is read back cell by cell, without anomaly."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=(csv.QUOTE_MINIMAL, csv.QUOTE_ALL)[quoting])
    writer.writerow(["ip", "tag", "banner"])
    writer.writerows([["192.0.2.1", *row] for row in [r[1:] for r in rows]])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(text.getvalue().encode())
    result = Read(path)
    assert result.cells == [["192.0.2.1", *row[1:]] for row in rows]
    assert not result.anomalies


@given(st.lists(st.text(st.sampled_from('ab\\",;\n '), max_size=12), max_size=8))
def test_backslashes_of_a_csv_writer_come_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    """Backslashes before quotes are content if the file also has a single one elsewhere."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["ip", "path"], ["192.0.2.1", "C:\\x"], *([c, "x"] for c in cells)])
    path = tmp_path_factory.getbasetemp() / "backslashes.csv"
    path.write_bytes(text.getvalue().encode())
    assert Read(path).cells[1:] == [[cell, "x"] for cell in cells]


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Any bytes give rows of valid text or a refusal, and no other error."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b'ip,"tag",banner\n' + content)
    try:
        result = Read(path)
    except (NotReadyError, ReportUnreadableError):
        return
    for row in result.rows:
        assert len(row) == len(result.header)
        "".join(row).encode()
        assert "\0" not in "".join(row)


@pytest.mark.parametrize("row", [",,", '"","",""', " , ,\t", "\0,,", ",,,,", '"\n",,'])
def test_rows_without_content_are_counted_and_left_out(read: Reading, row: str) -> None:
    """Rows of empty cells, as spreadsheets leave them, are counted and skipped."""
    result = read(f"a,b,c\n1,2,3\n{row}\n{row}\n,x,\n")
    assert result.cells == [["1", "2", "3"], ["", "x", ""]]
    assert result.anomalies.counts()["row without any content, left out"] == 2


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [("sep=,", ","), ("sep=;", ";"), ("SEP=\t", "\t"), ('"sep=|"', "|"), ("sep=;;;;", ";")],
)
def test_spreadsheets_line_before_the_header_is_skipped_and_named(
    read: Reading, line: str, delimiter: str
) -> None:
    """A spreadsheet's first line ``sep=`` sets any delimiter."""
    rows = [["timestamp", "ip"], ["2024-01-31 00:00:01", "192.0.2.1"]]
    text = "\r\n".join(["", line, *map(delimiter.join, rows)])
    result = read(text)
    assert result.header[:2] == ("timestamp", "ip")
    assert result.cells == [rows[1]]
    assert "a spreadsheet's line before the header, sep=, left out" in result.anomalies.counts()


def test_delimiter_that_the_header_has_not_is_not_believed(read: Reading) -> None:
    """A ``sep=`` line is ignored if the header does not have its delimiter."""
    assert read("sep=;\nip,tag\n192.0.2.1,x\n").cells == [["192.0.2.1", "x"]]


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"\x1f\x8b\x08" + bytes(20), "in .tgz"),
        (b"x.csv" + bytes(252) + b"ustar\x0000" + bytes(300), "rename it to end in .tar"),
        (b"BZh91AY" + bytes(20), "unpack it"),
        (b"\xfd7zXZ\x00" + bytes(20), "unpack it"),
    ],
)
def test_archives_under_another_name_are_named(read: Reading, content: bytes, advice: str) -> None:
    """An archive with a wrong extension is refused, with advice that works."""
    with pytest.raises(ReportUnreadableError, match="archive") as caught:
        read(content)
    assert advice in str(caught.value)
