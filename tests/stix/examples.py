"""One object of every kind that the constructors make, for other tests."""

from __future__ import annotations

import orjson

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.observables import (
    Certificate,
    artifact,
    file,
    network_traffic,
    of_value,
    ssh_key,
    user_account,
    x509_certificate,
)
from shadowserver_connector.stix.reported_objects import (
    ReportText,
    case_incident,
    note,
    observed_data,
    relationship,
    report,
)
from shadowserver_connector.stix.shared_objects import (
    AMBER,
    TLP,
    Origin,
    StixObject,
    attack_pattern,
    author,
    autonomous_system,
    country,
    indicator,
    malware,
    software,
    tlp_marking,
    vulnerability,
)

DAY = "2024-01-31T00:00:00.000Z"
TIME = "2024-01-31T12:34:56.000Z"
ORIGIN = Origin(author=author()["id"], markings=(AMBER,))
HASHES = {
    "MD5": "d41d8cd98f00b204e9800998ecf8427e",
    "SHA-1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "SHA-256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "SHA-512": "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
}


def _with(stix_object: StixObject, score: int | None = None, *labels: str) -> StixObject:
    """Add what merging rows adds."""
    added: StixObject = {"x_opencti_labels": [*labels]} if labels else {}
    return stix_object | added | ({} if score is None else {"x_opencti_score": score})


_SEEN = {
    "description": "An example, seen on 2024-01-31.",
    "valid_from": DAY,
    "valid_until": "2024-03-01T00:00:00.000Z",
}
_IP = _with(of_value(ORIGIN, "ipv4-addr", "192.0.2.1"), 60, "exposed")
_IP6 = _with(of_value(ORIGIN, "ipv6-addr", "2001:db8::1"), None, "exposed")
_DOMAIN = _with(of_value(ORIGIN, "domain-name", "www.example.com"), None, "exposed")
_MAC = of_value(ORIGIN, "mac-addr", "00:00:5e:00:53:01")
_REPORT = report(
    ORIGIN,
    ReportText(
        name="Shadowserver Accessible SSL: 2024-01-31-scan_ssl-example",
        published=DAY,
        description="# Summary",
        object_refs=[_IP["id"], _DOMAIN["id"]],
        file_name="2024-01-31-scan_ssl-example.csv",
        labels=["shadowserver"],
    ),
)

EXAMPLES: dict[str, StixObject] = {
    "author": author(),
    **{name: tlp_marking(name) for name in TLP},
    "ipv4": _IP,
    "ipv4 network": of_value(ORIGIN, "ipv4-addr", "192.0.2.0/24"),
    "ipv6": _IP6,
    "domain": _DOMAIN,
    "mac": _MAC,
    "hostname": _with(of_value(ORIGIN, "hostname", "printer-1"), None, "exposed"),
    "url": _with(of_value(ORIGIN, "url", "https://www.example.com/a?b=1"), 80),
    "email": of_value(ORIGIN, "email-addr", "someone@example.com"),
    "user agent": of_value(ORIGIN, "user-agent", "Mozilla/5.0 (compatible)"),
    "user account": user_account(ORIGIN, "root"),
    "file": _with(file(ORIGIN, hashes=HASHES, name="a.exe"), 80, "malware"),
    "artifact": artifact(ORIGIN, hashes=HASHES, file_name="a.csv", payload=b"a,b\r\n"),
    "artifact without payload": artifact(ORIGIN, hashes=HASHES, file_name="a.csv", payload=None),
    "certificate": _with(
        x509_certificate(
            ORIGIN,
            Certificate(
                is_self_signed=True,
                hashes=HASHES,
                version="3",
                serial_number="00ab",
                signature_algorithm="sha256WithRSAEncryption",
                issuer="CN=www.example.com",
                validity_not_before="2024-01-01T00:00:00.000Z",
                validity_not_after="2025-01-01T00:00:00.000Z",
                subject="CN=www.example.com",
                subject_public_key_algorithm="rsaEncryption",
            ),
        ),
        None,
        "expired",
    ),
    "ssh key": ssh_key(
        ORIGIN,
        fingerprint_sha256=HASHES["SHA-256"],
        fingerprint_md5=HASHES["MD5"],
        key_type="rsa",
        public_key="AAAAB3NzaC1yc2E=",
    ),
    "service": network_traffic(
        ORIGIN, protocols=["ipv4", "tcp", "https"], dst_ref=_IP["id"], dst_port=443
    ),
    "flow": network_traffic(
        ORIGIN,
        protocols=["ipv6", "udp"],
        src_ref=_IP6["id"],
        dst_ref=_IP["id"],
        src_port=1234,
        dst_port=53,
    ),
    "autonomous system": autonomous_system(ORIGIN, 64496),
    "software": software(ORIGIN, "Example Server", vendor="Example", version="1.0"),
    "software with cpe": software(
        ORIGIN, "Server", cpe="cpe:2.3:a:example:server:1.0:*:*:*:*:*:*:*"
    ),
    "vulnerability": vulnerability(ORIGIN, "CVE-2024-12345"),
    "malware": malware(ORIGIN, "examplebot"),
    "country": country(ORIGIN, code="NL", name="Netherlands"),
    "attack pattern": attack_pattern(ORIGIN, "T1110.001"),
    "indicator": indicator(ORIGIN, _IP, **_SEEN, score=80),
    "indicator with quotes": indicator(
        ORIGIN, of_value(ORIGIN, "url", "https://www.example.com/it's\\"), **_SEEN
    ),
    "indicator of a file": indicator(
        ORIGIN, file(ORIGIN, hashes={"MD5": "ab" * 16, "SHA-256": "cd" * 32}), **_SEEN
    ),
    "relationship": relationship(ORIGIN, "resolves-to", _DOMAIN["id"], _IP["id"], created=DAY),
    "report": _REPORT,
    "report with link": {
        **report(
            ORIGIN,
            ReportText("Shadowserver A: b", DAY, "# Summary", [_IP["id"]], "b.csv"),
            link="https://dl.example.net/abc",
        )
    },
    "case": case_incident(
        ORIGIN,
        ReportText(
            name=_REPORT["name"],
            published=DAY,
            description="# Summary",
            object_refs=[_REPORT["id"], _IP["id"]],
            file_name="2024-01-31-scan_ssl-example.csv",
            labels=["shadowserver"],
        ),
        severity="high",
        priority="P2",
    ),
    "note": note(
        ORIGIN,
        stix_id=ids.note_of_finding("scan_ssl", "example", b"key", 0),
        abstract="scan_ssl 192.0.2.1",
        content="| a | b |",
        created=TIME,
        object_refs=[_REPORT["id"], _IP["id"]],
    )
    | {"labels": ["exposed"]},
    "observed data": observed_data(
        ORIGIN,
        first_observed=TIME,
        last_observed=TIME,
        number_observed=1,
        object_refs=[_IP["id"], ids.autonomous_system(64496)],
    )
    | {"labels": ["exposed"]},
}

OBSERVABLE_TYPES = frozenset(
    [
        *("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name", "hostname", "url", "email-addr"),
        *("user-agent", "user-account", "file", "artifact", "x509-certificate", "ssh-key"),
        *("network-traffic", "autonomous-system", "software"),
    ]
)
"""Types of the cyber-observable objects that the connector creates."""


def as_json(stix_object: StixObject) -> StixObject:
    """Return the object as read from its JSON."""
    read: StixObject = orjson.loads(orjson.dumps(stix_object))
    return read
