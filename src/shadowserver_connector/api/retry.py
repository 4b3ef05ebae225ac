"""Which failures are tried again, when and how often, and the pace of requests."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from shadowserver_connector.errors import ApiUnavailableError, RetriableError


class RateLimiter:
    """Hands out start times that are at least ``1 / per_second`` seconds apart."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next request may start."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._interval
        if start > now:
            self._sleep(start - now)


T = TypeVar("T")

_RETRIED_CLIENT_ERRORS = frozenset({408, 425, 429})


def is_transient(status: int) -> bool:
    """Tell whether an HTTP status may be gone at the next try: any 5xx, 408, 425, 429."""
    return status >= 500 or status in _RETRIED_CLIENT_ERRORS


class RetryLaterError(Exception):
    """One attempt failed in a way that a later attempt may not.

    Raised by the functions given to `call`; never leaves this package. ``kind`` is the error
    that the caller sees when the attempts are used up.
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
    """How a call is repeated. Times are in seconds.

    Waits are random, up to ``first_wait`` after the first failure and up to twice as much after
    each further one, never above ``longest_wait``. A server's ``Retry-After`` comes first, cut
    at ``longest_retry_after``. ``sleep`` may raise to end a wait early, on shutdown.
    """

    attempts: int = 5
    first_wait: float = 2.0
    longest_wait: float = 60.0
    longest_retry_after: float = 300.0
    sleep: Callable[[float], object] = time.sleep
    on_retry: Callable[[Retry], object] | None = None


def call(policy: RetryPolicy, what: str, attempt: Callable[[], T]) -> T:
    """Run ``attempt`` until it returns or its tries are used up.

    Raises what ``attempt`` raises, except `RetryLaterError`: the last of these becomes the
    `RetriableError` that it names, with ``what`` and the number of attempts in its message.
    """
    retrying = Retrying(
        stop=stop_after_attempt(policy.attempts),
        wait=partial(_wait, policy),
        retry=retry_if_exception_type(RetryLaterError),
        sleep=partial(_sleep, policy),
        before_sleep=partial(_report, policy, what),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except RetryLaterError as error:
        tries = f"{policy.attempts} attempts" if policy.attempts > 1 else "1 attempt"
        # The chain is cut: the HTTP library's errors may quote the request.
        raise error.kind(f"{what}: {error.reason} ({tries}); try again later") from None


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header: seconds or an HTTP date (RFC 9110, 10.2.3).

    Returns None where there is none or it cannot be read; a date in the past is 0.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else float("inf")
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _wait(policy: RetryPolicy, state: RetryCallState) -> float:
    error = _failure(state)
    if error.retry_after is not None:
        # A little more than asked, so that parallel downloads do not all come back at once.
        jitter = random.uniform(0, policy.first_wait)  # noqa: S311 - not for cryptography
        return min(error.retry_after, policy.longest_retry_after) + jitter
    backoff = wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)
    return backoff(state)


def _sleep(policy: RetryPolicy, seconds: float) -> None:
    policy.sleep(seconds)


def _report(policy: RetryPolicy, what: str, state: RetryCallState) -> None:
    if policy.on_retry is None:
        return
    wait = state.upcoming_sleep
    policy.on_retry(Retry(what, state.attempt_number, wait, _failure(state).reason))


def _failure(state: RetryCallState) -> RetryLaterError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RetryLaterError):
        raise TypeError("tenacity asked for a wait although the attempt did not ask for one")
    return error
