"""An object of the platform, and how it is updated when it is sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What lower confidence blocks is everything but these.
_ALWAYS_ADDED = {"labels", "external_references"}
_NEVER_CHANGED = {"Report": {"published", "created"}, "Case-Incident": {"created"}}
# What comes without a confidence has that of its user, the highest here.
FULL_CONFIDENCE = 100


@dataclass(slots=True)
class Thing:
    """An object of the platform; references are internal ids."""

    internal_id: str
    standard_id: str
    entity_type: str
    attributes: dict[str, Any] = field(default_factory=dict)
    one: dict[str, str] = field(default_factory=dict)
    many: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: set[str] = field(default_factory=set)
    confidence: int = FULL_CONFIDENCE


@dataclass(slots=True)
class Oddities:
    """What should not happen; tests expect it to be empty."""

    dropped: list[dict[str, str]] = field(default_factory=list)
    """References that were left out as their target never came: object, reference, missing."""
    rewritten: list[dict[str, str]] = field(default_factory=list)
    """Objects whose sent id is not the platform's: type, sent, standard."""
    merged: list[dict[str, str]] = field(default_factory=list)
    """Look-ups that hit two objects: type, sent, standard."""
    refused: list[dict[str, str]] = field(default_factory=list)
    """Objects or relationships that were refused for their values: type, id, reason."""
    emptied: list[dict[str, str]] = field(default_factory=list)
    """Vocabulary values left out as the vocabulary has no such word: type, field, value."""


def add(
    thing: Thing,
    attributes: dict[str, Any],
    one: dict[str, str],
    many: dict[str, set[str]],
    confidence: int,
) -> None:
    """Add to an object what a later create mutation has, by the rules of upsert."""
    outranked = confidence < thing.confidence
    if not outranked:
        if thing.entity_type == "Observed-Data":
            attributes = _widened(thing.attributes, attributes)
        fixed = _NEVER_CHANGED.get(thing.entity_type, set())
        thing.attributes |= {key: value for key, value in attributes.items() if key not in fixed}
        if confidence == thing.confidence and "created_by" in thing.one:
            one = one | {"created_by": thing.one["created_by"]}
        thing.one |= one
        thing.confidence = confidence
    for name, internals in many.items():
        if not outranked or name in _ALWAYS_ADDED:
            thing.many.setdefault(name, set()).update(internals)


def _widened(known: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    first = min(known["first_observed"], new["first_observed"])
    last = max(known["last_observed"], new["last_observed"])
    number = new.get("number_observed", 1)
    if (first, last) != (known["first_observed"], known["last_observed"]):
        number += known.get("number_observed", 1)
    return new | {"first_observed": first, "last_observed": last, "number_observed": number}


def attach(thing: Thing, name: str, content: bytes, mime: str) -> None:
    """Attach a file; one of the same name is replaced."""
    thing.files[name] = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "mime": mime,
    }
