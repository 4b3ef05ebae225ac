"""The memory of what a work was sent, so that it is not sent again."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.bundle.chunk import ChunkObject
from shadowserver_connector.sink.delivered import SentObjects


def objects(first: int, last: int) -> list[ChunkObject]:
    """Return objects with these numbers."""
    return [ChunkObject(f"ipv4-addr--{n}", b"%d" % n) for n in range(first, last)]


def test_no_object_of_a_large_work_is_forgotten() -> None:
    """All objects of a large work are remembered; OpenCTI is asked of sent ones only, once each."""
    sent = SentObjects()
    asked: list[str] = []

    def existing_ids(ids: Sequence[str]) -> Sequence[str]:
        asked.extend(ids)
        return ids

    for start in range(0, 150_000, 1_000):
        sent.add(objects(start, start + 1_000))
    early = {each.id for each in objects(0, 1_000)}
    assert (
        sent.already_delivered([*objects(0, 1_000), *objects(150_000, 150_500)], existing_ids)
        == early
    )
    assert sorted(asked) == sorted(early)
    assert sent.already_delivered(objects(0, 1_000), existing_ids) == early
    assert len(asked) == 1_000
    sent.clear()
    assert sent.already_delivered(objects(0, 1_000), existing_ids) == frozenset()
    sent.add(objects(0, 1))
    assert sent.already_delivered(objects(0, 1), lambda ids: []) == frozenset()
    sent.clear()


def test_work_may_be_sent_by_one_thread_and_closed_by_another() -> None:
    """Several threads may use the memory in turn, one to send and another to close."""
    sent = SentObjects()
    sent.add(objects(0, 3))
    with ThreadPoolExecutor(1) as another:
        found = another.submit(
            sent.already_delivered, objects(0, 5), lambda ids: sorted(ids)[:2]
        ).result()
        another.submit(sent.clear).result()
    assert found == {each.id for each in objects(0, 2)}
    assert sent.already_delivered(objects(0, 3), lambda ids: ids) == frozenset()


@pytest.mark.integration
def test_memory_of_sent_objects_stays_where_it_is() -> None:
    """The objects that a large work sent are remembered on disk, not in memory."""
    few, many = (memory_of_sent(count) for count in (20_000, 400_000))
    assert many - few < 8 * 1024 * 1024


def memory_of_sent(count: int) -> int:
    """Return the peak memory, in bytes, of a process that sends this many objects."""
    script = f"""
import re
from pathlib import Path
from shadowserver_connector.bundle.chunk import ChunkObject
from shadowserver_connector.sink.delivered import SentObjects
sent = SentObjects()
for start in range(0, {count}, 1000):
    sent.add([ChunkObject(f"ipv4-addr--{{n}}", b"%d" % n) for n in range(start, start + 1000)])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, timeout=120
    )
    return int(done.stdout) * 1024


def test_what_is_sent_is_in_the_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is a file without a name in the temporary directory, gone when cleared."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    sent = SentObjects()
    sent.add(objects(0, 2))
    assert list(tmp_path.iterdir()) == []
    (file,) = open_files_in(tmp_path)
    # Whoever looks for what fills the disk finds whose it is.
    assert file.startswith(f"{tmp_path}/shadowserver-")
    sent.clear()
    assert open_files_in(tmp_path) == []


@pytest.mark.parametrize("room", [0, 20_000, 300_000])
def test_full_disk_is_given_back_and_objects_go_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """On a full disk objects are sent again; when there is room, the next work is remembered."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    sent = SentObjects()
    with no_file_above(room):
        for start in range(0, 40_000, 1_000):
            sent.add(objects(start, start + 1_000))
    assert open_files_in(tmp_path) == []
    assert sent.already_delivered(objects(0, 2), lambda ids: ids) == frozenset()
    sent.add(objects(0, 2))
    assert sent.already_delivered(objects(0, 2), lambda ids: ids) == frozenset()
    sent.clear()
    sent.add(objects(0, 2))
    assert len(sent.already_delivered(objects(0, 2), lambda ids: ids)) == 2
    sent.clear()


def open_files_in(folder: Path) -> list[str]:
    """Return the files in a folder that this process has open, including unnamed ones."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.startswith(f"{folder}/")]


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Limit the size of this process's files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_opencti_is_asked_only_where_something_is_not_known_yet() -> None:
    """OpenCTI is asked only of sent objects that it is not known to have."""
    calls: list[list[str]] = []

    def existing_ids(ids: Sequence[str]) -> Sequence[str]:
        calls.append(sorted(ids))
        return ids

    sent = SentObjects()
    assert sent.already_delivered(objects(0, 2), existing_ids) == frozenset()
    sent.add(objects(0, 2))
    assert sent.already_delivered(objects(5, 9), existing_ids) == frozenset()
    assert calls == []
    for _ in range(2):
        assert len(sent.already_delivered(objects(0, 9), existing_ids)) == 2
        assert calls == [["ipv4-addr--0", "ipv4-addr--1"]]
    sent.clear()


def test_chunk_of_any_number_of_objects_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk may have more objects than the 999 values of a statement in an old SQLite."""
    connect = sqlite3.connect

    def old(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        database = connect(*args, **kwargs)
        database.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        return database

    monkeypatch.setattr(sqlite3, "connect", old)
    many = objects(0, 4_321)
    sent = SentObjects()
    sent.add(many)
    assert len(sent.already_delivered(many, lambda ids: ids)) == 4_321
    sent.clear()
