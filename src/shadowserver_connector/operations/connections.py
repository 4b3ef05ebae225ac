"""Whether both sides answer, take the credentials, and agree with this machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from shadowserver_connector.api.connect import connect
from shadowserver_connector.api.connection import open_client, tls_context
from shadowserver_connector.api.deadline import Deadline, ending
from shadowserver_connector.connector.registration import advice, installed, misfit, trial
from shadowserver_connector.errors import ShadowserverConnectorError
from shadowserver_connector.operations.clock import skew, time_of
from shadowserver_connector.operations.platform import ask, reach
from shadowserver_connector.plural import counted
from shadowserver_connector.settings.model import Settings
from shadowserver_connector.sink.platform import first_refusal

_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Side:
    """What one side said."""

    text: str
    """One line: what it has, or what is wrong."""
    error: ShadowserverConnectorError | None = None
    clock: str | None = None
    """What is wrong with this machine's clock, in its eyes."""
    version: str | None = None
    """What is wrong with the version of pycti."""


def try_shadowserver(settings: Settings) -> Side:
    """Ask the Reports API what is subscribed."""

    def ask() -> Side:
        with connect(settings) as api:
            api.ping()
            lists, types = api.subscriptions(), api.types()
        nothing = "ok, but the key has nothing subscribed"
        text = f"ok, {counted(len(lists), 'list')} with {counted(len(types), 'report type')}"
        clock = _clock("Shadowserver", _shadowserver_time(settings))
        return Side(text if lists or types else nothing, clock=clock)

    return _tried(ask)


def try_opencti(settings: Settings) -> Side:
    """Ask OpenCTI for its version, and whether the connector could register with it."""

    def ask_it() -> Side:
        platform = reach(settings)
        answer = ask(settings, *trial())
        with suppress(ValueError):
            refused = first_refusal(answer.json())
            # What is sent is made to fit, what is asked for cannot be.
            if refused is not None and refused.name == "GRAPHQL_VALIDATION_FAILED":
                raise misfit(platform.version, refused)
        text = f"ok, version {platform.version}, with pycti {installed()}"
        clock = _clock("OpenCTI", platform.time)
        return Side(text, clock=clock, version=advice(platform.version) or None)

    return _tried(ask_it)


def _tried(ask: Callable[[], Side]) -> Side:
    try:
        return ask()
    except ShadowserverConnectorError as error:
        return Side(str(error), error)


def _clock(server: str, theirs: datetime | None) -> str | None:
    return None if theirs is None else skew(server, theirs, datetime.now(UTC))


def _shadowserver_time(settings: Settings) -> datetime | None:
    """Return the time of the API's host, from an answer whose content does not matter."""
    shadowserver, network = settings.shadowserver, settings.network
    try:
        with (
            ending(Deadline(_TIMEOUT)),
            open_client(
                (shadowserver.api_url,),
                network=network,
                context=tls_context(shadowserver.ca_bundle, network),
                connections=1,
                timeout=_TIMEOUT,
            ) as client,
        ):
            return time_of(client.head(shadowserver.api_url).headers)
    except httpx.HTTPError:
        return None
