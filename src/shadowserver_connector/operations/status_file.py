"""The status file: where it is, kept up to date, written whole, read back."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from shadowserver_connector.connector.day_import import utc_now
from shadowserver_connector.connector.events import Event, Observe, RunEnded, RunStarted
from shadowserver_connector.errors import (
    SHADOWSERVER_AWAY,
    SinkUnavailableError,
    cause_of,
    describe,
)
from shadowserver_connector.logger import Logger
from shadowserver_connector.operations.status import (
    Status,
    as_json,
    from_json,
    initial_status,
    status_after,
)
from shadowserver_connector.report.info import safe_name
from shadowserver_connector.report.wording import shown_path
from shadowserver_connector.settings.load import Settings
from shadowserver_connector.temporary import temporary_directory

# Others may write to that directory: a link there is not followed, and a pipe is not waited for.
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_LARGEST: Final = 1 << 20


def status_path(settings: Settings) -> Path:
    """Return where the status file is: as configured, otherwise in the temporary directory."""
    configured = settings.shadowserver.status_file
    name = f"shadowserver-{safe_name(settings.connector.id)}.status.json"
    return configured or temporary_directory() / name


def write_status(path: Path, status: Status) -> None:
    """Replace the whole file: no reader sees half of one. Raises ``OSError``.

    A link is replaced, not followed; a device, a pipe or a folder in its place is left alone.
    """
    content = orjson.dumps(as_json(status), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_what_is_no_file(path)
    # In the same directory: only there a rename replaces the file at once.
    handle, name = tempfile.mkstemp(prefix=".status-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # For a health check or a person under another user; the file contains no secret.
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_status(path: Path) -> Status:
    """Read the file. Raises SinkUnavailableError if there is none, or if it is not a status."""
    try:
        return from_json(_content(path))
    except OSError as error:
        raise SinkUnavailableError(
            f"{shown_path(path)}: no status: {error.strerror}; has the connector run here? "
            "SHADOWSERVER_STATUS_FILE or TMPDIR must be the connector's"
        ) from None
    except ValueError:
        raise SinkUnavailableError(
            f"{shown_path(path)}: not written by this version of the connector; start it again"
        ) from None


def _refuse_what_is_no_file(path: Path) -> None:
    with suppress(FileNotFoundError):
        kind = path.lstat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
            raise _no_file(path)


def _content(path: Path) -> bytes:
    """Read a regular file, and nothing that only looks like one: a pipe would block forever."""
    try:
        handle = os.open(path, _READ)
    except OSError as error:
        # For a link and for a socket.
        raise (_no_file(path) if error.errno in (errno.ELOOP, errno.ENXIO) else error) from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _no_file(path)
        # Ours has a few kilobytes: of anything larger, no more is read.
        return os.read(handle, _LARGEST)
    finally:
        os.close(handle)


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is not a regular file", str(path))


BEAT: Final = timedelta(seconds=30)
"""Time between two heartbeats while nothing happens."""


class StatusWriter:
    """An observer that writes the status file at each event, and at a `beat` when it is due.

    Safe to use from several threads. A file that cannot be written is logged once and stops
    nothing.
    """

    def __init__(self, path: Path, log: Logger, now: Callable[[], datetime] = utc_now) -> None:
        self._path = path
        self._log = log
        self._now = now
        self._lock = threading.Lock()
        self._writable = True
        self._status = initial_status(_earlier(path), now())
        self._due = now()
        self._info: Any = None

    @property
    def status(self) -> Status:
        return self._status

    def attach_helper(self, helper: Any) -> None:
        """Take the size of the queue and the time of the next run from pycti's helper."""
        self._info = helper.connector_info

    def observe(self, event: Event) -> None:
        with self._lock:
            self._status = status_after(self._status, event)
            self._write()

    @property
    def any_import_failed(self) -> bool:
        """Whether a report of the last run, or a file of the drop folder, could not be imported."""
        status = self._status
        own = status.last is not None and status.last.started >= status.started
        return bool((own and status.last and status.last.failed) or status.drop_folder.failed)

    def beat(self) -> None:
        """Write a heartbeat if the last one was a while ago; cheap otherwise."""
        with self._lock:
            if self._now() >= self._due:
                self._write()

    def _write(self) -> None:
        self._due = self._now() + BEAT
        info = self._info
        next_run = None if info is None else _moment(info.next_run_datetime)
        self._status = replace(
            self._status,
            alive=self._now(),
            queue_megabytes=None if info is None else info.queue_messages_size,
            next_run=next_run if self._is_ahead(next_run) else None,
        )
        try:
            write_status(self._path, self._status)
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else describe(error)
        else:
            reason = ""
        if reason and self._writable:
            details = {"file": shown_path(self._path), "reason": reason}
            self._log.warning("The status file cannot be written", details)
        self._writable = not reason

    def _is_ahead(self, next_run: datetime | None) -> bool:
        """Tell whether this run is still to come, and not in progress or over."""
        current, last = self._status.current, self._status.last
        if next_run is None or current is not None:
            return False
        return last is None or last.ended is None or next_run > last.ended


def observe_run(run: Callable[[], bool], observe: Observe) -> Callable[[], bool]:
    """Return a run whose start and end are observed."""

    def observed_run() -> bool:
        observe(RunStarted(utc_now()))
        # What remains if Stopping is raised, which is no Exception.
        complete, reason, cause = False, "interrupted by a shutdown", ""
        try:
            complete, reason = run(), ""
            cause = "" if complete else SHADOWSERVER_AWAY
        except Exception as error:
            reason, cause = describe(error), cause_of(error)
            raise
        finally:
            observe(RunEnded(utc_now(), complete, reason, cause))
        return complete

    return observed_run


def _earlier(path: Path) -> Status | None:
    """Return what the file of an earlier process says, if there is one."""
    try:
        return read_status(path)
    except SinkUnavailableError:
        return None


def _moment(text: object) -> datetime | None:
    """Read a time as pycti writes it."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
