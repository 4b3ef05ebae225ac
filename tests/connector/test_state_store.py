from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests

from shadowserver_connector.connector.state_store import (
    DAMAGED,
    StateLedger,
    StateResetError,
    StateStore,
)
from shadowserver_connector.errors import NewerStateError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.state.serialisation import dump_state, load_state
from shadowserver_connector.state.state import (
    State,
    is_content_known,
    is_done,
    listing_digest,
    with_day_open,
    with_done,
)
from shadowserver_connector.waiting import Waiter
from tests.sink.pycti_fakes import FakeHelper

INFO = ReportInfo(type="scan_ssl", day=date(2024, 1, 31), file="a.csv", list="l", id="i")
STATE = with_done(State(), INFO, "00" * 32, set())


def memory(helper: FakeHelper) -> StateStore:
    """Return a state store whose pauses are short."""
    return StateStore(helper, Waiter(threading.Event(), helper.connector_logger, first_pause=0.001))


def test_written_state_is_read_back_by_another_process() -> None:
    """A written state is stored in the platform, not in pycti's helper alone."""
    helper = FakeHelper()
    first = memory(helper)
    first.confirm_and_read()
    first.write(STATE)
    assert memory(FakeHelper(stored=helper.stored)).confirm_and_read() == STATE


def test_state_of_the_platform_wins_over_the_helper_at_the_start() -> None:
    """After a reset between two processes, the first ping of the second reads the empty state."""
    helper = FakeHelper(stored=json.dumps(dump_state(STATE)))
    helper.reset()
    assert memory(helper).confirm_and_read() == State()
    assert helper.get_state() is None


def test_reset_is_met_by_the_write_which_writes_nothing() -> None:
    """The ping that should store a new state finds the reset; the platform's state stays empty."""
    helper = FakeHelper(stored=json.dumps(dump_state(STATE)))
    remembered = memory(helper)
    remembered.confirm_and_read()
    helper.reset()
    with pytest.raises(StateResetError):
        remembered.write(STATE)
    assert helper.stored == ""
    assert remembered.confirm_and_read() == State()


def test_reset_met_by_the_ping_thread_is_noticed() -> None:
    """A reset is noticed when pycti's own ping thread finds it and empties the helper's state."""
    helper = FakeHelper(stored=json.dumps(dump_state(STATE)))
    remembered = memory(helper)
    remembered.confirm_and_read()
    helper.reset()
    helper.api.connector.ping("id", helper.get_state(), {})
    helper.set_state(None)
    with pytest.raises(StateResetError):
        remembered.write(STATE)
    assert helper.stored == ""


def test_write_waits_for_the_platform() -> None:
    """While OpenCTI restarts, the write waits and then stores the state."""
    helper = FakeHelper()
    remembered = memory(helper)
    remembered.confirm_and_read()
    helper.ping_failures = [requests.ConnectionError(), ValueError("<html>502</html>")]
    remembered.write(STATE)
    assert load_state(json.loads(helper.stored)) == STATE


def test_reading_keeps_the_state_of_the_connector_it_replaces() -> None:
    """Reading the state of the connector that this one replaces does not change it."""
    helper = FakeHelper(stored='{"last_run": 1706688000}')
    state = memory(helper).confirm_and_read()
    assert state.last_run == datetime(2024, 1, 31, 8, tzinfo=UTC)
    assert json.loads(helper.stored) == {"last_run": 1706688000}


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the directory of temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_state_of_a_newer_version_is_never_overwritten() -> None:
    """Neither a run nor the drop folder overwrites a state of a newer version."""
    stored = json.dumps({"version": 2, "seen": {"2024-01-31": "x"}})
    helper = FakeHelper(stored=stored)
    remembered = memory(helper)
    for ask in (remembered.confirm_and_read, remembered.last_known):
        with pytest.raises(NewerStateError):
            ask()
    remembered.show_last_run()
    assert helper.stored == stored


def test_damaged_state_is_said_and_a_copy_kept(temporary: Path) -> None:
    """The readable parts are used; a copy is kept once, readable by its owner only."""
    damaged = {**dump_state(STATE), "open": ["someday"], "last_run": "soon"}
    helper = FakeHelper(stored=json.dumps(damaged))
    remembered = memory(helper)
    assert remembered.confirm_and_read() == STATE
    assert remembered.confirm_and_read() == STATE
    [copy] = temporary.iterdir()
    assert re.fullmatch(r"shadowserver-connector-id-[0-9a-f]{8}\.state\.json", copy.name)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert json.loads(copy.read_text()) == damaged
    said = {"unreadable": ["'last_run'", "days of 'open'"], "copy": str(copy)}
    assert helper.connector_logger.lines == [("error", DAMAGED, said)] * 2
    remembered.write(STATE)
    assert json.loads(helper.stored) == dump_state(STATE)
    helper.connector_logger.lines.clear()
    remembered.confirm_and_read()
    assert helper.connector_logger.lines == []


def deep(depth: int) -> str:
    """Return a state with deeply nested lists."""
    return f'{{"version": 1, "done": {"[" * depth}{"]" * depth}}}'


@pytest.mark.parametrize(
    "stored",
    ["{broken", "[1, 2]", '"text"', "7", "[" * 100_000, *map(deep, (20, *range(920, 1000)))],
    ids=lambda stored: f"{stored[:8]}-{len(stored)}",
)
def test_state_that_is_no_object_is_said(stored: str, temporary: Path) -> None:
    """pycti would overwrite a state that is no JSON object; it is logged and a copy is kept."""
    helper = FakeHelper(stored=stored)
    remembered = memory(helper)
    assert remembered.confirm_and_read() == State()
    [copy] = temporary.iterdir()
    assert copy.read_text() == stored
    said = {"unreadable": ["it is not an object"], "copy": str(copy)}
    assert helper.connector_logger.lines == [("error", DAMAGED, said)]
    remembered.confirm_and_read()
    assert len(helper.connector_logger.lines) == 1


def test_state_that_is_no_text_is_kept_as_well(temporary: Path) -> None:
    """A state with a lone surrogate, which JSON allows and UTF-8 does not, is copied too."""
    helper = FakeHelper(stored="{broken \ud800")
    assert memory(helper).confirm_and_read() == State()
    [copy] = temporary.iterdir()
    assert copy.read_bytes() == b"{broken \xed\xa0\x80"


@pytest.mark.parametrize("stored", ["", "null", "{}", "[]", '""', " null "])
def test_no_state_is_nothing_to_say(stored: str, temporary: Path) -> None:
    """The several forms of an empty state in the platform are read without a warning."""
    helper = FakeHelper(stored=stored)
    assert memory(helper).confirm_and_read() == State()
    assert helper.connector_logger.lines == []
    assert not list(temporary.iterdir())


def test_copy_that_cannot_be_made_stops_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no copy of a damaged state can be written, the log says so and the run goes on."""
    missing = temporary / "missing"
    monkeypatch.setattr(
        "shadowserver_connector.connector.state_store.temporary_directory", lambda: missing
    )
    helper = FakeHelper(stored='{"version": 1, "open": 5}')
    assert memory(helper).confirm_and_read() == State()
    said = {"unreadable": ["'open'"], "copy": "none: No such file or directory"}
    assert helper.connector_logger.lines == [("error", DAMAGED, said)]


def test_the_end_of_a_run_is_shown_with_the_state_as_it_is() -> None:
    """The ping at the end of a run notices a reset and does not undo it."""
    helper = FakeHelper(stored=json.dumps(dump_state(STATE)))
    remembered = memory(helper)
    remembered.confirm_and_read()
    assert helper.shown["last_run_datetime"] is None
    remembered.show_last_run()
    assert helper.shown["last_run_datetime"] == "2024-03-10T08:00:00Z"
    assert json.loads(helper.stored) == dump_state(STATE)
    helper.reset()
    remembered.show_last_run()
    assert helper.stored == ""
    assert helper.get_state() is None


def test_the_end_of_a_run_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """If OpenCTI is down at the end of a run, the log says so and the process can end."""
    monkeypatch.setattr("shadowserver_connector.connector.state_store.LAST_RUN_PATIENCE", 0.01)
    helper = FakeHelper()
    helper.ping_failures = [requests.ConnectionError() for _ in range(1000)]
    memory(helper).show_last_run()
    assert (
        helper.connector_logger.messages("warning")[-1]
        == "OpenCTI could not be told about this run"
    )


def test_ping_carries_state_and_details_of_this_connector() -> None:
    """A ping sends what pycti's own would; if it fails, OpenCTI is waited for."""
    helper = FakeHelper()
    helper.connector_info.all_details = {"run_and_terminate": False}
    helper.ping_failures = [requests.ConnectionError()]
    sent: list[tuple[object, ...]] = []
    ping = helper.api.connector.ping

    def keeping(*given: object) -> object:
        sent.append(given)
        return ping(*given)

    helper.api.connector.ping = keeping
    remembered = memory(helper)
    remembered.write(STATE)
    assert sent == [("connector-id", dump_state(STATE), {"run_and_terminate": False})] * 2
    assert helper.connector_logger.lines[0][2]["for"] == "OpenCTI"
    assert remembered.last_known() == STATE
    assert not remembered.has_noticed_reset()


def test_reset_is_told_as_one_wherever_it_is_met() -> None:
    """The same error is raised whether the write or pycti's ping thread finds the reset."""
    helper = FakeHelper(stored=json.dumps(dump_state(STATE)))
    remembered = memory(helper)
    remembered.confirm_and_read()
    helper.set_state(None)
    assert remembered.has_noticed_reset()
    with pytest.raises(StateResetError, match=r"^the state was reset in OpenCTI$"):
        remembered.write(STATE)
    remembered.confirm_and_read()
    remembered.write(STATE)
    helper.reset()
    with pytest.raises(StateResetError, match=r"^the state was reset in OpenCTI$"):
        remembered.write(STATE)
    assert helper.get_state() is None


def test_state_that_replaced_the_helpers_is_no_reset() -> None:
    """A state that OpenCTI returns when read replaces the helper's, and is no reset."""
    other = dump_state(with_day_open(STATE, INFO.day))
    helper = FakeHelper(stored=json.dumps(dump_state(STATE)))
    remembered = memory(helper)
    helper.api.connector.ping = lambda *_: {"connector_state": json.dumps(other)}
    assert remembered.confirm_and_read() == load_state(other) == remembered.last_known()
    assert helper.get_state() == other
    assert not remembered.has_noticed_reset()
    helper.set_state(None)
    remembered.confirm_and_read()
    with pytest.raises(StateResetError):
        remembered.write(STATE)
    assert helper.get_state() == other


@pytest.mark.parametrize("answer", [None, "", "{broken", "[1]", 7, "[" * 100_000])
def test_platform_that_holds_no_state_was_reset(answer: object) -> None:
    """Every form of an empty state that OpenCTI returns to a write is a reset."""
    helper = FakeHelper()
    remembered = memory(helper)
    helper.api.connector.ping = lambda *_: {"connector_state": answer}
    assert remembered.confirm_and_read() == State()
    assert not remembered.has_noticed_reset()
    assert helper.connector_logger.lines == []
    with pytest.raises(StateResetError):
        remembered.write(STATE)
    assert helper.get_state() is None


def test_reports_of_the_drop_folder_are_taken_down_as_those_of_the_api() -> None:
    """A report from the drop folder is recorded as one of the API: same name, no new download."""
    helper = FakeHelper()
    ledger = StateLedger(memory(helper), State())
    earlier = replace(INFO, id="earlier")
    for report in (earlier, INFO):
        ledger.done(report, "00" * 32)
    assert [each.listing_digest for each in ledger.state.done[INFO.day]] == [listing_digest(INFO)]
    assert is_done(ledger.state, INFO)
    assert is_content_known(ledger.state, earlier, "00" * 32)
    assert not is_content_known(ledger.state, earlier, "11" * 32)


def test_what_did_not_change_is_not_stored_again() -> None:
    """A ping is sent for each change of the state, and none without a change."""
    helper = FakeHelper()
    ledger = StateLedger(memory(helper), STATE)
    ledger.save()
    assert helper.pings == 0
    ledger.change(with_day_open(STATE, INFO.day))
    for _ in range(2):
        ledger.save()
        assert helper.pings == 1
    assert load_state(json.loads(helper.stored)) == ledger.state == with_day_open(STATE, INFO.day)
    helper.reset()
    ledger.change(STATE)
    for _ in range(2):
        with pytest.raises(StateResetError):
            ledger.save()
    assert helper.stored == ""
