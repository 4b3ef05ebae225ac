"""The layout of a section: what its columns mean, and which ends of relationships it offers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shadowserver_connector.catalogue.catalogue import Meaning
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.mapping.cells.readers import ColumnReader
from shadowserver_connector.mapping.objects.context import ConversionContext

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
    described: bool
    """Whether a row's tags are about the party's objects."""
    end: str
    """What the party is as an end of relationships: one of ``LINK_ENDS``."""
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
    end = end_of_party(meaning, is_primary=bool(party) and party == context.report_type.primary)
    # Asked for a name only: a kind of `links.toml` that has names has the URLs too.
    controls = meaning.name in _CONTROLLERS and context.rules.creates(
        "communicates-with", "malware", "domain-name", end if end == "called" else ""
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
        described=context.described(party),
        end=end,
        controls=controls,
        is_name=meaning.name in _NAMES,
        ipv4_ends=_address_ends(context, party, sources, 4) + control,
        ipv6_ends=_address_ends(context, party, sources, 6) + control,
        domain_ends=subject + control + contacted,
        hostname_ends=subject,
    )


def end_of_party(meaning: Meaning, *, is_primary: bool) -> str:
    """Return what a party is as an end of relationships: one of ``LINK_ENDS``."""
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
