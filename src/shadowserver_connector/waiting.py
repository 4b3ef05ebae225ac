"""What the connector waits for, how long, and what it logs; a stop ends every wait at once.

==================================  ============================================================
Shadowserver, for one request       ``RetryPolicy``: 5 attempts, ``Retry-After`` honoured
Shadowserver, for a day or report   ``PATIENCE``, then it is left to the next run
a cluster, for a listed report      ``PATIENCE``, then the report has failed
a cluster, for a dropped report     as long as it takes: nobody lists that file again
OpenCTI, RabbitMQ, a disk           as long as it takes: every report needs the same
OpenCTI, to import earlier days     ``PATIENCE``, then the history is trusted
OpenCTI, to take an original file   ``UPLOAD_PATIENCE``, then the report goes without it
OpenCTI, to show the end of a run   ``LAST_RUN_PATIENCE``, where the process ends after it
the queue or the disk, when full    checked every ``ROOM_PAUSE``, as long as it takes
==================================  ============================================================

Pauses grow up to a minute. A wait is logged when it begins, at growing
intervals, and when it is over.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from shadowserver_connector.errors import (
    ApiUnavailableError,
    DiskFullError,
    NotReadyError,
    RetriableError,
    is_disk_full,
)
from shadowserver_connector.logger import Logger

T = TypeVar("T")
Retried = type[RetriableError] | tuple[type[RetriableError], ...]

SHADOWSERVER: Final = "Shadowserver"
CONVERTERS: Final = "converters"
"""The processes or the cluster that convert reports."""
OPENCTI: Final = "OpenCTI"
QUEUE: Final = "OpenCTI's message queue"
COPIES: Final = "the place where pycti writes bundles"
HISTORY: Final = "the history of findings"
DISK: Final = "room on the disk"
CLUSTER: Final = "the Dask cluster"
SCHEDULER: Final = "the Dask scheduler"

PATIENCE: Final = 900.0
"""Seconds that a run waits for Shadowserver or the converters before it leaves a day or report to
the next run, and for OpenCTI to import what is queued.
"""
UPLOAD_PATIENCE: Final = 300.0
"""Seconds to wait for OpenCTI to accept an original file; after that the report is sent without it.
"""
LAST_RUN_PATIENCE: Final = 30.0
"""Seconds to wait for OpenCTI to accept that a single run has ended."""
CONNECT_CLUSTER: Final = 30.0
"""Seconds to wait for a Dask scheduler, at first and when the connection is lost."""
CONNECT_AGAIN: Final = 5.0
"""Seconds that a new connection to a lost scheduler may take, and until the next attempt."""
# Checking more often is of no use: workers import about 25 objects a second, and a full disk is
# cleared by hand.
ROOM_PAUSE: Final = 10.0
"""Seconds between two checks whether the queue, or the disk, has room again."""


_LONGEST_SILENCE: Final = 3600.0
"""Seconds after which a wait is logged again, however long it takes."""


class Stopping(BaseException):
    """The process is asked to stop.

    Like KeyboardInterrupt, it is no ``Exception``, so that no handler of errors catches it.
    """


@dataclass(frozen=True, slots=True)
class Waiter:
    """How the connector waits. Times are in seconds."""

    stop: threading.Event
    log: Logger
    first_pause: float = 1.0
    longest_pause: float = 60.0
    slow_after: float = 30.0
    """Time after which `logging_if_slow` logs that a call waits."""
    patience: float = PATIENCE
    queue_numbers_delay: float = 6.0
    """Time after which RabbitMQ's numbers are current; it updates them every 5 seconds."""
    log_again_after: float = 60.0
    """Time until a wait is logged again; doubled each time, up to an hour."""
    explain: Callable[[str, str], str] = lambda _what, reason: reason
    """Given what is waited for and the reason, returns a more exact reason; may take seconds."""
    notify: Callable[[str, str], object] = lambda _what, _reason: None
    """Called with what is waited for and why, and with an empty reason when the wait is over."""
    exhausted: set[str] = field(default_factory=set, compare=False)
    """Who was waited for in vain in this run, and has not answered since."""

    def pause(self, seconds: float) -> None:
        """Sleep; raises Stopping as soon as the process is asked to stop."""
        if self.stop.wait(seconds):
            raise Stopping

    def until(
        self,
        what: str,
        call: Callable[[], T],
        patience: float = float("inf"),
        retried: Retried = RetriableError,
    ) -> T:
        """Return what ``call`` returns, repeating it while it raises an error that is ``retried``.

        ``what`` names, for the log, what is waited for. Raises the last error when ``patience`` is
        used up, counted from the first error, and Stopping. A NotReadyError is raised at once: what
        is not ready is for another run.
        """
        pauses = _doubling(self.first_pause, self.longest_pause)
        failing_since: float | None = None
        with Wait(self, what) as wait:
            while True:
                try:
                    return call()
                # It is a RetriableError itself.
                except NotReadyError:
                    raise
                except retried as error:
                    pause = next(pauses)
                    now = time.monotonic()
                    failing_since = now if failing_since is None else failing_since
                    # Rather early than late: a pause that ends too late is not begun.
                    if now - failing_since + pause > patience:
                        raise
                    reason = str(error)
                wait.log_if_due(reason)
                self.pause(pause)

    def until_patience_ends(
        self, who: str, what: str, call: Callable[[], T], retried: Retried = RetriableError
    ) -> T:
        """Return what ``call`` returns, waiting while it raises an error that is ``retried``.

        ``who`` is to answer, ``SHADOWSERVER`` or ``CONVERTERS``; ``what`` is waited for. Raises the
        last error when ``patience`` is used up. After a wait in vain, the same party is not waited
        for again until it answers or another run begins. Otherwise each of a hundred reports might
        wait a quarter of an hour. Errors that are not ``retried`` are raised at once.
        """
        patience = 0.0 if who in self.exhausted else self.patience
        try:
            result = self.until(what, call, patience, retried)
        # It answered: there is nothing to wait for.
        except NotReadyError:
            raise
        except retried:
            self.exhausted.add(who)
            raise
        self.exhausted.discard(who)
        return result

    def until_disk_has_room(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, repeating it as long as no space is left.

        That may take forever: a full disk is no report's fault. Raises what else ``call`` raises,
        and Stopping.
        """

        def attempt() -> T:
            try:
                return call()
            except OSError as error:
                if is_disk_full(error):
                    raise DiskFullError("no space is left on the disk; free some") from None
                raise

        return self.until(DISK, attempt, retried=DiskFullError)

    @contextmanager
    def logging_if_slow(self, what: str) -> Iterator[None]:
        """Log once that ``what`` is waited for if the block takes long.

        For calls that wait on their own and silently, as a publisher does while RabbitMQ is short
        of memory or disk.
        """
        with Wait(self, what) as wait:
            late = f"no answer after {self.slow_after:g} seconds"
            notice = threading.Timer(self.slow_after, wait.log_if_due, (late,))
            # Otherwise the end of the process would wait for it.
            notice.daemon = True
            notice.start()
            try:
                yield
            finally:
                notice.cancel()


class Wait:
    """One wait: logged when it begins, again at growing intervals, and when it ends successfully.

    Used in a ``with`` statement, whose end is the end of the wait.
    """

    def __init__(self, waiter: Waiter, what: str) -> None:
        self._waiter = waiter
        self._what = what
        self._started = time.monotonic()
        self._intervals = _doubling(waiter.log_again_after, _LONGEST_SILENCE)
        self._due: float | None = None
        # `logging_if_slow` has a thread that may log while the wait ends.
        self._lock = threading.Lock()
        self._ended = False

    def __enter__(self) -> Wait:
        return self

    def __exit__(self, kind: object, _error: object, _traceback: object) -> None:
        with self._lock:
            self._ended = True
            if self._due is None:
                return
            self._waiter.notify(self._what, "")
            if kind is None:
                facts = {"for": self._what, "seconds": round(self.seconds, 1)}
                self._waiter.log.info("Resumed", facts)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    def log_if_due(self, reason: str) -> None:
        """Log that it continues and why, if it is time for that and it has not ended."""
        if self._due is not None and self.seconds < self._due:
            return
        # Not under the lock: it may take seconds, and the end of the wait would take as long.
        reason = self._waiter.explain(self._what, reason)
        with self._lock:
            if not self._ended:
                self._log(reason)

    def _log(self, reason: str) -> None:
        log, is_first = self._waiter.log, self._due is None
        self._due = self.seconds + next(self._intervals)
        if is_first:
            log.warning("Waiting", {"for": self._what, "reason": reason})
        else:
            said = {"for": self._what, "reason": reason, "seconds": round(self.seconds, 1)}
            log.warning("Still waiting", said)
        self._waiter.notify(self._what, reason)


class RetryLaterError(Exception):
    """One attempt at a request failed in a way that a later attempt may not.

    Raised by the functions given to `RetryPolicy.call`, which never lets it out. ``kind`` is the
    error that the caller sees when the attempts are used up.
    """

    def __init__(
        self,
        reason: str,
        *,
        kind: type[RetriableError] = ApiUnavailableError,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Retry:
    """A wait that is about to begin, for logs and metrics."""

    what: str
    """What was asked: ``reports/list``, or ``download of <file name>``."""
    attempt: int
    """How many attempts have failed so far, from 1."""
    wait: float
    """Seconds until the next attempt."""
    reason: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How one request to Shadowserver is repeated. Times are in seconds.

    Waits are random, up to ``first_wait`` after the first failure and up to twice as much after
    each further one, never above ``longest_wait``. A server's ``Retry-After`` takes precedence, up
    to ``longest_retry_after``. ``sleep`` may raise to end a wait early, on shutdown.
    """

    # At most 30 seconds of waits in all, unless the server asks for more: what takes longer is no
    # hiccup, and left to `PATIENCE`.
    attempts: int = 5
    first_wait: float = 2.0
    longest_wait: float = 60.0
    longest_retry_after: float = 300.0
    sleep: Callable[[float], object] = time.sleep
    on_retry: Callable[[Retry], object] | None = None
    gives_up: Callable[[], bool] = lambda: False
    """Asked before each wait; if it returns True, the attempts are used up."""

    def call(self, what: str, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, trying it again after a RetryLaterError.

        Raises what else ``attempt`` raises. When the attempts are used up, the last RetryLaterError
        becomes the `RetriableError` that it names, with ``what`` and their number in its message.
        """
        bounds = _doubling(self.first_wait, self.longest_wait)
        number = 1
        while True:
            try:
                return attempt()
            except RetryLaterError as error:
                failed = error
            # Outside the handler, so that nothing is chained: the HTTP library's errors may quote
            # the request.
            if number == self.attempts or self.gives_up():
                tries = f"{number} attempts" if number > 1 else "1 attempt"
                raise failed.kind(f"{what}: {failed.reason} ({tries}); try again later")
            wait = self._wait(failed, next(bounds))
            if self.on_retry is not None:
                self.on_retry(Retry(what, number, wait, failed.reason))
            self.sleep(wait)
            number += 1

    def _wait(self, failed: RetryLaterError, bound: float) -> float:
        # Random, so that parallel downloads do not all try again at once. Not for cryptography.
        if failed.retry_after is None:
            return random.uniform(0, bound)  # noqa: S311
        jitter = random.uniform(0, self.first_wait)  # noqa: S311
        return min(failed.retry_after, self.longest_retry_after) + jitter


def _doubling(first: float, longest: float) -> Iterator[float]:
    while True:
        yield first
        first = min(2 * first, longest)
