"""A chunk: the STIX objects of one message, and which of them OpenCTI may have already."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from shadowserver_connector.stix.ids import NAMESPACE, type_of

# Of objects of these types, the id is computed from all that is sent: of two with the same id, the
# second says nothing new.
_DETERMINED_BY_ID: Final = frozenset(
    (
        *("identity", "marking-definition", "location", "autonomous-system", "relationship"),
        *("vulnerability", "malware", "attack-pattern", "software", "user-agent"),
    )
)
# The same for these, except for their labels and score.
_DETERMINED_BY_LABELS: Final = frozenset(
    (
        *("ipv4-addr", "ipv6-addr", "mac-addr", "network-traffic"),
        *("domain-name", "hostname", "url", "email-addr"),
    )
)
# Observables that say more than that, such as a file's name or a certificate's subject.
_DESCRIBED: Final = frozenset(("file", "x509-certificate", "ssh-key", "user-account"))
# When OpenCTI deletes an object, it deletes the relationships of it as well. Objects of these types
# stay and only lose the reference to it.
_KEPT_WITHOUT_TARGET: Final = frozenset(("network-traffic", "observed-data", "note"))
_NAMESPACE: Final = uuid.UUID(NAMESPACE)


class LabelsAndScore(NamedTuple):
    """What an observable says besides its id."""

    labels: frozenset[str]
    score: int | None

    def is_contained_in(self, other: LabelsAndScore) -> bool:
        """Tell whether an observable with the ``other`` values has these labels and this score."""
        # An import adds labels and removes none, so what OpenCTI has may have more of them.
        return self.labels <= other.labels and self.score in (None, other.score)


def labels_and_score(labels: Iterable[str], score: int | None) -> LabelsAndScore:
    """Return labels and score as they are compared: OpenCTI lower-cases labels."""
    return LabelsAndScore(frozenset([label.lower() for label in labels]), score)


class ChunkObject:
    """One STIX object, serialised once."""

    __slots__ = ("id", "json")

    id: str
    json: bytes

    def __init__(self, id: str, json: bytes) -> None:
        self.id = id
        self.json = json


# Without `==`: that of `ChunkObject` is identity, so two equal chunks would compare as different.
@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """STIX objects in order of dependencies; every reference is to an object in the chunk.

    The sender may leave out objects that OpenCTI has.
    """

    objects: tuple[ChunkObject, ...]
    rows: int
    """Rows of the report that this chunk completes; 0 for a chunk with only the Artifact."""
    already_sent: frozenset[str] = frozenset()
    """Ids of objects that an earlier import brought to OpenCTI, unchanged since."""
    has_comparison: bool = False
    """Whether the report was compared with the history. Only then is OpenCTI asked what it has."""

    def determined_by_id(self) -> frozenset[str]:
        """Return the ids of objects that say no more than their id, if the report was compared."""
        if not self.has_comparison:
            return frozenset()
        return frozenset(each.id for each in self.objects if type_of(each.id) in _DETERMINED_BY_ID)

    def determined_by_labels(self) -> dict[str, LabelsAndScore]:
        """Return by id the objects that add only labels and a score, if the report was compared."""
        if not self.has_comparison:
            return {}
        found = {}
        for each in self.objects:
            # What was sent already had these labels and score before: it only has to exist.
            if type_of(each.id) in _DETERMINED_BY_LABELS and each.id not in self.already_sent:
                stix = orjson.loads(each.json)
                labels = stix.get("x_opencti_labels", ())
                found[each.id] = labels_and_score(labels, stix.get("x_opencti_score"))
        return found

    def described(self) -> frozenset[str]:
        """Return the ids of observables that say more than id and labels, if anything recurs.

        They are sent whether OpenCTI has them or not. But what recurs may refer to one of them, and
        have lost the reference if that was deleted.
        """
        if not self.already_sent:
            return frozenset()
        return frozenset(
            each.id
            for each in self.objects
            if type_of(each.id) in _DESCRIBED and each.id not in self.already_sent
        )

    def artifact(self) -> ChunkObject | None:
        """Return the report's original file, if it is in this chunk."""
        return next((each for each in self.objects if each.id.startswith("artifact--")), None)

    def types(self, leave_out: Container[str] = ()) -> list[str]:
        """Return the STIX type of each object, except those whose ids are in ``leave_out``."""
        return [type_of(each.id) for each in self.objects if each.id not in leave_out]

    def referring(self, ids: Collection[str], to: Collection[str]) -> frozenset[str]:
        """Return which of the objects ``ids`` refer to one of ``to`` and survive its deletion."""
        return frozenset(
            each.id
            for each in self.objects
            if each.id in ids
            and type_of(each.id) in _KEPT_WITHOUT_TARGET
            and not _references(orjson.loads(each.json)).isdisjoint(to)
        )

    def bundle(self, leave_out: Collection[str] = ()) -> bytes:
        """Return the STIX bundle as UTF-8 JSON, without the objects whose ids are in ``leave_out``.

        The bundle's id is derived from the ids inside, so that equal chunks are equal bytes.
        """
        kept = [o for o in self.objects if o.id not in leave_out] if leave_out else self.objects
        name = uuid.uuid5(_NAMESPACE, "\n".join([o.id for o in kept]))
        # In STIX 2.1, unlike 2.0, a bundle has no `spec_version`.
        head = b'{"type":"bundle","id":"bundle--%s","objects":[' % str(name).encode()
        return head + b",".join([o.json for o in kept]) + b"]}"


def _references(stix: Mapping[str, Any]) -> set[str]:
    refs = [value for name, value in stix.items() if name.endswith("_ref")]
    lists = [value for name, value in stix.items() if name.endswith("_refs")]
    return set(chain(refs, *lists))
