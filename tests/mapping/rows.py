"""Rows of any report type: a plausible cell for each role, and hostile ones."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import md5, sha1, sha256, sha512

from shadowserver_connector.catalogue.loader import load_catalogue

_HASHES = {"md5": md5, "sha1": sha1, "sha256": sha256, "sha512": sha512}


def ed25519_key(n: int) -> str:
    """Return the blob of an SSH public key in base64."""
    name = b"ssh-ed25519"
    key = sha256(str(n).encode()).digest()
    blob = len(name).to_bytes(4) + name + len(key).to_bytes(4) + key
    return b64encode(blob).decode()


VALUES: dict[str, Callable[[int], str]] = {
    "time": lambda n: f"2024-01-31 {n % 24:02}:{n % 60:02}:{n % 60:02}",
    "severity": lambda n: ("low", "medium", "high", "critical", "info")[n % 5],
    "tags": lambda n: ("ssl;vpn", f"cve-2023-{1000 + n % 9}", "", "iot")[n % 4],
    "protocol": lambda n: ("tcp", "udp")[n % 2],
    "application": lambda n: ("https", "http", "ssh")[n % 3],
    "ip": lambda n: f"2001:db8::{n:x}" if n % 5 == 4 else f"198.51.100.{n % 250 + 1}",
    "network": lambda n: ("192.0.2.0/24", "203.0.113.7", "2001:db8::/48")[n % 3],
    "public_address": lambda n: ("203.0.113.7", "10.0.0.7", "2001:db8::/48")[n % 3],
    "port": lambda n: str(1 + n % 65535),
    "asn": lambda n: str(64496 + n % 16),
    "as_name": lambda n: f"EXAMPLE-{n}",
    "country": lambda n: ("DE", "US", "NL", "KR")[n % 4],
    "region": lambda n: "Example Region",
    "city": lambda n: "Example City",
    "naics": lambda n: "517311",
    "sic": lambda n: "737415",
    "scheme": lambda n: ("http", "https")[n % 2],
    "sector": lambda n: ("Communications", "Government")[n % 2],
    "hostname": lambda n: (f"host-{n}.example.com", f"printer{n}", "")[n % 3],
    "hostname_source": lambda n: "ptr",
    "domain": lambda n: f"domain-{n}.example.org",
    "mac": lambda n: f"00:00:5e:00:53:{n % 256:02x}",
    "url": lambda n: f"http://www.example.net/path/{n}?q=1",
    "url_part": lambda n: f"/path/{n}",
    "user_agent": lambda n: f"Mozilla/5.0 (Example {n})",
    "email": lambda n: f"user{n}@example.org",
    "account": lambda n: f"user{n}",
    "malware": lambda n: ("examplebot", "other-bot")[n % 2],
    "activity": lambda n: ("examplebot", "ddos")[n % 2],
    "cve": lambda n: f"CVE-2021-{4000 + n % 7}",
    "attack_id": lambda n: ("T1110", "T1046")[n % 2],
    "x509.self_signed": lambda n: "YN"[n % 2],
    "x509.not_before": lambda n: "2023-01-01 00:00:00",
    "x509.not_after": lambda n: "2025-01-01 00:00:00",
    "x509.serial_number": lambda n: f"{n:032X}",
    "x509.version": lambda n: "2",
    "ssh.public_key": ed25519_key,
    "ssh.algorithm": lambda n: "ssh-ed25519",
    "software.cpe": lambda n: f"cpe:2.3:a:example:product:{n}:*:*:*:*:*:*:*",
    "count": lambda n: str(1 + n % 9),
    "first_seen": lambda n: "2024-01-01 00:00:00",
    "last_seen": lambda n: "2024-01-31 00:00:00",
    "secret": lambda n: f"hunter{n}",
}


def value(role: str, n: int) -> str:
    """Return a cell of this role, determined by a number."""
    algorithm = _HASHES.get(role.rpartition(".")[2])
    if algorithm is not None:
        return algorithm(str(n).encode()).hexdigest()
    return VALUES.get(role, lambda number: f"{role} {number % 5}")(n)


def header_of(report_type: str) -> tuple[str, ...]:
    """Return the published columns of a report type."""
    return load_catalogue().column_names(report_type)


def row_of(report_type: str, header: Sequence[str], n: int) -> list[str]:
    """Return a row with a plausible value in every cell."""
    column = load_catalogue().column
    return [value(column(report_type, name).role, n) for name in header]


def rows_of(report_type: str, count: int) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the header of a report type, and rows in which every third cell is empty."""
    header = header_of(report_type)
    rows = []
    for n in range(count):
        row = row_of(report_type, header, n)
        keep = n == 0
        rows.append([cell if keep or (at + n) % 3 else "" for at, cell in enumerate(row)])
    return header, rows
