"""The history's file after a kill, damaged, newer, foreign, on a full disk, or unusable."""

from __future__ import annotations

import errno
import fcntl
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from shadowserver_connector.errors import (
    DiskFullError,
    FatalError,
    HistoryDamagedError,
    HistoryUnusableError,
    RetriableError,
)
from shadowserver_connector.history.comparison import ReportFeed
from shadowserver_connector.history.database import DAMAGED_FILE, FILE, LOCK, VERSION, reading_only
from shadowserver_connector.history.history import open_history
from shadowserver_connector.history.verdicts import NEW, RECURRING
from tests.history.days import damage_what_only_a_commit_reads, day, rows_of
from tests.history.test_history import _content
from tests.integration.read_only import read_only_but

FEED = ReportFeed("scan_ssl", "example")
ROOT = Path(__file__).parents[2]

_COMMIT = """
import sys
from pathlib import Path
from shadowserver_connector.history.history import ReportFeed, open_history
from tests.history.days import damage_what_only_a_commit_reads, day, rows_of

with open_history(Path(sys.argv[1]), "one") as history:
    print("open", flush=True)
    for number in range(int(sys.argv[2]), 1000):
        with rows_of(sorted((of % 256, number % (of % 5 + 2)) for of in range(2000))) as rows:
            history.commit(ReportFeed("scan_ssl", "example"), day(number), rows)
        print(number, flush=True)
"""


def _report(number: int) -> list[tuple[int, int]]:
    return sorted((of % 256, number % (of % 5 + 2)) for of in range(2000))


@pytest.mark.integration
def test_killed_at_any_point_it_has_all_that_was_committed_and_no_more(tmp_path: Path) -> None:
    """After each kill -9, all reports reported as committed are there, and at most one more."""
    pause = random.Random(4)
    known = 0
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", _COMMIT, str(tmp_path / "killed"), str(known)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            time.sleep(pause.random() * 0.4)
            process.send_signal(signal.SIGKILL)
            told = process.stdout.read().splitlines()
        committed = known + len(told)
        with open_history(tmp_path / "killed", "one") as history:
            assert history.origin == "found"
            path = history.path
        days = len(_content(path)[1])
        assert committed <= days <= committed + 1
        known = days
    assert known
    with open_history(tmp_path / "whole", "one") as history:
        for number in range(known):
            with rows_of(_report(number)) as rows:
                history.commit(FEED, day(number), rows)
    assert _content(tmp_path / "killed" / FILE) == _content(tmp_path / "whole" / FILE)


def _made(folder: Path, reports: int = 1) -> Path:
    with open_history(folder, "one") as history:
        for number in range(reports):
            with rows_of([(of, 0) for of in range(250)]) as rows:
                history.commit(FEED, day(number), rows)
        return history.path


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    """The file is renamed and kept, a new history begins, and a warning says so."""
    path = _made(tmp_path)
    path.write_bytes(b"no database, but as long as one" * 400)
    with open_history(tmp_path, "one") as history:
        assert history.origin == "damaged"
        with rows_of([(1, 0)]) as rows:
            assert list(history.compare(FEED, day(1), rows).verdicts) == [NEW]
    assert (tmp_path / DAMAGED_FILE).read_bytes().startswith(b"no database")
    with open_history(tmp_path, "one") as history:
        assert history.origin == "found"


def test_damage_that_shows_later_is_moved_aside_then(tmp_path: Path) -> None:
    """Damaged pages raise an error when met; opened again, the history is new."""
    path = _made(tmp_path)
    content = bytearray(path.read_bytes())
    for page in range(4096 * 9, len(content), 4096):
        content[page : page + 200] = b"\xa5" * 200
    path.write_bytes(content)
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        assert history.origin == "found"
        with pytest.raises(
            HistoryDamagedError, match=f"damaged .* and moved to {DAMAGED_FILE}; the next"
        ):
            history.compare(FEED, day(1), rows)
    assert issubclass(HistoryDamagedError, RetriableError)
    assert (tmp_path / DAMAGED_FILE).read_bytes() == bytes(content)
    with open_history(tmp_path, "one") as history:
        assert history.origin == "new"


def test_damage_that_shows_in_a_commit_is_moved_aside(tmp_path: Path) -> None:
    """The error says that it is damage, although a transaction is open; then the history is new."""
    damage_what_only_a_commit_reads(_made(tmp_path))
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        history.compare(FEED, day(1), rows)
        with pytest.raises(HistoryDamagedError, match=f"damaged .* and moved to {DAMAGED_FILE}"):
            history.commit(FEED, day(1), rows)
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        assert history.origin == "new"
        history.commit(FEED, day(1), rows)


def test_file_that_is_deleted_meanwhile_is_lost_and_not_made_by_reading(tmp_path: Path) -> None:
    """A history that is gone is as a damaged one; opened again it is new."""
    path = _made(tmp_path)
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        path.unlink()
        with pytest.raises(HistoryDamagedError, match="is gone; the next day of each report is"):
            history.compare(FEED, day(1), rows)
        assert not path.exists()
    with open_history(tmp_path, "one") as history:
        assert history.origin == "new"


def test_file_of_a_program_that_was_killed_while_creating_it_is_used(tmp_path: Path) -> None:
    """Such a file has a head and no tables."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert (tmp_path / FILE).stat().st_size
    with open_history(tmp_path, "one") as history:
        assert history.origin == "new"
    with open_history(tmp_path, "one") as history:
        assert history.origin == "found"


def test_a_file_of_an_earlier_version_is_replaced_and_kept(tmp_path: Path) -> None:
    """Its keys are others: a new history starts beside it, and a reader says so until then."""
    path = _made(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION - 1}")
    with pytest.raises(HistoryUnusableError, match="earlier version"), reading_only(tmp_path):
        pass
    kept = tmp_path / f"history.version-{VERSION - 1}.sqlite"
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        assert (history.origin, history.kept) == ("earlier", kept)
        assert list(history.compare(FEED, day(1), rows).verdicts) == [NEW]
    assert kept.is_file()
    with open_history(tmp_path, "one") as history:
        assert history.origin == "found"


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """A newer file is a fatal error that names both versions; it is not moved."""
    path = _made(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(
        HistoryUnusableError, match=rf"newer version \(tables {VERSION + 1}, known are"
    ):
        open_history(tmp_path, "one")
    assert not (tmp_path / DAMAGED_FILE).exists()
    assert len(_content(path)[2]) == 250
    assert issubclass(HistoryUnusableError, FatalError)


@pytest.mark.parametrize("made_by", ["CREATE TABLE other (id)", "PRAGMA application_id = 1"])
def test_a_database_of_something_else_is_left_alone(tmp_path: Path, made_by: str) -> None:
    """A foreign SQLite database is an error, is not moved, and keeps its bytes."""
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute(made_by)
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(HistoryUnusableError, match="is not a history of this connector"):
        open_history(tmp_path, "one")
    with (
        pytest.raises(HistoryUnusableError, match="is not a history of this connector"),
        reading_only(tmp_path),
    ):
        pass
    assert (tmp_path / FILE).read_bytes() == before
    assert not (tmp_path / DAMAGED_FILE).exists()


def test_a_history_in_another_mode_is_brought_into_the_one_that_readers_need(
    tmp_path: Path,
) -> None:
    """A copy made by SQLite's own backup has no write-ahead log until it is opened to write."""
    path = _made(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    with reading_only(tmp_path) as connection:
        assert connection.execute("SELECT count(*) FROM days").fetchone() == (1,)
    assert path.read_bytes() == before
    open_history(tmp_path, "one").close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_clearing_releases_the_space(tmp_path: Path) -> None:
    """After it, file and log are about as small as those of a new history."""
    small = _made(tmp_path / "small").stat().st_size
    path = _made(tmp_path / "large", 2)
    with open_history(path.parent, "one") as history:
        with rows_of(_report(0)) as rows:
            history.commit(ReportFeed("another", "list"), day(1), rows)
        assert path.stat().st_size > small
        history.clear()
        assert path.stat().st_size <= small
        assert path.with_name(f"{FILE}-wal").stat().st_size == 0


def test_a_file_that_is_gone_does_not_cost_the_damaged_one_before_it(tmp_path: Path) -> None:
    """What was moved aside earlier stays where there is nothing to replace it."""
    path = _made(tmp_path)
    (tmp_path / DAMAGED_FILE).write_bytes(b"earlier")
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        path.unlink()
        with pytest.raises(HistoryDamagedError, match="is gone"):
            history.compare(FEED, day(1), rows)
    assert (tmp_path / DAMAGED_FILE).read_bytes() == b"earlier"
    assert {each.name for each in tmp_path.iterdir()} == {DAMAGED_FILE, LOCK}


def test_a_directory_without_locks_is_refused_for_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two instances could use one history, but none does yet."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(
        HistoryUnusableError, match=r"cannot be locked there \(No locks available\)"
    ) as caught:
        open_history(tmp_path, "one")
    assert type(caught.value) is HistoryUnusableError
    monkeypatch.undo()
    open_history(tmp_path, "one").close()


def test_two_instances_cannot_share_a_directory(tmp_path: Path) -> None:
    """A second instance is refused while the first runs, and later if its id differs."""
    with open_history(tmp_path, "one"):
        with pytest.raises(HistoryUnusableError, match="another instance keeps its history there"):
            open_history(tmp_path, "one")
        held = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; "
                "from shadowserver_connector.history.history import open_history; "
                "open_history(Path(sys.argv[1]), 'two')",
                str(tmp_path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "another instance keeps its history there" in held.stderr
    with pytest.raises(HistoryUnusableError, match="is the history of connector one, not of two"):
        open_history(tmp_path, "two")
    open_history(tmp_path, "one").close()


def test_a_full_disk_costs_the_report_and_nothing_else(tmp_path: Path) -> None:
    """On a full disk the commit fails and the rest stays; with room the report is committed."""
    path = _made(tmp_path)
    before = _content(path)
    many = [(of, number) for of in range(250) for number in range(40)]
    with open_history(tmp_path, "one") as history, rows_of(many) as rows:
        with history._database.writing() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError, match="no space left for the history"):
            history.commit(ReportFeed("another", "list"), day(1), rows)
        assert _content(path) == before
        connection.execute("PRAGMA max_page_count = 1000000")
        history.commit(ReportFeed("another", "list"), day(1), rows)
        assert list(history.compare(FEED, day(1), rows).verdicts)[:1] == [RECURRING]


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The error names a directory that is a file or read-only."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        HistoryUnusableError, match="File exists; the history needs a writable directory"
    ):
        open_history(tmp_path / "file", "one")
    code = (
        "import sys; from pathlib import Path; "
        "from shadowserver_connector.history.history import open_history; "
        "open_history(Path(sys.argv[1]), 'one')"
    )
    refused = read_only_but(tmp_path / "hook", tmp_path / "elsewhere")
    refused["PYTHONPATH"] += f":{ROOT / 'src'}"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "new")],
        env=refused,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Read-only file system; the history needs a writable directory" in ended.stderr


def test_questions_are_answered_beside_an_instance_that_writes(tmp_path: Path) -> None:
    """A reader needs no lock, sees what was committed, and does not block the writer."""
    with pytest.raises(HistoryUnusableError, match="there is no history"), reading_only(tmp_path):
        pass
    with open_history(tmp_path, "one") as history, rows_of([(1, 0)]) as rows:
        history.commit(FEED, day(0), rows)
        with reading_only(tmp_path) as connection:
            query = "SELECT count(*) FROM days"
            connection.execute("BEGIN")
            assert connection.execute(query).fetchone() == (1,)
            history.commit(FEED, day(1), rows)
            assert connection.execute(query).fetchone() == (1,)
        with reading_only(tmp_path) as connection:
            assert connection.execute(query).fetchone() == (2,)
