"""Generated reports: realistic, of any type and size, the same from the same seed."""

import base64
import hashlib
import io
import ipaddress
import itertools
import re
import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import open_table
from shadowserver_connector.simulator import hostile
from shadowserver_connector.simulator.generate import report_chunks, write_report

DAY = date(2024, 1, 31)
RESERVED = [
    ipaddress.ip_network(text)
    for text in (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "2001:db8::/32",
    )
]


def _bytes(report_type: str, rows: int, seed: int = 1, hosts: int | None = None) -> bytes:
    return b"".join(report_chunks(report_type, DAY, rows, seed=seed, hosts=hosts))


def _table(tmp_path: Path, content: bytes) -> tuple[list[dict[str, str]], Anomalies]:
    path = tmp_path / "generated.csv"
    path.write_bytes(content)
    anomalies = Anomalies(path.name)
    with open_table(path, anomalies) as table:
        return [dict(zip(table.header, row, strict=True)) for _, row in table.rows()], anomalies


@pytest.mark.parametrize("report_type", load_catalogue().types)
def test_every_type_is_generated_in_its_published_columns(tmp_path: Path, report_type: str) -> None:
    """A generated report of each known type is read without anomalies."""
    rows, anomalies = _table(tmp_path, _bytes(report_type, 20))
    assert len(rows) == 20
    assert not anomalies.lines()
    assert tuple(rows[0])[:-1] == load_catalogue().column_names(report_type)
    primary = [
        column.name
        for column in map(
            load_catalogue().column, itertools.repeat(report_type), tuple(rows[0])[:-1]
        )
        if column.role == "ip" and column.party == load_catalogue().report_type(report_type).primary
    ]
    for name in primary:
        for row in rows:
            address = ipaddress.ip_address(row[name])
            assert any(address in network for network in RESERVED)


def test_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    """A report depends on seed, type, day and size only."""
    assert _bytes("scan_ssl", 50, seed=7) == _bytes("scan_ssl", 50, seed=7)
    assert _bytes("scan_ssl", 50, seed=7) != _bytes("scan_ssl", 50, seed=8)


def test_hosts_stay_from_day_to_day(tmp_path: Path) -> None:
    """Most hosts of a day, and not all, were there the day before."""
    hosts = []
    for day in (date(2024, 1, 30), DAY):
        rows, _ = _table(tmp_path, b"".join(report_chunks("scan_ssl", day, 100)))
        hosts.append({row["ip"] for row in rows})
    assert len(hosts[0] & hosts[1]) > len(hosts[0]) * 0.9
    assert hosts[0] != hosts[1]


def test_some_hosts_have_several_findings(tmp_path: Path) -> None:
    """There are fewer hosts than rows, and each host has facts of its own."""
    rows, _ = _table(tmp_path, _bytes("scan_ssl", 300))
    hosts = Counter(row["ip"] for row in rows)
    assert 150 < len(hosts) < 250
    assert hosts.most_common(1)[0][1] > 3
    for fact in ("hostname", "asn", "geo", "city", "sha1_fingerprint"):
        assert len({(row["ip"], row[fact]) for row in rows}) == len(hosts)


@pytest.mark.parametrize("rows", [100, 1_000, 1_503, 6_000])
def test_every_host_has_a_row_at_any_size(tmp_path: Path, rows: int) -> None:
    """There are two hosts for three rows; all but the busy ones have one row or two."""
    table, _ = _table(
        tmp_path, b"".join(report_chunks("scan_telnet", DAY, rows, columns=("timestamp", "ip")))
    )
    hosts = Counter(row["ip"] for row in table)
    assert len(hosts) == rows * 2 // 3
    busy = sum(count > 2 for count in hosts.values())
    assert 0 < busy <= len(hosts) // 20


def test_times_are_within_the_day_and_in_order(tmp_path: Path) -> None:
    """Timestamps have the real form, the report's day, and ascending order."""
    rows, _ = _table(tmp_path, _bytes("event4_sinkhole", 500))
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times)
    assert all(re.fullmatch(r"2024-01-31 \d\d:\d\d:\d\d", time) for time in times)
    assert times[-1] > "2024-01-31 23:50"


def test_certificate_cells_fit_each_other(tmp_path: Path) -> None:
    """Fingerprints fit the raw certificate; unusual serial numbers and dates occur."""
    content = b"".join(
        report_chunks(
            "scan_kubernetes",
            DAY,
            200,
            columns=(
                *("ip", "cert_serial_number", "cert_issue_date", "md5_fingerprint"),
                *("sha1_fingerprint", "sha256_fingerprint", "sha512_fingerprint", "raw_cert"),
            ),
        )
    )
    rows, _ = _table(tmp_path, content)
    for row in rows:
        body = base64.b64decode("".join(row["raw_cert"].splitlines()[1:-1]))
        for name in ("md5", "sha1", "sha256", "sha512"):
            digest = row[f"{name}_fingerprint"].replace(":", "").lower()
            assert digest == hashlib.new(name, body).hexdigest()
    serials = [row["cert_serial_number"] for row in rows]
    assert any(serial.startswith("00") for serial in serials)
    assert any(serial.startswith("-") for serial in serials)
    assert {row["cert_issue_date"].endswith("GMT") for row in rows} == {True, False}


def test_ssh_key_cells_fit_each_other(tmp_path: Path) -> None:
    """The fingerprint and the algorithm are those of the key."""
    rows, _ = _table(tmp_path, _bytes("scan_ssh", 60))
    assert len({row["algorithm"] for row in rows}) == 3
    for row in rows:
        blob = base64.b64decode(row["server_host_key"])
        assert hashlib.sha256(blob).hexdigest() == row["server_host_key_sha256"]
        assert blob[4 : 4 + blob[3]].decode() == row["algorithm"]


def test_infections_are_malware_in_sinkholes_and_deeds_in_honeypots(tmp_path: Path) -> None:
    """An infection is malware in a sinkhole's report, and an activity in a honeypot's."""
    sinkhole, _ = _table(tmp_path, _bytes("event4_sinkhole", 60))
    honeypot, _ = _table(tmp_path, _bytes("event4_honeypot_brute_force", 60))
    not_malware = load_catalogue().not_malware
    assert not [row["infection"] for row in sinkhole if row["infection"] in not_malware]
    assert all(row["infection"] in not_malware for row in honeypot)


def test_cells_vary_as_in_real_reports(tmp_path: Path) -> None:
    """Tags have CVEs in either case, some cells are empty, and IPv6 has two forms."""
    rows, _ = _table(tmp_path, _bytes("scan_exchange", 200))
    tags = " ".join(row["tag"] for row in rows)
    assert "cve-2021-26855" in tags
    assert "CVE-2024-21410" in tags
    assert {row["hostname"] == "" for row in rows} == {True, False}
    assert all(bool(row["hostname"]) == bool(row["hostname_source"]) for row in rows)
    assert len({row["severity"] for row in rows}) > 1
    ipv6, _ = _table(tmp_path, _bytes("scan6_ssh", 50))
    assert {":0000:" in row["ip"] for row in ipv6} == {True, False}
    listed, _ = _table(tmp_path, _bytes("blocklist", 50))
    assert {"/" in row["ip"] for row in listed} == {True, False}


def test_columns_can_be_chosen_and_unknown_ones_are_filled(tmp_path: Path) -> None:
    """Columns can be shuffled and new ones added, as future reports may have."""
    columns = ("tag", "brand_new_ip", "ip", "brand_new", "timestamp")
    rows, _ = _table(tmp_path, b"".join(report_chunks("scan_ssl", DAY, 30, columns=columns)))
    assert tuple(rows[0])[:-1] == columns
    assert any(row["brand_new"] for row in rows)
    unknown, _ = _table(tmp_path, _bytes("scan_not_yet_known", 5))
    assert len(unknown) == 5


def test_number_of_hosts_can_be_chosen(tmp_path: Path) -> None:
    """The number of addresses in a report can be set."""
    few, _ = _table(tmp_path, _bytes("scan_telnet", 500, hosts=3))
    assert len({row["ip"] for row in few}) == 3
    many, _ = _table(tmp_path, _bytes("scan_telnet", 5000, hosts=5000))
    assert len({row["ip"] for row in many}) > 4000


def test_hostile_cells_reach_every_column(tmp_path: Path) -> None:
    """Every kind of hostile cell occurs in every column, and each row stays one row."""
    columns = ("timestamp", "ip", "tag", "hostname", "banner")
    content = b"".join(
        report_chunks("scan_telnet", DAY, 400, columns=columns, with_hostile_cells=True)
    )
    rows, anomalies = _table(tmp_path, content)
    assert len(rows) == 400
    for column in columns:
        seen = {row[column] for row in rows}
        for name in ("markdown", "formula", "bidi", "newlines", "control"):
            assert hostile.CELLS[name] in seen
    assert max(len(cell) for row in rows for cell in row.values()) > 1_000_000
    assert {kind.split(",")[0] for kind in anomalies.counts()} == {"NUL characters", "not UTF-8"}


def test_report_is_written_to_files_and_streams(tmp_path: Path) -> None:
    """Both ways of writing give the streamed bytes, and return their number."""
    stream = io.BytesIO()
    size = write_report(stream, "scan_ssl", DAY, 1200)
    assert write_report(tmp_path / "x.csv", "scan_ssl", DAY, 1200) == size
    assert stream.getvalue() == (tmp_path / "x.csv").read_bytes() == _bytes("scan_ssl", 1200)


@pytest.mark.integration
def test_memory_does_not_grow_with_the_report() -> None:
    """Ten times the rows take at most 10 % more memory."""

    def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            for _ in report_chunks("scan_telnet", DAY, rows, hosts=rows):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(30_000) < peak(3_000) * 1.1
