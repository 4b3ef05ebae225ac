"""OpenCTI's message queue: how full it is, and waiting while it is too full."""

from __future__ import annotations

from typing import Any, Final

from shadowserver_connector.errors import SinkUnavailableError
from shadowserver_connector.sink.platform import OPENCTI, ask
from shadowserver_connector.sink.waiting import Waiter

# Workers take in some 25 objects a second: it takes a while until there is room.
_PAUSE: Final = 10.0
_MEGABYTE: Final = 1_000_000


def queued_megabytes(helper: Any) -> float:
    """Return how much waits in this connector's queue. Raises SinkUnavailableError.

    pycti's own check would end the process when OpenCTI does not answer.
    """
    connector = ask(lambda: helper.api.connector.read(connector_id=helper.connector_id))
    if connector is None:
        raise SinkUnavailableError("OpenCTI does not know this connector; restart it to register")
    return float(connector["connector_queue_details"]["messages_size"]) / _MEGABYTE


def await_room(helper: Any, waiter: Waiter, pause: float = _PAUSE) -> None:
    """Return once the queue is below ``CONNECTOR_QUEUE_THRESHOLD``; raises Stopping.

    ``pause`` is in seconds. What is measured shows on the connector's page in OpenCTI.
    """
    threshold = float(helper.connect_queue_threshold)
    info = helper.connector_info
    info.queue_threshold = threshold
    while True:
        size = waiter.until(OPENCTI, lambda: queued_megabytes(helper))
        info.queue_messages_size = size
        full = size >= threshold
        if full and not info.buffering:
            waiter.log.info(
                "The queue is full, pausing", {"megabytes": size, "threshold": threshold}
            )
        elif info.buffering and not full:
            waiter.log.info("The queue has room again, going on", {"megabytes": size})
        info.buffering = full
        if not full:
            return
        waiter.pause(pause)
