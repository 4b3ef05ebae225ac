"""Reports of every family: valid objects with the platform's ids and allowed relationships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import stix2

from shadowserver_connector.catalogue.columns import VOLATILE
from shadowserver_connector.catalogue.loader import load_catalogue
from tests.bundle.checks import assert_closed_and_ordered, assert_splitter_keeps_references
from tests.mapping.conversion import Converted, convert, findings_in, is_balanced
from tests.mapping.platform_ids import expected_id
from tests.mapping.relationships import is_allowed
from tests.mapping.rows import header_of, row_of, rows_of
from tests.stix.examples import OBSERVABLE_TYPES
from tests.stix.exceptions import complaints

TYPES = sorted({known.family: known.name for known in load_catalogue().types.values()}.values())

OBSERVABLES = OBSERVABLE_TYPES - {"artifact"}


@pytest.fixture(scope="module", params=TYPES)
def converted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Converted:
    """Return a report of 7 rows for each family, with every optional object."""
    header, rows = rows_of(request.param, 7)
    return convert(
        tmp_path_factory.mktemp("family"),
        request.param,
        header,
        rows,
        marking="TLP:AMBER+STRICT",
        create_incident=True,
        case_min_severity="info",
        create_indicators=True,
        labels=("perimeter",),
    )


def test_every_object_is_valid(converted: Converted) -> None:
    """The OASIS validator has only the listed complaints, and stix2 reads every object."""
    for stix in {stix["id"]: stix for stix in converted.everything()}.values():
        assert complaints(stix) == []
        stix2.parse(stix, allow_custom=True)


def test_every_bundle_is_read_by_stix2(converted: Converted) -> None:
    """stix2 reads every bundle as a whole."""
    for chunk in converted.chunks:
        stix2.parse(chunk.bundle(), allow_custom=True)


def test_ids_are_the_platforms(converted: Converted) -> None:
    """Each id but a Note's is what OpenCTI derives from the object."""
    for stix in converted.everything():
        if stix["type"] != "note":
            assert stix["id"] == expected_id(stix)


def test_chunks_are_closed_and_split_whole(converted: Converted) -> None:
    """References stay inside a chunk, in order, and survive pycti's splitter."""
    for chunk, objects in zip(converted.chunks, converted.bundles, strict=True):
        assert_closed_and_ordered(objects)
        assert_splitter_keeps_references(chunk, objects)


def test_relationships_are_those_that_opencti_allows(converted: Converted) -> None:
    """No relationship is one that OpenCTI would refuse."""
    assert {pair for pair in converted.relationships() if not is_allowed(*pair)} == set()


def test_relationships_have_no_times_and_no_references(converted: Converted) -> None:
    """Relationships have no times or external references, which would change their ids."""
    for stix in converted.of("relationship"):
        assert stix["source_ref"] != stix["target_ref"]
        assert not {"start_time", "stop_time", "external_references"} & stix.keys()


def test_all_rows_are_noted_and_observed(converted: Converted, tmp_path: Path) -> None:
    """Each row is in a Note; observables not made of volatile cells are in an Observed-Data."""
    outcome = converted.outcome
    assert is_balanced(outcome)
    assert outcome.noted == findings_in(converted.of("note"))
    assert outcome.noted + outcome.merged == outcome.rows == 7
    seen = {ref for stix in converted.of("observed-data") for ref in stix["object_refs"]}
    # Nobody but OpenCTI knows the id of a traffic, and with it that of what refers to one.
    there = {stix["id"] for stix in converted.of(*OBSERVABLES - {"network-traffic"})}
    assert seen == there & still(tmp_path, converted.outcome.info.type)


def still(folder: Path, report_type: str) -> set[str]:
    """Return the ids of the observables that a report has without its volatile cells."""
    catalogue = load_catalogue()
    header, rows = rows_of(report_type, 7)
    known = catalogue.report_type(report_type, header)
    moving = [catalogue.finding_part(known, catalogue.column(report_type, name)) for name in header]
    rows = [
        ["" if part == VOLATILE else cell for cell, part in zip(row, moving, strict=True)]
        for row in rows
    ]
    return {stix["id"] for stix in convert(folder, report_type, header, rows).of(*OBSERVABLES)}


def test_everything_is_by_shadowserver_and_marked(converted: Converted) -> None:
    """Every object has the author, and a marking unless it is common knowledge."""
    author = converted.one("identity")
    marking = converted.one("marking-definition")
    assert author["name"] == "The Shadowserver Foundation"
    for stix in converted.everything():
        if stix["type"] in ("identity", "marking-definition"):
            continue
        by = stix.get("created_by_ref") or stix.get("x_opencti_created_by_ref")
        assert by == author["id"]
        if stix["type"] in ("report", "note", "ipv4-addr", "observed-data", "relationship"):
            assert stix["object_marking_refs"] == [marking["id"]]


def test_shared_knowledge_has_a_low_constant_confidence(converted: Converted) -> None:
    """Shared entities have confidence 40, so that curated ones win; reported objects have 75."""
    for stix in converted.of("vulnerability", "malware", "location", "attack-pattern"):
        assert stix["confidence"] == 40
        assert not {"aliases", "labels", "external_references"} & stix.keys()
    for stix in converted.of("report", "case-incident", "note", "relationship"):
        assert stix["confidence"] == 75


def test_own_assets_have_no_indicator(converted: Converted) -> None:
    """Indicators are made only for files and malicious parties, and expire."""
    catalogue = load_catalogue()
    known = catalogue.types[converted.outcome.info.type]
    meanings = [catalogue.meanings[name] for name in known.parties.values()]
    kinds = {"ipv4-addr": "address", "ipv6-addr": "address", "domain-name": "name"}
    for indicator in converted.of("indicator"):
        stix_type = indicator["pattern"][1:].partition(":")[0]
        kind = kinds.get(stix_type, stix_type)
        assert kind == "file" or any(meaning.indicates(kind) for meaning in meanings)
        assert indicator["valid_until"] > indicator["valid_from"]
        assert {"shadowserver"} <= set(indicator["labels"])
    for stix in converted.of("ipv4-addr", "ipv6-addr"):
        assert 0 <= stix.get("x_opencti_score", 0) <= 100


@pytest.mark.parametrize(
    "cell",
    ["A" * 6_000, "a.b " * 2_000, "x\x01\n\t\u2028y" * 3],
    ids=["long", "long words", "control characters"],
)
@pytest.mark.parametrize("report_type", ["scan_ssl", "event4_sinkhole_http", "malware_url"])
def test_no_cell_makes_an_object_too_large_or_unprintable(
    tmp_path: Path, report_type: str, cell: str
) -> None:
    """A huge cell stays in the Note, cut; the row's other cells become objects."""
    header = header_of(report_type)
    plain = row_of(report_type, header, 1)
    rows = [[*plain[:at], cell, *plain[at + 1 :]] for at in range(len(header))]
    converted = convert(tmp_path, report_type, header, rows, notes="finding")
    for stix in converted.everything():
        if stix["type"] in OBSERVABLES | {"malware", "vulnerability", "location"}:
            texts = [value for value in stix.values() if isinstance(value, str)]
            assert max(map(len, texts)) < 5_000
            assert not re.search("[\x00-\x1f\u2028]", "".join(texts))
