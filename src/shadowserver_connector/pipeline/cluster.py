"""A Dask cluster as an executor, with the package ``distributed``."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final, ParamSpec, TypeVar

from shadowserver_connector.errors import ClusterLostError, SettingsError, WorkerLostError
from shadowserver_connector.waiting import CONNECT_AGAIN, CONNECT_CLUSTER

Loop = TypeVar("Loop")

_CANCEL_SECONDS: Final = 10.0
"""Seconds for tasks left on the loop to notice that they are cancelled."""


@contextmanager
def running_loop(current: Callable[[], Loop]) -> Iterator[Loop]:
    """Run a loop until the ``with`` statement is left; what is on it then is cancelled.

    ``current`` returns the loop that it is called on, as its callers want to have it.
    """
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Loop]] = Future()

    async def main() -> None:
        end = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), end, current()))
        await end.wait()

    # A daemon, because tasks that do not end in time must not keep the process alive.
    thread = threading.Thread(target=asyncio.run, args=(main(),), name="loop", daemon=True)
    thread.start()
    loop, end, given = ready.result()
    try:
        yield given
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(_CANCEL_SECONDS)


P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)

_IDLE_CHECK: Final = 30.0
"""Seconds after which a wait checks whether there is any worker."""

_USABLE: Final = ("running", "connecting")
"""States of a client that accepts work.

"connecting" is also one that lost the scheduler. Dask tries again for as long as the client's
time-out, and then closes the client for good.
"""


class ClusterExecutor(Executor):
    """Runs functions on a Dask cluster; nothing on a worker's disk is shared with this machine.

    Dask itself repeats the functions of a lost worker, up to
    ``distributed.scheduler.allowed-failures`` times (3); those lost again fail with
    WorkerLostError. When the connection to the scheduler
    is lost, what was on the cluster fails with ClusterLostError; so does what is submitted while
    nobody answers. Functions may be submitted by several threads.

    It replaces ``Client.get_executor()``, whose futures never finish if the connection breaks while
    a result is fetched, and which ends with its client.
    """

    def __init__(
        self, address: str, connect: Callable[[float], Any], lost: type[Exception], here: Executor
    ) -> None:
        """Connect to a scheduler; raises ClusterLostError where nobody answers.

        ``connect`` returns a client, within so many seconds, or raises ClusterLostError. ``lost``
        is what a client raises when it gives a function up.
        """
        self._address = address
        self._connect = connect
        self._lost = lost
        self.here = here
        """For what is too large to send."""
        self._lock = threading.Lock()
        self._client = connect(CONNECT_CLUSTER)
        self._try_after = 0.0
        self._ended = False
        self._pending: set[Future[Any]] = set()
        self._warned_idle = False

    @property
    def workers(self) -> int:
        """How many functions the cluster runs at the same time at the moment; at least 1."""
        threads = 0
        client = self._client
        if client.status == "running":
            with suppress(OSError):
                # The connection may break after the check.
                threads = sum(client.nthreads().values())
        return max(1, threads)

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Wait for work in progress, but not on Ctrl-C or a shutdown."""
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` on a worker; it must be importable there."""
        future: Future[T] = Future()
        # A running future cannot be cancelled, so its result can always be set.
        future.set_running_or_notify_cancel()
        try:
            client = self._usable_client()
        except ClusterLostError as error:
            future.set_exception(error)
            return future
        try:
            # Not pure: Dask would answer an equal call with the result of an earlier one.
            remote = client.submit(fn, *args, pure=False, **kwargs)
        except Exception:
            if client.status in _USABLE:
                raise
            future.set_exception(self._connection_lost())
            return future
        # A client that was closed meanwhile has lost what it was given.
        if client.status not in _USABLE:
            future.set_exception(self._connection_lost())
            return future
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        client.loop.add_callback(self._fetch_result, client, remote, future)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect from the cluster, which stays as it is."""
        if wait and not cancel_futures:
            futures.wait(tuple(self._pending))
        with self._lock:
            self._ended = True
            # It releases what it had there.
            self._client.close()

    def _usable_client(self) -> Any:
        """Return a client; another one if Dask has given up reconnecting."""
        with self._lock:
            if self._ended:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._client.status not in _USABLE:
                if time.monotonic() < self._try_after:
                    raise no_answer(self._address)
                try:
                    # With the lock held: others that submit need the same connection.
                    self._client = self._connect(CONNECT_AGAIN)
                except ClusterLostError:
                    # Whoever submits next does not wait for the same time-out again.
                    self._try_after = time.monotonic() + CONNECT_AGAIN
                    raise
            return self._client

    async def _fetch_result(self, client: Any, remote: Any, future: Future[Any]) -> None:
        """Wait on the client's loop until a function is done, and fetch its result."""
        try:
            fetching = asyncio.ensure_future(client.gather(remote, asynchronous=True))
            while not (await asyncio.wait([fetching], timeout=_IDLE_CHECK))[0]:
                await self._warn_if_idle(client)
            future.set_result(fetching.result())
        except BaseException as error:  # whatever it is, somebody waits for the future
            if isinstance(error, self._lost):
                future.set_exception(WorkerLostError())
            # The function's own error; any other one is of the connection.
            elif remote.status == "error":
                future.set_exception(error)
            else:
                future.set_exception(self._connection_lost())

    async def _warn_if_idle(self, client: Any) -> None:
        if client.status != "running":
            return
        with suppress(OSError):
            idle = not await client.nthreads(asynchronous=True)
            if idle and not self._warned_idle:
                _log.warning("The Dask cluster has no workers; reports are waiting for one")
            self._warned_idle = idle

    def _connection_lost(self) -> ClusterLostError:
        return ClusterLostError(
            f"the connection to the Dask scheduler at {self._address} was lost; "
            "try again, or check SHADOWSERVER_DASK_SCHEDULER"
        )


def no_answer(address: str) -> ClusterLostError:
    """Return the error for a scheduler that does not answer."""
    return ClusterLostError(
        f"no Dask scheduler answers at {address}; check SHADOWSERVER_DASK_SCHEDULER"
    )


@contextmanager
def open_cluster(address: str, here: Executor) -> Iterator[ClusterExecutor]:
    """Connect to a scheduler, ``tcp://host:port``, and connect again when it was away.

    ``here`` is for what is too large to travel; it is shut down together with the cluster's
    executor. Raises SettingsError where Dask is not installed, ClusterLostError where nobody
    answers.
    """
    with here:
        try:
            # Untyped, and no dependency: few have a cluster.
            dask: Any = import_module("dask")
            distributed: Any = import_module("distributed")
            ioloop: Any = import_module("tornado.ioloop")
        except ImportError:
            raise SettingsError(
                "SHADOWSERVER_DASK_SCHEDULER needs Dask: pip install distributed"
            ) from None
        # Whole files travel with the tasks, on purpose.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})

        # One loop for all clients: a client's own loop is left behind when it fails.
        with running_loop(ioloop.IOLoop.current) as loop:

            def connect(seconds: float) -> Any:
                try:
                    return distributed.Client(
                        address, timeout=seconds, set_as_default=False, loop=loop
                    )
                except (OSError, TimeoutError):
                    raise no_answer(address) from None

            with ClusterExecutor(address, connect, distributed.KilledWorker, here) as executor:
                yield executor
