"""The Report in its parts and the Case, as each chunk carries them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from shadowserver_connector.bundle.chunk import ChunkObject
from shadowserver_connector.bundle.finding_objects import Labels, ObservedDraft, SerialisedObject
from shadowserver_connector.catalogue.catalogue import ReportType
from shadowserver_connector.mapping.cells.text_and_tags import RANK
from shadowserver_connector.mapping.objects.encoders import Encoders
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.stix import ids, reported_objects
from shadowserver_connector.stix.reported_objects import ReportText
from shadowserver_connector.stix.shared_objects import Origin

PRIORITY_OF = {"critical": "P1", "high": "P2", "medium": "P3", "low": "P4"}
CASE_SEVERITIES = ("low", "medium", "high", "critical")
"""OpenCTI's vocabulary, lowest first; ``info`` is not in it."""


MAX_TITLE = 20
"""Maximum length of a title. OpenCTI's lists cut names after about 45 characters; with a longer
title they would not show whose report it is, and of which day. A type with a longer title uses its
short name.
"""


_CSV: Final = re.compile(r"\.csv\Z", re.IGNORECASE)


def report_name(info: ReportInfo, report_type: ReportType) -> str:
    """Return the name of a Report, unique to its file: its type, whose it is, its day."""
    return _name(info, report_type, f"{info.day}")


def case_name(info: ReportInfo, report_type: ReportType) -> str:
    """Return the name of a Case: unlike that of the Report it is about."""
    return _name(info, report_type, f"case of {info.day}")


def _name(info: ReportInfo, report_type: ReportType, day: str) -> str:
    stem = _CSV.sub("", info.file)
    # Only a known type's title is its own: a made-up one may belong to several types.
    what = info.type
    if report_type.known and report_type.name == info.type:
        title = report_type.title
        what = title if len(title) <= MAX_TITLE else report_type.short
    if stem == f"{info.day}-{info.type}":
        return f"{what}, {day}"
    # In a name of another form, such as one that people chose, any part may be what differs.
    return f"{what}: {stem.removeprefix(f'{info.day}-{info.type}-')}, {day}"


def publication_time(info: ReportInfo) -> str:
    """Return the time of a Report: noon UTC of the day covered.

    That is the same day almost everywhere; midnight would be the day before in the Americas.
    """
    return f"{info.day}T12:00:00.000Z"


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
    case_name: str
    published: str
    description: str
    case_description: str
    file_name: str
    labels: Labels
    severity: str
    """Highest of the findings."""
    options: Options
    encode: Encoders
    tags: Labels = ()
    """The most frequent tags of its rows. They hold for this day, as the Report does."""
    link: str | None = None
    """Download link, only if the subscriber asked for it."""

    @property
    def author(self) -> str:
        """Id of the author."""
        return self.origin.author

    @property
    def contains_already_sent(self) -> bool:
        """Whether Report and Case refer to what an earlier import brought to OpenCTI."""
        return self.options.repeats != "skip"

    @property
    def has_case(self) -> bool:
        """Whether the report gets a Case: it is wanted, and the worst finding is severe enough."""
        wanted = self.options.case_min_severity
        return self.options.create_incident and RANK[self.severity] >= RANK[wanted]

    @property
    def _labels(self) -> Labels:
        # A Report has no field for a severity, and lists of Reports can be filtered by label.
        return tuple(sorted((*self.labels, f"severity:{self.severity}")))

    def report(self, part: int, refs: Sequence[str]) -> ChunkObject:
        """Return the part with these references; a part without any refers to the author."""
        about = ReportText(
            name=self._part_name(part),
            published=self.published,
            description=self.description,
            # STIX allows no Report without references.
            object_refs=refs or (self.author,),
            # Each part has an external reference of its own: OpenCTI locks one that objects share.
            file_name=self.file_name if part == 1 else f"{self.file_name} (part {part})",
            labels=sorted({*self._labels, *self.tags}),
        )
        return _encode(reported_objects.report(self.origin, about, self.link))

    def case(self, part: int, refs: Sequence[str]) -> ChunkObject | None:
        """Return the Case, which refers to these objects and to a part of the Report."""
        if not self.has_case:
            return None
        severity = case_severity(self.severity, self.options.incident_severity)
        priority = self.options.incident_priority
        about = ReportText(
            name=self.case_name,
            published=self.published,
            description=self.case_description,
            object_refs=[*refs, self._report_id(part)],
            # Nor do Report and Case share an external reference.
            file_name=f"{self.file_name} (case)",
            labels=self._labels,
        )
        return _encode(
            reported_objects.case_incident(
                self.origin,
                about,
                severity=severity,
                priority=PRIORITY_OF[severity] if priority == "auto" else priority,
            )
        )

    def container_ids(self, part: int) -> tuple[str, ...]:
        """Return the ids of the containers that Notes of this part are attached to."""
        # A Note that is sent names the Report, not the reverse: of two objects that refer to each
        # other, OpenCTI drops one reference.
        report = self._report_id(part)
        if not self.has_case:
            return (report,)
        return (report, ids.case_incident(name=self.case_name, created=self.published))

    def observed(self, seen: ObservedDraft) -> SerialisedObject:
        return self.encode.observed(seen)

    def _part_name(self, part: int) -> str:
        return self.name if part == 1 else f"{self.name} (part {part})"

    def _report_id(self, part: int) -> str:
        return ids.report(name=self._part_name(part), published=self.published)


def _encode(stix: dict[str, Any]) -> ChunkObject:
    return ChunkObject(stix["id"], orjson.dumps(stix))
