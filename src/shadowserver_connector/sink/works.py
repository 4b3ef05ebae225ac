"""OpenCTI's works: what a run shows in the platform's list of imports, and whose they are."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from shadowserver_connector.errors import SkippableError
from shadowserver_connector.report.info import safe_name
from shadowserver_connector.sink.platform import Abilities, call_platform, error_name, to_sink_error
from shadowserver_connector.temporary import is_own, lock, temporary_directory

# Others may write to the temporary directory: a link there is not followed, and a pipe cannot make
# the connector wait.
_OPEN: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

_claims_held: dict[Path, int] = {}
"""Marks of this process, with the file that is locked."""


class Owner(Enum):
    """What is known of the process that opened a work."""

    ALIVE = auto()
    DEAD = auto()
    ITSELF = auto()
    """It is the process that asks."""
    UNKNOWN = auto()
    """It ran on another machine, with another temporary directory, or where nothing can be locked.
    """


def claim_work(connector_id: str, work_id: str) -> None:
    """Mark a work as this process's own, where files can be locked."""
    path = _path(connector_id, work_id)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_own_folder(path.parent):
            return
        handle = os.open(path, _OPEN | os.O_CREAT, 0o600)
    except OSError:
        return
    _claims_held[path] = handle
    # A mark that is not locked would say that the owner is dead.
    if not lock(handle):
        release_work(connector_id, work_id)


def owner_of(connector_id: str, work_id: str) -> Owner:
    """Tell whether the process that opened a work is alive and still sends."""
    path = _path(connector_id, work_id)
    if path in _claims_held:
        return Owner.ITSELF
    try:
        handle = os.open(path, _OPEN)
    except OSError:
        return Owner.UNKNOWN
    try:
        # The lock disappears with its process, even if that was killed.
        return Owner.DEAD if lock(handle) else Owner.ALIVE
    finally:
        os.close(handle)


def release_work(connector_id: str, work_id: str) -> None:
    """Remove the mark of a work: this process's own, or one that a dead process left."""
    path = _path(connector_id, work_id)
    with suppress(OSError):
        path.unlink()
    handle = _claims_held.pop(path, None)
    if handle is not None:
        os.close(handle)


def _path(connector_id: str, work_id: str) -> Path:
    folder = safe_name(f"shadowserver-{connector_id}.works")
    return temporary_directory() / folder / safe_name(work_id)


def _is_own_folder(folder: Path) -> bool:
    """Tell whether a folder is one, is no link, and is of this process's user alone."""
    found = folder.lstat()
    # Others who may write there could claim a work, or make it look abandoned.
    return is_own(found) and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022


# pycti has a call for this as well, but it hides failures.
_ADD_EXPECTATIONS = """
mutation addExpectations($id: ID!, $expectations: Int) {
  workEdit(id: $id) { addExpectations(expectations: $expectations) }
}
"""
_NAME: Final = re.compile(r"Shadowserver reports of \d{4}-\d\d-\d\d(?: \((?P<command>.+)\))?")
_DELETED = "its work was deleted in OpenCTI; it is sent again in another one"


class WorkDeletedError(SkippableError):
    """A person deleted the work in OpenCTI, which makes it ignore the work's messages."""


def work_name(day: date, command: str = "") -> str:
    """Return what the work of a report day is called; ``command`` is what sends it by hand."""
    return f"Shadowserver reports of {day}" + (f" ({command})" if command else "")


def open_work(helper: Any, abilities: Abilities, name: str) -> str | None:
    """Open a work, claim it, and return its id; ``None`` where pycti sends nothing to the queue.

    Raises SinkUnavailableError, VersionError.
    """
    # Otherwise OpenCTI calls the work complete between two chunks.
    kwargs = {"is_multipart": True} if abilities.multipart_works else {}
    work_id = call_platform(
        lambda: helper.api.work.initiate_work(helper.connect_id, name, **kwargs)
    )
    if work_id is None:
        return None
    # Before anything is sent: another process of this connector closes works that nobody holds.
    claim_work(helper.connect_id, str(work_id))
    return str(work_id)


def close_work(helper: Any, work_id: str, message: str, *, in_error: bool) -> None:
    """Close a work with a message, and release it.

    Raises SinkUnavailableError, VersionError.
    """
    call_platform(lambda: helper.api.work.to_processed(work_id, message, in_error=in_error))
    release_work(helper.connect_id, work_id)


def add_expected(helper: Any, work_id: str, count: int) -> None:
    """Add to the number of objects that OpenCTI expects of a work; a negative count takes back.

    Raises SinkUnavailableError, VersionError, and WorkDeletedError where the platform tells.
    """
    variables = {"id": work_id, "expectations": count}
    try:
        helper.api.query(_ADD_EXPECTATIONS, variables)
    except Exception as error:
        if error_name(error) == "WORK_NOT_ALIVE":
            raise WorkDeletedError(_DELETED) from None
        raise to_sink_error(error) from None


def patch_announcing(helper: Any) -> None:
    """Make pycti announce its bundles by `add_expected`, which raises errors.

    By default pycti only logs that it could not announce a bundle, and sends it nevertheless. The
    work would then have imported more objects than it expects.
    """

    def add_expectations(work_id: str, expectations: int) -> bool:
        add_expected(helper, work_id, expectations)
        return True

    helper.api.work.add_expectations = add_expectations


def expected_objects(helper: Any, work_id: str) -> int:
    """Return how many objects OpenCTI expects of a work.

    Raises SinkUnavailableError, VersionError, WorkDeletedError.
    """
    work = call_platform(lambda: helper.api.work.get_work(work_id))
    if work is None:
        raise WorkDeletedError(_DELETED)
    return int((work.get("tracking") or {}).get("import_expected_number") or 0)


def close_orphans(helper: Any) -> list[str]:
    """Close the works that a killed process left open; return their names.

    Works of living processes and of others are left alone. Works are never deleted: OpenCTI would
    ignore their messages that are still in the queue. Raises SinkUnavailableError, VersionError.
    """
    works = call_platform(lambda: helper.api.work.get_connector_works(helper.connect_id))
    closed = []
    for work in works:
        if work["status"] == "complete" or work["processed_time"]:
            continue
        message = _closing_message(helper.connect_id, work)
        if message is not None:
            close_work(helper, work["id"], message, in_error=False)
            closed.append(str(work["name"]))
    return closed


def _closing_message(connector_id: str, work: Mapping[str, Any]) -> str | None:
    """Return the message to close a work with, or ``None`` if it is not ours to close.

    Only one connector runs under an id. So a work of it that no process holds was left by its
    predecessor. One that this process holds was given up, because this is called between two days.
    A command may run on any machine, and only that machine can tell whether it still runs.
    """
    named = _NAME.fullmatch(str(work["name"]))
    if named is None:
        return None
    owner = owner_of(connector_id, work["id"])
    if owner is Owner.ALIVE or (named["command"] and owner is Owner.UNKNOWN):
        return None
    if named["command"]:
        return "Interrupted: the command has not sent everything. Run it again to send the rest."
    return "Interrupted: not everything was sent. The next run sends what is missing."
