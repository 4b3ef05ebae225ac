"""What one finding adds to a bundle, how many bytes that is, and how much fits into a chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

# Objects are in a chunk in an order in which each refers only to earlier ones.
_LAYERS: Final = (
    ("identity", "marking-definition"),
    ("location", "autonomous-system"),
    ("vulnerability", "malware", "attack-pattern"),
    ("software", "user-agent", "mac-addr", "artifact"),
    # An address that a row is about, and the others.
    ("affected",),
    ("ipv4-addr", "ipv6-addr"),
    ("domain-name", "hostname", "x509-certificate", "url", "email-addr", "user-account"),
    ("file", "ssh-key"),
    ("network-traffic",),
    ("indicator",),
    ("relationship",),
    # Relationships to a country or an autonomous system.
    ("located-at", "belongs-to"),
    ("observed-data",),
    ("note",),
    ("report",),
    ("case-incident",),
)
LAYER_OF: Final[Mapping[str, int]] = {
    name: layer for layer, names in enumerate(_LAYERS) for name in names
}
LAYER_COUNT: Final = len(_LAYERS)

CONTAINED_LAYERS: Final = tuple(
    LAYER_OF[name]
    for name in (
        *("affected", "ipv4-addr", "domain-name", "file", "software", "vulnerability"),
        *("indicator", "relationship"),
    )
)
"""Layers of what a Report and a Case contain, in the order in which they name it; Notes come last.

Countries and autonomous systems are left out because hundreds of findings share them, which would
turn a graph into a star; Network-Traffic and Observed-Data because OpenCTI draws them unconnected,
titled by a port or by any of their members. All four are on the pages of the addresses.
"""


# A plain class, as the drafts below: each row creates some, and mypyc makes these much faster than
# tuples or dataclasses.
class SerialisedObject:
    """An object's id, its place in the order, and its JSON without the closing brace.

    Labels and score are not in ``body``: they differ from row to row; a chunk joins the labels and
    takes the highest score.
    """

    __slots__ = ("body", "id", "layer", "score")

    id: str
    layer: int
    body: bytes
    score: int | None

    def __init__(self, id: str, layer: int, body: bytes, score: int | None = None) -> None:
        self.id = id
        self.layer = layer
        self.body = body
        self.score = score


def serialise(stix: Mapping[str, Any], score: int | None = None) -> SerialisedObject:
    """Encode a STIX object of any type named in this module; ``KeyError`` for another type."""
    return SerialisedObject(stix["id"], LAYER_OF[stix["type"]], orjson.dumps(stix)[:-1], score)


Labels = tuple[str, ...]
"""Clean labels, sorted."""

# Most objects have one set, which costs no frozenset.
LabelSets = Labels | frozenset[Labels]
"""The labels of a row, or of several with different ones."""


class ObservedDraft:
    """An Observed-Data before merging: one row's, or several with the same observables."""

    __slots__ = ("already_sent", "first", "labels", "last", "refs", "times")

    refs: tuple[str, ...]
    """Ids of observables, sorted; they identify it."""
    first: str
    last: str
    times: int
    """How often it was seen: ``number_observed``."""
    labels: LabelSets
    already_sent: bool
    """Whether an earlier import brought it to OpenCTI, and it needs no update today."""

    def __init__(
        self,
        refs: tuple[str, ...],
        first: str,
        last: str,
        times: int,
        labels: LabelSets,
        already_sent: bool = False,
    ) -> None:
        self.refs = refs
        self.first = first
        self.last = last
        self.times = times
        self.labels = labels
        self.already_sent = already_sent


class NoteDraft:
    """A Note that does not know its containers yet."""

    __slots__ = ("already_sent", "attached", "body", "contained", "id", "refs", "rows")

    id: str
    body: bytes
    """JSON without ``object_refs``, labels and the closing brace."""
    refs: tuple[str, ...]
    """Observables that it is about."""
    rows: int
    """Rows of the report that are in it."""
    already_sent: bool
    """Whether an earlier import brought it to OpenCTI."""
    attached: bool
    """Whether it refers to Report and Case, which shows it on their pages."""
    contained: bool
    """Whether Report and Case refer to it; never true together with ``attached``."""

    def __init__(self, id: str, body: bytes, refs: tuple[str, ...], rows: int) -> None:
        self.id = id
        self.body = body
        self.refs = refs
        self.rows = rows
        self.already_sent = False
        self.attached = not refs
        self.contained = False


@dataclass(slots=True)
class FindingObjects:
    """Objects of a finding, or of a host's findings where they share a Note.

    They refer only to each other, and to author, markings and containers.
    """

    objects: dict[str, SerialisedObject] = field(default_factory=dict)
    labels: list[tuple[Sequence[str], Labels]] = field(default_factory=list)
    """Ids of objects, and the labels of a row that are put on them."""
    observed: list[ObservedDraft] = field(default_factory=list)
    """One for each row; those of the same observables are merged later."""
    notes: list[NoteDraft] = field(default_factory=list)
    rows: int = 0
    already_sent: set[str] = field(default_factory=set)
    """Ids of those ``objects`` that an earlier import brought to OpenCTI, unchanged since."""
    updates: set[str] = field(default_factory=set)
    """Ids of those ``objects`` that are sent again in any case."""


def merge_observed(one: ObservedDraft, other: ObservedDraft) -> ObservedDraft:
    """Return the Observed-Data that covers both; they have the same observables."""
    first, last = min(one.first, other.first), max(one.last, other.last)
    labels = merge_label_sets(one.labels, other.labels)
    # It must be sent if either of the two must.
    already_sent = one.already_sent and other.already_sent
    return ObservedDraft(one.refs, first, last, one.times + other.times, labels, already_sent)


def merge_label_sets(one: LabelSets, other: LabelSets) -> LabelSets:
    """Return the sets of both, each once."""
    return one if one == other else _sets(one) | _sets(other)


def _sets(labels: LabelSets) -> frozenset[Labels]:
    return frozenset((labels,)) if isinstance(labels, tuple) else labels


def flatten_label_sets(labels: LabelSets) -> Sequence[str]:
    """Return the labels of all sets, each once, sorted."""
    return sorted({label for some in _sets(labels) for label in some})


# What an object adds to a chunk in addition to its body: its references in Report and Case, its
# score, closing brace and comma.
_OVERHEAD: Final = 160
# An Observed-Data without references and labels has some 480 bytes.
_OBSERVED_SIZE: Final = 700
# An id has at most 59 bytes, with quotes and comma.
_REF_SIZE: Final = 64
_LABEL_BYTES: Final = 2 * 1024 * 1024
"""Bytes of the sets of labels whose length is cached."""


class SizeEstimator:
    """Estimates how many bytes findings add to a chunk; rather too many than too few."""

    def __init__(self) -> None:
        self._of_labels: dict[Labels, int] = {}
        self._kept = 0

    def of_finding(self, finding: FindingObjects, fresh: Sequence[SerialisedObject]) -> int:
        """Return the bytes that a finding adds to a chunk that only lacks its objects ``fresh``."""
        size = _OVERHEAD * len(fresh)
        for serialised in fresh:
            size += len(serialised.body)
        for tagged, labels in finding.labels:
            size += len(tagged) * self.of_labels(labels)
        for seen in finding.observed:
            size += self.of_observed(seen)
        for note in finding.notes:
            size += self.of_note(note)
        return size

    def of_object(self, serialised: SerialisedObject) -> int:
        """Return the bytes of an object without labels."""
        return _OVERHEAD + len(serialised.body)

    def of_observed(self, seen: ObservedDraft) -> int:
        """Return the bytes of an Observed-Data."""
        labels = seen.labels
        size = _OBSERVED_SIZE + len(seen.refs) * _REF_SIZE
        if isinstance(labels, tuple):
            return size + self.of_labels(labels)
        return size + sum([self.of_labels(some) for some in labels])

    def of_note(self, note: NoteDraft) -> int:
        """Return the bytes of a Note without labels."""
        return _OVERHEAD + len(note.body) + len(note.refs) * _REF_SIZE

    def of_labels(self, labels: Labels) -> int:
        """Return the bytes of a set of labels on one object."""
        length = self._of_labels.get(labels)
        if length is None:
            length = len(orjson.dumps(labels))
            # Tags come from the file: each row may have others.
            if self._kept > _LABEL_BYTES:
                self._of_labels.clear()
                self._kept = 0
            self._kept += length + _OVERHEAD
            self._of_labels[labels] = length
        return length


class ChunkCapacity:
    """How much fits into a chunk besides author, markings, Report and Case."""

    __slots__ = ("objects", "size")

    objects: int
    size: int
    """Bytes."""

    def __init__(self, objects: int, size: int) -> None:
        self.objects = objects
        self.size = size
