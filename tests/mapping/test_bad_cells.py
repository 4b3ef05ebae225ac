"""Cells that are invalid for their role are counted, whatever the rest of their row holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.mapping.cells.readers import PARSERS
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.texts.explain import explain_columns
from shadowserver_connector.pipeline.convert import compile_for
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import open_table
from tests.mapping.conversion import Converted, convert, info_of
from tests.mapping.rows import rows_of

BAD = "\u200b"
"""An invisible character: no value of any role."""
ANY_TEXT = {"tags", "cve", "attack_id"}
"""Roles whose cells can hold what is looked for, or anything else."""

_REMARK = re.compile(r", column (\S+?),.*: (not|a|an|less|neither)\b.*, (?:once|([\d,]+) times)$")


def counted(converted: Converted) -> dict[str, int]:
    """Return how many bad cells a conversion counted, by column."""
    found: dict[str, int] = {}
    for remark in converted.outcome.remarks:
        match = _REMARK.search(remark)
        assert match, remark
        found[match[1]] = found.get(match[1], 0) + int((match[3] or "1").replace(",", ""))
    return found


def explained(converted: Converted, report_type: str, options: Options) -> dict[str, int]:
    """Return how many bad cells `explain` counts in the same file, by column."""
    with open_table(converted.path, Anomalies("x.csv")) as table:
        plan = compile_for(table.header, info_of(report_type), options)
        readings = list(explain_columns(table.rows(), plan.columns, plan.context))
    return {reading.name: reading.bad for reading in readings if reading.bad}


def with_bad(report_type: str) -> tuple[Sequence[str], list[list[str]]]:
    """Return rows with one bad cell each, a row of bad cells only, and good rows."""
    header, (*good, first) = rows_of(report_type, 4)
    one_each = [
        [BAD if at == bad else cell for at, cell in enumerate(first)] for bad in range(len(header))
    ]
    alone = [[BAD if at == bad else "" for at in range(len(header))] for bad in range(len(header))]
    return header, [*map(list, good), *one_each, *alone, [BAD] * len(header)]


@pytest.mark.parametrize("options", [{}, {"network_traffic": False, "ssh_keys": False}])
@pytest.mark.parametrize(
    "report_type",
    [
        *("scan_ssl", "scan_ssh", "scan_exchange", "scan_post_exploitation_framework"),
        *("event4_honeypot_ddos_target", "event4_honeypot_ddos", "event4_honeypot_brute_force"),
        *("event4_sinkhole_http_referer", "event4_honeypot_http_scan", "event4_ip_spoofer"),
        *("compromised_account", "ransomware_victim", "sandbox_url", "spam_url", "malware_url"),
    ],
)
def test_explain_and_convert_count_the_same(
    tmp_path: Path, report_type: str, options: dict[str, Any]
) -> None:
    """``explain`` and ``convert`` count the same bad cells of a file."""
    header, rows = with_bad(report_type)
    converted = convert(tmp_path, report_type, header, rows, **options)
    found = explained(converted, report_type, Options(**options))
    assert counted(converted) == found
    columns = compile_for(header, info_of(report_type), Options()).columns
    with_a_form = {c.name for c in columns if c.role in PARSERS.keys() - ANY_TEXT}
    # What no cell can be for its form: an invisible character ends no reading of those.
    assert found.keys() == with_a_form
    assert all(number >= 2 for number in found.values())


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("severity", "urgent"),
        ("count", "x"),
        ("count", "0"),
        ("count", "99999999999"),
        ("timestamp", "31/01/2024"),
        ("asn", "64500.1"),
        ("geo", "Germany"),
        ("mac_address", "00:00"),
        ("cert_issue_date", "soon"),
        ("self_signed", "perhaps"),
        ("cert_serial_number", "xyz"),
    ],
)
def test_bad_cell_is_named_with_row_and_column(tmp_path: Path, column: str, cell: str) -> None:
    """A bad cell is reported even if its row has no address or hash."""
    header = ("tag", column)
    converted = convert(tmp_path, "scan_ssl", header, [("a", ""), ("b", cell), ("c", cell)])
    (remark,) = converted.outcome.remarks
    assert f"column {column}, rows 2, 3: " in remark
    assert remark.endswith(", 2 times")
    notes = converted.of("note")
    assert sum(note["content"].count(cell) for note in notes) >= 2


def test_bad_severity_stands_in_the_report(tmp_path: Path) -> None:
    """A finding with a bad severity has that of its type; the Report names the rows."""
    header = ("ip", "severity")
    rows = [("192.0.2.1", "urgent"), ("192.0.2.2", "low"), ("192.0.2.3", "urgent")]
    converted = convert(tmp_path, "compromised_website", header, rows)
    assert converted.outcome.severity == "critical"
    description = converted.of("report")[0]["description"]
    assert "column severity, rows 1, 3: not a severity" in description.replace("\\", "")


def test_bad_severity_of_a_malicious_host_is_counted_once(tmp_path: Path) -> None:
    """A bad severity counts once, however often the mapping reads the cell."""
    header = ("src_ip", "severity", "infection")
    row = ("192.0.2.1", "urgent", "mirai")
    converted = convert(tmp_path, "event4_honeypot_http_scan", header, [row])
    assert counted(converted) == {"severity": 1}
    assert converted.one("ipv4-addr")["x_opencti_score"] > 0


def test_null_words_are_not_bad(tmp_path: Path) -> None:
    """A placeholder for no value is no bad cell, in a column of any role."""
    header = ("timestamp", "severity", "count", "ip", "asn", "cert_issue_date")
    converted = convert(tmp_path, "scan_ssl", header, [("-", "unknown", "null", "-", "0", "N/A")])
    assert converted.outcome.remarks == ()


def test_equal_rows_are_counted_each(tmp_path: Path) -> None:
    """The bad cells of merged rows count once per row."""
    row = ("192.0.2.1", "urgent", "x", "never")
    header = ("ip", "severity", "count", "timestamp")
    converted = convert(tmp_path, "scan_ssl", header, [row] * 5)
    assert counted(converted) == {"severity": 5, "count": 5, "timestamp": 5}


@pytest.mark.parametrize(
    ("cell", "taken"),
    [
        ("2024-01-31 10:00:00", "2024-01-31T10:00:00.000Z"),
        ("2024-02-02 23:59:59", "2024-02-02T23:59:59.000Z"),
        ("2023-02-01 00:00:00", "2023-02-01T00:00:00.000Z"),
        ("2004-01-01 00:00:00", "2004-01-01T00:00:00.000Z"),
        ("2034-12-31 23:59:59", "2034-12-31T23:59:59.000Z"),
        ("2035-01-01 00:00:00", ""),
        ("9999-12-31 00:00:00", ""),
        ("1970-01-01 00:00:00", ""),
        ("0001-01-01 00:00:00", ""),
    ],
)
def test_time_far_from_the_report_is_bad(tmp_path: Path, cell: str, taken: str) -> None:
    """Old findings keep their time; a time after the report or before Shadowserver is bad."""
    converted = convert(tmp_path, "special", ("timestamp", "ip"), [(cell, "192.0.2.1")])
    assert converted.one("observed-data")["last_observed"] == (taken or "2024-01-31T00:00:00.000Z")
    assert converted.one("note")["created"] == (taken or "2024-01-31T00:00:00.000Z")
    assert counted(converted) == ({} if taken else {"timestamp": 1})
    assert explained(converted, "special", Options()) == counted(converted)
