"""OpenCTI asked directly, without pycti, which would register: for checks and before commands."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from shadowserver_connector.api.connection import open_client, read_bounded, reason, tls_context
from shadowserver_connector.api.deadline import Deadline, TooLateError, ending
from shadowserver_connector.api.retry import RetryLaterError
from shadowserver_connector.errors import CredentialsError, SinkUnavailableError
from shadowserver_connector.operations.clock import time_of
from shadowserver_connector.settings.model import Settings

_BUNDLE: Final = "OPENCTI_CA_BUNDLE"
_TIMEOUT: Final = 10.0
_MAX_BYTES: Final = 1024**2
_VERSION: Final = "query About { about { version } }"
_REFUSED: Final = frozenset({"AUTH_REQUIRED", "FORBIDDEN_ACCESS"})


@dataclass(frozen=True, slots=True)
class Platform:
    """An OpenCTI that answers and takes the token."""

    version: str
    time: datetime | None
    """The platform's time at its answer, UTC, to the second."""


def reach(settings: Settings) -> Platform:
    """Ask OpenCTI for its version.

    Raises SettingsError where it is not configured, CredentialsError where it refuses the token,
    SinkUnavailableError where it gives no usable answer within ten seconds.
    """
    answer = ask(settings, _VERSION, {})
    try:
        body = answer.json()
        if _REFUSED & _error_names(body):
            raise CredentialsError("OpenCTI refuses OPENCTI_TOKEN; check it and its user's rights")
        version = str(body["data"]["about"]["version"])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise SinkUnavailableError(
            f"OpenCTI's answer is none (status {answer.status_code}); check OPENCTI_URL"
        ) from None
    return Platform(version, time_of(answer.headers))


def ask(settings: Settings, query: str, variables: Mapping[str, Any]) -> httpx.Response:
    """Send a GraphQL query as the connector's user and return the answer, whatever it says.

    Raises SettingsError where OpenCTI is not configured, and SinkUnavailableError.
    """
    settings.require_opencti()
    opencti = settings.opencti
    token = opencti.token.get_secret_value() if opencti.token else ""
    deadline = Deadline(_TIMEOUT)
    try:
        with (
            ending(deadline),
            _client(settings) as client,
            client.stream(
                "POST",
                f"{opencti.url}/graphql",
                json={"query": query, "variables": dict(variables)},
                headers={**_custom_headers(settings), "Authorization": f"Bearer {token}"},
            ) as answer,
        ):
            body = read_bounded(answer, _MAX_BYTES, deadline)
    except (httpx.HTTPError, httpx.InvalidURL, TooLateError, RetryLaterError) as error:
        why = str(error) if isinstance(error, RetryLaterError) else reason(error, _BUNDLE)
    except ValueError:
        # The text of the library's error may quote headers, and so the token.
        why = "a header that cannot be sent; check OPENCTI_CUSTOM_HEADERS"
    else:
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=body, request=answer.request
        )
    raise SinkUnavailableError(f"OpenCTI does not answer ({why}); check OPENCTI_URL")


def _client(settings: Settings) -> httpx.Client:
    opencti, network = settings.opencti, settings.network
    context = tls_context(opencti.ca_bundle, network, _BUNDLE)
    if not opencti.ssl_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return open_client(
        (str(opencti.url),), network=network, context=context, connections=1, timeout=_TIMEOUT
    )


def _error_names(body: Any) -> set[str]:
    errors = body.get("errors") or ()
    return {str(name) for each in errors for name in (each.get("name"), _code(each)) if name}


def _code(error: Mapping[str, Any]) -> object:
    return (error.get("extensions") or {}).get("code")


def _custom_headers(settings: Settings) -> dict[str, str]:
    secret = settings.opencti.custom_headers
    pairs = secret.get_secret_value().split(";") if secret else []
    named = (pair.split(":", 1) for pair in pairs if ":" in pair)
    return {name.strip(): value.strip() for name, value in named}
