"""Relationships made on a first day, and what tells the facts of those not made.

Each report type is filled by the simulator: two hosts for three rows.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote

import pytest

from shadowserver_connector.catalogue.catalogue import LinkKind
from shadowserver_connector.mapping.objects.context import RelationshipRules
from shadowserver_connector.mapping.options import NEEDED, Options
from shadowserver_connector.simulator.generate import write_report
from tests.mapping.conversion import DAY, Converted, Stix, convert, convert_bytes
from tests.mapping.expectation import CATALOGUE, read
from tests.mapping.test_meaning_parties import SINKHOLE, Row, related

TYPES = sorted(
    name
    for name in CATALOGUE.types
    if name not in CATALOGUE.ipv4_types or name.startswith("event6")
)
"""IPv6 scans are converted as their IPv4 siblings are."""
SINKHOLES = [name for name in TYPES if CATALOGUE.types[name].family == "sinkhole"]
TLS = [name for name in TYPES if "_ssl" in name]

MOST = 6
"""Objects a row of a sinkhole or TLS type on its first day. Half of what is possible are
relationships."""
MAX_OF_ANY = 7


def report(folder: Path, report_type: str, rows: int, **options: object) -> Converted:
    """Convert a generated report."""
    return convert_bytes(
        folder,
        report_type,
        _content(folder, report_type, rows),
        Options(**options),  # type: ignore[arg-type]
    )


def _content(folder: Path, report_type: str, rows: int) -> bytes:
    path = folder / "generated.csv"
    write_report(path, report_type, DAY, rows)
    return path.read_bytes()


def objects_a_row(converted: Converted) -> float:
    """Return the number of distinct objects per row."""
    ids = {made.id for chunk in converted.chunks for made in chunk.objects}
    return len(ids) / converted.outcome.rows


@pytest.mark.parametrize("report_type", [*SINKHOLES, *TLS])
def test_first_day_of_sinkhole_and_tls_types_costs_few_objects(
    tmp_path: Path, report_type: str
) -> None:
    """The objects of these large types stay few per row, as each costs OpenCTI time."""
    assert objects_a_row(report(tmp_path, report_type, 500)) <= MOST


@pytest.mark.parametrize("report_type", TYPES)
def test_first_day_of_no_type_costs_many_objects(tmp_path: Path, report_type: str) -> None:
    """No type exceeds a bound of objects per row, even in small reports of distinct rows."""
    assert objects_a_row(report(tmp_path, report_type, 100)) <= MAX_OF_ANY


@cache
def _kind(source: str, relationship: str, target: str, end: str = "") -> LinkKind | None:
    fitting = (kind for kind in CATALOGUE.links if kind.fits(relationship, source, target, end))
    return next(fitting, None)


def pairs(converted: Converted) -> Counter[tuple[str, str, str]]:
    """Count the relationships by (source type, relationship type, target type)."""
    return Counter(
        (
            stix["source_ref"].partition("--")[0],
            stix["relationship_type"],
            stix["target_ref"].partition("--")[0],
        )
        for stix in converted.of("relationship")
    )


@pytest.mark.parametrize("report_type", TYPES)
def test_relationships_are_of_a_kind_and_what_is_not_made_is_told_otherwise(
    tmp_path: Path, report_type: str
) -> None:
    """Only needed relationships are made; an Observed-Data, traffic or Note tells the others."""
    chosen = {"notes": "finding", "create_indicators": True}
    every = report(tmp_path, report_type, 30, relationships=None, **chosen)
    usual = report(tmp_path, report_type, 30, **chosen)
    _check_kinds(every, usual)
    assert _lost(every, usual) == []


def _check_kinds(every: Converted, usual: Converted) -> None:
    """Check that all relationships are of a known kind, and the usual ones of a needed kind."""
    possible, needed = pairs(every), pairs(usual)
    assert [pair for pair in possible if _kind(*pair) is None] == []
    assert needed.keys() <= possible.keys()
    for pair in needed:
        kind = _kind(*pair)
        assert kind is not None
        assert kind.needed


def _lost(every: Converted, usual: Converted) -> list[Stix]:
    """Return the relationships that no other object tells, except those about bystanders."""
    made = {stix["id"] for stix in usual.everything()}
    objects = {stix["id"]: stix for stix in every.everything()}
    together = _ties(usual)
    bystanders = _bystanders(every)
    lost = []
    for stix in every.of("relationship"):
        source, target = stix["source_ref"], stix["target_ref"]
        if stix["id"] in made or frozenset((source, target)) in together:
            continue
        other = objects[target]
        if not bystanders.isdisjoint((source, target)) and _is_description(stix, objects):
            continue
        if other["type"] == "location":
            assert _noted(usual, source, other["country"], other["name"])
        elif other["type"] == "url":
            assert _is_asked_for(usual, source, other)
        elif target in bystanders:
            assert _noted(usual, source, other["value"])
        elif source.startswith("malware"):
            assert _is_with_the_infected(usual, source, target)
        else:
            lost.append(stix)
    return lost


def _is_description(stix: Stix, objects: Mapping[str, Stix]) -> bool:
    """Tell whether a relationship gives an address's AS, country or name."""
    kinds = {objects[stix[end]]["type"] for end in ("source_ref", "target_ref")}
    return not kinds <= {"ipv4-addr", "ipv6-addr"}


def _ties(converted: Converted) -> set[frozenset[str]]:
    """Return the pairs of ids that an Observed-Data or a Network-Traffic joins."""
    return {
        frozenset((one, other))
        for refs in _groups(converted)
        for one in refs
        for other in refs
        if one != other
    }


def _groups(converted: Converted) -> Iterator[list[str]]:
    for stix in converted.of("observed-data"):
        yield stix["object_refs"]
    for stix in converted.of("network-traffic"):
        yield [stix[end] for end in ("src_ref", "dst_ref") if end in stix]


def _bystanders(converted: Converted) -> set[str]:
    """Return the ids of the addresses of sinkholes and sensors."""
    report_type = converted.outcome.info.type
    parties = CATALOGUE.report_type(report_type).parties
    with converted.path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    places = [
        at
        for at, column in enumerate(read(report_type, header))
        if column.role == "ip" and parties.get(column.party) in ("sinkhole", "sensor")
    ]
    values = {str(ip_address(row[at])) for row in rows for at in places if row[at]}
    return {s["id"] for s in converted.of("ipv4-addr", "ipv6-addr") if s["value"] in values}


def _noted(converted: Converted, address: str, *texts: str) -> bool:
    """Tell whether a Note on the address has one of these texts."""
    notes = [n["content"] for n in converted.of("note") if address in n["object_refs"]]
    return any(text in note for text in texts for note in notes)


def _is_asked_for(converted: Converted, address: str, url: Stix) -> bool:
    """Tell whether a Note on the address has the request, and an Observed-Data the name."""
    _, _, host, path = url["value"].split("/", 3)
    names = {
        stix["id"] for stix in converted.of("domain-name") if stix["value"] == host.split(":")[0]
    }
    together = _ties(converted)
    return all(frozenset((address, name)) in together for name in names) and any(
        f"/{unquote(path)}" in note["content"]
        for note in converted.of("note")
        if address in note["object_refs"]
    )


def _is_with_the_infected(converted: Converted, malware: str, name: str) -> bool:
    infected = {
        stix["source_ref"] for stix in converted.of("relationship") if stix["target_ref"] == malware
    }
    return any(
        name in refs and not infected.isdisjoint(refs)
        for refs in (stix["object_refs"] for stix in converted.of("observed-data"))
    )


def made(folder: Path, row: Row, **options: object) -> Converted:
    """Convert a row of a sinkhole."""
    return convert(folder, "event4_sinkhole_http", tuple(row), [tuple(row.values())], **options)


FULL: Row = {
    **SINKHOLE,
    "protocol": "tcp",
    "src_asn": "64496",
    "src_geo": "NL",
    "dst_asn": "64500",
    "dst_geo": "DE",
    "http_agent": "ExampleAgent/1.0",
}


def test_infected_asset_is_related_to_its_malware_alone(tmp_path: Path) -> None:
    """The asset is related to its malware; its Observed-Data and traffic have the rest."""
    converted = made(tmp_path, FULL)
    assert related(converted) == {("192.0.2.1", "related-to", "examplebot")}
    refs = converted.one("observed-data")["object_refs"]
    seen = {
        str(stix.get("value") or stix.get("number"))
        for stix in converted.everything()
        if stix["id"] in refs
    }
    assert seen == {
        *("192.0.2.1", "64496", "pc.example.com", "c2.example.org"),
        "ExampleAgent/1.0",
    }
    assert not converted.of("location", "url")
    traffic = converted.one("network-traffic")
    ends = [converted.where("ipv4-addr", value=v)["id"] for v in ("192.0.2.1", "198.51.100.1")]
    assert [traffic["src_ref"], traffic["dst_ref"]] == ends


ALL = {
    ("192.0.2.1", "belongs-to", "AS64496"),
    ("198.51.100.1", "belongs-to", "AS64500"),
    ("192.0.2.1", "located-at", "Netherlands"),
    ("198.51.100.1", "located-at", "Germany"),
    ("pc.example.com", "resolves-to", "192.0.2.1"),
    ("ptr.example.net", "resolves-to", "198.51.100.1"),
    ("192.0.2.1", "communicates-with", "198.51.100.1"),
    ("examplebot", "communicates-with", "c2.example.org"),
    ("192.0.2.1", "related-to", "examplebot"),
    ("192.0.2.1", "related-to", "c2.example.org"),
    ("192.0.2.1", "related-to", "http://c2.example.org/gate"),
    ("192.0.2.1", "related-to", "ExampleAgent/1.0"),
}
MALWARE = ("192.0.2.1", "related-to", "examplebot")
OWN = ("192.0.2.1", "belongs-to", "AS64496")


@pytest.mark.parametrize(
    ("relationships", "expected"),
    [
        (None, ALL),
        (frozenset(), set()),
        (frozenset({NEEDED}), {MALWARE}),
        (frozenset({NEEDED, "located-at"}), {MALWARE, *(r for r in ALL if "located-at" in r)}),
        (frozenset({"belongs-to"}), {r for r in ALL if "belongs-to" in r}),
        (frozenset({"related-to"}), {r for r in ALL if "related-to" in r}),
    ],
)
def test_setting_asks_for_what_is_needed_for_types_in_full_or_for_both(
    tmp_path: Path,
    relationships: frozenset[str] | None,
    expected: set[tuple[str, str, str]],
) -> None:
    """A named type of relationship is made even if other objects tell the same."""
    assert related(made(tmp_path, FULL, relationships=relationships)) == expected


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        (
            {"observed_data": False},
            {
                OWN,
                ("pc.example.com", "resolves-to", "192.0.2.1"),
                ("192.0.2.1", "related-to", "c2.example.org"),
                ("192.0.2.1", "related-to", "ExampleAgent/1.0"),
                ("examplebot", "communicates-with", "c2.example.org"),
            },
        ),
        ({"network_traffic": False}, {("192.0.2.1", "communicates-with", "198.51.100.1")}),
        ({"notes": "none"}, set()),
    ],
)
def test_what_nothing_says_any_more_is_related(
    tmp_path: Path, options: dict[str, object], instead: set[tuple[str, str, str]]
) -> None:
    """If the objects that replace relationships are off, the relationships are made."""
    assert related(made(tmp_path, FULL, **options)) == {MALWARE, *instead}


def test_flow_of_a_file_without_ports_is_related(tmp_path: Path) -> None:
    """Without ports there is no traffic, so the two addresses are related."""
    row = {"src_ip": "192.0.2.1", "dst_ip": "198.51.100.1"}
    assert related(made(tmp_path, row)) == {("192.0.2.1", "communicates-with", "198.51.100.1")}


def test_asset_is_seen_with_its_as_whatever_is_related(tmp_path: Path) -> None:
    """The setting of relationships does not change an Observed-Data's content and id."""
    ids = [
        made(tmp_path, {"src_ip": "192.0.2.1", "src_asn": "64496"}, relationships=each).one(
            "observed-data"
        )["id"]
        for each in (None, frozenset(), frozenset({NEEDED}))
    ]
    assert len(set(ids)) == 1


def test_relationship_that_no_kind_fits_is_made() -> None:
    """A relationship of no known kind is made, as no other object may tell it."""
    rules = RelationshipRules((), Options(), joined=True)
    assert rules.creates("related-to", "ipv4-addr", "url")
    assert rules.creates_far_end("related-to", "ipv4-addr", "url")
