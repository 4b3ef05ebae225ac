"""Exit with 1 if the status is not OK, or if OpenCTI does not hear from the connector.

For the image's health check. Its verdict is that of ``status``; a connector that has just started
may have no status yet. With ``--alive`` only the heartbeat counts. Use it where unhealthy
containers are restarted: a restart fixes neither a revoked key nor an OpenCTI that is down.
"""

import sys
from datetime import UTC, datetime

import httpx

from shadowserver_connector.errors import SettingsError, SinkUnavailableError
from shadowserver_connector.operations.reachability import query_opencti
from shadowserver_connector.operations.status import DEAD_AFTER, Status, health_line, problems
from shadowserver_connector.operations.status_file import read_status, status_path
from shadowserver_connector.settings import Settings, load_settings

QUERY = "query GetConnector($id: String!) { connector(id: $id) { active } }"


def state_of(settings: Settings) -> Status | None:
    """Return the status, if there is one."""
    try:
        return read_status(status_path(settings))
    except SinkUnavailableError:
        return None


def is_active(settings: Settings) -> bool | None:
    """Ask OpenCTI whether the connector pings it; `None` if there is no answer."""
    try:
        answer = query_opencti(settings, QUERY, {"id": settings.connector.id})
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


def main(*, only_alive: bool = False) -> int:
    """Print the state in one line and return the exit code for Docker."""
    try:
        settings = load_settings().settings
        active = is_active(settings)
    except SettingsError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    status, now = state_of(settings), datetime.now(UTC)
    if status is not None and now - status.alive > DEAD_AFTER:
        sys.stdout.write("the connector has had no heartbeat for five minutes\n")
        return 1
    if status is not None and not only_alive and problems(status, now):
        sys.stdout.write(f"{health_line(status, now)}\n")
        return 1
    if active is None:
        sys.stdout.write("OpenCTI does not answer; the connector is waiting for it\n")
    elif active:
        sys.stdout.write("OpenCTI hears from the connector\n")
    else:
        sys.stdout.write("OpenCTI has not heard from the connector for five minutes\n")
    return 1 if active is False else 0


if __name__ == "__main__":
    sys.exit(main(only_alive=sys.argv[1:] == ["--alive"]))
