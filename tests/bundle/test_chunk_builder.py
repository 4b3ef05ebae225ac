"""The chunk builder alone, with findings made for the tests."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.bundle.chunk_builder import (
    BUNDLE_OVERHEAD_BYTES,
    MAX_CHUNK_BYTES,
    MIN_CHUNK_BYTES,
    ChunkBuilder,
    ChunkLimits,
    ContainerWriter,
)
from shadowserver_connector.bundle.finding_objects import (
    LAYER_OF,
    FindingObjects,
    NoteDraft,
    ObservedDraft,
    SerialisedObject,
    SizeEstimator,
    serialise,
)
from shadowserver_connector.memory_limits import HELD_BACK_BYTES

ADDRESS = "ipv4-addr--00000000-0000-4000-8000-000000000001"


class Names:
    """Containers that hold only their references."""

    author = "identity--x"
    contains_already_sent = True
    preamble = (serialise({"id": author, "type": "identity"}),)

    def report(self, part: int, refs: Sequence[str]) -> ChunkObject:
        """Return the part's Report as a list of its references."""
        return ChunkObject(f"report--{part}", orjson.dumps({"object_refs": list(refs)}))

    def case(self, part: int, refs: Sequence[str]) -> ChunkObject | None:
        """Return the Case as a list of its references."""
        refs = [f"report--{part}", *refs]
        return ChunkObject("case-incident--x", orjson.dumps({"object_refs": refs}))

    def container_ids(self, part: int) -> tuple[str, ...]:
        """Return the id of the part's Report."""
        return (f"report--{part}",)

    def observed(self, seen: ObservedDraft) -> SerialisedObject:
        """Return an Observed-Data with its count."""
        return serialise(
            {
                "id": f"observed-data--{seen.refs[0]}",
                "type": "observed-data",
                "number": seen.times,
                "object_refs": seen.refs,
            }
        )


class LongTexts(Names):
    """Containers with long texts."""

    def report(self, part: int, refs: Sequence[str]) -> ChunkObject:
        """Return a Report with a long description."""
        stix = {"object_refs": list(refs), "description": "x" * 30_000}
        return ChunkObject(f"report--{part}", orjson.dumps(stix))

    def case(self, part: int, refs: Sequence[str]) -> ChunkObject | None:
        """Return a Case with a long description."""
        return ChunkObject("case-incident--x", orjson.dumps({"description": "x" * 30_000}))


class NoCase(Names):
    """Containers without a Case."""

    def case(self, part: int, refs: Sequence[str]) -> ChunkObject | None:
        """Return no Case."""
        return None


def builder(
    emitted: list[Chunk],
    *,
    containers: ContainerWriter | None = None,
    max_objects: int = 1_000,
    max_bytes: int = 4 * 1024 * 1024,
    max_refs: int = 5_000,
    first: SerialisedObject | None = None,
    sent_refs: Sequence[str] = (),
) -> ChunkBuilder:
    """Return a builder, by default with the default limits."""
    return ChunkBuilder(
        containers or Names(),
        emitted.append,
        ChunkLimits(max_objects, max_bytes, max_refs),
        first=first,
        sent_refs=sent_refs,
    )


def host(number: int) -> SerialisedObject:
    """Return the address of a number."""
    stix_id = f"ipv4-addr--00000000-0000-4000-8000-{number:012}"
    return serialise({"id": stix_id, "type": "ipv4-addr"})


def seen(number: int, refs: tuple[str, ...]) -> ObservedDraft:
    """Return an Observed-Data of one address."""
    return ObservedDraft(refs, "2024-01-31T01", "2024-01-31T01", number, ("iot",))


def chunks_of(findings: Sequence[FindingObjects], **limits: Any) -> list[Chunk]:
    """Return the chunks of some findings."""
    emitted: list[Chunk] = []
    build = builder(emitted, **limits)
    for each in findings:
        build.add(each)
    build.close()
    return emitted


def address(score: int | None = None) -> SerialisedObject:
    """Return an address with a score."""
    return serialise({"id": ADDRESS, "type": "ipv4-addr"}, score)


def finding(made: SerialisedObject, note: bytes = b"") -> FindingObjects:
    """Return a finding on one address."""
    notes = [NoteDraft(f"note--{len(note)}-{hash(note)}", note, (made.id,), 1)] if note else []
    return FindingObjects(objects={made.id: made}, notes=notes, rows=1)


def test_what_waits_for_the_end_of_the_first_part_is_bounded() -> None:
    """Many Notes on one host do not pile up in memory; the Case then refers to the Report."""
    emitted: list[Chunk] = []
    build = builder(emitted)
    size = 1024 * 1024
    for n in range(2 * HELD_BACK_BYTES // size):
        build.add(finding(address(), b'{"n":%d,"content":"%s"' % (n, b"x" * size)))
    waiting = 2 * HELD_BACK_BYTES // size - sum(chunk.rows for chunk in emitted)
    assert waiting * size <= HELD_BACK_BYTES + 8 * 1024 * 1024
    build.close()
    cases = [json_of(chunk, "case-incident--x") for chunk in emitted]
    assert {tuple(case["object_refs"]) for case in cases} == {("report--1",)}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((None, 0), 0), ((0, None), 0), ((10, 90, 50), 90), ((None, None), None), ((0, 5), 5)],
)
def test_score_is_the_highest_of_all_rows(scores: list[int | None], expected: int | None) -> None:
    """An object has the highest score of its rows, in any order; 0 is a score."""
    emitted: list[Chunk] = []
    build = builder(emitted)
    for score in scores:
        build.add(finding(address(score)))
    build.close()
    (chunk,) = emitted
    assert json_of(chunk, ADDRESS).get("x_opencti_score") == expected


def test_chunk_is_filled_up_to_its_number_of_objects() -> None:
    """Author, Report and Case count among a chunk's objects, and chunks are filled."""
    emitted = chunks_of([finding(host(n)) for n in range(20)], max_objects=10)
    assert [len(chunk.objects) for chunk in emitted] == [10, 10, 9]
    assert [chunk.rows for chunk in emitted] == [7, 7, 6]


def test_notes_and_observed_data_count_among_the_objects() -> None:
    """All new objects of a finding are counted before it is added to a chunk."""
    address = host(0)
    findings = [
        FindingObjects(
            objects={address.id: address},
            observed=[seen(1, (f"{address.id}{n}",))],
            notes=[NoteDraft(f"note--{n}", b'{"id":"n"', (address.id,), 1)],
            rows=1,
        )
        for n in range(6)
    ]
    emitted = chunks_of(findings, max_objects=8)
    assert [len(chunk.objects) for chunk in emitted] == [8, 8, 8]
    assert [chunk.rows for chunk in emitted] == [2, 2, 2]


@pytest.mark.parametrize("content", ["objects", "observed", "notes", "labels"])
def test_chunk_is_filled_well_and_never_beyond_its_bytes(content: str) -> None:
    """The estimated size is never too small, and only a little too large."""
    limit = 100_000
    emitted = chunks_of([_sized(content, n) for n in range(2_000)], max_bytes=limit)
    sizes = [len(chunk.bundle()) for chunk in emitted[:-1]]
    assert len(sizes) > 1
    assert max(sizes) <= limit
    assert min(sizes) > limit / 3


def test_texts_of_report_and_case_take_room_in_every_chunk() -> None:
    """Every chunk counts the bytes of the Report's and the Case's texts."""
    findings = [_sized("objects", number) for number in range(300)]
    emitted = chunks_of(findings, containers=LongTexts(), max_bytes=100_000)
    sizes = [len(chunk.bundle()) for chunk in emitted]
    assert max(sizes) <= 100_000
    assert min(sizes[:-1]) > 80_000


def _sized(content: str, number: int) -> FindingObjects:
    """Return a finding that consists mostly of one kind of object."""
    address = host(number)
    refs = tuple(host(number + n).id for n in range(20))
    found = FindingObjects(objects={address.id: address}, rows=1)
    if content == "objects":
        long = serialise({"id": f"url--{number}", "type": "url", "value": "x" * 800})
        found.objects[long.id] = long
    elif content == "observed":
        found.observed = [seen(1, refs)]
    elif content == "notes":
        found.notes = [NoteDraft(f"note--{number}", b'{"text":"%s"' % (b"x" * 800), refs, 1)]
    else:
        found.labels = [((address.id,), tuple(f"label-{number}-{n:02}" for n in range(60)))]
    return found


@pytest.mark.parametrize(("rows", "expected"), [(1, 3), (3, 9)])
def test_rows_whose_note_is_there_already_are_counted(rows: int, expected: int) -> None:
    """Rows with an equal Note, in one finding or several, count with the rows they represent."""
    first, again, other = (
        NoteDraft(f"note--{name}", b'{"id":"n"', (ADDRESS,), rows) for name in ("x", "x", "y")
    )
    build = builder([])
    build.add(
        FindingObjects(
            objects={ADDRESS: address()}, notes=[first, again, other, again], rows=4 * rows
        )
    )
    build.add(FindingObjects(objects={ADDRESS: address()}, notes=[first], rows=rows))
    assert build.repeated_rows == expected


def test_part_holds_as_many_references_as_it_may() -> None:
    """Author and marking are no references; chunks name their part's Report, the Case all."""
    emitted = chunks_of([finding(host(n)) for n in range(7)], max_refs=3)
    reports = [json_of(chunk, f"report--{n}") for n, chunk in enumerate(emitted, start=1)]
    assert [len(_refs(report)) for report in reports] == [3, 3, 1]
    assert [_refs(json_of(c, "case-incident--x")) for c in emitted] == [
        ["report--1"],
        ["report--2"],
        ["report--3"],
    ]


def test_object_of_the_part_costs_no_further_reference() -> None:
    """An object counts once per part, in however many chunks, including what was sent first."""
    hosts = [host(n) for n in range(3)]
    again = [finding(hosts[n % 3]) for n in range(9)]
    emitted = chunks_of(again, max_objects=5, max_refs=4, sent_refs=("artifact--x",))
    assert {len(_refs(json_of(chunk, "report--1"))) for chunk in emitted} <= {1, 2}
    full = chunks_of([finding(host(n)) for n in range(4)], max_refs=4, sent_refs=("artifact--x",))
    assert [chunk.rows for chunk in full] == [3, 1]
    assert [_refs(json_of(full[1], "report--2"))] == [[host(3).id]]


def test_observed_data_takes_no_reference_of_its_part() -> None:
    """A Report does not refer to Observed-Data, which would have arbitrary names there."""
    findings = [
        FindingObjects(objects={host(n).id: host(n)}, observed=[seen(1, (host(n).id,))], rows=1)
        for n in range(4)
    ]
    (chunk,) = chunks_of(findings, max_refs=4)
    assert _refs(json_of(chunk, "report--1")) == [host(n).id for n in range(4)]
    assert sum("observed-data" in each.id for each in chunk.objects) == 4


def test_reports_refer_to_what_was_found_and_not_to_where_or_by_whom() -> None:
    """A Report's references are addresses first, then other findings, without places."""
    left_out = [
        serialise({"id": f"{kind}--x", "type": kind})
        for kind in ("marking-definition", "location", "autonomous-system", "network-traffic")
    ]
    left_out.append(SerialisedObject("relationship--x", LAYER_OF["located-at"], b'{"id":"x"'))
    findings = []
    for number in range(2):
        found = serialise({"id": f"vulnerability--{number}", "type": "vulnerability"})
        other = host(number)
        affected = SerialisedObject(f"ipv6-addr--{number}", LAYER_OF["affected"], b'{"id":"y"')
        made = [*left_out, found, other, affected]
        findings.append(FindingObjects(objects={each.id: each for each in made}, rows=1))
    emitted = chunks_of(findings, max_refs=3)
    assert [_refs(json_of(emitted[n], f"report--{n + 1}")) for n in range(2)] == [
        [f"ipv6-addr--{n}", host(n).id, f"vulnerability--{n}"] for n in range(2)
    ]


def test_number_of_parts_is_known_while_they_are_made() -> None:
    """The builder gives the number of parts so far, for the texts of the last one."""
    build = builder([], max_refs=2)
    known = []
    for n in range(5):
        build.add(finding(host(n)))
        known.append(build.parts)
    assert known == [1, 1, 2, 2, 3]


def test_report_without_findings_is_sent_once() -> None:
    """A Report without findings is sent alone or with its file, or after the file's chunk."""
    types = [["report", "case-incident"], ["artifact", "report", "case-incident"]]
    file = serialise({"id": "artifact--00000000-0000-4000-8000-000000000001", "type": "artifact"})
    for first, expected in zip((None, file), types, strict=True):
        (chunk,) = chunks_of([], first=first)
        names = [each.id.split("--")[0] for each in chunk.objects]
        assert names[-len(expected) :] == expected
        assert len(names) == len(expected) + 1
        assert chunk.rows == 0
    assert chunks_of([], sent_refs=(file.id,)) == []


def test_report_without_a_case_has_none() -> None:
    """Without a Case, a chunk has none."""
    (chunk,) = chunks_of([finding(address(), b'{"id":"n"')], containers=NoCase())
    assert [each.id.split("--")[0] for each in chunk.objects] == [
        "identity",
        "ipv4-addr",
        "note",
        "report",
    ]


def test_a_note_is_on_the_report_or_in_it_or_neither() -> None:
    """A Note and the Report never refer to each other, as OpenCTI would lose a reference."""
    notes = [NoteDraft(f"note--{n}", b'{"id":"n"', (ADDRESS,), 1) for n in range(3)]
    notes[0].attached = True
    notes[1].contained = True
    notes.append(NoteDraft("note--3", b'{"id":"n"', (), 1))
    (chunk,) = chunks_of([FindingObjects(objects={ADDRESS: address()}, notes=notes, rows=4)])
    refs = {each.id: orjson.loads(each.json).get("object_refs", []) for each in chunk.objects}
    assert refs["note--0"] == ["report--1", ADDRESS]
    assert refs["note--1"] == [ADDRESS]
    assert refs["note--2"] == [ADDRESS]
    assert refs["note--3"] == ["report--1"]
    assert [ref for ref in refs["report--1"] if ref.startswith("note")] == ["note--1"]


def test_labels_stand_where_opencti_reads_them() -> None:
    """Merged labels are in OpenCTI's field on observables, in STIX's on Notes and Observed-Data."""
    one = FindingObjects(
        objects={ADDRESS: address()},
        labels=[((ADDRESS, "note--x"), ("iot",)), ((ADDRESS,), ("vpn",))],
        observed=[seen(2, (ADDRESS,))],
        notes=[NoteDraft("note--x", b'{"id":"note--x"', (ADDRESS,), 1)],
        rows=1,
    )
    (chunk,) = chunks_of([one, one])
    assert json_of(chunk, ADDRESS)["x_opencti_labels"] == ["iot", "vpn"]
    assert json_of(chunk, "note--x") == {
        "id": "note--x",
        "object_refs": [ADDRESS],
        "labels": ["iot"],
    }
    observed = json_of(chunk, f"observed-data--{ADDRESS}")
    assert (observed["number"], observed["labels"]) == (4, ["iot"])
    assert chunk.rows == 2


def _refs(stix: dict[str, object]) -> list[object]:
    refs = stix["object_refs"]
    assert isinstance(refs, list)
    return refs


def json_of(chunk: Chunk, stix_id: str) -> dict[str, object]:
    """Return an object of a chunk, decoded."""
    (found,) = (orjson.loads(one.json) for one in chunk.objects if one.id == stix_id)
    assert isinstance(found, dict)
    return found


def limited(emitted: list[Chunk], objects: int, size: int) -> ChunkBuilder:
    """Return a builder with these limits."""
    return ChunkBuilder(Names(), emitted.append, ChunkLimits(objects, size, 5_000))


def addresses(count: int, size: int = 0) -> list[FindingObjects]:
    """Return findings on one address each, with additional bytes of JSON."""
    return [
        finding(serialise({"id": f"ipv4-addr--{n:036}", "type": "ipv4-addr", "x": "x" * size}))
        for n in range(count)
    ]


@pytest.mark.parametrize(("limit", "chunks"), [(8, 1), (7, 2)])
def test_a_chunk_has_just_as_many_objects_as_it_may(limit: int, chunks: int) -> None:
    """With a limit of eight, a chunk has Author, Report, Case and five addresses."""
    emitted: list[Chunk] = []
    build = limited(emitted, limit, MAX_CHUNK_BYTES)
    for each in addresses(5):
        assert build.add(each) == 0
    build.close()
    assert [len(chunk.objects) for chunk in emitted] == ([8] if chunks == 1 else [7, 4])


def test_a_chunk_has_just_as_many_bytes_as_it_may() -> None:
    """With one byte less, the last finding goes into the next chunk."""

    def chunks(size: int) -> int:
        emitted: list[Chunk] = []
        build = limited(emitted, 1_000, size)
        for each in addresses(20, 2_000):
            assert build.add(each) == 0
        build.close()
        assert all(len(chunk.bundle()) <= size for chunk in emitted)
        return len(emitted)

    low, high = MIN_CHUNK_BYTES, MAX_CHUNK_BYTES
    assert (chunks(low), chunks(high)) == (3, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chunks(middle) == 1 else (middle, high)
    assert high == sizes_of(addresses(20, 2_000))


def sizes_of(findings: list[FindingObjects]) -> int:
    """Return the estimated bytes of these objects in a chunk with Author, Report and Case."""
    names = Names()
    texts = len(names.report(1, ()).json) + len(names.case(1, ()).json)  # type: ignore[union-attr]
    author = sum(len(made.body) for made in names.preamble)
    sizes = SizeEstimator()
    size = sum(sizes.of_finding(each, list(each.objects.values())) for each in findings)
    return texts + author + size + BUNDLE_OVERHEAD_BYTES


@pytest.mark.parametrize("asked", [MAX_CHUNK_BYTES * 2, 1 << 40])
def test_a_message_is_never_larger_than_rabbitmq_takes(asked: int) -> None:
    """A bundle in base64 stays below 16 MiB, whatever the setting."""
    emitted: list[Chunk] = []
    build = limited(emitted, 10_000, asked)
    for each in addresses(40, 1024 * 1024):
        assert build.add(each) == 0
    build.close()
    assert len(emitted) > 3
    for chunk in emitted:
        assert len(base64.b64encode(chunk.bundle())) < 16 * 1024 * 1024 - 4_096


def test_an_object_larger_than_a_message_is_left_out_and_counted() -> None:
    """An object that fits into no message is omitted and counted."""
    emitted: list[Chunk] = []
    build = limited(emitted, 100, MIN_CHUNK_BYTES)
    assert build.add(addresses(1, MIN_CHUNK_BYTES)[0]) == 1
    assert build.add(addresses(2)[1]) == 0
    build.close()
    assert [len(chunk.objects) for chunk in emitted] == [4]


def test_bundle_without_some_objects_is_another_one() -> None:
    """The id of a bundle is made of the objects that are in it."""
    (chunk,) = chunks_of([finding(host(1)), finding(host(2))])
    whole, less = (orjson.loads(chunk.bundle(ids)) for ids in ((), {host(1).id}))
    assert [each.id for each in chunk.objects] != [host(1).id]
    left = [stix["id"] for stix in less["objects"] if stix.get("type") == "ipv4-addr"]
    assert left == [host(2).id]
    assert len(less["objects"]) == len(whole["objects"]) - 1
    assert less["id"] != whole["id"]
    assert less["id"] == orjson.loads(chunk.bundle([host(1).id]))["id"]


def full(number: int) -> FindingObjects:
    """Return a finding of six objects, two of each type."""
    hosts = [host(number), host(number + 1)]
    found = FindingObjects(objects={made.id: made for made in hosts}, rows=1)
    found.observed = [seen(1, (made.id,)) for made in hosts]
    found.notes = [NoteDraft(f"note--{made.id}", b'{"id":"n"', (made.id,), 1) for made in hosts]
    return found


@pytest.mark.parametrize("max_refs", [4, 5_000])
@pytest.mark.parametrize(("limit", "sizes"), [(9, [4, 9, 9]), (8, [])])
def test_finding_that_fills_a_chunk_is_whole_in_it(
    max_refs: int, limit: int, sizes: list[int]
) -> None:
    """A finding of a chunk's size is not divided; one object more divides it."""
    emitted = chunks_of([finding(host(0)), full(1), full(3)], max_objects=limit, max_refs=max_refs)
    assert max(len(chunk.objects) for chunk in emitted) <= limit
    assert sum(chunk.rows for chunk in emitted) == 3
    kinds = [each.id.partition("--")[0] for chunk in emitted for each in chunk.objects]
    assert (kinds.count("note"), kinds.count("observed-data")) == (4, 4)
    if sizes:
        assert [len(chunk.objects) for chunk in emitted] == sizes


@pytest.mark.parametrize("max_refs", [1, 5_000])
@pytest.mark.parametrize("less", [0, 1])
def test_finding_of_just_the_bytes_of_a_chunk_is_in_one(max_refs: int, less: int) -> None:
    """A finding of exactly a chunk's bytes fits; if it is a byte larger, it is omitted."""
    (large,) = addresses(1, 2 * MIN_CHUNK_BYTES)
    emitted: list[Chunk] = []
    build = builder(emitted, max_bytes=sizes_of([large]) - less, max_refs=max_refs)
    assert build.add(finding(host(1))) == 0
    assert build.add(large) == less
    build.close()
    assert [chunk.rows for chunk in emitted] == ([1] if less else [1, 1])


def test_each_of_a_findings_observed_data_is_merged_wherever_the_others_are() -> None:
    """Each is merged, whether its earlier rows are in the open chunk or a waiting one."""

    def about(*hosts: SerialisedObject) -> FindingObjects:
        found = FindingObjects(objects={made.id: made for made in hosts}, rows=1)
        found.observed = [seen(1, (made.id,)) for made in hosts]
        return found

    first, second = host(1), host(2)
    plain = [finding(host(3)), finding(host(4))]
    findings = [about(first), *plain, about(second), about(second, first)]
    emitted = chunks_of(findings, max_objects=8)
    assert len(emitted) == 2
    observed = [
        [
            (each.id, orjson.loads(each.json)["number"])
            for each in chunk.objects
            if "observed" in each.id
        ]
        for chunk in emitted
    ]
    assert observed == [
        [],
        [(f"observed-data--{second.id}", 2), (f"observed-data--{first.id}", 2)],
    ]


def test_case_of_a_report_in_two_parts_holds_just_these() -> None:
    """With a second part the Case refers to the Reports only, as no chunk was sent before."""
    emitted = chunks_of([finding(host(n)) for n in range(5)], max_refs=3)
    assert [_refs(json_of(chunk, "case-incident--x")) for chunk in emitted] == [
        ["report--1"],
        ["report--2"],
    ]


def test_observed_data_of_two_chunks_is_merged_in_later_parts_too() -> None:
    """In later parts a chunk is kept until the next is full, so that both can merge."""
    again = FindingObjects(objects={host(8).id: host(8)}, observed=[seen(1, (host(8).id,))], rows=1)
    first = [finding(host(n)) for n in range(1, 8)]
    second = [again, finding(host(9)), finding(host(10)), again]
    emitted = chunks_of([*first, *second], max_objects=8, max_refs=6)
    numbers = [
        (chunk.objects[-3].id, orjson.loads(chunk.objects[-3].json)["number"])
        for chunk in emitted
        if "observed-data" in chunk.objects[-3].id
    ]
    assert numbers == [(f"observed-data--{host(8).id}", 2)]
    assert [each.id for each in emitted[-1].objects][-2] == "report--2"


def test_bundle_is_written_the_same_by_every_version() -> None:
    """A bundle's id is derived from the ids inside, in order, and never changes."""
    chunk = Chunk((ChunkObject("a--1", b'{"n":1}'), ChunkObject("b--2", b'{"n":2}')), 1)
    name = uuid.uuid5(uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7"), "a--1\nb--2")
    head = f'{{"type":"bundle","id":"bundle--{name}","objects":['
    assert chunk.bundle() == head.encode() + b'{"n":1},{"n":2}]}'


def test_merged_observed_data_takes_room_in_its_new_chunk() -> None:
    """An Observed-Data moved to another chunk counts there with its labels."""
    rows = []
    for number in [*range(60), *range(60)]:
        made = host(number)
        labels = (f"label-{number}", "x" * 2_000)
        moved = ObservedDraft((made.id,), "2024-01-31T01", "2024-01-31T01", 1, labels)
        rows.append(FindingObjects(objects={made.id: made}, observed=[moved], rows=1))
        rows[-1].labels = [((made.id,), (f"{len(rows)}", "y" * 500))]
    for chunk in chunks_of(rows, max_bytes=40_000):
        assert len(chunk.bundle()) <= 40_000


def recurring(*, objects: bool, note: bool, observed: bool) -> FindingObjects:
    """Return a finding about one host, of which some objects recur."""
    made = host(1)
    text = NoteDraft("note--1", b'{"id":"note--1"', (made.id,), 1)
    text.already_sent = note
    sighting = ObservedDraft((made.id,), "a", "b", 1, (), observed)
    return FindingObjects(
        {made.id: made}, observed=[sighting], notes=[text], rows=1,
        already_sent={made.id} if objects else set(),
    )  # fmt: skip


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("changed", ["", "objects", "note", "observed"])
def test_what_recurs_in_every_finding_recurs_in_the_chunk(changed: str, others: int) -> None:
    """An object recurs in a chunk only if it recurs in all findings that have it."""
    parts = ("objects", "note", "observed")
    same = [recurring(**dict.fromkeys(parts, True)) for _ in range(others)]
    other = recurring(**{part: part != changed for part in parts})
    ids = (host(1).id, "note--1", f"observed-data--{host(1).id}")
    expected = {each for part, each in zip(parts, ids, strict=True) if part != changed}
    for findings in ([*same, other], [other, *same]):
        (chunk,) = chunks_of(findings)
        assert chunk.already_sent == expected


class OnlyNew(Names):
    """Containers that name nothing of what an earlier import brought."""

    contains_already_sent = False


def on(*numbers: int, recurs: bool = False) -> FindingObjects:
    """Return a finding on some hosts."""
    objects = {host(number).id: host(number) for number in numbers}
    return FindingObjects(objects, rows=1, already_sent=set(objects) if recurs else set())


def test_what_recurs_can_be_left_out_of_the_containers() -> None:
    """Then Report and Case name just what new findings have, with those shared by both."""
    findings = [on(0, 1, recurs=True), on(1, 2), on(2, 3, recurs=True)]
    for order in (findings, findings[::-1]):
        (chunk,) = chunks_of(order, containers=OnlyNew())
        assert sorted(_refs(json_of(chunk, "report--1"))) == [host(1).id, host(2).id]
        assert {host(1).id, host(2).id} < set(_refs(json_of(chunk, "case-incident--x")))
        assert chunk.already_sent == {host(0).id, host(3).id}
        (whole,) = chunks_of(order)
        assert len(_refs(json_of(whole, "report--1"))) == 4


def test_only_what_a_part_refers_to_counts_among_its_references() -> None:
    """What recurs takes no reference, until a new finding in the same chunk has it, too."""
    recurring = [on(0, 1, 2, recurs=True), on(5, 6, recurs=True)]
    emitted = chunks_of([*recurring, on(0), on(1), on(2)], containers=OnlyNew(), max_refs=2)
    reports = [json_of(chunk, f"report--{n}") for n, chunk in enumerate(emitted, start=1)]
    assert [_refs(report) for report in reports] == [[host(0).id, host(1).id], [host(2).id]]


def test_note_that_recurs_takes_a_reference_of_its_part() -> None:
    """The Report refers to it, once in each part."""
    text = NoteDraft("note--1", b'{"id":"note--1"', (host(0).id,), 1)
    text.already_sent, text.attached, text.contained = True, False, True
    first = on(0)
    first.notes = [text]
    emitted = chunks_of([first, on(1)], max_refs=2)
    assert [chunk.rows for chunk in emitted] == [1, 1]
    assert _refs(json_of(emitted[0], "report--1")) == [host(0).id, "note--1"]


def test_what_is_due_is_sent_though_it_recurs() -> None:
    """An object to be sent in any case is not marked as sent; a Report that skips lacks it."""
    finding = on(0, 1, recurs=True)
    finding.updates = {host(1).id}
    (chunk,) = chunks_of([finding], containers=OnlyNew())
    assert chunk.already_sent == {host(0).id}
    assert _refs(json_of(chunk, "report--1")) == []


class MarkedFirst(Names):
    """Containers whose author comes after a marking, as it refers to it."""

    preamble = (
        serialise({"id": "marking-definition--x", "type": "marking-definition"}),
        *Names.preamble,
    )


def test_note_about_no_object_refers_to_the_author() -> None:
    """A Note must refer to something: one that is not attached to the Report, to its author."""
    emitted: list[Chunk] = []
    made = builder(emitted, containers=MarkedFirst())
    text = NoteDraft("note--1", b'{"id":"note--1"', (), 1)
    text.attached, text.contained = False, True
    made.add(FindingObjects({}, notes=[text], rows=1))
    made.close()
    (note,) = [orjson.loads(each.json) for each in emitted[0].objects if each.id == "note--1"]
    assert note["object_refs"] == ["identity--x"]


def test_what_goes_first_takes_its_room() -> None:
    """A small file is in the first chunk, beside as many findings as fit."""
    emitted: list[Chunk] = []
    file = SerialisedObject("artifact--1", LAYER_OF["artifact"], b'{"x":"' + b"y" * 9_000 + b'"')
    made = builder(emitted, max_bytes=MIN_CHUNK_BYTES, first=file)
    for each in addresses(8, 1_000):
        made.add(each)
    made.close()
    assert [chunk.artifact() is not None for chunk in emitted] == [True, False]
    assert all(len(chunk.bundle()) <= MIN_CHUNK_BYTES for chunk in emitted)
    assert len(emitted[0].bundle()) > 9_000 + 3 * 1_000
