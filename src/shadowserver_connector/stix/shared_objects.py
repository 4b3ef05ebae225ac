"""Objects that stand for something outside of any report, and that other sources know too.

A country, a CVE, a malware family, an autonomous system or a product is one object in OpenCTI,
whoever wrote it. What we say of it must harm nobody else's entry:

* lower, constant confidence and fixed times, so that equal ids are equal objects;
* canonical names and no aliases, as a name that is somebody's alias renames the entry;
* no markings and no labels of a report: OpenCTI adds them to what is there, and a restricted
  marking would hide the country from everyone who may not read the report;
* no external references: each would cost the platform a call for every report.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.origin import (
    SHARED_CONFIDENCE,
    SPEC_VERSION,
    UNDATED,
    Origin,
    StixObject,
)

AUTHOR_NAME: Final = "The Shadowserver Foundation"


def author() -> StixObject:
    """Return the identity that everything is created by."""
    return {
        "type": "identity",
        "spec_version": SPEC_VERSION,
        "id": ids.identity(AUTHOR_NAME, "organization"),
        "created": UNDATED,
        "modified": UNDATED,
        "name": AUTHOR_NAME,
        "description": (
            "Nonprofit security organisation that scans the Internet, runs sinkholes and "
            "honeypots, and reports what it finds, free of charge, to the owners of the networks "
            "and to national CERTs."
        ),
        "identity_class": "organization",
        "contact_information": "https://www.shadowserver.org/",
        "x_opencti_organization_type": "partner",
        "x_opencti_reliability": "B - Usually reliable",
        "confidence": SHARED_CONFIDENCE,
    }


def vulnerability(origin: Origin, name: str) -> StixObject:
    """Return a vulnerability; its name is a CVE id in upper case."""
    return _domain_object(origin, ids.vulnerability(name), name=name)


def malware(origin: Origin, name: str) -> StixObject:
    """Return a malware family."""
    return _domain_object(origin, ids.malware(name), name=name, is_family=True)


def country(origin: Origin, *, code: str, name: str) -> StixObject:
    """Return a country: ISO 3166-1 alpha-2 code, and the name it has in OpenCTI."""
    return _domain_object(
        origin,
        ids.location(name, "Country"),
        name=name,
        country=code,
        x_opencti_location_type="Country",
    )


def attack_pattern(origin: Origin, mitre_id: str) -> StixObject:
    """Return an ATT&CK technique known by its id alone, which stands for its name as well.

    Where the platform has the technique, its own name wins.
    """
    return _domain_object(origin, ids.attack_pattern(mitre_id), name=mitre_id, x_mitre_id=mitre_id)


def autonomous_system(origin: Origin, number: int) -> StixObject:
    """Return an autonomous system, named `AS<number>`."""
    return {
        "type": "autonomous-system",
        "spec_version": SPEC_VERSION,
        "id": ids.autonomous_system(number),
        "number": number,
        "name": f"AS{number}",
        "x_opencti_created_by_ref": origin.author,
    }


def software(
    origin: Origin,
    name: str,
    *,
    vendor: str | None = None,
    version: str | None = None,
    cpe: str | None = None,
) -> StixObject:
    """Return a product, as exactly as a report names it."""
    product: StixObject = {
        "type": "software",
        "spec_version": SPEC_VERSION,
        "id": ids.software(name, vendor=vendor, version=version, cpe=cpe),
        "name": name,
        "x_opencti_created_by_ref": origin.author,
    }
    optional = {"cpe": cpe, "vendor": vendor, "version": version}
    return product | {name: value for name, value in optional.items() if value}


def _domain_object(origin: Origin, stix_id: str, **fields: Any) -> StixObject:
    return {
        "type": stix_id.partition("--")[0],
        "spec_version": SPEC_VERSION,
        "id": stix_id,
        "created_by_ref": origin.author,
        "created": UNDATED,
        "modified": UNDATED,
        "confidence": SHARED_CONFIDENCE,
        **fields,
    }


_OPENCTI_TYPES: Final = MappingProxyType(
    {
        "ipv4-addr": "IPv4-Addr",
        "ipv6-addr": "IPv6-Addr",
        "domain-name": "Domain-Name",
        "url": "Url",
        "file": "StixFile",
    }
)
_BEST_HASHES: Final = ("SHA-256", "SHA-512", "SHA-1", "MD5")
"""The hash by which a file is searched for, the most common of the reliable ones first."""


def indicator(
    origin: Origin,
    observable: StixObject,
    *,
    description: str,
    valid_from: str,
    valid_until: str,
    score: int | None = None,
) -> StixObject:
    """Return the indicator for an address, a domain name, a URL or a file known by a hash.

    Link it to the observable with `based-on`. The pattern alone identifies it, so other sources
    may have it too: hence the low confidence. `KeyError` for another type of observable.
    """
    value, place = observable.get("value", ""), "value"
    if observable["type"] == "file":
        algorithm = next(name for name in _BEST_HASHES if name in observable["hashes"])
        value, place = observable["hashes"][algorithm], f"hashes.'{algorithm}'"
    # In a string of a STIX pattern, a backslash escapes quotes and itself.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    pattern = f"[{observable['type']}:{place} = '{escaped}']"
    stix_indicator: StixObject = {
        "type": "indicator",
        "spec_version": SPEC_VERSION,
        "id": ids.indicator(pattern),
        "created_by_ref": origin.author,
        # Of the report, not of the clock: the same report must give the same bytes.
        "created": valid_from,
        "modified": valid_from,
        "name": value,
        "description": description,
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": valid_from,
        "valid_until": valid_until,
        "confidence": SHARED_CONFIDENCE,
        "object_marking_refs": origin.markings,
        "x_opencti_main_observable_type": _OPENCTI_TYPES[observable["type"]],
    }
    if score is not None:
        stix_indicator["x_opencti_score"] = score
    return stix_indicator
