"""Chunks of whole reports: bounded, ordered, closed, and complete after pycti's splitter."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.pipeline.convert import TOO_LARGE
from tests.bundle.checks import assert_closed_and_ordered, assert_splitter_keeps_references
from tests.mapping.conversion import Converted, Stix, convert
from tests.mapping.rows import rows_of

HEADER = ("timestamp", "severity", "ip", "port", "protocol", "hostname", "tag", "asn", "geo")

NOT_CONTAINED = frozenset(
    (
        *("identity", "marking-definition", "report", "case-incident"),
        *("autonomous-system", "location", "network-traffic", "observed-data"),
    )
)


def rows(count: int, *, banner: str = "") -> list[tuple[str, ...]]:
    """Return findings on hosts of their own."""
    return [
        (
            f"2024-01-31 00:{n // 60 % 60:02}:{n % 60:02}",
            "medium",
            f"198.51.{100 + n // 250}.{n % 250 + 1}",
            "443",
            "tcp",
            f"host-{n}.example.com",
            f"ssl{banner}",
            "64496",
            "DE",
        )
        for n in range(count)
    ]


def findings(converted: Converted) -> list[list[Stix]]:
    """Return the objects of the chunks, without a chunk that holds only the file."""
    alone = converted.chunks[0].types() == [
        *("marking-definition", "identity", "artifact"),
        "report",
    ]
    return converted.bundles[alone:]


def of_type(objects: list[Stix], stix_type: str) -> list[Stix]:
    """Return the objects of a chunk that have this type."""
    return [stix for stix in objects if stix["type"] == stix_type]


@pytest.mark.parametrize("chunk_objects", [10, 33, 200])
def test_number_of_objects_is_bounded(tmp_path: Path, chunk_objects: int) -> None:
    """No chunk has more objects than the limit, even for a larger finding."""
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows(60),
        chunk_objects=chunk_objects,
        create_incident=True,
        case_min_severity="info",
    )
    for objects in findings(converted):
        assert len(objects) <= chunk_objects
        assert_closed_and_ordered(objects)
    assert sum(chunk.rows for chunk in converted.chunks) == 60
    # Nothing is lost by it.
    roomy = convert(
        tmp_path, "scan_ssl", HEADER, rows(60), create_incident=True, case_min_severity="info"
    )
    assert {stix["id"] for stix in converted.everything()} == {
        stix["id"] for stix in roomy.everything()
    }
    assert converted.outcome.oddities == {}


@pytest.mark.parametrize("chunk_bytes", [20_000, 60_000])
def test_bytes_are_bounded(tmp_path: Path, chunk_bytes: int) -> None:
    """No chunk has more bytes than the limit."""
    several = [
        (*row[:5], row[5], ";".join(f"tag-{at}-{n}" for n in range(20)), *row[7:])
        for at, row in enumerate(rows(60))
    ]
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        several,
        chunk_bytes=chunk_bytes,
        create_incident=True,
        case_min_severity="info",
    )
    assert len(converted.chunks) > 3
    for chunk in converted.chunks[1:]:
        assert len(chunk.bundle()) <= chunk_bytes


def test_bytes_are_bounded_where_texts_are_long(tmp_path: Path) -> None:
    """Long texts of Report, Case and Notes count for a chunk's bytes."""
    header = (*HEADER, "odd1", "odd2")
    several = [(*row, "*" * 1500, f"{row[2]}<" * 20) for row in rows(60)]
    converted = convert(
        tmp_path,
        "scan_ssl",
        header,
        several,
        chunk_bytes=30_000,
        create_incident=True,
        case_min_severity="info",
    )
    assert len(converted.chunks) > 5
    for chunk in converted.chunks[1:]:
        assert len(chunk.bundle()) <= 30_000


def test_one_host_with_many_labels_is_bounded_too(tmp_path: Path) -> None:
    """Rows that add ever more labels to one address do not exceed a chunk."""
    several = [
        ("", "", "192.0.2.1", "443", "tcp", "", ";".join(f"{at}-{n}" for n in range(50)), "", "")
        for at in range(100)
    ]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, chunk_bytes=30_000)
    for chunk in converted.chunks[1:]:
        assert len(chunk.bundle()) <= 30_000


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_finding_that_no_chunk_holds_is_divided(tmp_path: Path, notes: str) -> None:
    """A large finding is divided into closed chunks, and no object is lost."""
    header = ("timestamp", "src_ip", *(f"x{n}_cve" for n in range(60)))
    ids = (f"CVE-2021-{n:04}" for n in range(60))
    several = [("2024-01-31 00:00:00", "192.0.2.1", *ids)]
    options = {"create_incident": True, "notes": notes}
    whole = convert(tmp_path, "event4_sinkhole", header, several, **options)
    assert len(whole.chunks) == 1
    converted = convert(tmp_path, "event4_sinkhole", header, several, chunk_objects=30, **options)
    assert len(converted.chunks) > 2
    for objects in converted.bundles:
        assert len(objects) <= 30
        assert_closed_and_ordered(objects)
    assert {stix["id"] for stix in converted.everything()} == {
        stix["id"] for stix in whole.everything()
    }
    assert [chunk.rows for chunk in converted.chunks[:-1]] == [0] * (len(converted.chunks) - 1)
    assert converted.chunks[-1].rows == 1
    assert (converted.outcome.noted, converted.outcome.merged) == (1, 0)
    assert converted.outcome.oddities == {}


def test_what_even_then_finds_no_room_is_counted(tmp_path: Path) -> None:
    """An Observed-Data larger than a chunk loses references, and the loss is counted."""
    names = [f"x{n}_ip" for n in range(30)]
    cells = [f"203.0.113.{n}" for n in range(30)]
    converted = convert(
        tmp_path, "scan_ssl", ("ip", *names), [("192.0.2.1", *cells)], chunk_objects=20
    )
    for objects in converted.bundles:
        assert len(objects) <= 20
        assert_closed_and_ordered(objects)
    assert len(converted.of("ipv4-addr")) == 31
    refs = len(converted.one("observed-data")["object_refs"])
    assert converted.outcome.oddities == {TOO_LARGE: 31 - refs}


def test_rows_of_the_same_observables_are_counted_together(tmp_path: Path) -> None:
    """Equal observables give one Observed-Data in one chunk, as OpenCTI may overwrite its count."""
    one = rows(1)[0]
    several = [(f"2024-01-31 0{n % 7}:00:00", *one[1:3], str(n), *one[4:]) for n in range(300)]
    converted = convert(tmp_path, "scan_ssl", HEADER, several, chunk_objects=30)
    assert len(converted.chunks) > 10
    observed = [stix for stix in converted.everything() if stix["type"] == "observed-data"]
    [only] = observed
    assert only["number_observed"] == 300
    assert only["first_observed"] == "2024-01-31T00:00:00.000Z"
    assert only["last_observed"] == "2024-01-31T06:00:00.000Z"
    for objects in converted.bundles:
        assert_closed_and_ordered(objects)


@pytest.mark.parametrize("report_type", ["scan_ssl", "event4_sinkhole_http", "device_id"])
@pytest.mark.parametrize("notes", ["finding", "host", "none"])
@pytest.mark.parametrize("create_incident", [True, False])
def test_chunks_are_closed_ordered_and_survive_the_splitter(
    tmp_path: Path, report_type: str, notes: str, create_incident: bool
) -> None:
    """Each reference is to an earlier object of the chunk, and pycti's splitter keeps it."""
    header, several = rows_of(report_type, 80)
    converted = convert(
        tmp_path,
        report_type,
        header,
        several,
        notes=notes,
        create_incident=create_incident,
        create_indicators=True,
        chunk_objects=150,
        report_max_refs=100,
    )
    assert len(converted.chunks) > 2
    for chunk, objects in zip(converted.chunks, converted.bundles, strict=True):
        assert_closed_and_ordered(objects)
        assert_splitter_keeps_references(chunk, objects)


def test_report_of_one_part_has_everything_in_report_and_case(tmp_path: Path) -> None:
    """Report and Case refer to all objects but author, marking and Notes; ten
    Notes refer to them.
    """
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows(30),
        create_incident=True,
        case_min_severity="info",
        chunk_objects=80,
    )
    assert len(converted.chunks) > 2
    attached = 0
    for objects in findings(converted):
        (report,) = of_type(objects, "report")
        (case,) = of_type(objects, "case-incident")
        left_out = (*NOT_CONTAINED, "note")
        content = {stix["id"] for stix in objects if stix["type"] not in left_out}
        assert set(report["object_refs"]) == content
        assert set(case["object_refs"]) == content | {report["id"]}
        containers = {report["id"], case["id"]}
        for note in of_type(objects, "note"):
            refs = set(note["object_refs"])
            assert containers < refs or not containers & refs
            attached += containers < refs
    assert attached == 5
    assert len(converted.of("report")) == len(converted.of("case-incident")) == 1


def test_addresses_come_first_and_places_nowhere(tmp_path: Path) -> None:
    """A Report refers to addresses first and to no country, which would make its graph a star."""
    converted = convert(
        tmp_path, "scan_ssl", HEADER, rows(5), create_incident=True, relationships=None
    )
    assert converted.of("location")
    assert converted.of("autonomous-system")
    placing = {
        stix["id"]
        for stix in converted.of("relationship")
        if stix["relationship_type"] in ("located-at", "belongs-to")
    }
    assert len(placing) == 10
    (chunk,) = findings(converted)
    for kind in ("report", "case-incident"):
        (container,) = of_type(chunk, kind)
        refs = container["object_refs"]
        assert all(ref.startswith("ipv4-addr--") for ref in refs[:5])
        kinds = {ref.partition("--")[0] for ref in refs}
        assert kinds.isdisjoint(NOT_CONTAINED - {"report"})
        assert placing.isdisjoint(refs)


def test_report_in_parts(tmp_path: Path) -> None:
    """Each part is bounded, the Case refers to the parts only, and Notes to their own part."""
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows(100),
        create_incident=True,
        case_min_severity="info",
        report_max_refs=100,
    )
    assert len(converted.of("report")) > 2
    (case_id,) = {case["id"] for case in converted.of("case-incident")}
    refs: dict[str, set[str]] = {}
    for objects in findings(converted):
        (report,) = of_type(objects, "report")
        (case,) = of_type(objects, "case-incident")
        assert case["object_refs"] == [report["id"]]
        refs.setdefault(report["id"], set()).update(report["object_refs"])
        for note in of_type(objects, "note"):
            assert note["id"] not in report["object_refs"]
            if {report["id"], case_id} & set(note["object_refs"]):
                assert {report["id"], case_id} < set(note["object_refs"])
    assert all(len(part) <= 100 for part in refs.values())
    names = [report["name"] for report in converted.of("report")]
    first = names[0]
    assert names[1:] == [f"{first} (part {n})" for n in range(2, len(names) + 1)]
    externals = [
        report["external_references"][0]["external_id"] for report in converted.of("report")
    ]
    assert len(set(externals)) == len(externals)


def test_every_part_is_in_the_case(tmp_path: Path) -> None:
    """The part with the Artifact takes a finding of any size, and the Case refers to it."""
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows(2),
        create_incident=True,
        case_min_severity="info",
        report_max_refs=3,
    )
    assert len(converted.of("report")) == 2
    in_case = {
        ref
        for objects in findings(converted)
        for case in of_type(objects, "case-incident")
        for ref in case["object_refs"]
        if ref.startswith("report--")
    }
    assert in_case == {report["id"] for report in converted.of("report")}


def test_no_object_is_sent_twice_within_a_chunk_though_many_rows_name_it(tmp_path: Path) -> None:
    """Shared objects, and the Note of equal rows, are in a chunk once."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [rows(1)[0]] * 5)
    (objects,) = findings(converted)
    assert len(of_type(objects, "ipv4-addr")) == 1
    assert len(of_type(objects, "note")) == 1
    (observed,) = of_type(objects, "observed-data")
    assert observed["number_observed"] == 5
    assert converted.outcome.noted == 1
    assert converted.outcome.merged == 4


def test_small_file_is_with_the_first_findings(tmp_path: Path) -> None:
    """A small file is in the first chunk with findings, and in no other."""
    converted = convert(tmp_path, "scan_ssl", HEADER, rows(60), chunk_objects=100)
    assert len(converted.chunks) > 1
    assert [chunk.artifact() is not None for chunk in converted.chunks[:2]] == [True, False]
    assert converted.chunks[0].rows > 0
    (artifact,) = converted.of("artifact")
    reports = [of_type(objects, "report")[0] for objects in converted.bundles]
    assert [artifact["id"] in report["object_refs"] for report in reports[:2]] == [True, False]
    assert_closed_and_ordered(converted.bundles[0])


def test_large_file_comes_first_in_a_chunk_of_its_own(tmp_path: Path) -> None:
    """The first chunk has author, marking, Artifact, and a Report that refers to it."""
    converted = convert(tmp_path, "scan_ssl", HEADER, rows(60), chunk_bytes=20_000)
    assert len(converted.of("artifact")[0]["payload_bin"]) > 5_000
    assert all(chunk.rows for chunk in converted.chunks[1:])
    objects = converted.bundles[0]
    assert [stix["type"] for stix in objects] == [
        "marking-definition",
        "identity",
        "artifact",
        "report",
    ]
    assert objects[3]["object_refs"] == [objects[2]["id"]]
    assert_closed_and_ordered(objects)


def test_equal_chunks_are_equal_bytes_and_others_have_other_ids(tmp_path: Path) -> None:
    """A bundle's id and bytes follow from its content."""
    one = convert(tmp_path, "scan_ssl", HEADER, rows(3))
    same = convert(tmp_path, "scan_ssl", HEADER, rows(3))
    other = convert(tmp_path, "scan_ssl", HEADER, rows(4))
    assert [c.bundle() for c in one.chunks] == [c.bundle() for c in same.chunks]
    assert one.chunks[0].bundle()[:70] != other.chunks[0].bundle()[:70]
