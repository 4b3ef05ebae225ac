"""The history of findings of a connector: where it is, and who uses it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.connector import history_store
from shadowserver_connector.connector.history_store import (
    NO_HISTORY,
    clear_history_if_state_is_empty,
    forget_old_findings,
    history_directory,
    open_comparer,
)
from shadowserver_connector.connector.state_store import StateStore
from shadowserver_connector.errors import HistoryBusyError, HistoryUnusableError
from shadowserver_connector.history.database import FILE
from shadowserver_connector.history.history import History, open_history
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.load import Settings
from shadowserver_connector.state.serialisation import dump_state
from shadowserver_connector.state.state import State
from shadowserver_connector.waiting import Stopping, Waiter
from tests.mapping.conversion import csv_bytes
from tests.sink.pycti_fakes import FakeHelper, FakeLog

ID = "00000000-0000-4000-8000-000000000002"
DAY = date(2024, 1, 31)


def settings(connector_id: str = ID, **shadowserver: Any) -> Settings:
    """Return settings of a connector with an id."""
    return Settings.model_validate(
        {"connector": {"id": connector_id}, "shadowserver": shadowserver}
    )


@pytest.fixture
def log() -> FakeLog:
    """Return a log whose lines can be read."""
    return FakeLog()


@pytest.fixture
def waiter(log: FakeLog) -> Waiter:
    """Return a waiter whose pauses are short."""
    return Waiter(threading.Event(), log, first_pause=0.001, longest_pause=0.001)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a user's home directory."""
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    return tmp_path


def compare(
    comparer: ReportComparer, folder: Path, day: date = DAY
) -> tuple[Path, Mapping[str, int]]:
    """Compare a report of one finding; return its file and the number of findings by verdict."""
    path = folder / f"{day}-scan_ssl-example.csv"
    row = (f"{day} 10:00:00", "medium", "192.0.2.1", "443", "tcp", "ssl")
    path.write_bytes(csv_bytes(("timestamp", "severity", "ip", "port", "protocol", "tag"), [row]))
    info = ReportInfo("scan_ssl", day, path.name, list="example")
    compared = comparer.compare(path, info)
    return path, {} if compared is None else compared.counts


def test_history_lies_where_it_is_set_to(home: Path) -> None:
    """The setting for the history's directory wins over the environment."""
    os.environ["XDG_STATE_HOME"] = str(home / "state")
    assert history_directory(settings(state_dir=home / "chosen")) == home / "chosen"


@pytest.mark.parametrize(
    ("variable", "usual"),
    [(None, ".local/state"), ("", ".local/state"), ("kept", "kept"), ("~/kept", "kept")],
)
def test_history_lies_where_programs_keep_their_state(
    variable: str | None, usual: str, home: Path
) -> None:
    """By default, each connector id has a folder in the user's state directory."""
    if variable is not None:
        os.environ["XDG_STATE_HOME"] = variable if variable != "kept" else str(home / variable)
    folder = home / usual / "shadowserver-connector"
    assert history_directory(settings()) == folder / ID


def test_history_is_opened_as_it_is_set(
    home: Path, waiter: Waiter, log: FakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history gets the connector's id and the days until findings resurface or refresh."""
    asked: list[dict[str, Any]] = []
    plainly = History.compare

    def keeping(history: History, *args: Any, **days: Any) -> Any:
        asked.append(days)
        return plainly(history, *args, **days)

    monkeypatch.setattr(History, "compare", keeping)
    chosen = settings(state_dir=home / "history", resurfaced_after=33, refresh_days=5)
    comparer = open_comparer(chosen, waiter)
    assert comparer is not None
    compare(comparer, home)
    comparer.close()
    assert asked == [{"absence": 33, "refresh": 5}]
    assert (home / "history" / FILE).is_file()
    assert [level for level, *_ in log.lines] == ["info"]  # that a history begins
    with pytest.raises(HistoryUnusableError):
        open_history(home / "history", "another connector's id")
    open_history(home / "history", ID).close()


def test_usual_directory_that_cannot_be_written_costs_the_history(
    home: Path, waiter: Waiter, log: FakeLog
) -> None:
    """The connector then runs without a history; a warning says why and what to do."""
    (home / ".local").write_bytes(b"a file")
    assert open_comparer(settings(), waiter) is None
    ((level, message, meta),) = log.lines
    assert (level, message) == (
        "warning",
        "No history of findings is available: reports are sent in full",
    )
    assert ".local" in meta["reason"]
    cure = "let SHADOWSERVER_STATE_DIR name a directory that lasts and can be written"
    assert meta == {"reason": meta["reason"], "cure": cure}


def test_chosen_directory_that_cannot_be_written_is_an_error(
    home: Path, waiter: Waiter, log: FakeLog
) -> None:
    """A directory that the settings name must be writable; a default one need not be."""
    (home / "chosen").write_bytes(b"a file")
    with pytest.raises(HistoryUnusableError, match="chosen"):
        open_comparer(settings(state_dir=home / "chosen"), waiter)
    assert log.lines == []


def test_history_that_another_process_has_is_left_to_it(
    home: Path, waiter: Waiter, log: FakeLog
) -> None:
    """While another process holds the history, reports are not compared; one line says so."""
    first, second = history_of_one(waiter, home), open_comparer(settings(), waiter)
    assert second is not None
    log.lines.clear()
    for number in (1, 2):
        path, counts = compare(second, home, DAY + timedelta(days=number))
        assert counts == {}
        second.commit(path)
        second.forget(DAY)
    assert log.lines == []  # it was said when the second was opened
    first.close()
    assert is_known(second, home)
    second.close()


def test_history_that_another_process_takes_is_told_each_time(
    home: Path, waiter: Waiter, log: FakeLog
) -> None:
    """Each time another process takes the history, one line names the directory."""
    first = open_comparer(settings(), waiter)
    assert first is not None
    log.lines.clear()
    second = open_comparer(settings(), waiter)
    assert second is not None
    compare(second, home)
    ((level, message, meta),) = log.lines
    assert (level, message) == ("warning", NO_HISTORY)
    assert "another instance keeps its history there" in meta["reason"]
    first.close()
    second.close()


def test_history_that_is_busy_is_waited_for(
    home: Path, waiter: Waiter, log: FakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names the history that it waits for; a request to stop ends the wait."""
    failures = [HistoryBusyError("its file is locked")] * 2

    def opening(directory: Path, owner: str) -> History:
        if failures:
            raise failures.pop()
        return open_history(directory, owner)

    monkeypatch.setattr(history_store, "open_history", opening)
    comparer = open_comparer(settings(), waiter)
    assert comparer is not None
    comparer.close()
    said = {"for": "the history of findings", "reason": "its file is locked"}
    assert log.lines[0] == ("warning", "Waiting", said)
    failures.append(HistoryBusyError("its file is locked"))
    waiter.stop.set()
    with pytest.raises(Stopping):
        open_comparer(settings(), waiter)


def history_of_one(waiter: Waiter, folder: Path) -> ReportComparer:
    """Return a comparer whose history has one finding, seen on ``DAY`` only."""
    comparer = open_comparer(settings(), waiter)
    assert comparer is not None
    comparer.commit(compare(comparer, folder)[0])
    return comparer


def is_known(comparer: ReportComparer, folder: Path) -> bool:
    """Tell whether the finding of ``DAY`` is known on the next day."""
    path, counts = compare(comparer, folder, DAY + timedelta(days=1))
    comparer.discard(path)
    assert counts["new"] + counts["recurring"] == 1
    return counts["recurring"] == 1


def test_history_begins_anew_where_opencti_has_no_state(home: Path, waiter: Waiter) -> None:
    """The history is cleared when OpenCTI has no state, and kept whenever it has one."""
    comparer = history_of_one(waiter, home)
    # All imports are forgotten, as they are after 30 days without any: no reset.
    stored = json.dumps(dump_state(State()))
    clear_history_if_state_is_empty(comparer, StateStore(FakeHelper(stored=stored), waiter))
    assert is_known(comparer, home)
    clear_history_if_state_is_empty(comparer, StateStore(FakeHelper(), waiter))
    assert not is_known(comparer, home)
    comparer.close()
    clear_history_if_state_is_empty(None, StateStore(FakeHelper(), waiter))


def test_what_was_not_reported_for_so_many_days_is_forgotten(home: Path, waiter: Waiter) -> None:
    """Findings that no report named for that many days, counted from today, are forgotten."""
    comparer = history_of_one(waiter, home)
    forget_old_findings(comparer, DAY + timedelta(days=90), 90)
    assert is_known(comparer, home)
    forget_old_findings(comparer, DAY + timedelta(days=91), 90)
    assert not is_known(comparer, home)
    comparer.close()
    forget_old_findings(None, DAY, 90)
