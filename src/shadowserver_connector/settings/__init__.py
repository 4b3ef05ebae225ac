"""Settings: `load_settings` reads them, `Settings` holds them, `export_for_pycti` hands them on."""

from shadowserver_connector.settings.load import Loaded, export_for_pycti, load_settings
from shadowserver_connector.settings.model import ApiCredentials, Settings

__all__ = ["ApiCredentials", "Loaded", "Settings", "export_for_pycti", "load_settings"]
