"""Where conversions run: in this process, in processes of this machine, or on a cluster."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType

from shadowserver_connector.pipeline.cluster import ClusterExecutor, open_cluster
from shadowserver_connector.pipeline.processes import ProcessExecutor


def open_executor(
    workers: int | None, dask_scheduler: str | None = None
) -> AbstractContextManager[Executor]:
    """Return the executor of some settings, to be used in a ``with`` statement.

    It has so many processes, one for each processor by default; a single worker is a thread of
    this process. With ``dask_scheduler`` it is the cluster of that scheduler, and these are for
    what is too large to travel there. Raises SettingsError where Dask is needed and not
    installed, and RetriableError where its scheduler does not answer.
    """
    workers = workers or os.cpu_count() or 1
    here = _Thread(1) if workers == 1 else ProcessExecutor(workers)
    return open_cluster(dask_scheduler, here) if dask_scheduler else here


class _Thread(ThreadPoolExecutor):
    """A thread of this process; on Ctrl-C it begins nothing more."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown(cancel_futures=kind is not None)


def if_ahead(executor: Executor) -> Executor | None:
    """Return an executor on which it pays to convert reports before their turn, else ``None``.

    A single worker of this process would only write to disk what can be sent at once.
    """
    return None if isinstance(executor, ThreadPoolExecutor) else executor


def capacity(executor: Executor) -> int:
    """Return how many reports an executor converts at the same time.

    Of a cluster that is the larger number, of those that travel and of those that do not.
    """
    if isinstance(executor, ClusterExecutor):
        return max(executor.workers, capacity(executor.here))
    return executor.workers if isinstance(executor, ProcessExecutor) else 1
