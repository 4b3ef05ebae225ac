"""Properties that every chunk must have, whatever the report."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from pycti import OpenCTIStix2Splitter

from shadowserver_connector.bundle.chunk import Chunk
from tests.mapping.conversion import Stix, references


def assert_closed_and_ordered(objects: Iterable[Stix]) -> None:
    """Check that each reference is to an earlier object of the chunk, and no id is repeated."""
    seen: set[str] = set()
    for stix in objects:
        missing = [ref for ref in references(stix) if ref not in seen]
        assert not missing, f"{stix['id']} refers to {missing}, which does not stand before it"
        assert stix["id"] not in seen, f"{stix['id']} stands twice in its chunk"
        seen.add(stix["id"])


def assert_splitter_keeps_references(chunk: Chunk, objects: Iterable[Stix]) -> None:
    """Check that pycti's splitter drops no object and no reference of a chunk."""
    _, dropped, bundles = OpenCTIStix2Splitter().split_bundle_with_expectations(
        chunk.bundle(), use_json=True
    )
    split = (stix for bundle in bundles for stix in orjson.loads(bundle)["objects"])
    assert _references(split) == _references(objects)
    assert not dropped


def _references(objects: Iterable[Stix]) -> dict[str, list[str]]:
    return {stix["id"]: sorted(references(stix)) for stix in objects}
