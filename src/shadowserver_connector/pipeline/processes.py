"""Processes of this machine that survive the death of one of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any, Final, ParamSpec, TypeVar

from shadowserver_connector.pipeline.lost import WorkerLostError

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS_ALONE: Final = 2
"""Further attempts at what was under way or waiting when a process died."""


class ProcessExecutor(Executor):
    """A pool of processes, made anew when one of them dies.

    The standard pool is then broken for good, and everything in it fails, guilty or not. Here
    all of that is done again, one by one, each in a process of its own, so that only what kills
    its process each time fails, with WorkerLostError. What is submitted must be picklable and
    harmless when repeated.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self._pool = _pool(workers)
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="again")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` in a process; its future cannot be cancelled."""
        work = partial(fn, *args, **kwargs)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._start(work).add_done_callback(partial(self._finish, work, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, when their work is done or at once."""
        with self._lock:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)
        self._alone.shutdown(wait, cancel_futures=cancel_futures)

    def _start(self, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            try:
                return _submitted(self._pool, work)
            except BrokenProcessPool:
                # Waiting is short, all processes are dead, and lets the old futures finish.
                self._pool.shutdown()
                self._pool = _pool(self.workers)
                return _submitted(self._pool, work)

    def _finish(self, work: Callable[[], T], future: Future[T], done: Future[T]) -> None:
        if not done.cancelled() and isinstance(done.exception(), BrokenProcessPool):
            self._alone.submit(_repeat, work, future)
        else:
            _settle(future, done.result)


def _repeat(work: Callable[[], T], future: Future[T]) -> None:
    for _ in range(ATTEMPTS_ALONE):
        with _pool(1) as pool:
            done = _submitted(pool, work)
            if not isinstance(done.exception(), BrokenProcessPool):
                _settle(future, done.result)
                return
    future.set_exception(WorkerLostError())


def _settle(future: Future[T], result: Callable[[], T]) -> None:
    try:
        value = result()
    except (Exception, CancelledError) as error:
        future.set_exception(error)
    else:
        future.set_result(value)


def _submitted(pool: ProcessPoolExecutor, work: Callable[[], T]) -> Future[T]:
    """Submit work, which may start processes: none of them is ever interrupted by Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):
        return pool.submit(work)
    # What is blocked here is blocked in a process from its first moment, before `_prepare` runs.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Not fork: a copy of a process with threads can hang on a lock that nobody will release.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    """Leave Ctrl-C to the parent process, and end when it is gone, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent: Any = parent_process()
    parent.join()
    os._exit(1)
