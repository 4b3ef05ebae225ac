"""Marks that tell the works of a living process from those that a killed process left."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shadowserver_connector import temporary
from shadowserver_connector.sink import works
from shadowserver_connector.sink.works import (
    Owner,
    claim_work,
    close_orphans,
    owner_of,
    release_work,
)
from tests.sink.test_delivered import open_files_in

CONNECTOR = "connector-id"
NAME = "Shadowserver reports of 2024-01-31"


def folder() -> Path:
    """Return the folder of this connector's marks."""
    return works.temporary_directory() / f"shadowserver-{CONNECTOR}.works"


@contextmanager
def held_by_another(work_id: str) -> Iterator[Path]:
    """Hold a mark as another process does."""
    folder().mkdir(mode=0o700, exist_ok=True)
    path = folder() / work_id
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(handle)


def open_files() -> int:
    """Return how many marks this process has open."""
    return len(open_files_in(works.temporary_directory()))


def test_work_of_this_process_is_known_as_its_own_until_it_is_given_up() -> None:
    """Once given up, a work is nobody's, and its mark is deleted and closed."""
    before = open_files()
    assert owner_of(CONNECTOR, "work-1") is Owner.UNKNOWN
    claim_work(CONNECTOR, "work-1")
    assert owner_of(CONNECTOR, "work-1") is Owner.ITSELF
    assert owner_of(CONNECTOR, "work-2") is owner_of("other", "work-1") is Owner.UNKNOWN
    release_work(CONNECTOR, "work-1")
    assert owner_of(CONNECTOR, "work-1") is Owner.UNKNOWN
    assert list(folder().iterdir()) == []
    assert open_files() == before


def test_marks_are_for_their_user_alone() -> None:
    """Marks have mode 0600, so no other user can hold or read one."""
    before = os.umask(0)
    try:
        claim_work(CONNECTOR, "work-1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder().stat().st_mode) == 0o700
    assert stat.S_IMODE((folder() / "work-1").stat().st_mode) == 0o600
    claim_work(CONNECTOR, "work-2")
    assert owner_of(CONNECTOR, "work-2") is Owner.ITSELF
    release_work(CONNECTOR, "work-1")
    release_work(CONNECTOR, "work-2")


def test_owner_lives_as_long_as_it_holds_its_mark() -> None:
    """A process counts as alive while it holds its mark; checking leaves no file open."""
    with held_by_another("work-1") as path:
        before = open_files()
        assert [owner_of(CONNECTOR, "work-1") for _ in range(2)] == [Owner.ALIVE] * 2
        assert open_files() == before
    assert owner_of(CONNECTOR, "work-1") is Owner.DEAD
    assert path.exists()
    release_work(CONNECTOR, "work-1")
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o722])
def test_folder_that_others_write_to_holds_no_marks(mode: int) -> None:
    """A folder that others may write to is not used: they could forge or remove marks."""
    folder().mkdir()
    folder().chmod(mode)
    claim_work(CONNECTOR, "work-1")
    assert list(folder().iterdir()) == []
    folder().chmod(0o755)
    claim_work(CONNECTOR, "work-1")
    assert owner_of(CONNECTOR, "work-1") is Owner.ITSELF
    release_work(CONNECTOR, "work-1")


def test_folder_of_another_user_holds_no_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another user, who may have taken the name, is not used."""
    folder().mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: folder().stat().st_uid + 1)
    claim_work(CONNECTOR, "work-1")
    assert list(folder().iterdir()) == []


def test_file_in_the_place_of_the_folder_is_left_alone() -> None:
    """A file in the folder's place is no error; the owners of works are then unknown."""
    folder().write_text("")
    claim_work(CONNECTOR, "work-1")
    assert owner_of(CONNECTOR, "work-1") is Owner.UNKNOWN
    assert folder().read_text() == ""


def test_without_locks_there_are_no_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be locked no mark is made, as its owner would seem dead."""
    monkeypatch.setattr(temporary, "fcntl", None)
    claim_work(CONNECTOR, "work-1")
    assert owner_of(CONNECTOR, "work-1") is Owner.UNKNOWN
    assert list(folder().iterdir()) == []


def test_no_id_leads_out_of_the_temporary_directory() -> None:
    """Work ids, which come from OpenCTI, cannot lead out of the temporary directory."""
    for connector, work in (("../../x", "work-1"), (CONNECTOR, "../../work-1"), (CONNECTOR, "..")):
        claim_work(connector, work)
        assert owner_of(connector, work) is Owner.ITSELF
        inside = [path for path in works.temporary_directory().rglob("*") if path.is_file()]
        assert len(inside) == 1
        release_work(connector, work)


def test_works_are_closed_whose_owner_is_gone() -> None:
    """Works of dead processes are closed; the others stay, in any order of the list."""
    processed: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    listed = [
        {"id": "done", "name": NAME, "status": "complete", "processed_time": None},
        {"id": "waits", "name": NAME, "status": "wait", "processed_time": "now"},
        {"id": "foreign", "name": "run", "status": "wait", "processed_time": None},
        {"id": "alive", "name": NAME, "status": "wait", "processed_time": None},
        {"id": "nobody", "name": f"{NAME} (backfill)", "status": "wait", "processed_time": None},
        {"id": "dead", "name": f"{NAME} (backfill)", "status": "wait", "processed_time": None},
        {"id": "gone", "name": NAME, "status": "wait", "processed_time": None},
    ]
    asked: list[str] = []

    def get_connector_works(connector_id: str) -> list[dict[str, Any]]:
        asked.append(connector_id)
        return listed

    def to_processed(*args: Any, **kwargs: Any) -> None:
        processed.append((args, kwargs))

    work = SimpleNamespace(get_connector_works=get_connector_works, to_processed=to_processed)
    helper = SimpleNamespace(connect_id=CONNECTOR, api=SimpleNamespace(work=work))
    with held_by_another("dead"):
        pass
    with held_by_another("alive"):
        assert close_orphans(helper) == [f"{NAME} (backfill)", NAME]
    assert asked == [CONNECTOR]
    command = "Interrupted: the command has not sent everything. Run it again to send the rest."
    run = "Interrupted: not everything was sent. The next run sends what is missing."
    assert processed == [
        (("dead", command), {"in_error": False}),
        (("gone", run), {"in_error": False}),
    ]
    assert [path.name for path in folder().iterdir()] == ["alive"]
