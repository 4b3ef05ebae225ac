"""A Dask cluster on the loopback interface."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.platform.rabbitmq import free_port

ROOT = Path(__file__).parents[2]


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(
        self,
        address: str,
        scheduler: subprocess.Popen[bytes],
        start_worker: Callable[[str], subprocess.Popen[bytes]],
    ) -> None:
        self.address = address
        self.scheduler = scheduler
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        """By name."""
        self._start_worker = start_worker

    def add(self, name: str) -> None:
        """Start a worker."""
        self.workers[name] = self._start_worker(name)

    def kill(self) -> None:
        """Kill the scheduler and all workers."""
        for process in (self.scheduler, *self.workers.values()):
            process.kill()
            process.wait(10)


@contextmanager
def started(
    folder: Path, workers: int, *, address: str | None = None, allowed_failures: int = 3
) -> Iterator[Cluster]:
    """Start a cluster on the loopback interface; all of it is killed at the end.

    ``address`` is that of a cluster before it, else a free one.
    ``allowed_failures`` is how often a function may kill its worker; 3 is Dask's default.
    """
    setting = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
    address = address or f"tcp://127.0.0.1:{free_port()}"
    with ExitStack() as stack:

        def spawn(*arguments: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((folder / "dask.log").open("ab"))
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *arguments],
                cwd=ROOT,
                env=os.environ | setting,
                stdout=log,
                stderr=log,
            )
            stack.callback(process.wait, 10)
            stack.callback(process.kill)
            return process

        scheduler = spawn(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard",
            "--no-show", "--port", address.rpartition(":")[2],
        )  # fmt: skip

        def start_worker(name: str) -> subprocess.Popen[bytes]:
            return spawn(
                "distributed.cli.dask_worker", address, "--name", name, "--nthreads", "1",
                "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
                "--local-directory", str(folder),
            )  # fmt: skip

        cluster = Cluster(address, scheduler, start_worker)
        for number in range(workers):
            cluster.add(f"worker-{number}")
        yield cluster
