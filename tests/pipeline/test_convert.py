"""Properties of a conversion: the Artifact is the file, every row is counted, equal bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from base64 import b64decode
from hashlib import md5, sha1, sha256, sha512
from pathlib import Path

import pytest

from shadowserver_connector.errors import NotReadyError, ReportUnreadableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from tests.mapping.conversion import (
    Stix,
    convert,
    convert_bytes,
    csv_bytes,
    findings_in,
    info_of,
    is_balanced,
)
from tests.mapping.rows import rows_of

HEADER = ("timestamp", "severity", "ip", "port", "protocol", "tag")


def row(n: int, severity: str = "medium") -> tuple[str, ...]:
    """Return a finding on a host of its own."""
    return (f"2024-01-31 00:00:{n % 60:02}", severity, f"192.0.2.{n + 1}", "443", "tcp", "ssl")


@pytest.mark.parametrize(
    "content",
    [
        csv_bytes(HEADER, [row(0)]),
        b"\xef\xbb\xbftimestamp,ip\r\n2024-01-31 00:00:00,192.0.2.1\r\n",
        b"timestamp,ip\n\xff\xfe\x00\xed\xa0\x80,192.0.2.1\n\n\n",
        b"timestamp,ip",
    ],
    ids=["usual", "BOM and CRLF", "not text", "no rows, no end of line"],
)
def test_artifact_is_the_file(tmp_path: Path, content: bytes) -> None:
    """The Artifact's content is the file, byte for byte, and its hashes are the file's."""
    artifact = convert_bytes(tmp_path, "scan_ssl", content).one("artifact")
    assert b64decode(artifact["payload_bin"], validate=True) == content
    assert artifact["hashes"] == {
        "MD5": md5(content).hexdigest(),
        "SHA-1": sha1(content).hexdigest(),
        "SHA-256": sha256(content).hexdigest(),
        "SHA-512": sha512(content).hexdigest(),
    }
    assert artifact["x_opencti_additional_names"] == ["2024-01-31-scan_ssl-example.csv"]
    assert artifact["mime_type"] == "text/csv"


def test_what_is_forgotten_on_the_way_changes_nothing(tmp_path: Path) -> None:
    """A report with more distinct values than the caches hold gives what its halves give."""
    header = ("timestamp", "ip", "port", "protocol", "hostname")
    rows = [
        (
            f"2024-01-31 {n // 60 % 24:02}:{n % 60:02}:00",
            *(f"198.18.{n >> 8}.{n & 255}", f"{n + 1}", "tcp", f"h{n}.example.com"),
        )
        for n in range(3_000)
    ]
    options = Options(notes="finding")
    whole = csv_bytes(header, rows)
    halves = [csv_bytes(header, rows[:1_500]), csv_bytes(header, rows[1_500:])]
    assert findings(tmp_path, [whole], options) == findings(tmp_path, halves, options)


def findings(folder: Path, files: list[bytes], options: Options) -> dict[str, Stix]:
    """Return the objects of rows by id, Notes without their references."""
    found: dict[str, Stix] = {}
    for content in files:
        for stix in convert_bytes(folder, "scan_ssl", content, options).everything():
            if stix["type"] not in ("artifact", "report"):
                refs = stix.pop("object_refs", []) if stix["type"] == "note" else []
                found[stix["id"]] = stix | {"refs": [ref for ref in refs if "report" not in ref]}
    return found


def test_file_that_is_too_large_has_no_artifact(tmp_path: Path) -> None:
    """A file above the limit has its name, size and hashes in the Report instead."""
    content = csv_bytes(HEADER, [row(0)])
    converted = convert_bytes(
        tmp_path, "scan_ssl", content, Options(artifact_max_size=len(content) - 1)
    )
    assert converted.of("artifact") == []
    (report,) = converted.of("report")
    for fact in (
        "2024-01-31-scan_ssl-example.csv",
        f"{len(content)} bytes",
        md5(content).hexdigest(),
        sha1(content).hexdigest(),
        sha256(content).hexdigest(),
        sha512(content).hexdigest(),
    ):
        assert fact in report["description"]


def test_file_just_small_enough_has_an_artifact(tmp_path: Path) -> None:
    """A file of exactly the limit has an Artifact."""
    content = csv_bytes(HEADER, [row(0)])
    converted = convert_bytes(
        tmp_path, "scan_ssl", content, Options(artifact_max_size=len(content))
    )
    assert len(converted.of("artifact")) == 1
    assert "no Artifact" not in converted.of("report")[0]["description"]


@pytest.mark.parametrize("notes", ["auto", "finding", "host", "none"])
@pytest.mark.parametrize("min_severity", ["info", "medium", "critical"])
@pytest.mark.parametrize("max_findings", [0, 3, 100])
def test_every_row_is_accounted_for(
    tmp_path: Path, notes: str, min_severity: str, max_findings: int
) -> None:
    """Rows read = noted + merged + filtered + cut, for any limits."""
    severities = ("info", "low", "medium", "high", "critical")
    rows = [row(n % 4, severities[n % 5]) for n in range(20)] + [row(0, "info")] * 3
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows,
        notes=notes,
        min_severity=min_severity,
        max_findings=max_findings,
    )
    outcome = converted.outcome
    assert outcome.rows == len(rows)
    assert is_balanced(outcome)
    kept = [r for r in rows if severities.index(r[1]) >= severities.index(min_severity)]
    cut = max(0, len(kept) - max_findings) if max_findings else 0
    assert outcome.cut == cut
    assert outcome.filtered == len(rows) - len(kept)
    assert bool(converted.of("note")) == (notes != "none")
    assert sum(chunk.rows for chunk in converted.chunks) == len(kept) - cut
    if notes != "none":
        assert outcome.noted == findings_in(converted.of("note"))


def test_max_findings_takes_the_first_rows(tmp_path: Path) -> None:
    """Of the rows that are severe enough, the last ones are cut."""
    rows = [row(0, "low"), row(1, "high"), row(2, "high"), row(3, "critical")]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, min_severity="medium", max_findings=2)
    assert {stix["value"] for stix in converted.of("ipv4-addr")} == {"192.0.2.2", "192.0.2.3"}
    assert (converted.outcome.filtered, converted.outcome.cut) == (1, 1)
    assert converted.outcome.severity == "high"


def test_notes_are_by_host_unless_asked_for_otherwise(tmp_path: Path) -> None:
    """By default each host has one Note, however many findings it has."""
    rows = [
        (f"2024-01-31 00:{n // 60:02}:{n % 60:02}", "", f"192.0.2.{n % 10}", str(n + 1), "tcp", "")
        for n in range(100)
    ]
    by_host = convert(tmp_path, "scan_ssl", HEADER, rows)
    assert len(by_host.of("note")) == 10
    by_finding = convert(tmp_path, "scan_ssl", HEADER, rows, notes="finding")
    assert len(by_finding.of("note")) == 100
    assert by_host.outcome.noted == by_finding.outcome.noted == 100


def test_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    """A file that is no table raises an error and emits nothing."""
    emitted: list[object] = []
    info = info_of("scan_ssl")
    path = tmp_path / info.file
    path.write_bytes(b"<html>502 Bad Gateway</html>")
    with pytest.raises(ReportUnreadableError, match=r"2024-01-31-scan_ssl-example\.csv"):
        convert_report(path, info, Options(), emitted.append)
    path.write_bytes(b"")
    with pytest.raises(NotReadyError, match=r"2024-01-31-scan_ssl-example\.csv"):
        convert_report(path, info, Options(), emitted.append)
    assert emitted == []


NO_REPORTS = {
    "error": b"Error: rate limit exceeded, please try again\n",
    "error with a secret's name": b"Error: your API key or password is wrong, try another_token\n",
    "error that ends like a column": b"Error: not there, look at the report_url, or the src_ip\n",
    "mail": b"From: Bob <bob@example.org>, Eve <eve@example.org>\nSubject: a, b\n\ntimestamp,ip\n",
    "comment": b"# made by a script, 2026\ntimestamp,ip\n2024-01-31 00:00:00,192.0.2.1\n",
    "shopping list": b"item,price,shop\nmilk,1.20,corner\n",
    "names and passwords": b"person,password\nbob,hunter2\n",
    "semicolons": b"Artikel;Preis\nMilch;1\n",
}


@pytest.mark.parametrize("name", sorted(NO_REPORTS))
def test_table_of_which_no_column_is_known_is_no_report(tmp_path: Path, name: str) -> None:
    """A table without a known column fails, and nothing of it is quoted."""
    content = NO_REPORTS[name]
    info = info_of("scan_http")
    path = tmp_path / info.file
    path.write_bytes(content)
    emitted: list[object] = []
    with pytest.raises(ReportUnreadableError) as caught:
        convert_report(path, info, Options(), emitted.append)
    assert emitted == []
    message = str(caught.value)
    assert message.startswith(f"{info.file}: not a report: no column in its first line is known")
    said = message.removeprefix(info.file).lower()
    words = {*re.findall(r"\w{5,}", content.decode().lower())} - {"report", "again"}
    assert not [word for word in words if word in said]


@pytest.mark.parametrize(
    "header", ["new_thing,ip", "new_thing,device_ip", "a,b,c,tag", "timestamp;x", "Source,SRC_IP"]
)
@pytest.mark.parametrize("rows", [0, 1])
def test_new_report_with_one_known_column_is_a_report(
    tmp_path: Path, header: str, rows: int
) -> None:
    """One known column makes a report, even without rows."""
    mark = ";" if ";" in header else ","
    content = "\n".join([header, *([mark.join("x" for _ in header.split(mark))] * rows)])
    converted = convert_bytes(tmp_path, "scan_never_seen", content.encode())
    assert converted.outcome.rows == rows
    assert converted.one("report")


def test_report_without_rows_is_a_report(tmp_path: Path) -> None:
    """A header alone gives a Report, which says that there is no finding, and an Artifact."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [])
    assert converted.outcome.rows == 0
    assert is_balanced(converted.outcome)
    assert [chunk.artifact() is not None for chunk in converted.chunks] == [True]
    assert "No findings." in converted.one("report")["description"]


def test_outcome_counts_what_was_emitted(tmp_path: Path) -> None:
    """The outcome has the emitted chunks, the objects by type, and the file's facts."""
    header, rows = rows_of("event4_sinkhole_http", 30)
    converted = convert(tmp_path, "event4_sinkhole_http", header, rows, chunk_objects=100)
    outcome = converted.outcome
    counted: dict[str, int] = {}
    for stix in converted.everything():
        counted[stix["type"]] = counted.get(stix["type"], 0) + 1
    assert outcome.objects == counted
    assert outcome.chunks == len(converted.chunks)
    content = converted.path.read_bytes()
    assert (outcome.size, outcome.sha256) == (len(content), sha256(content).hexdigest())


def test_bad_cells_are_named_and_cost_that_object_only(tmp_path: Path) -> None:
    """A bad cell is counted, named, and kept in the Note; only its object is missing."""
    rows = [
        row(0),
        ("yesterday", "medium", "192.0.2.300", "70000", "carrier pigeon", "ssl"),
        ("", "odd", "192.0.2.9", "", "", ""),
    ]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows)
    assert {stix["value"] for stix in converted.of("ipv4-addr")} == {"192.0.2.1", "192.0.2.9"}
    remarks = "\n".join(converted.outcome.remarks)
    for column in ("timestamp", "ip"):
        assert f"2024-01-31-scan_ssl-example.csv, column {column}, row 2" in remarks
    note = next(stix for stix in converted.of("note") if "192.0.2.300" in stix["content"])
    for cell in ("yesterday", "70000", "carrier pigeon"):
        assert cell in note["content"]


_SCRIPT = """
import sys
from pathlib import Path
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from tests.mapping.conversion import info_of
options = Options(
    notes=sys.argv[2], create_incident=True, case_min_severity="info", create_indicators=True,
    chunk_objects=120, report_max_refs=300,
)
def emit(chunk):
    sys.stdout.buffer.write(chunk.bundle())
convert_report(Path(sys.argv[1]), info_of("event4_sinkhole_http"), options, emit)
"""


@pytest.mark.integration
@pytest.mark.parametrize("notes", ["finding", "host"])
def test_same_file_gives_the_same_bytes_in_any_process(tmp_path: Path, notes: str) -> None:
    """Two processes with distinct hash seeds write the same bundles."""
    header, rows = rows_of("event4_sinkhole_http", 80)
    path = tmp_path / "report.csv"
    path.write_bytes(csv_bytes(header, rows))
    written = [
        subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(path), notes],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2024")
    ]
    assert written[0] == written[1]
    assert written[0].count(b'"type":"bundle"') > 3
