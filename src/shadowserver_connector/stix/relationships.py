"""Relationships between what a report names."""

from __future__ import annotations

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.origin import REPORTED_CONFIDENCE, SPEC_VERSION, Origin, StixObject


def relationship(
    origin: Origin,
    relationship_type: str,
    source_ref: str,
    target_ref: str,
    *,
    created: str,
) -> StixObject:
    """Return a relationship; `ValueError` if both ends are the same, which OpenCTI refuses.

    It has no start and stop time, which would be part of its identity, and no external
    references, from which OpenCTI would guess them.
    """
    if source_ref == target_ref:
        raise ValueError(f"{relationship_type} from an object to itself")
    return {
        "type": "relationship",
        "spec_version": SPEC_VERSION,
        "id": ids.relationship(relationship_type, source_ref, target_ref),
        "created_by_ref": origin.author,
        "created": created,
        "modified": created,
        "relationship_type": relationship_type,
        "source_ref": source_ref,
        "target_ref": target_ref,
        "confidence": REPORTED_CONFIDENCE,
        "object_marking_refs": origin.markings,
    }
