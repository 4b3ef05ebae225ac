"""Host and domain names, e-mail addresses, URLs and the protocols of network traffic."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

import idna

from shadowserver_connector.mapping.cells.addresses import Address, parse_ip
from shadowserver_connector.mapping.cells.text_and_tags import LeftOutError

# OpenCTI's rule for a Domain-Name. STIX 2.1, section 6.4, asks for RFC 1034, where no label has
# an underscore; names of services have (`_ldap._tcp.example.org`), and so have those of malware.
# OpenCTI refuses a last label of one character.
_LABEL = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"
_FQDN: Final = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{0,58}}[a-z0-9])")
# OpenCTI's rule for a Hostname: no label that starts or ends with anything but a letter or digit.
_HOST: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)*"
)
_LETTER: Final = re.compile(r"[a-z]")
_DOTTED_QUAD: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_NOBODY: Final = frozenset({"localhost", "localhost.localdomain", "localhost6"})
# 255 bytes on the wire (RFC 1035, section 2.3.4).
_MAX_LENGTH: Final = 253
# Of a name that is not written in ASCII: more than any has, and few enough to be encoded.
_MAX_TEXT: Final = 1_000
# Reserved (RFC 6761, 6762 and 8375, `internal` by ICANN), or not delegated because so many use them
# in private networks (RFC 6762, appendix G, and `localdomain`): the same name is another host
# elsewhere.
PRIVATE: Final = (
    *(".local", ".internal", ".home.arpa", ".localdomain", ".localhost", ".invalid"),
    *(".lan", ".home", ".corp", ".intranet", ".private"),
)


class DnsName(NamedTuple):
    """A name and the type of object that OpenCTI accepts it as."""

    value: str
    type: Literal["domain-name", "hostname"]


def parse_name(text: str) -> DnsName:
    """Return a name in lower case, without trailing dot, non-ASCII labels as in DNS (IDNA).

    A fully qualified name is a domain name, one with underscores too. Any other that a host can
    have is a hostname: one of a private network, or one that STIX does not take as a domain name
    (`r3---sn.example.com`). Refused are addresses, reverse-lookup names, `localhost`, and
    wildcards: no host is called like that, and its parent domain was not seen.
    """
    name = _ascii(text).removesuffix(".")
    if len(name) > _MAX_LENGTH:
        raise ValueError("a name of more than 253 characters")
    if name in _NOBODY or name.endswith((".in-addr.arpa", ".ip6.arpa")):
        raise ValueError("a name of no host")
    if _FQDN.fullmatch(name) and not name.endswith(PRIVATE) and _is_idna(name):
        return DnsName(name, "domain-name")
    if _DOTTED_QUAD.fullmatch(name) or ":" in name:
        raise ValueError("an address instead of a name")
    if len(name) < 2 or _LETTER.search(name) is None or _HOST.fullmatch(name) is None:
        raise ValueError("not a host name")
    return DnsName(name, "hostname")


def _is_idna(name: str) -> bool:
    """Tell whether the labels with hyphens in third and fourth place are IDNA's (RFC 5890)."""
    if "--" not in name:
        return True
    try:
        for label in name.split("."):
            if label[2:4] == "--":
                idna.encode(label)
    except UnicodeError:
        return False
    return True


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    if len(text) > _MAX_TEXT:
        raise ValueError("a name of more than 253 characters")
    try:
        # UTS 46 maps capitals and other spellings first, which IDNA alone refuses.
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:  # the base of idna.IDNAError
        raise ValueError("not an internationalised name") from None


MAX_CELL_HOSTS: Final = 20
"""Maximum number of hosts from one cell. A malware's configuration has a few; a client may write
any number of names into a header that it sends, and each would be an object in OpenCTI.
"""

_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?")
_WITH_PORT: Final = re.compile(r"([^:]+):\d{1,5}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\@\s]+)(?:[/?#]\S*)?")
_BETWEEN: Final = re.compile(r"[,;|\s]+")
_WORDS: Final = re.compile(r"[^,;|\s]\s+[^,;|\s]")


def parse_hosts(text: str) -> tuple[DnsName | Address, ...]:
    """Return the hosts in a cell, which usually has one, each once.

    Several are separated by commas, semicolons, bars or spaces. Malware configurations have a path
    after each of their controllers, ``c2.example.net,/jquery.js``.

    Raises ``LeftOutError`` for more than ``MAX_CELL_HOSTS``, and if something else is among them.
    Between blanks alone it must be all hosts: words of a sentence may look like some.
    """
    try:
        # As a whole first: the path of a URL may contain what separates hosts.
        return (parse_host(text),)
    except ValueError:
        parts = [part for part in _BETWEEN.split(text) if part and not part.startswith("/")]
        if not parts or parts == [text]:
            raise  # nothing was separated, so the reason above is the right one
    different: dict[str, str] = {}
    for part in parts:
        different.setdefault(part.lower(), part)
    hosts: dict[DnsName | Address, None] = {}
    good = 0
    wrong: list[str] = []
    for part in different.values():
        if MAX_CELL_HOSTS in (len(hosts), len(wrong)):
            break
        try:
            hosts[parse_host(part)] = None
            good += 1
        except ValueError as error:
            wrong.append(str(error))
    if wrong and (not hosts or _WORDS.search(text)):
        raise ValueError(wrong[0])
    left_out = len(different) - good
    if len(hosts) == MAX_CELL_HOSTS and left_out > len(wrong):
        raise LeftOutError("hosts beyond the maximum for one cell", tuple(hosts), left_out)
    if wrong:
        raise LeftOutError("values that are no hosts, in a cell with hosts", tuple(hosts), left_out)
    return tuple(hosts)


def parse_host(text: str) -> DnsName | Address:
    """Return the host of an HTTP ``Host`` header or a host cell, without a port.

    Web sites are also given as URLs, which must have no credentials; the result is their host.
    Defanged values, ``example[.]com`` or ``hxxp://example.com``, are read like any other.
    """
    text = text.replace("[.]", ".").replace("[:]//", "://")
    if "://" in text:
        url = _URL.fullmatch(text)
        if url is None:
            raise ValueError("not a host name")
        text = url[1]
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        return parse_ip(bracketed[1])
    with_port = _WITH_PORT.fullmatch(text)
    host = with_port[1] if with_port is not None else text
    if ":" in host or _DOTTED_QUAD.fullmatch(host):
        return parse_ip(host)
    name = parse_name(host)
    if "." not in name.value:
        # Nobody looks up `default` or `wpad` on the Internet: it is another host in every network.
        raise ValueError("a host name without a domain")
    return name


# RFC 5322 allows more characters, but the OASIS validator takes an address with them for none.
_NAMED: Final = re.compile(r"[^<>]*<([^<>\s]+)>")
_LOCAL_PART: Final = re.compile(r"[a-z0-9._+-]{1,64}")


def parse_email(text: str) -> str:
    """Return an e-mail address in lower case, as OpenCTI stores it.

    A name before it, as in a mail's header, is left out: ``"Bob" <bob@example.net>``.
    """
    named = _NAMED.fullmatch(text)
    if named is not None:
        text = named[1]
    local, at, domain = text.rpartition("@")
    if not at or not local.isascii() or _LOCAL_PART.fullmatch(local.lower()) is None:
        raise ValueError("not an e-mail address")
    name = parse_name(domain)
    # OpenCTI refuses an address with an underscore in its domain.
    if "_" in name.value or (name.type != "domain-name" and not name.value.endswith(PRIVATE)):
        raise ValueError("not a mail domain")
    return f"{local.lower()}@{name.value}"


TRANSPORTS: Final = frozenset(
    {"tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "gre", "esp", "igmp"}
)
"""What Shadowserver's `protocol` can mean, with the names of IANA's registry."""

MAX_APPLICATION: Final = 24
"""Characters; IANA's service names have 15 at most (RFC 6335), those that it lacks few more."""

_APPLICATION: Final = re.compile(r"[a-z][a-z0-9]*(?:[+._-][a-z0-9]+)*")

_SERVICE_NAMES: Final = {
    "afp": "afpovertcp",
    "memcached": "memcache",
    "mssql": "ms-sql-s",
    "portmap": "sunrpc",
    "portmapper": "sunrpc",
    "postgres": "postgresql",
    "radmin": "radmin-port",
    "rpcbind": "sunrpc",
    "slp": "svrloc",
    "vnc": "rfb",
}
"""What people call a protocol -> its service name in IANA's registry, of the very same protocol.

``slp`` is registered as well, but for the Salutation Protocol.
"""


_IN_PLACE_OF_TRANSPORT: Final = frozenset(
    {
        *("bacnet", "dnp3", "enip", "ftp", "guardian_ast", "http", "https", "iec104", "ipmi"),
        *("kamstrup", "modbus", "mqtt", "rdp", "s7comm", "smb", "smtp", "snmp", "ssh", "telnet"),
        *("tftp", "vnc"),
    }
)
"""What files of earlier years have instead of a transport: what a honeypot was asked in."""


def parse_protocol(text: str) -> str:
    """Return one of `TRANSPORTS`, or an application protocol written in its place."""
    protocol = text.lower()
    if protocol in _IN_PLACE_OF_TRANSPORT:
        return parse_application(protocol)
    if protocol not in TRANSPORTS:
        raise ValueError("not a transport protocol")
    return protocol


def parse_application(text: str) -> str:
    """Return the name of an application protocol: IANA's service name where it has one.

    STIX recommends these names (2.1, section 6.12). Numbers and single letters are no name.
    """
    name = text.lower()
    plausible = 2 <= len(name) <= MAX_APPLICATION and _APPLICATION.fullmatch(name)
    if not plausible:
        raise ValueError("not an application protocol")
    return _SERVICE_NAMES.get(name, name)


WEB: Final = frozenset({"http", "https"})
_TLS_PORTS: Final = frozenset({443, 4443, 8443})


def parse_scheme(text: str) -> str:
    """Return one of `WEB`."""
    scheme = text.lower()
    if scheme not in WEB:
        raise ValueError("not the scheme of a web site")
    return scheme


def web_protocol(named: str, application: str, port: int | None) -> str:
    """Return what is spoken: one of `WEB`, or another protocol that was given.

    ``named`` is what the row names, ``application`` what its report type is about; either may be
    empty. For a report about HTTP the port decides whether it is HTTP over TLS.
    """
    if named or application != "http":
        return named or application
    return "https" if port in _TLS_PORTS else "http"


def protocol_stack(
    *, version: int | None, transport: str | None, application: str | None
) -> tuple[str, ...]:
    """Return STIX's list of protocols, from the outer to the inner; None for what is not known.

    The order and the spelling are part of the id of the traffic. ``version`` is the one of IP, 4
    or 6; at least one of the three must be known.
    """
    stack = []
    if version is not None:
        stack.append(f"ipv{version}")
    if transport:
        stack.append(transport)
    if application and application != transport:
        stack.append(application)
    if not stack:
        raise ValueError("no protocol")
    return tuple(stack)


MAX_URL_LENGTH: Final = 4096

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{1,15}")
_UNWANTED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]")
_REQUEST_LINE: Final = re.compile(r"[A-Z]{3,10} +(?P<target>\S+)(?: +HTTP/[0-9.]+)?")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Requested files, whose endings look like the last label of a host name. `.do` can be one: that of
# the Dominican Republic.
_FILE_NAME: Final = re.compile(
    r"(?i)[^/?#]*\.(?:(?:aspx?|bin|cgi|css|dat|dll|exe|gif|html?|ico|jpe?g|js|json|jspx?|php[0-9]?"
    r"|png|txt|xml)(?![^/?#])|do(?=\?))"
)
_PATH: Final = re.compile(r"[/?#]")
# What a URL cannot hold as it is (RFC 3986, as STIX 2.1 demands): an attacker's `{`, `|`, `<`.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._~:/?@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
# How people defang URLs, so that nobody follows them by mistake.
_DEFANGED: Final = re.compile(r"(?i)(hxxps?|https?|ftp)(?:://|\[:\]//)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}


def parse_url(text: str) -> str:
    """Return an absolute URL with scheme and host in lower case.

    The rest is unchanged, except that characters not allowed in URLs are percent-encoded, and a
    password is removed. Defanged URLs, such as ``hxxp://example[.]com/``, are read like any other.
    """
    if len(text) > MAX_URL_LENGTH:
        raise ValueError(f"a URL of more than {MAX_URL_LENGTH} characters")
    if _UNWANTED.search(text):
        raise ValueError("a URL with spaces or control characters")
    defanged = _DEFANGED.match(text)
    if defanged is not None:
        text = f"{defanged[1].lower().replace('hxx', 'htt')}://{text[defanged.end() :]}"
    scheme, separator, rest = text.partition("://")
    if not separator or _SCHEME.fullmatch(scheme.lower()) is None:
        raise ValueError("not an absolute URL")
    end = min((i for i in map(rest.find, "/?#\\") if i >= 0), default=len(rest))
    # Browsers take it for a slash, RFC 3986 does not: they disagree on the host.
    if rest[end : end + 1] == "\\":
        raise ValueError("a URL with a backslash behind its host")
    # The last one: a host cannot hold it, a password can.
    credentials, at, place = rest[:end].rpartition("@")
    user = credentials.partition(":")[0]
    # Taken apart, because only the first `#` may stay as it is.
    before, hash_sign, fragment = rest[end:].partition("#")
    tail = f"{_escaped(before)}{hash_sign}{_escaped(fragment)}"
    return f"{scheme.lower()}://{_escaped(user)}{at}{_place(place.replace('[.]', '.'))}{tail}"


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), text)


def parse_target(text: str) -> str:
    """Return a path, a request line or a whole URL, as `build_url` takes it."""
    # With a host that is valid: the others come from other cells, which are not known here.
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
    target, with_host = _requested_target(target)
    if _ABSOLUTE.match(target):
        return parse_url(target)
    if with_host:
        place = _place_in(target)
        tail = target[len(place) :]
        # A request without a path has the path `/` (RFC 9112, section 3.2.1).
        return parse_url(f"{scheme}://{place}{'' if tail.startswith('/') else '/'}{tail}")
    if not target.startswith("/"):
        raise ValueError("neither a path nor a request line")
    bracketed = f"[{host}]" if ":" in host else host
    suffix = "" if port is None or port == _DEFAULT_PORTS.get(scheme.lower()) else f":{port}"
    return parse_url(f"{scheme}://{bracketed}{suffix}{target}")


def names_its_host(target: str) -> bool:
    """Tell whether a target of `build_url` is a whole URL or begins with a host."""
    return _requested_target(target)[1]


def _requested_target(target: str) -> tuple[str, bool]:
    """Return what a target asks for, freed of its request line, and whether it names the host."""
    line = _REQUEST_LINE.fullmatch(target)
    if line is not None:
        # A host alone is the target of CONNECT, which asks for no URL.
        return line["target"], _ABSOLUTE.match(line["target"]) is not None
    if _ABSOLUTE.match(target):
        return target, True
    return target, not target.startswith("/") and _starts_with_host(target)


def _starts_with_host(text: str) -> bool:
    """Tell whether a text begins with a host, and not with a word or the name of a file."""
    return "." in _place_in(text) and _FILE_NAME.match(text) is None


def _place_in(text: str) -> str:
    """Return what is before the path and the query of a URL without a scheme."""
    return _PATH.split(text, maxsplit=1)[0]


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
