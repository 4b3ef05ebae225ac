"""From findings to chunks: bounded, merged by id, ordered, closed under reference."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from itertools import chain
from typing import Final, Protocol

import orjson

from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.bundle.finding import (
    Finding,
    Labels,
    LabelSets,
    NoteDraft,
    Observed,
    merge_labels,
    merge_observed,
    unite,
)
from shadowserver_connector.bundle.made import LAYER, LAYERS, Made

_FIRST_REFERENCED: Final = LAYER["location"]

# What an object adds to a chunk beside its body: its references in Report and Case, its score.
_OVERHEAD: Final = 160
_OBSERVED_SIZE: Final = 700
_REF_SIZE: Final = 64
_REMEMBERED: Final = 4_096

HELD_BYTES: Final = 32 * 1024 * 1024
"""Size of the chunks that wait for the end of the first part."""


class Containers(Protocol):
    """The Report in its parts, and the Case, as seen by one chunk."""

    @property
    def preamble(self) -> Sequence[Made]:
        """Author and markings: every object refers to them, so every chunk carries them."""

    def report(self, part: int, refs: Sequence[str]) -> Encoded:
        """Return the part of the Report that refers to just these objects."""

    def case(self, part: int, refs: Sequence[str], *, only_part: bool) -> Encoded | None:
        """Return the Case as this chunk completes it, or ``None`` where none is wanted."""

    def note_refs(self, part: int) -> tuple[str, ...]:
        """Return the ids of the containers that a Note of this part is attached to."""

    def observed(self, seen: Observed) -> Made:
        """Return an Observed-Data, without labels."""


class _Open:
    """The content of a chunk that may still grow."""

    def __init__(self, part: int, preamble: Sequence[Made]) -> None:
        self.part = part
        self.objects: dict[str, Made] = {made.id: made for made in preamble}
        self.labels: dict[str, LabelSets] = {}
        self.observed: dict[tuple[str, ...], Observed] = {}
        self.notes: dict[str, NoteDraft] = {}
        self.rows = 0
        self.size = sum(len(made.body) for made in preamble)

    def __len__(self) -> int:
        return len(self.objects) + len(self.observed) + len(self.notes)

    def add(self, finding: Finding, fresh: Sequence[Made], size: int) -> None:
        """Add a finding of ``size`` bytes; ``fresh`` are its objects that are not here yet."""
        self.rows += finding.rows
        self.size += size
        if len(fresh) < len(finding.objects):
            self._raise_scores(finding)
        objects, labels, observed = self.objects, self.labels, self.observed
        for made in fresh:
            objects[made.id] = made
        for tagged, new in finding.tags:
            for stix_id in tagged:
                known = labels.get(stix_id)
                if known is None:
                    labels[stix_id] = new
                elif known is not new:
                    labels[stix_id] = merge_labels(known, new)
        for seen in finding.observed:
            earlier = observed.get(seen.refs)
            observed[seen.refs] = seen if earlier is None else merge_observed(earlier, seen)
        for note in finding.notes:
            self.notes[note.id] = note

    def _raise_scores(self, finding: Finding) -> None:
        for stix_id, made in finding.objects.items():
            if made.score is not None and stix_id in self.objects:
                known = self.objects[stix_id]
                if known.score is None or known.score < made.score:
                    self.objects[stix_id] = made


class _Sizes:
    """Estimates how many bytes findings add to a chunk, rather too many than too few."""

    def __init__(self) -> None:
        self._of_labels: dict[Labels, int] = {}

    def of(self, finding: Finding, fresh: Sequence[Made]) -> int:
        """Return the bytes of a finding of whose objects only some are not in the chunk yet."""
        size = _OVERHEAD * len(fresh)
        for made in fresh:
            size += len(made.body)
        for tagged, labels in finding.tags:
            length = self._of_labels.get(labels)
            size += len(tagged) * (self._new_length(labels) if length is None else length)
        for seen in finding.observed:
            size += _OBSERVED_SIZE + len(seen.refs) * _REF_SIZE
        for note in finding.notes:
            size += _OVERHEAD + len(note.body) + len(note.refs) * _REF_SIZE
        return size

    def _new_length(self, labels: Labels) -> int:
        if len(self._of_labels) >= _REMEMBERED:
            self._of_labels.clear()
        length = self._of_labels[labels] = len(orjson.dumps(labels))
        return length


def _size_of_texts(containers: Containers) -> int:
    """Return the bytes of Report and Case without what they refer to."""
    case = containers.case(1, (), only_part=True)
    return len(containers.report(1, ()).json) + (len(case.json) if case else 0)


class ChunkBuilder:
    """Takes findings one by one and emits a chunk whenever the next would not fit.

    The chunks of the first part are held back until it is known whether a second one comes,
    since a Case holds the objects themselves only if the Report has a single part. Beyond
    ``HELD_BYTES`` (countless Notes on few objects) nothing is held, and the Case holds the Report
    alone.
    """

    def __init__(
        self,
        containers: Containers,
        emit: Callable[[Chunk], None],
        *,
        max_objects: int,
        max_bytes: int,
        max_refs: int,
        first_refs: Sequence[str] = (),
    ) -> None:
        self._containers = containers
        self._emit = emit
        self._max_objects = max_objects - 2  # the Report and the Case come on top
        self._max_bytes = max_bytes - _size_of_texts(containers)
        self._max_refs = max_refs
        self._part_refs: set[str] = set(first_refs)
        self._observed_in_part = 0
        self._findings_in_part = 0
        self._held: list[_Open] = []
        self._single = True
        self._sizes = _Sizes()
        self._open = _Open(1, containers.preamble)
        self.parts = 1
        self.merged = 0
        """Rows whose Note stood in the chunk already."""

    def add(self, finding: Finding) -> None:
        """Add a finding, whole, to the chunk that is open or to a new one."""
        known = self._open.objects
        fresh = [made for stix_id, made in finding.objects.items() if stix_id not in known]
        refs = self._new_refs(fresh)
        added = len(refs) + len(finding.observed)
        size = self._sizes.of(finding, fresh)
        if self._findings_in_part and self._refs_held + added > self._max_refs:
            self._next_part()
            fresh = list(finding.objects.values())
            refs = self._new_refs(fresh)
            size = self._sizes.of(finding, fresh)
        elif not self._fits(finding, len(fresh), size):
            self._next_chunk()
            fresh = list(finding.objects.values())
            size = self._sizes.of(finding, fresh)
        self._part_refs.update(refs)
        self._observed_in_part += len(finding.observed)
        self._findings_in_part += 1
        self.merged += _repeated(finding, self._open.notes)
        self._open.add(finding, fresh, size)

    @property
    def _refs_held(self) -> int:
        """References of the part so far; Observed-Data that will be merged count each time."""
        return len(self._part_refs) + self._observed_in_part

    def _new_refs(self, fresh: Sequence[Made]) -> list[str]:
        known = self._part_refs
        return [m.id for m in fresh if m.layer >= _FIRST_REFERENCED and m.id not in known]

    def close(self) -> None:
        """Emit what is left."""
        if self._open.rows:
            self._held.append(self._open)
        self._release()

    def _fits(self, finding: Finding, fresh: int, size: int) -> bool:
        now = self._open
        if not now.rows:
            return True
        objects = len(now) + fresh + len(finding.observed) + len(finding.notes)
        return objects <= self._max_objects and now.size + size <= self._max_bytes

    def _next_chunk(self) -> None:
        if self._open.rows:
            self._held.append(self._open)
        if self.parts > 1 or sum(content.size for content in self._held) > HELD_BYTES:
            self._single = False
            self._release()
        self._open = _Open(self.parts, self._containers.preamble)

    def _next_part(self) -> None:
        self.parts += 1
        self._part_refs = set()
        self._observed_in_part = 0
        self._findings_in_part = 0
        self._next_chunk()

    def _release(self) -> None:
        for content in self._held:
            self._emit(_closed(content, self._containers, only_part=self._single))
        self._held = []


def _repeated(finding: Finding, notes: Container[str]) -> int:
    """Return how many rows have a Note that equals an earlier one."""
    repeated = 0
    met = set()
    for note in finding.notes:
        if note.id in notes or note.id in met:
            repeated += note.rows
        met.add(note.id)
    return repeated


def _closed(content: _Open, containers: Containers, *, only_part: bool) -> Chunk:
    layers: list[list[Encoded]] = [[] for _ in range(LAYERS)]
    observable = _LabelWriter(b',"x_opencti_labels":')
    plain = _LabelWriter(b',"labels":')
    labels = content.labels
    for made in content.objects.values():
        end = observable.end(labels.get(made.id))
        if made.score is not None:
            end = b',"x_opencti_score":%d' % made.score + end
        layers[made.layer].append(Encoded(made.id, made.body + end))
    for seen in content.observed.values():
        made = containers.observed(seen)
        layers[made.layer].append(Encoded(made.id, made.body + plain.end(seen.labels)))
    refs = [o.id for layer in layers[_FIRST_REFERENCED:] for o in layer]
    layers[LAYER["report"]].append(containers.report(content.part, refs))
    case = containers.case(content.part, refs, only_part=only_part)
    if case is not None:
        layers[LAYER["case-incident"]].append(case)
    attached = containers.note_refs(content.part)
    for note in content.notes.values():
        refs_and_end = orjson.dumps([*attached, *note.refs]) + plain.end(labels.get(note.id))
        body = note.body + b',"object_refs":' + refs_and_end
        layers[LAYER["note"]].append(Encoded(note.id, body))
    return Chunk("findings", tuple(chain.from_iterable(layers)), content.rows)


class _LabelWriter:
    """Writes how objects end, with their labels; few sets differ within a chunk."""

    def __init__(self, member: bytes) -> None:
        self._member = member
        self._known: dict[LabelSets, bytes] = {}

    def end(self, labels: LabelSets | None) -> bytes:
        """Return the member with the labels, where there are any, and the closing brace."""
        if not labels:
            return b"}"
        written = self._known.get(labels)
        if written is None:
            written = self._known[labels] = self._member + orjson.dumps(unite(labels)) + b"}"
        return written
