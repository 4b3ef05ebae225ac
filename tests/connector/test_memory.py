from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime

import pytest
import requests

from shadowserver_connector.connector.memory import Memory, StateResetError
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.state.model import State, with_done
from shadowserver_connector.state.storage import dump, load
from tests.sink.pycti_fakes import FakeHelper

INFO = ReportInfo(type="scan_ssl", day=date(2024, 1, 31), file="a.csv", list="l", id="i")
STATE = with_done(State(), INFO, "00" * 32, set())


def memory(helper: FakeHelper) -> Memory:
    """Return a memory that hardly waits."""
    return Memory(helper, Waiter(threading.Event(), helper.connector_logger, first_pause=0.001))


def test_written_state_is_read_back_by_another_process() -> None:
    """What is written lies in the platform, not in the helper only."""
    helper = FakeHelper()
    first = memory(helper)
    first.read()
    first.write(STATE)
    assert memory(FakeHelper(stored=helper.stored)).read() == STATE


def test_state_of_the_platform_wins_over_the_helper_at_the_start() -> None:
    """A reset between two runs is met by the first ping of the second."""
    helper = FakeHelper(stored=json.dumps(dump(STATE)))
    helper.reset()
    assert memory(helper).read() == State()
    assert helper.get_state() is None


def test_reset_is_met_by_the_write_which_writes_nothing() -> None:
    """The ping that brings the new state learns of the reset; the platform stays empty."""
    helper = FakeHelper(stored=json.dumps(dump(STATE)))
    remembered = memory(helper)
    remembered.read()
    helper.reset()
    with pytest.raises(StateResetError):
        remembered.write(STATE)
    assert helper.stored == ""
    assert remembered.read() == State()


def test_reset_met_by_the_ping_thread_is_noticed() -> None:
    """pycti's thread pings on its own and then empties the state that the helper holds."""
    helper = FakeHelper(stored=json.dumps(dump(STATE)))
    remembered = memory(helper)
    remembered.read()
    helper.reset()
    helper.api.connector.ping("id", helper.get_state(), {})
    helper.set_state(None)
    with pytest.raises(StateResetError):
        remembered.write(STATE)
    assert helper.stored == ""


def test_write_waits_for_the_platform() -> None:
    """A state is not given up because OpenCTI restarts."""
    helper = FakeHelper()
    remembered = memory(helper)
    remembered.read()
    helper.ping_failures = [requests.ConnectionError(), ValueError("<html>502</html>")]
    remembered.write(STATE)
    assert load(json.loads(helper.stored)) == STATE


def test_state_of_the_replaced_connector_is_kept_until_it_is_replaced() -> None:
    """Reading sends it back unchanged."""
    helper = FakeHelper(stored='{"last_run": 1706688000}')
    state = memory(helper).read()
    assert state.last_run == datetime(2024, 1, 31, 8, tzinfo=UTC)
    assert json.loads(helper.stored) == {"last_run": 1706688000}
