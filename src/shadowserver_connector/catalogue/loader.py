"""Reads the catalogue's data files into a catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from shadowserver_connector.catalogue.catalogue import (
    INDICATED_KINDS,
    Catalogue,
    CellWords,
    Family,
    LinkKind,
    Meaning,
    NotMalware,
    PartyBehaviour,
    ReportType,
)
from shadowserver_connector.catalogue.check import check
from shadowserver_connector.catalogue.columns import Column, FindingRules
from shadowserver_connector.catalogue.entry import Entry
from shadowserver_connector.errors import CatalogueError

PAGES = "https://www.shadowserver.org/what-we-do/network-reporting/"
SECTION = 1000
"""Order numbers reserved for the columns of one section: far more than a section has columns."""
HIGHEST_SCORE = 100
"""The highest score that OpenCTI knows."""
_LONGEST_VALID = 3650
"""Days."""
WORD_LISTS = ("activities", "places", "classes", "services", "weaknesses")
"""Lists of words in ``not_malware.toml``."""


def build(documents: Mapping[str, Mapping[str, Any]]) -> Catalogue:
    """Return the catalogue that the parsed data files (file name -> content) describe.

    Raises:
        CatalogueError: an entry is wrong or contradicts another; file and entry are named.
    """
    top = {file: Entry(file, "", content) for file, content in documents.items()}
    sections = list(documents["columns.toml"])
    columns = _columns(top["columns.toml"])
    families = {family.name: family for family in map(_family, top["families.toml"].entries())}
    layouts = _layouts(top["layouts.toml"])
    types, siblings = _types(top["report_types.toml"], families)
    meanings, earlier = top["meanings.toml"], top["earlier.toml"]
    patterns = top["patterns.toml"]
    naming, secrets = patterns.entry("settings"), patterns.entry("secrets")
    catalogue = Catalogue(
        types=types,
        meanings=_meanings(meanings),
        party_meanings=meanings.entry("parties").all_texts(),
        valid_days=_valid_days(meanings.entry("valid_days")),
        families=families,
        not_malware=_not_malware(
            Entry("not_malware.toml", "not_malware", documents["not_malware.toml"])
        ),
        columns=columns,
        overrides=_overrides(top["overrides.toml"], columns, sections),
        patterns=tuple(
            _column(entry, entry.key, _end_of_section(entry, sections))
            for entry in patterns.entry("patterns").entries()
        ),
        never_by_pattern=naming.texts("never"),
        secrets=secrets.texts("names"),
        secrets_order=_end_of_section(secrets, sections),
        title_words={word.lower(): word for word in naming.texts("acronyms")}
        | naming.table("words"),
        prefixes=naming.table("parties"),
        # In the published schema, an IPv6 type has the columns of its IPv4 one.
        layouts={name: layouts.get(siblings.get(name, name), ()) for name in types},
        ipv4_types=siblings,
        lasting_tags=_words(top["labels.toml"], "lasting"),
        protocols=_protocols(top["protocols.toml"], types.values()),
        earlier_types=earlier.entry("types").all_texts(),
        earlier_columns={
            entry.key: entry.all_texts() for entry in earlier.entry("columns").entries()
        },
        finding_rules=_findings(top["findings.toml"]),
        links=tuple(map(_link, top["links.toml"].entries())),
        cell_words=_cell_words(top["cell_words.toml"]),
        last_order=len(sections) * SECTION,
    )
    for entry in (meanings, earlier, patterns, naming, secrets):
        entry.done()
    # Which parties have an address is known from the columns, which only a catalogue can look up.
    catalogue = replace(catalogue, types=_without_unlocated_parties(catalogue))
    check(catalogue)
    for unknown in layouts.keys() - types.keys():
        raise Entry("layouts.toml", unknown, {}).error("no such type in report_types.toml")
    for sibling in layouts.keys() & siblings.keys():
        ipv4 = siblings[sibling]
        raise Entry("layouts.toml", sibling, {}).error(
            f"has the columns of {ipv4}; remove the line"
        )
    return catalogue


def _without_unlocated_parties(catalogue: Catalogue) -> dict[str, ReportType]:
    """Return the types without those inherited parties for which they have no address or name."""
    types = dict(catalogue.types)
    for name, report_type in types.items():
        # The same object, not an equal one: the type inherits it and states nothing of its own.
        if report_type.parties is catalogue.families[report_type.family].parties:
            located = catalogue.parties_with_endpoint(name)
            kept = {p: meaning for p, meaning in report_type.parties.items() if p in located}
            types[name] = replace(report_type, parties=kept)
    return types


def _not_malware(top: Entry) -> NotMalware:
    words = frozenset(word for kind in WORD_LISTS for word in top.texts(kind))
    names = NotMalware(words, top.texts("forms"), frozenset(top.texts("malware_families")))
    top.done()
    return names


def _words(top: Entry, field: str) -> frozenset[str]:
    words = top.texts(field)
    top.done()
    for word in words:
        if word != word.lower() or " " in word or "_" in word:
            raise top.error(f"{word}: written in lower case, words joined by hyphens")
    return frozenset(words)


def _protocols(top: Entry, types: Iterable[ReportType]) -> frozenset[str]:
    names = _words(top, "names")
    return names | {each.application for each in types if each.application}


def _findings(top: Entry) -> FindingRules:
    roles, meanings, names = map(top.entry, ("roles", "meanings", "names"))
    rules = FindingRules(
        identity_roles=frozenset(roles.texts("identity")),
        volatile_roles=frozenset(roles.texts("volatile")),
        volatile_meanings=frozenset(meanings.texts("volatile")),
        volatile_names=names.texts("volatile"),
    )
    for entry in (top, roles, meanings, names):
        entry.done()
    return rules


def _link(entry: Entry) -> LinkKind:
    return LinkKind(
        name=entry.name,
        title=entry.text("title"),
        relationship=entry.text("relationship"),
        sources=entry.texts("source"),
        targets=entry.texts("target"),
        far_end=entry.text("far_end", ""),
        needed=entry.flag("needed"),
        said_by=entry.texts("said_by"),
        creates_far_end=entry.flag("creates_far_end", default=True),
        use=entry.text("use"),
        why=entry.text("why"),
    )


def _cell_words(top: Entry) -> CellWords:
    words = []
    malware: dict[str, str] = {}
    for entry in top.entries():
        if entry.has("names"):
            malware |= entry.names("names")
        else:
            words.append((entry.texts("columns"), entry.table("words")))
    return CellWords(tuple(words), malware)


def _meanings(top: Entry) -> dict[str, Meaning]:
    score = top.number("score", HIGHEST_SCORE)
    behaviours = {each.name: each for each in map(_behaviour, top.entry("behaviours").entries())}
    return {
        entry.key: _meaning(entry, behaviours, score) for entry in top.entry("meanings").entries()
    }


def _behaviour(entry: Entry) -> PartyBehaviour:
    return PartyBehaviour(
        entry.key,
        entry.text("text"),
        entry.flag("scored"),
        entry.text("indicator"),
        entry.flag("suffers", default=False),
    )


def _meaning(entry: Entry, behaviours: Mapping[str, PartyBehaviour], score: int) -> Meaning:
    does = entry.text("does")
    if does not in behaviours:
        raise entry.error(f"does {does} is none of {', '.join(behaviours)}")
    return Meaning(
        name=entry.key,
        text=entry.text("text"),
        does=behaviours[does],
        own=entry.flag("own"),
        described=entry.flag("described", default=True),
        score=score if behaviours[does].scored else None,
    )


def _valid_days(entry: Entry) -> dict[str, int]:
    days = {kind: entry.number(kind, _LONGEST_VALID) for kind in INDICATED_KINDS}
    entry.done()
    return days


def _family(entry: Entry) -> Family:
    return Family(
        name=entry.name,
        title=entry.text("title"),
        about=entry.text("about"),
        prefixes=entry.texts("prefixes"),
        severity=entry.text("severity"),
        primary=entry.text("primary", ""),
        parties=entry.table("parties"),
        traffic=entry.text("traffic"),
        seen=entry.text("seen"),
        todo=entry.text("todo"),
    )


def _columns(top: Entry) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for place, section in enumerate(top.entries()):
        for index, entry in enumerate(section.entries()):
            if entry.key in columns:
                raise entry.error("the column is in another section too; keep one")
            columns[entry.key] = _column(entry, entry.key, place * SECTION + index)
    return columns


def _column(entry: Entry, name: str, order: int, base: Column | None = None) -> Column:
    return Column(
        name=name,
        role=entry.text("role", base.role if base else None),
        party=entry.text("party", base.party if base else ""),
        group=entry.text("group", base.group if base else ""),
        title=entry.text("title", base.title if base else None),
        order=order,
        finding_part=entry.text("finding", base.finding_part if base else ""),
    )


def _overrides(
    top: Entry, columns: Mapping[str, Column], sections: list[str]
) -> dict[str, tuple[tuple[str, Column], ...]]:
    overrides = {}
    for of_column in top.entries():
        name = of_column.name
        base = columns.get(name)
        if base is None:
            raise of_column.error("no such column in columns.toml")
        overrides[name] = tuple(
            (entry.key, _override(entry, base, sections)) for entry in of_column.entries()
        )
    return overrides


def _override(entry: Entry, base: Column, sections: list[str]) -> Column:
    order = _end_of_section(entry, sections) if entry.has("section") else base.order
    return _column(entry, base.name, order, base)


def _end_of_section(entry: Entry, sections: list[str]) -> int:
    section = entry.text("section")
    if section not in sections:
        raise entry.error(f"no section {section} in columns.toml")
    # Behind the published columns, even when more of them are added.
    return (sections.index(section) + 1) * SECTION - 1


def _layouts(top: Entry) -> dict[str, tuple[str, ...]]:
    blocks = top.table("blocks")
    layouts = {}
    for name, text in top.table("layouts").items():
        layouts[name] = tuple(_expand(text, blocks, Entry(top.file, name, {})))
    top.done()
    return layouts


def _expand(text: str, blocks: Mapping[str, str], entry: Entry) -> Iterator[str]:
    for word in text.split():
        if not word.startswith("@"):
            yield word
        elif word[1:] in blocks:
            others = {name: columns for name, columns in blocks.items() if name != word[1:]}
            yield from _expand(blocks[word[1:]], others, entry)
        else:
            raise entry.error(f"no block {word}, or it contains itself")


def _types(
    top: Entry, families: Mapping[str, Family]
) -> tuple[dict[str, ReportType], dict[str, str]]:
    types: dict[str, ReportType] = {}
    siblings: dict[str, str] = {}
    for entry in top.entries():
        ipv6 = entry.text("ipv6", "")
        base = _report_type(entry, families)
        if base.name in types or ipv6 in (*types, base.name):
            raise entry.error("the type is given twice, perhaps as an ipv6")
        types[base.name] = base
        if ipv6:
            types[ipv6] = replace(
                base, name=ipv6, title=f"IPv6 {base.title}", short=f"IPv6 {base.short}"
            )
            siblings[ipv6] = base.name
    return types, siblings


def _report_type(entry: Entry, families: Mapping[str, Family]) -> ReportType:
    family = families.get(entry.text("family"))
    if family is None:
        raise entry.error("family is not one of families.toml")
    page = entry.text("page", "")
    return ReportType(
        name=entry.name,
        title=entry.text("title"),
        severity=entry.text("severity", family.severity),
        family=family.name,
        page=PAGES + page if page else "",
        primary=entry.text("primary", family.primary),
        parties=entry.table("parties") if entry.has("parties") else family.parties,
        traffic=entry.text("traffic", family.traffic),
        application=entry.text("application", ""),
        known=True,
        vendor=entry.text("vendor", ""),
        product=entry.text("product", ""),
        variants=entry.table("variants"),
        about=entry.text("about", family.about),
        short=entry.text("short"),
        seen=entry.text("seen", family.seen),
        todo=entry.text("todo", family.todo),
        application_in=entry.texts("application_in"),
        malware_in_tags=entry.flag("malware_in_tags", default=False),
        transport=entry.text("transport", ""),
    )


FILES = (
    "meanings.toml",
    "families.toml",
    "findings.toml",
    "links.toml",
    "cell_words.toml",
    "not_malware.toml",
    "columns.toml",
    "overrides.toml",
    "patterns.toml",
    "earlier.toml",
    "labels.toml",
    "protocols.toml",
    "layouts.toml",
    "report_types.toml",
)
"""The catalogue's data files, in the order in which they build on each other."""


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of this package; read and checked once per process.

    Raises:
        CatalogueError: a data file cannot be read or contradicts itself or another.
    """
    folder = files("shadowserver_connector.catalogue") / "data"
    return build({name: parse(name, (folder / name).read_text("utf-8")) for name in FILES})


def parse(name: str, text: str) -> Mapping[str, Any]:
    """Return a data file's content as TOML reads it.

    Raises:
        CatalogueError: it is not valid TOML, for example because a name is given twice.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}: {error}; correct the file") from error
