"""How many bytes findings add to a chunk, and how much fits into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from shadowserver_connector.bundle.finding import (
    Finding,
    Labels,
    LabelSets,
    NoteDraft,
    ObservedDraft,
    SerialisedObject,
)

# What an object adds to a chunk in addition to its body: its references in Report and Case, its
# score.
_OVERHEAD: Final = 160
_OBSERVED_SIZE: Final = 700
_REF_SIZE: Final = 64
_LABEL_BYTES: Final = 2 * 1024 * 1024
"""Bytes of the sets of labels whose length is cached."""


class SizeEstimator:
    """Estimates how many bytes findings add to a chunk; rather too many than too few."""

    def __init__(self) -> None:
        self._of_labels: dict[LabelSets, int] = {}
        self._kept = 0

    def of_finding(self, finding: Finding, fresh: Sequence[SerialisedObject]) -> int:
        """Return the bytes that a finding adds to a chunk that only lacks its objects ``fresh``."""
        size = _OVERHEAD * len(fresh)
        for serialised in fresh:
            size += len(serialised.body)
        known = self._of_labels
        for tagged, labels in finding.tags:
            # As `of_labels` does, without its call: this runs for every finding.
            length = known.get(labels)
            size += len(tagged) * (self._new_length(labels) if length is None else length)
        for seen in finding.observed:
            length = known.get(seen.labels)
            if length is None:
                size += self.of_observed(seen)
            else:
                size += _OBSERVED_SIZE + len(seen.refs) * _REF_SIZE + length
        for note in finding.notes:
            size += _OVERHEAD + len(note.body) + len(note.refs) * _REF_SIZE
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
        return self._new_length(labels) if length is None else length

    def _new_length(self, labels: Labels) -> int:
        length = len(orjson.dumps(labels))
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
