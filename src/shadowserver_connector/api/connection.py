"""The HTTP client for both hosts: TLS, proxies, one pool, bounded bodies, its log; and the deadline
of a whole exchange, whatever the other side still sends.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final

import httpcore
import httpx

from shadowserver_connector import __version__
from shadowserver_connector.errors import (
    ApiUnavailableError,
    RetriableError,
    SettingsError,
    describe_tls_or_proxy_error,
    has_bad_certificate,
)
from shadowserver_connector.settings.network import (
    NETWORK_VARIABLES,
    Network,
    lowercase_proxies_first,
    verifying_context,
)
from shadowserver_connector.settings.value_types import is_host_and_path, is_loopback
from shadowserver_connector.waiting import RetryLaterError

# By name, as a filter of a logger does not apply to the loggers below it.
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

_requesting: ContextVar[bool] = ContextVar("shadowserver_requesting", default=False)


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _requesting.get()


@contextmanager
def without_request_logs() -> Iterator[None]:
    """Silence httpx and httpcore for requests made inside, in this thread only."""
    # They log URLs, and that of a download opens the file without credentials. A filter that a
    # logger has already is not added again.
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_not_ours)
    token = _requesting.set(True)
    try:
        yield
    finally:
        _requesting.reset(token)


CA_BUNDLE_SETTING: Final = "SHADOWSERVER_CA_BUNDLE"
THROUGH_PROXY: Final = "through the proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
_CONNECT_TIMEOUT = 10.0
_KEEP_ALIVE = 60.0
# After a grace period, a body must have arrived at this many bytes a second. Otherwise a server
# that sends a byte before each time-out could hold a thread forever.
_MIN_BYTES_PER_SECOND = 1024
_GRACE = 120.0


def check_base_url(url: str, setting: str) -> str:
    """Check a configured host and return its URL as httpx writes it, with one slash at the end.

    Raises SettingsError unless it is ``https`` (plain ``http`` only to this machine), without
    user, query and fragment.
    """
    try:
        parsed, is_base = httpx.URL(url), is_host_and_path(url)
    except (httpx.InvalidURL, ValueError):
        raise SettingsError(f"{setting} is not a URL; give one like https://host/path/") from None
    if not is_base:
        raise SettingsError(f"{setting} must hold no user, query or fragment")
    if parsed.host and (
        parsed.scheme == "https" or (parsed.scheme == "http" and is_loopback(parsed.host))
    ):
        return str(httpx.URL(url.rstrip("/") + "/"))
    raise SettingsError(f"{setting} must start with https:// (http:// only to this machine)")


def network_of_environment() -> Network:
    """Return the authorities and proxies of the process environment."""
    environ = lowercase_proxies_first(os.environ)
    return Network(
        variables={name: environ[name] for name in NETWORK_VARIABLES if environ.get(name)}
    )


def tls_context(
    ca_bundle: Path | None, network: Network, setting: str = CA_BUNDLE_SETTING
) -> ssl.SSLContext:
    """Return a context that verifies; against ``ca_bundle``, which ``setting`` names, if given.

    Without one, ``network`` determines the authorities. Raises SettingsError when the certificates
    cannot be read.
    """
    return verifying_context(network.authorities(ca_bundle, setting))


def open_client(
    urls: Sequence[str],
    *,
    network: Network,
    context: ssl.SSLContext | None,
    connections: int,
    timeout: float,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """Open pools of kept-alive connections for some hosts.

    Each proxy has a pool, and so has the direct way, each with ``connections`` at most. If one is
    full, an idle connection to one host makes room for another host. ``transport`` replaces
    network, proxies and TLS, and needs no ``context``. Cookies are neither kept nor sent.
    """
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=_KEEP_ALIVE,
    )
    mounts: dict[str, httpx.BaseTransport] = {}
    if transport is None and context is not None:
        proxies = {_pattern(url): network.proxy(url) for url in urls}
        # One pool for both hosts if they use the same proxy, so that they share the connections.
        transports = {proxy: _Transport(proxy, context, limits) for proxy in {*proxies.values()}}
        mounts = {host: transports[proxy] for host, proxy in proxies.items()}
    return httpx.Client(
        # Every URL that is requested has a mount.
        transport=transport or _RefusedTransport(),
        mounts=mounts,
        # ``network`` contains what the environment says.
        trust_env=False,
        # No limit on the wait for a free connection: each one in use has its own limit.
        timeout=httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout), pool=None),
        headers={
            "User-Agent": f"shadowserver-connector/{__version__}",
            # Uncompressed, so that the number of bytes can be checked.
            "Accept-Encoding": "identity",
        },
        # What one host sets must not reach the other.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )


def _pattern(url: str) -> str:
    parsed = httpx.URL(url)
    # httpx takes the brackets off an IPv6 address, but wants them in the pattern of a mount.
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{parsed.scheme}://{host}" + (f":{parsed.port}" if parsed.port else "")


class _RefusedTransport(httpx.BaseTransport):
    """The transport for hosts that nobody meant to contact."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("not one of the hosts of this client", request=request)


class _Transport(httpx.HTTPTransport):
    """Connections that keep deadlines, and errors that distinguish a proxy from a host."""

    def __init__(self, proxy: str | None, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        through = None
        if proxy is not None:
            # httpcore refuses a context for a proxy that is reached without TLS.
            tls = context if proxy.startswith("https:") else None
            through = httpx.Proxy(proxy, ssl_context=tls)
        super().__init__(verify=context, trust_env=False, limits=limits, proxy=through)
        # httpx has no parameter for it; httpcore has.
        self._pool._network_backend = DeadlineBackend()
        self._has_proxy = proxy is not None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer; its body has not been read."""
        try:
            return super().handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            # With a proxy, it is the proxy that could not be reached, unless TLS failed.
            if not self._has_proxy or describe_tls_or_proxy_error(error, ""):
                raise
            raise httpx.ProxyError("no connection") from error
        except httpx.TimeoutException as error:
            if self._has_proxy:
                error.add_note(THROUGH_PROXY)
            raise


def to_our_error(
    error: httpx.HTTPError | httpx.InvalidURL | TooLateError,
    kind: type[RetriableError] = ApiUnavailableError,
) -> Exception:
    """Convert the HTTP library's error to ours, without the request that it may quote.

    Returns RetryLaterError, or ApiUnavailableError where trying again at once is pointless.
    """
    why = describe_failure(error, CA_BUNDLE_SETTING)
    # The next attempt would get the same certificate.
    if has_bad_certificate(error):
        return ApiUnavailableError(why)
    return RetryLaterError(why, kind=kind)


# Request Timeout, Too Early, Too Many Requests.
_RETRIED_CLIENT_ERRORS = frozenset({408, 425, 429})


def is_transient(status: int) -> bool:
    """Tell whether an HTTP status may be gone on the next attempt: any 5xx, 408, 425, 429."""
    return status >= 500 or status in _RETRIED_CLIENT_ERRORS


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header: seconds or an HTTP date (RFC 9110, 10.2.3).

    Returns None where there is none or it cannot be read; a date in the past is 0.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # The zone -0000 means UTC as well, but gives a time without a zone.
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def describe_failure(error: Exception, bundle: str) -> str:
    """Say why there is no answer; ``bundle`` is the setting that names the authorities."""
    why = describe_tls_or_proxy_error(error, bundle)
    if why is not None:
        return why
    if isinstance(error, httpx.InvalidURL):
        # The library parses a redirect's target even if it is not followed.
        return "the answer redirects to something that is not a URL"
    through = f", {THROUGH_PROXY}" if THROUGH_PROXY in getattr(error, "__notes__", ()) else ""
    late = _too_late_error(error)
    if late is not None:
        return f"{late}{through}"
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in time{through}"
    if isinstance(error, httpx.ConnectError):
        return f"cannot connect ({error})"
    return "the connection broke off"


def _too_late_error(error: BaseException | None) -> TooLateError | None:
    # httpx wraps httpcore's error in its own.
    while error is not None and not isinstance(error, TooLateError):
        error = error.__cause__
    return error


def seconds_allowed(received: int) -> float:
    """Return the seconds that a body of this many bytes may take."""
    return _GRACE + received / _MIN_BYTES_PER_SECOND


def check_encoding(response: httpx.Response, kind: type[RetriableError]) -> None:
    """Refuse a compressed body before reading a byte of it: it may unpack to any size.

    Raises RetryLaterError. No compression was requested.
    """
    codings = response.headers.get_list("Content-Encoding", split_commas=True)
    # A list may have empty elements (RFC 9110, 5.6.1).
    if any(coding.strip().lower() not in ("", "identity") for coding in codings):
        raise RetryLaterError("the answer is compressed, which was not asked for", kind=kind)


def read_bounded(response: httpx.Response, limit: int, deadline: Deadline) -> bytes:
    """Read a body of at most ``limit`` bytes.

    Raises RetryLaterError when it is longer or compressed, TooLateError after the deadline.
    """
    check_encoding(response, ApiUnavailableError)
    body = bytearray()
    for chunk in response.iter_bytes():
        # Here too, as a transport from outside knows no deadlines.
        deadline.left()
        body += chunk
        if len(body) > limit:
            raise RetryLaterError(f"the answer is longer than {limit} bytes")
    return bytes(body)


# One of httpcore's, as httpx converts only those to its own time-outs.
class TooLateError(httpcore.ReadTimeout):
    """The deadline has passed; the text says what is missing, in our own words."""


class Deadline:
    """When an exchange must be over, counted from its first use of the network.

    The HTTP libraries limit only each single read. A server that sends a header byte by byte,
    endless 1xx answers, or empty chunks keeps every read in time. So each operation on the
    connection gets only the time that is left of the whole.
    """

    def __init__(
        self,
        seconds: float,
        missing: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``missing`` is what to say when it has passed."""
        self._clock = clock
        # The wait for a free connection of the pool comes first and does not count.
        self._begun: float | None = None
        self._seconds = seconds
        self._missing = missing or f"no answer in time ({seconds:g} seconds)"

    def allow(self, seconds: float, missing: str | None = None) -> None:
        """Set another deadline, counted from the same start; ``None`` keeps what is said then."""
        self._seconds = seconds
        self._missing = missing or self._missing

    def left(self) -> float:
        """Return the seconds that are left, more than 0. Raises TooLateError."""
        now = self._clock()
        if self._begun is None:
            self._begun = now
        left = self._begun + self._seconds - now
        if left <= 0:
            raise TooLateError(self._missing)
        return left


# A variable, as httpcore tells its connections nothing of the request that they are used for.
_current: ContextVar[Deadline | None] = ContextVar("shadowserver_deadline", default=None)


@contextmanager
def enforcing(deadline: Deadline) -> Iterator[None]:
    """Apply the deadline to the HTTP requests that this thread makes inside."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def _within_deadline(seconds: float | None) -> float | None:
    deadline = _current.get()
    if deadline is None:
        return seconds
    left = deadline.left()
    return left if seconds is None else min(seconds, left)


@contextmanager
def _tell_timeouts_apart() -> Iterator[None]:
    """Distinguish the time-out of one operation from the end of the whole."""
    try:
        yield
    except httpcore.TimeoutException:
        # Raises another error if it is the time of the whole that is over.
        _within_deadline(None)
        raise


class DeadlineBackend(httpcore.SyncBackend):
    """Connections that keep the deadline of the thread that uses them."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        connect = super().connect_tcp
        with _tell_timeouts_apart():
            # Looking up the addresses counts as well.
            _within_deadline(timeout)
            *others, last = _addresses(host, port)
            # One by one, as httpcore would give each address the whole time.
            for address in others:
                with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                    left = _within_deadline(timeout)
                    return _Stream(connect(address, port, left, local_address, socket_options))
            left = _within_deadline(timeout)
            return _Stream(connect(last, port, left, local_address, socket_options))


def _addresses(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, at least one; link-local ones name their interface."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    return [socket.getnameinfo(address, numeric)[0] for *_, address in found]


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _tell_timeouts_apart():
            return self._stream.read(max_bytes, _within_deadline(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _tell_timeouts_apart():
            self._stream.write(buffer, _within_deadline(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        with _tell_timeouts_apart():
            stream = self._stream.start_tls(ssl_context, server_hostname, _within_deadline(timeout))
        return _Stream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
