"""Report, case, note and observed-data, which contain a report's objects, and relationships.

They are Shadowserver's own statements, all with the same confidence: OpenCTI adds no references to
a container that it stores with a higher one. All times are `YYYY-MM-DDTHH:MM:SS.mmmZ`: they are
part of the ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.shared_objects import (
    REPORTED_CONFIDENCE,
    SPEC_VERSION,
    Origin,
    StixObject,
)

MAX_NUMBER_OBSERVED = 999_999_999
"""Upper limit of `number_observed`, STIX 2.1 section 4.14."""


class ReportText(NamedTuple):
    """What a Report and a Case say alike of the report file."""

    name: str
    """With ``published``, what identifies it."""
    published: str
    """Noon UTC of the day covered: ``YYYY-MM-DDT12:00:00.000Z``."""
    description: str
    """Markdown."""
    object_refs: Sequence[str]
    """Ids in this part, never empty; a Case also names its Report. OpenCTI merges the parts'."""
    file_name: str
    """Of the report file: its external reference."""
    labels: Sequence[str] = ()


def report(origin: Origin, about: ReportText, link: str | None = None) -> StixObject:
    """Return a Report.

    ``link`` is the download link, or None. It opens the file without credentials, so it is given
    only where the user asked for it.
    """
    own = {
        "name": about.name,
        "description": about.description,
        # One of the two in OpenCTI's vocabulary; the other is internal-report.
        "report_types": ["threat-report"],
        "published": about.published,
        "object_refs": _not_empty("report", about.object_refs),
        "external_references": [_file_reference(about.file_name, link)],
    }
    stix_id = ids.report(name=about.name, published=about.published)
    # Created on that day too: OpenCTI sets a Report's creation date to its publication anyway.
    return _object("report", origin, stix_id, about.published, own, about.labels)


def case_incident(origin: Origin, about: ReportText, *, severity: str, priority: str) -> StixObject:
    """Return an incident response case, OpenCTI's type.

    ``severity`` is low, medium, high or critical, ``priority`` P1 to P4.
    """
    own = {
        "name": about.name,
        "description": about.description,
        "severity": severity,
        "priority": priority,
        "object_refs": _not_empty("case", about.object_refs),
        "external_references": [_file_reference(about.file_name, None)],
    }
    stix_id = ids.case_incident(name=about.name, created=about.published)
    return _object("case-incident", origin, stix_id, about.published, own, about.labels)


def note(
    origin: Origin,
    *,
    stix_id: str,
    abstract: str,
    content: str,
    created: str,
    object_refs: Sequence[str],
) -> StixObject:
    """Return a Note on everything in ``object_refs``, which must not be empty.

    ``stix_id`` is one of ours (`ids.note_of_finding`). The platform takes two Notes with the same
    texts and ``created`` for one. Neither text may hold a bare `<`: its import would rewrite it.
    """
    own = {
        "abstract": abstract,
        "content": content,
        # From OpenCTI's vocabulary: neither analysed nor assessed by the importer.
        "note_types": ["external"],
        "object_refs": _not_empty("note", object_refs),
    }
    return _object("note", origin, stix_id, created, own)


def observed_data(
    origin: Origin,
    *,
    first_observed: str,
    last_observed: str,
    number_observed: int,
    object_refs: Sequence[str],
) -> StixObject:
    """Return an Observed-Data of observables, at least one, each named once.

    The set of observables identifies it, on whatever day; ``number_observed`` beyond STIX's limit
    is cut to `MAX_NUMBER_OBSERVED`.
    """
    if not object_refs:
        raise ValueError("observed-data without observables")
    own = {
        # With a wider span it is another version of the object, which STIX tells by a later time.
        "modified": last_observed,
        "first_observed": first_observed,
        "last_observed": last_observed,
        "number_observed": min(number_observed, MAX_NUMBER_OBSERVED),
        # As the id has them: OpenCTI computes it from sorted references.
        "object_refs": sorted(object_refs),
    }
    stix_id = ids.observed_data(object_refs)
    return _object("observed-data", origin, stix_id, first_observed, own)


def _object(
    kind: str,
    origin: Origin,
    stix_id: str,
    created: str,
    own: StixObject,
    labels: Sequence[str] = (),
) -> StixObject:
    stix: StixObject = {
        "type": kind,
        "spec_version": SPEC_VERSION,
        "id": stix_id,
        "created_by_ref": origin.author,
        # Fixed by the report: a Note or Case without a time of its own would be new in every run.
        "created": created,
        "modified": created,
        **own,
        "confidence": REPORTED_CONFIDENCE,
        "object_marking_refs": origin.markings,
    }
    if labels:
        stix["labels"] = list(labels)
    return stix


def _not_empty(what: str, object_refs: Sequence[str]) -> list[str]:
    if not object_refs:
        # STIX allows no empty list, and one invalid object makes the whole bundle invalid.
        raise ValueError(f"{what} without references")
    return list(object_refs)


def _file_reference(file_name: str, link: str | None) -> dict[str, str]:
    # One for each file: a reference that many objects share is a document that OpenCTI locks.
    reference = {"source_name": "Shadowserver", "external_id": file_name}
    if link is not None:
        reference["url"] = link
    return reference


def relationship(
    origin: Origin, relationship_type: str, source_ref: str, target_ref: str, *, created: str
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
