"""Hand the winning settings to pycti, which looks into the process environment first."""

from __future__ import annotations

from collections.abc import MutableMapping

from shadowserver_connector.settings.load import Loaded
from shadowserver_connector.settings.names import known_settings
from shadowserver_connector.settings.text import as_text


def export_for_pycti(loaded: Loaded, environ: MutableMapping[str, str]) -> None:
    """Write every ``OPENCTI_*`` and ``CONNECTOR_*`` value that is set into `environ`.

    Defaults too, since ours differ from pycti's (TLS is verified). Call it before pycti is first
    imported: some of its variables are read then.
    """
    for name, setting in known_settings().items():
        if setting.section == "shadowserver" or setting.deprecated:
            continue
        value = getattr(getattr(loaded.settings, setting.section), setting.key)
        if value is not None:
            environ[name] = as_text(value)
    for name, secret in loaded.handed_on.items():
        environ[name] = secret.get_secret_value()
