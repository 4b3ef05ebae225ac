"""What holds for all rows of a report, and which relationships are created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadowserver_connector.catalogue.catalogue import (
    Catalogue,
    LinkKind,
    Meaning,
    ReportType,
)
from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.cells.dates import end_of_report
from shadowserver_connector.mapping.objects.templates import Encoders
from shadowserver_connector.mapping.options import NEEDED, Options
from shadowserver_connector.stix.shared_objects import Origin

_Link = tuple[str, str, str, str]
"""Type of a relationship, STIX types of its source and target, and one of ``LINK_ENDS``."""


class RelationshipRules:
    """Decide which relationships are created, by their type and the STIX types of their ends."""

    def __init__(self, kinds: Sequence[LinkKind], options: Options, *, joined: bool) -> None:
        """``kinds`` are the catalogue's; ``joined`` tells if the report's traffic has both ends."""
        self._kinds = kinds
        self._options = options
        # Traffic with one end links nothing.
        present = {
            "observed-data": options.observed_data,
            "network-traffic": options.network_traffic and joined,
        }
        self._present = frozenset(name for name, is_present in present.items() if is_present)
        self._needed = NEEDED in (options.relationships or ())
        # Cached, because every row asks, and there are few distinct answers.
        self._created: dict[_Link, bool] = {}
        self._other_end_created: dict[_Link, bool] = {}

    def creates(self, relationship: str, source: str, target: str, end: str = "") -> bool:
        """Tell whether such a relationship is created; ``end`` is one of ``LINK_ENDS``."""
        link = (relationship, source, target, end)
        created = self._created.get(link)
        if created is None:
            created = self._created[link] = self._decide(relationship, self._kind(link))
        return created

    def creates_other_end(self, relationship: str, source: str, target: str, end: str = "") -> bool:
        """Tell whether the object at the other end is created, even without the relationship."""
        link = (relationship, source, target, end)
        created = self._other_end_created.get(link)
        if created is None:
            kind = self._kind(link)
            # Of a kind that the catalogue does not know, nothing else may say the same.
            created = kind is None or kind.alone or self.creates(relationship, source, target, end)
            self._other_end_created[link] = created
        return created

    def _kind(self, link: _Link) -> LinkKind | None:
        # The first counts: the catalogue lists the narrower kinds before the wider ones.
        return next((kind for kind in self._kinds if kind.fits(*link)), None)

    def _decide(self, relationship: str, kind: LinkKind | None) -> bool:
        if self._options.relates(relationship):
            return True
        if not self._needed:
            return False
        if kind is None or kind.needed:
            return True
        # Needed after all if an object that would say the same is not created.
        return bool(kind.said_by) and not self._present.issuperset(kind.said_by)


@dataclass(frozen=True, slots=True)
class ConversionContext:
    """What holds for all rows of a report: its type, the catalogue, the options, the encoders."""

    origin: Origin
    day: str
    """Start of the day covered, ``YYYY-MM-DDT00:00:00.000Z``."""
    report_type: ReportType
    catalogue: Catalogue
    options: Options
    rules: RelationshipRules
    encode: Encoders
    cache_budget: CacheBudget
    """What is cached about cells."""

    @property
    def end(self) -> str:
        """No row can have been seen at or after this time; it is compared with others as text."""
        return end_of_report(self.day)

    def meaning(self, party: str) -> Meaning:
        named = self.report_type.parties.get(party)
        usual = self.catalogue.party_meanings.get(party, "other")
        return self.catalogue.meanings[named or usual]

    def described(self, party: str) -> bool:
        """Tell whether a row's tags and malware are about a party.

        They describe the attacker. In a report without one, they say what the victim suffered.
        """
        if self.meaning(party).described:
            return True
        primary = self.report_type.primary
        if party != primary or not self.meaning(party).does.suffers:
            return False
        others = [self.meaning(each) for each in self.report_type.parties if each != primary]
        return not any(other.described for other in others)
