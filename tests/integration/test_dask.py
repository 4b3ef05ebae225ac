"""Reports converted on a Dask cluster: the same bytes, even if a worker is killed."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.errors import ClusterLostError, SettingsError, WorkerLostError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline import bounds, conversions_ahead
from shadowserver_connector.pipeline import cluster as cluster_module
from shadowserver_connector.pipeline.batch import convert_all
from shadowserver_connector.pipeline.cluster import ClusterExecutor
from shadowserver_connector.pipeline.conversions_ahead import submit_conversion
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.pipeline.processes import capacity, open_executor
from tests.connector.test_ahead import api_with_reports, run, works
from tests.pipeline.test_executors import content, converted, die, reports
from tests.platform.cluster import Cluster, started

pytestmark = [
    pytest.mark.integration,
    # Dask's own connections, left to the garbage collector when a worker is killed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster of two workers."""
    with started(tmp_path, 2) as both:
        yield both


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def client_of(executor: Any) -> Any:
    """Return Dask's client, to inspect the cluster."""
    return executor._client


def kill_busy(executor: Any, cluster: Cluster) -> str:
    """Kill a worker that is running a function; return its name."""
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
    """After one of two workers was killed, outcomes and every file are as without Dask."""
    jobs = reports(tmp_path, ("scan_ssl", "event4_sinkhole", "device_id", "scan_ssh"), rows=2_000)
    with ThreadPoolExecutor(1) as alone:
        expected = converted(jobs, tmp_path / "alone", alone)
    with open_executor(1, cluster.address) as executor:
        client_of(executor).wait_for_workers(2, timeout=60)
        assert capacity(executor) == 2
        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(converted, jobs, tmp_path / "cluster", executor)
            kill_busy(executor, cluster)
            assert running.result() == expected
        assert capacity(executor) == 1


def test_report_that_kills_each_worker_fails_alone(tmp_path: Path) -> None:
    """Dask gives up a report that kills each worker; the others are done."""
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
    """Workers need no shared disk; a file too large to send is converted locally."""
    ((path, info),) = reports(tmp_path, ["scan_ssl"])
    submitted: list[Any] = []
    with open_executor(None, cluster.address) as executor:
        submit = executor.submit
        monkeypatch.setattr(
            executor, "submit", lambda fn, *args: (submitted.append(fn), submit(fn, *args))[1]
        )
        travelled = submit_conversion(executor, path, info, Options(), tmp_path).result()
        assert len(submitted) == 1
        monkeypatch.setattr(conversions_ahead, "MAX_BYTES_TO_CLUSTER", path.stat().st_size - 1)
        stayed = submit_conversion(executor, path, info, Options(), tmp_path).result()
        assert len(submitted) == 1
    chunks: tuple[list[Any], list[Any]] = ([], [])
    assert travelled.emit_and_delete(chunks[0].append) == stayed.emit_and_delete(chunks[1].append)
    assert content(chunks[0]) == content(chunks[1])


def test_large_reports_are_converted_by_processes_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many run at once as without Dask, and every file is the same."""
    jobs = reports(tmp_path, ("scan_ssl", "event4_sinkhole", "device_id", "scan_ssh"))
    with ThreadPoolExecutor(1) as alone:
        expected = converted(jobs, tmp_path / "alone", alone)
    monkeypatch.setattr(conversions_ahead, "MAX_BYTES_TO_CLUSTER", 0)
    with started(tmp_path, 0) as empty, open_executor(2, empty.address) as executor:
        assert capacity(executor) == 2
        assert converted(jobs, tmp_path / "cluster", executor) == expected
        assert isinstance(executor, ClusterExecutor)
        assert executor.here.submit(os.getpid).result() != os.getpid()


def answers(address: str) -> bool:
    """Tell whether something listens at an address."""
    try:
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 1).close()
    except OSError:
        return False
    return True


def threads() -> list[str]:
    """Return the names of all threads, in order."""
    return sorted(thread.name for thread in threading.enumerate())


def close_client(executor: Any, gone: Cluster) -> None:
    """Kill the cluster and wait until Dask has stopped reconnecting."""
    client = client_of(executor)
    gone.kill()
    until(lambda: client.status == "closed")


def test_cluster_that_comes_back_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During the outage work fails with an error that can be retried; then all works again."""
    monkeypatch.setattr(cluster_module, "CONNECT_CLUSTER", 1.0)
    monkeypatch.setattr(cluster_module, "CONNECT_AGAIN", 0.5)
    jobs = reports(tmp_path)
    lost = r"to the Dask scheduler at .* was lost; .*check SHADOWSERVER_DASK_SCHEDULER"
    away = r"no Dask scheduler answers at .*; check SHADOWSERVER_DASK_SCHEDULER"
    with ExitStack() as stack:
        first = stack.enter_context(started(tmp_path, 1))
        until(lambda: answers(first.address))
        executor = stack.enter_context(open_executor(1, first.address))
        before = executor.submit(os.getpid).result()
        under_way = [executor.submit(time.sleep, 600) for _ in range(3)]
        close_client(executor, first)
        for sleeping in under_way:
            with pytest.raises(ClusterLostError, match=lost):
                sleeping.result(60)

        running = threads()
        with ThreadPoolExecutor(4, thread_name_prefix="submit") as several:
            submitted = list(several.map(lambda _: executor.submit(int, "7"), range(8)))
        for future in submitted:
            with pytest.raises(ClusterLostError, match=away):
                future.result(60)
        assert capacity(executor) == 1
        failures, _ = converted(jobs, tmp_path / "away", executor)
        assert [failure.info for failure in failures] == [info for _, info in jobs]
        for failure in failures:
            assert isinstance(failure, Failure)
            assert re.search(f"^{failure.info.file}: {away}", failure.reason)
        # Whatever is tried while the scheduler is away leaves nothing behind.
        assert threads() == running

        stack.enter_context(started(tmp_path, 1, address=first.address))
        with ThreadPoolExecutor(1) as alone:
            expected = converted(jobs, tmp_path / "alone", alone)
        until(lambda: executor.submit(os.getpid).exception() is None)
        assert executor.submit(os.getpid).result() != before
        assert converted(jobs, tmp_path / "back", executor) == expected


def test_lost_cluster_is_left_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a closed client nor one that reconnects keeps the process alive."""
    before = threads()
    with started(tmp_path, 1) as gone:
        with open_executor(1, gone.address) as executor:
            assert executor.submit(int, "7").result() == 7
            gone.kill()
            until(lambda: client_of(executor).status == "connecting")
        assert [name for name in threads() if name == "loop"] == []
    monkeypatch.setattr(cluster_module, "CONNECT_CLUSTER", 1.0)
    with started(tmp_path, 0) as gone:
        until(lambda: answers(gone.address))
        with open_executor(1, gone.address) as executor:
            close_client(executor, gone)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)
    assert [name for name in threads() if name not in before and "loop" in name.lower()] == []


def test_cluster_without_workers_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says that a worker is waited for; when one comes, everything is done."""
    monkeypatch.setattr(cluster_module, "_IDLE_CHECK", 0.1)
    # pycti sets the level of all loggers in the process, also for tests that come later.
    caplog.set_level(logging.WARNING, logger=cluster_module.__name__)
    with started(tmp_path, 0) as empty, open_executor(1, empty.address) as executor:
        futures = [executor.submit(int, "7") for _ in range(3)]
        until(lambda: caplog.records)
        time.sleep(0.5)
        assert caplog.messages == ["The Dask cluster has no workers; reports are waiting for one"]
        assert not any(future.done() for future in futures)
        empty.add("late")
        assert [future.result(60) for future in futures] == [7, 7, 7]


def test_what_came_back_waits_on_disk(tmp_path: Path, cluster: Cluster) -> None:
    """Results that are early wait on the disk; a disk error fails only its own report."""
    jobs = reports(tmp_path, ["scan_ssl", "scan_ssh"])
    spool = tmp_path / "spool"
    spool.mkdir()
    with open_executor(None, cluster.address) as executor:
        futures = [
            submit_conversion(executor, path, info, Options(), folder)
            for (path, info), folder in zip(jobs, (spool, tmp_path / "missing"), strict=True)
        ]
        conversion = futures[0].result(60)
        assert [conversion.chunks_path] == list(spool.iterdir())
        with pytest.raises(OSError, match="missing"):
            futures[1].result(60)
    conversion.emit_and_delete(lambda chunk: None)
    assert list(spool.iterdir()) == []


def test_convert_begins_no_more_than_fits_on_the_disk(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no space for files ahead, each report starts when the one before it is done."""
    monkeypatch.setattr(bounds, "MAX_BYTES_AHEAD", 0)
    taken: list[Job] = []

    def jobs() -> Iterator[Job]:
        for job in reports(tmp_path, ["scan_ssl", "scan_ssh", "device_id"], rows=5):
            taken.append(job)
            yield job

    with open_executor(1, cluster.address) as executor:
        results = convert_all(jobs(), tmp_path / "out", Options(), executor, ahead=4)
        for number, _ in enumerate(results, 1):
            assert len(taken) == number
    assert len(taken) == 3


def test_connector_sends_the_same_through_a_cluster(tmp_path: Path, cluster: Cluster) -> None:
    """Works, messages and failures are as in one process, and no file is left."""
    expected = run(api_with_reports(), tmp_path / "in-turn", None)
    with open_executor(None, cluster.address) as executor:
        bounds = run(api_with_reports(), tmp_path / "ahead", executor)
    assert bounds.messages == expected.messages
    assert works(bounds) == works(expected)
    assert [path for path in (tmp_path / "ahead").rglob("*") if path.is_file()] == []


def wait_for(path: Path) -> None:
    """Occupy a worker until a file exists."""
    while not path.exists():
        time.sleep(0.01)


def test_ctrl_c_waits_for_no_work_on_a_cluster(tmp_path: Path, cluster: Cluster) -> None:
    """On Ctrl-C running work is not waited for, and the cluster stays for others."""

    def interrupted() -> None:
        with open_executor(None, cluster.address) as executor:
            future = executor.submit(wait_for, tmp_path / "end")
            until(lambda: any(client_of(executor).processing().values()))
            try:
                raise KeyboardInterrupt
            finally:
                assert not future.done()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    # Dask cannot end what runs, and may give its worker the next function all the same.
    (tmp_path / "end").touch()
    with open_executor(None, cluster.address) as executor:
        assert executor.submit(int, "7").result() == 7


def test_worker_with_another_version_is_refused(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of another version stops the run, as ids may differ; the error has both."""
    ((path, info),) = reports(tmp_path, ["scan_ssl"])
    monkeypatch.setattr(conversions_ahead, "__version__", "0.0.1")
    with (
        open_executor(None, cluster.address) as executor,
        pytest.raises(SettingsError, match=r"and not 0\.0\.1"),
    ):
        submit_conversion(executor, path, info, Options(), tmp_path).result()
