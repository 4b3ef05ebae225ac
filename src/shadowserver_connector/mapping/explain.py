"""How each column of a file is read, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.part import Context
from shadowserver_connector.mapping.roles import PARSERS, is_empty

BECOMES: Final[Mapping[str, str]] = {
    "time": "time of Note and Observed-Data",
    "severity": "severity of the finding, of Report and Case; score of malicious hosts",
    "tags": "labels; a Vulnerability for each CVE",
    "protocol": "protocol of the Network-Traffic",
    "application": "protocol of the Network-Traffic",
    "ip": "IPv4-Addr or IPv6-Addr",
    "network": "IPv4-Addr or IPv6-Addr, also of a network",
    "port": "port of the Network-Traffic",
    "asn": "Autonomous-System, ip belongs-to it",
    "country": "Location, ip located-at it",
    "hostname": "Domain-Name or Hostname, resolves-to the ip",
    "domain": "Domain-Name or Hostname, resolves-to the ip",
    "mac": "MAC-Addr, ip resolves-to it",
    "url": "Url",
    "user_agent": "User-Agent",
    "email": "Email-Addr",
    "account": "User-Account",
    "malware": "Malware",
    "activity": "Malware, unless the cell names an activity",
    "cve": "Vulnerability",
    "attack_id": "Attack-Pattern",
    "file": "File, with the other cells of its group",
    "x509": "X509-Certificate, with the other cells of its group",
    "ssh": "SSH-Key, with the other cells of its group",
    "software": "Software, with the other cells of its group",
    "count": "number observed of the Observed-Data",
    "secret": "masked in the Note, no object",
}
"""Role, or the part of it before the dot -> what its cells become, besides a line in the Note."""


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """One column of a file."""

    name: str
    role: str
    party: str
    """What the party is in this report type, such as ``exposed asset``; empty without a party."""
    becomes: str
    filled: int
    """Cells that are neither empty nor a word for nothing."""
    bad: int
    """Filled cells that are not what the role asks for; they stay in the Note."""
    reason: str
    """Why the first bad one is bad, empty where there is none."""


def becomes(role: str) -> str:
    """Return what cells of a role become; only a line in the Note for roles without objects."""
    return BECOMES.get(role) or BECOMES.get(role.partition(".")[0]) or "Note only"


def explain_columns(
    rows: Iterable[tuple[int, list[str]]], columns: Sequence[Column], context: Context
) -> Iterator[ColumnReading]:
    """Read all rows and yield a reading of each column, in the order of the header."""
    filled = [0] * len(columns)
    bad = [0] * len(columns)
    reasons = [""] * len(columns)
    roles = [(at, column.role, PARSERS.get(column.role)) for at, column in enumerate(columns)]
    for _, row in rows:
        for at, role, parse in roles:
            cell = row[at]
            if is_empty(role, cell):
                continue
            filled[at] += 1
            if parse is not None:
                try:
                    parse(cell.strip())
                except ValueError as error:
                    bad[at] += 1
                    reasons[at] = reasons[at] or str(error)
    for at, column in enumerate(columns):
        yield ColumnReading(
            name=column.name,
            role=column.role,
            party=context.meaning(column.party).text if column.party else "",
            becomes=becomes(column.role),
            filled=filled[at],
            bad=bad[at],
            reason=reasons[at],
        )
