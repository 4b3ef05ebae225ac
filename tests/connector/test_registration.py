"""Registration with platforms of several versions, by the real pycti."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pycti import OpenCTIApiClient

from shadowserver_connector.connector.helper import (
    pycti_advice,
    pycti_version,
    register,
    trial_registration_query,
)
from shadowserver_connector.errors import CredentialsError, SettingsError, VersionError
from shadowserver_connector.operations.reachability import register_silently, try_opencti
from shadowserver_connector.settings.load import LoadedSettings, load_settings
from shadowserver_connector.sink.works import WorkDeletedError
from shadowserver_connector.waiting import Stopping, Waiter
from tests.platform.errors import PlatformError
from tests.platform.opencti import Fault, OpenCTI
from tests.platform.schema import NEWEST, OLDER, OLDEST, Schema
from tests.sink.pycti_fakes import FakeLog

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

CONNECTOR = "5c1b9f0e-0000-4000-8000-00000000c0de"
NEWER = pytest.mark.skipif(
    "version" not in trial_registration_query()[0] and pycti_version().startswith("6."),
    reason="the installed pycti is older than any platform that it could meet here",
)

Start = Callable[..., Any]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the environment afterwards: settings are exported there for pycti."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("SHADOWSERVER_", "OPENCTI_", "CONNECTOR_")):
            monkeypatch.delenv(name)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    # pycti leaves its connections open.
    gc.collect()


@pytest.fixture
def loaded(
    environ: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., LoadedSettings]:
    """Return a function that loads settings for a platform."""
    monkeypatch.chdir(tmp_path)

    def load(platform: OpenCTI, **changes: str) -> LoadedSettings:
        given = {
            "OPENCTI_URL": platform.url,
            "OPENCTI_TOKEN": platform.token,
            "CONNECTOR_ID": CONNECTOR,
            "CONNECTOR_LOG_LEVEL": "error",
            "CONNECTOR_RUN_AND_TERMINATE": "true",
        } | {name.upper(): value for name, value in changes.items()}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


def waiter(log: FakeLog, stop: threading.Event | None = None) -> Waiter:
    """Return a waiter whose pauses are next to nothing."""
    return Waiter(stop or threading.Event(), log, first_pause=0.01, longest_pause=0.01)


@NEWER
@pytest.mark.parametrize("status", [200, 400])
def test_fields_that_the_platform_does_not_know_are_left_out(
    status: int, loaded: Callable[..., LoadedSettings]
) -> None:
    """A newer pycti registers without the unknown fields; the log says which pycti to install."""
    log = FakeLog()
    schema = replace(OLDER, taken=OLDER.taken - {"auto_update"}, input_status=status)
    with OpenCTI(version="7.100101.0", schema=schema) as platform:
        helper = register(loaded(platform), waiter(log))
        assert helper.connector_id == CONNECTOR
        sent = platform.connectors.get(CONNECTOR).registration
        found = try_opencti(loaded(platform).settings)
    assert {"id", "name", "type", "scope"} <= set(sent)
    assert found.text.startswith("ok")
    assert "pip install" in (found.pycti_warning or "")
    assert not {"version", "slug", "auto_update"} & set(sent)
    [(_, said, meta)] = [line for line in log.lines if line[0] == "warning"]
    assert said == "pycti is newer than OpenCTI"
    assert f"pycti {pycti_version()} is newer than OpenCTI 7.100101.0" in meta["advice"]
    assert 'pip install "pycti==7.100101.0"' in meta["advice"]
    assert "auto_update" in meta["left_out"]


def test_a_platform_of_the_same_version_gets_everything(
    loaded: Callable[..., LoadedSettings],
) -> None:
    """No field is left out, and nothing is logged."""
    log = FakeLog()
    with OpenCTI(version=pycti_version()) as platform:
        register(loaded(platform), waiter(log))
        sent = platform.connectors.get(CONNECTOR).registration
    assert log.lines == []
    assert ("version" in sent) == (
        NEWEST.taken >= set(sent) and not pycti_version().startswith("6.")
    )


@NEWER
@pytest.mark.parametrize(
    ("schema", "refused"),
    [
        (OLDEST, 'Cannot query field "jwks"'),
        (replace(OLDER, introspection=False), 'unknown field "version"'),
        (replace(OLDER, introspection=False, input_status=200), 'unknown field "version"'),
    ],
)
def test_a_registration_that_cannot_work_ends_with_its_cure(
    schema: Schema, refused: str, loaded: Callable[..., LoadedSettings]
) -> None:
    """When OpenCTI cannot take the registration of this pycti, the error names the pycti to
    install.
    """
    log = FakeLog()
    with OpenCTI(version="6.9.3", schema=schema) as platform:
        with pytest.raises(VersionError) as raised:
            register(loaded(platform), waiter(log))
        assert platform.connectors.all() == []
        assert platform.token not in str(raised.value)
        found = try_opencti(loaded(platform).settings)
        assert platform.connectors.all() == []
    said = str(raised.value)
    # `check` finds out without a registration, and says the same.
    assert isinstance(found.error, VersionError)
    assert found.text == said
    assert "\n" not in said
    for word in (
        "OpenCTI 6.9.3",
        f"pycti {pycti_version()}",
        refused,
        'pip install "pycti==6.9.3"',
    ):
        assert word in said
    assert "PYCTI_VERSION=6.9.3" in said
    assert log.lines == []


@pytest.mark.parametrize("name", ["AUTH_REQUIRED", "FORBIDDEN_ACCESS"])
@pytest.mark.parametrize("operation", ["healthCheck", "RegisterConnector"])
@pytest.mark.parametrize("status", [200, 401])
def test_a_refused_token_is_named(
    name: str, operation: str, status: int, loaded: Callable[..., LoadedSettings]
) -> None:
    """A refused token is an error at once, with any HTTP status; it is not waited for."""
    log = FakeLog()
    with OpenCTI() as platform:
        settings = loaded(platform)
        fault = PlatformError(name, "You must be logged in", http_status=status)
        platform.inject(Fault(fault, operation, times=99))
        with pytest.raises(CredentialsError, match=f"OPENCTI_TOKEN.*{name}"):
            register(settings, waiter(log))
    assert log.lines == []


@pytest.mark.parametrize("what", [502, "cut", PlatformError("DATABASE_ERROR", "no broker")])
@pytest.mark.parametrize("operation", ["healthCheck", "RegisterConnector"])
def test_an_outage_is_waited_for(
    what: Any, operation: str, loaded: Callable[..., LoadedSettings]
) -> None:
    """One line says that OpenCTI is waited for, with the reason OpenCTI gives, if any."""
    log = FakeLog()
    with OpenCTI() as platform:
        settings = loaded(platform)
        platform.inject(Fault(what, operation, times=3))
        register(settings, waiter(log))
    assert log.messages("warning")[0] == "Waiting"
    assert log.messages("info") == ["Resumed"]
    if isinstance(what, PlatformError):
        assert "DATABASE_ERROR" in log.text()


def test_metrics_outlive_a_failed_registration(loaded: Callable[..., LoadedSettings]) -> None:
    """The metrics port opens at the first attempt and stays open through the next ones."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = FakeLog()
    with OpenCTI() as platform:
        settings = loaded(
            platform, connector_expose_metrics="true", connector_metrics_port=str(port)
        )
        platform.inject(Fault(502, "RegisterConnector", times=2))
        helper = register(settings, waiter(log))
        assert helper.connector_id == CONNECTOR
        assert helper.metric.activated
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    assert "in use" not in log.text()


def test_a_port_that_another_has_is_a_setting(loaded: Callable[..., LoadedSettings]) -> None:
    """A metrics port in use is reported as a wrong setting, not as an OpenCTI outage."""
    log = FakeLog()
    with OpenCTI() as platform, socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = loaded(platform, connector_expose_metrics="true", connector_metrics_port=port)
        with pytest.raises(
            SettingsError, match=r"CONNECTOR_METRICS_PORT.*in use; name another port$"
        ):
            register(settings, waiter(log))
    assert log.lines == []


def test_swallowed_errors_become_ours(loaded: Callable[..., LoadedSettings]) -> None:
    """Where pycti logs a failed announcement and sends the bundle anyway, the connector raises."""
    with OpenCTI() as platform:
        helper = register(loaded(platform), waiter(FakeLog()))
        work = helper.api.work.initiate_work(CONNECTOR, "a work")
        assert helper.api.work.add_expectations(work, 3)
        assert platform.works.get(work).expected == 3  # type: ignore[union-attr]
        platform.inject(Fault(PlatformError("WORK_NOT_ALIVE", "gone"), "addExpectations"))
        with pytest.raises(WorkDeletedError):
            helper.api.work.add_expectations(work, 1)


def test_commands_never_ping(loaded: Callable[..., LoadedSettings]) -> None:
    """A command sends no ping: its state would overwrite that of the connector beside it."""
    with OpenCTI() as platform:
        settings = loaded(platform, connector_run_and_terminate="false")
        helper, _ = register_silently(settings, FakeLog())
        assert helper.connect_run_and_terminate is True
        assert not hasattr(helper, "ping")
        assert platform.connectors.get(CONNECTOR).pings == 0


def test_pycti_is_as_before_afterwards(loaded: Callable[..., LoadedSettings]) -> None:
    """What is patched in pycti during registration is restored, on success and on failure."""
    before = OpenCTIApiClient.health_check
    stop = threading.Event()
    with OpenCTI() as platform:
        settings = loaded(platform)
        platform.stop()
        stop.set()
        with pytest.raises(Stopping):
            register(settings, waiter(FakeLog(), stop))
    assert OpenCTIApiClient.health_check is before


@pytest.mark.parametrize(
    ("platform", "newer"),
    [("6.2.0", True), ("99.0.0", False), (pycti_version(), False), ("", False), ("unknown", False)],
)
def test_only_a_newer_pycti_is_spoken_of(platform: str, newer: bool) -> None:
    """An older pycti works, as after an upgrade of the platform, so the log says nothing of it."""
    assert bool(pycti_advice(platform)) is newer
