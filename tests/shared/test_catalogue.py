"""The catalogue against Shadowserver's published schema and a census of its columns.

Where the catalogue knows better, the difference is listed with its reason.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.catalogue.catalogue import Catalogue
from shadowserver_connector.catalogue.loader import load_catalogue

SCHEMA = Path(__file__).parents[2].parent / "shared" / "schema"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SCHEMA.is_dir(), reason="no published schema beside the repository"),
]

FAMILIES = {
    "scan": {"scan"},
    "scan6": {"scan"},
    "population": {"population"},
    "device_id": {"device_id"},
    "event4 sinkhole": {"sinkhole"},
    "event6 sinkhole": {"sinkhole"},
    "event4 honeypot": {"honeypot", "ddos", "amplification"},
    "event4 other": {"event", "ddos"},
    "compromised": {"compromised"},
    "malware_url/spam_url": {"malicious_url"},
    "sandbox": {"sandbox"},
    "blocklist": {"blocklist"},
    "ransomware_victim": {"ransomware"},
    "special": {"special"},
}
"""Family in the census -> families here that split it by what a reader must do."""

ROLES = {
    "severity": {"severity"},
    "event_time": {"time"},
    "tag list": {"tags"},
    "protocol": {"protocol"},
    "application protocol": {"application"},
    "victim_ip": {"ip"},
    "attacker_ip": {"ip"},
    "dst_ip": {"ip"},
    "victim_ip (referring = compromised website)": {"ip"},
    "victim_ip/attacker second-hop ip": {"ip"},
    "network/CIDR": {"network"},
    "port": {"port"},
    "asn": {"asn"},
    "geo country": {"country"},
    "geo region": {"region"},
    "geo city": {"city"},
    "naics": {"naics"},
    "sector": {"sector"},
    "hostname/domain": {"hostname", "domain"},
    "hostname provenance (ptr/certificate/dns)": {"hostname_source"},
    "dns query name": {"domain"},
    "mac": {"mac"},
    "url": {"url", "url_part"},
    "http referer": {"url"},
    "http user agent": {"user_agent"},
    "email": {"email"},
    "account/username": {"account"},
    "malware/infection/family": {"malware", "activity"},
    "cve": {"cve"},
    "attack-pattern (ATT&CK)": {"attack_id"},
    "file hash md5": {"file.md5"},
    "file hash sha1": {"file.sha1"},
    "file hash sha256": {"file.sha256"},
    "file hash sha512": {"file.sha512"},
    "x509: hashes.MD5": {"x509.md5"},
    "x509: hashes.SHA-1": {"x509.sha1"},
    "x509: hashes.SHA-256": {"x509.sha256"},
    "x509: hashes.SHA-512": {"x509.sha512"},
    "x509: serial_number": {"x509.serial_number"},
    "x509: validity_not_before": {"x509.not_before"},
    "x509: validity_not_after": {"x509.not_after"},
    "x509: is_self_signed": {"x509.self_signed"},
    "x509: signature_algorithm": {"x509.signature_algorithm"},
    "x509: subject_public_key_algorithm": {"x509.key_algorithm"},
    "x509: version? (unverified)": {"x509.version"},
    "x509: raw certificate": {"x509.raw"},
    "ssh host key (base64)": {"ssh.public_key"},
    "ssh fingerprint (sha256 hex/base64 of host key)": {"ssh.sha256"},
    "device vendor": {"software.vendor"},
    "device model": {"software.product", "software.short_name"},
    "device version": {"software.version"},
    "software version": {"software.version"},
    "os/software name": {"software.product"},
    "os name": {"software.product", "software.version"},
    "exploited target vendor/product/class": {"software.vendor", "software.product"},
    "password (SENSITIVE)": {"secret"},
    "snmp community (SENSITIVE)": {"secret"},
    "secret (SENSITIVE)": {"secret"},
}
"""Identifying role in the census -> roles that say the same here."""

_PART = "says only a part of what another column says whole"
_PROTOCOL = "version of a protocol, not of a software"
_BUILD = "tells how the software was built, not which it is"
_NAMELESS = "nothing says of which software"

DIFFERENT: dict[str, str] = {
    "device_sector": "a class of device (consumer, enterprise), nobody's sector",
    "service": "repeats the application, or names a site in free text",
    "url_scheme": "repeats the application",
    "username": "a guess of an attacker, or the user of an inside machine; an account elsewhere",
    "beacon_type": "the transport of a beacon; the tag names the framework",
    "contact": "a SIP address, not a mail address",
    "location": "where a device believes its description to be, mostly inside",
    "printer_uris": "addresses of a printer by its own claim",
    "printer_more_info": "page of a printer by its own claim",
    "raw_cert_chain": "other certificates than the host's own",
    "ssl_version": "a number whose meaning is not documented",
    "target_class": "a kind of product, none by name",
    "threat_framework": "names the framework that the ids are of",
    "threat_tactic_id": "a tactic, which is no object in OpenCTI",
    "http_port": "a port by the device's own claim",
    "vendor": "a packager or an agent's vendor, without a product",
    "manufacturer": "repeats device_vendor",
    "model": "repeats device_model",
    "device": "code name of a device; device_model names it",
    "printer_name": "name of a print queue, chosen by its owner",
    "printer_firmware_name": _PART,
    "printer_firmware_version": "octets, which printer_firmware_string_version has as text",
    "devicerev": "revision of the hardware",
    "processor": "the machine's processor",
    "serverid_version": _PROTOCOL,
    "version": "of another thing in each type; see overrides.toml",
    "dns_version": "free text that the operator may choose",
    "client_version": "what an attacker's client calls itself",
    "smb_version_string": _PROTOCOL,
    "ipmi_version": _PROTOCOL,
    "ipp_version": _PROTOCOL,
    "mysql_protocol_version": _PROTOCOL,
    "version_major": _PROTOCOL,
    "version_minor": _PROTOCOL,
    "api_version": _PROTOCOL,
    "min_api_version": _PROTOCOL,
    "major": _PART,
    "minor": _PART,
    "pkg_version": "name of a distribution's package",
    "build_branch": _BUILD,
    "build_date": _BUILD,
    "build_hash": _BUILD,
    "build_id": _BUILD,
    "build_time": _BUILD,
    "build_timestamp": _BUILD,
    "gcc_version": _BUILD,
    "go_version": _BUILD,
    "git_commit": _BUILD,
    "git_sha": _BUILD,
    "git_sha1": _BUILD,
    "gitversion": _BUILD,
    "lucene_version": "version of a library, without its name",
    "platform": "target of a build; in scan_amqp the runtime, and a product there",
    "cups_version": "holds name and version together: a product",
    "opensslversion": "holds name and version together: a product",
}
"""Column -> why no object of the census's kind is made of its cells."""

PRIMARIES = {
    "http_referer_ip": "referer",
    "src_ip": "src",
    "dst_ip": "dst",
    "ip": "asset",
    "": "",
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the package."""
    return load_catalogue()


def _published() -> dict[str, Any]:
    published: dict[str, Any] = json.loads((SCHEMA / "reports.json").read_text("utf-8"))
    return published


def _table(name: str) -> list[dict[str, str]]:
    with (SCHEMA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_published_type_and_column_is_known(catalogue: Catalogue) -> None:
    """The catalogue has exactly the published types, with their columns in order."""
    published = {name: tuple(entry["fields"]) for name, entry in _published().items()}
    assert set(catalogue.types) == set(published)
    assert {name: catalogue.column_names(name) for name in published} == published
    missing = {column for layout in published.values() for column in layout} - set(
        catalogue.columns
    )
    assert not missing


def test_pages_are_those_that_are_published(catalogue: Catalogue) -> None:
    """A type's page is Shadowserver's, if there is one."""
    for name, entry in _published().items():
        if entry.get("url"):
            assert catalogue.types[name].page == entry["url"], name


def test_types_agree_with_the_census(catalogue: Catalogue) -> None:
    """Title, severity, family and primary column agree with the schema."""
    for row in _table("report_types.tsv"):
        name = row["report_type"]
        report_type = catalogue.types[name]
        assert report_type.title == row["title"].strip(), name
        assert report_type.family in FAMILIES[row["family"]], name
        assert report_type.primary == PRIMARIES[row["primary_ip_column"]], name
        severity = row["default_severity"].split(" ")[0]
        if severity != "(none":
            assert report_type.severity == severity, name


def _roles_of(catalogue: Catalogue, column: str) -> dict[str, set[str]]:
    roles: dict[str, set[str]] = {}
    for name in catalogue.types:
        if column in catalogue.column_names(name):
            roles.setdefault(catalogue.column(name, column).role, set()).add(name)
    return roles


def test_identifying_columns_have_a_matching_role(catalogue: Catalogue) -> None:
    """Each identifying column of the census has such a role, or is listed with a reason."""
    different = set()
    for row in _table("fields.tsv"):
        expected = ROLES.get(row["role"])
        if expected is None:
            continue
        if not _roles_of(catalogue, row["column"]).keys() <= _allowed(row["column"], expected):
            different.add(row["column"])
    assert different - set(DIFFERENT) == set()
    assert set(DIFFERENT) - different == set(), "listed, but not different any more"


def _allowed(column: str, expected: set[str]) -> set[str]:
    """Add the roles that a column has in a few types only, with the reason given there."""
    exceptions = {
        "password": {"text"},  # that an attacker tried at a honeypot
        "application": {"malware"},  # of the controllers of bots: the bot's name
        "ip": {"network"},  # a block list names networks too
        "network": {"text"},  # a network of satellite stations
        "request": {"text"},  # to honeypots; a name in sandbox_dns
        "server": {"text"},  # of SSDP: three products in one cell
        "server_type": {"text"},  # of Hadoop: a kind of node
        "server_version": {"text"},  # of CouchDB: an HTTP header
    }
    return expected | exceptions.get(column, set())


def test_inside_names_and_addresses_stay_inside(catalogue: Catalogue) -> None:
    """Names and addresses of an asset's inside become no object."""
    inside = ("self-reported", "scanner-side", "router id", "reference id", "AD domain", "netmask")
    for row in _table("fields.tsv"):
        if any(word in row["role"] for word in inside) or "(SENSITIVE)" in row["role"]:
            roles = _roles_of(catalogue, row["column"]).keys()
            assert roles <= {"internal", "text", "secret"}, row["column"]
