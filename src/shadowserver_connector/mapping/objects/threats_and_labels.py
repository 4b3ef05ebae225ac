"""What a row names that others know too: malware, vulnerabilities, attack techniques; labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from shadowserver_connector.bundle.finding_objects import Labels
from shadowserver_connector.mapping.cells.cache import WIDEST, CacheBudget
from shadowserver_connector.mapping.cells.text_and_tags import (
    LeftOutError,
    find_cves,
    parse_attack_ids,
    parse_label,
    split_tags,
)
from shadowserver_connector.mapping.objects.collector import ObjectCollector
from shadowserver_connector.mapping.objects.context import in_sandbox
from shadowserver_connector.stix import shared_objects


def build_vulnerabilities(collector: ObjectCollector) -> None:
    """Make a Vulnerability of each CVE that tags or a vulnerability column name."""
    for cves in collector.values("tags", "cve"):
        _offer_vulnerabilities(collector, cves)


def _offer_vulnerabilities(collector: ObjectCollector, cves: Sequence[str]) -> None:
    for cve in cves:
        vulnerability = collector.add_shared(
            shared_objects.vulnerability(collector.context.origin, cve)
        )
        _offer_knowledge(collector, vulnerability)
        collector.offer_end("weakness", vulnerability)


def build_malware(collector: ObjectCollector) -> None:
    """Create the Malware that a row names, from columns that may also name an activity.

    If the family is given, such a column only says its variant or what it did.
    """
    context = collector.context
    families, variants = _malware_in(collector, "malware"), _malware_in(collector, "activity")
    for name in families or variants:
        malware = collector.add_shared(shared_objects.malware(context.origin, name))
        collector.offer_end("malware", malware)
        _offer_knowledge(collector, malware)


def build_tagged_malware(collector: ObjectCollector) -> None:
    """Make the Malware that tags name, in a file that has no column for it."""
    origin, catalogue = collector.context.origin, collector.context.catalogue
    for tag in split_tags(collector.text("tags")):
        # OpenCTI refuses names of one character.
        if len(tag) > 1 and tag not in catalogue.not_malware:
            name = catalogue.cell_words.malware_names.get(tag, tag)
            malware = collector.add_shared(shared_objects.malware(origin, name))
            collector.offer_end("malware", malware)
            _offer_knowledge(collector, malware)


def _offer_knowledge(collector: ObjectCollector, stix_id: str) -> None:
    """Relate malware or a vulnerability to what it is of: the primary party, or a sandbox's sample.

    The victim of an attack has nothing to do with the malware of its attacker.
    """
    context = collector.context
    if in_sandbox(context):
        collector.offer_end("of sample", stix_id)
    elif context.meaning(context.report_type.primary).described:
        collector.offer_end("thing", stix_id)


def _malware_in(collector: ObjectCollector, role: str) -> list[str]:
    """Return the malware in cells of a role; a CVE id there is made a Vulnerability instead."""
    catalogue = collector.context.catalogue
    names = []
    for name in collector.values(role):
        cves = find_cves(name)
        _offer_vulnerabilities(collector, cves)
        if not cves and name not in catalogue.not_malware:
            # Under its canonical name: one that is another entry's alias would rename that entry.
            names.append(catalogue.cell_words.malware_names.get(name.lower(), name))
    return names


def build_attack_patterns(collector: ObjectCollector) -> None:
    """Make an Attack Pattern of each ATT&CK id, which stand in vulnerability columns too."""
    techniques = [technique for found in collector.values("attack_id") for technique in found]
    try:
        techniques += parse_attack_ids(collector.text("cve"))
    except LeftOutError as error:
        techniques += error.values
        collector.leave_out("cve", error)
    for technique in techniques:
        pattern = shared_objects.attack_pattern(collector.context.origin, technique)
        collector.offer_end("thing", collector.add_shared(pattern))


# The head of a text, and its place in a tuple.
_LABEL_BYTES: Final = 64
_REMEMBERED: Final = 4_096
_LONGEST: Final = 1_000

# OpenCTI shows some twelve labels on a page; an address of many reports had 22 after a day.
MAX_LASTING_TAGS: Final = 5
"""Tags of one row that an observable keeps."""


class RowLabels:
    """The labels that a row gives, each set sorted, each label once."""

    __slots__ = ("all", "lasting")

    all: Labels
    """For what is about a day: Note and Observed-Data; and for what ends, an Indicator."""
    lasting: Labels
    """For observables, which keep their labels forever."""

    def __init__(self, all: Labels, lasting: Labels) -> None:
        self.all = all
        self.lasting = lasting


class LabelCache:
    """Turns the cells of a row that determine its labels into these: tags, and names of malware."""

    def __init__(
        self,
        base: Sequence[str],
        places: Sequence[int],
        lasting: Collection[str],
        cache_budget: CacheBudget,
    ) -> None:
        """``places`` are those of the tags and of malware, the tags first; perhaps none."""
        self.base: Labels = tuple(sorted({parse_label(label) for label in base}))
        self._plain = RowLabels(self.base, self.base)
        self._places = tuple(places)
        self._lasting = lasting
        self._cache = cache_budget.new_cache(_REMEMBERED)
        self._known: dict[str, RowLabels] = self._cache.known

    def of(self, row: list[str]) -> RowLabels:
        # Names of malware make no labels: they only tell which of the tags last.
        if not self._places or not row[self._places[0]]:
            return self._plain
        key = "\0".join([row[at] for at in self._places])
        labels = self._known.get(key)
        if labels is None:
            labels = self._labels_of(row)
            if len(key) <= _LONGEST:
                size = 4 * WIDEST * len(key) + 2 * _LABEL_BYTES * len(labels.all)
                self._cache.add(key, labels, size)
        return labels

    def _labels_of(self, row: list[str]) -> RowLabels:
        tags = split_tags(row[self._places[0]])
        named = {label for at in self._places[1:] for label in split_tags(row[at])}
        lasting = [tag for tag in tags if tag in self._lasting or tag in named]
        return RowLabels(
            tuple(sorted({*self.base, *tags})),
            tuple(sorted({*self.base, *lasting[:MAX_LASTING_TAGS]})),
        )
