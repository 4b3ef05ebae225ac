"""Settings: `load_settings` reads them, `Settings` holds them, `export_for_pycti` hands them on.

load                  reads the settings: takes each from its first source, checks it, and passes it
                      on to pycti
messages              settings in words: what is allowed, what was refused, how a value is shown
names                 names of settings: in the environment, in `config.yml`, and those that pycti
                      reads
network               the certificate authorities and proxies that the usual environment variables
                      name
opencti_section       how to reach OpenCTI, and how the connector appears there (``OPENCTI_*``,
                      ``CONNECTOR_*``)
settings              all settings in one immutable value
shadowserver_section  what to fetch from Shadowserver and what to make of it (``SHADOWSERVER_*``)
sources               the sources of settings: ``config.yml``, ``.env`` and the environment, each as
                      plain texts
value_types           the kinds of values of settings, each parsed from the text that a person
                      writes
"""

from shadowserver_connector.settings.load import LoadedSettings, export_for_pycti, load_settings
from shadowserver_connector.settings.settings import ApiCredentials, Settings

__all__ = ["ApiCredentials", "LoadedSettings", "Settings", "export_for_pycti", "load_settings"]
