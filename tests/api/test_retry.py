from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shadowserver_connector.api.connection import is_transient, retry_after_seconds
from shadowserver_connector.errors import ApiUnavailableError, CredentialsError, TransferError
from shadowserver_connector.waiting import Retry, RetryLaterError, RetryPolicy

NOW = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC)


def failing(times: int, error: Callable[[], Exception]) -> Callable[[], str]:
    """Return a function that fails some times and then succeeds."""
    left = [times]

    def attempt() -> str:
        if left[0]:
            left[0] -= 1
            raise error()
        return "done"

    return attempt


def test_a_failure_that_may_pass_is_tried_again() -> None:
    """The result of the first successful attempt is returned, after a wait per failure."""
    slept: list[float] = []
    policy = RetryPolicy(attempts=3, sleep=slept.append)
    assert policy.call("x", failing(2, lambda: RetryLaterError("down"))) == "done"
    assert len(slept) == 2


def test_attempts_are_bounded_and_the_error_says_how_many() -> None:
    """After the last attempt, the failure's own error is raised with the number of attempts."""
    slept: list[float] = []
    policy = RetryPolicy(attempts=3, sleep=slept.append)
    attempt = failing(9, lambda: RetryLaterError("it broke off", kind=TransferError))
    with pytest.raises(TransferError, match=r"^download of a\.csv: it broke off \(3 attempts\)"):
        policy.call("download of a.csv", attempt)
    assert len(slept) == 2


def test_other_errors_are_final() -> None:
    """Errors other than temporary failures are not retried."""
    policy = RetryPolicy(sleep=lambda _: pytest.fail("waited"))
    with pytest.raises(CredentialsError):
        policy.call("x", failing(1, lambda: CredentialsError("refused")))


def test_waits_grow_randomly_and_stay_bounded() -> None:
    """Each wait is random below a bound that doubles up to a maximum."""
    runs = []
    for _ in range(40):
        slept: list[float] = []
        policy = RetryPolicy(attempts=6, first_wait=1, longest_wait=5, sleep=slept.append)
        with pytest.raises(ApiUnavailableError):
            policy.call("x", failing(9, lambda: RetryLaterError("down")))
        runs.append(slept)
    for bound, waits in zip([1, 2, 4, 5, 5], zip(*runs, strict=True), strict=True):
        assert min(waits) >= 0
        assert max(waits) <= bound
        assert len(set(waits)) > 1
    assert max(run[3] for run in runs) > 1


@pytest.mark.parametrize(("asked", "least"), [(7.0, 7), (0.0, 0), (1e9, 20), (float("inf"), 20)])
def test_retry_after_is_honoured_and_bounded(asked: float, least: float) -> None:
    """The server's ``Retry-After`` counts up to a maximum, plus a little jitter."""
    slept: list[float] = []
    policy = RetryPolicy(
        attempts=2, first_wait=1, longest_wait=2, longest_retry_after=20, sleep=slept.append
    )
    assert policy.call("x", failing(1, lambda: RetryLaterError("busy", retry_after=asked)))
    assert least <= slept[0] <= least + 1


def test_each_wait_is_reported_before_it_begins() -> None:
    """The callback gets the call, the reason, the attempt and the length of the wait."""
    events: list[object] = []
    policy = RetryPolicy(attempts=3, sleep=events.append, on_retry=events.append)
    policy.call("reports/list", failing(2, lambda: RetryLaterError("status 503")))
    first, first_wait, second, second_wait = events
    assert first == Retry("reports/list", 1, first_wait, "status 503")  # type: ignore[arg-type]
    assert second == Retry("reports/list", 2, second_wait, "status 503")  # type: ignore[arg-type]


def test_whoever_was_waited_for_in_vain_is_asked_once() -> None:
    """The policy can be told that its waits would be in vain, at first or meanwhile."""
    slept: list[float] = []
    policy = RetryPolicy(sleep=slept.append, gives_up=lambda: bool(slept))
    down = RetryLaterError("status 503", retry_after=300)
    with pytest.raises(ApiUnavailableError, match=r"\(2 attempts\)"):
        policy.call("x", failing(9, lambda: down))
    with pytest.raises(ApiUnavailableError, match=r"\(1 attempt\)"):
        policy.call("x", failing(9, lambda: down))
    assert len(slept) == 1


def test_a_sleep_that_raises_ends_the_call() -> None:
    """A shutdown can end a wait by raising."""

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RetryPolicy(sleep=stop).call("x", failing(1, lambda: RetryLaterError("down")))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 5000, float("inf")),
        ("9" * 10, 9_999_999_999.0),
        ("Wed, 31 Jan 2024 12:01:30 GMT", 90.0),
        ("Wed, 31 Jan 2024 12:01:30 -0000", 90.0),
        ("Wed, 31 Jan 2024 13:01:30 +0100", 90.0),
        ("Wed, 31 Jan 2024 11:00:00 GMT", 0.0),
        ("Wed, 99 Jan 2024 11:00:00 GMT", None),
        ("soon", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    """Both forms of RFC 9110 are read; any other value counts as absent."""
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    ("transient", "statuses"),
    [(False, (200, 302, 400, 401, 403, 404)), (True, (408, 425, 429, 500, 502, 503, 599))],
)
def test_which_statuses_may_pass(transient: bool, statuses: tuple[int, ...]) -> None:
    """Server errors and rate limits are temporary; a wrong request is not."""
    assert {is_transient(status) for status in statuses} == {transient}
