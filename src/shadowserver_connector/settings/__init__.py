"""Settings: `load_settings` reads them, `Settings` holds them, `export_for_pycti` hands them on."""

from shadowserver_connector.settings.load import LoadedSettings, export_for_pycti, load_settings
from shadowserver_connector.settings.settings import ApiCredentials, Settings

__all__ = ["ApiCredentials", "LoadedSettings", "Settings", "export_for_pycti", "load_settings"]
