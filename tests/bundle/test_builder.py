"""The builder by itself, with findings made by hand."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson
import pytest

from shadowserver_connector.bundle.builder import (
    BUNDLE_SIZE,
    HELD_BYTES,
    LEAST_BYTES,
    MOST_BYTES,
    ChunkBuilder,
)
from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.bundle.division import Sizes
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


def limited(emitted: list[Chunk], objects: int, size: int) -> ChunkBuilder:
    """Return a builder with these limits."""
    return ChunkBuilder(
        Names(), emitted.append, max_objects=objects, max_bytes=size, max_refs=5_000
    )


def addresses(count: int, size: int = 0) -> list[Finding]:
    """Return findings on an address each, whose JSON has some more bytes."""
    return [
        finding(make({"id": f"ipv4-addr--{n:036}", "type": "ipv4-addr", "x": "x" * size}))
        for n in range(count)
    ]


@pytest.mark.parametrize(("limit", "chunks"), [(8, 1), (7, 2)])
def test_a_chunk_has_just_as_many_objects_as_it_may(limit: int, chunks: int) -> None:
    """Author, Report, Case and five addresses are eight."""
    emitted: list[Chunk] = []
    build = limited(emitted, limit, MOST_BYTES)
    for each in addresses(5):
        assert build.add(each) == 0
    build.close()
    assert [len(chunk.objects) for chunk in emitted] == ([8] if chunks == 1 else [7, 4])


def test_a_chunk_has_just_as_many_bytes_as_it_may() -> None:
    """By the size as it is estimated: a byte less, and the last finding is in the next chunk."""

    def chunks(size: int) -> int:
        emitted: list[Chunk] = []
        build = limited(emitted, 1_000, size)
        for each in addresses(20, 2_000):
            assert build.add(each) == 0
        build.close()
        assert all(len(chunk.bundle()) <= size for chunk in emitted)
        return len(emitted)

    low, high = LEAST_BYTES, MOST_BYTES
    assert (chunks(low), chunks(high)) == (3, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chunks(middle) == 1 else (middle, high)
    assert high == sizes_of(addresses(20, 2_000))


def sizes_of(findings: list[Finding]) -> int:
    """Return the bytes that these take in a chunk with author, Report and Case."""
    names = Names()
    texts = len(names.report(1, ()).json) + len(names.case(1, (), only_part=True).json)  # type: ignore[union-attr]
    author = sum(len(made.body) for made in names.preamble)
    sizes = Sizes()
    size = sum(sizes.of(each, list(each.objects.values())) for each in findings)
    return texts + author + size + BUNDLE_SIZE


@pytest.mark.parametrize("asked", [MOST_BYTES * 2, 1 << 40])
def test_a_message_is_never_larger_than_rabbitmq_takes(asked: int) -> None:
    """Whatever the setting says: a bundle in base64 stays below 16 MiB."""
    emitted: list[Chunk] = []
    build = limited(emitted, 10_000, asked)
    for each in addresses(40, 1024 * 1024):
        assert build.add(each) == 0
    build.close()
    assert len(emitted) > 3
    for chunk in emitted:
        assert len(base64.b64encode(chunk.bundle())) < 16 * 1024 * 1024 - 4_096


def test_an_object_larger_than_a_message_is_left_out_and_counted() -> None:
    """Nothing else can be done with it."""
    emitted: list[Chunk] = []
    build = limited(emitted, 100, LEAST_BYTES)
    assert build.add(addresses(1, LEAST_BYTES)[0]) == 1
    assert build.add(addresses(2)[1]) == 0
    build.close()
    assert [len(chunk.objects) for chunk in emitted] == [4]
