"""Work that is started before its turn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from shadowserver_connector.pipeline.bounds import folder_bytes, in_order


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_is_taken_ahead_than_asked_for(ahead: int) -> None:
    """The number of items started ahead is bounded, so that files do not pile up."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 10:
            taken += 1
            yield taken

    with ThreadPoolExecutor(1) as pool:
        yielded = 0
        for item, future in in_order(partial(pool.submit, str), items(), ahead=ahead):
            yielded += 1
            assert (item, future.result()) == (yielded, str(yielded))
            assert taken - yielded <= ahead
    assert yielded == 10


def test_errors_of_work_stay_with_their_item() -> None:
    """An item's future has its error, and the next items go on."""

    def work(item: int) -> float:
        return 1 / item

    with ThreadPoolExecutor(2) as pool:
        futures = in_order(partial(pool.submit, work), [1, 0, 2], ahead=2)
        found = [(item, type(future.exception())) for item, future in futures]
    assert found == [(1, type(None)), (0, ZeroDivisionError), (2, type(None))]


def test_work_goes_on_while_the_first_is_slow() -> None:
    """The second item finishes while the first still runs."""
    second = Event()

    def work(item: int) -> bool:
        if item == 1:
            return second.wait(30)
        second.set()
        return True

    with ThreadPoolExecutor(2) as pool:
        start = partial(pool.submit, work)
        assert all(future.result() for _, future in in_order(start, [1, 2], ahead=2))


def test_nothing_is_begun_ahead_without_room() -> None:
    """Without room items start one at a time; with room, as many as allowed."""
    begun: list[int] = []
    room = [False, False, True, True, False]
    upcoming = in_order(begun.append, range(6), ahead=3, has_room=lambda: room.pop(0))
    taken = []
    for item, _ in upcoming:
        taken.append((item, len(begun)))
        if item == 2:
            room[:] = [True] * 9
    assert taken == [(0, 1), (1, 2), (2, 5), (3, 6), (4, 6), (5, 6)]


def test_room_is_awaited_only_by_the_one_whose_turn_it_is() -> None:
    """Room is awaited only if no item started earlier is left to be taken."""
    begun: list[int] = []
    awaited: list[int] = []
    upcoming = in_order(
        begun.append,
        range(4),
        ahead=2,
        has_room=lambda: len(begun) != 2,
        await_room=lambda: awaited.append(len(begun)),
    )
    assert [item for item, _ in upcoming] == [0, 1, 2, 3]
    assert awaited == [0, 2]


def test_what_is_wrong_ahead_is_raised_in_its_turn() -> None:
    """An error of the iterator or of a start is raised after the items before it."""

    def items() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("full")

    upcoming = in_order(str, items(), ahead=5)
    assert [next(upcoming), next(upcoming)] == [(1, "1"), (2, "2")]
    with pytest.raises(OSError, match="full"):
        next(upcoming)
    divided = in_order(lambda item: 1 / item, [1, 0, 2], ahead=5)
    assert next(divided) == (1, 1.0)
    with pytest.raises(ZeroDivisionError):
        next(divided)
    assert list(divided) == []


def test_bytes_of_all_files_count(tmp_path: Path) -> None:
    """All files in a folder and its subfolders count; a missing folder has no bytes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.csv").write_bytes(b"12345")
    (tmp_path / "y.chunks").write_bytes(b"678")
    assert folder_bytes(tmp_path) == 8
    assert folder_bytes(tmp_path, but={str(tmp_path / "a")}) == 3
    assert folder_bytes(tmp_path / "none") == 0
