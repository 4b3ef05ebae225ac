"""Objects that stand for something outside of any report, and that other sources know too.

A country, a CVE, a malware family, an autonomous system or a product is one object in OpenCTI,
whoever wrote it. What we say of it must harm nobody else's entry:

* lower, constant confidence and fixed times, so that equal ids are equal objects;
* canonical names and no aliases, as a name that is somebody's alias renames the entry;
* no markings and no labels of a report: OpenCTI adds them to what is there, and a restricted
  marking would hide the country from everyone who may not read the report;
* no external references: each would cost the platform a call for every report.

The author and the markings are such objects too; all objects of a run refer to them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from shadowserver_connector.stix import ids

StixObject: TypeAlias = dict[str, Any]
"""A STIX object as a plain dict, ready for `orjson`."""

SPEC_VERSION: Final = "2.1"

UNDATED: Final = "1970-01-01T00:00:00.000Z"
"""`created` and `modified` of objects that exist outside any report.

STIX requires both times, and the same id with another time is another version. A country, a CVE or
the author is the same object in every report, so its times are fixed. Nobody knows when they came
into being: OpenCTI treats the beginning of Unix time as no date and shows a dash. The form is that
of all our dates.
"""

REPORTED_CONFIDENCE: Final = 75
"""Confidence in what Shadowserver says itself: one good source that measured it.

OpenCTI shows a number in words: "2 - Probably True" on the Admiralty scale, its default (60 to
79), "Witnessed" and "High" on the two others that it offers. Without one, an object would have the
highest that the connector's user may give, usually 100: "1 - Confirmed by other sources", and
nothing that an analyst writes with less would be kept. An object that an analyst raises above this
keeps the analyst's fields. Never lower it: OpenCTI ignores an update with less confidence than the
object has.
"""

SHARED_CONFIDENCE: Final = 40
"""Confidence in objects that other sources describe as well: "3 - Possibly True" (40 to 59).

OpenCTI keeps the fields of an object written with higher confidence, so a curated entry is
neither renamed nor overwritten by ours: it has 50 at least where people or other connectors give
one, and 100 where they give none. It must not change from one run to the next.
"""


class Origin(NamedTuple):
    """The source, and who may read it."""

    author: str
    """Id of the identity that creates the objects."""
    markings: tuple[str, ...]
    """Ids of the marking definitions of what a report discloses; never empty."""


CLEAR: Final = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
GREEN: Final = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
AMBER: Final = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
AMBER_STRICT: Final = "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37"
RED: Final = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"

TLP: Final = MappingProxyType(
    {
        "TLP:CLEAR": CLEAR,
        "TLP:WHITE": CLEAR,
        "TLP:GREEN": GREEN,
        "TLP:AMBER": AMBER,
        "TLP:AMBER+STRICT": AMBER_STRICT,
        "TLP:RED": RED,
    }
)
"""Name of a marking, as in the settings, to its id. WHITE is the TLP 1.0 name of CLEAR."""

# Fixed by STIX 2.1, section 7.2.1.4, for its own TLP markings.
_CREATED = "2017-01-20T00:00:00.000Z"


def tlp_marking(name: str) -> StixObject:
    """Return the marking definition named, one of the keys of `TLP`; `KeyError` otherwise.

    STIX 2.1 knows TLP 1.0 only, so CLEAR and AMBER+STRICT are written as statements and named for
    OpenCTI in its own properties.
    """
    marking_id = TLP[name]
    if marking_id == CLEAR:
        name = "TLP:CLEAR"
    kind, value = "tlp", name.removeprefix("TLP:").lower()
    if marking_id in (CLEAR, AMBER_STRICT):
        # The OASIS validator knows no TLP 2.0, and refuses these as `tlp`.
        kind, value = "statement", name
    marking: StixObject = {
        "type": "marking-definition",
        "spec_version": SPEC_VERSION,
        "id": marking_id,
        "created": _CREATED,
        "definition_type": kind,
        "name": name,
        "definition": {kind: value},
    }
    if kind == "statement":
        marking |= {"x_opencti_definition_type": "TLP", "x_opencti_definition": name}
    return marking


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
        # From OpenCTI's vocabularies, as below: a word of another one would be dropped silently.
        "x_opencti_organization_type": "partner",
        "x_opencti_reliability": "B - Usually reliable",
        "confidence": SHARED_CONFIDENCE,
    }


def vulnerability(origin: Origin, name: str) -> StixObject:
    """Return a vulnerability; its name is a CVE id in upper case."""
    return _domain_object(origin, ids.vulnerability(name), name=name)


def malware(origin: Origin, name: str) -> StixObject:
    """Return a malware family."""
    # STIX requires it (section 4.11); Shadowserver names families, not single samples.
    return _domain_object(origin, ids.malware(name), name=name, is_family=True)


def country(origin: Origin, *, code: str, name: str) -> StixObject:
    """Return a country: ISO 3166-1 alpha-2 code, and the name it has in OpenCTI."""
    return _domain_object(
        origin,
        ids.location(name, "Country"),
        name=name,
        # STIX requires a country, a region or coordinates (section 4.10); OpenCTI reads the name.
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
    # Without the confidence: OpenCTI drops that of an observable.
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
