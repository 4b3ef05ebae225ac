"""Values that the platform refuses, with the whole object that holds them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from tests.platform.errors import PlatformError, bad_input, functional

_INT_MAX = 2**31 - 1
_HASH_LENGTHS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128}
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_CVSS3 = re.compile(r"CVSS:3\.[01](/[A-Z]{1,3}:[A-Z])+")
_NAMED = {
    "Attack-Pattern", "Case-Incident", "City", "Country", "Individual", "Infrastructure",
    "Malware", "Organization", "Region", "Report", "Sector", "Vulnerability",
}  # fmt: skip

_IP = {"IPv4-Addr", "IPv6-Addr"}
_OBSERVABLES = _IP | {
    "Artifact", "Autonomous-System", "Domain-Name", "Email-Addr", "Hostname", "Mac-Addr",
    "Network-Traffic", "SSH-Key", "Software", "StixFile", "Url", "User-Account", "User-Agent",
    "X509-Certificate",
}  # fmt: skip
_PLACES = {"Country", "City", "Region"}
# type of relationship -> pairs of (types of the source, types of the target)
_ALLOWED: Mapping[str, tuple[tuple[set[str], set[str]], ...]] = {
    "belongs-to": ((_IP, {"Autonomous-System", "Organization"}),),
    "located-at": ((_IP, _PLACES),),
    "resolves-to": (
        (_IP, {"Mac-Addr"}),
        ({"Domain-Name"}, _IP | {"Domain-Name", "Hostname"}),
        ({"Hostname"}, _IP | {"Domain-Name"}),
    ),
    "communicates-with": (
        ({"IPv4-Addr"}, {"IPv4-Addr"}),
        ({"Hostname"}, _IP | {"Domain-Name"}),
        ({"Malware"}, _IP | {"Domain-Name", "Url"}),
        ({"StixFile", "Artifact"}, _IP | {"Domain-Name"}),
    ),
    "has": (({"Software", "Infrastructure"}, {"Vulnerability"}),),
    "exploits": (({"Malware"}, {"Vulnerability"}),),
    "targets": (({"Malware"}, {"Vulnerability"}),),
    "consists-of": (({"Infrastructure"}, _OBSERVABLES | {"Observed-Data"}),),
    "hosts": (({"Infrastructure"}, {"Malware"}),),
    "controls": (({"Infrastructure"}, {"Malware"}),),
    "based-on": (({"Indicator"}, _OBSERVABLES | {"Observed-Data"}),),
    "indicates": (({"Indicator"}, {"Malware", "Vulnerability"}),),
}


def check_object(entity_type: str, attributes: Mapping[str, Any]) -> None:
    """Raise the platform's error if it does not accept a value of the object."""
    _check_score(attributes.get("x_opencti_score"))
    if not _well_formed(entity_type, attributes):
        raise functional(
            "Observable is not correctly formatted",
            doc_code="INCORRECT_OBSERVABLE_FORMAT",
            type=entity_type,
        )
    if entity_type in _NAMED and len((attributes.get("name") or "").strip()) < 2:
        raise _validation("name", "must be at least 2 characters")
    if entity_type == "Note" and not (attributes.get("content") or "").strip():
        raise _validation("content", "is required")
    if entity_type == "Observed-Data":
        if not attributes.get("objects"):
            raise functional("At least one object is required in an observed-data")
        if attributes["first_observed"] > attributes["last_observed"]:
            raise functional("first_observed must be before last_observed")
    vector = attributes.get("x_opencti_cvss_vector_string")
    if vector and not _CVSS3.fullmatch(vector):
        raise functional("Invalid CVSS vector")


def check_relationship(kind: str, source: tuple[str, str], target: tuple[str, str]) -> None:
    """Raise the platform's error if two objects, as (id, type), may not be related so."""
    if source[0] == target[0]:
        raise functional("You cant create a relation with the same source and target")
    if kind == "related-to":
        return
    pairs = _ALLOWED.get(kind, ())
    if not any(source[1] in sources and target[1] in targets for sources, targets in pairs):
        raise functional(
            f"The relationship type {kind} is not allowed between {source[1]} and {target[1]}"
        )


def _validation(field: str, reason: str) -> PlatformError:
    return PlatformError("VALIDATION_ERROR", f"Validation error: {field} {reason}", field=field)


def _check_score(score: Any) -> None:
    if score is None:
        return
    if not isinstance(score, int) or isinstance(score, bool):
        raise bad_input(f"Int cannot represent non-integer value: {score}")
    if not 0 <= score <= 100:
        raise _validation("x_opencti_score", "must be between 0 and 100")


def _well_formed(entity_type: str, attributes: Mapping[str, Any]) -> bool:
    value = attributes.get("value") or ""
    match entity_type:
        case "Autonomous-System":
            number = attributes["number"]
            if not isinstance(number, int) or not 0 <= number <= _INT_MAX:
                raise bad_input(f"Int cannot represent non 32-bit signed integer value: {number}")
            return True
        case "IPv4-Addr":
            return _is_network(value, 4)
        case "IPv6-Addr":
            return _is_network(value, 6)
        case "Domain-Name":
            return _is_domain(value)
        case "Hostname":
            return _is_hostname(value)
        case "Mac-Addr":
            return bool(_MAC.fullmatch(value))
        case "Url" | "User-Agent":
            return bool(value.strip())
        case "Email-Addr":
            return value.count("@") == 1
        case "StixFile" | "Artifact":
            hashes = attributes.get("hashes") or {}
            return all(
                re.fullmatch(r"[0-9A-Fa-f]+", text)
                and len(text) == _HASH_LENGTHS.get(name, len(text))
                for name, text in hashes.items()
            )
    return True


def _is_network(value: str, version: int) -> bool:
    try:
        return ipaddress.ip_network(value, strict=False).version == version
    except ValueError:
        return False


def _is_domain(value: str) -> bool:
    labels = value.split(".")
    return (
        len(value) <= 253
        and len(labels) > 1
        and len(labels[-1]) > 1
        and all(0 < len(label) <= 63 for label in labels)
    )


def _is_hostname(value: str) -> bool:
    labels = value.split(".")
    return len(value) <= 253 and all(
        0 < len(label) <= 63 and not label.startswith("_") for label in labels
    )
