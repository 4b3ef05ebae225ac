"""Findings larger than a chunk: pieces that are closed, within bounds, and well filled."""

from __future__ import annotations

import tracemalloc

import orjson
import pytest

from shadowserver_connector.bundle.finding_objects import (
    ChunkCapacity,
    FindingObjects,
    LabelSets,
    NoteDraft,
    ObservedDraft,
    SerialisedObject,
    SizeEstimator,
    serialise,
)
from shadowserver_connector.bundle.large_findings import split_finding

MUCH = 1 << 30


def host(number: int) -> SerialisedObject:
    """Return an address."""
    return serialise({"id": f"ipv4-addr--{number:036}", "type": "ipv4-addr", "value": "192.0.2.1"})


def link(number: int, source: SerialisedObject, target: SerialisedObject) -> SerialisedObject:
    """Return a relationship of two objects."""
    stix = {"id": f"relationship--{number:036}", "type": "relationship"}
    return serialise(
        {**stix, "source_ref": source.id, "target_ref": target.id, "name": "no reference"}
    )


def found(*objects: SerialisedObject, rows: int = 1) -> FindingObjects:
    """Return a finding of these objects."""
    return FindingObjects(objects={made.id: made for made in objects}, rows=rows)


def note(number: int, *about: SerialisedObject, rows: int = 1) -> NoteDraft:
    """Return a Note about some objects."""
    return NoteDraft(
        f"note--{number:036}", b'{"content":"x"', tuple(made.id for made in about), rows
    )


def observed(*hosts: SerialisedObject) -> ObservedDraft:
    """Return an Observed-Data of some objects."""
    return ObservedDraft(
        tuple(made.id for made in hosts), "2024-01-31T01", "2024-01-31T02", 7, ("iot",)
    )


def size_of(finding: FindingObjects) -> int:
    """Return the bytes of a finding in a chunk with none of its objects."""
    return SizeEstimator().of_finding(finding, list(finding.objects.values()))


def ids(pieces: list[FindingObjects]) -> list[list[str]]:
    """Return the objects' ids of each piece, shortened to their numbers."""
    return [[f"{each[:1]}{int(each[-36:])}" for each in piece.objects] for piece in pieces]


@pytest.mark.parametrize(("room", "expected"), [(7, [7]), (6, [6, 1]), (3, [3, 3, 1])])
def test_pieces_have_just_as_many_objects_as_a_chunk(room: int, expected: list[int]) -> None:
    """Each piece is filled before the next; the rows count with the last one."""
    whole = found(*map(host, range(7)), rows=5)
    pieces, left_out = split_finding(whole, SizeEstimator(), ChunkCapacity(room, MUCH))
    assert [len(piece.objects) for piece in pieces] == expected
    assert [piece.rows for piece in pieces] == [0] * (len(expected) - 1) + [5]
    assert left_out == 0
    assert {key: made for piece in pieces for key, made in piece.objects.items()} == whole.objects


@pytest.mark.parametrize(("less", "expected"), [(0, [3]), (1, [2, 1])])
def test_pieces_have_just_as_many_bytes_as_a_chunk(less: int, expected: list[int]) -> None:
    """Labels count for each object that has them, and once for each set."""
    whole = found(*map(host, range(3)))
    every = tuple(whole.objects)
    whole.labels = [(every, ("iot", "vpn")), (every[:2], ("ssl",))]
    pieces, left_out = split_finding(
        whole, SizeEstimator(), ChunkCapacity(100, size_of(whole) - less)
    )
    assert [len(piece.objects) for piece in pieces] == expected
    assert left_out == 0


def test_what_an_object_refers_to_is_in_its_piece() -> None:
    """An object's references, also indirect ones, are in every piece that has the object."""
    one, two, three = map(host, range(3))
    first, second = link(0, one, two), link(1, one, three)
    marked = serialise(
        {"id": f"url--{0:036}", "type": "url", "by_ref": first.id, "created_by_ref": "identity--x"}
    )
    pieces, left_out = split_finding(
        found(one, two, three, first, second, marked), SizeEstimator(), ChunkCapacity(4, MUCH)
    )
    assert ids(pieces) == [["i0", "i1", "i2", "r0"], ["i0", "i2", "r1"], ["i0", "i1", "r0", "u0"]]
    assert left_out == 0


def test_object_that_finds_no_room_with_what_it_refers_to_is_left_out() -> None:
    """An object too large together with its references is omitted alone."""
    hosts = [host(number) for number in range(4)]
    links = [link(number, hosts[number], hosts[number + 1]) for number in range(3)]
    pieces, left_out = split_finding(found(*hosts, *links), SizeEstimator(), ChunkCapacity(2, MUCH))
    assert ids(pieces) == [["i0", "i1"], ["i2", "i3"]]
    assert left_out == 3


def test_object_larger_than_a_chunk_is_left_out() -> None:
    """An object with more bytes than a chunk is omitted, and begins no piece."""
    large = serialise({"id": f"url--{0:036}", "type": "url", "value": "x" * 1_000})
    room = ChunkCapacity(100, size_of(found(host(0), host(1))))
    pieces, left_out = split_finding(found(host(0), large, host(1)), SizeEstimator(), room)
    assert (ids(pieces), left_out) == ([["i0", "i1"]], 1)
    assert split_finding(found(large), SizeEstimator(), room) == ([], 1)
    pieces, left_out = split_finding(
        found(large), SizeEstimator(), ChunkCapacity(1, size_of(found(large)))
    )
    assert (ids(pieces), left_out) == ([["u0"]], 0)


def test_labels_are_with_the_object_wherever_it_is() -> None:
    """Each piece has the labels of its own objects and Notes only."""
    one, two, three = map(host, range(3))
    whole = found(one, two, three, link(0, one, two), link(1, one, three))
    whole.notes = [note(0, two)]
    said = whole.notes[0].id
    whole.labels = [
        ((one.id, said), ("iot",)),
        ((three.id, two.id), ("vpn",)),
        ((three.id,), ("ssl",)),
    ]
    pieces, _ = split_finding(whole, SizeEstimator(), ChunkCapacity(4, MUCH))
    assert ids(pieces) == [["i1", "i0", "i2"], ["i0", "i1", "r0"], ["i0", "i2", "r1"]]
    assert [[(list(tagged), labels) for tagged, labels in piece.labels] for piece in pieces] == [
        [([one.id, said], ("iot",)), ([three.id, two.id], ("vpn",)), ([three.id], ("ssl",))],
        [([one.id], ("iot",)), ([two.id], ("vpn",))],
        [([one.id], ("iot",)), ([three.id], ("vpn",)), ([three.id], ("ssl",))],
    ]


def test_notes_and_observed_data_stand_with_what_they_are_about() -> None:
    """Notes and Observed-Data are whole in one piece if it has room."""
    one, two = host(0), host(1)
    whole = found(one, two)
    whole.notes, whole.observed = [note(0, one), note(1, two)], [observed(one), observed(one, two)]
    pieces, left_out = split_finding(whole, SizeEstimator(), ChunkCapacity(4, MUCH))
    assert ids(pieces) == [["i0", "i1"], ["i0", "i1"]]
    assert [[each.id for each in piece.notes] for piece in pieces] == [
        [each.id for each in whole.notes],
        [],
    ]
    assert [piece.observed for piece in pieces] == [[], whole.observed]
    assert [each is of for each, of in zip(pieces[0].notes, whole.notes, strict=True)] == [True] * 2
    assert left_out == 0


def test_pieces_know_what_was_sent_already() -> None:
    """What recurs, or is due, does so in its piece; a Note cut down keeps how it is shown."""
    hosts = [host(n) for n in range(6)]
    whole = found(*hosts)
    whole.already_sent = {hosts[0].id, hosts[5].id}
    whole.updates = {hosts[4].id, hosts[5].id}
    shown = note(0, *hosts)
    shown.already_sent, shown.attached, shown.contained = True, False, True
    whole.notes = [shown]
    seen = observed(*hosts)
    seen.already_sent = True
    whole.observed = [seen]
    pieces, _ = split_finding(whole, SizeEstimator(), ChunkCapacity(4, MUCH))
    for piece in pieces:
        assert piece.already_sent == whole.already_sent & piece.objects.keys()
        assert piece.updates == whole.updates & piece.objects.keys()
    ((cut,),) = [piece.notes for piece in pieces if piece.notes]
    assert cut is not shown
    assert (cut.already_sent, cut.attached, cut.contained) == (True, False, True)
    ((less,),) = [piece.observed for piece in pieces if piece.observed]
    assert less is not seen
    assert less.already_sent is True


@pytest.mark.parametrize("kind", ["notes", "observed"])
@pytest.mark.parametrize("bound", ["objects", "bytes"])
def test_references_that_are_too_many_for_a_chunk_are_left_out(kind: str, bound: str) -> None:
    """The last references are omitted and counted; their objects are still in the pieces."""
    hosts = [host(number) for number in range(9)]
    whole, enough = found(*hosts, rows=2), found(*hosts[:4])
    if kind == "notes":
        whole.notes, enough.notes = [note(3, *hosts, rows=2)], [note(3, *hosts, rows=2)]
    else:
        whole.observed, enough.observed = [observed(*hosts)], [observed(*hosts)]
    room = ChunkCapacity(5, MUCH) if bound == "objects" else ChunkCapacity(100, size_of(enough))
    pieces, left_out = split_finding(whole, SizeEstimator(), room)
    assert left_out == 5
    assert {each for piece in pieces for each in piece.objects} == set(whole.objects)
    refs = tuple(made.id for made in hosts[:4])
    said = [each for piece in pieces for each in piece.notes]
    seen = [each for piece in pieces for each in piece.observed]
    if kind == "notes":
        assert [(each.id, each.body, each.refs, each.rows) for each in said] == [
            (whole.notes[0].id, whole.notes[0].body, refs, 2)
        ]
    else:
        assert [(each.refs, each.first, each.last, each.times, each.labels) for each in seen] == [
            (refs, "2024-01-31T01", "2024-01-31T02", 7, ("iot",))
        ]


@pytest.mark.parametrize("bound", ["objects", "bytes"])
def test_what_has_no_room_beside_one_object_is_left_out(bound: str) -> None:
    """Without room beside an object, Observed-Data is omitted; a Note stays on the Report."""
    address = host(0)
    whole = found(address)
    whole.notes, whole.observed = [note(0, address)], [observed(address)]
    room = (
        ChunkCapacity(1, MUCH) if bound == "objects" else ChunkCapacity(9, size_of(found(address)))
    )
    pieces, left_out = split_finding(whole, SizeEstimator(), room)
    assert [len(piece.observed) for piece in pieces] == [0] * len(pieces)
    assert {each for piece in pieces for each in piece.objects} == {address.id}
    assert [each.refs for piece in pieces for each in piece.notes] == [()]
    assert left_out == 2


def test_note_larger_than_a_chunk_is_left_out() -> None:
    """A Note is omitted if it is larger than a chunk with its labels, by a byte."""
    alone = FindingObjects(notes=[note(0)])
    alone.labels = [((alone.notes[0].id,), ("iot", "vpn"))]
    pieces, left_out = split_finding(alone, SizeEstimator(), ChunkCapacity(1, size_of(alone)))
    assert [len(piece.notes) for piece in pieces] == [1]
    assert left_out == 0
    assert split_finding(alone, SizeEstimator(), ChunkCapacity(1, size_of(alone) - 1)) == ([], 1)


def test_labels_of_a_note_and_of_what_it_is_about_take_room() -> None:
    """A Note's labels count for the Note and for its object."""
    address = host(0)
    whole = found(address)
    whole.notes = [note(0, address)]
    whole.labels = [((address.id, whole.notes[0].id), ("iot", "vpn", "x" * 50))]
    pieces, left_out = split_finding(whole, SizeEstimator(), ChunkCapacity(2, size_of(whole)))
    assert [(len(p.objects), len(p.notes)) for p in pieces] == [(1, 1)]
    assert left_out == 0
    pieces, left_out = split_finding(whole, SizeEstimator(), ChunkCapacity(2, size_of(whole) - 1))
    assert [(len(p.objects), len(p.notes)) for p in pieces] == [(0, 1), (1, 0)]
    assert (pieces[0].notes[0].refs, left_out) == ((), 1)


def test_every_piece_is_no_larger_than_its_room() -> None:
    """Pieces of a finding with objects of all kinds keep any limit."""
    hosts = [host(number) for number in range(12)]
    links = [link(number, hosts[number], hosts[-1 - number]) for number in range(6)]
    whole = found(*hosts, *links)
    whole.labels = [
        ((each.id,), (f"label-{n}", "x" * n * 9)) for n, each in enumerate(hosts + links)
    ]
    whole.notes = [note(number, *hosts[number : number + 3]) for number in range(4)]
    whole.observed = [observed(*hosts[number : number + 2]) for number in range(4)]
    most = size_of(whole)
    for objects in (4, 5, 9, 26):
        for size in range(most // 6, most + 200, most // 40):
            pieces, left_out = split_finding(whole, SizeEstimator(), ChunkCapacity(objects, size))
            assert left_out == 0
            for piece in pieces:
                assert size_of(piece) <= size
                held = len(piece.objects) + len(piece.notes) + len(piece.observed)
                assert 0 < held <= objects
                for made in piece.objects.values():
                    stix = orjson.loads(made.body + b"}")
                    refs = {value for name, value in stix.items() if name.endswith("_ref")}
                    assert refs <= set(piece.objects)
                for each in [*piece.notes, *piece.observed]:
                    assert set(each.refs) <= set(piece.objects)
            assert len(pieces) >= -(-26 // objects)


def test_all_that_is_left_out_is_counted() -> None:
    """Omitted objects of each kind are counted."""
    hosts = [host(number) for number in range(5)]
    large = [
        serialise({"id": f"url--{n:036}", "type": "url", "value": "x" * 9_000}) for n in range(3)
    ]
    whole = found(*hosts, *large)
    said = b'{"content":"%s"' % (b"x" * 9_000)
    whole.notes = [NoteDraft(f"note--{n}", said, (), 1) for n in range(4)]
    whole.notes += [note(number, *hosts) for number in range(2)]
    whole.observed = [observed(each) for each in large]
    whole.observed += [observed(*hosts), observed(*hosts[1:])]
    _, left_out = split_finding(whole, SizeEstimator(), ChunkCapacity(3, 9_000))
    notes, objects, seen = 4 + 2 * 3, 3, 3 + 3 + 2
    assert left_out == notes + objects + seen


def test_labels_without_end_take_no_memory_without_end() -> None:
    """The memory for labels is bounded, even if every row has others."""
    sizes = SizeEstimator()
    tracemalloc.start()
    try:
        for number in range(20_000):
            assert sizes.of_labels((f"{number:0100}",)) == 104
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * 1024 * 1024


def test_room_for_nothing_holds_nothing() -> None:
    """Without any room everything is omitted, and counted once."""
    whole = found(host(0))
    whole.notes, whole.observed = [note(0)], [observed(host(0))]
    assert split_finding(whole, SizeEstimator(), ChunkCapacity(0, MUCH)) == ([], 3)
    assert split_finding(whole, SizeEstimator(), ChunkCapacity(9, 0)) == ([], 3)


@pytest.mark.parametrize(
    ("labels", "length"),
    [
        ((), 2),
        (("iot",), 7),
        (("x" * 996,), 1_000),
        (frozenset({("iot",), ("x" * 996,)}), 1_007),
    ],
)
def test_labels_of_observed_data_take_room(labels: LabelSets, length: int) -> None:
    """Its labels count, from one row or several, when first seen and later."""
    sizes = SizeEstimator()
    refs = (host(0).id, host(1).id)
    seen = ObservedDraft(refs, "2024-01-31T01", "2024-01-31T02", 1, labels)
    less = SizeEstimator().of_observed(ObservedDraft(refs, seen.first, seen.last, 1, ())) - 2
    assert [sizes.of_observed(seen) for _ in range(2)] == [less + length] * 2
