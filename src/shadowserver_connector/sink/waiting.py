"""Waiting for what is out of reach: said once, with longer and longer pauses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from shadowserver_connector.errors import NotReadyError, RetriableError

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
