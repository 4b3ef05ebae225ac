"""The status: built from events, kept in a file, judged against the clock."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from shadowserver_connector.connector.events import (
    DayCompleted,
    DaysGivenUp,
    Event,
    Exited,
    FileProcessed,
    ReportDone,
    ReportFailed,
    ReportSkipped,
    ReportsListed,
    ReportsRefused,
    RequestRetried,
    RunEnded,
    RunStarted,
    WaitChanged,
)
from shadowserver_connector.errors import CredentialsError, SinkUnavailableError
from shadowserver_connector.operations.status import (
    FailedFile,
    Run,
    Status,
    as_json,
    from_json,
    health_line,
    problems,
    status_after,
)
from shadowserver_connector.operations.status_file import (
    StatusWriter,
    observe_run,
    read_status,
    status_path,
    write_status,
)
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.load import Settings
from shadowserver_connector.waiting import Stopping
from tests.sink.pycti_fakes import FakeLog

NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=10)
INFO = ReportInfo("scan_ssl", date(2024, 3, 9), "2024-03-09-scan_ssl-x.csv", id="capability")
DONE = ReportDone(
    Outcome(
        INFO, "high", rows=12, noted=9, merged=1, filtered=2, cut=0, chunks=1,
        objects={"note": 9, "report": 1}, size=1000, sha256="",
    ),
    2.5,
)  # fmt: skip
FAILED = ReportFailed("bad.csv", "bad.csv: no header", "ReportUnreadableError", 2)


def status_of(*events: Event) -> Status:
    """Return the status of a connector after these events."""
    status = Status(NOON, NOON)
    for event in events:
        status = status_after(status, event)
    return status


LISTED = ReportsListed(INFO.day, dict.fromkeys("abc", INFO.day))
FULL = status_of(
    RunStarted(NOON), LISTED, DONE, ReportSkipped("empty.csv"), FAILED,
    RequestRetried("reports/list"), ReportsRefused(INFO.day, ("stray.csv",)),
    DaysGivenUp(("2024-01-01: still incomplete",)), RunEnded(LATER, complete=True, reason=""),
    FileProcessed("mail.zip", ""), FileProcessed("other.zip", "other.zip: encrypted"), DONE,
    RunStarted(LATER),
)  # fmt: skip


def test_a_run_is_counted() -> None:
    """A run counts done, skipped and failed reports, the latter with reasons, and findings sent."""
    run = FULL.last
    assert run is not None
    assert (run.new, run.done, run.skipped, run.failed) == (3, 1, 1, 1)
    assert (run.findings, run.objects) == (10, 10)
    assert run.failures == (FailedFile("bad.csv", "bad.csv: no header", 2),)
    assert (run.started, run.ended, run.complete) == (NOON, LATER, True)
    assert FULL.newest_day == "2024-03-09"


def test_the_last_run_stays_while_the_next_is_under_way() -> None:
    """The status has both runs; files dropped between them count for neither."""
    assert FULL.current is not None
    assert FULL.current.started == LATER
    assert FULL.current.done == 0
    assert FULL.drop_folder.done == 1
    assert FULL.drop_folder.failed == 1
    assert FULL.drop_folder.failures == (FailedFile("other.zip", "other.zip: encrypted"),)


def test_failures_are_named_up_to_a_bound() -> None:
    """The status names a bounded number of failures, so that its file stays small."""
    status = status_of(RunStarted(NOON), *[FAILED] * 1000)
    assert status.current is not None
    assert status.current.failed == 1000
    assert len(status.current.failures) == 20
    status = status_of(*(FileProcessed(f"{number}.zip", "encrypted") for number in range(25)))
    assert status.drop_folder.failed == 25
    assert [each.file for each in status.drop_folder.failures] == [
        f"{number}.zip" for number in range(5, 25)
    ]
    assert problems(status, NOON)[0].startswith("25 files of the drop folder failed")


def test_json_and_back() -> None:
    """A status written as JSON is read back equal."""
    assert from_json(json.dumps(as_json(FULL)).encode()) == FULL
    assert from_json(json.dumps(as_json(Status(NOON, NOON))).encode()) == Status(NOON, NOON)


NEXT = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "now", "said"),
    [
        (Status(NOON, NOON), NOON, ""),
        (Status(NOON, NOON, next_run=NEXT), LATER - timedelta(minutes=6), ""),
        (Status(NOON, NEXT, next_run=NEXT), NEXT + timedelta(minutes=4), ""),
        (Status(NOON, NOON, next_run=NEXT), LATER, "is not running, last seen 10 minutes ago"),
        (Status(NOON, NEXT, next_run=NEXT), NEXT + timedelta(minutes=16), "is overdue"),
        (Status(NOON, NEXT), NEXT, "no run has begun since the start 60 minutes ago"),
        (Status(NOON, LATER), LATER, ""),
        (
            Status(NOON, NEXT, last=Run(NOON - timedelta(days=1), NOON, complete=True)),
            NEXT,
            "no run has begun",
        ),
        (status_of(RunStarted(NOON)), LATER, "stopped in the middle of a run"),
        (status_of(RunStarted(NOON)), NOON + timedelta(minutes=4), ""),
        (
            status_of(RunStarted(NOON), RunEnded(NOON, complete=True, reason="")),
            NOON + timedelta(days=9),
            "",
        ),
        (
            status_of(RunStarted(NOON), RunEnded(NOON, complete=False, reason="refused")),
            NOON,
            "did not complete: refused",
        ),
        (
            status_of(RunStarted(NOON), RunEnded(NOON, complete=False, reason="")),
            NOON,
            "some days could not be queried",
        ),
        (
            status_of(RunStarted(NOON), FAILED, RunEnded(NOON, complete=True, reason="")),
            NOON,
            "1 report of the last run failed",
        ),
        (
            status_of(
                RunStarted(NOON),
                ReportsRefused(INFO.day, ("a", "b")),
                RunEnded(NOON, complete=True, reason=""),
            ),
            NOON,
            "2 reports listed for the wrong day",
        ),
        (
            status_of(
                RunStarted(NOON),
                DaysGivenUp(("2024-01-01: hopeless",)),
                RunEnded(NOON, complete=True, reason=""),
                RunStarted(NOON),
                RunEnded(NOON, complete=True, reason=""),
            ),
            NOON,
            "given up, their reports are missing: 2024-01-01: hopeless",
        ),
        (
            replace(status_of(RunStarted(NOON)), alive=LATER),
            LATER - timedelta(minutes=6),
            "the last heartbeat is 6 minutes ahead of this clock",
        ),
        (status_of(FileProcessed("x.zip", "why")), NOON, "1 file of the drop folder failed"),
        (
            status_of(Exited("the token is refused")),
            NEXT,
            "the connector exited: the token is refused; then start it again",
        ),
        (
            status_of(RunStarted(NOON), RunEnded(NOON, complete=False, reason="no"), Exited("no")),
            NOON,
            "the connector exited: no",
        ),
    ],
)
def test_what_a_person_should_look_at(status: Status, now: datetime, said: str) -> None:
    """A dead or late connector and a failed run are problems; one run by a
    scheduler is never late.
    """
    found = problems(status, now)
    assert len(found) == (1 if said else 0)
    assert said in "".join(found)


AWAY = WaitChanged("OpenCTI", "the server's certificate has expired", NOON)


def test_the_verdict_is_one_line() -> None:
    """The verdict is OK, or the first problem with its cure and the number of further ones."""
    assert health_line(Status(NOON, NOON), NOON) == "OK"
    assert health_line(status_of(AWAY), NOON + timedelta(minutes=4)) == "OK"
    long = status_of(AWAY, AWAY, WaitChanged("the disk", "x", LATER))
    said = health_line(replace(long, alive=LATER), LATER)
    assert (
        said == "NOT OK: waiting for OpenCTI for 10 minutes: the server's certificate has expired"
    )
    over = status_after(long, WaitChanged("OpenCTI", "", LATER))
    assert health_line(replace(over, alive=LATER), LATER) == "OK"
    both = status_of(RunStarted(NOON), FAILED, RunEnded(NOON, complete=False, reason="no"))
    assert health_line(both, NOON).startswith("NOT OK: the last run did not complete: no; ")
    assert health_line(both, NOON).endswith(" (and 1 more)")


def test_a_stopped_run_is_made_good_by_the_next() -> None:
    """A stopped run is no problem once the next starts; a failed one stays until one completes."""
    stopped = status_of(RunStarted(NOON), RunEnded(NOON, complete=False, reason="stopped"))
    assert health_line(stopped, NOON) != "OK"
    assert health_line(status_after(stopped, RunStarted(NOON)), NOON) == "OK"
    failed = status_of(
        RunStarted(NOON), RunEnded(NOON, complete=False, reason="no", cause="credentials")
    )
    assert health_line(status_after(failed, RunStarted(NOON)), NOON) != "OK"


def test_a_new_process_knows_what_the_last_one_did(tmp_path: Path) -> None:
    """A restart keeps the time of the last complete run and the current problems."""
    path = tmp_path / "status.json"
    earlier = status_of(
        RunStarted(NOON), DayCompleted(INFO.day), RunEnded(NOON, complete=True, reason=""),
        RunStarted(LATER), RunEnded(LATER, complete=False, reason="no", cause="credentials"), AWAY,
    )  # fmt: skip
    write_status(path, earlier)
    write_status(path, status_after(earlier, Exited("no")))
    found = StatusWriter(path, FakeLog()).status
    assert found.exit_reason == ""
    assert found.last_complete == NOON
    assert found.newest_whole_day == str(INFO.day)
    assert found.failing == {"credentials": 1}
    assert found.waiting == ()
    assert found.last == earlier.last


def test_the_file_is_written_whole(tmp_path: Path) -> None:
    """The status is written to a temporary file and renamed; other users may read it."""
    path = tmp_path / "new" / "status.json"
    write_status(path, FULL)
    assert read_status(path) == FULL
    assert os.listdir(path.parent) == ["status.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_link_in_its_place_is_replaced(tmp_path: Path) -> None:
    """A link at the status file's path is replaced, so nothing is written through it."""
    target = tmp_path / "target"
    target.write_text("precious")
    path = tmp_path / "status.json"
    path.symlink_to(target)
    write_status(path, FULL)
    assert target.read_text() == "precious"
    assert not path.is_symlink()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link", "dangling link"])
def test_what_only_looks_like_a_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    """A pipe at the path does not block, a device is not replaced, a link is not read through."""
    path = tmp_path / "status.json"
    make: dict[str, Callable[[], None]] = {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/null"),
        "link": lambda: path.symlink_to(tmp_path / "target"),
        "dangling link": lambda: path.symlink_to(tmp_path / "nowhere"),
    }
    write_status(tmp_path / "target", FULL)
    make[kind]()
    if kind == "device":
        path = Path("/dev/null")
    before = path.lstat()
    with pytest.raises(SinkUnavailableError, match="not a regular file"):
        read_status(path)
    log = FakeLog()
    writer = StatusWriter(path, log)
    if "link" not in kind:
        writer.observe(RunStarted(datetime.now(UTC)))
        writer.beat()
        [(level, said, meta)] = log.lines
        assert (level, said) == ("warning", "The status file cannot be written")
        assert meta["reason"] == "it is not a regular file"
    assert stat.S_IFMT(path.lstat().st_mode) == stat.S_IFMT(before.st_mode)
    assert path.lstat().st_ino == before.st_ino


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"version": 1, "alive": 7}'])
def test_what_is_no_status_is_said(tmp_path: Path, content: str | None) -> None:
    """A file that is no status is an error of one line that names it."""
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SinkUnavailableError, match=r"status\.json: "):
        read_status(path)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("alive", "2024-03-10T12:00:00"),
        ("started", "0001-01-01T00:00:00+14:00"),
        ("next_run", "9999-12-31T23:59:59-12:00"),
        ("queue_megabytes", "much"),
        ("newest_day", 20240310),
        ("given_up", [5]),
        ("given_up", None),
        ("last_run", 5),
        ("last_run", {}),
        ("drop_folder", {"done": "x", "failures": []}),
        ("drop_folder", {"done": 1, "failed": -1, "failures": []}),
        ("drop_folder", {"done": 1, "failures": [{"file": 1, "reason": "", "times": 1}]}),
        ("drop_folder", {"done": 1, "failures": [{"file": "x", "reason": "", "times": "many"}]}),
    ],
)
def test_a_status_of_the_wrong_kind_is_said(tmp_path: Path, part: str, wrong: object) -> None:
    """A status with a value of the wrong type is refused as a whole."""
    path = tmp_path / "status.json"
    path.write_text(json.dumps({**as_json(FULL), part: wrong}))
    with pytest.raises(SinkUnavailableError, match="not written by this version"):
        read_status(path)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [("failed", "x"), ("done", True), ("new", -1), ("reason", None), ("failures", 5),
     ("ended", "2024-03-10"), ("objects", 1.5)],
)  # fmt: skip
def test_a_run_of_the_wrong_kind_is_said(tmp_path: Path, part: str, wrong: object) -> None:
    """A status whose run has values of wrong types is refused."""
    path = tmp_path / "status.json"
    stored = as_json(FULL)
    path.write_text(json.dumps({**stored, "last_run": {**stored["last_run"], part: wrong}}))
    with pytest.raises(SinkUnavailableError, match="not written by this version"):
        read_status(path)


def test_days_given_up_are_named_up_to_a_bound() -> None:
    """The status names the last twenty days given up since the start."""
    status = status_of(*(DaysGivenUp((f"day {n}", f"and {n}")) for n in range(11)))
    assert len(status.given_up) == 20
    assert status.given_up[-1] == "and 10"
    assert status.given_up[0] == "day 1"


CONNECTOR = "0f0e0d0c-0000-4000-8000-00000000feed"


def test_where_the_file_is(tmp_path: Path) -> None:
    """The file is where the settings say, else in the temporary directory, named after the id."""
    settings = Settings.model_validate({"connector": {"id": CONNECTOR}})
    assert (
        status_path(settings)
        == Path(tempfile.gettempdir()) / f"shadowserver-{CONNECTOR}.status.json"
    )
    configured = {"shadowserver": {"status_file": str(tmp_path / "s.json")}}
    assert status_path(Settings.model_validate(configured)) == tmp_path / "s.json"


class Clock:
    """A clock that a test sets by hand."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time


def helper(next_run: str | None = None) -> SimpleNamespace:
    """Return the parts of pycti's helper that the writer reads."""
    info = SimpleNamespace(queue_messages_size=1.5, next_run_datetime=next_run)
    return SimpleNamespace(connector_info=info)


def test_the_watch_writes_what_happens(tmp_path: Path) -> None:
    """Queue and next run come from pycti's helper; the report's id is not in the file."""
    path = tmp_path / "status.json"
    writer = StatusWriter(path, FakeLog(), Clock())
    writer.attach_helper(helper("2024-03-11T12:00:00Z"))
    for event in (RunStarted(NOON), DONE, RunEnded(LATER, complete=True, reason="")):
        writer.observe(event)
    status = read_status(path)
    assert status.queue_megabytes == 1.5
    assert status.next_run == NOON + timedelta(days=1)
    assert status.last is not None
    assert status.last.done == 1
    assert "capability" not in path.read_text()


def test_the_time_of_a_run_that_is_over_is_no_next_run(tmp_path: Path) -> None:
    """A next run in the past, which pycti's helper keeps for a while, is not shown."""
    path = tmp_path / "status.json"
    writer = StatusWriter(path, FakeLog(), Clock())
    writer.attach_helper(helper("2024-03-10T12:00:00Z"))
    writer.observe(RunStarted(NOON))
    assert read_status(path).next_run is None
    writer.observe(RunEnded(LATER, complete=True, reason=""))
    assert read_status(path).next_run is None


def test_the_heartbeat_is_written_every_half_minute(tmp_path: Path) -> None:
    """An idle connector writes its heartbeat every 30 seconds, not at each look."""
    path, clock = tmp_path / "status.json", Clock()
    writer = StatusWriter(path, FakeLog(), clock)
    for seconds, alive in ((0, 0), (29, 0), (31, 31), (45, 31), (62, 62)):
        clock.time = NOON + timedelta(seconds=seconds)
        writer.beat()
        assert read_status(path).alive == NOON + timedelta(seconds=alive)
    assert read_status(path).started == NOON


def test_the_last_run_is_remembered_over_a_restart(tmp_path: Path) -> None:
    """A new process shows the last run of the process before it."""
    path = tmp_path / "status.json"
    write_status(path, FULL)
    StatusWriter(path, FakeLog(), Clock()).observe(RunStarted(NOON))
    assert read_status(path).last == FULL.last


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """One line says that the status file cannot be written; the connector goes on."""
    (tmp_path / "file").touch()
    log = FakeLog()
    writer = StatusWriter(tmp_path / "file" / "status.json", log, Clock())
    for _ in range(3):
        writer.observe(RunStarted(NOON))
    assert log.messages("warning") == ["The status file cannot be written"]


def test_a_text_that_is_no_unicode_stops_nothing(tmp_path: Path) -> None:
    """A file name with bytes that are not UTF-8 does not keep the status from being written."""
    log = FakeLog()
    writer = StatusWriter(tmp_path / "status.json", log, Clock())
    for _ in range(3):
        writer.observe(FileProcessed("2024-01-31-scan_ssl-\udcff.csv", "no header"))
    writer.beat()
    assert log.messages("warning") == ["The status file cannot be written"]


def raising(error: BaseException) -> Callable[[], bool]:
    """Return a run that raises an error."""

    def run() -> bool:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "complete", "reason"),
    [
        (lambda: True, True, ""),
        (lambda: False, False, ""),
        (raising(CredentialsError("check the key")), False, "check the key"),
        (raising(KeyError("secret")), False, "unexpected KeyError at "),
        (raising(Stopping()), False, "interrupted by a shutdown"),
    ],
)
def test_how_a_run_ended(run: Callable[[], bool], complete: bool, reason: str) -> None:
    """The event of a run's end has its result and reason; what the run raised is raised again."""
    events: list[Event] = []
    raised = False
    try:
        observe_run(run, events.append)()
    except BaseException:
        raised = True
    started, ended = events
    assert isinstance(started, RunStarted)
    assert isinstance(ended, RunEnded)
    assert ended.complete == complete
    assert ended.reason.startswith(reason)
    assert "secret" not in ended.reason
    assert raised == bool(reason)
