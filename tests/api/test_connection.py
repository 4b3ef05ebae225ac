"""What the HTTP library says, in our words; bounds on bodies; what the pool is told."""

from __future__ import annotations

import httpx
import pytest

from shadowserver_connector import __version__
from shadowserver_connector.api.connection import (
    base_url,
    failure,
    is_too_slow,
    open_client,
    usual_network,
)
from shadowserver_connector.api.retry import RetryLaterError
from shadowserver_connector.errors import ApiUnavailableError, SettingsError, TransferError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (httpx.InvalidURL("x"), "the answer redirects to what is no URL"),
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
    """It is tried again, and what it becomes at last is what the caller asked for."""
    for kind in (ApiUnavailableError, TransferError):
        ours = failure(error, kind)
        assert isinstance(ours, RetryLaterError)
        assert (ours.reason, ours.kind, ours.retry_after) == (message, kind, None)


def test_certificate_that_is_not_trusted_is_final() -> None:
    """The message names the setting that helps."""
    ours = failure(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
    assert isinstance(ours, ApiUnavailableError)
    assert str(ours) == (
        "the server's certificate is not trusted; name your CA's file in SHADOWSERVER_CA_BUNDLE"
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://host:port/", "X_URL is no URL; give one like https://host/path/"),
        ("https://user@host/", "X_URL must hold no user, query or fragment"),
        ("https://host/?a=b", "X_URL must hold no user, query or fragment"),
        ("https://host/#a", "X_URL must hold no user, query or fragment"),
        ("http://host/", "X_URL must start with https:// (http:// only to this machine)"),
        ("ftp://localhost/", "X_URL must start with https:// (http:// only to this machine)"),
        ("https:///path", "X_URL must start with https:// (http:// only to this machine)"),
    ],
)
def test_wrong_address_is_named_by_its_setting(url: str, message: str) -> None:
    """In one line, without what stands in it."""
    with pytest.raises(SettingsError) as caught:
        base_url(url, "X_URL")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("elapsed", "received", "slow"),
    [(120, 0, False), (120.1, 0, True), (121, 1024, False), (121.1, 1024, True)],
)
def test_body_has_two_minutes_and_a_second_for_each_kilobyte(
    elapsed: float, received: int, slow: bool
) -> None:
    """A server that drips is given up, a slow line is not."""
    assert is_too_slow(elapsed, received) is slow


def test_client_says_who_it_is_and_wants_bytes_as_they_are() -> None:
    """And gives up a silent server, sooner where it does not even connect."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(302, headers={"Location": "https://other.example/"})

    with open_client(
        ("https://api.example/",),
        context=None,
        connections=3,
        timeout=45.0,
        network=usual_network(),
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
