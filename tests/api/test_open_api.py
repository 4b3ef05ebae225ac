"""The client that the settings describe."""

from __future__ import annotations

import pytest

from shadowserver_connector.api import client as module
from shadowserver_connector.api.client import ApiOptions, open_api
from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.load import load_settings


def test_client_is_made_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and secret in the clear, both hosts; a connection for each thread."""
    given: list[tuple[str, str, ApiOptions]] = []
    monkeypatch.setattr(module, "ReportsApi", lambda *args: given.append(args))
    environ = {
        "SHADOWSERVER_API_KEY": "key",
        "SHADOWSERVER_API_SECRET": "secret",
        "SHADOWSERVER_API_URL": "https://api.example/",
        "SHADOWSERVER_DOWNLOAD_URL": "https://dl.example/",
        "SHADOWSERVER_MAX_THREADS": "3",
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "00000000-0000-4000-8000-000000000001",
    }
    open_api(load_settings(environ=environ).settings)
    [(key, secret, options)] = given
    assert (key, secret) == ("key", "secret")
    assert options.api_url == "https://api.example"
    assert options.download_url == "https://dl.example"
    assert (options.ca_bundle, options.connections) == (None, 3)


def test_client_without_a_key_is_a_wrong_setting() -> None:
    """The message names what is missing."""
    environ = {
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "00000000-0000-4000-8000-000000000001",
    }
    with pytest.raises(SettingsError, match="SHADOWSERVER_API_KEY"):
        open_api(load_settings(environ=environ).settings)
