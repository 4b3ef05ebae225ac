"""The Report in its parts and the Case, as each chunk carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from shadowserver_connector.bundle.chunk import Encoded
from shadowserver_connector.bundle.finding import Labels, ObservedDraft, SerialisedObject
from shadowserver_connector.mapping.objects.templates import Encoders
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.stix import containers, ids
from shadowserver_connector.stix.origin import Origin

PRIORITY_OF = {"critical": "P1", "high": "P2", "medium": "P3", "low": "P4"}
CASE_SEVERITIES = ("low", "medium", "high", "critical")
"""OpenCTI's vocabulary, lowest first; ``info`` is not in it."""


def case_severity(highest: str, floor: str) -> str:
    """Return the severity of a Case: that of the worst finding, at least the floor."""
    rank = CASE_SEVERITIES.index
    found = highest if highest in CASE_SEVERITIES else CASE_SEVERITIES[0]
    return max(found, floor, key=rank)


@dataclass(frozen=True, slots=True)
class ReportContainers:
    """Writes Report parts, Case and Observed-Data of one report file.

    OpenCTI adds the references of every copy it receives, so a copy names only what is in its
    own chunk.
    """

    origin: Origin
    preamble: tuple[SerialisedObject, ...]
    name: str
    day: str
    description: str
    file_name: str
    labels: Labels
    severity: str
    """Highest of the findings."""
    options: Options
    encode: Encoders
    link: str | None = None
    """Download link, only where the subscriber asked for it."""

    def report(self, part: int, refs: Sequence[str]) -> Encoded:
        """Return the part with these references; one without any refers to the author."""
        stix = containers.report(
            self.origin,
            name=self._part_name(part),
            published=self.day,
            description=self.description,
            object_refs=refs or (self.origin.author,),
            file_name=self.file_name if part == 1 else f"{self.file_name} (part {part})",
            labels=self.labels,
            link=self.link,
        )
        return _encoded(stix)

    def case(self, part: int, refs: Sequence[str], *, only_part: bool) -> Encoded | None:
        """Return the Case: the Report and its objects, or just the part where there are several."""
        if not self.options.create_incident:
            return None
        severity = case_severity(self.severity, self.options.incident_severity)
        priority = self.options.incident_priority
        stix = containers.case_incident(
            self.origin,
            name=self.name,
            created=self.day,
            description=self.description,
            severity=severity,
            priority=PRIORITY_OF[severity] if priority == "auto" else priority,
            object_refs=[self._report_id(part), *(refs if only_part else ())],
            # Report and Case with one reference would share it, and a shared one is locked by both.
            file_name=f"{self.file_name} (case)",
            labels=self.labels,
        )
        return _encoded(stix)

    def note_refs(self, part: int) -> tuple[str, ...]:
        """Return the ids of the containers that Notes of this part are attached to, if at all."""
        report = self._report_id(part)
        if not self.options.create_incident:
            return (report,)
        return (report, ids.case_incident(name=self.name, created=self.day))

    def observed(self, seen: ObservedDraft) -> SerialisedObject:
        """Return an Observed-Data, without labels."""
        return self.encode.observed(seen)

    def _part_name(self, part: int) -> str:
        return self.name if part == 1 else f"{self.name} (part {part})"

    def _report_id(self, part: int) -> str:
        return ids.report(name=self._part_name(part), published=self.day)


def _encoded(stix: dict[str, Any]) -> Encoded:
    return Encoded(stix["id"], orjson.dumps(stix))
