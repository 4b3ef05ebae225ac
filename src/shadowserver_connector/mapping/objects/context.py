"""What holds for all rows of a report: its options, which relationships are created, and the layout
of each section, which says what its columns mean and which ends of relationships it offers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shadowserver_connector.catalogue.catalogue import (
    Catalogue,
    LinkKind,
    Meaning,
    ReportType,
)
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.cells.dates import first_year_too_late
from shadowserver_connector.mapping.cells.readers import ColumnReader
from shadowserver_connector.mapping.objects.encoders import Encoders
from shadowserver_connector.mapping.options import NEEDED, Options
from shadowserver_connector.stix.shared_objects import Origin

# Harmless machines that thousands of rows name. With the labels and Notes of all those rows, their
# pages in OpenCTI would be unusable.
_CROWDED: Final = frozenset(["sinkhole", "sensor"])
_CONTROLLERS: Final = frozenset(["c2", "controller", "contact_point", "sinkholed"])
"""Meanings of parties that the malware of a row communicates with."""
_NAMES: Final = frozenset(["sinkholed"])
"""Meanings of parties that are a name only: an address given with it is the sinkhole's."""
_SANDBOXED: Final = frozenset(["contacted", "looked_up"])

Source = tuple[int, ColumnReader]
"""Place of a cell among those of a section, and what reads it."""

EndNames = tuple[str, ...]
"""Names under which an object is offered as an end of relationships with other sections."""

_Link = tuple[str, str, str, str]
"""Type of a relationship, STIX types of its source and target, and one of ``FAR_ENDS``."""


class RelationshipRules:
    """Decide which relationships are created, by their type and the STIX types of their ends."""

    def __init__(self, kinds: Sequence[LinkKind], options: Options, *, joined: bool) -> None:
        """``kinds`` are the catalogue's; ``joined`` tells if the report's traffic has both ends."""
        self._kinds = kinds
        self.options = options
        # Traffic with one end links nothing.
        present = {
            "observed-data": options.observed_data,
            "network-traffic": options.network_traffic and joined,
        }
        self._present = frozenset(name for name, is_present in present.items() if is_present)
        self._needed = NEEDED in (options.relationships or ())
        # Cached, because every row asks, and there are few distinct answers.
        self._created: dict[_Link, bool] = {}
        self._far_end_created: dict[_Link, bool] = {}

    def creates(self, relationship: str, source: str, target: str, far_end: str = "") -> bool:
        """Tell whether such a relationship is created; ``far_end`` is one of ``FAR_ENDS``."""
        link = (relationship, source, target, far_end)
        created = self._created.get(link)
        if created is None:
            created = self._created[link] = self._decide(relationship, self._kind(link))
        return created

    def creates_far_end(
        self, relationship: str, source: str, target: str, far_end: str = ""
    ) -> bool:
        """Tell whether the object at the other end is created, even without the relationship."""
        link = (relationship, source, target, far_end)
        created = self._far_end_created.get(link)
        if created is None:
            kind = self._kind(link)
            # Of a kind that the catalogue does not know, perhaps nothing else expresses it.
            created = (
                kind is None
                or kind.creates_far_end
                or self.creates(relationship, source, target, far_end)
            )
            self._far_end_created[link] = created
        return created

    def _kind(self, link: _Link) -> LinkKind | None:
        # The first counts: the catalogue lists the narrower kinds before the wider ones.
        return next((kind for kind in self._kinds if kind.fits(*link)), None)

    def _decide(self, relationship: str, kind: LinkKind | None) -> bool:
        if self.options.relates(relationship):
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
    def too_late(self) -> str:
        """No row can have been seen in this year or later; it is compared with times as text."""
        return first_year_too_late(self.day)

    def meaning(self, party: str) -> Meaning:
        named = self.report_type.parties.get(party)
        usual = self.catalogue.party_meanings.get(party, "other")
        return self.catalogue.meanings[named or usual]

    def tags_are_about(self, party: str) -> bool:
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


@dataclass(frozen=True, slots=True)
class SectionLayout:
    """The cells of one section."""

    party: str
    group: str
    sources: Mapping[str, tuple[Source, ...]]
    """Role -> where to read its values."""
    meaning: Meaning
    """What the party is."""
    is_primary: bool
    """Whether the row is about the party's address."""
    own_page: bool
    """Whether labels belong on the page of the party's objects."""
    notes: bool
    """Whether Notes belong there. Other parties get none: thousands of rows may name them, and a
    page with more than about 60 Notes does not open.
    """
    tags_are_about: bool
    """Whether a row's tags are about the party's objects."""
    far_end: str
    """What the party is as an end of relationships: one of ``FAR_ENDS``."""
    controls: bool
    """Whether the malware of a row communicates with the party."""
    is_name: bool
    """Whether an address given together with the party's name belongs to somebody else."""
    ipv4_ends: EndNames
    ipv6_ends: EndNames
    domain_ends: EndNames
    """For a domain name that was requested, as opposed to one that an address has in reverse DNS.
    """
    hostname_ends: EndNames
    """For a hostname. They are fewer: OpenCTI relates neither malware nor files to a hostname."""


def layout_of_section(
    context: ConversionContext, party: str, columns: Sequence[Column]
) -> SectionLayout:
    """Return the layout of cells of these columns, of which there is at least one."""
    found: dict[str, list[Source]] = {}
    for at, column in enumerate(columns):
        found.setdefault(column.role, []).append((at, ColumnReader(column, context.cache_budget)))
    sources = {role: tuple(of_role) for role, of_role in found.items()}
    meaning = context.meaning(party)
    # Both are empty for columns of the row in a report without a primary party.
    far_end = far_end_of_party(
        meaning, is_primary=bool(party) and party == context.report_type.primary
    )
    # Asking about domain names is enough: a kind of `links.toml` that has names has URLs too.
    controls = meaning.name in _CONTROLLERS and context.rules.creates(
        "communicates-with", "malware", "domain-name", far_end if far_end == "called" else ""
    )
    control = ("controller",) if controls else ()
    subject = () if context.report_type.primary else ("subject",)
    contacted = ("contacted",) if meaning.name in _SANDBOXED else ()
    return SectionLayout(
        party=party,
        group=columns[0].group,
        sources=sources,
        meaning=meaning,
        is_primary=party == context.report_type.primary,
        own_page=meaning.name not in _CROWDED,
        notes=meaning.name not in _CROWDED and party in ("", context.report_type.primary),
        tags_are_about=context.tags_are_about(party),
        far_end=far_end,
        controls=controls,
        is_name=meaning.name in _NAMES,
        ipv4_ends=_address_ends(context, party, sources, 4) + control,
        ipv6_ends=_address_ends(context, party, sources, 6) + control,
        domain_ends=subject + control + contacted,
        hostname_ends=subject,
    )


def far_end_of_party(meaning: Meaning, *, is_primary: bool) -> str:
    """Return what a party is as an end of relationships: one of ``FAR_ENDS``."""
    if is_primary:
        return "primary"
    if meaning.name in _CROWDED:
        return "bystander"
    return "called" if meaning.name in _NAMES else ""


def in_sandbox(context: ConversionContext) -> bool:
    """Tell whether rows are about what malware did in a sandbox."""
    return not _SANDBOXED.isdisjoint(context.report_type.parties.values())


def _address_ends(
    context: ConversionContext, party: str, roles: Collection[str], version: int
) -> EndNames:
    meaning = context.meaning(party).name
    ends = []
    end = _end_of_flow(context, party)
    if end:
        ends.append(f"{end} ipv{version}")
    if party == context.report_type.primary:
        ends.append("primary")
        if meaning in _SANDBOXED:
            ends.append("contacted")
    # OpenCTI accepts communicates-with only between IPv4 addresses. Those of IPv6 are related-to.
    elif (version == 6 if end else meaning not in _CROWDED) and not _is_stranger(
        context, party, roles
    ):
        ends.append("thing")
    return tuple(ends)


def _is_stranger(context: ConversionContext, party: str, roles: Collection[str]) -> bool:
    """Tell whether only a column's name says what an address does, and not the report type."""
    report_type = context.report_type
    guessed = "public_address" in roles and party not in report_type.parties
    return guessed or not report_type.primary


def _end_of_flow(context: ConversionContext, party: str) -> str:
    """Return which end of a connection the party is, empty if none.

    An amplification attack has no such ends. Its packets seem to come from the victim, but others
    sent them.
    """
    report_type = context.report_type
    primary = report_type.primary
    if report_type.traffic != "flow" or context.meaning(primary).name == "victim":
        return ""
    if party == primary:
        return "source"
    # In files of earlier years, `cc` is the controller.
    return "target" if party in ("dst", "cc") else ""
