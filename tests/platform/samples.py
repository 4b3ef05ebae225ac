"""A bundle with an object of every type that the connector sends, made with other libraries.

Ids come from stix2 and pycti, where they have rules for them, so that the stand-in's own rules are
checked against theirs.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import uuid
from typing import Any

import pycti
import stix2

DAY = "2024-05-01T00:00:00.000Z"
FILE_NAME = "2024-05-01-scan_http-example.csv"
FILE = b'"timestamp","ip"\r\n"2024-05-01 00:00:00","192.0.2.1"\r\n\x00\xff\r\n'
TLP_CLEAR = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
AUTHOR = pycti.Identity.generate_id("The Example Foundation", "organization")


def knows_ssh_keys() -> bool:
    """Whether this pycti can import SSH keys."""
    return bool(pycti.StixCyberObservableTypes.has_value("ssh-key"))


def bundle_of(objects: list[dict[str, Any]]) -> str:
    """Return the objects as the JSON text of a bundle."""
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects})


def observable(made: Any, **extra: Any) -> dict[str, Any]:
    """Return an observable of stix2 as a dict, with OpenCTI's extra properties."""
    plain: dict[str, Any] = json.loads(made.serialize())
    return plain | {"created_by_ref": AUTHOR, "object_marking_refs": [TLP_CLEAR]} | extra


def note(number: int, refs: list[str]) -> dict[str, Any]:
    """Return a note on some objects; another number makes another note."""
    content = f"| column | value |\n|---|---|\n| number | {number} |"
    return {
        "type": "note",
        "spec_version": "2.1",
        "id": _note_id(content, f"finding {number}"),
        "created": DAY,
        "abstract": f"finding {number}",
        "content": content,
        "note_types": ["external"],
        "created_by_ref": AUTHOR,
        "object_refs": refs,
    }


def relationship(kind: str, source: str, target: str) -> dict[str, Any]:
    """Return a relationship between two ids."""
    return {
        "type": "relationship",
        "spec_version": "2.1",
        "id": pycti.StixCoreRelationship.generate_id(kind, source, target),
        "relationship_type": kind,
        "source_ref": source,
        "target_ref": target,
        "created_by_ref": AUTHOR,
    }


def author() -> dict[str, Any]:
    """Return the organization that everything is by."""
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": AUTHOR,
        "name": "The Example Foundation",
        "identity_class": "organization",
        "x_opencti_organization_type": "other",
        "x_opencti_reliability": "A - Completely reliable",
    }


def observables() -> list[dict[str, Any]]:
    """Return an observable of every type."""
    ipv4 = stix2.IPv4Address(value="192.0.2.1")
    found = [
        observable(ipv4, x_opencti_score=40, labels=["example:one", "Two"]),
        observable(stix2.IPv4Address(value="198.51.100.7")),
        observable(stix2.IPv6Address(value="2001:db8::1")),
        observable(stix2.AutonomousSystem(number=64496, name="AS64496")),
        observable(stix2.DomainName(value="host.example.com")),
        observable(stix2.EmailAddress(value="someone@example.com")),
        observable(stix2.MACAddress(value="00:00:5e:00:53:01")),
        observable(stix2.URL(value="http://host.example.com/path")),
        observable(stix2.Software(name="example server", vendor="Example", version="1.0")),
        observable(stix2.UserAccount(account_type="unix", account_login="root")),
        observable(stix2.File(hashes={"SHA-256": hashlib.sha256(b"file").hexdigest()})),
        observable(
            stix2.X509Certificate(hashes={"SHA-1": hashlib.sha1(b"certificate").hexdigest()}),
            serial_number="01",
            issuer="CN=example.com",
            subject="CN=host.example.com",
        ),
        observable(
            stix2.NetworkTraffic(dst_ref=ipv4.id, dst_port=443, protocols=["ipv4", "tcp", "https"])
        ),
        _valued(pycti.CustomObservableHostname(value="localhost")),
        _valued(pycti.CustomObservableUserAgent(value="Example/1.0")),
        artifact(),
    ]
    return [*found, _ssh_key()] if knows_ssh_keys() else found


def artifact() -> dict[str, Any]:
    """Return the original file; its bytes travel along."""
    hashes = {
        "MD5": hashlib.md5(FILE).hexdigest(),
        "SHA-1": hashlib.sha1(FILE).hexdigest(),
        "SHA-256": hashlib.sha256(FILE).hexdigest(),
        "SHA-512": hashlib.sha512(FILE).hexdigest(),
    }
    return observable(
        stix2.Artifact(hashes={"MD5": hashes["MD5"]}, url="http://host.example.com/"),
        id=_id_of("artifact", {"hashes": {"MD5": hashes["MD5"]}}),
        hashes=hashes,
        url=None,
        mime_type="text/csv",
        payload_bin=base64.b64encode(FILE).decode(),
        x_opencti_additional_names=[FILE_NAME],
    )


def everything() -> list[dict[str, Any]]:
    """Return a bundle's objects: all types, with references and relationships between them."""
    parts = observables()
    by_type = {part["type"]: part["id"] for part in reversed(parts)}
    knowledge = [
        _named("malware", pycti.Malware, "examplebot", is_family=True, malware_types=["trojan"]),
        _named("vulnerability", pycti.Vulnerability, "CVE-2024-0001"),
        _named(
            "infrastructure",
            pycti.Infrastructure,
            "Example controllers",
            infrastructure_types=["botnet"],
        ),
        {
            "type": "location",
            "spec_version": "2.1",
            "id": pycti.Location.generate_id("Netherlands", "Country"),
            "name": "Netherlands",
            "country": "NL",
            "x_opencti_location_type": "Country",
            "confidence": 15,
        },
        {
            "type": "attack-pattern",
            "spec_version": "2.1",
            "id": pycti.AttackPattern.generate_id("Brute Force", "t1110"),
            "name": "Brute Force",
            "x_mitre_id": "T1110",
        },
        _indicator(),
    ]
    by_type |= {one["type"]: one["id"] for one in knowledge}
    relations = [
        relationship("belongs-to", by_type["ipv4-addr"], by_type["autonomous-system"]),
        relationship("located-at", by_type["ipv4-addr"], by_type["location"]),
        relationship("resolves-to", by_type["domain-name"], by_type["ipv4-addr"]),
        relationship("related-to", by_type["ipv4-addr"], by_type["vulnerability"]),
        relationship("communicates-with", by_type["malware"], by_type["ipv4-addr"]),
        relationship("based-on", by_type["indicator"], by_type["ipv4-addr"]),
    ]
    contained = [part["id"] for part in parts + knowledge + relations]
    observed = _observed(sorted([by_type["ipv4-addr"], by_type["domain-name"]]))
    report = _report([*contained, observed["id"]])
    case = _case([report["id"], *contained])
    finding = note(1, [report["id"], case["id"], by_type["ipv4-addr"]])
    return [author(), *parts, *knowledge, *relations, observed, report, case, finding]


def _observed(refs: list[str]) -> dict[str, Any]:
    return {
        "type": "observed-data",
        "spec_version": "2.1",
        "id": pycti.ObservedData.generate_id(refs),
        "first_observed": DAY,
        "last_observed": DAY,
        "number_observed": 1,
        "created_by_ref": AUTHOR,
        "object_refs": refs,
    }


def _report(refs: list[str]) -> dict[str, Any]:
    name = f"Example report: {FILE_NAME}"
    return {
        "type": "report",
        "spec_version": "2.1",
        "id": pycti.Report.generate_id(name, DAY),
        "name": name,
        "description": "Findings of a day.",
        "published": DAY,
        "report_types": ["internal-report"],
        "external_references": [{"source_name": "Example", "external_id": FILE_NAME}],
        "labels": ["example:one"],
        "created_by_ref": AUTHOR,
        "object_marking_refs": [TLP_CLEAR],
        "object_refs": refs,
    }


def _case(refs: list[str]) -> dict[str, Any]:
    name = f"Example case: {FILE_NAME}"
    return {
        "type": "case-incident",
        "spec_version": "2.1",
        "id": pycti.CaseIncident.generate_id(name, DAY),
        "name": name,
        "created": DAY,
        "severity": "low",
        "priority": "P4",
        "created_by_ref": AUTHOR,
        "object_refs": refs,
    }


def _indicator() -> dict[str, Any]:
    pattern = "[ipv4-addr:value = '192.0.2.1']"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": pycti.Indicator.generate_id(pattern),
        "name": "192.0.2.1",
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": DAY,
        "x_opencti_main_observable_type": "IPv4-Addr",
        "created_by_ref": AUTHOR,
    }


def _named(kind: str, entity: Any, name: str, **extra: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": entity.generate_id(name),
        "name": name,
        "confidence": 15,
        "created_by_ref": AUTHOR,
    } | extra


def _valued(made: Any) -> dict[str, Any]:
    return observable(made)


def _ssh_key() -> dict[str, Any]:
    fingerprint = base64.b64encode(hashlib.sha256(b"key").digest()).decode().rstrip("=")
    return {
        "type": "ssh-key",
        "spec_version": "2.1",
        "id": _id_of("ssh-key", {"fingerprint_sha256": fingerprint}),
        "key_type": "rsa",
        "fingerprint_sha256": fingerprint,
        "key_length": "2048",
        "created_by_ref": AUTHOR,
    }


def _note_id(content: str, abstract: str) -> str:
    if "abstract" in inspect.signature(pycti.Note.generate_id).parameters:
        return str(pycti.Note.generate_id(DAY, content, abstract))
    # An older pycti leaves the abstract out, as its platform did.
    return _id_of("note", {"attribute_abstract": abstract, "content": content, "created": DAY})


def _id_of(kind: str, identifying: dict[str, Any]) -> str:
    namespace = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
    canonical = json.dumps(identifying, separators=(",", ":"))
    return f"{kind}--{uuid.uuid5(namespace, canonical)}"
