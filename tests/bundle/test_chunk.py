"""What a chunk tells its sender: objects that OpenCTI may have, and what refers to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject, LabelsAndScore, labels_and_score

UUID = "00000000-0000-4000-8000-000000000001"
ADDRESS = f"ipv4-addr--{UUID}"
NAME = f"domain-name--{UUID}"
TRAFFIC = f"network-traffic--{UUID}"
SYSTEM = f"autonomous-system--{UUID}"
LINK = f"relationship--{UUID}"
NOTE = f"note--{UUID}"
SEEN = f"observed-data--{UUID}"

OBJECTS: dict[str, dict[str, Any]] = {
    SYSTEM: {"number": 64496},
    ADDRESS: {"x_opencti_labels": ["IoT", "ssl"], "x_opencti_score": 75},
    NAME: {},
    TRAFFIC: {"src_ref": ADDRESS, "protocols": ["tcp"]},
    LINK: {"source_ref": ADDRESS, "target_ref": SYSTEM},
    SEEN: {"object_refs": [ADDRESS, NAME]},
    NOTE: {"object_refs": [NAME], "content": ADDRESS},
}
CHUNK = Chunk(
    tuple(ChunkObject(id, orjson.dumps({"id": id, **stix})) for id, stix in OBJECTS.items()),
    rows=1,
    has_comparison=True,
)


def test_what_says_no_more_than_its_id_needs_no_second_sending() -> None:
    """Objects whose content is all in their id need no second sending; others may change."""
    assert CHUNK.determined_by_id() == {SYSTEM, LINK}


def test_observables_are_told_by_labels_and_score() -> None:
    """Observables that do not recur are listed with labels, as OpenCTI compares them, and score."""
    assert CHUNK.determined_by_labels() == {
        ADDRESS: LabelsAndScore(frozenset({"iot", "ssl"}), 75),
        NAME: LabelsAndScore(frozenset(), None),
        TRAFFIC: LabelsAndScore(frozenset(), None),
    }
    recurring = replace(CHUNK, already_sent=frozenset({ADDRESS, NOTE}))
    assert recurring.determined_by_labels().keys() == {NAME, TRAFFIC}


def test_observables_that_say_more_are_told_where_something_recurs() -> None:
    """A file may have another name than OpenCTI knows; what recurs may refer to it as well."""
    file, other = f"file--{UUID}", f"x509-certificate--{UUID}"
    objects = (*CHUNK.objects, ChunkObject(file, b"{}"), ChunkObject(other, b"{}"))
    chunk = replace(CHUNK, objects=objects)
    assert chunk.described() == frozenset()
    assert replace(chunk, already_sent=frozenset({SEEN, other})).described() == {file}


def test_nothing_is_told_of_a_report_that_was_not_compared() -> None:
    """A chunk of a report without a history is sent whole, so it lists none of these."""
    chunk = replace(CHUNK, has_comparison=False)
    assert chunk.determined_by_id() == frozenset()
    assert chunk.determined_by_labels() == {}


@pytest.mark.parametrize(
    ("labels", "score", "held"),
    [
        (["iot"], None, True),
        (["IOT", "ssl"], 75, True),
        ([], None, True),
        (["iot"], 50, False),
        (["vpn"], None, False),
        (["iot", "vpn"], 75, False),
    ],
)
def test_labels_and_score_are_held_if_none_is_missing(
    labels: list[str], score: int | None, held: bool
) -> None:
    """The platform may have further labels, and any score if the object has none."""
    assert (
        labels_and_score(labels, score).is_contained_in(labels_and_score(["IoT", "ssl"], 75))
        is held
    )


def test_what_refers_to_something_and_outlives_it_is_found() -> None:
    """When an object is deleted, OpenCTI deletes its relationships; others lose a reference."""
    every = OBJECTS.keys()
    assert CHUNK.referring(every, {ADDRESS}) == {TRAFFIC, SEEN}
    assert CHUNK.referring(every, {NAME}) == {SEEN, NOTE}
    assert CHUNK.referring(every, {SYSTEM}) == frozenset()
    assert CHUNK.referring({SEEN}, {ADDRESS, NAME}) == {SEEN}
    assert CHUNK.referring(every, set()) == frozenset()
