"""What a conversion depends on besides the report: plain values, picklable, no secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from shadowserver_connector.memory_limits import MIB

NotesMode = Literal["auto", "finding", "host", "none"]

Repeats = Literal["refer", "skip", "all"]

NEEDED: Final = "needed"
"""Stands for the relationships, of whatever type, that nothing else in a row expresses."""


@dataclass(frozen=True, slots=True)
class Options:
    """How reports become STIX; the defaults are those of the settings."""

    marking: str = "TLP:CLEAR"
    create_incident: bool = False
    case_min_severity: str = "medium"
    """Severity that the worst finding of a report needs for a Case."""
    incident_severity: str = "low"
    """Floor of the Case's severity."""
    incident_priority: str = "P4"
    """``P1`` to ``P4``, or ``auto``: derived from the Case's severity."""
    min_severity: str = "info"
    max_findings: int = 0
    """Maximum number of findings of one report; 0 for all."""
    notes: NotesMode = "auto"
    observed_data: bool = True
    network_traffic: bool = True
    ssh_keys: bool = True
    """Not a setting: off if the platform's importer does not know them."""
    relationships: frozenset[str] | None = frozenset({NEEDED})
    """Relationship types to create in full, and possibly ``NEEDED``; ``None`` creates all."""
    create_indicators: bool = False
    labels: tuple[str, ...] = ()
    """Labels added to those that every object of a report gets."""
    # For each part OpenCTI loads all references of a container again: few large parts are best.
    report_max_refs: int = 5_000
    artifact_max_size: int = 100 * MIB
    """Bytes; a larger original file is described in the Report, not attached."""
    link_download: bool = False
    download_url: str = ""
    """Only needed with ``link_download``."""
    repeats: Repeats = "refer"
    """What happens to a row whose finding recurs, if that is known: its objects are referred to,
    left out, or sent again.
    """
    # Objects of small messages are imported no faster, and some before what they refer to.
    chunk_objects: int = 1_000
    # RabbitMQ 4 refuses messages of more than 16 MiB, and the bundle in one is base64.
    chunk_bytes: int = 4 * MIB

    def relates(self, relationship_type: str) -> bool:
        """Tell whether all relationships of this type are wanted, even if expressed otherwise."""
        return self.relationships is None or relationship_type in self.relationships
