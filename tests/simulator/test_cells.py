"""Generated cells that agree within a row, and the words they are made of."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.simulator.generate import report_chunks
from shadowserver_connector.simulator.together import Group, groups

DAY = date(2024, 1, 31)


def _rows(report_type: str, rows: int = 120) -> list[Mapping[str, str]]:
    content = b"".join(report_chunks(report_type, DAY, rows)).decode()
    return list(csv.DictReader(io.StringIO(content)))


def _name(group: Group) -> str:
    return f"{','.join(group.types)}:{group.columns[0]}"


@pytest.mark.parametrize("group", groups(), ids=_name)
def test_groups_name_columns_that_reports_have(group: Group) -> None:
    """Each column of a group is in a known type, and each of its rows is complete."""
    catalogue = load_catalogue()
    assert all(len(row) == len(group.columns) for row in group.rows)
    types = [
        name
        for name in catalogue.types
        if not group.types or any(fnmatchcase(name, pattern) for pattern in group.types)
    ]
    columns = {column for name in types or ["special"] for column in catalogue.column_names(name)}
    assert set(group.columns) <= columns


@pytest.mark.parametrize(
    "report_type",
    [name for name in load_catalogue().types if "http_code" in load_catalogue().column_names(name)],
)
def test_answers_of_web_servers_are_whole(report_type: str) -> None:
    """The reason fits the status code, and no answer is both chunked and of a length."""
    reasons: dict[str, set[str]] = {}
    for row in _rows(report_type, 40):
        if row.get("http_reason") is not None and row["http_code"]:
            reasons.setdefault(row["http_code"], set()).add(row["http_reason"].lower())
        assert not (row.get("content_length") and row.get("transfer_encoding"))
    for code, known in reasons.items():
        assert known <= _REASONS[code]


_REASONS = {
    "200": {"ok", "connection established"},
    "302": {"found", "object moved", ""},
    "401": {"unauthorized", ""},
    "403": {"forbidden"},
    "404": {"not found"},
    "405": {"method not allowed"},
    "407": {"proxy authentication required"},
}


def test_malware_urls_are_on_the_host_and_port_of_their_row() -> None:
    """Host, port, scheme and application of a row agree with its URL."""
    for row in _rows("malware_url"):
        scheme, _, rest = row["url"].partition("://")
        host, _, port = rest.partition("/")[0].partition(":")
        assert host in (row["ip"], row["hostname"])
        assert (port or {"http": "80", "https": "443"}[scheme]) == row["port"]
        assert scheme == row["application"]


def test_times_of_hosts_and_certificates_fit_the_day() -> None:
    """A host's clock shows the time of the scan, and the flag for expiry fits the dates."""
    for row in _rows("scan_ssl"):
        clock = row["timestamp"].partition(" ")[2]
        assert row["http_date"] == f"Wed, 31 Jan 2024 {clock} GMT"
        if not row["cert_expiration_date"].endswith("GMT"):
            assert (row["cert_expiration_date"] < "2024-01-31") == (row["cert_expired"] == "Y")
        assert (row["cert_expired"], row["cert_valid"]) != ("Y", "Y")
        assert (row["self_signed"], row["browser_trusted"]) != ("Y", "Y")


def test_amplification_attacks_end_after_their_duration() -> None:
    """Packets are rate times duration, and the end is the start plus the duration."""
    for row in _rows("event4_honeypot_ddos_amp"):
        assert int(row["count"]) == int(row["avg_pps"]) * int(row["duration"])
        if row["timestamp"] < "2024-01-31 23:50":
            begin, end = (_second(row[name]) for name in ("timestamp", "end_time"))
            assert end - begin == int(row["duration"])


def _second(timestamp: str) -> int:
    hour, minute, second = map(int, timestamp.partition(" ")[2].split(":"))
    return hour * 3600 + minute * 60 + second


def test_ssh_keys_have_the_numbers_of_their_kind_only() -> None:
    """An RSA key has a modulus, an ECDSA key a point on its curve."""
    for row in _rows("scan_ssh"):
        assert bool(row["rsa_modulus"]) == (row["algorithm"] == "ssh-rsa")
        assert bool(row["ecdsa_curve"]) == (row["algorithm"] == "ecdsa-sha2-nistp256")
        assert row["serverid_raw"].startswith(f"SSH-2.0-{row['serverid_software']}")


def test_devices_are_whole() -> None:
    """Model, vendor and vulnerability of a device belong together."""
    rows = _rows("device_id")
    models = {(row["device_vendor"], row["device_model"]) for row in rows}
    assert len(models) == len({model for _, model in models})
    assert {row["device_vendor"] for row in rows if "cve-2022-40684" in row["tag"]} == {"Fortinet"}
