"""The API client that the settings describe."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from shadowserver_connector.api import client as module
from shadowserver_connector.api.client import ApiOptions, ReportsApi, open_api
from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.load import load_settings
from shadowserver_connector.waiting import RetryPolicy


def test_client_is_made_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets key, secret, both hosts and one connection per thread."""
    given: list[tuple[str, str, ApiOptions]] = []
    monkeypatch.setattr(module, "ReportsApi", lambda *args: given.append(args))
    environ = {
        "SHADOWSERVER_API_KEY": "key",
        "SHADOWSERVER_API_SECRET": "secret",
        "SHADOWSERVER_API_URL": "https://api.example/",
        "SHADOWSERVER_DOWNLOAD_URL": "https://dl.example/",
        "SHADOWSERVER_MAX_THREADS": "3",
        "SHADOWSERVER_CA_BUNDLE": certifi.where(),
        "HTTPS_PROXY": "http://proxy.example:3128",
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "00000000-0000-4000-8000-000000000001",
    }
    settings = load_settings(environ=environ).settings
    retry = RetryPolicy(attempts=2)
    open_api(settings, retry)
    open_api(settings)
    [(key, secret, options), (_, _, plain)] = given
    assert options.retry is retry
    assert plain.retry == RetryPolicy()
    assert (key, secret) == ("key", "secret")
    assert options.api_url == "https://api.example"
    assert options.download_url == "https://dl.example"
    assert (options.ca_bundle, options.connections) == (Path(certifi.where()), 3)
    assert options.network is settings.network
    assert options.network.variables == {"HTTPS_PROXY": "http://proxy.example:3128"}


def test_client_without_a_key_is_a_wrong_setting() -> None:
    """The error names the missing setting."""
    environ = {
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "00000000-0000-4000-8000-000000000001",
    }
    with pytest.raises(SettingsError, match="SHADOWSERVER_API_KEY"):
        open_api(load_settings(environ=environ).settings)


@pytest.mark.parametrize("name", ["api_url", "download_url"])
def test_host_that_cannot_be_used_is_told_by_its_setting(name: str) -> None:
    """The error names the setting of an unusable URL before any request."""
    with pytest.raises(SettingsError, match=f"^SHADOWSERVER_{name.upper()} must "):
        ReportsApi("key", "secret", ApiOptions(**{name: "ftp://host.example/"}))
