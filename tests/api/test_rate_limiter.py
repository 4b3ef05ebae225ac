from __future__ import annotations

import threading

from shadowserver_connector.api.client import RateLimiter


def test_requests_are_spaced_without_delaying_the_first() -> None:
    """The first request starts at once, each further one an interval later."""
    slept: list[float] = []
    pacer = RateLimiter(4, clock=lambda: 100.0, sleep=slept.append)
    for _ in range(4):
        pacer.wait()
    assert slept == [0.25, 0.5, 0.75]


def test_an_idle_time_saves_no_requests_up() -> None:
    """After a pause the interval applies again; there is no burst."""
    now = iter([0.0, 10.0, 10.0])
    slept: list[float] = []
    pacer = RateLimiter(2, clock=lambda: next(now), sleep=slept.append)
    for _ in range(3):
        pacer.wait()
    assert slept == [0.5]


def test_threads_share_the_pace() -> None:
    """Threads that ask at the same moment get distinct start times."""
    slept: list[float] = []
    pacer = RateLimiter(1, clock=lambda: 0.0, sleep=slept.append)
    threads = [threading.Thread(target=pacer.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [1.0, 2.0, 3.0, 4.0]
