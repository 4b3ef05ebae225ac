"""From rows to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from shadowserver_connector.bundle.finding import Finding, Labels, NoteDraft, Observed
from shadowserver_connector.bundle.made import Made, make
from shadowserver_connector.mapping.notes import Row
from shadowserver_connector.mapping.plan import Plan
from shadowserver_connector.mapping.values.dates import parse_time
from shadowserver_connector.report.oddities import Oddities
from shadowserver_connector.stix import containers, ids
from shadowserver_connector.stix.relationships import relationship

NumberedRow = tuple[int, Row]

RELATIONSHIPS: Final = (
    ("primary", "related-to", "thing"),
    ("malware", "communicates-with", "controller"),
    ("src ipv4-addr", "communicates-with", "dst ipv4-addr"),
)
"""(Source slot, type, target slot): relationships between objects of different sections."""

_REMEMBERED: Final = 8_192


class RowMapper:
    """Adds rows to findings by a plan; a bad cell costs the object it would have been in."""

    def __init__(self, plan: Plan, oddities: Oddities) -> None:
        self._plan = plan
        self._oddities = oddities
        self._relations: dict[tuple[str, str, str], Made] = {}
        options = plan.context.options
        self._rules = tuple(rule for rule in RELATIONSHIPS if options.relates(rule[1]))

    def finding(self, rows: Sequence[NumberedRow], note: Callable[[Sequence[Row]], str]) -> Finding:
        """Return the finding of some rows of one host, with one Note, or without if it is empty."""
        finding = Finding()
        times, subjects, noted = [], [], dict[str, None]()
        all_labels: set[Labels] = set()
        for number, row in rows:
            time, labels, about, refs = self._add(finding, number, row)
            times.append(time)
            subjects.append(about)
            noted.update(refs)
            all_labels.add(labels)
        text = note([row for _, row in rows])
        if text:
            about = next(filter(None, subjects), "")
            self._add_note(finding, text, about, min(times), tuple(noted), all_labels)
        return finding

    def _add(
        self, finding: Finding, number: int, row: Row
    ) -> tuple[str, Labels, str, dict[str, None]]:
        """Add one row's objects; return its time, labels, subject, and what a Note is about."""
        plan = self._plan
        objects = finding.objects
        observables: dict[str, None] = {}
        noted: dict[str, None] = {}
        slots: dict[str, list[str]] = {}
        bad: dict[str, str] = {}
        labels = plan.labels.of(row[plan.tags] if plan.tags is not None else "")
        subject = ""
        for section in plan.sections:
            part = section.make(section.pick(row))
            bad.update(part.bad)
            if not part.objects:
                continue
            for stix_id, made in part.objects.items():
                known = objects.get(stix_id)
                if known is None or (made.score or -1) > (known.score or -1):
                    objects[stix_id] = made
            observables.update(dict.fromkeys(part.observables))
            noted.update(dict.fromkeys(part.noted))
            finding.tag(part.tagged, labels)
            for slot, stix_id in part.slots:
                slots.setdefault(slot, []).append(stix_id)
            subject = subject or part.subject
        for column, why in bad.items():
            self._oddities.add(why, number, column)
        self._relate(objects, slots)
        time = self._time(number, row)
        if observables and plan.context.options.observed_data:
            self._observe(finding, observables, time, row, labels)
        finding.rows += 1
        return time, labels, subject, noted

    def _relate(self, objects: dict[str, Made], slots: dict[str, list[str]]) -> None:
        if "primary" not in slots and "subject" in slots:
            slots["primary"] = slots["subject"][:1]
        for source_slot, relationship_type, target_slot in self._rules:
            targets = slots.get(target_slot)
            if not targets:
                continue
            for source in slots.get(source_slot, ()):
                for target in targets:
                    if source != target:
                        made = self._relation(source, relationship_type, target)
                        objects[made.id] = made

    def _relation(self, source: str, relationship_type: str, target: str) -> Made:
        key = (source, relationship_type, target)
        made = self._relations.get(key)
        if made is None:
            if len(self._relations) >= _REMEMBERED:
                self._relations.clear()
            context = self._plan.context
            stix = relationship(
                context.origin, relationship_type, source, target, created=context.day
            )
            made = self._relations[key] = make(stix)
        return made

    def _time(self, number: int, row: Row) -> str:
        at = self._plan.time
        if at is None:
            return self._plan.context.day
        try:
            return parse_time(row[at])
        except ValueError as error:
            if row[at]:
                self._oddities.add(str(error), number, self._plan.columns[at].name)
            return self._plan.context.day

    def _observe(
        self,
        finding: Finding,
        observables: dict[str, None],
        time: str,
        row: Row,
        labels: Labels,
    ) -> None:
        refs = tuple(sorted(observables))
        seen = Observed(ids.observed_data(refs), refs, time, time, self._number(row))
        finding.observe(seen)
        finding.tag((seen.id,), labels)

    def _number(self, row: Row) -> int:
        at = self._plan.count
        text = row[at] if at is not None else ""
        return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1

    def _add_note(
        self,
        finding: Finding,
        text: str,
        subject: str,
        created: str,
        refs: tuple[str, ...],
        labels: set[Labels],
    ) -> None:
        context = self._plan.context
        abstract = f"{context.report_type.name} {subject}".strip().replace("<", "&lt;")
        stix = containers.note(
            context.origin, abstract=abstract, content=text, created=created, object_refs=("",)
        )
        del stix["object_refs"]
        finding.notes[stix["id"]] = NoteDraft(stix["id"], orjson.dumps(stix)[:-1], refs)
        finding.labels[stix["id"]] = labels
