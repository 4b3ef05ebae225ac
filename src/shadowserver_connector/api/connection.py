"""The HTTP client of both hosts: TLS, proxies, time-outs, one pool; and reading bounded bodies."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from shadowserver_connector import __version__
from shadowserver_connector.api.retry import RetryLaterError
from shadowserver_connector.errors import (
    ApiUnavailableError,
    RetriableError,
    SettingsError,
)

_CONNECT_TIMEOUT = 10.0
_KEEP_ALIVE = 60.0
# A body must have arrived at this many bytes a second once the grace is over; without it a
# server that drips a byte before each time-out would hold a thread for ever.
_SLOWEST = 1024
_GRACE = 120.0


def base_url(url: str, setting: str) -> str:
    """Check a configured host and return its URL with exactly one slash at the end.

    Raises SettingsError unless it is ``https`` (plain ``http`` only to this machine), without
    user, query and fragment.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise SettingsError(f"{setting} is no URL; give one like https://host/path/") from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise SettingsError(f"{setting} must hold no user, query or fragment")
    if parsed.host and (
        parsed.scheme == "https" or (parsed.scheme == "http" and is_loopback(parsed.host))
    ):
        return url.rstrip("/") + "/"
    raise SettingsError(f"{setting} must start with https:// (http:// only to this machine)")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Return a context that verifies; against ``ca_bundle`` (PEM) alone where one is given.

    Without one, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` count, then the certificates that httpx
    ships. Raises SettingsError when the certificates cannot be read.
    """
    try:
        if ca_bundle is None:
            return httpx.create_ssl_context()
        return ssl.create_default_context(cafile=str(ca_bundle))
    except OSError as error:
        source = ca_bundle or "the file that SSL_CERT_FILE or SSL_CERT_DIR names"
        why = error.strerror or "not PEM"
        raise SettingsError(f"cannot read CA certificates from {source}: {why}") from None


def open_client(
    urls: Iterable[str],
    *,
    context: ssl.SSLContext | None,
    connections: int,
    timeout: float,
    transport: httpx.BaseTransport | None,
) -> httpx.Client:
    """Open a pool of kept-alive connections for some hosts, at most ``connections`` in all.

    Where it is full, an idle connection to one host makes room for another host. Proxies come
    from the usual environment variables, but never for this machine, where the simulator
    listens; each way out (a proxy, or none by ``NO_PROXY``) has a pool of its own. Cookies are
    neither kept nor sent. Raises SettingsError when such a variable cannot be used.
    """
    hosts = [httpx.URL(url).host for url in urls]
    try:
        return httpx.Client(
            verify=context or True,
            transport=transport,
            # Patterns without a transport of their own get the one that uses no proxy.
            mounts={f"all://{_bracketed(host)}": None for host in hosts if is_loopback(host)},
            # No limit on the wait for a free connection: each one in use has its own.
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout), pool=None),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=_KEEP_ALIVE,
            ),
            headers={
                "User-Agent": f"shadowserver-connector/{__version__}",
                # Bytes as they lie on the server, so that their number can be checked.
                "Accept-Encoding": "identity",
            },
            # What one host sets must not reach the other.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        # The library's message may hold the proxy's password.
        raise SettingsError(
            "the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used; "
            "give http://host:port or https://host:port"
        ) from None


def failure(
    error: httpx.HTTPError | httpx.InvalidURL, kind: type[RetriableError] = ApiUnavailableError
) -> Exception:
    """Turn the HTTP library's error into ours, without the request that it may quote.

    Returns RetryLaterError, or ApiUnavailableError where trying again at once is pointless.
    """
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return ApiUnavailableError(
            f"the server's certificate is not trusted ({text}); "
            "name your CA's file in SHADOWSERVER_CA_BUNDLE"
        )
    if isinstance(error, httpx.InvalidURL):
        # The library reads a redirect's target even where it is not followed.
        return RetryLaterError("the answer redirects to what is no URL", kind=kind)
    if isinstance(error, httpx.ConnectTimeout):
        return RetryLaterError("no connection in time", kind=kind)
    if isinstance(error, httpx.TimeoutException):
        return RetryLaterError("no answer in time", kind=kind)
    if isinstance(error, httpx.ProxyError):
        return RetryLaterError("the proxy refused the connection", kind=kind)
    if isinstance(error, httpx.ConnectError):
        return RetryLaterError(f"cannot connect ({text})", kind=kind)
    return RetryLaterError("the connection broke off", kind=kind)


def is_too_slow(elapsed: float, received: int) -> bool:
    """Tell whether a body of ``received`` bytes after ``elapsed`` seconds is to be given up."""
    return elapsed > _GRACE + received / _SLOWEST


def read_bounded(response: httpx.Response, limit: int, clock: Callable[[], float]) -> bytes:
    """Read a body of at most ``limit`` bytes.

    Raises RetryLaterError when it is longer, or comes too slowly.
    """
    started = clock()
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise RetryLaterError(f"the answer is longer than {limit} bytes")
        if is_too_slow(clock() - started, len(body)):
            raise RetryLaterError("the answer comes too slowly")
    return bytes(body)
