"""Builds chunks from findings: bounded, each id once, ordered, closed under reference."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple, Protocol

import orjson

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.bundle.finding_objects import (
    CONTAINED_LAYERS,
    LAYER_COUNT,
    LAYER_OF,
    ChunkCapacity,
    FindingObjects,
    LabelSets,
    NoteDraft,
    ObservedDraft,
    SerialisedObject,
    SizeEstimator,
    flatten_label_sets,
    merge_label_sets,
    merge_observed,
)
from shadowserver_connector.bundle.large_findings import split_finding
from shadowserver_connector.memory_limits import HELD_BACK_BYTES

# A tuple, because each new object of a finding is looked up in it.
_IS_CONTAINED: Final = tuple(layer in CONTAINED_LAYERS for layer in range(LAYER_COUNT))
_INDICATOR: Final = LAYER_OF["indicator"]

# Settings start at 64 KiB; this is for callers that create their own `Options`.
MIN_CHUNK_BYTES: Final = 16 * 1024
MAX_CHUNK_BYTES: Final = 11 * 1024 * 1024
"""Limit for a chunk, whatever is configured. A message carries it in base64, a third larger, and
RabbitMQ refuses messages of more than 16 MiB.
"""

BUNDLE_OVERHEAD_BYTES: Final = 512
"""Bytes of a bundle's head and commas, and of the number of the part in the Report's name."""


# A protocol, because `mapping`, which implements it, builds on this package.
class ContainerWriter(Protocol):
    """Writes what a chunk needs besides findings: author and markings, the Report, the Case."""

    @property
    def preamble(self) -> Sequence[SerialisedObject]:
        """Markings and author: every object refers to them, so every chunk carries them."""

    @property
    def author(self) -> str:
        """Id of the author. A Note about nothing else refers to it: STIX demands a reference."""

    @property
    def contains_already_sent(self) -> bool:
        """Whether Report and Case refer to objects that an earlier import brought to OpenCTI."""

    def report(self, part: int, refs: Sequence[str]) -> ChunkObject:
        """Return the part of the Report that refers to just these objects."""

    def case(self, part: int, refs: Sequence[str]) -> ChunkObject | None:
        """Return the Case, referring to this part and these objects; ``None`` if none is wanted."""

    def container_ids(self, part: int) -> tuple[str, ...]:
        """Return the ids of the containers that an attached Note of this part refers to."""

    def observed(self, seen: ObservedDraft) -> SerialisedObject:
        """Return an Observed-Data, without labels."""


class ChunkLimits(NamedTuple):
    """How large a chunk and a part of the Report may become."""

    objects: int
    """Objects in a chunk."""
    size: int
    """Bytes of a chunk, raised to ``MIN_CHUNK_BYTES`` or lowered to ``MAX_CHUNK_BYTES``."""
    refs: int
    """References of a part."""


class _ChunkInProgress:
    """The content of a chunk that can still grow."""

    def __init__(self, part: int, preamble: Sequence[SerialisedObject]) -> None:
        self.part = part
        self.objects: dict[str, SerialisedObject] = {each.id: each for each in preamble}
        self.labels: dict[str, LabelSets] = {}
        self.observed: dict[tuple[str, ...], ObservedDraft] = {}
        self.notes: dict[str, NoteDraft] = {}
        self.notes_to_send: set[str] = set()
        """Ids of the Notes that OpenCTI lacks or must replace; the others recur."""
        self.already_sent: set[str] = set()
        self.updates: set[str] = set()
        self.must_be_emitted = False
        """Whether it has a finding (maybe without rows: a piece of one), or the first Report."""
        self.rows = 0
        self.size = sum(len(each.body) for each in preamble)

    def __len__(self) -> int:
        return len(self.objects) + len(self.observed) + len(self.notes)

    def add(self, finding: FindingObjects, fresh: Sequence[SerialisedObject], size: int) -> None:
        """Add a finding of ``size`` bytes; ``fresh`` are its objects that the chunk lacks."""
        self.must_be_emitted = True
        self.rows += finding.rows
        self.size += size
        if len(fresh) < len(finding.objects):
            self._raise_scores(finding)
        objects, labels, observed = self.objects, self.labels, self.observed
        if finding.already_sent or self.already_sent:
            # An object counts as recurring only if it recurs in every finding that contains it.
            self.already_sent.difference_update(finding.objects.keys() - finding.already_sent)
            self.already_sent.update([each.id for each in fresh if each.id in finding.already_sent])
            self.updates.update(finding.updates)
        for serialised in fresh:
            objects[serialised.id] = serialised
        for tagged, new in finding.labels:
            for stix_id in tagged:
                known = labels.get(stix_id)
                if known is None:
                    labels[stix_id] = new
                # Rows with the same tags mostly share one tuple (`LabelCache`): nothing to merge.
                elif known is not new:
                    labels[stix_id] = merge_label_sets(known, new)
        for seen in finding.observed:
            earlier = observed.get(seen.refs)
            observed[seen.refs] = seen if earlier is None else merge_observed(earlier, seen)
        for note in finding.notes:
            # Of two with the same id the later text counts, sent if either of the two must be.
            self.notes[note.id] = note
            if not note.already_sent:
                self.notes_to_send.add(note.id)

    def _raise_scores(self, finding: FindingObjects) -> None:
        for stix_id, serialised in finding.objects.items():
            if serialised.score is not None and stix_id in self.objects:
                known = self.objects[stix_id]
                if known.score is None or known.score < serialised.score:
                    self.objects[stix_id] = serialised


def _size_of_texts(containers: ContainerWriter) -> int:
    """Return the bytes of Report and Case without their references."""
    case = containers.case(1, ())
    return len(containers.report(1, ()).json) + (len(case.json) if case else 0)


class ChunkBuilder:
    """Takes findings one by one and emits a chunk whenever the next would not fit.

    No chunk exceeds the limits, whatever a finding holds. Observed-Data of the same observables are
    merged as long as the chunk of the earlier one is not emitted (at least the last two are not)
    and the open chunk has room. If both are sent, OpenCTI adds up their counts or overwrites the
    first.

    The chunks of the first part are held back until it is known whether there is a second part: a
    Case contains the objects themselves only if the Report has a single part. When they exceed
    ``HELD_BACK_BYTES`` (countless Notes on few objects), all but the last are emitted, and the Case
    contains only the Report.
    """

    def __init__(
        self,
        containers: ContainerWriter,
        emit: Callable[[Chunk], None],
        limits: ChunkLimits,
        *,
        first: SerialisedObject | None = None,
        sent_refs: Sequence[str] = (),
    ) -> None:
        """``first`` goes into the first chunk, together with whatever else fits.

        ``sent_refs`` are the references of the Report if it was sent before. If there are none, at
        least one chunk is emitted, even without findings, with the Report in it.
        """
        self._containers = containers
        self._emit = emit
        self._max_objects = limits.objects - 2  # the Report and the Case come on top
        max_bytes = min(max(limits.size, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES)
        self._max_bytes = max_bytes - _size_of_texts(containers) - BUNDLE_OVERHEAD_BYTES
        self._max_refs = limits.refs
        self._part_refs: set[str] = set(sent_refs)
        self._findings_in_part = 0
        self._held_back: list[_ChunkInProgress] = []
        self._has_one_part = True
        self._sizes = SizeEstimator()
        self._open = _ChunkInProgress(1, containers.preamble)
        self._capacity = ChunkCapacity(
            self._max_objects - len(self._open), self._max_bytes - self._open.size
        )
        self._open.must_be_emitted = not sent_refs
        if first is not None:
            self._part_refs.add(first.id)
            self._open.objects[first.id] = first
            self._open.size += len(first.body)
        self._chunk_of_observed: dict[tuple[str, ...], _ChunkInProgress] = {}
        self.parts = 1
        self.repeated_rows = 0
        """Rows whose Note, by its id, was already in the chunk or in their finding."""

    def add(self, finding: FindingObjects) -> int:
        """Add a finding to the open chunk or to a new one; return how much had to be left out.

        A finding that fits in no chunk is divided. Objects that do not fit even then are left out,
        and so are the references of Notes and Observed-Data to them.
        """
        if self._add(finding):
            return 0
        pieces, left_out = split_finding(finding, self._sizes, self._capacity)
        for piece in pieces:
            # Each fits, by how it is made. One that did not would be counted, not lost silently.
            if not self._add(piece):
                left_out += 1
        return left_out

    def _add(self, finding: FindingObjects) -> bool:
        """Add a finding as a whole; if it fits in no chunk, do nothing and return ``False``."""
        known = self._open.objects
        fresh = [each for stix_id, each in finding.objects.items() if stix_id not in known]
        refs = self._new_refs(finding, fresh)
        size = self._sizes.of_finding(finding, fresh)
        in_part = len(self._part_refs) + len(refs)
        # A part takes its first finding in any case: no other part would have more room for it.
        ends_part = self._findings_in_part > 0 and in_part > self._max_refs
        if ends_part or not self._fits_open_chunk(finding, len(fresh), size):
            # Another chunk needs all of the finding's objects.
            fresh = list(finding.objects.values())
            size = self._sizes.of_finding(finding, fresh)
            if not self._fits_any_chunk(finding, size):
                return False
            if ends_part:
                self._next_part()
                refs = self._new_refs(finding, fresh)
            else:
                self._next_chunk()
        self._part_refs.update(refs)
        self._findings_in_part += 1
        self.repeated_rows += _count_repeated_rows(finding, self._open.notes)
        self._gather(finding, size)
        self._open.add(finding, fresh, size)
        return True

    def _gather(self, finding: FindingObjects, size: int) -> None:
        """Move the finding's Observed-Data from chunks that are held back to the open one.

        One for which the open chunk has no room stays, and OpenCTI gets both.
        """
        now, chunk_of = self._open, self._chunk_of_observed
        for seen in finding.observed:
            refs = seen.refs
            there = chunk_of.setdefault(refs, now)
            if there is not now:
                chunk_of[refs] = now
                more = self._sizes.of_observed(there.observed[refs])
                # Only bytes count: merged with the finding's own, it adds labels but no object.
                if now.size + size + more <= self._max_bytes:
                    now.observed[refs] = there.observed.pop(refs)
                    now.size += more

    def _new_refs(self, finding: FindingObjects, fresh: Iterable[SerialisedObject]) -> list[str]:
        if not self._containers.contains_already_sent:
            # The chunk may have one of them, though the Report does not refer to it so far.
            unwanted = finding.already_sent
            fresh = [each for each in finding.objects.values() if each.id not in unwanted]
        known = self._part_refs
        refs = [each.id for each in fresh if _IS_CONTAINED[each.layer] and each.id not in known]
        if finding.notes:
            refs += [note.id for note in finding.notes if note.contained and note.id not in known]
        return refs

    def close(self) -> None:
        """Emit the chunks that are left."""
        if self._open.must_be_emitted:
            self._held_back.append(self._open)
        self._release(len(self._held_back))

    def _fits_any_chunk(self, finding: FindingObjects, size: int) -> bool:
        """Tell whether a new chunk has room for a finding of so many bytes."""
        objects = len(finding.objects) + len(finding.observed) + len(finding.notes)
        return objects <= self._capacity.objects and size <= self._capacity.size

    def _fits_open_chunk(self, finding: FindingObjects, fresh: int, size: int) -> bool:
        now = self._open
        objects = len(now) + fresh + len(finding.observed) + len(finding.notes)
        return objects <= self._max_objects and now.size + size <= self._max_bytes

    def _next_chunk(self) -> None:
        if self._open.must_be_emitted:
            self._held_back.append(self._open)
        if self.parts > 1 or sum(content.size for content in self._held_back) > HELD_BACK_BYTES:
            # Before any chunk of the part is emitted: otherwise the Case would contain some of its
            # objects and not the others.
            self._has_one_part = False
            # One stays, for Observed-Data that the next findings repeat.
            self._release(len(self._held_back) - 1)
        self._open = _ChunkInProgress(self.parts, self._containers.preamble)

    def _next_part(self) -> None:
        self.parts += 1
        self._part_refs = set()
        self._findings_in_part = 0
        self._next_chunk()

    def _release(self, number: int) -> None:
        """Emit the first ``number`` of the chunks that are held back."""
        for content in self._held_back[:number]:
            for refs in content.observed:
                if self._chunk_of_observed[refs] is content:
                    del self._chunk_of_observed[refs]
            self._emit(_build_chunk(content, self._containers, is_single_part=self._has_one_part))
        del self._held_back[:number]


def _count_repeated_rows(finding: FindingObjects, notes: Container[str]) -> int:
    """Return how many rows have a Note with the id of an earlier one."""
    repeated = 0
    met = set()
    for note in finding.notes:
        if note.id in notes or note.id in met:
            repeated += note.rows
        met.add(note.id)
    return repeated


def _build_chunk(
    content: _ChunkInProgress, containers: ContainerWriter, *, is_single_part: bool
) -> Chunk:
    labels = _LabelWriter(b',"labels":')
    layers: list[list[ChunkObject]] = [[] for _ in range(LAYER_COUNT)]
    _add_objects(layers, content, labels)
    _add_observed(layers, content, containers, labels)
    notes = content.notes.values()
    # An attached Note refers to the Report, any other may be referred to by it. Of two objects that
    # refer to each other, OpenCTI's client drops one reference.
    layers[LAYER_OF["note"]] += [
        _encode_note(
            note, note.refs or (containers.author,), labels.end(content.labels.get(note.id))
        )
        for note in notes
        if not note.attached
    ]
    contained = [each.id for layer in CONTAINED_LAYERS for each in layers[layer]]
    unwanted = () if containers.contains_already_sent else content.already_sent
    refs = [stix_id for stix_id in contained if stix_id not in unwanted]
    shown = [note.id for note in notes if note.contained]
    refs += shown
    layers[LAYER_OF["report"]].append(containers.report(content.part, refs))
    # For each copy of a Case that is sent, OpenCTI loads all its references. So with several parts
    # the Case names only the Reports, and the few Notes that it shows.
    case = containers.case(content.part, refs if is_single_part else shown)
    if case is not None:
        layers[LAYER_OF["case-incident"]].append(case)
    notes_to = containers.container_ids(content.part)
    attached = [
        _encode_note(note, (*notes_to, *note.refs), labels.end(content.labels.get(note.id)))
        for note in notes
        if note.attached
    ]
    already_sent = content.already_sent.union(content.notes.keys() - content.notes_to_send)
    already_sent -= content.updates
    return Chunk((*chain.from_iterable(layers), *attached), content.rows, frozenset(already_sent))


def _add_objects(
    layers: Sequence[list[ChunkObject]], content: _ChunkInProgress, labels: _LabelWriter
) -> None:
    # STIX 2.1 has `labels` on domain objects and relationships, not on observables.
    observable_labels = _LabelWriter(b',"x_opencti_labels":')
    for serialised in content.objects.values():
        writer = labels if serialised.layer == _INDICATOR else observable_labels
        end = writer.end(content.labels.get(serialised.id))
        if serialised.score is not None:
            end = b',"x_opencti_score":%d' % serialised.score + end
        layers[serialised.layer].append(ChunkObject(serialised.id, serialised.body + end))


def _add_observed(
    layers: Sequence[list[ChunkObject]],
    content: _ChunkInProgress,
    containers: ContainerWriter,
    labels: _LabelWriter,
) -> None:
    for seen in content.observed.values():
        serialised = containers.observed(seen)
        if seen.already_sent:
            content.already_sent.add(serialised.id)
        layers[serialised.layer].append(
            ChunkObject(serialised.id, serialised.body + labels.end(seen.labels))
        )


def _encode_note(note: NoteDraft, refs: Sequence[str], end: bytes) -> ChunkObject:
    return ChunkObject(note.id, note.body + b',"object_refs":' + orjson.dumps(refs) + end)


class _LabelWriter:
    """Writes the ends of objects, with their labels. A chunk has few sets of labels: cached."""

    def __init__(self, member: bytes) -> None:
        self._member = member
        self._known: dict[LabelSets, bytes] = {}

    def end(self, labels: LabelSets | None) -> bytes:
        """Return the member with the labels, if there are any, and the closing brace."""
        if not labels:
            return b"}"
        written = self._known.get(labels)
        if written is None:
            written = self._known[labels] = (
                self._member + orjson.dumps(flatten_label_sets(labels)) + b"}"
            )
        return written
