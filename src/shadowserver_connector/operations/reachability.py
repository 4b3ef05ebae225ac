"""Whether both sides answer, take the credentials, and agree with this machine's clock."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from shadowserver_connector.api.client import open_api
from shadowserver_connector.api.connection import (
    Deadline,
    TooLateError,
    describe_failure,
    enforcing,
    open_client,
    read_bounded,
    tls_context,
)
from shadowserver_connector.connector.helper import (
    pycti_advice,
    pycti_version,
    refusal_of_registration,
    register,
    version_error,
)
from shadowserver_connector.errors import (
    CredentialsError,
    ShadowserverConnectorError,
    SinkUnavailableError,
)
from shadowserver_connector.logger import Logger
from shadowserver_connector.report.wording import counted
from shadowserver_connector.settings.load import LoadedSettings, Settings
from shadowserver_connector.sink.platform import refusals
from shadowserver_connector.waiting import RetryLaterError, Waiter

TOLERATED_SKEW: Final = 60.0
"""Seconds of difference that nobody needs to know of."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return a server's time, UTC, to the second; ``None`` where it does not say."""
    try:
        moment = parsedate_to_datetime(headers["Date"])
        # The zone "-0000" gives a time without a zone.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        # OverflowError is for a time at the end of the calendar, in another zone.
        return None


def describe_clock_skew(server: str, theirs: datetime, ours: datetime) -> str | None:
    """Return a sentence about a clock that is wrong, or ``None`` where both agree well enough."""
    seconds = round((ours - theirs).total_seconds())
    if abs(seconds) <= TOLERATED_SKEW:
        return None
    direction = "ahead of" if seconds > 0 else "behind"
    return (
        f"this machine's clock is {abs(seconds):,} seconds {direction} {server}'s; "
        "let it follow a time server (NTP)"
    )


_BUNDLE: Final = "OPENCTI_CA_BUNDLE"
_TIMEOUT: Final = 10.0
_MAX_BYTES: Final = 1024**2
_VERSION: Final = "query About { about { version } }"


@dataclass(frozen=True, slots=True)
class OpenctiAnswer:
    """An OpenCTI that answers and takes the token."""

    version: str
    time: datetime | None
    """The platform's time at its answer, UTC, to the second."""


def reach_opencti(settings: Settings) -> OpenctiAnswer:
    """Ask OpenCTI for its version.

    Raises SettingsError where it is not configured, CredentialsError where it refuses the token,
    SinkUnavailableError where it gives no usable answer within ten seconds.
    """
    answer = query_opencti(settings, _VERSION, {})
    try:
        body = answer.json()
        if any(refused.is_of_token for refused in refusals(body)):
            raise CredentialsError("OpenCTI refuses OPENCTI_TOKEN; check it and its user's rights")
        version = str(body["data"]["about"]["version"])
    except (ValueError, LookupError, TypeError):
        raise SinkUnavailableError(
            f"OpenCTI gave no valid answer (status {answer.status_code}); check OPENCTI_URL"
        ) from None
    return OpenctiAnswer(version, server_time(answer.headers))


def query_opencti(settings: Settings, query: str, variables: Mapping[str, Any]) -> httpx.Response:
    """Send a GraphQL query as the connector's user and return the answer, whatever it says.

    Raises SettingsError where OpenCTI is not configured, and SinkUnavailableError.
    """
    settings.require_opencti()
    opencti = settings.opencti
    token = opencti.token.get_secret_value() if opencti.token else ""
    deadline = Deadline(_TIMEOUT)
    try:
        with (
            enforcing(deadline),
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
        why = str(error) if isinstance(error, RetryLaterError) else describe_failure(error, _BUNDLE)
    except ValueError:
        # The text of the library's error may quote headers, and so the token.
        why = "a header that cannot be sent; check OPENCTI_TOKEN and OPENCTI_CUSTOM_HEADERS"
    else:
        # The streamed one is closed, and has no content to decode.
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=body, request=answer.request
        )
    raise SinkUnavailableError(f"OpenCTI does not answer ({why}); check OPENCTI_URL")


def _client(settings: Settings) -> httpx.Client:
    opencti, network = settings.opencti, settings.network
    context = tls_context(opencti.ca_bundle, network, _BUNDLE)
    if not opencti.ssl_verify:
        # In this order: ssl refuses the other.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return open_client(
        (str(opencti.url),), network=network, context=context, connections=1, timeout=_TIMEOUT
    )


def _custom_headers(settings: Settings) -> dict[str, str]:
    secret = settings.opencti.custom_headers
    # As pycti reads this setting: `name:value;name:value`.
    pairs = secret.get_secret_value().split(";") if secret else []
    named = (pair.split(":", 1) for pair in pairs if ":" in pair)
    return {name.strip(): value.strip() for name, value in named}


def register_silently(loaded: LoadedSettings, log: Logger) -> tuple[Any, Waiter]:
    """Return pycti's helper, registered under the connector's id, and how to wait.

    The helper never pings: a ping carries the state, and a connector that runs under the same id
    must stay the only one to write it. Raises SettingsError, CredentialsError, and
    SinkUnavailableError where OpenCTI does not answer now.
    """
    reach_opencti(loaded.settings)
    waiter = Waiter(threading.Event(), log)
    return register(_silent(loaded), waiter), waiter


def _silent(loaded: LoadedSettings) -> LoadedSettings:
    """Return settings by which pycti pings not, listens on no port, and logs errors only."""
    # For `run_and_terminate` pycti starts no thread that pings.
    changes = {"run_and_terminate": True, "expose_metrics": False, "log_level": "error"}
    connector = loaded.settings.connector.model_copy(update=changes)
    return replace(loaded, settings=loaded.settings.model_copy(update={"connector": connector}))


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one side said."""

    text: str
    """One line: what it has, or what is wrong."""
    error: ShadowserverConnectorError | None = None
    clock_warning: str | None = None
    """What is wrong with this machine's clock, in its eyes."""
    pycti_warning: str | None = None
    """What is wrong with the version of pycti."""


def try_shadowserver(settings: Settings) -> CheckResult:
    """Ask the Reports API what is subscribed."""
    try:
        with open_api(settings) as api:
            api.ping()
            lists, types = api.subscriptions(), api.available_types()
        clock = _clock("Shadowserver", _shadowserver_time(settings))
    except ShadowserverConnectorError as error:
        return CheckResult(str(error), error)
    if not (lists or types):
        return CheckResult("ok, but the key has nothing subscribed", clock_warning=clock)
    text = f"ok, {counted(len(lists), 'list')} with {counted(len(types), 'report type')}"
    return CheckResult(text, clock_warning=clock)


def try_opencti(settings: Settings) -> CheckResult:
    """Ask OpenCTI for its version, and whether the connector could register with it."""
    try:
        platform = reach_opencti(settings)
        # An answer that is no JSON says nothing about the registration.
        with suppress(ValueError):
            refused = refusal_of_registration(lambda *query: query_opencti(settings, *query).json())
            if refused is not None:
                raise version_error(platform.version, refused)
    except ShadowserverConnectorError as error:
        return CheckResult(str(error), error)
    text = f"ok, version {platform.version}, with pycti {pycti_version()}"
    clock = _clock("OpenCTI", platform.time)
    return CheckResult(
        text, clock_warning=clock, pycti_warning=pycti_advice(platform.version) or None
    )


def _clock(server: str, theirs: datetime | None) -> str | None:
    return None if theirs is None else describe_clock_skew(server, theirs, datetime.now(UTC))


def _shadowserver_time(settings: Settings) -> datetime | None:
    """Return the time of the API's host, from an answer whose content does not matter."""
    shadowserver, network = settings.shadowserver, settings.network
    try:
        with (
            enforcing(Deadline(_TIMEOUT)),
            open_client(
                (shadowserver.api_url,),
                network=network,
                context=tls_context(shadowserver.ca_bundle, network),
                connections=1,
                timeout=_TIMEOUT,
            ) as client,
        ):
            return server_time(client.head(shadowserver.api_url).headers)
    except httpx.HTTPError:
        return None
