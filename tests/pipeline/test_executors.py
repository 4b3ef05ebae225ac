"""Executors of conversions, and what happens when a worker process dies."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.errors import (
    DiskFullError,
    ReportUnreadableError,
    RetriableError,
    SettingsError,
    WorkerLostError,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline import cluster, processes
from shadowserver_connector.pipeline.batch import convert_all
from shadowserver_connector.pipeline.cluster import no_answer
from shadowserver_connector.pipeline.conversions_ahead import (
    pack,
    read_chunks,
    submit_conversion,
    unpack,
)
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.pipeline.processes import ProcessExecutor, capacity, open_executor
from shadowserver_connector.simulator.generate import write_report
from shadowserver_connector.temporary import as_block
from tests.mapping.conversion import DAY, info_of
from tests.platform.rabbitmq import free_port

pytestmark = pytest.mark.integration

TYPES = ("scan_ssl", "event4_sinkhole", "device_id")


def reports(folder: Path, types: Sequence[str] = TYPES, rows: int = 60) -> list[Job]:
    """Write a generated report of each type; return their jobs."""
    jobs = []
    for name in types:
        info = info_of(name)
        write_report(folder / info.file, name, DAY, rows)
        jobs.append((folder / info.file, info))
    return jobs


def content(chunks: Iterable[Chunk]) -> list[object]:
    """Return the content of chunks in a form that can be compared."""
    return [([(each.id, each.json) for each in c.objects], c.rows) for c in chunks]


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def converted(
    jobs: Sequence[Job], out: Path, executor: Executor
) -> tuple[list[Outcome | Failure], dict[str, bytes]]:
    """Convert into a directory; return the results and all files written."""
    results = list(convert_all(jobs, out, Options(), executor, ahead=4))
    return results, files(out)


def die() -> None:
    """Kill this process, as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(marker: Path) -> str:
    """Kill this process the first time; return a value the second time."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return "done"
    die()
    raise AssertionError("unreachable")


def slowly(value: int) -> int:
    """Return a value after a while, in which other processes die."""
    time.sleep(0.2)
    return value


def refuse() -> None:
    """Raise the error of a report that cannot be read."""
    raise ReportUnreadableError("x.csv: not a table")


def test_one_worker_is_a_thread_of_this_process() -> None:
    """A single worker starts no process."""
    with open_executor(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()
        assert capacity(executor) == 1


def test_by_default_there_is_a_process_for_each_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a single processor no process is started."""
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    with open_executor(None) as executor:
        assert isinstance(executor, ProcessExecutor)
        assert capacity(executor) == 5
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with open_executor(None) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()


@pytest.mark.integration
def test_several_workers_are_processes() -> None:
    """Functions run in other processes, and their errors come back unchanged."""
    with open_executor(2) as executor:
        assert capacity(executor) == 2
        assert executor.submit(os.getpid).result() != os.getpid()
        with pytest.raises(ReportUnreadableError, match="not a table"):
            executor.submit(refuse).result()


@pytest.mark.integration
def test_work_of_a_process_that_died_is_done_again(tmp_path: Path) -> None:
    """After a single death no work is lost."""
    with open_executor(2) as executor:
        others = [executor.submit(slowly, value) for value in range(4)]
        unlucky = executor.submit(die_once, tmp_path / "marker")
        assert unlucky.result() == "done"
        assert [future.result() for future in others] == [0, 1, 2, 3]


@pytest.mark.integration
def test_only_what_kills_its_process_each_time_fails() -> None:
    """Only the work that kills its process each time fails; all other work is done."""
    with open_executor(2) as executor:
        before = [executor.submit(slowly, value) for value in range(3)]
        poison = executor.submit(die)
        with pytest.raises(WorkerLostError):
            poison.result()
        assert [future.result() for future in before] == [0, 1, 2]
        assert executor.submit(slowly, 7).result() == 7


@pytest.mark.integration
def test_work_fails_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a death the system may refuse a new process; whoever waits is told."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with open_executor(2) as executor:
        assert executor.submit(slowly, 1).result(60) == 1
        monkeypatch.setattr(processes, "_pool", refuse)
        with pytest.raises(OSError, match="allocate"):
            executor.submit(die).result(60)


def test_no_work_is_repeated_once_the_processes_are_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that is started during a shutdown would outlive the time that there is for it."""
    executor = ProcessExecutor(1)
    with pytest.raises(KeyboardInterrupt), executor:
        raise KeyboardInterrupt
    monkeypatch.setattr(processes, "_pool", lambda *_: pytest.fail("a process is started"))
    future: Future[object] = Future()
    executor._repeat(die, future)
    assert isinstance(future.exception(0), WorkerLostError)


@pytest.mark.integration
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """No worker process outlives a killed parent."""
    program = (
        "import os, sys, time\n"
        "from shadowserver_connector.pipeline.processes import ProcessExecutor\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessExecutor(2)\n"
        "    print(executor.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(program)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while _is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    # A process that has ended may wait to be collected.
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.integration
def test_processes_write_what_one_thread_writes(tmp_path: Path) -> None:
    """Results come in order, and every file has the same bytes."""
    jobs = reports(tmp_path)
    with open_executor(1) as alone, open_executor(2) as several:
        expected = converted(jobs, tmp_path / "alone", alone)
        assert converted(jobs, tmp_path / "several", several) == expected


def test_missing_dask_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting that needs Dask and how to install it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(SettingsError, match=r"SHADOWSERVER_DASK_SCHEDULER.*pip install distributed"),
        open_executor(None, "tcp://127.0.0.1:8786"),
    ):
        pass


@pytest.mark.integration
def test_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the scheduler and can be retried."""
    monkeypatch.setattr(cluster, "CONNECT_CLUSTER", 0.3)
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(RetriableError, match=f"{address}; check SHADOWSERVER_DASK_SCHEDULER"),
        open_executor(None, address),
    ):
        pass


CHUNKS = (
    Chunk((ChunkObject("artifact--1", b'{"a":"\\n"}'),), 0),
    Chunk((ChunkObject("note--1", "{\"ä\":1}".encode()), ChunkObject("note--2", b"{}")), 2),
    Chunk((), 0),
)  # fmt: skip


@pytest.mark.parametrize("chunk", CHUNKS)
def test_packed_chunk_comes_back_equal(chunk: Chunk) -> None:
    """A packed chunk keeps type, ids, bytes, order and count."""
    assert content([unpack(pack(chunk))]) == content([chunk])


def test_spooled_chunks_come_back_in_order(tmp_path: Path) -> None:
    """A spool file holds any number of chunks, including none."""
    path = tmp_path / "spool"
    path.touch()
    assert list(read_chunks(path)) == []
    with path.open("wb") as file:
        for chunk in CHUNKS:
            file.write(as_block(pack(chunk)))
    assert content(read_chunks(path)) == content(CHUNKS)


def test_conversion_that_fails_leaves_no_spool(tmp_path: Path) -> None:
    """A failed conversion deletes its spool, which may be what filled the disk."""
    [(path, info)] = reports(tmp_path, TYPES[:1])
    path.write_bytes(b"\x00\x01 no table")
    spool = tmp_path / "spool"
    spool.mkdir()
    with ThreadPoolExecutor(1) as pool:
        future = submit_conversion(pool, path, info, Options(), spool)
        with pytest.raises(ReportUnreadableError):
            future.result()
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("kind", [
    pytest.param(lambda: ThreadPoolExecutor(1), id="thread"),
    pytest.param(lambda: ProcessExecutor(2), id="processes", marks=pytest.mark.integration),
])  # fmt: skip
def test_chunks_of_a_worker_are_those_of_a_direct_conversion(
    tmp_path: Path, kind: Callable[[], Executor]
) -> None:
    """Chunks and outcome are equal, and the spool is empty afterwards."""
    ((path, info),) = reports(tmp_path, ["scan_ssl"], rows=700)
    spool = tmp_path / "spool"
    spool.mkdir()
    direct: list[Chunk] = []
    outcome = convert_report(path, info, Options(), direct.append)
    replayed: list[Chunk] = []
    with kind() as executor:
        conversion = submit_conversion(executor, path, info, Options(), spool).result()
    assert conversion.emit_and_delete(replayed.append) == outcome
    assert content(replayed) == content(direct)
    assert list(spool.iterdir()) == []


class _Losing(ThreadPoolExecutor):
    """An executor that loses its first function."""

    def __init__(self, error: Exception) -> None:
        super().__init__(1)
        self._errors = [error]

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        if self._errors:
            fn, args = self._lose, (self._errors.pop(),)
        return super().submit(fn, *args, **kwargs)

    @staticmethod
    def _lose(error: Exception) -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(WorkerLostError(), "each process", id="worker"),
        pytest.param(no_answer("tcp://127.0.0.1:8786"), "no Dask scheduler", id="cluster"),
    ],
)
def test_report_whose_worker_or_cluster_is_lost_fails_alone(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    """The report of a lost worker or cluster fails by name; the others are converted."""
    jobs = reports(tmp_path)
    with _Losing(error) as executor:
        results, _ = converted(jobs, tmp_path / "out", executor)
    failure, *others = results
    assert isinstance(failure, Failure)
    assert failure.reason.startswith(f"{jobs[0][1].file}: {reason}")
    assert all(isinstance(other, Outcome) for other in others)


def test_full_disk_is_no_failure_of_a_report(tmp_path: Path) -> None:
    """A full disk ends the run, as every report would meet it."""
    with (
        _Losing(DiskFullError("no space is left on the disk; free some")) as executor,
        pytest.raises(DiskFullError),
    ):
        converted(reports(tmp_path), tmp_path / "out", executor)


def blocked() -> set[int]:
    """Return the blocked signals."""
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])}


def test_idle_process_ends_when_it_is_told_to(capfd: pytest.CaptureFixture[str]) -> None:
    """An idle worker ends silently on SIGTERM; another one does the next work."""
    with ProcessExecutor(1) as executor:
        idle = executor.submit(os.getpid).result()
        os.kill(idle, signal.SIGTERM)
        assert executor.submit(slowly, 7).result() == 7
        assert executor.submit(os.getpid).result() != idle
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_is_the_parents_alone() -> None:
    """Workers ignore Ctrl-C, even while they start; the parent still gets it."""
    before = blocked()
    with ProcessExecutor(1) as executor:
        assert signal.SIGINT in executor.submit(blocked).result()
    assert blocked() == before


def waiting_for_ever(folder: Path) -> None:
    """Work in a folder of its own until the process ends."""
    with tempfile.TemporaryDirectory(dir=folder):
        (folder / f"begun-{os.getpid()}").touch()
        while True:
            time.sleep(0.01)


class FolderRemovedSlowly:
    """A folder that takes a moment to remove."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.path.mkdir()

    def __exit__(self, *_error: object) -> None:
        time.sleep(0.5)
        self.path.rmdir()


def waiting_in(folder: FolderRemovedSlowly) -> None:
    """Work in a folder of its own until the process ends."""
    with folder:
        while True:
            time.sleep(0.01)


def test_files_are_removed_though_another_process_ended_before(tmp_path: Path) -> None:
    """A process that is asked to end while it removes its files still removes all of them."""
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    quick.mkdir()

    def interrupted() -> None:
        with ProcessExecutor(2) as executor:
            executor.submit(waiting_in, FolderRemovedSlowly(slow))
            executor.submit(waiting_for_ever, quick)
            while not (slow.is_dir() and list(quick.glob("begun-*"))):
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not slow.is_dir()


def test_ctrl_c_waits_for_no_work(tmp_path: Path) -> None:
    """On Ctrl-C running work is ended and its files are deleted; waiting work does not start."""

    def interrupted() -> None:
        with ProcessExecutor(2) as executor:
            for _ in range(5):
                executor.submit(waiting_for_ever, tmp_path)
            while len(list(tmp_path.glob("begun-*"))) < 2:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    assert len(list(tmp_path.iterdir())) == 2
