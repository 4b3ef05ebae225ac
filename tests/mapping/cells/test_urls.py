from __future__ import annotations

import json

import pytest

from shadowserver_connector.mapping.cells.host_names_and_urls import (
    MAX_URL_LENGTH,
    build_url,
    parse_url,
)
from shadowserver_connector.stix import observables
from tests.stix.examples import ORIGIN
from tests.stix.exceptions import complaints


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("http://example.com/?q=${x}|<a>%zz", "http://example.com/?q=$%7Bx%7D%7C%3Ca%3E%25zz"),
        ("http://example.com/a%20b[1]#x#y", "http://example.com/a%20b%5B1%5D#x%23y"),
        ("http://u[@example.com/\\", "http://u%5B@example.com/%5C"),
    ],
)
def test_what_no_url_holds_is_percent_encoded(cell: str, value: str) -> None:
    """Characters outside of RFC 3986 are percent-encoded; encoded ones stay."""
    assert parse_url(cell) == parse_url(value) == value
    assert complaints(json.loads(json.dumps(observables.of_value(ORIGIN, "url", value)))) == []


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("http://www.example.com/", "http://www.example.com/"),
        (
            "HTTP://WWW.Example.COM:8080/A?B=HTTP://C#D",
            "http://www.example.com:8080/A?B=HTTP://C#D",
        ),
        ("https://[2001:0DB8::1]:443/x", "https://[2001:db8::1]:443/x"),
        ("http://192.0.2.1", "http://192.0.2.1"),
        ("hxxp://example[.]com/a[.]b", "http://example.com/a%5B.%5Db"),
        ("HXXPS[:]//www[.]example[.]com:8443", "https://www.example.com:8443"),
        ("hxxp://192.0.2[.]1/", "http://192.0.2.1/"),
        ("http://[::ffff:192.0.2.1]/", "http://192.0.2.1/"),
        ("ftp://User:Pass@files.example.com/", "ftp://User@files.example.com/"),
        ("http://router/login", "http://router/login"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("http://www.example.com?x", "http://www.example.com?x"),
    ],
)
def test_an_absolute_url_is_normalised(cell: str, value: str) -> None:
    """Scheme and host become lower case; path, query and user stay."""
    assert parse_url(cell) == value


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            "www.example.com/a",
            "/a",
            "//www.example.com/a",
            "GET / HTTP/1.1",
            "http://",
            "://a",
        ),
        *("http:///a", "http://a b.example/", "http://www.example.com/\n", "javascript:alert(1)"),
        *("http://127.0.0.1/", "http://1.2.3/", "http://[2001:db8::1", "http://[192.0.2.1]/"),
        *("http://www.example.com:port/", "http://www.example.com:99999/", "http://a.example:²/"),
        *("http://*.example.com/", "http://[2001:db8::1]x/", "http://a.example/\ud800"),
        "http://www.example.com/" + "a" * MAX_URL_LENGTH,
    ],
)
def test_what_is_no_absolute_url_is_refused(cell: str) -> None:
    """A URL without scheme or valid host, or with blanks, is refused."""
    with pytest.raises(ValueError, match=r"URL|name|address"):
        parse_url(cell)


@pytest.mark.parametrize(
    ("target", "port", "url"),
    [
        ("/a?b=http://c", 80, "http://www.example.com/a?b=http://c"),
        ("GET /a HTTP/1.1", 8080, "http://www.example.com:8080/a"),
        ("POST  /a", None, "http://www.example.com/a"),
        ("GET http://other.example/x HTTP/1.0", 80, "http://other.example/x"),
        ("HTTP://other.example/x", 80, "http://other.example/x"),
        ("other.example", 80, "http://other.example/"),
        ("192.0.2.1:81/x", 80, "http://192.0.2.1:81/x"),
        ("other.example?a=b", 80, "http://other.example/?a=b"),
        ("other.example:81?a=b/c", 80, "http://other.example:81/?a=b/c"),
        ("other.example#f", 80, "http://other.example/#f"),
        ("other.example/?a.php", 80, "http://other.example/?a.php"),
        ("example.do/x", 80, "http://example.do/x"),
    ],
)
def test_a_url_is_put_together_from_its_parts(target: str, port: int | None, url: str) -> None:
    """A path, request line or whole URL gives a URL without its scheme's default port."""
    assert build_url(scheme="http", host="www.example.com", port=port, target=target) == url


def test_an_ipv6_host_stands_in_brackets() -> None:
    """An IPv6 host is in brackets, as RFC 3986 requires."""
    built = build_url(scheme="https", host="2001:db8::1", port=8443, target="/")
    assert built == "https://[2001:db8::1]:8443/"


@pytest.mark.parametrize(
    "target",
    [
        *("OPTIONS * HTTP/1.1", "a.php", "word", "word/path", "", "CONNECT a.example:443"),
        *("index.php?id=5", "index.php?x=1.2", "index.php/admin", "login.cgi?x=a/b", "a.html#b"),
        *("shell.jspx", "login.do?x=1", "INDEX.PHP?x", "word?a.example/b", "word#a.example"),
    ],
)
def test_parts_that_make_no_url_are_refused(target: str) -> None:
    """A target that is neither a path nor a request line gives no URL."""
    with pytest.raises(ValueError, match="neither a path nor a request line"):
        build_url(scheme="http", host="www.example.com", port=80, target=target)
