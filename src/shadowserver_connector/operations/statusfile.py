"""The status file: where it is, written whole, read back."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.operations.status import Status, as_json, from_json
from shadowserver_connector.report.filename import safe_name
from shadowserver_connector.report.source import shown_path
from shadowserver_connector.settings.model import Settings
from shadowserver_connector.temporary import temporary_directory

_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_LARGEST: Final = 1 << 20


def status_path(settings: Settings) -> Path:
    """Return where the status file is: as configured, else in the temporary directory."""
    configured = settings.shadowserver.status_file
    name = f"shadowserver-{safe_name(settings.connector.id or '')}.status.json"
    return configured or temporary_directory() / name


def write_status(path: Path, status: Status) -> None:
    """Replace the file as a whole: no reader sees half of one. Raises ``OSError``.

    A link is replaced, not followed; a device, a pipe or a folder in its place is left alone.
    """
    content = orjson.dumps(as_json(status), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_what_is_no_file(path)
    handle, name = tempfile.mkstemp(prefix=".status-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # For a health check or a person that is another user; it holds no secret.
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_status(path: Path) -> Status:
    """Read the file. Raises SinkUnavailableError where there is none, or it is no status."""
    try:
        return from_json(orjson.loads(_content(path)))
    except OSError as error:
        raise SinkUnavailableError(
            f"{shown_path(path)}: no status: {error.strerror}; has the connector run here? "
            "SHADOWSERVER_STATUS_FILE or TMPDIR must be the connector's"
        ) from None
    except (LookupError, TypeError, ValueError, AttributeError):
        raise SinkUnavailableError(
            f"{shown_path(path)}: not written by this version of the connector; start it again"
        ) from None


def _refuse_what_is_no_file(path: Path) -> None:
    with suppress(FileNotFoundError):
        kind = path.lstat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
            raise _no_file(path)


def _content(path: Path) -> bytes:
    """Read a file, and nothing that only looks like one: a pipe would be waited for, for ever."""
    try:
        handle = os.open(path, _READ)
    except OSError as error:
        raise (_no_file(path) if error.errno in (errno.ELOOP, errno.ENXIO) else error) from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _no_file(path)
        return os.read(handle, _LARGEST)
    finally:
        os.close(handle)


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is no regular file", str(path))
