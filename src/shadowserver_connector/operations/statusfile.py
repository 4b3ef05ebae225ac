"""The status file: where it is, written whole, read back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import orjson

from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.operations.status import Status, as_json, from_json
from shadowserver_connector.report.filename import safe_name
from shadowserver_connector.report.source import shown_path
from shadowserver_connector.settings.model import Settings
from shadowserver_connector.temporary import temporary_directory


def status_path(settings: Settings) -> Path:
    """Return where the status file is: as configured, else in the temporary directory."""
    configured = settings.shadowserver.status_file
    name = f"shadowserver-{safe_name(settings.connector.id or '')}.status.json"
    return configured or temporary_directory() / name


def write_status(path: Path, status: Status) -> None:
    """Replace the file as a whole: no reader sees half of one. Raises ``OSError``."""
    content = orjson.dumps(as_json(status), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    path.parent.mkdir(parents=True, exist_ok=True)
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
        return from_json(orjson.loads(path.read_bytes()))
    except OSError as error:
        raise SinkUnavailableError(
            f"{shown_path(path)}: no status: {error.strerror}; has the connector run here? "
            "SHADOWSERVER_STATUS_FILE or TMPDIR must be the connector's"
        ) from None
    except (LookupError, TypeError, ValueError, AttributeError):
        raise SinkUnavailableError(
            f"{shown_path(path)}: not written by this version of the connector; start it again"
        ) from None
