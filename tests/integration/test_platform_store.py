"""The stand-in's rules for objects: ids, upsert, missing references, refused values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platform import standard_ids
from tests.platform.errors import PlatformError
from tests.platform.graphql import read, select
from tests.platform.store import Store

DAY = "2024-05-01T00:00:00.000Z"
LATER = "2024-05-02T00:00:00.000Z"


@pytest.fixture
def store() -> Store:
    """Return an empty store."""
    return Store()


def address(store: Store, value: str = "192.0.2.1") -> str:
    """Put an address and return its id."""
    return store.put("IPv4-Addr", {"value": value}, None).standard_id


def test_ids_are_the_published_ones() -> None:
    """The ids equal vectors made with the stix2 library and pycti."""
    assert (
        standard_ids.standard_id("IPv4-Addr", {"value": "192.0.2.1"})
        == "ipv4-addr--8dded90c-40c0-545a-8027-5b212bb37e8e"
    )
    assert (
        standard_ids.standard_id("Organization", {"name": "The Example Foundation"})
        == "identity--1e5110e8-dc3e-5650-8b05-dcf4679e1c68"
    )


def test_another_id_becomes_an_alias_and_is_told(store: Store) -> None:
    """An object sent under another id gets the platform's, and both find it."""
    sent = "ipv4-addr--00000000-0000-4000-8000-000000000000"
    thing = store.put("IPv4-Addr", {"value": "192.0.2.1", "stix_id": sent}, None)
    assert thing.standard_id != sent
    assert store.find(sent) is store.find(thing.standard_id) is thing
    assert store.oddities.rewritten == [
        {"type": "IPv4-Addr", "sent": sent, "standard": thing.standard_id}
    ]


def test_two_objects_under_one_look_up_are_told(store: Store) -> None:
    """An id that names one object and whose content names another is recorded as a merge."""
    one, other = address(store, "192.0.2.1"), address(store, "192.0.2.2")
    store.put("IPv4-Addr", {"value": "192.0.2.1", "stix_id": other}, None)
    assert store.oddities.merged == [{"type": "IPv4-Addr", "sent": other, "standard": one}]


def test_references_and_labels_are_added_never_removed(store: Store) -> None:
    """A report sent in parts has the references of all parts."""
    refs = [address(store, "192.0.2.1"), address(store, "192.0.2.2")]
    for ref in refs:
        report = store.put("Report", {"name": "Day", "published": DAY, "objects": [ref]}, None)
    assert store.snapshot()[report.standard_id]["objects"] == sorted(refs)


def test_lower_confidence_changes_labels_only(store: Store) -> None:
    """An object of higher confidence keeps its description, and only gains labels."""
    label = store.put("Label", {"value": "new"}, None).standard_id
    first = {"name": "examplebot", "description": "curated", "confidence": 80}
    second = {"name": "Examplebot", "description": "ours", "confidence": 15, "objectLabel": [label]}
    store.put("Malware", first, None)
    thing = store.put("Malware", second, None)
    assert thing.attributes["name"] == "examplebot"
    assert thing.attributes["description"] == "curated"
    assert store.snapshot()[thing.standard_id]["labels"] == ["new"]


def test_observed_data_widens_and_counts(store: Store) -> None:
    """Another day widens the dates and adds to the count; the same day does not."""
    given = {"objects": [address(store)], "number_observed": 2}
    store.put("Observed-Data", given | {"first_observed": DAY, "last_observed": DAY}, None)
    store.put("Observed-Data", given | {"first_observed": DAY, "last_observed": DAY}, None)
    thing = store.put(
        "Observed-Data", given | {"first_observed": LATER, "last_observed": LATER}, None
    )
    assert thing.attributes == {
        "first_observed": DAY,
        "last_observed": LATER,
        "number_observed": 4,
    }


@pytest.mark.parametrize("retry", [0, 1, 2])
def test_a_missing_reference_is_refused_three_times(store: Store, retry: int) -> None:
    """The importer's first three attempts fail, so that it waits for the object."""
    given = {"name": "Day", "published": DAY, "objects": ["note--absent"]}
    with pytest.raises(PlatformError, match="MISSING_REFERENCE_ERROR"):
        store.put("Report", given, retry)


@pytest.mark.parametrize("retry", [3, None])
def test_then_it_is_dropped_and_told(store: Store, retry: int | None) -> None:
    """After three attempts, or without an importer, the object is stored without the reference."""
    store.put("Report", {"name": "Day", "published": DAY, "objects": ["note--absent"]}, retry)
    assert [one["missing"] for one in store.oddities.dropped] == ["note--absent"]


def test_a_relationship_never_does_without_an_end(store: Store) -> None:
    """A relationship is refused without its source or target, at every attempt."""
    given = {"relationship_type": "related-to", "fromId": address(store), "toId": "url--absent"}
    with pytest.raises(PlatformError, match="MISSING_REFERENCE_ERROR"):
        store.relate(given, 9)


@pytest.mark.parametrize(
    ("entity_type", "given"),
    [
        ("Autonomous-System", {"number": 2**31}),
        ("Domain-Name", {"value": "localhost"}),
        ("Domain-Name", {"value": "host.example.com."}),
        ("Domain-Name", {"value": "host.example.c"}),
        ("Domain-Name", {"value": f"{'a' * 64}.example.com"}),
        ("Domain-Name", {"value": f"{'a.' * 127}com"}),
        ("Hostname", {"value": "host."}),
        ("Hostname", {"value": "_service.host"}),
        ("Mac-Addr", {"value": "00-00-5e-00-53-01"}),
        ("IPv4-Addr", {"value": "192.0.2.256"}),
        ("IPv6-Addr", {"value": "192.0.2.1"}),
        ("StixFile", {"hashes": [{"algorithm": "MD5", "hash": "abc"}]}),
        ("Artifact", {"hashes": [{"algorithm": "SHA-256", "hash": "a" * 63}]}),
        ("IPv4-Addr", {"value": "192.0.2.1", "x_opencti_score": 101}),
        ("Malware", {"name": "x"}),
        ("Note", {"content": "  ", "created": DAY}),
        ("Vulnerability", {"name": "CVE-2024-0001", "x_opencti_cvss_vector_string": "9.8"}),
        ("Observed-Data", {"first_observed": LATER, "last_observed": DAY, "objects": ["x"]}),
        ("Observed-Data", {"first_observed": DAY, "last_observed": DAY, "objects": []}),
    ],
)
def test_refused_values(store: Store, entity_type: str, given: dict[str, Any]) -> None:
    """A bad value makes the platform refuse the whole object, and that is recorded."""
    before = store.count()
    with pytest.raises(PlatformError):
        store.put(entity_type, given, 0)
    assert store.count() == before
    assert [one["type"] for one in store.oddities.refused] == [entity_type]


def test_refused_relationships(store: Store) -> None:
    """A pair of types that may not be related is refused, and so is an object with itself."""
    one, other = address(store, "192.0.2.1"), address(store, "192.0.2.2")
    for kind, target in (("belongs-to", other), ("related-to", one)):
        with pytest.raises(PlatformError):
            store.relate({"relationship_type": kind, "fromId": one, "toId": target}, 0)
    assert len(store.oddities.refused) == 2
    store.relate({"relationship_type": "related-to", "fromId": one, "toId": other}, 0)


def test_a_word_of_no_vocabulary_is_left_out_and_told(store: Store) -> None:
    """A note type that is not in the vocabulary is dropped, and that is recorded."""
    given = {"content": "text", "created": DAY, "note_types": ["external", "low"]}
    thing = store.put("Note", given, None)
    assert thing.attributes["note_types"] == ["external"]
    assert store.oddities.emptied == [{"type": "Note", "field": "note_types", "value": "low"}]


def test_a_reference_of_one_value_is_set_once(store: Store) -> None:
    """Setting an end of Network-Traffic twice, as pycti 6.2 does, is an error."""
    traffic = store.put("Network-Traffic", {"stix_id": "network-traffic--1"}, None)
    given = {"relationship_type": "dst", "fromId": traffic.internal_id, "toId": address(store)}
    store.link(given)
    assert store.snapshot()[traffic.standard_id]["dst"] == address(store)
    with pytest.raises(PlatformError, match="has a value already"):
        store.link(given)


def test_an_attached_file_replaces_the_one_of_its_name(store: Store) -> None:
    """A file of a new name is added; one of the same name replaces the first."""
    identifier = address(store)
    for name, content in (("a", b"1"), ("a", b"22"), ("b", b"3")):
        store.attach(identifier, name, content, "text/plain")
    files = store.snapshot()[identifier]["files"]
    assert {name: file["size"] for name, file in files.items()} == {"a": 2, "b": 1}


def test_a_query_is_read_and_its_answer_cut_down() -> None:
    """Variables, constants, aliases, nesting and inline fragments are understood."""
    operation = read(
        """
        mutation Name($id: ID!, $list: [String]) { # a comment
            first: edit(id: $id, flag: true, list: $list, filter: {key: "a, b", n: -1}) {
                done { id ... on Thing { name } }
            }
        }
        """,
        {"id": "7", "list": ["x"]},
    )
    (field,) = operation.selection
    assert (operation.kind, operation.name, field.name, field.key) == (
        "mutation",
        "Name",
        "edit",
        "first",
    )
    assert field.arguments == {
        "id": "7",
        "flag": True,
        "list": ["x"],
        "filter": {"key": "a, b", "n": -1},
    }
    value = {"done": [{"id": 1, "name": "n", "more": 2}]}
    assert select(value, field.selection) == {"done": [{"id": 1, "name": "n"}]}


@pytest.mark.parametrize("query", ["", "query {", "subscription { a }", "{ a } { b }", "{ a ~ }"])
def test_a_query_that_is_not_understood_is_an_error(query: str) -> None:
    """A query that cannot be parsed is an error."""
    with pytest.raises(ValueError, match=r"\w"):
        read(query, {})


def test_what_is_deleted_is_taken_out_of_all_that_names_it(store: Store) -> None:
    """Deleting an object deletes its relationships and the references to it until sent again."""
    one, other = address(store, "192.0.2.1"), address(store, "192.0.2.2")
    given = {"name": "Day", "published": DAY, "objects": [one, other]}
    report = store.put("Report", given, None)
    traffic = {"stix_id": "network-traffic--x", "networkDst": one, "dst_port": 80}
    flow = store.put("Network-Traffic", traffic | {"protocols": ["tcp"]}, None)
    store.relate({"relationship_type": "related-to", "fromId": one, "toId": other}, None)
    store.delete(one)
    assert store.find(one) is None
    assert store.of_type("relationship") == []
    assert store.snapshot()[report.standard_id]["objects"] == [other]
    assert "dst" not in store.snapshot()[flow.standard_id]
    address(store, "192.0.2.1")
    store.put("Report", given, None)
    assert store.snapshot()[report.standard_id]["objects"] == sorted([one, other])
