"""Findings that fit in no chunk, divided into several that do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


class Sizes:
    """Estimates how many bytes findings add to a chunk; rather too many than too few."""

    def __init__(self) -> None:
        self._of_labels: dict[LabelSets, int] = {}
        self._kept = 0

    def of(self, finding: Finding, fresh: Sequence[SerialisedObject]) -> int:
        """Return the bytes that a finding adds to a chunk that only lacks its objects ``fresh``."""
        size = _OVERHEAD * len(fresh)
        for made in fresh:
            size += len(made.body)
        known = self._of_labels
        for tagged, labels in finding.tags:
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

    def of_object(self, made: SerialisedObject) -> int:
        """Return the bytes of an object without labels."""
        return _OVERHEAD + len(made.body)

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


class _Piece:
    """Part of a finding that fits in a chunk, with everything it refers to."""

    def __init__(self) -> None:
        self.finding = Finding()
        self.count = 0
        self.size = 0

    def __bool__(self) -> bool:
        return self.count > 0

    def takes(self, count: int, size: int, room: Room) -> bool:
        """Tell whether this many objects and bytes fit in addition to what is in it."""
        return self.count + count <= room.objects and self.size + size <= room.size


class Room:
    """How much fits into a chunk besides author, markings, Report and Case."""

    __slots__ = ("objects", "size")

    objects: int
    size: int
    """Bytes."""

    def __init__(self, objects: int, size: int) -> None:
        self.objects = objects
        self.size = size


def split_finding(finding: Finding, sizes: Sizes, room: Room) -> tuple[list[Finding], int]:
    """Return findings that each fit in a chunk, and how many objects are in none of them.

    Each contains what it refers to, so some objects are in several. If the references of a Note or
    Observed-Data alone would be too many for a chunk, some are dropped; each counts as left out.
    """
    division = _FindingSplitter(finding, sizes, room)
    for note in finding.notes:
        division.add_note(note)
    for stix_id in finding.objects:
        division.add_object(stix_id)
    for seen in finding.observed:
        division.add_observed(seen)
    return division.pieces(), division.left_out


class _FindingSplitter:
    """Divides one finding: what is added goes into the last piece, or else into a new one."""

    def __init__(self, finding: Finding, sizes: Sizes, room: Room) -> None:
        self._whole = finding
        self._sizes = sizes
        self._room = room
        self._pieces: list[_Piece] = []
        self._piece = _Piece()
        # Id of an object -> bytes of its labels.
        self._labels: dict[str, int] = {}
        for tagged, labels in finding.tags:
            for stix_id in tagged:
                length = self._labels.get(stix_id, 0) + sizes.of_labels(labels)
                self._labels[stix_id] = length
        self._refs = {made.id: self._referred(made) for made in finding.objects.values()}
        self.left_out = 0

    def _referred(self, made: SerialisedObject) -> list[str]:
        stix = orjson.loads(made.body + b"}")
        refs = [value for name, value in stix.items() if name.endswith("_ref")]
        return [ref for ref in refs if ref in self._whole.objects]

    def add_object(self, stix_id: str) -> None:
        """Add an object with what it refers to, unless it is in the last piece already."""
        if stix_id in self._piece.finding.objects:
            return
        if not self._add([stix_id], 0, 0):
            self.left_out += 1

    def add_observed(self, seen: ObservedDraft) -> None:
        """Add an Observed-Data with its observables."""
        refs = self._most(seen.refs, self._sizes.of_observed(seen))
        if not refs or not self._add(refs, 1, self._sizes.of_observed(seen)):
            self.left_out += 1
            return
        if len(refs) < len(seen.refs):
            self.left_out += len(seen.refs) - len(refs)
            seen = ObservedDraft(
                tuple(refs), seen.first, seen.last, seen.number, seen.labels, seen.recurs
            )
        self._piece.finding.observed.append(seen)

    def add_note(self, note: NoteDraft) -> None:
        """Add a Note with what it is about."""
        own = self._sizes.of_note(note) + self._labels.get(note.id, 0)
        refs = self._most(note.refs, own)
        if not self._add(refs, 1, own):
            self.left_out += 1
            return
        if len(refs) < len(note.refs):
            self.left_out += len(note.refs) - len(refs)
            whole = note
            note = NoteDraft(whole.id, whole.body, tuple(refs), whole.rows)
            note.recurs = whole.recurs
            # A Note must refer to something: without its observables, to the Report.
            note.attached = whole.attached or not refs
            note.contained = whole.contained and not note.attached
        self._piece.finding.notes.append(note)

    def _most(self, refs: Sequence[str], own: int) -> list[str]:
        """Return the first references, as many as fit in a chunk with one more object of ``own``
        bytes, which has them.
        """
        needed: set[str] = set()
        size = own
        taken: list[str] = []
        for ref in refs:
            more = [each for each in self._closure(ref) if each not in needed]
            size += self._weight(more)
            if len(needed) + len(more) + 1 > self._room.objects or size > self._room.size:
                break
            needed.update(more)
            taken.append(ref)
        return taken

    def _add(self, stix_ids: Iterable[str], more: int, size: int) -> bool:
        """Add objects and what they refer to; return ``False`` if they fit in no piece.

        With them come ``more`` others, which take ``size`` bytes.
        """
        needed = dict.fromkeys(each for stix_id in stix_ids for each in self._closure(stix_id))
        fresh = [each for each in needed if each not in self._piece.finding.objects]
        if not self._piece.takes(len(fresh) + more, self._weight(fresh) + size, self._room):
            fresh = list(needed)
            if not _Piece().takes(len(fresh) + more, self._weight(fresh) + size, self._room):
                return False
            self._close()
        piece = self._piece
        piece.count += len(fresh) + more
        piece.size += self._weight(fresh) + size
        for each in fresh:
            piece.finding.objects[each] = self._whole.objects[each]
        return True

    def _closure(self, stix_id: str) -> list[str]:
        """Return the ids of an object and everything it refers to, which comes first."""
        referred = [each for ref in self._refs[stix_id] for each in self._closure(ref)]
        return [*referred, stix_id]

    def _weight(self, stix_ids: Iterable[str]) -> int:
        objects, labels = self._whole.objects, self._labels
        return sum(
            [self._sizes.of_object(objects[each]) + labels.get(each, 0) for each in stix_ids]
        )

    def _close(self) -> None:
        if self._piece:
            self._pieces.append(self._piece)
        self._piece = _Piece()

    def pieces(self) -> list[Finding]:
        """Return the pieces with their labels. The last one completes the rows, and counts them."""
        self._close()
        findings = [piece.finding for piece in self._pieces]
        for finding in findings:
            finding.recurring = self._whole.recurring.intersection(finding.objects)
            inside = {*finding.objects, *(note.id for note in finding.notes)}
            for tagged, labels in self._whole.tags:
                there = [stix_id for stix_id in tagged if stix_id in inside]
                if there:
                    finding.tags.append((there, labels))
        if findings:
            findings[-1].rows = self._whole.rows
        return findings
