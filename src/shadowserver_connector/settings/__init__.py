"""Settings: `load_settings` reads them, `Settings` holds them, `export_for_pycti` hands them on.

load                  reading the settings: the winner of each among its sources, checked; what
                      pycti gets of them
messages              settings in words: what is allowed, what was refused, how a value is shown
names                 names of settings: in the environment, in `config.yml`, and those that
                      pycti reads
network               the way out: the authorities and proxies that the usual environment
                      variables name
opencti_section       how to reach OpenCTI, and how the connector appears there (``OPENCTI_*``,
                      ``CONNECTOR_*``)
settings              all settings in one immutable value
shadowserver_section  what to fetch from Shadowserver and what to make of it (``SHADOWSERVER_*``)
sources               where settings come from: ``config.yml``, ``.env`` and the environment,
                      each as plain texts
value_types           the kinds of values that settings hold, each read from the text a person
                      writes
"""

from shadowserver_connector.settings.load import LoadedSettings, export_for_pycti, load_settings
from shadowserver_connector.settings.settings import ApiCredentials, Settings

__all__ = ["ApiCredentials", "LoadedSettings", "Settings", "export_for_pycti", "load_settings"]
