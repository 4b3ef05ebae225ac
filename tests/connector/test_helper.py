"""pycti's helper: the connector waits for it, and turns off what would do harm."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pycti
import pytest

from shadowserver_connector.connector import helper as module
from shadowserver_connector.connector.helper import (
    Registration,
    pycti_advice,
    register,
    trial_registration_query,
    version_error,
)
from shadowserver_connector.errors import (
    CredentialsError,
    SettingsError,
    SinkUnavailableError,
    VersionError,
)
from shadowserver_connector.settings.load import LoadedSettings, load_settings
from shadowserver_connector.sink.platform import Refusal
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
    """A session that records the arguments of each request."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Record a request."""
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
    """Return settings; afterwards the process and its loggers are as before."""
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
    """Return the helper, and what was logged while it connected."""
    monkeypatch.setattr(pycti, "OpenCTIConnectorHelper", platform)
    log = FakeLog()
    waiter = Waiter(threading.Event(), log, first_pause=0.001)
    return register(loaded, waiter), log


def test_platform_that_is_away_is_waited_for_in_silence(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pycti's traceback of each attempt is suppressed; one line says what is waited for and why."""
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
                "reason": "OpenCTI returned an error: no valid answer; the platform may be "
                "starting",
            },
        ),
        ("info", "Resumed", {"for": "OpenCTI", "seconds": ANY}),
    ]


def test_other_failures_of_the_start_are_told_without_secrets(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other errors at start are reported without the library's text, which may hold secrets."""
    for error in (ValueError("token"), RuntimeError("token: not reachable")):
        _, log = connected(Platform(error), loaded, monkeypatch)
        assert log.lines[0][2]["reason"].startswith("OpenCTI returned an error: ")
        assert "token" not in log.text()


def test_hook_that_ends_the_process_is_taken_off(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pycti's hook, which ends the process on an error in any thread, is removed."""
    hook = sys.excepthook
    connected(Platform(RuntimeError("away")), loaded, monkeypatch)
    assert sys.excepthook is hook


def test_settings_reach_pycti(loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are exported as the environment variables that pycti reads."""
    connected(Platform(), loaded, monkeypatch)
    assert os.environ["OPENCTI_TOKEN"] == ENVIRONMENT["OPENCTI_TOKEN"]
    assert os.environ["CONNECTOR_NAME"] == ENVIRONMENT["CONNECTOR_NAME"]


def test_attempts_to_reach_the_broker_are_not_logged_by_its_library(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pika's dozen lines for each attempt, and pycti's line for each message, are suppressed."""
    before = logging.getLogger().level
    connected(Platform(), loaded, monkeypatch)
    assert logging.getLogger().level == before
    assert not logging.getLogger("pika").isEnabledFor(logging.ERROR)
    name = ENVIRONMENT["CONNECTOR_NAME"]
    line = logging.LogRecord(name, 30, "", 0, f"{name} sending bundle to queue", None, None)
    assert not logging.getLogger(name).filter(line)


def test_everything_is_logged_where_that_is_asked_for(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the log level ``debug``, the libraries' lines are logged too."""
    # As in a process that has not connected before.
    logging.getLogger("api").setLevel(logging.NOTSET)
    name = ENVIRONMENT["CONNECTOR_NAME"]
    line = logging.LogRecord(name, 30, "", 0, f"{name} sending bundle to queue", None, None)
    debug = load_settings(environ={**ENVIRONMENT, "CONNECTOR_LOG_LEVEL": "debug"})
    connected(Platform(), debug, monkeypatch)
    assert logging.getLogger(name).filter(line)
    assert logging.getLogger("api").level == logging.NOTSET
    connected(Platform(), loaded, monkeypatch)
    assert not logging.getLogger(name).filter(line)
    assert logging.getLogger("api").level == logging.WARNING


def test_old_pycti_gets_the_time_out_of_a_new_one(
    loaded: LoadedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clients of an old pycti get a time-out, so that a platform that hangs cannot hang us."""
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
    """pycti would ignore a failed announcement of expectations; the connector's raises."""
    helper, _ = connected(Platform(), loaded, monkeypatch)
    asked: list[Any] = []
    helper.api.query = lambda *args: asked.append(args)
    assert helper.api.work.add_expectations("work-1", 5) is True
    assert asked[0][1] == {"id": "work-1", "expectations": 5}


def test_trial_is_a_registration_that_nobody_takes() -> None:
    """The trial registration has no id: OpenCTI checks its query and fields, then refuses it."""
    query, variables = trial_registration_query()
    assert "registerConnector(input: $input)" in query
    given = variables["input"]
    assert given["id"] is None
    assert {"name", "type", "scope", "auto", "only_contextual"} <= set(given)


class Asked:
    """A platform that gives prepared answers and records the queries."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.queries: list[str] = []

    def __call__(self, query: str) -> Any:
        """Answer."""
        self.queries.append(query)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


FIELDS = {"inputFields": [{"name": "id"}, {"name": "type"}]}
ABOUT = {"version": "6.2.0"}


def test_platform_is_asked_for_its_version_and_what_it_takes() -> None:
    """One query asks the platform for its version and the fields of its registration."""
    registration = Registration()
    asked = Asked({"about": ABOUT, "__type": FIELDS})
    registration.query_schema(asked)
    assert registration.platform == "6.2.0"
    assert registration.accepted_fields == {"id", "type"}
    [query] = asked.queries
    assert "about { version }" in query
    assert '__type(name: "RegisterConnectorInput") { inputFields { name } }' in query


def test_platform_that_does_not_tell_what_it_takes_gets_everything() -> None:
    """A platform that omits its fields, or refuses the question, is sent every field."""
    refused = ValueError({"name": "GRAPHQL_VALIDATION_FAILED", "error_message": "introspection"})
    for answers in ([{"about": ABOUT, "__type": None}], [{"about": ABOUT}], [refused]):
        registration = Registration()
        asked = Asked(*answers, {"about": ABOUT})
        registration.query_schema(asked)
        assert (registration.platform, registration.accepted_fields) == ("6.2.0", None)
        assert len(asked.queries) == (2 if answers == [refused] else 1)
        assert ("__type" in asked.queries[-1]) is (answers != [refused])


@pytest.mark.parametrize(
    "error", [ValueError({"name": "AUTH_REQUIRED", "error_message": "no"}), ConnectionError()]
)
def test_platform_that_refuses_the_token_is_not_asked_again(error: Exception) -> None:
    """A platform that refuses the token, or cannot be reached, is asked once only."""
    asked = Asked(error)
    with pytest.raises(type(error)):
        Registration().query_schema(asked)
    assert len(asked.queries) == 1


@pytest.mark.parametrize(
    "answer",
    [{}, {"about": None}, {"about": {}}, "text", None, {"about": ABOUT, "__type": {"x": 1}}],
)
def test_answer_that_is_none_is_waited_out(answer: Any) -> None:
    """An answer that is not OpenCTI's, such as a proxy's page during a restart, is waited out."""
    with pytest.raises(SinkUnavailableError) as caught:
        Registration().query_schema(Asked(answer))
    assert str(caught.value) == "OpenCTI gave no valid answer; it may be starting"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            ValueError({"name": "AUTH_REQUIRED", "error_message": "secret"}),
            CredentialsError,
            "OpenCTI refuses OPENCTI_TOKEN (AUTH_REQUIRED); check it and its user's rights",
        ),
        (
            ValueError({"name": "BAD_USER_INPUT", "error_message": "unknown field"}),
            VersionError,
            "OpenCTI 6.2.0 does not accept a registration by pycti 7.1 (BAD_USER_INPUT: unknown "
            'field); pip install "pycti==6.2.0", or build the image with PYCTI_VERSION=6.2.0',
        ),
        (
            ValueError({"name": "DATABASE_ERROR", "error_message": "secret"}),
            SinkUnavailableError,
            "OpenCTI returned an error: DATABASE_ERROR",
        ),
        (SettingsError("as it is"), SettingsError, "as it is"),
    ],
)
def test_registration_fails_in_our_words(
    error: Exception, kind: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed registration raises an error of our own, which quotes nothing that may be secret."""
    monkeypatch.setattr(module, "version", lambda _: "7.1")

    def build() -> Any:
        raise error

    with pytest.raises(kind) as caught:
        Registration(platform="6.2.0").attempt(build)
    assert type(caught.value) is kind
    assert str(caught.value) == said
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("pycti_version", "platform", "number"),
    [
        ("6.10.0", "6.9.12", "6.9.12"),
        ("7.1", "6.9.1-rc.2", "6.9.1"),
        ("7.1.1", "7.1", "7.1"),
        ("6.9.12", "6.10.0", None),
        ("6.9.12", "6.9.12", None),
        ("7.1", "unknown 6.2", None),
    ],
)
def test_what_to_install_is_said_where_pycti_is_newer(
    pycti_version: str, platform: str, number: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions are compared as numbers, not as text, before an older pycti is recommended."""
    monkeypatch.setattr(module, "version", lambda _: pycti_version)
    said = (
        f'pycti {pycti_version} is newer than OpenCTI {platform}; pip install "pycti=={number}", '
        f"or build the image with PYCTI_VERSION={number}"
    )
    assert pycti_advice(platform) == ("" if number is None else said)
    if number is not None:
        error = version_error(platform, Refusal("BAD_USER_INPUT", ""))
        assert isinstance(error, VersionError)
        assert str(error).endswith(said.partition("; ")[2])


def test_pycti_that_is_not_installed_as_a_package_is_no_newer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pycti without package metadata has no known version, and is not called newer."""

    def missing(name: str) -> str:
        assert name == "pycti"
        raise module.PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", missing)
    assert module.pycti_version() == ""
    assert pycti_advice("6.2.0") == ""
