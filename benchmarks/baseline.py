"""The usual way to write such a connector, as a measure.

A dict for each row, an object of the ``stix2`` library for each thing, ids from ``pycti``, Notes
drawn by ``tabulate``, all objects of a report in memory, one bundle, split by ``pycti``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pycti
import stix2
from tabulate import tabulate

from shadowserver_connector.report.info import ReportInfo

Row = dict[str, str]

AUTHOR_ID = pycti.Identity.generate_id("The Shadowserver Foundation", "organization")
COMMON: dict[str, Any] = {"object_marking_refs": [stix2.TLP_WHITE.id], "allow_custom": True}
KNOWLEDGE: dict[str, Any] = {**COMMON, "created_by_ref": AUTHOR_ID}


def convert(path: Path, info: ReportInfo) -> str:
    """Return a report as the JSON of one bundle."""
    found: dict[str, Any] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for each in _row(row, info):
                found[each.id] = each
    author = stix2.Identity(
        id=AUTHOR_ID, name="The Shadowserver Foundation", identity_class="organization"
    )
    objects = [author, stix2.TLP_WHITE, *found.values(), _report(info, list(found))]
    return str(stix2.Bundle(objects=objects, allow_custom=True).serialize())


def _report(info: ReportInfo, refs: list[str]) -> Any:
    name = f"Shadowserver {info.type}: {info.file}"
    published = datetime(info.day.year, info.day.month, info.day.day, tzinfo=UTC)
    return stix2.Report(
        id=pycti.Report.generate_id(name, published),
        name=name,
        published=published,
        report_types=["threat-report"],
        object_refs=refs,
        **KNOWLEDGE,
    )


def _row(row: Row, info: ReportInfo) -> Iterator[Any]:
    labels = ["shadowserver", info.type, *filter(None, row.get("tag", "").split(";"))]
    seen = _time(row["timestamp"])
    custom = {"custom_properties": {"x_opencti_labels": labels, "created_by_ref": AUTHOR_ID}}
    kind = stix2.IPv6Address if ":" in row["ip"] else stix2.IPv4Address
    ip = kind(value=row["ip"], **custom, **COMMON)
    observables = [ip, *_observables(row, ip, custom)]
    yield from observables
    yield from _knowledge(row, ip)
    for other in observables[1:]:
        if other.type == "autonomous-system":
            yield _relationship("belongs-to", ip, other)
        elif other.type == "domain-name":
            yield _relationship("resolves-to", other, ip)
        elif other.type != "network-traffic":
            yield _relationship("related-to", ip, other)
    refs = [each.id for each in observables]
    yield stix2.ObservedData(
        id=pycti.ObservedData.generate_id(refs),
        first_observed=seen,
        last_observed=seen,
        number_observed=1,
        object_refs=refs,
        labels=labels,
        **KNOWLEDGE,
    )
    content = tabulate([(k, v) for k, v in row.items() if v], ("Field", "Value"), "github")
    abstract = f"{info.type} {row['ip']}"
    yield stix2.Note(
        id=pycti.Note.generate_id(seen.isoformat(), content, abstract),
        abstract=abstract,
        content=content,
        created=seen,
        object_refs=refs,
        labels=labels,
        **KNOWLEDGE,
    )


def _observables(row: Row, ip: Any, custom: Any) -> Iterator[Any]:
    if row.get("hostname"):
        yield stix2.DomainName(value=row["hostname"], **custom, **COMMON)
    if row.get("asn"):
        number = int(row["asn"])
        yield stix2.AutonomousSystem(number=number, name=f"AS{number}", **custom, **COMMON)
    if row.get("port"):
        yield stix2.NetworkTraffic(
            dst_ref=ip.id,
            dst_port=int(row["port"]),
            protocols=[ip.type.removesuffix("-addr"), row.get("protocol") or "tcp"],
            **custom,
            **COMMON,
        )
    if row.get("sha256_fingerprint"):
        yield _certificate(row, custom)
    if row.get("device_model"):
        yield stix2.Software(
            name=row["device_model"],
            vendor=row["device_vendor"],
            version=row["device_version"],
            **custom,
            **COMMON,
        )


def _certificate(row: Row, custom: Any) -> Any:
    columns = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
    hashes = {
        name: row[f"{column}_fingerprint"].replace(":", "").lower()
        for name, column in columns.items()
        if row[f"{column}_fingerprint"]
    }
    return stix2.X509Certificate(
        hashes=hashes,
        is_self_signed=row["self_signed"] == "Y",
        serial_number=row["cert_serial_number"],
        signature_algorithm=row["signature_algorithm"],
        issuer=f"CN={row['issuer_common_name']}",
        subject=f"CN={row['subject_common_name']}",
        validity_not_before=_time(row["cert_issue_date"]),
        validity_not_after=_time(row["cert_expiration_date"]),
        **custom,
        **COMMON,
    )


def _knowledge(row: Row, ip: Any) -> Iterator[Any]:
    if row.get("geo"):
        country = stix2.Location(
            id=pycti.Location.generate_id(row["geo"], "Country"),
            name=row["geo"],
            country=row["geo"],
            custom_properties={"x_opencti_location_type": "Country"},
            **KNOWLEDGE,
        )
        yield country
        yield _relationship("located-at", ip, country)
    for tag in row.get("tag", "").split(";"):
        if tag.startswith("cve-"):
            name = tag.upper()
            cve = stix2.Vulnerability(
                id=pycti.Vulnerability.generate_id(name), name=name, **KNOWLEDGE
            )
            yield cve
            yield _relationship("related-to", ip, cve)


def _time(text: str) -> datetime:
    form = "%Y-%m-%d %H:%M:%S" if text[:1].isdigit() else "%b %d %H:%M:%S %Y GMT"
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _relationship(name: str, source: Any, target: Any) -> Any:
    return stix2.Relationship(
        id=pycti.StixCoreRelationship.generate_id(name, source.id, target.id),
        relationship_type=name,
        source_ref=source.id,
        target_ref=target.id,
        **KNOWLEDGE,
    )
