"""The certificate authorities and proxies that the usual environment variables name.

HTTP libraries read these variables by rules of their own. Here they are read once, and each library
is told the result, so that every command and pycti use the same ones.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import Field

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.settings.value_types import Section, is_loopback

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY: Final = "NO_PROXY"
BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Files that replace the authorities of the library, all of them together."""
DIRECTORIES: Final = "SSL_CERT_DIR"
"""Directories as OpenSSL creates them, used if no file is named."""
FURTHER_AUTHORITIES: Final = "HTTPS_CA_CERTIFICATES"
"""Authorities in addition to the usual ones, as a file or as its text; pycti's own variable."""
NETWORK_VARIABLES: Final = frozenset(
    {*PROXIES, NO_PROXY, *BUNDLES, DIRECTORIES, FURTHER_AUTHORITIES}
)

# A revocation list has an r behind the dot.
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")
_PORTS: Final = {"http": 80, "https": 443}


class Authorities(NamedTuple):
    """The authorities to trust: those of ``files``, or the library's own; and ``further``."""

    files: tuple[tuple[str, Path], ...]
    """PEM files, or directories as OpenSSL creates them, each with the variable that names it."""
    further: str | None = None
    """Certificates as PEM text."""


def lowercase_proxies_first(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a proxy's lower-case name, if set, replaces the other."""
    # As for curl and Python's urllib, which read the lower-case name first.
    found = dict(environ)
    for name in (*PROXIES, NO_PROXY):
        if name.lower() in environ:
            found[name] = environ[name.lower()]
    return found


class Network(Section):
    """The usual variables, unchanged; what they mean is looked up for each host."""

    variables: Mapping[str, str] = Field(default_factory=dict, repr=False)
    """By name in capitals. Values may contain passwords."""
    sources: Mapping[str, str] = Field(default_factory=dict)

    def proxy(self, url: str) -> str | None:
        """Return the URL of the proxy for a URL; never one for the local machine.

        It may contain a password.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
        if is_loopback(host) or any(
            _excepts(entry.lower(), host, port) for entry in self.no_proxy_entries()
        ):
            return None
        return self.proxy_for(parts.scheme)

    def proxy_for(self, scheme: str) -> str | None:
        """Return the URL of the proxy for URLs of a scheme, whatever their host."""
        names = (f"{scheme.upper()}_PROXY", "ALL_PROXY")
        name = next((name for name in names if self.variables.get(name)), None)
        return _with_scheme(self.variables[name]) if name else None

    def authorities(self, bundle: Path | None, setting: str) -> Authorities:
        """Return the authorities to trust; ``bundle``, the file that ``setting`` names, replaces
        the usual ones.

        Raises SettingsError if `HTTPS_CA_CERTIFICATES` contains nothing readable.
        """
        if bundle is not None:
            return Authorities(((setting, bundle),))
        # By path: a file that several variables name counts once.
        named = {Path(path): name for name in BUNDLES if (path := self.variables.get(name))}
        if not named:
            # OpenSSL takes a list, like PATH, and passes over what does not exist.
            listed = [p for p in self.variables.get(DIRECTORIES, "").split(os.pathsep) if p]
            there = [path for path in listed if os.path.exists(path)]
            named = {Path(path): DIRECTORIES for path in there or listed}
        return Authorities(tuple((name, path) for path, name in named.items()), self._further())

    def check(self) -> None:
        """Raise SettingsError, with a line for each variable that cannot be used."""
        lines = [line for name in PROXIES if (line := self._proxy_problem(name))]
        try:
            verifying_context(self.authorities(None, ""))
        except SettingsError as error:
            lines.append(str(error))
        if lines:
            raise SettingsError("\n".join(lines))

    def no_proxy_entries(self) -> tuple[str, ...]:
        """Return the entries of ``NO_PROXY``."""
        entries = (entry.strip() for entry in self.variables.get(NO_PROXY, "").split(","))
        return tuple(entry for entry in entries if entry)

    def _proxy_problem(self, name: str) -> str | None:
        value = self.variables.get(name)
        if not value:
            return None
        parts = _split(_with_scheme(value))
        if parts and parts.scheme in _PORTS and parts.hostname and parts.path in ("", "/"):
            return None
        # The value is not shown: it may contain a password.
        why = "it names no proxy"
        if parts and parts.hostname and parts.scheme not in _PORTS:
            why = f"{parts.scheme}:// is not supported"
        source = f" ({self.sources[name]})" if name in self.sources else ""
        return f"{name}{source}: {why}; give http://host:port or https://host:port"

    def _further(self) -> str | None:
        value = self.variables.get(FURTHER_AUTHORITIES)
        if not value:
            return None
        if "-----BEGIN CERTIFICATE-----" in value:
            return value
        try:
            return Path(value).read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise SettingsError(
                f"{FURTHER_AUTHORITIES}: neither a PEM file that can be read nor its text"
            ) from None


def verifying_context(found: Authorities) -> ssl.SSLContext:
    """Return an SSL context that verifies. Raises SettingsError if the certificates cannot be read.

    Without a file httpx chooses: the certificates of certifi, which requests uses too.
    """
    files = [(name, file) for name, path in found.files for file in _pem_files(name, path)]
    context = _context(*files[0]) if files else httpx.create_ssl_context(trust_env=False)
    for name, file in files[1:]:
        with _readable(name, file):
            context.load_verify_locations(cafile=file)
    if found.further:
        try:
            context.load_verify_locations(cadata=found.further)
        except (ssl.SSLError, ValueError):
            raise SettingsError(f"{FURTHER_AUTHORITIES}: it holds no certificates in PEM") from None
    return context


def _pem_files(name: str, path: Path) -> list[Path]:
    """Return a file, or those in a directory whose names ``c_rehash`` gives."""
    # OpenSSL reads a directory only when it needs a certificate of it, so the context could not
    # list them for `requests`, which gets one file.
    try:
        if not path.is_dir():
            return [path]
        # A link that leads nowhere is passed over, as OpenSSL does.
        files = sorted(
            file for file in path.iterdir() if _HASHED.fullmatch(file.name) and file.is_file()
        )
    except (OSError, ValueError):
        files = []
    if not files:
        raise _unreadable(name, path, "no certificates as c_rehash names them")
    return files


def _context(name: str, file: Path) -> ssl.SSLContext:
    with _readable(name, file):
        return ssl.create_default_context(cafile=file)


@contextmanager
def _readable(name: str, file: Path) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError:
        raise _unreadable(name, file, "not PEM") from None
    except OSError as error:
        raise _unreadable(name, file, str(error.strerror)) from None
    except ValueError:
        raise _unreadable(name, file, "not a path") from None


def _unreadable(name: str, path: Path, why: str) -> SettingsError:
    text = f"{name}: cannot read CA certificates from {str(path)[:200]!r}: {why}; give a PEM file"
    return SettingsError(text)


def _excepts(entry: str, host: str, port: int | None) -> bool:
    """Tell whether an entry of ``NO_PROXY``, in lower case, matches a host.

    ``*`` matches every host; a name, with or without a leading dot, the host and its subdomains; an
    address that host; a network each address in it. A port after a name or an address narrows it
    down.
    """
    if entry == "*":
        return True
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return _excepts_name(entry, host, port)
    return _is_address(host) and ipaddress.ip_address(host) in network


def _excepts_name(entry: str, host: str, port: int | None) -> bool:
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal():
        return number == str(port) and _excepts(name, host, None)
    name = entry.removeprefix("*").lstrip(".")
    if not name or _is_address(host):
        return False
    return host == name or host.endswith(f".{name}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _split(url: str) -> SplitResult | None:
    """Split a URL; ``None`` if it is not one, or has blanks or an invalid port."""
    try:
        parts = urlsplit(url)
        # `port` raises ValueError for one that is no number, or above 65535.
        usable = parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        return None
    return parts if usable else None
