"""What must hold for a catalogue as a whole; each violation names its file and entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from shadowserver_connector.catalogue.catalogue import (
    FAR_ENDS,
    INDICATOR_RULES,
    OTHER_LINKS,
    SEVERITIES,
    TRAFFIC_KINDS,
    Catalogue,
    Family,
    NotMalware,
    ReportType,
)
from shadowserver_connector.catalogue.columns import (
    EXCLUSIVE_ROLES,
    FINDING_PARTS,
    IDENTITY,
    ROLES,
    Column,
)
from shadowserver_connector.errors import CatalogueError


def check(catalogue: Catalogue) -> None:
    """Refuse a catalogue that contradicts itself.

    Raises CatalogueError for the first violation.
    """
    for find in (
        # Layouts before types, whose parties are what their columns locate.
        *(_roles, _not_malware, _families, _layouts, _types, _overrides, _patterns),
        *(_meanings, _findings, _links, _earlier),
    ):
        for complaint in find(catalogue):
            raise CatalogueError(complaint)


def _roles(catalogue: Catalogue) -> Iterator[str]:
    for where, column in _readings(catalogue):
        if column.role not in ROLES:
            yield f"{where}: unknown role {column.role}; see ROLES in catalogue/columns.py"


def _meanings(catalogue: Catalogue) -> Iterator[str]:
    for meaning in catalogue.meanings.values():
        behaviour = meaning.does
        where = f"meanings.toml: behaviours.{behaviour.name}:"
        if behaviour.indicator not in INDICATOR_RULES:
            yield f"{where} indicator {behaviour.indicator} is none of {', '.join(INDICATOR_RULES)}"
        if behaviour.indicator != "never" and not behaviour.scored:
            yield f"{where} an Indicator, but no score"
    for party, name in catalogue.party_meanings.items():
        if name not in catalogue.meanings:
            yield f"meanings.toml: parties: {party}: no meaning {name}"


def _findings(catalogue: Catalogue) -> Iterator[str]:
    for where, column in _readings(catalogue):
        if column.finding_part and column.finding_part not in FINDING_PARTS:
            yield f"{where}: finding {column.finding_part} is none of {', '.join(FINDING_PARTS)}"
    rules = catalogue.finding_rules
    for role in sorted((rules.identity_roles | rules.volatile_roles) - ROLES):
        yield f"findings.toml: roles: unknown role {role}; see ROLES in catalogue/columns.py"
    for role in sorted(rules.identity_roles & rules.volatile_roles):
        yield f"findings.toml: roles: {role} is both identity and volatile"
    for meaning in sorted(rules.volatile_meanings - catalogue.meanings.keys()):
        yield f"findings.toml: meanings: no meaning {meaning} in meanings.toml"
    for report_type in _bases(catalogue):
        parts = [
            catalogue.finding_part(report_type, each) for each in _read(catalogue, report_type.name)
        ]
        if IDENTITY not in parts:
            yield f"layouts.toml: {report_type.name}: no column tells its findings apart"


def _links(catalogue: Catalogue) -> Iterator[str]:
    for kind in catalogue.links:
        where = f"links.toml: {kind.name}:"
        if kind.far_end not in FAR_ENDS:
            yield f"{where} far_end {kind.far_end} is none of {', '.join(filter(None, FAR_ENDS))}"
        for sayer in kind.said_by:
            if sayer not in OTHER_LINKS:
                yield f"{where} said_by {sayer} is none of {', '.join(OTHER_LINKS)}"
        if not kind.targets:
            yield f"{where} target must name a type"
        if kind.needed and kind.said_by:
            yield f"{where} needed, and said by {', '.join(kind.said_by)}: only one can be"
        for source in kind.sources or ("",):
            for target in kind.targets:
                first = next(
                    one
                    for one in catalogue.links
                    if one.fits(kind.relationship, source, target, kind.far_end)
                )
                if first is not kind:
                    yield f"{where} never reached: {first.name} stands before it and fits {target}"


def _earlier(catalogue: Catalogue) -> Iterator[str]:
    for name, today in catalogue.earlier_types.items():
        if today not in catalogue.types:
            yield f"earlier.toml: types: {name}: no type {today} in report_types.toml"
        if name in catalogue.types:
            yield f"earlier.toml: types: {name}: a type of report_types.toml is called so"
    for glob, names in catalogue.earlier_columns.items():
        fitting = [t for t in _bases(catalogue) if fnmatchcase(t.name, glob)]
        if not fitting:
            yield f"earlier.toml: columns: {glob}: no known report type is so named"
        for name, today in names.items():
            where = f"earlier.toml: columns: {glob}: {name}"
            if today not in catalogue.columns:
                yield f"{where}: no column {today} in columns.toml"
            for report_type in fitting:
                if name in catalogue.layouts[report_type.name]:
                    yield f"{where}: {report_type.name} has a column of this name today"


def _readings(catalogue: Catalogue) -> Iterator[tuple[str, Column]]:
    """Yield everything that says how a column is read, with file and entry."""
    for name, column in catalogue.columns.items():
        yield f"columns.toml: {name}", column
    for name, readings in catalogue.overrides.items():
        for glob, column in readings:
            yield f"overrides.toml: {name}.{glob}", column
    for pattern in catalogue.patterns:
        yield f"patterns.toml: {pattern.name}", pattern


def _not_malware(catalogue: Catalogue) -> Iterator[str]:
    forms = catalogue.not_malware.forms
    for form in forms:
        if form.count("*") != 1 or not (form.startswith("*-") or form.endswith("-*")):
            yield f"not_malware.toml: {form}: a form begins with *- or ends with -*"
    for word in sorted(catalogue.not_malware.words):
        if word in NotMalware(frozenset(), forms):
            yield f"not_malware.toml: {word}: a form covers it; keep one"


def _families(catalogue: Catalogue) -> Iterator[str]:
    for family in catalogue.families.values():
        yield from _common("families.toml", family, catalogue)
    if not any("" in family.prefixes for family in catalogue.families.values()):
        yield "families.toml: one family must have the prefix '' and take every other type"
    prefixes = Counter(p for family in catalogue.families.values() for p in family.prefixes)
    for prefix, times in prefixes.items():
        if times > 1:
            yield f"families.toml: prefix '{prefix}' belongs to {times} families; keep one"


def _common(file: str, entry: Family | ReportType, catalogue: Catalogue) -> Iterator[str]:
    where = f"{file}: {entry.name}:"
    if entry.severity not in SEVERITIES:
        yield f"{where} severity {entry.severity} is none of {', '.join(SEVERITIES)}"
    if entry.traffic not in TRAFFIC_KINDS:
        yield f"{where} traffic {entry.traffic} is none of {', '.join(TRAFFIC_KINDS)}"
    for party, meaning in entry.parties.items():
        if meaning not in catalogue.meanings:
            yield f"{where} party {party}: no meaning {meaning} in meanings.toml"
    if entry.primary and entry.primary not in entry.parties:
        yield f"{where} primary {entry.primary} is none of its parties"


LONGEST_SHORT: Final = 24
"""Characters of a type's short name; lists of OpenCTI show some 45 of a title."""


def _types(catalogue: Catalogue) -> Iterator[str]:
    short = Counter(report_type.short for report_type in catalogue.types.values())
    for report_type in _bases(catalogue):
        where = f"report_types.toml: {report_type.name}:"
        if len(report_type.short) > LONGEST_SHORT:
            yield f"{where} short has more than {LONGEST_SHORT} characters"
        if short[report_type.short] > 1:
            yield f"{where} short {report_type.short} is another type's too"
        yield from _common("report_types.toml", report_type, catalogue)
        addressed = catalogue.parties_with_address(report_type.name)
        if report_type.primary and report_type.primary not in addressed:
            yield f"{where} primary {report_type.primary} has no ip column in layouts.toml"
        for party in report_type.parties.keys() - catalogue.parties_with_endpoint(report_type.name):
            yield f"{where} party {party} has no ip, url or domain column in layouts.toml"
        for party in addressed - report_type.parties.keys():
            yield f"{where} nothing says what party {party} is"
        if report_type.transport not in ("", "tcp", "udp"):
            yield f"{where} transport {report_type.transport} is neither tcp nor udp"
        for name in report_type.application_in:
            if name not in catalogue.layouts[report_type.name]:
                yield f"{where} application_in {name} is no column in layouts.toml"
        services = [
            column.role
            for column in _read(catalogue, report_type.name)
            if column.group == "service"
        ]
        if (report_type.vendor or report_type.product) and not services:
            yield f"{where} vendor or product, but no column of group service to go with it"


def _layouts(catalogue: Catalogue) -> Iterator[str]:
    for report_type in _bases(catalogue):
        name, layout = report_type.name, catalogue.layouts[report_type.name]
        where = f"layouts.toml: {name}:"
        if not layout:
            yield f"{where} the type has no columns; add its layout to [layouts]"
        for column_name, times in Counter(layout).items():
            if column_name not in catalogue.columns:
                yield f"{where} no column {column_name} in columns.toml"
            if times > 1:
                yield f"{where} column {column_name} is there {times} times"
        taken: dict[tuple[str, str, str], str] = {}
        for column in _read(catalogue, name):
            place = (column.role, column.party, column.group)
            if column.role in EXCLUSIVE_ROLES and place in taken:
                yield (
                    f"{where} {taken[place]} and {column.name} are both {column.role} "
                    f"of party '{column.party}', group '{column.group}'; give one another group"
                )
            taken[place] = column.name


def _overrides(catalogue: Catalogue) -> Iterator[str]:
    earlier = set(catalogue.earlier_types.values())
    for name, readings in catalogue.overrides.items():
        having = [t.name for t in _bases(catalogue) if name in catalogue.layouts[t.name]]
        for glob, column in readings:
            where = f"overrides.toml: {name}.{glob}:"
            # Under its earlier name, a type may have had a column that it lacks today.
            if not any(fnmatchcase(report_type, glob) for report_type in [*having, *earlier]):
                yield f"{where} no known report type so named has this column"
            if column == catalogue.columns[name]:
                yield f"{where} changes nothing"
        for report_type in having:
            globs = [glob for glob, _ in readings if fnmatchcase(report_type, glob)]
            if len(globs) > 1:
                yield f"overrides.toml: {name}: {' and '.join(globs)} both claim {report_type}"


def _patterns(catalogue: Catalogue) -> Iterator[str]:
    for pattern in catalogue.patterns:
        where = f"patterns.toml: {pattern.name}:"
        if pattern.name.count("*") > 1:
            yield f"{where} a pattern has one * at most"
        if "*" not in pattern.name and "*" in pattern.party + pattern.group + pattern.title:
            yield f"{where} a * that stands for nothing"
        sample = pattern.name.replace("*", "any")
        first = next(p for p in catalogue.patterns if fnmatchcase(sample, p.name))
        if first is not pattern:
            yield f"{where} never reached: {first.name} stands before it and matches the same"
    for glob in catalogue.never_by_pattern:
        where = f"patterns.toml: never: {glob}:"
        for name, column in catalogue.columns.items():
            if fnmatchcase(name, glob) and column.role not in ("text", "internal", "secret"):
                yield f"{where} contradicts columns.toml, where {name} is {column.role}"


def _bases(catalogue: Catalogue) -> list[ReportType]:
    """Return all types except the IPv6 ones, which do not differ in anything that is checked."""
    return [t for name, t in catalogue.types.items() if name not in catalogue.ipv4_types]


def _read(catalogue: Catalogue, report_type: str) -> list[Column]:
    return [catalogue.column(report_type, name) for name in catalogue.layouts[report_type]]
