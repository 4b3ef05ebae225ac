"""The builder by itself, with findings made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from shadowserver_connector.bundle.builder import HELD_BYTES, ChunkBuilder
from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.bundle.finding import Finding, NoteDraft, Observed
from shadowserver_connector.bundle.made import Made, make

ADDRESS = "ipv4-addr--00000000-0000-4000-8000-000000000001"


class Names:
    """Containers that hold nothing but their references."""

    preamble = (make({"id": "identity--x", "type": "identity"}),)

    def report(self, part: int, refs: Sequence[str]) -> Encoded:
        """Return the part as a list of its references."""
        return Encoded(f"report--{part}", orjson.dumps({"object_refs": list(refs)}))

    def case(self, part: int, refs: Sequence[str], *, only_part: bool) -> Encoded | None:
        """Return the Case as a list of its references."""
        refs = [f"report--{part}", *(refs if only_part else ())]
        return Encoded("case-incident--x", orjson.dumps({"object_refs": refs}))

    def note_refs(self, part: int) -> tuple[str, ...]:
        """Return the part."""
        return (f"report--{part}",)

    def observed(self, seen: Observed) -> Made:
        """Return how often something was seen."""
        return make({"id": "observed-data--x", "type": "observed-data", "number": seen.number})


def builder(emitted: list[Chunk]) -> ChunkBuilder:
    """Return a builder with the default limits."""
    return ChunkBuilder(
        Names(), emitted.append, max_objects=1_000, max_bytes=4 * 1024 * 1024, max_refs=5_000
    )


def address(score: int | None = None) -> Made:
    """Return an address with this score."""
    return make({"id": ADDRESS, "type": "ipv4-addr"}, score)


def finding(made: Made, note: bytes = b"") -> Finding:
    """Return a finding on one address."""
    notes = [NoteDraft(f"note--{len(note)}-{hash(note)}", note, (made.id,), 1)] if note else []
    return Finding(objects={made.id: made}, notes=notes, rows=1)


def test_what_waits_for_the_end_of_the_first_part_is_bounded() -> None:
    """Countless Notes on one host do not pile up in memory; the Case then holds the Report."""
    emitted: list[Chunk] = []
    build = builder(emitted)
    size = 1024 * 1024
    for n in range(2 * HELD_BYTES // size):
        build.add(finding(address(), b'{"n":%d,"content":"%s"' % (n, b"x" * size)))
    waiting = 2 * HELD_BYTES // size - sum(chunk.findings for chunk in emitted)
    assert waiting * size <= HELD_BYTES + 8 * 1024 * 1024
    build.close()
    cases = [json_of(chunk, "case-incident--x") for chunk in emitted]
    assert {tuple(case["object_refs"]) for case in cases} == {("report--1",)}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((None, 0), 0), ((0, None), 0), ((10, 90, 50), 90), ((None, None), None), ((0, 5), 5)],
)
def test_score_is_the_highest_of_all_rows(scores: list[int | None], expected: int | None) -> None:
    """Whatever the order of the rows, an object has the highest of its scores; 0 is one."""
    emitted: list[Chunk] = []
    build = builder(emitted)
    for score in scores:
        build.add(finding(address(score)))
    build.close()
    (chunk,) = emitted
    assert json_of(chunk, ADDRESS).get("x_opencti_score") == expected


def json_of(chunk: Chunk, stix_id: str) -> dict[str, object]:
    """Return an object of a chunk."""
    (found,) = (orjson.loads(one.json) for one in chunk.objects if one.id == stix_id)
    assert isinstance(found, dict)
    return found
