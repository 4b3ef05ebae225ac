"""A Dask cluster as an executor (extra ``[dask]``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from shadowserver_connector.errors import RetriableError, SettingsError
from shadowserver_connector.pipeline.lost import WorkerLostError

P = ParamSpec("P")
T = TypeVar("T")

_CONNECT: Final = 30.0
"""Seconds to wait for the scheduler."""


class ClusterExecutor(Executor):
    """Runs functions on a Dask cluster; nothing on a worker's disk is shared with this machine.

    Dask itself does again what a lost worker had, up to ``distributed.scheduler.allowed-failures``
    times (3); what is lost then fails with WorkerLostError.
    """

    def __init__(self, client: Any, lost: type[Exception]) -> None:
        """Use a client of the cluster; ``lost`` is what it raises when it gives a function up."""
        self._client = client
        self._lost = lost
        self._remote = client.get_executor()
        self.here = ThreadPoolExecutor(1, thread_name_prefix="here")
        """For what is too large to travel."""

    @property
    def workers(self) -> int:
        """How many functions the cluster runs at the same time, as it is now; at least 1."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for what is under way, but not on Ctrl-C or a shutdown."""
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` on a worker; it must be importable there."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        remote = self._remote.submit(fn, *args, **kwargs)
        remote.add_done_callback(partial(self._finish, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of the cluster, which stays as it is."""
        self.here.shutdown(wait, cancel_futures=cancel_futures)
        self._remote.shutdown(wait and not cancel_futures)

    def _finish(self, future: Future[T], remote: Future[T]) -> None:
        if remote.cancelled():
            future.set_exception(RetriableError("the Dask cluster let go of it"))
            return
        error = remote.exception()
        if isinstance(error, self._lost):
            future.set_exception(WorkerLostError())
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(remote.result())


@contextmanager
def open_cluster(address: str) -> Iterator[ClusterExecutor]:
    """Connect to a scheduler, ``tcp://host:port``.

    Raises SettingsError where Dask is not installed, RetriableError where nobody answers.
    """
    try:
        # Untyped, and present with the extra only.
        dask: Any = import_module("dask")
        distributed: Any = import_module("distributed")
    except ImportError:
        raise SettingsError(
            "SHADOWSERVER_DASK_SCHEDULER needs Dask: pip install '.[dask]'"
        ) from None
    # Whole files travel with the tasks, on purpose.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    try:
        client = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, TimeoutError):
        raise RetriableError(
            f"no Dask scheduler answers at {address}; check SHADOWSERVER_DASK_SCHEDULER"
        ) from None
    with client, ClusterExecutor(client, distributed.KilledWorker) as executor:
        yield executor
