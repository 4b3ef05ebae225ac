"""Indicators for malicious infrastructure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.origin import SHARED_CONFIDENCE, SPEC_VERSION, Origin, StixObject

_OPENCTI_TYPES: Final = MappingProxyType(
    {
        "ipv4-addr": "IPv4-Addr",
        "ipv6-addr": "IPv6-Addr",
        "domain-name": "Domain-Name",
        "url": "Url",
    }
)


def indicator(
    origin: Origin, observable: StixObject, *, valid_from: str, score: int | None = None
) -> StixObject:
    """Return the indicator for an address, a domain name or a URL.

    Link it to the observable with `based-on`. The pattern alone identifies it, so other sources
    may have it too: hence the low confidence. `KeyError` for another type of observable.
    """
    value = observable["value"]
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    pattern = f"[{observable['type']}:value = '{escaped}']"
    stix_indicator: StixObject = {
        "type": "indicator",
        "spec_version": SPEC_VERSION,
        "id": ids.indicator(pattern),
        "created_by_ref": origin.author,
        "created": valid_from,
        "modified": valid_from,
        "name": value,
        "description": "Malicious infrastructure in a report of The Shadowserver Foundation.",
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": valid_from,
        "confidence": SHARED_CONFIDENCE,
        "object_marking_refs": origin.markings,
        "x_opencti_main_observable_type": _OPENCTI_TYPES[observable["type"]],
    }
    if score is not None:
        stix_indicator["x_opencti_score"] = score
    return stix_indicator
