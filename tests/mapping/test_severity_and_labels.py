"""Severity and priority of the Case, and the labels of each object."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.mapping.cells.text_and_tags import MAX_LABELS
from tests.mapping.conversion import Converted, convert

CONTAINERS = ("report", "case-incident")
HEADER = ("timestamp", "severity", "ip", "port", "protocol", "hostname", "tag", "asn", "geo")


def row(n: int, severity: str = "low", tag: str = "", **cells: str) -> tuple[str, ...]:
    """Return a finding on a host with its own name, system and country."""
    plain = {
        "timestamp": "2024-01-31 00:00:00",
        "severity": severity,
        "ip": f"192.0.2.{n + 1}",
        "port": "443",
        "protocol": "tcp",
        "hostname": f"host-{n}.example.com",
        "tag": tag,
        "asn": "64496",
        "geo": "DE",
    }
    return tuple((plain | cells)[name] for name in HEADER)


def labels(converted: Converted, stix_type: str, **fields: str) -> set[str]:
    """Return the labels of the only object of a type with these values."""
    stix = converted.where(stix_type, **fields)
    return set(stix.get("labels", ())) | set(stix.get("x_opencti_labels", ()))


@pytest.mark.parametrize("at", [0, 10, 59])
@pytest.mark.parametrize("notes", ["finding", "host", "none"])
def test_case_has_the_highest_severity_wherever_it_stands(
    tmp_path: Path, at: int, notes: str
) -> None:
    """Every chunk's copy of the Case has the highest severity, whichever row has it."""
    rows = [row(n, "critical" if n == at else "low") for n in range(60)]
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows,
        create_incident=True,
        case_min_severity="info",
        notes=notes,
        chunk_objects=60,
    )
    cases = [stix for stix in converted.everything() if stix["type"] == "case-incident"]
    assert len(cases) > 3
    assert {case["severity"] for case in cases} == {"critical"}
    assert converted.outcome.severity == "critical"


@pytest.mark.parametrize(
    ("highest", "floor", "expected"),
    [
        ("info", "low", "low"),
        ("medium", "low", "medium"),
        ("medium", "high", "high"),
        ("critical", "high", "critical"),
        ("INFO", "medium", "medium"),
        ("Critical", "low", "critical"),
    ],
)
def test_case_is_at_least_as_severe_as_the_floor(
    tmp_path: Path, highest: str, floor: str, expected: str
) -> None:
    """The configured severity is the Case's lowest; ``info`` is not one of OpenCTI's."""
    rows = [row(0, "info"), row(1, highest)]
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows,
        create_incident=True,
        case_min_severity="info",
        incident_severity=floor,
    )
    assert converted.one("case-incident")["severity"] == expected


@pytest.mark.parametrize(
    ("wanted", "highest", "made"),
    [
        (None, "low", False),
        (None, "medium", True),
        ("info", "info", True),
        ("high", "medium", False),
        ("high", "critical", True),
    ],
)
def test_a_case_is_made_of_what_is_severe_enough(
    tmp_path: Path, wanted: str | None, highest: str, made: bool
) -> None:
    """A report below the configured severity has no Case, and its Notes name none."""
    chosen = {} if wanted is None else {"case_min_severity": wanted}
    rows = [row(0, "info"), row(1, highest)]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, create_incident=True, **chosen)
    assert bool(converted.of("case-incident")) == made
    named = {ref for note in converted.of("note") for ref in note["object_refs"]}
    assert made or not any(ref.startswith("case-incident--") for ref in named)


def test_reports_and_cases_can_be_filtered_by_severity(tmp_path: Path) -> None:
    """Report and Case, and no other objects, have the worst severity as a label."""
    rows = [row(0, "low"), row(1, "high")]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, create_incident=True)
    assert "severity:high" in converted.one("report")["labels"]
    assert "severity:high" in converted.one("case-incident")["labels"]
    others = [stix for stix in converted.everything() if stix["type"] not in CONTAINERS]
    labels = {
        label
        for stix in others
        for label in (*stix.get("labels", ()), *stix.get("x_opencti_labels", ()))
    }
    assert not any(label.startswith("severity:") for label in labels)


def test_rows_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    """Rows that are filtered or cut do not count for the severity."""
    rows = [row(0, "medium"), row(1, "low"), row(2, "critical")]
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        rows,
        create_incident=True,
        case_min_severity="info",
        max_findings=2,
    )
    assert converted.one("case-incident")["severity"] == "medium"
    assert converted.outcome.severity == "medium"


def test_row_without_severity_has_that_of_its_type(tmp_path: Path) -> None:
    """A row without a severity has the catalogue's for its type."""
    from shadowserver_connector.catalogue.loader import load_catalogue

    for report_type in ("scan_ssl", "compromised_website"):
        converted = convert(tmp_path, report_type, HEADER, [row(0, "")])
        assert converted.outcome.severity == load_catalogue().types[report_type].severity


@pytest.mark.parametrize(
    ("priority", "severity", "expected"),
    [
        ("P1", "low", "P1"),
        ("P4", "critical", "P4"),
        ("auto", "info", "P4"),
        ("auto", "low", "P4"),
        ("auto", "medium", "P3"),
        ("auto", "high", "P2"),
        ("auto", "critical", "P1"),
    ],
)
def test_priority_is_configured_or_follows_from_severity(
    tmp_path: Path, priority: str, severity: str, expected: str
) -> None:
    """``auto`` derives the priority from the Case's severity."""
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        [row(0, severity)],
        create_incident=True,
        case_min_severity="info",
        incident_priority=priority,
    )
    assert converted.one("case-incident")["priority"] == expected


def test_no_case_unless_asked_for(tmp_path: Path) -> None:
    """By default there is no Case, and Notes refer to none."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0)])
    assert converted.of("case-incident") == []


@pytest.mark.parametrize("notes", ["finding", "host"])
def test_labels_of_a_row_are_on_its_own_objects_only(tmp_path: Path, notes: str) -> None:
    """Note and Observed-Data have all tags; an observable has only lasting ones."""
    first = "ssl;first;vpn"
    rows = [row(0, tag=first), row(1, tag="second"), row(2), row(3, tag=first)]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, notes=notes)
    base = {"shadowserver", "scan-ssl"}
    expected = [{"ssl", "first", "vpn"}, {"second"}, set(), {"ssl", "first", "vpn"}]
    for n, own in enumerate(expected):
        address = converted.where("ipv4-addr", value=f"192.0.2.{n + 1}")
        lasting = base | (own & {"vpn"})
        assert labels(converted, "ipv4-addr", value=address["value"]) == lasting
        assert labels(converted, "domain-name", value=f"host-{n}.example.com") == lasting
        for kind in ("note", "observed-data"):
            (stix,) = (s for s in converted.of(kind) if address["id"] in s["object_refs"])
            assert set(stix["labels"]) == base | own


def test_objects_that_rows_share_have_the_labels_of_all_of_them(tmp_path: Path) -> None:
    """An address that several rows name has the tags of all of them."""
    rows = [
        row(0, tag="iot", hostname="a.example.com"),
        row(1),
        row(0, tag="vpn", hostname="b.example.com"),
    ]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, notes="finding")
    base = {"shadowserver", "scan-ssl"}
    assert labels(converted, "ipv4-addr", value="192.0.2.1") == base | {"iot", "vpn"}
    assert labels(converted, "domain-name", value="a.example.com") == base | {"iot"}
    assert labels(converted, "domain-name", value="b.example.com") == base | {"vpn"}


def test_knowledge_and_relationships_have_no_labels_of_a_report(tmp_path: Path) -> None:
    """Countries, systems, vulnerabilities and relationships, which are shared, have no labels."""
    rows = [row(0, tag="ssl;cve-2024-1000")]
    converted = convert(tmp_path, "scan_ssl", HEADER, rows, relationships=None)
    shared = ("location", "autonomous-system", "vulnerability", "relationship", "identity")
    assert {stix["type"] for stix in converted.of(*shared)} == set(shared)
    for stix in converted.of(*shared):
        assert not {"labels", "x_opencti_labels"} & stix.keys()


def test_report_has_the_tags_of_its_day(tmp_path: Path) -> None:
    """A Report has its ten most frequent tags and the configured labels; a Case has no tags."""
    converted = convert(
        tmp_path,
        "scan_ssl",
        HEADER,
        [row(0, tag="ssl;cve-2024-1234"), *(row(n, tag=f"Tag {n};ssl") for n in range(1, 12))],
        create_incident=True,
        case_min_severity="info",
        labels=("Our Perimeter",),
    )
    expected = {"shadowserver", "scan-ssl", "our-perimeter"}
    assert set(converted.one("case-incident")["labels"]) == expected | {"severity:low"}
    assert labels(converted, "ipv4-addr", value="192.0.2.1") == expected
    tags = {"ssl", "tag-1", "tag-10", "tag-11", *(f"tag-{n}" for n in range(2, 8))}
    assert set(converted.of("report")[0]["labels"]) == expected | tags | {"severity:low"}


@pytest.mark.parametrize(
    "tag",
    [
        ";".join(f"t{n}" for n in range(1_000)),
        "x" * 1_000_000,
        ";".join("y" * 2_000 for _ in range(100)),
        ",;,;" * 1_000,
        "\n;\x00;\u202e;\ufeff",
    ],
    ids=["many", "long", "many long", "separators", "invisible"],
)
def test_tags_are_bounded(tmp_path: Path, tag: str) -> None:
    """A cell of rubbish gives few, short labels, none of them blank."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0, tag=tag)])
    found = labels(converted, "observed-data") - {"shadowserver", "scan-ssl"}
    assert len(found) <= MAX_LABELS
    assert all(0 < len(label) <= 128 and label.isprintable() for label in found)


def test_equal_labels_in_other_spellings_are_one(tmp_path: Path) -> None:
    """Labels that differ in case only are one, as in OpenCTI."""
    tag = "SSL;ssl; Ssl ,IoT;scan_ssl;Scan SSL"
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0, tag=tag)])
    assert labels(converted, "observed-data") == {"shadowserver", "scan-ssl", "ssl", "iot"}


def test_vulnerability_is_no_label(tmp_path: Path) -> None:
    """A CVE id in the tags is a vulnerability and no label."""
    converted = convert(tmp_path, "scan_ssl", HEADER, [row(0, tag="vpn;CVE-2024-1234;cve-2024-1")])
    assert converted.one("vulnerability")["name"] == "CVE-2024-1234"
    assert labels(converted, "observed-data") == {"shadowserver", "scan-ssl", "vpn", "cve-2024-1"}


def test_labels_of_an_observable_are_bounded_over_time(tmp_path: Path) -> None:
    """An observable gets only labels of a fixed set, as OpenCTI removes none."""
    found: set[str] = set()
    for day in range(40):
        tags = [f"tag-{day}-{n}" for n in range(9)]
        rows = [row(0, tag=";".join([*tags, "vpn", "iot", "firewall", "ics", "router", "tor"]))]
        converted = convert(tmp_path, "scan_ssl", HEADER, rows)
        found |= labels(converted, "ipv4-addr", value="192.0.2.1")
    assert found == {"shadowserver", "scan-ssl", "vpn", "iot", "firewall", "ics", "router"}


def test_name_of_an_unknown_type_is_no_label(tmp_path: Path) -> None:
    """An unknown type gives no label, and one line says that it is unknown."""
    converted = convert(tmp_path, "ext_2024_01_31_x", HEADER, [row(0)])
    assert labels(converted, "ipv4-addr", value="192.0.2.1") == {"shadowserver"}
    assert [remark for remark in converted.outcome.remarks if "unknown report type" in remark]
    assert not convert(tmp_path, "scan_ssl", HEADER, [row(0)]).outcome.remarks
