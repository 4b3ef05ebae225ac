"""pycti's helper: waited for, with its habits that would hurt taken off."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pycti
import pytest

from shadowserver_connector.connector.helper import connect, pycti_log
from shadowserver_connector.settings.load import LoadedSettings, load_settings
from shadowserver_connector.waiting import Waiter
from tests.sink.pycti_fakes import FakeLog

ENVIRONMENT = {
    "OPENCTI_URL": "http://127.0.0.1:9",
    "OPENCTI_TOKEN": "00000000-0000-4000-8000-000000000001",
    "CONNECTOR_NAME": "A connector under test",
    "CONNECTOR_ID": "00000000-0000-4000-8000-000000000002",
    "CONNECTOR_LOG_LEVEL": "warning",
}


class Session:
    """Keeps with what requests are made."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Keep a request."""
        self.calls.append((args, kwargs))


class Platform:
    """Builds helpers as pycti does; the first attempts fail."""

    def __init__(self, *failures: Exception, **api: Any) -> None:
        self.failures = list(failures)
        self.quiet: list[bool] = []
        self.given: list[dict[str, Any]] = []
        self.helper = SimpleNamespace(
            api=SimpleNamespace(session=Session(), work=SimpleNamespace(), **api),
            api_impersonate=SimpleNamespace(session=Session(), **api),
        )

    def __call__(self, config: dict[str, Any]) -> Any:
        """Register, or fail."""
        sys.excepthook = lambda *_: None
        self.given.append(config)
        self.quiet.append(logging.getLogger("api").disabled)
        if self.failures:
            raise self.failures.pop(0)
        return self.helper


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadedSettings]:
    """Return settings; the process and its loggers are left as they were."""
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    names = ("api", "pika", "botocore", ENVIRONMENT["CONNECTOR_NAME"])
    levels = {name: logging.getLogger(name).level for name in names}
    yield load_settings(environ=ENVIRONMENT)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).filters.clear()


def connected(
    platform: Platform, loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, FakeLog]:
    """Return the helper, and what was logged on the way."""
    monkeypatch.setattr(pycti, "OpenCTIConnectorHelper", platform)
    log = FakeLog()
    waiter = Waiter(threading.Event(), log, first_pause=0.001)
    return connect(loaded, waiter), log


def test_platform_that_is_away_is_waited_for_in_silence(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pycti's tracebacks of each attempt are kept back; the wait is said once, with its reason."""
    platform = Platform(ValueError("OpenCTI API is not reachable. Waiting"), ValueError("<html>"))
    helper, log = connected(platform, loaded, monkeypatch)
    assert helper is platform.helper
    assert platform.given == [{}] * 3
    assert platform.quiet == [True] * 3
    assert not logging.getLogger("api").disabled
    assert log.lines == [
        (
            "warning",
            "Waiting",
            {
                "for": "OpenCTI",
                "reason": "OpenCTI did not do as asked: an answer that is none; "
                "the platform may be starting",
            },
        ),
        ("info", "Going on", {"after waiting for": "OpenCTI"}),
    ]


def test_other_failures_of_the_start_are_told_without_secrets(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stood in the library's message."""
    for error in (ValueError("token"), RuntimeError("token: not reachable")):
        _, log = connected(Platform(error), loaded, monkeypatch)
        assert log.lines[0][2]["reason"].startswith("OpenCTI did not do as asked: ")
        assert "token" not in log.text()


def test_hook_that_ends_the_process_is_taken_off(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pycti's would end it on an error in any thread, without its traceback."""
    hook = sys.excepthook
    connected(Platform(RuntimeError("away")), loaded, monkeypatch)
    assert sys.excepthook is hook


def test_settings_reach_pycti(loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks into the environment."""
    connected(Platform(), loaded, monkeypatch)
    assert os.environ["OPENCTI_TOKEN"] == ENVIRONMENT["OPENCTI_TOKEN"]
    assert os.environ["CONNECTOR_NAME"] == ENVIRONMENT["CONNECTOR_NAME"]


def test_attempts_to_reach_the_broker_are_not_logged_by_its_library(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dozen lines each; pycti's line for each message goes, too."""
    connected(Platform(), loaded, monkeypatch)
    assert not logging.getLogger("pika").isEnabledFor(logging.ERROR)
    name = ENVIRONMENT["CONNECTOR_NAME"]
    line = logging.LogRecord(name, 30, "", 0, f"{name} sending bundle to queue", None, None)
    assert not logging.getLogger(name).filter(line)


def test_old_pycti_gets_the_time_out_of_a_new_one(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it a platform that hangs would hang the connector; of both of its clients."""
    old, _ = connected(Platform(), loaded, monkeypatch)
    new, _ = connected(Platform(session_requests_timeout=60), loaded, monkeypatch)
    for helper, given in ((old, {"timeout": 300.0}), (new, {})):
        for api in (helper.api, helper.api_impersonate):
            session = api.session
            session.request("POST", "url")
            assert session.calls == [(("POST", "url"), given)]


def test_announcements_that_fail_are_errors(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pycti's own would be passed over."""
    helper, _ = connected(Platform(), loaded, monkeypatch)
    asked: list[Any] = []
    helper.api.query = lambda *args: asked.append(args)
    assert helper.api.work.add_expectations("work-1", 5) is True
    assert asked[0][1] == {"id": "work-1", "expectations": 5}


@pytest.mark.parametrize("level", ["info", "error"])
def test_log_before_the_helper_is_like_the_helpers(
    loaded: LoadedSettings, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pycti's kind, under the connector's name, at its level."""
    made: list[tuple[str, bool, str]] = []

    def logger(level: str, json_logging: bool) -> Any:
        return lambda name: made.append((level, json_logging, name))

    monkeypatch.setattr("pycti.utils.opencti_logger.logger", logger)
    pycti_log(load_settings(environ={**ENVIRONMENT, "CONNECTOR_LOG_LEVEL": level}))
    assert made == [(level.upper(), loaded.settings.opencti.json_logging, "A connector under test")]
    assert os.environ["CONNECTOR_LOG_LEVEL"] == level
