"""What the catalogue says about report types and their columns, and how a name is looked up.

Nothing here knows a column or a report type by name: that is in ``data/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from shadowserver_connector.catalogue.columns import (
    ADDRESS_ROLES,
    LOCATING_ROLES,
    UNSPECIFIC_ROLES,
    Column,
    FindingRules,
)

_BETWEEN_WORDS: Final = re.compile(r"[\s_]+")
_NO_WORD: Final = re.compile(r"[\W_]+")
_NAME: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class NotMalware:
    """What columns of malware name besides malware: activities, services, sensors, lists."""

    words: frozenset[str]
    """Names as a whole, in lower case, their parts joined by hyphens."""
    forms: tuple[str, ...]
    """What other names begin or end with: one ``*``, at the end or the beginning."""
    malware_families: frozenset[str] = frozenset()
    """Names of such a form that are families of malware nonetheless."""

    def __contains__(self, cell: str) -> bool:
        """Tell whether a cell names no malware; spaces and underscores count as hyphens."""
        name = _BETWEEN_WORDS.sub("-", cell.strip().lower())
        if name in self.words:
            return True
        return name not in self.malware_families and any(
            fnmatchcase(name, form) for form in self.forms
        )


@dataclass(frozen=True, slots=True)
class CellWords:
    """What Notes write instead of a cell: words for codes, and one name for each malware."""

    words: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...]
    """Globs of columns, and code in capitals -> the text shown for it; empty if it says nothing."""
    malware_names: Mapping[str, str]
    """Another name of a malware, in lower case -> the name it always gets."""

    def words_of(self, column: str) -> Mapping[str, str]:
        """Return the words for the codes of a column; none where it has none."""
        for globs, words in self.words:
            if any(fnmatchcase(column, glob) for glob in globs):
                return words
        return {}


SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
"""Severities as Shadowserver writes them, lowest first."""

TRAFFIC_KINDS = ("service", "flow", "none")
"""What a row says about network traffic: an endpoint, both ends, or nothing."""

INDICATOR_RULES: Final = ("others", "content", "never")
"""What of a party may be an Indicator. ``others``: what does not belong to the subscriber.
``content``: in addition, what is malware itself, wherever it is. ``never``: nothing.
"""

INDICATED_KINDS: Final = ("address", "name", "url", "file")
"""Kinds of observables that an Indicator can be of."""

_CONTENT: Final = frozenset(["url", "file"])


@dataclass(frozen=True, slots=True)
class PartyBehaviour:
    """What a party does."""

    name: str
    text: str
    """Readable, completes "it ...": ``attacks others``."""
    scored: bool
    """Whether something malicious runs there."""
    indicator: str
    """One of ``INDICATOR_RULES``."""
    suffers: bool
    """Whether a row's tags say what it suffered, in a report without its attacker."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a party is in a report type."""

    name: str
    text: str
    """Readable: ``exposed asset``."""
    does: PartyBehaviour
    own: bool
    """It belongs to the subscriber, or to somebody whom they are responsible for."""
    described: bool
    """Whether a row's tags and malware are about it."""
    score: int | None = None
    """Score of its addresses, names, URLs and files: one number, or ``None`` without a score."""

    def indicates(self, kind: str) -> bool:
        """Tell whether observables of a kind, one of ``INDICATED_KINDS``, may be an Indicator."""
        allowed = self.does.indicator
        return allowed != "never" and (not self.own or (allowed == "content" and kind in _CONTENT))


@dataclass(frozen=True, slots=True)
class Family:
    """What report types of one kind have in common; an unknown type is treated like these."""

    name: str
    title: str
    about: str
    """One or two sentences: what such a report is and why it matters."""
    prefixes: tuple[str, ...]
    """Unknown report types whose names begin with these belong here; the longest prefix wins."""
    severity: str
    primary: str
    parties: Mapping[str, str]
    traffic: str
    seen: str
    """What was seen of the subject of a row: ``called a botnet's controller``."""
    todo: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class ReportType:
    """What a report of one type is."""

    name: str
    title: str
    severity: str
    """For a row that gives none; one of ``SEVERITIES``."""
    family: str
    page: str
    """Shadowserver's page on it, empty if there is none."""
    primary: str
    """Party of the primary address, empty if rows have no address."""
    parties: Mapping[str, str]
    """Party -> name of its meaning; a party that is missing here is ``other``."""
    traffic: str
    """One of ``TRAFFIC_KINDS``."""
    application: str
    """Application protocol that the whole type is about (``mysql``), or empty."""
    known: bool
    """False for a type that is not in the catalogue: the general rules of its family apply."""
    vendor: str = ""
    """Vendor of the software of group ``service``, if no cell names one."""
    product: str = ""
    """Software of group ``service``, if no cell names one; see ``product_of``."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Lower-case text in a version cell -> the product that the cell is then about."""
    about: str = ""
    """One or two sentences: what this report is and why it matters."""
    short: str = ""
    """Its name where there is little room, unlike that of any other known type."""
    seen: str = ""
    """What was seen of the subject of a row: ``called a botnet's controller``."""
    todo: str = ""
    """What to do about it: ``switch it off``."""
    application_in: tuple[str, ...] = ()
    """Columns that also name the application protocol, apart from their own purpose: ``tag``."""
    malware_in_tags: bool = False
    """Whether tags name the malware if a file has no column for it."""
    transport: str = ""
    """``tcp`` or ``udp``, for rows that do not say it, as files of earlier years; or empty."""

    def product_of(self, version: str) -> str:
        """Return the product that a version cell of group ``service`` is about; may be empty.

        A fork answers like its origin; only its version differs: ``10.3-MariaDB``.
        """
        lowered = version.lower()
        return next((name for text, name in self.variants.items() if text in lowered), self.product)


OTHER_LINKS: Final = ("observed-data", "network-traffic")
"""What links the objects of a row, apart from relationships."""

FAR_ENDS: Final = ("", "primary", "bystander", "called")
"""What the end of a relationship may be: whatever; the address that a row is about; a harmless
machine that thousands of rows name; the name of a sinkholed controller."""


@dataclass(frozen=True, slots=True)
class LinkKind:
    """One kind of relationship within a row, and whether anything else expresses it."""

    name: str
    title: str
    """Readable, in the terms of STIX, as markdown."""
    relationship: str
    sources: tuple[str, ...]
    """STIX types; none, any."""
    targets: tuple[str, ...]
    """STIX types."""
    far_end: str
    """One of ``FAR_ENDS``: what the end that is not the row's own must be."""
    needed: bool
    """Whether nothing else in a row expresses it."""
    said_by: tuple[str, ...]
    """Those of ``OTHER_LINKS`` that together express it if it is not needed; none means only a
    Note.
    """
    creates_far_end: bool
    """Whether the object at its other end is created without it."""
    use: str
    """What it is good for on the page of an address."""
    why: str
    """Why it is needed, or is not."""

    def fits(self, relationship: str, source: str, target: str, far_end: str) -> bool:
        """Tell whether a relationship between objects of these STIX types is of this kind."""
        return (
            relationship == self.relationship
            and target in self.targets
            and (source in self.sources or not self.sources)
            and self.far_end in ("", far_end)
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All prior knowledge about report types and columns."""

    types: Mapping[str, ReportType]
    meanings: Mapping[str, Meaning]
    party_meanings: Mapping[str, str]
    """Party -> name of its meaning in types that do not say otherwise."""
    valid_days: Mapping[str, int]
    """Kind of observable, one of ``INDICATED_KINDS`` -> days that an Indicator is valid for."""
    families: Mapping[str, Family]
    not_malware: NotMalware
    """Cells of malware columns that name an activity or a list, not a malware."""
    columns: Mapping[str, Column]
    """Published columns as read if no override says otherwise."""
    overrides: Mapping[str, tuple[tuple[str, Column], ...]]
    """Column name -> (glob over report types, how the column is read there)."""
    patterns: tuple[Column, ...]
    """How unpublished columns are read by the form of their names: the name is a glob with one
    ``*`` at most, and ``*`` in the other fields is what it stood for.
    """
    never_by_pattern: tuple[str, ...]
    """Globs of names that no pattern may claim."""
    secrets: tuple[str, ...]
    """Globs of unpublished names that hold secrets, against the name between two underscores."""
    secrets_order: int
    """Place of such a column in a Note."""
    title_words: Mapping[str, str]
    """Lower-case word of a name -> as it is written in a title."""
    layouts: Mapping[str, tuple[str, ...]]
    """Report type -> its columns in published order."""
    prefixes: Mapping[str, str]
    """Prefix of a column's name -> party, where they differ (``http_referer`` -> ``referer``)."""
    ipv4_types: Mapping[str, str]
    """IPv6 report type -> the IPv4 one that it is derived from."""
    lasting_tags: frozenset[str]
    """Tags that stay on observables as labels."""
    protocols: frozenset[str]
    """Names of application protocols, in lower case, words joined by hyphens."""
    earlier_types: Mapping[str, str]
    """Name that a report type had in earlier years -> its name."""
    earlier_columns: Mapping[str, Mapping[str, str]]
    """Glob over report types -> name that a column of theirs had in earlier years -> its name."""
    finding_rules: FindingRules
    """What the cells of a finding are if a column does not say so."""
    links: tuple[LinkKind, ...]
    """Kinds of relationships; the first that matches counts."""
    cell_words: CellWords
    last_order: int
    """Order of a column about which nothing is known."""

    def report_type(self, name: str, header: Sequence[str] = ()) -> ReportType:
        """Return what is known of a report type; by its family's general rules if unknown.

        Given a file's header, the primary is a party that has an address in it: files of earlier
        years call an infected asset ``ip``, where today's call it ``src_ip``.
        """
        name = self.earlier_types.get(name, name)
        report_type = self.types.get(name) or self._unknown(name)
        columns = [self.column(name, column) for column in header]
        addressed = [column.party for column in columns if column.role in ADDRESS_ROLES]
        candidates = [party for party in report_type.parties if party in addressed]
        if report_type.primary in addressed or not (report_type.primary and candidates):
            return report_type
        return replace(report_type, primary=candidates[0])

    @property
    def current_name_of_type(self) -> Mapping[str, str]:
        """Every name that a known report type has or had -> its name."""
        return {**self.earlier_types, **{name: name for name in self.types}}

    def _unknown(self, name: str) -> ReportType:
        family = self._family_of(name)
        title = self._readable(name) or "Unnamed report"
        return ReportType(
            name=name,
            title=title,
            severity=family.severity,
            family=family.name,
            page="",
            primary=family.primary,
            parties=family.parties,
            traffic=family.traffic,
            application="",
            known=False,
            about=family.about,
            short=title,
            seen=family.seen,
            todo=family.todo,
        )

    def column(self, report_type: str, name: str) -> Column:
        """Return how a column is read in a report type.

        What it is called today first, then the type's override, then the published column, then a
        name that says secret, then a naming pattern; a column that nothing is known of has role
        ``text``.
        """
        aliases = self._aliases(report_type)
        today = self.current_column_name(report_type, name)
        if today != name:
            return replace(self.column(report_type, today), name=name)
        for glob, column in self.overrides.get(name, ()):
            if any(fnmatchcase(alias, glob) for alias in aliases):
                return column
        published = self.columns.get(name)
        return published if published is not None else self._by_pattern(name)

    def current_column_name(self, report_type: str, name: str) -> str:
        """Return what a column of a report type is called today."""
        aliases = self._aliases(report_type)
        for glob, names in self.earlier_columns.items():
            if name in names and any(fnmatchcase(alias, glob) for alias in aliases):
                return names[name]
        return name

    def _aliases(self, report_type: str) -> tuple[str, str]:
        # What is said of an IPv4 type holds for the IPv6 one that is derived from it.
        report_type = self.earlier_types.get(report_type, report_type)
        return report_type, self.ipv4_types.get(report_type, report_type)

    def is_report(self, columns: Iterable[Column]) -> bool:
        """Tell whether a table of these columns is a report: one of them at least has a role.

        A name that only a pattern knows must be one word, as names of columns are: the last cell
        of a sentence may end like one.
        """
        return any(
            column.role not in UNSPECIFIC_ROLES
            and (column.name in self.columns or _NAME.fullmatch(column.name) is not None)
            for column in columns
        )

    def finding_part(self, report_type: ReportType, column: Column) -> str:
        """Return what a column's cells are for a finding of this type: one of ``FINDING_PARTS``."""
        meaning = report_type.parties.get(column.party, "")
        return column.finding_part or self.finding_rules.part(column.role, meaning)

    def meaning(self, report_type: ReportType, party: str) -> Meaning:
        """Return what a party is in a report type: ``other`` if neither it nor the usual says."""
        usual = self.party_meanings.get(party, "other")
        return self.meanings[report_type.parties.get(party, usual)]

    def column_names(self, report_type: str) -> tuple[str, ...]:
        """Return a type's columns in published order; none for an unknown type."""
        return self.layouts.get(report_type, ())

    def parties_with_address(self, report_type: str) -> frozenset[str]:
        """Return the parties for which a known type has an address column."""
        columns = (self.column(report_type, name) for name in self.column_names(report_type))
        return frozenset(column.party for column in columns if column.role in ADDRESS_ROLES)

    def parties_with_endpoint(self, report_type: str) -> frozenset[str]:
        """Return the parties for which a known type has, or had, an address, a URL or a name."""
        earlier = [
            name
            for glob, names in self.earlier_columns.items()
            if fnmatchcase(report_type, glob)
            for name in names
        ]
        names = (*self.column_names(report_type), *earlier)
        columns = (self.column(report_type, name) for name in names)
        return frozenset(column.party for column in columns if column.role in LOCATING_ROLES)

    def _family_of(self, report_type: str) -> Family:
        # One family has the prefix "", so that there is always a match.
        matches = [
            (len(prefix), family)
            for family in self.families.values()
            for prefix in family.prefixes
            if report_type.startswith(prefix)
        ]
        return max(matches, key=lambda match: match[0])[1]

    def _by_pattern(self, name: str) -> Column:
        words = f"_{_NO_WORD.sub('_', name.lower())}_"
        finding_part = self.finding_rules.volatile_by_name(words)
        # Before any pattern, which could make an object of a secret.
        if any(fnmatchcase(words, glob) for glob in self.secrets):
            title = self._readable(name)
            return Column(name, "secret", "", "", title, self.secrets_order, finding_part)
        if not any(fnmatchcase(name, glob) for glob in self.never_by_pattern):
            for pattern in self.patterns:
                # To fnmatch, * may stand for nothing: "_ip" is no party's address.
                if fnmatchcase(name, pattern.name) and len(name) >= len(pattern.name):
                    return self._from_pattern(pattern, name, finding_part or pattern.finding_part)
        return Column(
            name, "text", "", "", self._readable(name) or name, self.last_order, finding_part
        )

    def _from_pattern(self, pattern: Column, name: str, finding_part: str) -> Column:
        before, _, after = pattern.name.partition("*")
        matched = name[len(before) : len(name) - len(after)]
        return replace(
            pattern,
            name=name,
            party=pattern.party.replace("*", self.prefixes.get(matched, matched)),
            group=pattern.group.replace("*", matched),
            title=self._readable(pattern.title.replace("*", matched)),
            finding_part=finding_part,
        )

    def _readable(self, name: str) -> str:
        words = [self.title_words.get(word, word) for word in name.replace("_", " ").split()]
        # A word with capitals of its own, such as iDRAC, keeps its form.
        if words and words[0].islower():
            words[0] = words[0][0].upper() + words[0][1:]
        return " ".join(words)
