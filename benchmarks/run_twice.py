"""Run the connector's import twice in one process and print what the second run took.

After the first run it prints a line and waits for one. Settings come from the environment.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from benchmarks.measure import timed
from shadowserver_connector.logger import configure_logging
from shadowserver_connector.service.assembly import Connector, Runtime
from shadowserver_connector.settings.load import load_settings
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.state.state import Lookback, days_to_query


def main() -> None:
    """Run, wait, run again, print one line of JSON."""
    loaded = load_settings()
    connector, opencti = loaded.settings.connector, loaded.settings.opencti
    log = configure_logging(connector.name, connector.log_level, as_json=opencti.json_logging)
    with Runtime(loaded, log).assemble() as parts:
        _run_twice(parts, loaded.settings.shadowserver)


def _run_twice(parts: Connector, settings: ShadowserverSettings) -> None:
    parts.run()
    sys.stdout.write("first\n")
    sys.stdout.flush()
    sys.stdin.readline()
    lookback = Lookback(settings.initial_lookback, settings.lookback)
    state = parts.state_store.confirm_and_read()
    days = days_to_query(state, datetime.now(UTC).date(), lookback)
    took = timed(parts.run)
    found = {"days": len(days), "wall": took.wall, "cpu": took.cpu}
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    # pycti's ping thread would go on.
    os._exit(0)


if __name__ == "__main__":
    main()
