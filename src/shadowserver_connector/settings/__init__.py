"""Settings: `load_settings` reads them, `Settings` holds them, `export_for_pycti` hands them on.

load            all settings in one immutable value: each read from its first source, checked, and
                passed on to pycti
network         the certificate authorities and proxies that the usual environment variables name
sections        the sections of the settings: ``OPENCTI_*``, ``CONNECTOR_*`` and ``SHADOWSERVER_*``
sources         the sources of settings: ``config.yml``, ``.env`` and the environment, each as plain
                texts, and the names that settings have there
value_messages  values of settings in words: what is allowed, what was refused, how one is shown
value_types     the kinds of values of settings, each parsed from the text that a person writes
"""

from shadowserver_connector.settings.load import (
    ApiCredentials,
    LoadedSettings,
    Settings,
    export_for_pycti,
    load_settings,
)

__all__ = ["ApiCredentials", "LoadedSettings", "Settings", "export_for_pycti", "load_settings"]
