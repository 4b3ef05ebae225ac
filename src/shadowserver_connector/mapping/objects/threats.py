"""What a row names that others know too: malware, vulnerabilities, attack techniques; labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shadowserver_connector.bundle.finding import Labels
from shadowserver_connector.mapping.cells.cache import WIDEST, CacheBudget
from shadowserver_connector.mapping.cells.tags import (
    TooManyError,
    find_cves,
    parse_attack_ids,
    split_tags,
)
from shadowserver_connector.mapping.objects.collector import ObjectCollector
from shadowserver_connector.stix import shared_objects


def build_vulnerabilities(collector: ObjectCollector) -> None:
    """Make a Vulnerability of each CVE that tags or a vulnerability column name."""
    for cves in collector.values("tags", "cve"):
        _offer_vulnerabilities(collector, cves)


def _offer_vulnerabilities(collector: ObjectCollector, cves: Sequence[str]) -> None:
    for cve in cves:
        vulnerability = collector.shared(
            shared_objects.vulnerability(collector.context.origin, cve)
        )
        collector.offer_end("thing", vulnerability)
        collector.offer_end("weakness", vulnerability)


def build_malware(collector: ObjectCollector) -> None:
    """Make the Malware that a row names, which a column that may hold an activity does as well.

    Where the family is named, such a column only says its variant or what it did. The victim of an
    attack has nothing to do with the malware of its attacker.
    """
    context = collector.context
    families, variants = _named(collector, "malware"), _named(collector, "activity")
    for name in families or variants:
        malware = collector.shared(shared_objects.malware(context.origin, name))
        collector.offer_end("malware", malware)
        if context.meaning(context.report_type.primary).name != "victim":
            collector.offer_end("thing", malware)


def _named(collector: ObjectCollector, role: str) -> list[str]:
    """Return the malware in cells of a role; a CVE id there is made a Vulnerability instead."""
    names = []
    for name in collector.values(role):
        cves = find_cves(name)
        _offer_vulnerabilities(collector, cves)
        if not cves and name not in collector.context.activities:
            names.append(collector.context.codes.malware.get(name.lower(), name))
    return names


def build_attack_patterns(collector: ObjectCollector) -> None:
    """Make an Attack Pattern of each ATT&CK id, which stand in vulnerability columns too."""
    techniques = [technique for found in collector.values("attack_id") for technique in found]
    try:
        techniques += parse_attack_ids(collector.text("cve"))
    except TooManyError as error:
        techniques += error.values
        collector.leave_out("cve", error)
    for technique in techniques:
        pattern = shared_objects.attack_pattern(collector.context.origin, technique)
        collector.offer_end("thing", collector.shared(pattern))


# The head of a text, and its place in a tuple.
_LABEL_BYTES: Final = 64
_REMEMBERED: Final = 4_096
_LONGEST: Final = 1_000


class LabelCache:
    """Turns a tag cell into the labels of its row."""

    def __init__(self, base: Sequence[str], cache_budget: CacheBudget) -> None:
        self.base: Labels = tuple(sorted(set(base)))
        self._cache = cache_budget.new_cache(_REMEMBERED)
        self._known: dict[str, Labels] = self._cache.known

    def of(self, tags: str) -> Labels:
        """Return the labels of a row with this tag cell, sorted, each once."""
        if not tags:
            return self.base
        labels = self._known.get(tags)
        if labels is None:
            labels = tuple(sorted({*self.base, *split_tags(tags)}))
            if len(tags) <= _LONGEST:
                size = 2 * WIDEST * len(tags) + _LABEL_BYTES * len(labels)
                self._cache.keep(tags, labels, size)
        return labels
