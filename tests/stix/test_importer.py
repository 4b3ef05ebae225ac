"""The objects imported by pycti's own importer, at a platform that answers as OpenCTI does."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from pycti import OpenCTIApiClient

from tests.platform.opencti import OpenCTI
from tests.stix.examples import EXAMPLES, as_json

pytestmark = pytest.mark.integration

# Its file is uploaded before, by another call.
SENT = {
    example["id"]: as_json(example)
    for name, example in reversed(EXAMPLES.items())
    if name != "artifact without payload"
}


@pytest.fixture
def platform() -> Iterator[OpenCTI]:
    """Return a platform that holds every example, sent in order of their references."""
    with OpenCTI() as stand_in:
        api = OpenCTIApiClient(
            stand_in.url, stand_in.token, log_level="error", perform_health_check=False
        )
        for sent in reversed(SENT.values()):
            api.stix2.import_item(copy.deepcopy(sent))
        yield stand_in


def test_every_object_arrives_under_its_own_id(platform: OpenCTI) -> None:
    """Nothing is refused, dropped or aliased, but for the ids of traffic and Notes."""
    kept = platform.store.snapshot()
    own = {i for i in SENT if not i.startswith(("network-traffic--", "note--"))}
    assert own <= kept.keys()
    assert [i for i in own if kept[i]["aliases"]] == []
    assert sum(i.startswith("network-traffic--") for i in kept) == 2
    assert platform.unknown == []
    oddities = platform.store.oddities
    assert (oddities.dropped, oddities.refused) == ([], [])
    assert oddities.rewritten == []


def test_importing_twice_changes_nothing(platform: OpenCTI) -> None:
    """Importing the objects again changes none."""
    before = platform.store.snapshot()
    api = OpenCTIApiClient(
        platform.url, platform.token, log_level="error", perform_health_check=False
    )
    for sent in reversed(SENT.values()):
        if sent["type"] != "network-traffic":  # never sent again: see OpenCTI's merge of it
            api.stix2.import_item(copy.deepcopy(sent))
    assert platform.store.snapshot() == before


def test_labels_score_and_author_are_read(platform: OpenCTI) -> None:
    """The platform reads labels, score and author from the constructors' fields."""
    address = platform.store.snapshot()[EXAMPLES["ipv4"]["id"]]
    assert address["labels"] == ["exposed"]
    assert address["attributes"]["x_opencti_score"] == 60
    assert address["created_by"] == EXAMPLES["author"]["id"]
    assert address["markings"] == [EXAMPLES["TLP:AMBER"]["id"]]
