"""pycti's helper: built once OpenCTI answers, and kept from ending the process."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, cast

from shadowserver_connector.causes import trouble
from shadowserver_connector.connector.noise import quiet_pycti
from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.settings.export import export_for_pycti
from shadowserver_connector.settings.load import Loaded
from shadowserver_connector.sink.platform import OPENCTI, unavailable
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

    Raises Stopping.
    """
    export_for_pycti(loaded, os.environ)
    helper = waiter.until(OPENCTI, _build)
    # Each attempt to reach a broker that is down makes a dozen lines; the wait is said by us.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    connector = loaded.settings.connector
    quiet_pycti(connector.name, connector.log_level)
    _set_time_out(helper)
    announce_or_fail(helper)
    return helper


def _build() -> Any:
    from pycti import OpenCTIConnectorHelper

    hook = sys.excepthook
    causes: list[BaseException] = []

    def keep_cause(record: logging.LogRecord) -> bool:
        """Say nothing; pycti's error for a platform out of reach leaves out why it is."""
        if record.exc_info and record.exc_info[1]:
            causes.append(record.exc_info[1])
        return False

    # pycti logs each failed attempt with a traceback; the wait is said once, by us.
    quieted = logging.getLogger("api")
    quieted.addFilter(keep_cause)
    try:
        return OpenCTIConnectorHelper({})
    except Exception as error:
        raise _unreachable(error, causes) from None
    finally:
        quieted.removeFilter(keep_cause)
        # pycti's hook ends the process on an error and hides its traceback.
        sys.excepthook = hook


def _unreachable(error: Exception, causes: Sequence[BaseException]) -> SinkUnavailableError:
    if isinstance(error, ValueError) and "not reachable" in str(error):
        why = next(filter(None, (trouble(cause, "OPENCTI_CA_BUNDLE") for cause in causes)), None)
        return SinkUnavailableError(why or "it does not answer, or refuses OPENCTI_TOKEN")
    return unavailable(error)


def _set_time_out(helper: Any) -> None:
    """Give the HTTP sessions of an old pycti the time-out that a new one has."""
    for api in (helper.api, helper.api_impersonate):
        if not hasattr(api, "session_requests_timeout"):
            api.session.request = functools.partial(api.session.request, timeout=_TIMEOUT)
