"""A catalogue is built from its files, or refused with the wrong file and entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.catalogue.loader import build, parse
from shadowserver_connector.errors import CatalogueError

Documents = dict[str, Any]
TYPES, COLUMNS, FAMILIES = "report_types.toml", "columns.toml", "families.toml"
LAYOUTS, OVERRIDES, PATTERNS = "layouts.toml", "overrides.toml", "patterns.toml"
FINDINGS, LINKS = "findings.toml", "links.toml"


def test_a_type_takes_from_its_family_what_it_does_not_say(documents: Documents) -> None:
    """Severity, primary and traffic that a type omits are its family's."""
    ntp = build(documents).types["scan_ntp"]
    assert (ntp.severity, ntp.primary, ntp.traffic) == ("medium", "asset", "service")
    assert ntp.about == "What answers."
    assert ntp.known


def test_a_type_keeps_only_the_parties_it_has_an_address_of(documents: Documents) -> None:
    """A party of the family without an address in the type is left out."""
    assert build(documents).types["scan_ntp"].parties == {"asset": "exposed"}


def test_an_ipv6_type_is_its_sibling_under_another_name(documents: Documents) -> None:
    """Title, columns, overrides and all else are those of the IPv4 type."""
    catalogue = build(documents)
    redis = catalogue.types["scan6_redis"]
    assert (redis.name, redis.title) == ("scan6_redis", "IPv6 Open Redis Server")
    assert redis.short == "IPv6 Open Redis"
    assert (redis.seen, redis.todo) == ("answered without a password", "close it")
    assert (redis.severity, redis.application, redis.product) == ("high", "redis", "Redis")
    assert redis.page.endswith("/network-reporting/open-redis-report/")
    assert catalogue.column_names("scan6_redis") == ("ip", "port", "version")
    assert catalogue.column("scan6_redis", "version").role == "software.version"


def test_a_block_stands_for_its_columns_in_place(documents: Documents) -> None:
    """A layout lists blocks and columns in published order."""
    assert build(documents).column_names("scan_ntp") == ("ip", "port", "version", "mapped_address")


def test_columns_are_ordered_as_the_file_has_them(documents: Documents) -> None:
    """Columns have the order of columns.toml, which Notes follow."""
    columns = build(documents).columns
    assert sorted(columns, key=lambda name: columns[name].order) == list(columns)


def test_an_override_changes_only_what_it_says(documents: Documents) -> None:
    """An override replaces role and group; title and place stay as published."""
    catalogue = build(documents)
    base = catalogue.columns["version"]
    assert catalogue.column("scan_redis", "version") == Column(
        "version", "software.version", "", "service", base.title, base.order
    )
    assert catalogue.column("scan_ntp", "version") == base


def test_what_a_cell_is_for_a_finding_comes_from_the_nearest_that_says_it(
    documents: Documents,
) -> None:
    """The override decides, then column, party and role; by default a cell is state."""
    documents[COLUMNS]["what"]["version"]["finding"] = "volatile"
    documents[OVERRIDES]["version"]["scan_redis"]["finding"] = "identity"
    documents[COLUMNS]["where"]["port"]["finding"] = "identity"
    documents[FINDINGS]["meanings"]["volatile"] = ["exposed"]
    catalogue = build(documents)

    def part(report_type: str, name: str) -> str:
        column = catalogue.column(report_type, name)
        return catalogue.finding_part(catalogue.report_type(report_type), column)

    assert [part("scan_redis", "version"), part("scan_ntp", "version")] == ["identity", "volatile"]
    assert [part("scan_ntp", "ip"), part("scan_ntp", "port")] == ["volatile", "identity"]
    assert part("unknown", "seen_count") == "volatile"
    assert part("unknown", "colour") == "state"


def test_a_name_that_says_volatile_wins_over_the_pattern(documents: Documents) -> None:
    """A column whose name says volatile is no part of a finding, whatever its pattern."""
    documents[PATTERNS]["patterns"]["*_ip"]["finding"] = "state"
    catalogue = build(documents)
    found = [catalogue.column("scan_ntp", name) for name in ("client_ip", "other_ip", "a_token")]
    assert [column.finding_part for column in found] == ["volatile", "state", ""]
    assert [column.role for column in found] == ["ip", "ip", "secret"]


def broken(*path: str, to: object) -> Callable[[Documents], None]:
    """Return a change of the documents that sets a path's value; ``...`` removes it."""

    def change(documents: Documents) -> None:
        place = documents
        for step in path[:-1]:
            place = place[step]
        if to is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return change


IP = {"role": "ip", "party": "asset", "title": "IP"}

BREACHES = {
    "unknown part of a finding": (
        broken(COLUMNS, "where", "ip", "finding", to="identiti"),
        "columns.toml: ip: finding identiti is none of identity, state, wording, volatile",
    ),
    "unknown role in the rules of findings": (
        broken(FINDINGS, "roles", "identity", to=["ip", "adress"]),
        "findings.toml: roles: unknown role adress",
    ),
    "role that is two parts of a finding": (
        broken(FINDINGS, "roles", "volatile", to=["ip"]),
        "findings.toml: roles: ip is both identity and volatile",
    ),
    "unknown meaning in the rules of findings": (
        broken(FINDINGS, "meanings", "volatile", to=["sensors"]),
        "findings.toml: meanings: no meaning sensors",
    ),
    "misspelt rule of findings": (
        broken(FINDINGS, "names", "volatil", to=[]),
        "findings.toml: names: unknown field volatil",
    ),
    "type whose findings nothing tells apart": (
        broken(FINDINGS, "roles", "identity", to=[]),
        "layouts.toml: scan_redis: no column tells its findings apart",
    ),
    "unknown end of a relationship": (
        broken(LINKS, "called", "far_end", to="sinkhole"),
        "links.toml: called: far_end sinkhole is none of primary, bystander, called",
    ),
    "relationship said by what says nothing": (
        broken(LINKS, "things", "said_by", to=["report"]),
        "links.toml: things: said_by report is none of observed-data, network-traffic",
    ),
    "relationship to nothing": (
        broken(LINKS, "things", "target", to=[]),
        "links.toml: things: target must name a type",
    ),
    "needed relationship that something else says": (
        broken(LINKS, "things", "needed", to=True),
        "links.toml: things: needed, and said by observed-data: only one can be",
    ),
    "relationship that another entry takes": (
        broken(LINKS, "called", "relationship", to="related-to"),
        "links.toml: called: never reached: things stands before it and fits domain-name",
    ),
    "relationship without a use": (
        broken(LINKS, "called", "use", to=""),
        "links.toml: called: use must be given",
    ),
    "unknown role": (
        broken(COLUMNS, "where", "ip", "role", to="address"),
        "columns.toml: ip: unknown role address",
    ),
    "unknown role in an override": (
        broken(OVERRIDES, "version", "scan_redis", "role", to="softwear"),
        "overrides.toml: version.scan_redis: unknown role",
    ),
    "unknown role in a pattern": (
        broken(PATTERNS, "patterns", "*_ip", "role", to="address"),
        r"patterns.toml: \*_ip: unknown role",
    ),
    "missing title of a column": (
        broken(COLUMNS, "where", "ip", "title", to=...),
        "columns.toml: where.ip: title must be given",
    ),
    "missing role": (
        broken(COLUMNS, "where", "ip", "role", to=...),
        "columns.toml: where.ip: role must be given",
    ),
    "misspelt field": (
        broken(COLUMNS, "where", "ip", "partey", to="asset"),
        "columns.toml: where.ip: unknown field partey",
    ),
    "column that is no table": (
        broken(COLUMNS, "where", "ip", to="ip"),
        "columns.toml: where.ip: must be a table",
    ),
    "column in two sections": (
        broken(COLUMNS, "what", "ip", to=IP),
        "columns.toml: what.ip: the column is in another section",
    ),
    "missing title of a type": (
        broken(TYPES, "scan_ntp", "title", to=" "),
        "report_types.toml: scan_ntp: title must be given",
    ),
    "missing short name of a type": (
        broken(TYPES, "scan_ntp", "short", to=...),
        "report_types.toml: scan_ntp: short must be given",
    ),
    "short name that is long": (
        broken(TYPES, "scan_ntp", "short", to="N" * 25),
        "report_types.toml: scan_ntp: short has more than 24 characters",
    ),
    "short name of two types": (
        broken(TYPES, "scan_ntp", "short", to="Open Redis"),
        "short Open Redis is another type's too",
    ),
    "bad severity": (
        broken(TYPES, "scan_redis", "severity", to="urgent"),
        "report_types.toml: scan_redis: severity urgent",
    ),
    "bad severity of a family": (
        broken(FAMILIES, "scan", "severity", to="none"),
        "families.toml: scan: severity none",
    ),
    "bad traffic": (
        broken(TYPES, "scan_redis", "traffic", to="some"),
        "report_types.toml: scan_redis: traffic some",
    ),
    "unknown family": (
        broken(TYPES, "scan_redis", "family", to="scam"),
        "report_types.toml: scan_redis: family is not",
    ),
    "unknown meaning": (
        broken(TYPES, "scan_redis", "parties", to={"asset": "exposd"}),
        "report_types.toml: scan_redis: party asset: no meaning exposd",
    ),
    "parties that are no table": (
        broken(TYPES, "scan_redis", "parties", to="asset"),
        "report_types.toml: scan_redis: parties must be a table",
    ),
    "primary that is no party": (
        broken(TYPES, "scan_redis", "primary", to="dst"),
        "report_types.toml: scan_redis: primary dst is none of its parties",
    ),
    "primary without an address": (
        broken(LAYOUTS, "layouts", "scan_redis", to="port version"),
        "report_types.toml: scan_redis: primary asset is none of its parties",
    ),
    "stated party without an address": (
        broken(TYPES, "scan_redis", "parties", to={"asset": "exposed", "dst": "exposed"}),
        "report_types.toml: scan_redis: party dst has no ip, url or domain column",
    ),
    "address that nobody explains": (
        broken(COLUMNS, "where", "ip", "party", to="cc"),
        "report_types.toml: scan_redis: ",
    ),
    "product that no column needs": (
        broken(TYPES, "scan_ntp", "product", to="ntpd"),
        "report_types.toml: scan_ntp: vendor or product",
    ),
    "transport that has no ports": (
        broken(TYPES, "scan_redis", "transport", to="icmp"),
        "report_types.toml: scan_redis: transport icmp is neither tcp nor udp",
    ),
    "type given twice": (
        broken(TYPES, "scan_ntp", "ipv6", to="scan_redis"),
        "report_types.toml: scan_ntp: the type is given twice",
    ),
    "type without columns": (
        broken(LAYOUTS, "layouts", "scan_ntp", to=...),
        r"layouts.toml: scan_ntp: the type has no columns; add its layout to \[layouts\]",
    ),
    "columns of no type": (
        broken(LAYOUTS, "layouts", "scan_new", to="ip"),
        "layouts.toml: scan_new: no such type",
    ),
    "type that is its own sibling": (
        broken(TYPES, "scan_ntp", "ipv6", to="scan_ntp"),
        "report_types.toml: scan_ntp: the type is given twice",
    ),
    "columns of an IPv6 type": (
        broken(LAYOUTS, "layouts", "scan6_redis", to="ip"),
        "layouts.toml: scan6_redis: has the columns of scan_redis; remove the line",
    ),
    "block that contains itself": (
        broken(LAYOUTS, "blocks", "service", to="ip @service"),
        "layouts.toml: scan_[a-z]*: no block @service, or it contains itself",
    ),
    "misspelt table of patterns": (
        broken(PATTERNS, "paterns", to={}),
        "patterns.toml: unknown field paterns",
    ),
    "misspelt setting of patterns": (
        broken(PATTERNS, "settings", "acronims", to=[]),
        "patterns.toml: settings: unknown field acronims",
    ),
    "misspelt names of secrets": (
        broken(PATTERNS, "secrets", "name", to=["*_token_*"]),
        "patterns.toml: secrets: unknown field name",
    ),
    "misspelt table of earlier names": (
        broken("earlier.toml", "type", to={}),
        "earlier.toml: unknown field type",
    ),
    "misspelt table of meanings": (
        broken("meanings.toml", "party", to={}),
        "meanings.toml: unknown field party",
    ),
    "unknown block": (
        broken(LAYOUTS, "layouts", "scan_ntp", to="@servise"),
        "layouts.toml: scan_ntp: no block @servise",
    ),
    "unknown column in a layout": (
        broken(LAYOUTS, "layouts", "scan_ntp", to="@service refid"),
        "layouts.toml: scan_ntp: no column refid",
    ),
    "column twice in a layout": (
        broken(LAYOUTS, "layouts", "scan_ntp", to="@service ip"),
        "layouts.toml: scan_ntp: column ip is there 2 times",
    ),
    "two ports of one party": (
        broken(OVERRIDES, "version", "scan_ntp", to={"role": "port", "party": "asset"}),
        "layouts.toml: scan_ntp: port and version are both port of party 'asset'",
    ),
    "override of an unknown column": (
        broken(OVERRIDES, "colour", to={"scan_ntp": {"title": "Colour"}}),
        "overrides.toml: colour: no such column",
    ),
    "override for an unknown type": (
        broken(OVERRIDES, "version", "scan_nothing*", to={"title": "V"}),
        r"overrides.toml: version.scan_nothing\*: no known report type",
    ),
    "override for a type that lacks the column": (
        broken(OVERRIDES, "mapped_address", to={"scan_redis": {"title": "M"}}),
        "overrides.toml: mapped_address.scan_redis: no known report type",
    ),
    "override for an unknown section": (
        broken(OVERRIDES, "version", "scan_redis", "section", to="nowhere"),
        "overrides.toml: version.scan_redis: no section nowhere",
    ),
    "secrets for an unknown section": (
        broken(PATTERNS, "secrets", "section", to="nowhere"),
        "patterns.toml: secrets: no section nowhere",
    ),
    "override that changes nothing": (
        broken(OVERRIDES, "version", "scan_ntp", to={"title": "Version"}),
        "overrides.toml: version.scan_ntp: changes nothing",
    ),
    "two overrides for one type": (
        broken(OVERRIDES, "version", "scan_*", to={"title": "V"}),
        r"overrides.toml: version: scan_redis and scan_\* both claim scan_redis",
    ),
    "excluded name that has an identifying role": (
        broken(COLUMNS, "what", "mapped_address", "role", to="domain"),
        r"patterns.toml: never: mapped_\*: contradicts columns.toml, where mapped_address is",
    ),
    "pattern that is never reached": (
        broken(PATTERNS, "patterns", "cc_ip", to={**IP, "section": "where"}),
        r"patterns.toml: cc_ip: never reached: \*_ip",
    ),
    "pattern with two stars": (
        broken(PATTERNS, "patterns", "*_x_*", to={**IP, "section": "where"}),
        r"patterns.toml: \*_x_\*: a pattern has one \* at most",
    ),
    "star that stands for nothing": (
        broken(PATTERNS, "patterns", "cve", to={**IP, "party": "*", "section": "where"}),
        r"patterns.toml: cve: a \* that stands for nothing",
    ),
    "pattern for an unknown section": (
        broken(PATTERNS, "patterns", "*_ip", "section", to="there"),
        r"patterns.toml: patterns.\*_ip: no section there",
    ),
    "meaning without own": (
        broken("meanings.toml", "meanings", "exposed", "own", to=...),
        "meanings.toml: meanings.exposed: own must be true or false",
    ),
    "score beyond OpenCTI's": (
        broken("meanings.toml", "score", to=101),
        "meanings.toml: score must be a whole number from 0 to 100",
    ),
    "behaviour that nobody knows": (
        broken("meanings.toml", "meanings", "exposed", "does", to="sleeps"),
        "meanings.toml: meanings.exposed: does sleeps is none of exposed",
    ),
    "indicator of nothing known": (
        broken("meanings.toml", "behaviours", "exposed", "indicator", to="always"),
        "meanings.toml: behaviours.exposed: indicator always is none of others, content, never",
    ),
    "indicator without a score": (
        broken("meanings.toml", "behaviours", "exposed", "indicator", to="others"),
        "meanings.toml: behaviours.exposed: an Indicator, but no score",
    ),
    "indicators that are valid for centuries": (
        broken("meanings.toml", "valid_days", "file", to=100_000),
        "meanings.toml: valid_days: file must be a whole number from 0 to 3650",
    ),
    "party of an unknown meaning": (
        broken("meanings.toml", "parties", "file", to="elephant"),
        "meanings.toml: parties: file: no meaning elephant",
    ),
    "earlier name of no type": (
        broken("earlier.toml", "types", "scan_old", to="scan_none"),
        "earlier.toml: types: scan_old: no type scan_none in report_types.toml",
    ),
    "earlier columns of no type": (
        broken("earlier.toml", "columns", "scan_none", to={"old": "ip"}),
        "earlier.toml: columns: scan_none: no known report type is so named",
    ),
    "label in capitals": (
        broken("labels.toml", "lasting", to=["WebShell"]),
        "labels.toml: WebShell: written in lower case",
    ),
    "unknown list of words": (
        broken("not_malware.toml", "sports", to=["golf"]),
        "not_malware.toml: not_malware: unknown field sports",
    ),
    "activity that a form covers": (
        broken("not_malware.toml", "activities", to=["port-scan"]),
        "not_malware.toml: port-scan: a form covers it",
    ),
    "form that is no part of a name": (
        broken("not_malware.toml", "forms", to=["*scan"]),
        r"not_malware.toml: \*scan: a form begins",
    ),
    "no family for the rest": (
        broken(FAMILIES, "general", "prefixes", to=["other_"]),
        "families.toml: one family must have the prefix ''",
    ),
    "prefix of two families": (
        broken(FAMILIES, "general", "prefixes", to=["", "scan_"]),
        "families.toml: prefix 'scan_' belongs to 2 families",
    ),
    "prefixes that are no list": (
        broken(FAMILIES, "general", "prefixes", to="scan_"),
        "families.toml: general: prefixes must be a list",
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_contradiction_is_refused_with_its_file_and_entry(
    documents: Documents, breach: str
) -> None:
    """Each kind of error in the data stops the start with one line that says where."""
    change, complaint = BREACHES[breach]
    change(documents)
    with pytest.raises(CatalogueError, match=complaint) as caught:
        build(documents)
    assert "\n" not in str(caught.value)


def test_a_name_given_twice_is_refused() -> None:
    """A duplicate name is an error of TOML that names the file."""
    with pytest.raises(CatalogueError, match=r"columns\.toml: .*line 3"):
        parse("columns.toml", '[a]\nip = { role = "ip" }\nip = { role = "ip" }\n')
