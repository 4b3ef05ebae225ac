"""Waiting for what is out of reach or too full: said once, with longer and longer pauses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from shadowserver_connector.errors import NotReadyError, RetriableError, SinkUnavailableError
from shadowserver_connector.sink.platform import OPENCTI, ask

T = TypeVar("T")


class Log(Protocol):
    """A logger that takes a message and a dict, such as pycti's ``connector_logger``."""

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Log a detail."""

    def info(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Log progress."""

    def warning(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Log what a person may want to look at."""

    def error(self, message: str, meta: dict[str, Any] | None = None) -> None:
        """Log what a person should look at."""


class Stopping(BaseException):
    """The process is asked to stop: like KeyboardInterrupt no error that anyone may handle."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """How to wait. Times are in seconds."""

    stop: threading.Event
    log: Log
    first_pause: float = 1.0
    longest_pause: float = 60.0
    slow_after: float = 30.0

    def pause(self, seconds: float) -> None:
        """Sleep; raises Stopping as soon as the process is asked to stop."""
        if self.stop.wait(seconds):
            raise Stopping

    def until(
        self,
        what: str,
        call: Callable[[], T],
        patience: float = float("inf"),
        retried: type[RetriableError] = RetriableError,
    ) -> T:
        """Return what ``call`` returns, repeating it while it raises an error that is ``retried``.

        ``what`` is what the log says it waits for: once when the wait begins, once when it is
        over. Raises the last error when ``patience`` is used up, and Stopping. A NotReadyError is
        raised at once: what is not ready is for another run.
        """
        started = time.monotonic()
        pause = self.first_pause
        waiting = False
        while True:
            try:
                result = call()
            except NotReadyError:
                raise
            except retried as error:
                if time.monotonic() - started + pause > patience:
                    raise
                reason = str(error)
            else:
                if waiting:
                    self.log.info("Going on", {"after waiting for": what})
                return result
            if not waiting:
                self.log.warning("Waiting", {"for": what, "reason": reason})
                waiting = True
            self.pause(pause)
            pause = min(2 * pause, self.longest_pause)

    @contextmanager
    def noticing(self, what: str) -> Iterator[None]:
        """Say once that ``what`` is waited for when the block takes long.

        For calls that wait by themselves and silently, as a publisher does while RabbitMQ is
        short of memory or disk.
        """
        notice = threading.Timer(self.slow_after, self.log.warning, ("Waiting", {"for": what}))
        notice.daemon = True
        notice.start()
        try:
            yield
        finally:
            notice.cancel()


PATIENCE: Final = 900.0
"""Seconds that a run waits for one of these before it leaves a day or report to the next run."""
SHADOWSERVER: Final = "Shadowserver"
CONVERTERS: Final = "converters"
"""The processes or the cluster that convert reports."""


@dataclass
class Patience:
    """How long to wait for others: once it was in vain for one, not again until it answers."""

    waiter: Waiter
    seconds: float = PATIENCE
    exhausted: set[str] = field(default_factory=set)

    def until(self, who: str, what: str, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, waiting while it raises a RetriableError.

        ``who`` has to answer for that, ``SHADOWSERVER`` or ``CONVERTERS``; ``what`` is waited
        for. Raises the last error when patience is used up.
        """
        try:
            result = self.waiter.until(what, call, 0.0 if who in self.exhausted else self.seconds)
        except RetriableError:
            self.exhausted.add(who)
            raise
        self.exhausted.discard(who)
        return result


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
