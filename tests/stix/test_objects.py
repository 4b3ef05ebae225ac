from __future__ import annotations

import ast
import base64
import json
from pathlib import Path

import pycti  # noqa: F401 - it registers OpenCTI's types with the stix2 library
import pytest
import stix2

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.observables import network_traffic, of_value
from shadowserver_connector.stix.reported_objects import (
    MAX_NUMBER_OBSERVED,
    ReportText,
    case_incident,
    note,
    observed_data,
    relationship,
    report,
)
from shadowserver_connector.stix.shared_objects import (
    AUTHOR_NAME,
    REPORTED_CONFIDENCE,
    SHARED_CONFIDENCE,
    TLP,
    UNDATED,
    author,
    indicator,
    tlp_marking,
)
from tests.stix import examples
from tests.stix.examples import DAY, EXAMPLES, OBSERVABLE_TYPES, ORIGIN, TIME, as_json
from tests.stix.exceptions import complaints

# STIX wants a payload or a URL, as the validator says too: see exceptions.py.
PARSED_BY_STIX2 = sorted(EXAMPLES.keys() - {"artifact without payload"})
SHARED = ["vulnerability", "malware", "country", "attack pattern", "autonomous system", "software"]


SOURCES = Path(__file__).resolve().parents[2] / "src" / "shadowserver_connector" / "stix"


@pytest.mark.parametrize("module", ["observables", "reported_objects", "shared_objects"])
def test_every_constructor_has_an_example(module: str) -> None:
    """Each constructor has an example, so that all are checked."""
    # Of the compiled module, Python does not tell what its functions return.
    tree = ast.parse((SOURCES / f"{module}.py").read_text())
    constructors = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns) == "StixObject"
        and not node.name.startswith("_")
    }
    assert constructors
    assert sorted(constructors - vars(examples).keys()) == [], "add it to tests/stix/examples.py"


def test_what_has_no_date_of_creation_is_an_observable() -> None:
    """The types without ``created`` are STIX's observables, on which other tests rely."""
    undated = {example["type"] for example in EXAMPLES.values() if "created" not in example}
    assert undated == OBSERVABLE_TYPES, "correct OBSERVABLE_TYPES in tests/stix/examples.py"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_oasis_validator_has_nothing_against_it(name: str) -> None:
    """Every object passes, except for what `exceptions.py` lists."""
    assert complaints(as_json(EXAMPLES[name])) == []


def test_the_validator_is_really_asked() -> None:
    """The validator complains of an object with a fault."""
    broken = {**as_json(EXAMPLES["report"]), "object_refs": []}
    assert complaints(broken)
    assert complaints({**as_json(EXAMPLES["country"]), "unknown_property": 1})


@pytest.mark.parametrize("name", PARSED_BY_STIX2)
def test_the_stix2_library_reads_it_back_unchanged(name: str) -> None:
    """An object that stix2 reads and writes says the same."""
    written = as_json(EXAMPLES[name])
    parsed = stix2.parse(json.dumps(written), allow_custom=True)
    read = json.loads(parsed.serialize()) if hasattr(parsed, "serialize") else parsed
    defaults = {"revoked": False, "pattern_version": "2.1"}
    assert {k: v for k, v in read.items() if defaults.get(k) != v} == {
        key: value if key in ("created", "modified") else _without_milliseconds(value)
        for key, value in written.items()
    }


def _without_milliseconds(value: object) -> object:
    """Return a whole second as stix2 writes it."""
    if isinstance(value, str) and value.endswith(".000Z"):
        return value.removesuffix(".000Z") + "Z"
    return value


@pytest.mark.parametrize("name", EXAMPLES)
def test_author_marking_and_labels_stand_where_opencti_reads_them(name: str) -> None:
    """Observables have them in OpenCTI's own fields, others in those of STIX."""
    stix_object = EXAMPLES[name]
    if stix_object["type"] in ("identity", "marking-definition"):
        return
    if stix_object["type"] in OBSERVABLE_TYPES:
        assert stix_object["x_opencti_created_by_ref"] == ORIGIN.author
        assert not stix_object.keys() & {"created_by_ref", "labels", "confidence"}
    else:
        assert stix_object["created_by_ref"] == ORIGIN.author
        assert not [key for key in stix_object if key.startswith("x_opencti_labels")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_only_shared_knowledge_is_without_the_reports_marking(name: str) -> None:
    """A country or CVE has no restricted marking, which would hide it from everyone else."""
    stix_object = EXAMPLES[name]
    if stix_object["type"] in ("identity", "marking-definition"):
        return
    is_shared = name in (*SHARED, "software with cpe")
    assert ("object_marking_refs" not in stix_object) == is_shared


@pytest.mark.parametrize("name", ["vulnerability", "malware", "country", "attack pattern"])
def test_shared_knowledge_is_the_same_object_in_every_report(name: str) -> None:
    """Its times and confidence are constants, so that one id has one content."""
    stix_object = EXAMPLES[name]
    assert stix_object["created"] == stix_object["modified"] == UNDATED
    assert stix_object["confidence"] == SHARED_CONFIDENCE
    assert not stix_object.keys() & {"aliases", "x_opencti_aliases", "labels"}


def test_a_note_is_of_a_type_that_opencti_has() -> None:
    """A Note's type is in OpenCTI's vocabulary, and not an analyst's."""
    assert EXAMPLES["note"]["note_types"] == ["external"]


@pytest.mark.parametrize("name", ["report", "case", "note", "observed data", "relationship"])
def test_own_statements_are_those_of_one_good_source(name: str) -> None:
    """They have a confidence that OpenCTI shows as "2 - Probably True"."""
    assert EXAMPLES[name]["confidence"] == REPORTED_CONFIDENCE
    assert 60 <= REPORTED_CONFIDENCE < 80


def test_shared_knowledge_is_possible_and_never_outranks_a_curated_entry() -> None:
    """It has a confidence shown as "3 - Possibly True", below those that people give."""
    assert 40 <= SHARED_CONFIDENCE < 50


def test_what_has_no_date_shows_none() -> None:
    """An unknown date is the start of Unix time, which OpenCTI shows as none."""
    assert UNDATED == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("name", TLP)
def test_pycti_reads_the_tlp_that_is_meant(name: str) -> None:
    """pycti reads the TLP from OpenCTI's own properties, or else from the definition."""
    marking = tlp_marking(name)
    if "x_opencti_definition" in marking:
        read = marking["x_opencti_definition"]
        assert marking["x_opencti_definition_type"] == "TLP"
    else:
        read = f"TLP:{marking['definition']['tlp'].upper()}"
    assert read == name.replace("WHITE", "CLEAR")
    assert marking["id"] == TLP[name]


def test_stix_own_tlp_markings_are_the_fixed_ones() -> None:
    """GREEN, AMBER and RED are the marking objects of the STIX specification."""
    for theirs in (stix2.TLP_GREEN, stix2.TLP_AMBER, stix2.TLP_RED):
        assert json.loads(
            stix2.v21.MarkingDefinition(**tlp_marking(_name(theirs))).serialize()
        ) == ({**json.loads(theirs.serialize()), "spec_version": "2.1", "name": _name(theirs)})


def _name(marking: stix2.v20.MarkingDefinition) -> str:
    return f"TLP:{marking.definition.tlp.upper()}"


def test_the_author_is_the_foundation() -> None:
    """Every object has one constant author, the Foundation."""
    assert author()["name"] == AUTHOR_NAME == "The Shadowserver Foundation"
    assert author()["id"] == ORIGIN.author
    assert author() == author()


def test_an_artifact_carries_the_bytes_unchanged() -> None:
    """The payload decodes to the given bytes, under the file's name."""
    artifact = EXAMPLES["artifact"]
    assert base64.b64decode(artifact["payload_bin"]) == b"a,b\r\n"
    assert artifact["x_opencti_additional_names"] == ["a.csv"]
    assert EXAMPLES["artifact without payload"]["id"] == artifact["id"]
    assert "payload_bin" not in EXAMPLES["artifact without payload"]


def test_network_traffic_carries_nothing_that_can_differ_under_one_id() -> None:
    """All its fields but author and marking make its id, as OpenCTI cannot update it."""
    assert EXAMPLES["flow"].keys() == {
        *("type", "spec_version", "id", "protocols", "src_ref", "dst_ref", "src_port", "dst_port"),
        *("object_marking_refs", "x_opencti_created_by_ref"),
    }


def test_observed_data_has_its_references_in_order_and_bounds_its_number() -> None:
    """References are sorted, and the count is limited to STIX's maximum."""
    one, two = (
        of_value(ORIGIN, "ipv4-addr", "192.0.2.1")["id"],
        of_value(ORIGIN, "mac-addr", "00:00:5e:00:53:01")["id"],
    )
    observed = [
        observed_data(
            ORIGIN,
            first_observed=DAY,
            last_observed=TIME,
            number_observed=10**10,
            object_refs=refs,
        )
        for refs in ([one, two], [two, one])
    ]
    assert observed[0] == observed[1]
    assert observed[0]["number_observed"] == MAX_NUMBER_OBSERVED
    assert observed[0]["created"] == DAY
    assert observed[0]["modified"] == TIME


def test_a_report_names_its_link_only_if_asked() -> None:
    """A Report has its download link, which needs no credentials, only if asked."""
    assert "url" not in EXAMPLES["report"]["external_references"][0]
    assert EXAMPLES["report with link"]["external_references"][0]["url"].startswith("https://")


def test_an_indicator_escapes_the_value() -> None:
    """Quotes and backslashes in the value cannot end the pattern's string."""
    assert EXAMPLES["indicator with quotes"]["pattern"] == (
        r"[url:value = 'https://www.example.com/it\'s\\']"
    )
    assert EXAMPLES["indicator"]["x_opencti_main_observable_type"] == "IPv4-Addr"


def test_an_indicator_of_a_file_is_of_its_best_hash() -> None:
    """The pattern of a file has its best hash only, so that it equals that of others."""
    found = EXAMPLES["indicator of a file"]
    assert found["pattern"] == f"[file:hashes.'SHA-256' = '{'cd' * 32}']"
    assert (found["name"], found["x_opencti_main_observable_type"]) == ("cd" * 32, "StixFile")


def test_an_indicator_of_another_kind_is_refused() -> None:
    """Only addresses, domain names, URLs and files can have an Indicator."""
    mac = of_value(ORIGIN, "mac-addr", "00:00:5e:00:53:01")
    with pytest.raises(KeyError):
        indicator(ORIGIN, mac, description="-", valid_from=DAY, valid_until=DAY)


def test_a_relationship_to_itself_is_refused() -> None:
    """The constructor refuses it, as OpenCTI would."""
    ip = ids.of_value("ipv4-addr", "192.0.2.1")
    with pytest.raises(ValueError, match="to itself"):
        relationship(ORIGIN, "related-to", ip, ip, created=DAY)


def test_containers_of_nothing_are_refused() -> None:
    """A container without references is refused, as STIX forbids it."""
    about = ReportText("A", DAY, "", object_refs=[], file_name="a.csv")
    with pytest.raises(ValueError, match="without"):
        report(ORIGIN, about)
    with pytest.raises(ValueError, match="without"):
        case_incident(ORIGIN, about, severity="low", priority="P4")
    with pytest.raises(ValueError, match="without"):
        note(ORIGIN, stix_id="note--0", abstract="a", content="b", created=TIME, object_refs=[])
    with pytest.raises(ValueError, match="without"):
        observed_data(
            ORIGIN, first_observed=DAY, last_observed=DAY, number_observed=1, object_refs=[]
        )
    with pytest.raises(ValueError, match="needs an end"):
        network_traffic(ORIGIN, protocols=["tcp"])
