"""pycti's helper: built once OpenCTI answers, and kept from ending the process."""

from __future__ import annotations

import functools
import logging
import os
import sys
from typing import Any, Final, cast

from shadowserver_connector.connector.noise import quiet_pycti
from shadowserver_connector.connector.registration import Registration, advice
from shadowserver_connector.settings.export import export_for_pycti
from shadowserver_connector.settings.load import Loaded
from shadowserver_connector.sink.platform import OPENCTI
from shadowserver_connector.sink.waiting import Log, Waiter
from shadowserver_connector.sink.works import announce_or_fail

_TIMEOUT: Final = 300.0


def pycti_log(loaded: Loaded) -> Log:
    """Return a logger like the helper's ``connector_logger``, for the time before it exists."""
    export_for_pycti(loaded, os.environ)
    from pycti.utils.opencti_logger import logger

    connector = loaded.settings.connector
    kind = logger(connector.log_level.upper(), loaded.settings.opencti.json_logging)
    return cast(Log, kind(connector.name))


def connect(loaded: Loaded, waiter: Waiter) -> Any:
    """Register with OpenCTI and return pycti's ``OpenCTIConnectorHelper``; waits until it is there.

    Raises CredentialsError where OpenCTI refuses the token, VersionError where pycti does not fit
    it, SettingsError where metrics cannot be served, and Stopping.
    """
    export_for_pycti(loaded, os.environ)
    registration = Registration()
    helper = waiter.until(OPENCTI, lambda: registration.attempt(_build))
    # Each attempt to reach a broker that is down makes a dozen lines; the wait is said by us.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    connector = loaded.settings.connector
    quiet_pycti(connector.name, connector.log_level)
    _set_time_out(helper)
    announce_or_fail(helper)
    if newer := advice(registration.platform):
        waiter.log.warning(newer, {"left out": registration.left_out})
    return helper


def _build() -> Any:
    from pycti import OpenCTIConnectorHelper

    hook = sys.excepthook
    # pycti logs each failed attempt with a traceback; the wait is said once, by us.
    quieted = logging.getLogger("api")
    quieted.disabled = True
    try:
        return OpenCTIConnectorHelper({})
    finally:
        quieted.disabled = False
        # pycti's hook ends the process on an error and hides its traceback.
        sys.excepthook = hook


def _set_time_out(helper: Any) -> None:
    """Give the HTTP sessions of an old pycti the time-out that a new one has."""
    for api in (helper.api, helper.api_impersonate):
        if not hasattr(api, "session_requests_timeout"):
            api.session.request = functools.partial(api.session.request, timeout=_TIMEOUT)
