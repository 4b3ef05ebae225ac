"""Exit with 1 where OpenCTI is reachable and has not heard from this connector for five minutes.

For the image's health check. An OpenCTI that does not answer says nothing about the connector,
which waits for it, so that counts as healthy.
"""

import sys

import httpx

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings import Settings, load_settings

QUERY = "query GetConnector($id: String!) { connector(id: $id) { active } }"
TIMEOUT_SECONDS = 10.0


def is_active(settings: Settings) -> bool | None:
    """Ask OpenCTI whether the connector pings it; `None` if there is no answer to that."""
    settings.require_opencti()
    opencti = settings.opencti
    token = opencti.token.get_secret_value() if opencti.token else ""
    try:
        answer = httpx.post(
            f"{opencti.url}/graphql",
            json={"query": QUERY, "variables": {"id": settings.connector.id}},
            headers={**_custom_headers(settings), "Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            verify=opencti.ssl_verify,
        )
        answer.raise_for_status()
        body = answer.json()
        # OpenCTI answers null for a connector that is not registered.
        return None if body.get("errors") else bool((body["data"]["connector"] or {}).get("active"))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError):
        return None


def _custom_headers(settings: Settings) -> dict[str, str]:
    secret = settings.opencti.custom_headers
    pairs = secret.get_secret_value().split(";") if secret else []
    named = (pair.split(":", 1) for pair in pairs if ":" in pair)
    return {name.strip(): value.strip() for name, value in named}


def main() -> int:
    """Print the state in one line and return the exit code that Docker wants."""
    try:
        active = is_active(load_settings().settings)
    except SettingsError as error:
        sys.stdout.write(f"{error}\n")
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
