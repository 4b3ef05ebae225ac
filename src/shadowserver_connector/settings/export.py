"""Hand the winning settings to pycti, which looks into the process environment first."""

from __future__ import annotations

import atexit
import ssl
import tempfile
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.load import Loaded
from shadowserver_connector.settings.names import known_settings
from shadowserver_connector.settings.network import (
    FURTHER,
    NO_PROXY,
    PROXIES,
    Authorities,
    Network,
    verifying_context,
)
from shadowserver_connector.settings.text import as_text
from shadowserver_connector.temporary import temporary_directory


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
    _export_authorities(loaded, environ)
    _export_proxies(loaded, environ)


def _export_authorities(loaded: Loaded, environ: MutableMapping[str, str]) -> None:
    """Name the authorities as ``requests`` reads them: pycti has no setting for them.

    pycti's own `HTTPS_CA_CERTIFICATES` would replace all others, verify where that is switched
    off, and take over the signals that end the process.
    """
    environ.pop(FURTHER, None)
    settings = loaded.settings
    found = settings.network.authorities(settings.opencti.ca_bundle, "OPENCTI_CA_BUNDLE")
    if found.further or len(found.files) > 1:
        environ["REQUESTS_CA_BUNDLE"] = str(_joined(found))
    elif found.files:
        environ["REQUESTS_CA_BUNDLE"] = str(found.files[0][1])


@cache
def _joined(found: Authorities) -> Path:
    """Write all authorities to one file, which is there as long as the process."""
    certificates = verifying_context(found).get_ca_certs(binary_form=True)
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, certificates))
    try:
        with tempfile.NamedTemporaryFile(
            dir=temporary_directory(), prefix="shadowserver-ca-", suffix=".pem", delete=False
        ) as file:
            atexit.register(Path(file.name).unlink, missing_ok=True)
            file.write(pem.encode())
    except OSError as error:
        raise SettingsError(
            f"cannot write the authorities to {temporary_directory()} ({error.strerror}); "
            "let OPENCTI_CA_BUNDLE name one file with all of them"
        ) from None
    return Path(file.name)


def _export_proxies(loaded: Loaded, environ: MutableMapping[str, str]) -> None:
    """Name the proxies such that ``requests`` takes the way to OpenCTI that we take."""
    network = loaded.settings.network
    if not any(network.given.get(name) for name in PROXIES):
        return
    for name in (*PROXIES, NO_PROXY):
        environ.pop(name, None)
        environ.pop(name.lower(), None)
    for scheme in ("http", "https"):
        proxy = network.proxy_for(scheme)
        if proxy is not None:
            environ[f"{scheme.upper()}_PROXY"] = proxy.url
    exceptions = _exceptions(network, loaded.settings.opencti.url)
    if exceptions:
        environ[NO_PROXY] = ",".join(exceptions)


def _exceptions(network: Network, url: str | None) -> list[str]:
    """Return what ``NO_PROXY`` must hold.

    ``requests`` knows fewer kinds of entries than we do, and takes ``example.org`` for the end of
    ``badexample.org``: the platform's host stands in it, or what would except it does not.
    """
    entries = list(network.exceptions())
    if url is None:
        return entries
    host = urlsplit(url).hostname or ""
    if network.proxy(url) is None:
        return [*entries, host]
    return [entry for entry in entries if not host.endswith(entry.lower().lstrip("*."))]
