"""From findings to chunks: bounded, merged by id, ordered, closed under reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import orjson

from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.bundle.finding import (
    Finding,
    Labels,
    NoteDraft,
    Observed,
    merge_observed,
    unite,
)
from shadowserver_connector.bundle.made import LAYER, LAYERS, Made

_FIRST_REFERENCED: Final = LAYER["location"]

# What an object adds to a chunk beside its body: its references in Report and Case, its score.
_OVERHEAD: Final = 160
_OBSERVED_SIZE: Final = 700
_REF_SIZE: Final = 64


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

    def observed(self, seen: Observed) -> bytes:
        """Return the JSON of an Observed-Data without labels and the closing brace."""


class _Open:
    """The content of a chunk that may still grow."""

    def __init__(self, part: int, preamble: Sequence[Made]) -> None:
        self.part = part
        self.objects: dict[str, Made] = {made.id: made for made in preamble}
        self.labels: dict[str, set[Labels]] = {}
        self.observed: dict[str, Observed] = {}
        self.notes: dict[str, NoteDraft] = {}
        self.rows = 0
        self.size = sum(len(made.body) for made in preamble)

    def __len__(self) -> int:
        return len(self.objects) + len(self.observed) + len(self.notes)

    def add(self, finding: Finding) -> None:
        self.rows += finding.rows
        objects = self.objects
        for stix_id, made in finding.objects.items():
            known = objects.get(stix_id)
            if known is None:
                objects[stix_id] = made
                self.size += len(made.body) + _OVERHEAD
            elif (made.score or -1) > (known.score or -1):
                objects[stix_id] = known._replace(score=made.score)
        for stix_id, sets in finding.labels.items():
            labels = self.labels.setdefault(stix_id, set())
            self.size += sum(len(label) + 3 for new in sets - labels for label in new)
            labels |= sets
        for stix_id, seen in finding.observed.items():
            earlier = self.observed.get(stix_id)
            self.observed[stix_id] = seen if earlier is None else merge_observed(earlier, seen)
        self.notes.update(finding.notes)
        self.size += _size_of_records(finding)


def _size_of_records(finding: Finding) -> int:
    observed = sum(
        _OBSERVED_SIZE + len(seen.refs) * _REF_SIZE for seen in finding.observed.values()
    )
    notes = sum(
        len(note.body) + _OVERHEAD + len(note.refs) * _REF_SIZE for note in finding.notes.values()
    )
    return observed + notes


class ChunkBuilder:
    """Takes findings one by one and emits a chunk whenever the next would not fit.

    The chunks of the first part are held back until it is known whether a second one comes,
    since a Case holds the objects themselves only if the Report has a single part. A part is
    bounded by ``max_refs``, and so is what is held.
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
        self._max_bytes = max_bytes
        self._max_refs = max_refs
        self._part_refs: set[str] = set(first_refs)
        self._held: list[_Open] = []
        self._open = _Open(1, containers.preamble)
        self.parts = 1
        self.merged = 0
        """Rows whose Note stood in the chunk already."""

    def add(self, finding: Finding) -> None:
        """Add a finding, whole, to the chunk that is open or to a new one."""
        new_refs = {
            stix_id
            for stix_id, made in finding.objects.items()
            if made.layer >= _FIRST_REFERENCED and stix_id not in self._part_refs
        }
        new_refs.update(stix_id for stix_id in finding.observed if stix_id not in self._part_refs)
        if self._part_refs and len(self._part_refs) + len(new_refs) > self._max_refs:
            self._next_part()
            new_refs = {i for i, m in finding.objects.items() if m.layer >= _FIRST_REFERENCED}
            new_refs.update(finding.observed)
        elif not self._fits(finding):
            self._next_chunk()
        self._part_refs |= new_refs
        if finding.notes and finding.notes.keys() <= self._open.notes.keys():
            self.merged += finding.rows
        self._open.add(finding)

    def close(self) -> None:
        """Emit what is left."""
        if self._open.rows:
            self._held.append(self._open)
        self._release()

    def _fits(self, finding: Finding) -> bool:
        now = self._open
        if not now.rows:
            return True
        added = sum(1 for stix_id in finding.objects if stix_id not in now.objects)
        added += len(finding.observed) + len(finding.notes)
        if len(now) + added > self._max_objects:
            return False
        new = (made for i, made in finding.objects.items() if i not in now.objects)
        size = sum(len(made.body) + _OVERHEAD for made in new)
        labels = sum(len(x) + 3 for sets in finding.labels.values() for some in sets for x in some)
        return now.size + size + labels + _size_of_records(finding) <= self._max_bytes

    def _next_chunk(self) -> None:
        if self._open.rows:
            self._held.append(self._open)
        if self.parts > 1:
            self._release()
        self._open = _Open(self.parts, self._containers.preamble)

    def _next_part(self) -> None:
        self.parts += 1
        self._part_refs = set()
        self._next_chunk()

    def _release(self) -> None:
        for content in self._held:
            self._emit(_closed(content, self._containers, only_part=self.parts == 1))
        self._held = []


def _closed(content: _Open, containers: Containers, *, only_part: bool) -> Chunk:
    layers: list[list[Encoded]] = [[] for _ in range(LAYERS)]
    encode_labels = _LabelWriter()
    for made in content.objects.values():
        layers[made.layer].append(_complete(made, encode_labels(content.labels.get(made.id))))
    for seen in content.observed.values():
        labels = encode_labels.plain(content.labels.get(seen.id))
        body = containers.observed(seen)
        layers[LAYER["observed-data"]].append(Encoded(seen.id, body + labels + b"}"))
    refs = [o.id for layer in layers[_FIRST_REFERENCED:] for o in layer]
    layers[LAYER["report"]].append(containers.report(content.part, refs))
    case = containers.case(content.part, refs, only_part=only_part)
    if case is not None:
        layers[LAYER["case-incident"]].append(case)
    attached = containers.note_refs(content.part)
    for note in content.notes.values():
        tail = b',"object_refs":' + orjson.dumps([*attached, *note.refs])
        labels = encode_labels.plain(content.labels.get(note.id))
        layers[LAYER["note"]].append(Encoded(note.id, note.body + tail + labels + b"}"))
    return Chunk("findings", tuple(o for layer in layers for o in layer), content.rows)


def _complete(made: Made, labels: bytes) -> Encoded:
    score = b"" if made.score is None else b',"x_opencti_score":%d' % made.score
    return Encoded(made.id, made.body + score + labels + b"}")


class _LabelWriter:
    """Writes label sets as JSON, each different union once; few differ within a chunk."""

    def __init__(self) -> None:
        self._written: dict[frozenset[Labels], bytes] = {}

    def _list(self, sets: set[Labels]) -> bytes:
        key = frozenset(sets)
        written = self._written.get(key)
        if written is None:
            written = self._written[key] = orjson.dumps(unite(key))
        return written

    def __call__(self, sets: set[Labels] | None) -> bytes:
        """Return the member as observables carry it."""
        return b',"x_opencti_labels":' + self._list(sets) if sets else b""

    def plain(self, sets: set[Labels] | None) -> bytes:
        """Return the member as domain objects carry it."""
        return b',"labels":' + self._list(sets) if sets else b""
