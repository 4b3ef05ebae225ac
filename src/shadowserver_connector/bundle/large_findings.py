"""Findings that fit in no chunk, divided into several that do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from shadowserver_connector.bundle.finding_objects import (
    ChunkCapacity,
    FindingObjects,
    NoteDraft,
    ObservedDraft,
    SerialisedObject,
    SizeEstimator,
)


class _Piece:
    """Part of a finding that fits in a chunk, with everything it refers to."""

    def __init__(self) -> None:
        self.finding = FindingObjects()
        self.count = 0
        self.size = 0

    def __bool__(self) -> bool:
        return self.count > 0

    def takes(self, count: int, size: int, capacity: ChunkCapacity) -> bool:
        """Tell whether this many objects and bytes fit in addition to what is in it."""
        return self.count + count <= capacity.objects and self.size + size <= capacity.size


def split_finding(
    finding: FindingObjects, sizes: SizeEstimator, capacity: ChunkCapacity
) -> tuple[list[FindingObjects], int]:
    """Return findings that each fit in a chunk, and how many objects are in none of them.

    Each contains what it refers to, so some objects are in several. If the references of a Note or
    Observed-Data alone would be too many for a chunk, some are dropped; each counts as left out.
    """
    division = _FindingSplitter(finding, sizes, capacity)
    for note in finding.notes:
        division.add_note(note)
    for stix_id in finding.objects:
        division.add_object(stix_id)
    for seen in finding.observed:
        division.add_observed(seen)
    return division.pieces(), division.left_out


class _FindingSplitter:
    """Divides one finding: what is added goes into the last piece, or else into a new one."""

    def __init__(
        self, finding: FindingObjects, sizes: SizeEstimator, capacity: ChunkCapacity
    ) -> None:
        self._whole = finding
        self._sizes = sizes
        self._capacity = capacity
        self._pieces: list[_Piece] = []
        self._piece = _Piece()
        # Id of an object -> bytes of its labels.
        self._labels: dict[str, int] = {}
        for tagged, labels in finding.labels:
            for stix_id in tagged:
                length = self._labels.get(stix_id, 0) + sizes.of_labels(labels)
                self._labels[stix_id] = length
        self._refs = {each.id: self._referred(each) for each in finding.objects.values()}
        self.left_out = 0

    def _referred(self, serialised: SerialisedObject) -> list[str]:
        stix = orjson.loads(serialised.body + b"}")
        # Lists of references need no look: objects of a finding have one only of markings, which
        # every chunk has anyway.
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
        # STIX allows no Observed-Data without objects.
        if not refs or not self._add(refs, 1, self._sizes.of_observed(seen)):
            self.left_out += 1
            return
        if len(refs) < len(seen.refs):
            self.left_out += len(seen.refs) - len(refs)
            seen = ObservedDraft(
                tuple(refs), seen.first, seen.last, seen.times, seen.labels, seen.already_sent
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
            note.already_sent = whole.already_sent
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
            if len(needed) + len(more) + 1 > self._capacity.objects or size > self._capacity.size:
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
        if not self._piece.takes(len(fresh) + more, self._weight(fresh) + size, self._capacity):
            fresh = list(needed)
            if not _Piece().takes(len(fresh) + more, self._weight(fresh) + size, self._capacity):
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
        # This ends, because an object refers only to objects of earlier layers.
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

    def pieces(self) -> list[FindingObjects]:
        """Return the pieces with their labels. The last one completes the rows, and counts them."""
        self._close()
        findings = [piece.finding for piece in self._pieces]
        for finding in findings:
            finding.already_sent = self._whole.already_sent.intersection(finding.objects)
            finding.updates = self._whole.updates.intersection(finding.objects)
            inside = {*finding.objects, *(note.id for note in finding.notes)}
            for tagged, labels in self._whole.labels:
                there = [stix_id for stix_id in tagged if stix_id in inside]
                if there:
                    finding.labels.append((there, labels))
        if findings:
            findings[-1].rows = self._whole.rows
        return findings
