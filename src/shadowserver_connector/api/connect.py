"""A client as the settings describe it."""

from __future__ import annotations

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.settings.model import Settings


def connect(settings: Settings) -> ReportsApi:
    """Return a client of the Reports API; ``SettingsError`` where its settings are missing."""
    credentials = settings.require_api()
    shadowserver = settings.shadowserver
    return ReportsApi(
        credentials.key.get_secret_value(),
        credentials.secret.get_secret_value(),
        api_url=shadowserver.api_url,
        download_url=shadowserver.download_url,
        ca_bundle=shadowserver.ca_bundle,
        network=settings.network,
        connections=shadowserver.max_threads,
    )
