"""A command's own connection to OpenCTI, beside a connector that may be running."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from shadowserver_connector.connector.helper import connect
from shadowserver_connector.operations.platform import reach
from shadowserver_connector.settings.load import Loaded
from shadowserver_connector.sink.waiting import Log, Waiter


def open_session(loaded: Loaded, log: Log) -> tuple[Any, Waiter]:
    """Return pycti's helper, registered under the connector's id, and how to wait.

    The helper never pings: a ping carries the state, and a connector that runs under the same id
    must stay the only one to write it. Raises SettingsError, CredentialsError, and
    SinkUnavailableError where OpenCTI does not answer now.
    """
    reach(loaded.settings)
    waiter = Waiter(threading.Event(), log)
    return connect(_silent(loaded), waiter), waiter


def _silent(loaded: Loaded) -> Loaded:
    """Return settings by which pycti pings not, listens on no port, and logs errors only."""
    changes = {"run_and_terminate": True, "expose_metrics": False, "log_level": "error"}
    connector = loaded.settings.connector.model_copy(update=changes)
    return replace(loaded, settings=loaded.settings.model_copy(update={"connector": connector}))
