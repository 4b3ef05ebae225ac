"""Errors of httpx as our own, limits of bodies, and options of the connection pool."""

from __future__ import annotations

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from shadowserver_connector import __version__
from shadowserver_connector.api.connection import (
    THROUGH_PROXY,
    Deadline,
    TooLateError,
    check_base_url,
    describe_failure,
    network_of_environment,
    open_client,
    read_bounded,
    seconds_allowed,
    tls_context,
    to_our_error,
    without_request_logs,
)
from shadowserver_connector.errors import ApiUnavailableError, SettingsError, TransferError
from shadowserver_connector.waiting import RetryLaterError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (httpx.InvalidURL("x"), "the answer redirects to something that is not a URL"),
        (httpx.ConnectTimeout("x"), "no connection in time"),
        (httpx.ReadTimeout("x"), "no answer in time"),
        (httpx.PoolTimeout("x"), "no answer in time"),
        (httpx.ConnectError("refused"), "cannot connect (refused)"),
        (httpx.ReadError("x"), "the connection broke off"),
        (httpx.RemoteProtocolError("x"), "the connection broke off"),
    ],
)
def test_trouble_of_the_network_may_pass(
    error: httpx.HTTPError | httpx.InvalidURL, message: str
) -> None:
    """A network error is retried, with its reason and the error to raise in the end."""
    for kind in (ApiUnavailableError, TransferError):
        ours = to_our_error(error, kind)
        assert isinstance(ours, RetryLaterError)
        assert (ours.reason, ours.kind, ours.retry_after) == (message, kind, None)


def test_certificate_that_is_not_trusted_is_final() -> None:
    """An untrusted certificate is not retried; the message names the setting for CAs."""
    ours = to_our_error(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
    assert isinstance(ours, ApiUnavailableError)
    assert str(ours) == (
        "the server's certificate is not trusted; name your CA's file in SHADOWSERVER_CA_BUNDLE"
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://host:port/", "X_URL is not a URL; give one like https://host/path/"),
        ("https://user@host/", "X_URL must hold no user, query or fragment"),
        ("https://host/?a=b", "X_URL must hold no user, query or fragment"),
        ("https://host/#a", "X_URL must hold no user, query or fragment"),
        ("https://host/?", "X_URL must hold no user, query or fragment"),
        ("https://host/#", "X_URL must hold no user, query or fragment"),
        ("https://@host/", "X_URL must hold no user, query or fragment"),
        ("http://host/", "X_URL must start with https:// (http:// only to this machine)"),
        ("ftp://localhost/", "X_URL must start with https:// (http:// only to this machine)"),
        ("https:///path", "X_URL must start with https:// (http:// only to this machine)"),
    ],
)
def test_wrong_address_is_named_by_its_setting(url: str, message: str) -> None:
    """A wrong URL is reported in one line that names its setting and does not quote it."""
    with pytest.raises(SettingsError) as caught:
        check_base_url(url, "X_URL")
    assert str(caught.value) == message


@pytest.mark.parametrize(("received", "seconds"), [(0, 120), (1024, 121), (5 * 1024**2, 5240)])
def test_body_has_two_minutes_and_a_second_for_each_kilobyte(received: int, seconds: float) -> None:
    """A server that drips is given up, while a slow line has time enough."""
    assert seconds_allowed(received) == seconds


def test_client_says_who_it_is_and_wants_bytes_as_they_are() -> None:
    """The client sends its name, accepts no compression, and has time-outs."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(302, headers={"Location": "https://other.example/"})

    with open_client(
        ("https://api.example/",),
        context=None,
        connections=3,
        timeout=45.0,
        network=network_of_environment(),
        transport=httpx.MockTransport(handler),
    ) as client:
        assert client.get("https://api.example/").status_code == 302
    (request,) = asked
    assert request.headers["User-Agent"] == f"shadowserver-connector/{__version__}"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.extensions["timeout"] == {
        "connect": 10.0,
        "read": 45.0,
        "write": 45.0,
        "pool": None,
    }


class _Server6(HTTPServer):
    address_family = socket.AF_INET6


def test_a_host_that_is_an_ipv6_address_is_reached() -> None:
    """A URL with an IPv6 address in brackets works."""
    with _Server6(("::1", 0), BaseHTTPRequestHandler) as server:
        server.timeout = 10
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        url = check_base_url(f"http://[::1]:{server.server_port}", "X_URL")
        with open_client(
            (url,),
            context=tls_context(None, network_of_environment()),
            connections=1,
            timeout=10.0,
            network=network_of_environment(),
        ) as client:
            assert client.get(url).status_code == 501
        answering.join(10)


def late(error: Exception) -> Exception:
    """Return an error whose cause's cause is an expired deadline."""
    between = httpx.ReadTimeout("between")
    between.__cause__ = TooLateError("the rest is missing")
    error.__cause__ = between
    return error


def proxied(error: Exception) -> Exception:
    """Return an error as the transport notes it where there is a proxy."""
    error.add_note(THROUGH_PROXY)
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TooLateError("the rest is missing"), "the rest is missing"),
        (late(httpx.ReadTimeout("x")), "the rest is missing"),
        (late(proxied(httpx.ReadTimeout("x"))), f"the rest is missing, {THROUGH_PROXY}"),
        (proxied(httpx.ReadTimeout("x")), f"no answer in time, {THROUGH_PROXY}"),
        (httpx.ReadTimeout(THROUGH_PROXY), "no answer in time"),
        (late(httpx.ConnectTimeout("x")), "the rest is missing"),
    ],
)
def test_what_came_too_late_is_told_from_what_did_not_come(error: Exception, said: str) -> None:
    """The reason differs between an expired deadline and a time-out, with a proxy and without."""
    assert describe_failure(error, "X_CA_BUNDLE") == said


def test_hosts_that_nobody_named_are_not_asked() -> None:
    """A request to a host that the client was not made for is refused."""
    network = network_of_environment()
    with (
        open_client(
            ("https://api.example/",), network=network, context=None, connections=1, timeout=1.0
        ) as client,
        pytest.raises(httpx.ConnectError, match="not one of the hosts of this client"),
    ):
        client.get("https://127.0.0.1:9/")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_usual_variables_are_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Proxy variables of the process count in either case; empty ones do not."""
    for each in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(each, raising=False)
        monkeypatch.delenv(each.lower(), raising=False)
    assert network_of_environment().proxy("https://api.example/") is None
    monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "")
    found = network_of_environment()
    assert "HTTP_PROXY" not in found.variables
    proxy = found.proxy("https://api.example/")
    assert proxy is not None
    assert proxy.startswith("http://proxy.example:3128")


@pytest.mark.parametrize("sent", [["ab", "cd"], ["", "abcd", ""]])
def test_body_is_read_up_to_its_limit(sent: list[str]) -> None:
    """A body of one byte above the limit is refused, and so is a compressed one."""

    def response() -> httpx.Response:
        return httpx.Response(200, content=(each.encode() for each in sent))

    assert read_bounded(response(), 4, Deadline(10)) == b"abcd"
    with pytest.raises(RetryLaterError) as caught:
        read_bounded(response(), 3, Deadline(10))
    assert caught.value.reason == "the answer is longer than 3 bytes"
    packed = httpx.Response(200, headers={"Content-Encoding": "br"}, content=iter([b"x"]))
    with pytest.raises(RetryLaterError) as caught:
        read_bounded(packed, 3, Deadline(10))
    assert caught.value.reason == "the answer is compressed, which was not asked for"
    assert caught.value.kind is ApiUnavailableError


def test_requests_are_silent_inside_only(caplog: pytest.LogCaptureFixture) -> None:
    """Request logs are off within the block only, also after an error; other
    loggers keep theirs.
    """
    caplog.set_level(logging.DEBUG)
    names = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "other")

    def say() -> list[str]:
        caplog.clear()
        for name in names:
            logging.getLogger(name).info("a request")
        return [record.name for record in caplog.records]

    with without_request_logs():
        assert say() == ["other"]
        with without_request_logs():
            assert say() == ["other"]
        assert say() == ["other"]
    assert say() == list(names)
    with pytest.raises(ValueError, match="broken"), without_request_logs():
        raise ValueError("broken")
    assert say() == list(names)


@pytest.mark.parametrize("url", ["https://host", "https://host/", "https://host//"])
def test_address_ends_in_one_slash(url: str) -> None:
    """A base URL ends in one slash, behind which the method is put."""
    assert check_base_url(url, "X_URL") == "https://host/"
    assert check_base_url("http://127.0.0.1:8080/a", "X_URL") == "http://127.0.0.1:8080/a/"


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://DL.Host.Example", "https://dl.host.example/"),
        ("https://host:443/a", "https://host/a/"),
        ("https://m\u00fcnchen.example/", "https://xn--mnchen-3ya.example/"),
        ("https://host/a b", "https://host/a%20b/"),
    ],
)
def test_address_is_written_as_it_is_requested(url: str, written: str) -> None:
    """A base URL and those of its files differ in nothing but the file's id."""
    assert check_base_url(url, "X_URL") == written
