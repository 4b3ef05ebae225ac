"""Exit with 1 where the connector gives no sign of life, or OpenCTI does not hear from it.

For the image's health check. Its signs of life are in the status file; a connector that has just
started may have none yet. An OpenCTI that does not answer says nothing about the connector, which
waits for it, so that counts as healthy.
"""

import sys
from datetime import UTC, datetime

import httpx

from shadowserver_connector.errors import SettingsError, SinkUnavailableError
from shadowserver_connector.operations.reachability import ask
from shadowserver_connector.operations.status import SILENCE
from shadowserver_connector.operations.status_file import read_status, status_path
from shadowserver_connector.settings import Settings, load_settings

QUERY = "query GetConnector($id: String!) { connector(id: $id) { active } }"


def is_silent(settings: Settings) -> bool:
    """Tell whether the status file has been left alone for five minutes."""
    try:
        status = read_status(status_path(settings))
    except SinkUnavailableError:
        return False
    return datetime.now(UTC) - status.alive > SILENCE


def is_active(settings: Settings) -> bool | None:
    """Ask OpenCTI whether the connector pings it; `None` if there is no answer to that."""
    try:
        answer = ask(settings, QUERY, {"id": settings.connector.id})
        answer.raise_for_status()
        body = answer.json()
        # OpenCTI answers null for a connector that is not registered.
        return None if body.get("errors") else bool((body["data"]["connector"] or {}).get("active"))
    except (
        SinkUnavailableError,
        httpx.HTTPError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ):
        return None


def main() -> int:
    """Print the state in one line and return the exit code that Docker wants."""
    try:
        settings = load_settings().settings
        active = is_active(settings)
    except SettingsError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    if is_silent(settings):
        sys.stdout.write("the connector has given no sign of life for five minutes\n")
        return 1
    if active is None:
        sys.stdout.write("OpenCTI does not answer; the connector waits for it\n")
    elif active:
        sys.stdout.write("OpenCTI hears from the connector\n")
    else:
        sys.stdout.write("OpenCTI has not heard from the connector for five minutes\n")
    return 1 if active is False else 0


if __name__ == "__main__":
    sys.exit(main())
