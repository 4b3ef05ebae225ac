"""The ids that the platform gives to objects, by the platform's rules.

Written from the rules alone, independently of the connector's code, so that the two check each
other. Network-Traffic has no rule that a client could follow (`network_traffic`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
_HASH_ORDER = ("MD5", "SHA-1", "SHA-256", "SHA-512")

TLP_IDS = {
    "TLP:CLEAR": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "TLP:WHITE": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "TLP:GREEN": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "TLP:AMBER": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "TLP:AMBER+STRICT": "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37",
    "TLP:RED": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}

IDENTITIES = {
    "Organization": "organization",
    "Individual": "individual",
    "System": "system",
    "Sector": "class",
    "SecurityPlatform": "securityplatform",
}
LOCATIONS = {"Country", "City", "Region", "Administrative-Area", "Position"}

_PREFIXES = {"StixFile": "file", **dict.fromkeys(IDENTITIES, "identity")}
_PREFIXES |= dict.fromkeys(LOCATIONS, "location")


def standard_id(entity_type: str, attributes: Mapping[str, Any]) -> str:
    """Return the standard id of an object; references in `attributes` are standard ids."""
    if entity_type == "Marking-Definition" and attributes["definition"] in TLP_IDS:
        return TLP_IDS[attributes["definition"]]
    identifying = {
        key: value
        for key, value in _rule(entity_type)(attributes).items()
        if value not in (None, "")
    }
    if not identifying:
        raise ValueError(f"{entity_type}: nothing that identifies it in {dict(attributes)}")
    return f"{prefix(entity_type)}--{uuid.uuid5(_NAMESPACE, _canonical(identifying))}"


def relationship_id(kind: str, source: str, target: str) -> str:
    """Return the standard id of a relationship without times between two standard ids."""
    parts = {"relationship_type": kind, "source_ref": source, "target_ref": target}
    return f"relationship--{uuid.uuid5(_NAMESPACE, _canonical(parts))}"


def network_traffic(sent_id: str) -> str:
    """Return an id for a Network-Traffic object that is never the one that was sent.

    The platform hashes the stored documents of the addresses into it, which no client knows; here
    it only has to differ, and to be the same for the same object.
    """
    return f"network-traffic--{uuid.uuid5(_NAMESPACE, sent_id)}"


def prefix(entity_type: str) -> str:
    """Return what a type's ids start with."""
    return _PREFIXES.get(entity_type, entity_type.lower())


def _canonical(value: Mapping[str, Any]) -> str:
    # RFC 8785 for what occurs here: text, integers, lists of text, nested objects.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _rule(entity_type: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    if entity_type in IDENTITIES:
        return lambda it: {
            "name": _folded(it["name"]),
            "identity_class": IDENTITIES[entity_type],
        }
    if entity_type in LOCATIONS:
        return lambda it: {
            "name": _folded(it["name"]),
            "x_opencti_location_type": entity_type,
        }
    return _RULES.get(entity_type, lambda it: {"value": it.get("value")})


def _folded(text: str | None) -> str | None:
    return None if text is None else text.strip().lower()


def _first_hash(hashes: Mapping[str, str] | None) -> dict[str, str] | None:
    for algorithm in _HASH_ORDER:
        if hashes and hashes.get(algorithm):
            return {algorithm: hashes[algorithm]}
    return None


def _first(it: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    for name in names:
        value = _first_hash(it.get(name)) if name == "hashes" else it.get(name)
        if value:
            return {name: value}
    return {}


def _same(*names: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda it: {name: it.get(name) for name in names}


def _note(it: Mapping[str, Any]) -> dict[str, Any]:
    abstract = it.get("attribute_abstract") or ""
    return {
        "content": it["content"].strip(),
        "created": it["created"],
        "attribute_abstract": abstract.strip(),
    }


def _named(it: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": _folded(it["name"])}


_RULES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "Autonomous-System": _same("number"),
    "Domain-Name": lambda it: {"value": it["value"].lower()},
    "Email-Addr": lambda it: {"value": it["value"].lower()},
    "Software": lambda it: {
        "name": it["name"].lower(),
        **_same("cpe", "swid", "vendor", "version")(it),
    },
    "X509-Certificate": lambda it: _first(it, ("hashes", "serial_number", "subject")),
    "Artifact": lambda it: _first(it, ("hashes", "url")),
    "StixFile": lambda it: _first(it, ("hashes", "name")),
    "User-Account": _same("account_type", "user_id", "account_login"),
    "SSH-Key": _same("fingerprint_sha256"),
    "Observed-Data": lambda it: {"objects": sorted(it["objects"])},
    "Note": _note,
    "Report": lambda it: {"name": _folded(it["name"]), "published": it["published"]},
    "Case-Incident": lambda it: {"name": _folded(it["name"]), "created": it["created"]},
    "Vulnerability": _named,
    "Malware": _named,
    "Infrastructure": _named,
    "Attack-Pattern": lambda it: (
        {"x_mitre_id": _folded(it["x_mitre_id"])} if it.get("x_mitre_id") else _named(it)
    ),
    "Indicator": lambda it: {"pattern": it["pattern"].strip()},
    "Label": lambda it: {"value": _folded(it["value"])},
    "External-Reference": lambda it: (
        {"url": it["url"]} if it.get("url") else _same("source_name", "external_id")(it)
    ),
    "Marking-Definition": _same("definition_type", "definition"),
    "Kill-Chain-Phase": _same("phase_name", "kill_chain_name"),
    "Vocabulary": lambda it: {"name": _folded(it["name"]), "category": it["category"]},
}
