"""A plan: which cells belong together and what becomes of them, compiled once from a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Literal, NamedTuple

from shadowserver_connector.catalogue.columns import IDENTITY, VOLATILE, Column
from shadowserver_connector.mapping.cells.cache import WIDEST, BoundedCache
from shadowserver_connector.mapping.cells.readers import PARSERS, TIME_ROLES, ColumnReader
from shadowserver_connector.mapping.objects.certificates_software_urls import (
    build_certificate,
    build_file,
    build_request,
    build_software,
    build_ssh_key,
    build_urls,
    build_user_agent,
)
from shadowserver_connector.mapping.objects.collector import Builder, ObjectCollector, RowObjects
from shadowserver_connector.mapping.objects.context import ConversionContext, layout_of_section
from shadowserver_connector.mapping.objects.hosts import build_accounts, build_host
from shadowserver_connector.mapping.objects.threats_and_labels import (
    LabelCache,
    build_attack_patterns,
    build_malware,
    build_tagged_malware,
    build_vulnerabilities,
)
from shadowserver_connector.mapping.objects.traffic import ROLES as TRAFFIC_ROLES
from shadowserver_connector.mapping.objects.traffic import (
    TrafficBuilder,
    compile_traffic,
    parties_of_traffic,
)
from shadowserver_connector.mapping.planning.finding_identity import FindingIdentifier, Member
from shadowserver_connector.mapping.planning.highlights import HighlightColumns, highlight_columns
from shadowserver_connector.mapping.planning.subjects import SubjectReader, compile_subject_reader
from shadowserver_connector.mapping.texts.note_columns import NoteColumn, note_columns
from shadowserver_connector.mapping.texts.note_title import NoteTitleWriter

# More would not be faster: what is cached should fit into the processor's cache.
CACHED_COMBINATIONS: Final = 512
"""Distinct combinations of cells that a section caches; a full cache is cleared."""

_OF_TRAFFIC: Final = frozenset([*TRAFFIC_ROLES, "ip"])

# Memory of a cell in addition to its characters: the head of the str, and its place in a tuple.
_CELL_BYTES: Final = 64

Cells = tuple[str, ...]


class Rule(NamedTuple):
    """Which builder reads the cells of these roles, by party, by group or each column alone."""

    build: Builder
    roles: tuple[str, ...]
    """Names of roles; a name that ends with a dot means all roles that begin with it."""
    together: Literal["party", "group", "column"]
    also_reads: tuple[str, ...] = ()
    """Roles of other cells, of the party, the group or the row, that the builder also needs."""


# Most important first: if a row has too many objects, those of the last rules are dropped.
RULES: Final = (
    Rule(
        build_host,
        ("ip", "network", "public_address", "hostname", "domain", "mac", "asn", "country"),
        "party",
    ),
    Rule(
        build_request,
        ("url_part",),
        "party",
        also_reads=("domain", "ip", "port", "application", "scheme"),
    ),
    Rule(build_accounts, ("email", "account"), "column"),
    Rule(build_urls, ("url",), "column"),
    Rule(build_vulnerabilities, ("tags", "cve"), "column"),
    Rule(build_malware, ("malware", "activity"), "group"),
    Rule(build_tagged_malware, ("tags",), "column"),
    Rule(build_attack_patterns, ("attack_id", "cve"), "column"),
    Rule(build_software, ("software.",), "group"),
    Rule(build_certificate, ("x509.",), "group"),
    Rule(build_file, ("file.",), "group"),
    Rule(build_ssh_key, ("ssh.",), "group"),
    Rule(build_user_agent, ("user_agent",), "column"),
)


Section = Callable[[list[str]], RowObjects]
"""Creates a part from some cells of a row, and caches it."""


def _groups(
    columns: Sequence[Column], context: ConversionContext
) -> Iterator[tuple[Builder, str, list[Member], list[Member]]]:
    """Yield each builder with the party of its cells, the cells, and the others that it needs.

    Of each rule, those of the primary party come first.
    """
    primary = context.report_type.primary
    numbered = list(enumerate(columns))
    for rule in RULES:
        # A pycti that cannot import SSH keys would drop the whole object.
        if rule.build is build_ssh_key and not context.options.ssh_keys:
            continue
        if rule.build is build_tagged_malware and not _named_by_tags(columns, context):
            continue
        near = [member for member in numbered if member[1].role in rule.also_reads]
        groups: dict[str, list[Member]] = {}
        for index, column in numbered:
            if _matches(column.role, rule.roles):
                key = column.name if rule.together == "column" else getattr(column, rule.together)
                groups.setdefault(key, []).append((index, column))
        for key in sorted(groups, key=lambda name: name != primary):
            own = groups[key]
            party, group = own[0][1].party, own[0][1].group
            also_reads = [
                (at, column)
                for at, column in near
                if column.party in ("", party) or (group and column.group == group)
            ]
            yield rule.build, party, own, also_reads


def _named_by_tags(columns: Sequence[Column], context: ConversionContext) -> bool:
    roles = {column.role for column in columns}
    # Some files of earlier years name the malware in their tags alone.
    return context.report_type.malware_in_tags and roles.isdisjoint(["malware", "activity"])


def _matches(role: str, wanted: tuple[str, ...]) -> bool:
    return any(role == name or (name.endswith(".") and role.startswith(name)) for name in wanted)


def _section(
    members: Sequence[Member], build: Builder, party: str, context: ConversionContext
) -> Section:
    layout = layout_of_section(context, party, [column for _, column in members])
    places = [at for at, _ in members]

    def build_part(cells: Cells) -> RowObjects:
        collector = ObjectCollector(context, layout, cells)
        build(collector)
        return collector.row_objects()

    cache = context.cache_budget.new_cache(CACHED_COMBINATIONS)
    # Of one place, `itemgetter` returns the cell itself, and a cell is looked up without a tuple.
    if len(places) == 1:
        return _of_one(places[0], build_part, cache)
    return _of_several(places, build_part, cache)


def _of_one(at: int, build: Callable[[Cells], RowObjects], cache: BoundedCache) -> Section:
    known: dict[str, RowObjects] = cache.known

    def objects_of(row: list[str]) -> RowObjects:
        cell = row[at]
        part = known.get(cell)
        if part is None:
            part = build((cell,))
            cache.add(cell, part, WIDEST * len(cell) + part.size)
        return part

    return objects_of


def _of_several(
    places: Sequence[int], build: Callable[[Cells], RowObjects], cache: BoundedCache
) -> Section:
    pick = itemgetter(*places)
    known: dict[Cells, RowObjects] = cache.known
    heads = _CELL_BYTES * len(places)

    def objects_of(row: list[str]) -> RowObjects:
        cells = pick(row)
        part = known.get(cells)
        if part is None:
            part = build(cells)
            cache.add(cells, part, heads + WIDEST * len("".join(cells)) + part.size)
        return part

    return objects_of


TOP_COLUMNS: Final = ("asn", "country", "sector", "activity", "tags", "cve")
"""Roles whose most frequent values the Report shows."""

BETTER: Final[Mapping[str, str]] = {"activity": "malware"}
"""Role -> the role with the same meaning whose cells objects are named after."""


@dataclass(frozen=True, slots=True)
class StatisticsColumns:
    """The columns that the first pass reads; ``None`` if the report has no such column."""

    severity: int | None
    host: int | None
    tops: Mapping[str, tuple[int, int]]
    """Role -> index of its column, and of the preferred one (`BETTER`); the same twice without."""
    highlights: HighlightColumns

    @property
    def last(self) -> int:
        """Index of the last of them; those behind it need not be read."""
        return max(
            *(at for at in (self.severity, self.host) if at is not None),
            *(at for both in self.tops.values() for at in both),
            *self.highlights.places,
            0,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the row loop needs; it looks nothing up by name."""

    context: ConversionContext
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    traffic: TrafficBuilder | None
    notes: tuple[NoteColumn, ...]
    note_titles: NoteTitleWriter
    subjects: SubjectReader
    statistics: StatisticsColumns
    labels: LabelCache
    time: int | None
    span: tuple[int | None, int | None]
    """Columns that tell when something began and ended."""
    count: tuple[int, ColumnReader] | None
    only_checked: tuple[tuple[int, ColumnReader], ...]
    """Columns that create no object; their bad cells are counted all the same."""
    identify: FindingIdentifier
    volatile_places: tuple[int, ...]
    """Columns that sections read, and whose cells change while a finding recurs."""
    traffic_is_volatile: bool
    """Whether the traffic of a recurring finding changes from day to day."""


def compile_plan(
    columns: Sequence[Column],
    context: ConversionContext,
    identify: FindingIdentifier,
    finding_parts: Sequence[str],
    page: str,
) -> Plan:
    """Return the plan for a header whose columns the catalogue has named.

    ``finding_parts`` says for each column which of the catalogue's ``FINDING_PARTS`` its cells are;
    ``page`` is the URL of Shadowserver's page on the type, or empty.
    """
    volatile = frozenset(at for at, part in enumerate(finding_parts) if part == VOLATILE)
    identity = frozenset(at for at, part in enumerate(finding_parts) if part == IDENTITY)
    primary, cell_words = context.report_type.primary, context.catalogue.cell_words
    host = _index(columns, "ip", primary)
    count = _index(columns, "count")
    traffic = compile_traffic(columns, context) if context.options.network_traffic else None
    addressed = {column.party for column in columns if column.role == "ip"}
    target = parties_of_traffic(context.report_type, addressed)[1]
    subjects = compile_subject_reader(columns, primary, identity)
    return Plan(
        context=context,
        columns=tuple(columns),
        sections=tuple(
            _section(own + also_reads, build, party, context)
            for build, party, own, also_reads in _groups(columns, context)
        ),
        traffic=traffic,
        notes=note_columns(columns, context.cache_budget, cell_words, volatile),
        note_titles=NoteTitleWriter(
            context.report_type,
            columns,
            cell_words,
            context.day,
            page,
            # Of several ports, the one that tells findings apart: not a client's.
            (_place(columns, "port", identity), _place(columns, "protocol", identity)),
        ),
        subjects=subjects,
        statistics=StatisticsColumns(
            _index(columns, "severity"),
            host,
            _top_columns(columns, primary),
            highlight_columns(
                columns, primary, target or primary, subjects, cell_words.malware_names
            ),
        ),
        labels=LabelCache(
            _base_labels(context),
            _labelling(columns),
            context.catalogue.lasting_tags,
            context.cache_budget,
        ),
        time=_index(columns, "time"),
        span=(_index(columns, "first_seen"), _index(columns, "last_seen")),
        count=None
        if count is None
        else (count, ColumnReader(columns[count], context.cache_budget)),
        only_checked=_only_checked(columns, context, traffic),
        identify=identify,
        volatile_places=_volatile_places(columns, context, volatile),
        traffic_is_volatile=any(columns[at].role in _OF_TRAFFIC for at in volatile),
    )


def _top_columns(columns: Sequence[Column], primary: str) -> dict[str, tuple[int, int]]:
    tops = {}
    for role in TOP_COLUMNS:
        own = _index(columns, role, primary)
        better = _index(columns, BETTER.get(role, role), primary)
        if better is None:
            better = own
        if own is None:
            own = better
        if own is not None and better is not None:
            tops[role] = (own, better)
    return tops


def _base_labels(context: ConversionContext) -> tuple[str, ...]:
    """Return the labels of a report; the name of an unknown type may be any file's name."""
    named = (context.report_type.name,) if context.report_type.known else ()
    return ("shadowserver", *named, *context.options.labels)


def _labelling(columns: Sequence[Column]) -> tuple[int, ...]:
    """Return the places of the tags, and of what they may repeat; none without tags."""
    tags = [at for at, column in enumerate(columns) if column.role == "tags"][:1]
    named = [at for at, column in enumerate(columns) if column.role in ("malware", "activity")]
    return (*tags, *named) if tags else ()


def _volatile_places(
    columns: Sequence[Column], context: ConversionContext, volatile: frozenset[int]
) -> tuple[int, ...]:
    groups = _groups(columns, context)
    read = {at for _, _, own, also_reads in groups for at, _ in (*own, *also_reads)}
    return tuple(sorted(volatile & read))


def _only_checked(
    columns: Sequence[Column], context: ConversionContext, traffic: TrafficBuilder | None
) -> tuple[tuple[int, ColumnReader], ...]:
    """Return the columns that have a parser and that nothing else in the plan reads."""
    used = {at for _, _, own, _ in _groups(columns, context) for at, _ in own}
    # Row by row these are read elsewhere (`mapping.rows`, `row_statistics`), bad cells counted.
    read = {*TIME_ROLES, "severity", "count", *(TRAFFIC_ROLES if traffic is not None else ())}
    return tuple(
        (at, ColumnReader(column, context.cache_budget))
        for at, column in enumerate(columns)
        if at not in used and column.role in PARSERS and column.role not in read
    )


def _place(columns: Sequence[Column], role: str, among: frozenset[int]) -> int:
    """Return the first of these places whose column has a role, -1 if there is none."""
    return next((at for at, each in enumerate(columns) if each.role == role and at in among), -1)


def _index(columns: Sequence[Column], role: str, party: str = "") -> int | None:
    """Return the place of the first column of a role, ``None`` if there is none.

    Columns of another party than the one that is given do not count.
    """
    for index, column in enumerate(columns):
        # A block list names networks, too, in place of addresses.
        wanted = {role, "network"} if role == "ip" else {role}
        if column.role in wanted and (not column.party or not party or column.party == party):
            return index
    return None
