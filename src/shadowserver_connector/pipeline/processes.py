"""Where conversions run: in this process, in processes that survive each other, on a cluster."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import FrameType
from typing import Final, ParamSpec, TypeVar

from shadowserver_connector.errors import WorkerLostError
from shadowserver_connector.pipeline.cluster import ClusterExecutor, open_cluster

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS_ALONE: Final = 2
"""Further attempts at work that was in progress or waiting when a process died."""

_GRACE: Final = 5.0
"""Seconds for a process to remove its files. Docker kills ten seconds after it asked to stop."""


class ProcessExecutor(Executor):
    """A pool of processes, replaced when one of them dies.

    The standard pool is then broken for good, and everything in it fails, whatever the cause. Here
    all of that work is repeated, one piece at a time, each in a process of its own. So only work
    that kills its process every time fails, with WorkerLostError. What is submitted must be
    picklable and harmless when repeated.

    A ``with`` statement that is left by an exception (Ctrl-C, a shutdown) waits for no work: work
    in progress is stopped, and removes its files.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        # Closed with this process, however that ends: its workers then end, too.
        self._lifeline, self._ours = get_context("spawn").Pipe(duplex=False)
        self._pool = _pool(workers, self._lifeline)
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="again")

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is not None:
            self._ours.close()
        self.shutdown(cancel_futures=kind is not None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` in a process; its future cannot be cancelled."""
        work = partial(_until_the_end, partial(fn, *args, **kwargs))
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._start(work).add_done_callback(partial(self._finish, work, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when their work is done; with ``cancel_futures`` none begins anew."""
        with self._lock:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)
        self._alone.shutdown(wait, cancel_futures=cancel_futures)

    def _start(self, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            try:
                return _submit(self._pool, work)
            except BrokenProcessPool:
                # Waiting is short, all processes are dead, and lets the old futures finish.
                self._pool.shutdown()
                self._pool = _pool(self.workers, self._lifeline)
                return _submit(self._pool, work)

    def _finish(self, work: Callable[[], T], future: Future[T], done: Future[T]) -> None:
        died = not done.cancelled() and isinstance(done.exception(), BrokenProcessPool)
        # Once it is closed, processes die because they have to, and nothing is repeated.
        if died and not self._ours.closed:
            self._alone.submit(self._repeat, work, future)
        else:
            _settle(future, done.result)

    def _repeat(self, work: Callable[[], T], future: Future[T]) -> None:
        try:
            for _ in range(ATTEMPTS_ALONE):
                if self._ours.closed:
                    break
                with _pool(1, self._lifeline) as pool:
                    done = _submit(pool, work)
                    if not isinstance(done.exception(), BrokenProcessPool):
                        _settle(future, done.result)
                        return
        except Exception as error:
            # No process could be started. Nobody reads this thread's own result.
            future.set_exception(error)
        else:
            future.set_exception(WorkerLostError())


def _settle(future: Future[T], result: Callable[[], T]) -> None:
    try:
        value = result()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(value)


def _submit(pool: ProcessPoolExecutor, work: Callable[[], T]) -> Future[T]:
    """Submit work, which may start processes: none of them is ever interrupted by Ctrl-C."""
    # Windows has none.
    if not hasattr(signal, "pthread_sigmask"):
        return pool.submit(work)
    # What is blocked here is blocked in a process from its first moment, before `_prepare` runs.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pool(workers: int, lifeline: Connection) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers,
        # Not fork: a copy of a process with threads can hang on a lock that nobody will release.
        mp_context=get_context("spawn"),
        initializer=_prepare,
        initargs=(lifeline,),
    )


class _Ended(BaseException):
    """The process must end. Like SystemExit, this is not an error that anyone may handle."""


def _until_the_end(work: Callable[[], T]) -> T:
    """Do some work in a process that may be ended meanwhile."""
    signal.signal(signal.SIGTERM, _end)
    try:
        return work()
    except _Ended:
        # Its files are removed by now; there is nobody to tell.
        os._exit(1)
    finally:
        # A process without work has no files to remove, and ends at once.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _prepare(lifeline: Connection) -> None:
    """Leave Ctrl-C to the parent process, and end when the parent wants that or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end(number: int, frame: FrameType | None) -> None:
    # Asked again (the pool does, once another of its processes is dead), it goes on with removing.
    signal.signal(number, signal.SIG_IGN)
    raise _Ended


def _end_with(lifeline: Connection) -> None:
    # Nothing is ever sent: that it can be read means that the other end was closed.
    lifeline.poll(None)
    # In the main thread, whose work removes its files on the way out.
    _thread.interrupt_main(signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(1)


def open_executor(
    workers: int | None, dask_scheduler: str | None = None
) -> AbstractContextManager[Executor]:
    """Return the executor of some settings, to be used in a ``with`` statement.

    It has ``workers`` processes, by default one for each processor; a single worker is a thread of
    this process. With ``dask_scheduler`` it is the cluster of that scheduler, and the processes are
    for what is too large to be sent there. Raises SettingsError where Dask is needed and not
    installed, and RetriableError where its scheduler does not answer.
    """
    workers = workers or os.cpu_count() or 1
    here = _Thread(1) if workers == 1 else ProcessExecutor(workers)
    return open_cluster(dask_scheduler, here) if dask_scheduler else here


class _Thread(ThreadPoolExecutor):
    """A thread of this process; on Ctrl-C it begins nothing more."""

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        self.shutdown(cancel_futures=kind is not None)


def if_ahead(executor: Executor) -> Executor | None:
    """Return an executor for conversions ahead of their turn, or ``None`` if that has no benefit.

    A single worker in this process would only write to disk what can be sent at once.
    """
    return None if isinstance(executor, ThreadPoolExecutor) else executor


def capacity(executor: Executor) -> int:
    """Return how many reports an executor converts at the same time.

    Of a cluster that is the larger number, of those that travel and of those that do not.
    """
    if isinstance(executor, ClusterExecutor):
        return max(executor.workers, capacity(executor.here))
    return executor.workers if isinstance(executor, ProcessExecutor) else 1
