"""What a row names that others know too: malware, vulnerabilities, attack techniques; labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shadowserver_connector.bundle.finding import Labels
from shadowserver_connector.mapping.cells.cache import WIDEST, Memory
from shadowserver_connector.mapping.cells.tags import (
    TooManyError,
    find_cves,
    parse_attack_ids,
    split_tags,
)
from shadowserver_connector.mapping.objects.collector import PartMaker
from shadowserver_connector.stix import knowledge


def build_vulnerabilities(make: PartMaker) -> None:
    """Make a Vulnerability of each CVE that tags or a vulnerability column name."""
    for cves in make.values("tags", "cve"):
        _offer_vulnerabilities(make, cves)


def _offer_vulnerabilities(make: PartMaker, cves: Sequence[str]) -> None:
    for cve in cves:
        vulnerability = make.shared(knowledge.vulnerability(make.context.origin, cve))
        make.offer("thing", vulnerability)
        make.offer("weakness", vulnerability)


def build_malware(make: PartMaker) -> None:
    """Make the Malware that a row names, which a column that may hold an activity does as well.

    Where the family is named, such a column only says its variant or what it did. The victim of an
    attack has nothing to do with the malware of its attacker.
    """
    context = make.context
    families, variants = _named(make, "malware"), _named(make, "activity")
    for name in families or variants:
        malware = make.shared(knowledge.malware(context.origin, name))
        make.offer("malware", malware)
        if context.meaning(context.report_type.primary).name != "victim":
            make.offer("thing", malware)


def _named(make: PartMaker, role: str) -> list[str]:
    """Return the malware in cells of a role; a CVE id there is made a Vulnerability instead."""
    names = []
    for name in make.values(role):
        cves = find_cves(name)
        _offer_vulnerabilities(make, cves)
        if not cves and name not in make.context.activities:
            names.append(name)
    return names


def build_attack_patterns(make: PartMaker) -> None:
    """Make an Attack Pattern of each ATT&CK id, which stand in vulnerability columns too."""
    techniques = [technique for found in make.values("attack_id") for technique in found]
    try:
        techniques += parse_attack_ids(make.text("cve"))
    except TooManyError as error:
        techniques += error.values
        make.leave_out("cve", error)
    for technique in techniques:
        pattern = knowledge.attack_pattern(make.context.origin, technique)
        make.offer("thing", make.shared(pattern))


# The head of a text, and its place in a tuple.
_LABEL_BYTES: Final = 64
_REMEMBERED: Final = 4_096
_LONGEST: Final = 1_000


class LabelMaker:
    """Turns a tag cell into the labels of its row."""

    def __init__(self, base: Sequence[str], memory: Memory) -> None:
        self.base: Labels = tuple(sorted(set(base)))
        self._kept = memory.keeping(_REMEMBERED)
        self._known: dict[str, Labels] = self._kept.known

    def of(self, tags: str) -> Labels:
        """Return the labels of a row with this tag cell, sorted, each once."""
        if not tags:
            return self.base
        labels = self._known.get(tags)
        if labels is None:
            labels = tuple(sorted({*self.base, *split_tags(tags)}))
            if len(tags) <= _LONGEST:
                size = 2 * WIDEST * len(tags) + _LABEL_BYTES * len(labels)
                self._kept.keep(tags, labels, size)
        return labels
