"""Reports converted on a Dask cluster: the same bytes, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline import anywhere
from shadowserver_connector.pipeline.anywhere import convert_anywhere
from shadowserver_connector.pipeline.executors import capacity, open_executor
from shadowserver_connector.pipeline.lost import WorkerLostError
from tests.connector.test_ahead import api_with_reports, run, works
from tests.pipeline.test_executors import content, converted, die, reports
from tests.platform.rabbitmq import free_port

pytestmark = [
    pytest.mark.integration,
    # Dask's own connections, left to the garbage collector when a worker is killed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROOT = Path(__file__).parents[2]


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, address: str, workers: dict[str, subprocess.Popen[bytes]]) -> None:
        self.address = address
        self.workers = workers
        """By name."""


@contextmanager
def started(folder: Path, workers: int, *, allowed_failures: int = 3) -> Iterator[Cluster]:
    """Start a cluster on the loopback interface; all of it is killed at the end.

    ``allowed_failures`` is how often a function may kill its worker; 3 is Dask's default.
    """
    setting = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
    address = f"tcp://127.0.0.1:{free_port()}"
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

        spawn(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard",
            "--no-show", "--port", address.rpartition(":")[2],
        )  # fmt: skip
        names = [f"worker-{number}" for number in range(workers)]
        yield Cluster(address, {
            name: spawn(
                "distributed.cli.dask_worker", address, "--name", name, "--nthreads", "1",
                "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
                "--local-directory", str(folder),
            )
            for name in names
        })  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster of two workers."""
    with started(tmp_path, 2) as both:
        yield both


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def client_of(executor: Any) -> Any:
    """Return Dask's client, to look into the cluster."""
    return executor._client


def kill_busy(executor: Any, cluster: Cluster) -> str:
    """Kill a worker that has something under way; return its name."""
    client = client_of(executor)
    names = {
        address: worker["name"] for address, worker in client.scheduler_info()["workers"].items()
    }
    while True:
        busy = next((address for address, keys in client.processing().items() if keys), None)
        if busy is None:
            time.sleep(0.01)
            continue
        process = cluster.workers[names[busy]]
        # Held, it cannot finish between the look and the kill.
        process.send_signal(signal.SIGSTOP)
        if client.processing()[busy]:
            process.kill()
            process.wait(10)
            return names[busy]
        process.send_signal(signal.SIGCONT)


def test_results_are_those_without_dask_when_a_worker_is_killed(
    tmp_path: Path, cluster: Cluster
) -> None:
    """Of two workers one is killed in the middle; outcomes and every file are the same."""
    jobs = reports(tmp_path, ("scan_ssl", "event4_sinkhole", "device_id", "scan_ssh"), rows=2_000)
    with ThreadPoolExecutor(1) as alone:
        expected = converted(jobs, tmp_path / "alone", alone)
    with open_executor(None, cluster.address) as executor:
        client_of(executor).wait_for_workers(2, timeout=60)
        assert capacity(executor) == 2
        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(converted, jobs, tmp_path / "cluster", executor)
            kill_busy(executor, cluster)
            assert running.result() == expected
        assert capacity(executor) == 1


def test_report_that_kills_each_worker_fails_alone(tmp_path: Path) -> None:
    """Dask gives it up; what else there is to do is done."""
    with (
        started(tmp_path, 3, allowed_failures=1) as many,
        open_executor(None, many.address) as executor,
    ):
        client_of(executor).wait_for_workers(3, timeout=60)
        with pytest.raises(WorkerLostError):
            executor.submit(die).result()
        assert executor.submit(os.getpid).result() != os.getpid()


def test_file_travels_unless_it_is_too_large(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers need no disk of ours; what is too large for the way is converted here."""
    ((path, info),) = reports(tmp_path, ["scan_ssl"])
    submitted: list[Any] = []
    with open_executor(None, cluster.address) as executor:
        submit = executor.submit
        monkeypatch.setattr(
            executor, "submit", lambda fn, *args: (submitted.append(fn), submit(fn, *args))[1]
        )
        travelled = convert_anywhere(executor, path, info, Options(), tmp_path).result()
        assert len(submitted) == 1
        monkeypatch.setattr(anywhere, "MOST_CARRIED", path.stat().st_size - 1)
        stayed = convert_anywhere(executor, path, info, Options(), tmp_path).result()
        assert len(submitted) == 1
    chunks: tuple[list[Any], list[Any]] = ([], [])
    assert travelled.replay(chunks[0].append) == stayed.replay(chunks[1].append)
    assert content(chunks[0]) == content(chunks[1])


def test_what_came_back_waits_on_disk(tmp_path: Path, cluster: Cluster) -> None:
    """Reports done before their turn take no memory; where the disk fails, only one report does."""
    jobs = reports(tmp_path, ["scan_ssl", "scan_ssh"])
    spool = tmp_path / "spool"
    spool.mkdir()
    with open_executor(None, cluster.address) as executor:
        futures = [
            convert_anywhere(executor, path, info, Options(), folder)
            for (path, info), folder in zip(jobs, (spool, tmp_path / "missing"), strict=True)
        ]
        conversion = futures[0].result(60)
        assert [conversion.path] == list(spool.iterdir())
        with pytest.raises(OSError, match="missing"):
            futures[1].result(60)
    conversion.replay(lambda chunk: None)
    assert list(spool.iterdir()) == []


def test_connector_sends_the_same_through_a_cluster(tmp_path: Path, cluster: Cluster) -> None:
    """Works, messages and failures are those of a run in one process; nothing stays on disk."""
    expected = run(api_with_reports(), tmp_path / "in-turn", None)
    with open_executor(None, cluster.address) as executor:
        ahead = run(api_with_reports(), tmp_path / "ahead", executor)
    assert ahead.messages == expected.messages
    assert works(ahead) == works(expected)
    assert [path for path in (tmp_path / "ahead").rglob("*") if path.is_file()] == []


def test_ctrl_c_waits_for_no_work_on_a_cluster(cluster: Cluster) -> None:
    """What is under way there is not waited for, and the cluster stays for others."""

    def interrupted() -> None:
        with open_executor(None, cluster.address) as executor:
            future = executor.submit(time.sleep, 600)
            until(lambda: any(client_of(executor).processing().values()))
            try:
                raise KeyboardInterrupt
            finally:
                assert not future.done()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with open_executor(None, cluster.address) as executor:
        assert executor.submit(int, "7").result() == 7


def test_worker_with_another_version_is_refused(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Different versions may give different ids, so the run stops and names both."""
    ((path, info),) = reports(tmp_path, ["scan_ssl"])
    monkeypatch.setattr(anywhere, "__version__", "0.0.1")
    with (
        open_executor(None, cluster.address) as executor,
        pytest.raises(SettingsError, match=r"and not 0\.0\.1"),
    ):
        convert_anywhere(executor, path, info, Options(), tmp_path).result()
