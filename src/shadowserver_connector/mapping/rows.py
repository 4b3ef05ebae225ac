"""Makes findings from the rows of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from shadowserver_connector.bundle.finding_objects import (
    FindingObjects,
    Labels,
    ObservedDraft,
    SerialisedObject,
)
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.verdicts import RECURRING
from shadowserver_connector.mapping.cells.dates import parse_seen
from shadowserver_connector.mapping.cells.readers import BadCells, is_empty
from shadowserver_connector.mapping.objects.collector import (
    NO_OBJECTS,
    OBJECT_BYTES,
    RowObjects,
    scores_higher,
)
from shadowserver_connector.mapping.objects.threats_and_labels import RowLabels
from shadowserver_connector.mapping.planning.plan import Plan
from shadowserver_connector.mapping.texts.notes import CountedRow, NoteText, NoteWriter, Row
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.stix.ids import type_of

CROSS_SECTION_RELATIONSHIPS: Final = (
    ("primary", "related-to", "thing"),
    ("malware", "communicates-with", "controller"),
    # OpenCTI takes this type between IPv4 addresses only.
    ("source ipv4", "communicates-with", "target ipv4"),
    ("sample", "communicates-with", "contacted"),
    ("sample", "related-to", "of sample"),
    ("attacked", "has", "weakness"),
)
"""(Source end, type, target end): relationships between objects of different sections."""

MAX_ROW_OBJECTS: Final = 400
"""About how many objects one row may create. A row with a value in every published column creates
about 60.
"""

LEFT_OUT: Final = "more objects than one row may create, left out"

_REMEMBERED: Final = 128
"""How many combinations of parts are cached; rows of one host share them."""

# Memory, estimated. An object of a part exists already: only its places in another dict and in
# tuples count. A relationship is new and counts as a whole.
_PLACE_BYTES: Final = 200
_RELATIONSHIP_BYTES: Final = 1_000
_FULL_BYTES: Final = MAX_ROW_OBJECTS * OBJECT_BYTES


# A plain class: each row needs one, and mypyc creates these faster than tuples or dataclasses.
class _RowFacts:
    """What a Note needs to know about one of its rows."""

    __slots__ = ("keeps_note", "labels", "noted", "recurs", "time")

    time: str
    labels: Labels
    noted: tuple[str, ...]
    recurs: bool
    keeps_note: bool
    """Whether OpenCTI has a Note of a later day, which an older one must not replace."""

    def __init__(
        self, time: str, labels: Labels, noted: tuple[str, ...], recurs: bool, keeps_note: bool
    ) -> None:
        self.time = time
        self.labels = labels
        self.noted = noted
        self.recurs = recurs
        self.keeps_note = keeps_note


class RowMapper:
    """Makes findings from rows, as a plan says; a bad cell costs only the object made of it.

    Cells that change from day to day by themselves, such as the address of a sinkhole, become
    objects on every day, so that the Report contains them. What is kept of a finding from day to
    day, its Observed-Data and its Note, refers to none of them while it recurs.
    """

    def __init__(
        self,
        plan: Plan,
        anomalies: Anomalies,
        comparison: Comparison | None = None,
        shown: Mapping[str, int] | None = None,
    ) -> None:
        """``shown`` is how many Notes the pages of Report and Case may show, by severity."""
        self._shown = dict(shown or {})
        self._plan = plan
        # With `all` everything is sent, as if there were no history.
        sends_all = comparison is None or plan.context.options.repeats == "all"
        self._verdicts = b"" if sends_all or comparison is None else comparison.verdicts
        self._update_due = b"" if comparison is None else comparison.update_due
        self._known_from_later = (
            b"" if sends_all or comparison is None else comparison.known_from_later
        )
        self._volatile_places = plan.volatile_places
        self._refers = plan.context.options.repeats != "skip"
        self._anomalies = anomalies
        self._too_late = plan.context.too_late
        self._cache = plan.context.cache_budget.new_cache(_REMEMBERED)
        self._known: dict[tuple[RowObjects, ...], RowObjects] = self._cache.known
        self._creates = plan.context.rules.creates

    def finding(self, rows: Sequence[CountedRow], texts: NoteWriter) -> FindingObjects:
        """Return the finding of some rows, of one host or of a few that are next to each other.

        ``texts`` returns the texts of their Notes, if any. Each text covers one or more rows, in
        their order.
        """
        finding = FindingObjects(rows=sum([times for _, _, times in rows]))
        added = self._add(finding, rows)
        at = 0
        for note in texts(rows):
            some = added[at : at + note.rows]
            at += note.rows
            about = some[0] if len(some) == 1 else _facts_of_all(some)
            if about.recurs and not self._refers:
                # Neither sent nor referred to.
                continue
            self._add_note(finding, note, about)
            for labels in dict.fromkeys([one.labels for one in some]):
                finding.labels.append(((note.id,), labels))
        return finding

    def _add_note(self, finding: FindingObjects, note: NoteText, about: _RowFacts) -> None:
        draft = self._plan.context.encode.note(
            note.id, note.abstract, note.text, about.time, about.noted, note.rows
        )
        # A first import goes from the newest day back: an older text must not replace a newer one.
        draft.already_sent = about.recurs or about.keeps_note
        if self._shown.get(note.severity, 0) > 0:
            self._shown[note.severity] -= 1
            draft.attached = True
        if draft.already_sent:
            # OpenCTI has this Note. It is not sent again, so that it cannot name today's Report and
            # Case: they name it.
            draft.attached, draft.contained = False, draft.attached
        finding.notes.append(draft)

    def _add(self, finding: FindingObjects, rows: Sequence[CountedRow]) -> list[_RowFacts]:
        """Add the rows' objects; return what their Notes need to know."""
        plan = self._plan
        observing = plan.context.options.observed_data
        traffic = plan.traffic
        added = []
        sent: set[str] = set()
        known: RowObjects | None = None
        known_labels: RowLabels | None = None
        known_recurs = False
        for number, row, times in rows:
            recurs = bool(self._verdicts) and self._verdicts[number - 1] == RECURRING
            part = stable = self._parts(row)
            if self._volatile_places:
                stable = self._parts(self._without_volatile(row))
                if recurs and not self._refers:
                    part = stable
            labels = plan.labels.of(row)
            # Rows of one host usually become the same objects: these are not added again.
            if part is not known or labels is not known_labels or recurs is not known_recurs:
                self._add_objects(finding, part, labels)
                known, known_labels, known_recurs = part, labels, recurs
                if recurs:
                    finding.already_sent.update(stable.objects)
                    # Others may be new: a sinkhole that the host did not meet before.
                    if part is not stable:
                        sent.update(part.objects.keys() - stable.objects.keys())
                elif self._verdicts:
                    sent.update(part.objects)
            if recurs and part.indicators and self._update_due[number - 1]:
                # An Indicator expires unless it is sent again in time.
                finding.updates.update(part.indicators)
            bad = part.bad
            # A client has another source port every day: OpenCTI would collect a traffic for each.
            if traffic is not None and not (recurs and plan.traffic_is_volatile):
                seen, wrong = traffic.build(row, part.addresses)
                if seen is not None:
                    finding.objects[seen.id] = seen
                    if self._verdicts:
                        (finding.already_sent if recurs else sent).add(seen.id)
                    finding.labels.append(((seen.id,), labels.lasting))
                bad += wrong
            self._count_bad(bad, number, row, times)
            time = self._time(plan.time, number, row, times) or plan.context.day
            first, last = self._span(time, number, row, times)
            seen_times = times * self._count(number, row, times)
            refs = self._observables(part, stable, recurs=recurs) if observing else ()
            if refs:
                waits = recurs and not self._update_due[number - 1]
                finding.observed.append(
                    ObservedDraft(refs, first, last, seen_times, labels.all, waits)
                )
            later = bool(self._known_from_later) and self._known_from_later[number - 1] == 1
            # Otherwise a Note would be sent again for a sinkhole that OpenCTI lacks.
            noted = stable.noted if recurs else part.noted
            added.append(_RowFacts(time, labels.all, noted, recurs, later))
        # What a new row has in common with a recurring one is sent with the new one.
        finding.already_sent -= sent
        return added

    def _add_objects(self, finding: FindingObjects, part: RowObjects, labels: RowLabels) -> None:
        _update(finding.objects, part)
        finding.labels.append((part.tagged, labels.lasting))
        if part.labelled:
            finding.labels.append((part.labelled, self._plan.labels.base))
        if part.indicators:
            finding.labels.append((part.indicators, labels.all))

    def _count_bad(self, bad: BadCells, number: int, row: Row, times: int) -> None:
        """Count the cells of a row that could not be read, with those that nothing else reads."""
        for at, reader in self._plan.only_checked:
            reading = reader.read(row[at])
            if reading.bad:
                bad += ((reader.name, reading.bad, reading.times),)
        # Each once: several sections may read the same cell.
        for column, why, values in dict.fromkeys(bad) if bad else ():
            self._anomalies.add(why, number, column, times=values * times)

    def _without_volatile(self, row: Row) -> Row:
        stable = row.copy()
        for at in self._volatile_places:
            stable[at] = ""
        return stable

    def _observables(
        self, part: RowObjects, stable: RowObjects, *, recurs: bool
    ) -> tuple[str, ...]:
        """Return what an Observed-Data refers to: the same on each day of a finding.

        So objects that differ from day to day are left out, such as the sinkhole that was
        contacted. If there are no others, only the first day has an Observed-Data.
        """
        if part is stable:
            return part.observables
        there = part.objects
        refs = tuple([each for each in stable.observables if each in there])
        return refs if refs or recurs else part.observables

    def _parts(self, row: Row) -> RowObjects:
        """Return the parts of all sections as one, with the relationships between them."""
        sections = [section(row) for section in self._plan.sections]
        parts = tuple([part for part in sections if part is not NO_OBJECTS])
        whole = self._known.get(parts)
        if whole is None:
            whole = self._assembled(parts)
            self._cache.add(parts, whole, whole.size)
        return whole

    def _assembled(self, parts: Sequence[RowObjects]) -> RowObjects:
        objects: dict[str, SerialisedObject] = {}
        whole = RowObjects(objects, 0)
        kept: list[RowObjects] = []
        ends: dict[str, list[str]] = {}
        left_out = 0
        for part in parts:
            # Its section may also cache this part, but may drop it earlier. So it counts here.
            whole.size += part.size
            whole.bad += part.bad
            # The size is tested first, which is faster: few bytes cannot hold too many objects.
            full = whole.size > _FULL_BYTES and len(objects) + len(part.objects) > MAX_ROW_OBJECTS
            if full and objects:
                left_out += len(part.objects)
                continue
            kept.append(part)
            _update(objects, part)
            for end, stix_id in part.ends:
                ends.setdefault(end, []).append(stix_id)
            whole.scored = whole.scored or part.scored
            whole.addresses += part.addresses
        own = len(objects)
        if len(ends) > 1:
            left_out += self._relate(objects, ends)
        if left_out:
            whole.bad += (("", LEFT_OUT, left_out),)
        # Sorted, as the id of an Observed-Data has them.
        whole.observables = tuple(sorted(_joined([part.observables for part in kept])))
        whole.noted = _joined([part.noted for part in kept if part.noted])
        whole.tagged = _joined([part.tagged for part in kept if part.tagged])
        whole.labelled = _joined([part.labelled for part in kept if part.labelled])
        whole.indicators = _joined([part.indicators for part in kept if part.indicators])
        whole.size += _PLACE_BYTES * own + _RELATIONSHIP_BYTES * (len(objects) - own)
        return whole

    def _relate(self, objects: dict[str, SerialisedObject], ends: dict[str, list[str]]) -> int:
        """Add the relationships between parts; return the number of those that had no room."""
        left_out = 0
        # In a report without a primary party, the first subject takes its place.
        if "primary" not in ends and "subject" in ends:
            ends["primary"] = ends["subject"][:1]
        encode = self._plan.context.encode.relationship
        for source_end, relationship_type, target_end in CROSS_SECTION_RELATIONSHIPS:
            sources = ends.get(source_end)
            ends_there = ends.get(target_end) if sources else None
            if not sources or not ends_there:
                continue
            for source in sources:
                targets = self._wanted(source, relationship_type, ends_there)
                if len(objects) >= MAX_ROW_OBJECTS:
                    left_out += len(targets)
                    continue
                for target in targets:
                    serialised = encode(source, relationship_type, target)
                    objects[serialised.id] = serialised
        return left_out

    def _wanted(self, source: str, relationship_type: str, targets: Sequence[str]) -> list[str]:
        """Return the targets to which such a relationship is created."""
        creates, source_type = self._creates, type_of(source)
        return [
            target
            for target in targets
            if source != target and creates(relationship_type, source_type, type_of(target))
        ]

    def _span(self, time: str, number: int, row: Row, times: int) -> tuple[str, str]:
        """Return when the event that a row reports began and ended, around the row's own time."""
        start, end = self._plan.span
        if start is None and end is None:
            return time, time
        first = self._time(start, number, row, times)
        last = self._time(end, number, row, times)
        # OpenCTI refuses an Observed-Data that ends before it begins.
        return min(first or time, time), max(last or time, time)

    def _time(self, at: int | None, number: int, row: Row, times: int) -> str | None:
        if at is None:
            return None
        try:
            return parse_seen(row[at].strip(), self._too_late)
        except ValueError as error:
            column = self._plan.columns[at]
            if not is_empty(column.role, row[at]):
                self._anomalies.add(str(error), number, column.name, times=times)
            return None

    def _count(self, number: int, row: Row, times: int) -> int:
        if self._plan.count is None:
            return 1
        at, reader = self._plan.count
        reading = reader.read(row[at])
        if reading.bad:
            self._anomalies.add(reading.bad, number, reader.name, times=times)
        return reading.value or 1


def _facts_of_all(added: Sequence[_RowFacts]) -> _RowFacts:
    """Return what the one Note of several rows needs to know; its time is the earliest."""
    return _RowFacts(
        time=min(one.time for one in added),
        # Not used: such a Note is tagged with the labels of each of its rows.
        labels=added[0].labels,
        noted=_joined([one.noted for one in added]),
        recurs=all(one.recurs for one in added),
        keeps_note=any(one.keeps_note for one in added),
    )


def _joined(groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the ids of all groups in order, each once. No id is twice in the same group."""
    if len(groups) == 1:
        return groups[0]
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def _update(objects: dict[str, SerialisedObject], part: RowObjects) -> None:
    """Add the objects of a part; of two with the same id the one with the higher score stays."""
    if not objects:
        objects.update(part.objects)
        return
    # Without scores there is nothing to compare: the first copy is as good as any.
    if not part.scored:
        for stix_id, serialised in part.objects.items():
            objects.setdefault(stix_id, serialised)
        return
    for stix_id, serialised in part.objects.items():
        known = objects.get(stix_id)
        if known is None or scores_higher(serialised, known):
            objects[stix_id] = serialised
