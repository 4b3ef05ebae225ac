"""Settings that `run` needs, and that work offline does not."""

from __future__ import annotations

import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings import Settings
from tests.settings.conftest import Load

API = {"SHADOWSERVER_API_KEY": "key", "SHADOWSERVER_API_SECRET": "secret"}
OPENCTI = {
    "OPENCTI_URL": "http://localhost:8080",
    "OPENCTI_TOKEN": "token",
}


def missing(error: SettingsError) -> list[str]:
    """Return the names that the error's lines begin with."""
    return [line.split(" is not set", 1)[0] for line in str(error).splitlines()]


def test_defaults_are_enough_offline() -> None:
    """Settings load with nothing configured."""
    assert Settings().shadowserver.api_key is None


def test_require_api(load: Load) -> None:
    """The credentials are returned when both are set."""
    credentials = load(environ=API).settings.require_api()
    assert credentials.key.get_secret_value() == "key"
    assert credentials.secret.get_secret_value() == "secret"


@pytest.mark.parametrize("name", API)
def test_require_api_names_what_is_missing(load: Load, name: str) -> None:
    """A missing credential gives one line that names it and says where to set it."""
    settings = load(environ={**API, name: "ChangeMe"}).settings
    with pytest.raises(SettingsError) as caught:
        settings.require_api()
    assert missing(caught.value) == [name]
    assert "config.yml, .env or the environment" in str(caught.value)


@pytest.mark.parametrize("name", OPENCTI)
def test_require_opencti_names_what_is_missing(load: Load, name: str) -> None:
    """A missing setting of OpenCTI gives one line that names it."""
    settings = load(environ={**OPENCTI, name: ""}).settings
    with pytest.raises(SettingsError) as caught:
        settings.require_opencti()
    assert missing(caught.value) == [name]


def test_require_run(load: Load) -> None:
    """`run` names all missing settings at once, or returns the credentials."""
    with pytest.raises(SettingsError) as caught:
        load().settings.require_run()
    assert missing(caught.value) == [*OPENCTI, *API]
    settings = load(environ={**API, **OPENCTI}).settings
    settings.require_opencti()
    assert settings.require_run() == settings.require_api()


def test_require_run_with_a_drop_folder(load: Load) -> None:
    """With a drop folder no credentials are needed, but a single one is a mistake."""
    by_mail = {**OPENCTI, "SHADOWSERVER_DROP_DIR": "drop"}
    assert load(environ=by_mail).settings.require_run() is None
    both = load(environ={**API, **by_mail}).settings
    assert both.require_run() == both.require_api()
    with pytest.raises(SettingsError) as caught:
        load(environ={**by_mail, "SHADOWSERVER_API_KEY": "key"}).settings.require_run()
    assert missing(caught.value) == ["SHADOWSERVER_API_SECRET"]


@pytest.mark.parametrize("by", [API, {"SHADOWSERVER_DROP_DIR": "drop"}])
def test_require_run_refuses_a_proxy_that_is_none(load: Load, by: dict[str, str]) -> None:
    """OpenCTI is reached through the proxy, wherever reports come from."""
    settings = load(environ={**OPENCTI, **by, "HTTPS_PROXY": "socks5h://proxy.example"}).settings
    with pytest.raises(SettingsError, match="HTTPS_PROXY"):
        settings.require_run()
