"""What the cells of each role must be, and what they are read as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from shadowserver_connector.catalogue.model import RDNS
from shadowserver_connector.mapping.values.addresses import parse_ip, parse_network, parse_public
from shadowserver_connector.mapping.values.asn import parse_asn
from shadowserver_connector.mapping.values.booleans import parse_boolean
from shadowserver_connector.mapping.values.countries import parse_country
from shadowserver_connector.mapping.values.counts import parse_count
from shadowserver_connector.mapping.values.cpe import parse_cpe
from shadowserver_connector.mapping.values.dates import parse_time
from shadowserver_connector.mapping.values.emails import parse_email
from shadowserver_connector.mapping.values.hashes import parse_hash
from shadowserver_connector.mapping.values.hosts import parse_hosts
from shadowserver_connector.mapping.values.mac import parse_mac
from shadowserver_connector.mapping.values.names import parse_name
from shadowserver_connector.mapping.values.null import is_null, is_null_number
from shadowserver_connector.mapping.values.ports import parse_port
from shadowserver_connector.mapping.values.protocols import parse_application, parse_protocol
from shadowserver_connector.mapping.values.several import parse_attack_ids, parse_cves, parse_tags
from shadowserver_connector.mapping.values.severity import parse_severity
from shadowserver_connector.mapping.values.ssh import (
    parse_ssh_key,
    parse_ssh_key_type,
    parse_ssh_md5,
    parse_ssh_sha256,
)
from shadowserver_connector.mapping.values.texts import (
    parse_directory_text,
    parse_term,
    parse_user_agent,
    parse_version,
)
from shadowserver_connector.mapping.values.urls import parse_target, parse_url
from shadowserver_connector.mapping.values.x509 import parse_pem, parse_serial_number

Parser = Callable[[str], Any]
"""Takes a cell without outer space that is not null; raises ``ValueError`` with a short reason."""

PARSERS: Final[Mapping[str, Parser]] = {
    "time": parse_time,
    "first_seen": parse_time,
    "last_seen": parse_time,
    "severity": parse_severity,
    "tags": parse_tags,
    "protocol": parse_protocol,
    "application": parse_application,
    "ip": parse_ip,
    "network": parse_network,
    "public_address": parse_public,
    "port": parse_port,
    "asn": parse_asn,
    "country": parse_country,
    "hostname": parse_name,
    "domain": parse_hosts,
    "mac": parse_mac,
    "url": parse_url,
    "url_part": parse_target,
    "user_agent": parse_user_agent,
    "email": parse_email,
    "account": parse_term,
    "malware": parse_term,
    "activity": parse_term,
    "cve": parse_cves,
    "attack_id": parse_attack_ids,
    "file.md5": partial(parse_hash, "MD5"),
    "file.sha1": partial(parse_hash, "SHA-1"),
    "file.sha256": partial(parse_hash, "SHA-256"),
    "file.sha512": partial(parse_hash, "SHA-512"),
    "file.name": parse_term,
    "x509.md5": partial(parse_hash, "MD5"),
    "x509.sha1": partial(parse_hash, "SHA-1"),
    "x509.sha256": partial(parse_hash, "SHA-256"),
    "x509.sha512": partial(parse_hash, "SHA-512"),
    "x509.raw": parse_pem,
    "x509.serial_number": parse_serial_number,
    "x509.not_before": parse_time,
    "x509.not_after": parse_time,
    "x509.signature_algorithm": parse_term,
    "x509.key_algorithm": parse_term,
    "x509.self_signed": parse_boolean,
    "x509.version": parse_version,
    "x509.issuer": parse_directory_text,
    "x509.subject": parse_directory_text,
    **{f"x509.issuer.{rdn}": parse_directory_text for rdn in RDNS},
    **{f"x509.subject.{rdn}": parse_directory_text for rdn in RDNS},
    "ssh.public_key": parse_ssh_key,
    "ssh.sha256": parse_ssh_sha256,
    "ssh.md5": parse_ssh_md5,
    "ssh.algorithm": parse_ssh_key_type,
    "software.vendor": parse_term,
    "software.product": parse_term,
    "software.short_name": parse_term,
    "software.version": parse_version,
    "software.cpe": parse_cpe,
    "count": parse_count,
}
"""Role -> parser. Roles that are missing here are read as text, and only by Notes."""

TIME_ROLES: Final = frozenset(["time", "first_seen", "last_seen"])
"""Roles of which a cell tells when something was seen."""

_NUMBERS_FROM_ONE: Final = frozenset(["asn", "naics", "sector"])
"""Roles of which 0 says that there is nothing, as in files whose sectors are missing."""

_NOTHING: Final[Mapping[str, frozenset[str]]] = {
    # Codes that stand for "unknown" or for a region.
    "country": frozenset(["AA", "AP", "EU", "XX", "ZZ", "**", "--"]),
    # The sender of a message that nobody is to answer (RFC 5321, 4.5.5).
    "email": frozenset(["<>"]),
}
"""Role -> what says in such a column that there is no value, in capitals."""


def is_empty(role: str, cell: str) -> bool:
    """Tell whether a cell of this role says that there is no value."""
    if role in _NUMBERS_FROM_ONE:
        return is_null_number(cell)
    return is_null(cell) or (role in _NOTHING and cell.strip().upper() in _NOTHING[role])
