"""URLs, whole or put together from the columns that hold their parts."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from shadowserver_connector.mapping.values.addresses import parse_ip
from shadowserver_connector.mapping.values.names import parse_name

MAX_LENGTH: Final = 4096

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{1,15}")
_UNWANTED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]")
_REQUEST_LINE: Final = re.compile(r"[A-Z]{3,10} +(?P<target>\S+)(?: +HTTP/[0-9.]+)?")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FILE_NAME: Final = re.compile(
    r"(?i)\.(?:aspx?|bin|cgi|css|dat|dll|exe|gif|html?|ico|jpe?g|js|json|jsp|php[0-9]?|png|txt|xml)\Z"
)
# What a URL cannot hold as it is (RFC 3986, as STIX 2.1 demands): an attacker's `{`, `|`, `<`.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._~:/?@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
# How people write URLs that nobody shall follow by mistake.
_DEFANGED: Final = re.compile(r"(?i)(hxxps?|https?|ftp)(?:://|\[:\]//)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}


def parse_url(text: str) -> str:
    """Return an absolute URL with scheme and host in lower case.

    The rest stays as it is, but for characters that no URL has, which are percent-encoded, and a
    password, which is left out. One that was made harmless to click at, such as
    ``hxxp://example[.]com/``, is meant like any other.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a URL of more than {MAX_LENGTH} characters")
    if _UNWANTED.search(text):
        raise ValueError("a URL with spaces or control characters")
    defanged = _DEFANGED.match(text)
    if defanged is not None:
        text = f"{defanged[1].lower().replace('hxx', 'htt')}://{text[defanged.end() :]}"
    scheme, separator, rest = text.partition("://")
    if not separator or _SCHEME.fullmatch(scheme.lower()) is None:
        raise ValueError("not an absolute URL")
    end = min((i for i in map(rest.find, "/?#\\") if i >= 0), default=len(rest))
    if rest[end : end + 1] == "\\":
        raise ValueError("a URL with a backslash behind its host")
    credentials, at, place = rest[:end].rpartition("@")
    user = credentials.partition(":")[0]
    before, hash_sign, fragment = rest[end:].partition("#")
    tail = f"{_escaped(before)}{hash_sign}{_escaped(fragment)}"
    return f"{scheme.lower()}://{_escaped(user)}{at}{_place(place.replace('[.]', '.'))}{tail}"


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), text)


def parse_target(text: str) -> str:
    """Return a path, a request line or a whole URL, as `build_url` takes it."""
    build_url(scheme="http", host="example.com", port=None, target=text)
    return text


def build_url(*, scheme: str, host: str, port: int | None, target: str) -> str:
    """Return the URL that a request was sent to.

    Args:
        scheme: `http`, `https`, ...
        host: a name or an address.
        port: left out of the URL where it is the scheme's own.
        target: a path, a request line such as `GET /path HTTP/1.1`, a bare host, perhaps with a
            path, which then takes the place of `host`, or a whole URL, which is then the answer.
    """
    line = _REQUEST_LINE.fullmatch(target)
    if line is not None:
        target = line["target"]
    if _ABSOLUTE.match(target):
        return parse_url(target)
    if not target.startswith("/"):
        if line is None and _starts_with_host(target):
            return parse_url(f"{scheme}://{target}{'' if '/' in target else '/'}")
        raise ValueError("neither a path nor a request line")
    bracketed = f"[{host}]" if ":" in host else host
    suffix = "" if port is None or port == _DEFAULT_PORTS.get(scheme.lower()) else f":{port}"
    return parse_url(f"{scheme}://{bracketed}{suffix}{target}")


def _starts_with_host(text: str) -> bool:
    """Tell whether a text is a host, perhaps with a path, and neither a word nor a file's name."""
    place, slash, _ = text.partition("/")
    return "." in place and (bool(slash) or _FILE_NAME.search(place) is None)


def _place(place: str) -> str:
    """Check host and port of a URL, and return them in lower case."""
    if place.startswith("["):
        inside, bracket, rest = place[1:].partition("]")
        if not bracket or ":" not in inside:
            raise ValueError("a URL with a bad address")
        address = parse_ip(inside)
        host = f"[{address.value}]" if address.version == 6 else address.value
    else:
        name, colon, port = place.partition(":")
        host, rest = _host(name), colon + port
    if rest and (rest[0] != ":" or not _is_port(rest[1:])):
        raise ValueError("a URL with a bad port")
    return host + rest


def _host(text: str) -> str:
    if text.replace(".", "").isdigit():
        return parse_ip(text).value
    return parse_name(text).value


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535
