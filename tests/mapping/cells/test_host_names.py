from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.mapping.cells.host_names_and_urls import (
    MAX_CELL_HOSTS,
    parse_email,
    parse_host,
    parse_hosts,
    parse_name,
)
from shadowserver_connector.mapping.cells.text_and_tags import LeftOutError
from shadowserver_connector.stix import observables
from tests.mapping.cells.platform import DOMAIN, EMAIL, HOSTNAME
from tests.stix.examples import ORIGIN
from tests.stix.exceptions import complaints


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.COM.", "www.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a.static--host.example.com", "a.static--host.example.com"),
        ("1.2.0.192.static.example.net", "1.2.0.192.static.example.net"),
    ],
)
def test_a_fully_qualified_name_is_a_domain_name(cell: str, value: str) -> None:
    """A domain name is in lower case and has no final dot."""
    assert parse_name(cell) == (value, "domain-name")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("PRINTER-1", "printer-1"),
        ("srv_2", "srv_2"),
        ("host.a", "host.a"),
        ("a.b.c1", "a.b.c1"),
        ("Server.local", "server.local"),
        ("nas.lan.", "nas.lan"),
        ("gw.corp.internal", "gw.corp.internal"),
        ("r3---sn.example.com", "r3---sn.example.com"),
        ("xn--zzzz.example.com", "xn--zzzz.example.com"),
        ("a_b.ab--cd.example.com", "a_b.ab--cd.example.com"),
    ],
)
def test_any_other_host_name_is_a_hostname(cell: str, value: str) -> None:
    """A name that OpenCTI or STIX refuses as a Domain-Name becomes a Hostname."""
    assert parse_name(cell) == (value, "hostname")


@pytest.mark.parametrize(
    "cell",
    [
        *("*.example.com", "192.0.2.1", "2001:db8::1", "www.example.com:443", "a b", "a/b", "."),
        *("", "a", "..", "-a.example", "a-", "_a", "1.2.0.192.in-addr.arpa", "localhost", "7"),
        *("8.b.d.0.1.0.0.2.ip6.arpa", "http://www.example.com", "1.2.3", "x@example.com"),
        *("-x.example.com", "x-.example.com", "_x", "_x.local", "a._", "_.1.2.3.4"),
        *("a" * 64, ".".join(["a" * 60] * 5), "www.example.com..", "a..example.com", "\ud800.com"),
    ],
)
def test_what_names_no_host_is_refused(cell: str) -> None:
    """Wildcards, addresses, reverse names, `localhost` and invalid names are refused."""
    with pytest.raises(ValueError, match=r"name|address"):
        parse_name(cell)


@pytest.mark.parametrize(
    "name",
    [
        *("my_host.example.com", "_ldap._tcp.dc._msdcs.example.org", "_dmarc.example.com"),
        *("_dmarc.mail--host.example.com", "shop--x.a_b.example.com", "_x.xn--bcher-kva.example"),
    ],
)
def test_a_name_with_underscores_is_a_domain_name(name: str) -> None:
    """A name with underscores is a Domain-Name, as OpenCTI relates no malware to a Hostname."""
    assert parse_name(name.upper()) == (name, "domain-name")


@pytest.mark.parametrize(
    "cell",
    [
        *("my_host.example.com", "r3---sn.example.com", "xn--zzzz.example.com", "bücher.example"),
        *("_dmarc.mail--host.example.com", "a.static--host.example.com"),
    ],
)
def test_the_validator_accepts_every_name(cell: str) -> None:
    """Every Domain-Name conforms to RFC 5890, as STIX requires."""
    name = parse_name(cell)
    stix = observables.of_value(ORIGIN, name.type, name.value)
    assert complaints(json.loads(json.dumps(stix))) == []


@given(st.from_regex(r"\A[a-zA-Z0-9_.\-]{1,100}\Z") | st.text(max_size=30))
def test_opencti_accepts_every_name(cell: str) -> None:
    """OpenCTI accepts every parsed name as the type that it was given."""
    try:
        name = parse_name(cell)
    except ValueError:
        return
    assert (DOMAIN if name.type == "domain-name" else HOSTNAME).fullmatch(name.value)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("https://www.example.com/about?x=1", "www.example.com"),
        ("http://WWW.example.com:8080", "www.example.com"),
        ("https://192.0.2.1/", "192.0.2.1"),
        ("https://[2001:DB8::1]:8443/", "2001:db8::1"),
    ],
)
def test_a_host_may_be_given_as_a_url(cell: str, value: str) -> None:
    """A victim's web site may be a name or a URL."""
    assert parse_host(cell).value == value


@pytest.mark.parametrize("cell", ["default", "wpad:80", "http://router/", "sinkhole"])
def test_a_host_that_was_asked_for_has_a_domain(cell: str) -> None:
    """A requested host of a single word is refused, as it differs in each network."""
    with pytest.raises(ValueError, match="without a domain"):
        parse_host(cell)


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("www.example.com", ["www.example.com"]),
        ("www.example.com,www.example.org", ["www.example.com", "www.example.org"]),
        ("www.example.com; www.example.org", ["www.example.com", "www.example.org"]),
        ("www.example.com | 192.0.2.1", ["www.example.com", "192.0.2.1"]),
        ("www.example.com www.EXAMPLE.com", ["www.example.com"]),
        ("https://a.example,https://b.example/x", ["a.example", "b.example"]),
        ("https://a.example/x,y;z", ["a.example"]),
        ("c2.example.net,/jquery.js", ["c2.example.net"]),
        ("c2.example.net,/a,203.0.113.9,/b", ["c2.example.net", "203.0.113.9"]),
    ],
)
def test_a_cell_may_have_several_hosts(cell: str, values: list[str]) -> None:
    """Several hosts in a cell are read in their order, each once, without paths."""
    assert [host.value for host in parse_hosts(cell)] == values


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("not a host", "without a domain"),
        ("www.example.com (down)", "not a host"),
        ("/jquery.js", "not a host"),
        (",", "not a host"),
        ("wpad,default", "without a domain"),
        ("Sorry, see index.example for help", "without a domain"),
    ],
)
def test_a_list_with_something_else_is_refused(cell: str, why: str) -> None:
    """Words that are not all hosts are refused, as those of a sentence may look like hosts."""
    with pytest.raises(ValueError, match=why) as refusal:
        parse_hosts(cell)
    assert not isinstance(refusal.value, LeftOutError)


@pytest.mark.parametrize(
    ("cell", "values", "left_out"),
    [
        ("www.example.com,wpad", ["www.example.com"], 1),
        ("c2.example.net,/a.js,wpad", ["c2.example.net"], 1),
        ("localhost; c2.example.net | 192.0.2.1|LOCALHOST", ["c2.example.net", "192.0.2.1"], 1),
        (",".join(["c2.example.net", *(f"w{n}" for n in range(30))]), ["c2.example.net"], 30),
    ],
)
def test_something_else_in_a_list_costs_no_host(
    cell: str, values: list[str], left_out: int
) -> None:
    """In a list with separators, what is no host is left out and counted."""
    with pytest.raises(LeftOutError, match="no hosts") as refusal:
        parse_hosts(cell)
    assert [host.value for host in refusal.value.values] == values
    assert refusal.value.left_out == left_out


@pytest.mark.parametrize(
    ("more", "left_out"),
    [
        ([], 0),
        (["H0.EXAMPLE.COM"], 0),
        (["h20.example.com", "H20.example.com", "h21.example.com"], 2),
        (["wpad"], 1),
    ],
)
def test_hosts_beyond_the_maximum_are_counted_once(more: list[str], left_out: int) -> None:
    """A host is left out once, whatever case it is written in, and a repetition is not."""
    first = [f"h{n}.example.com" for n in range(MAX_CELL_HOSTS)]
    try:
        found, counted = parse_hosts(",".join([*first, *more])), 0
    except LeftOutError as error:
        found, counted = error.values, error.left_out
    assert [host.value for host in found] == first
    assert counted == left_out


@pytest.mark.parametrize(
    "cell", ["www[.]example[.]com", "hxxps://www.example[.]com/x", "hxxp[:]//www[.]example.com"]
)
def test_a_host_made_harmless_is_the_host(cell: str) -> None:
    """A defanged host, such as `example[.]com`, is read as the host."""
    assert parse_host(cell).value == "www.example.com"


def test_a_url_without_a_host_is_no_host() -> None:
    """The reason for a URL without a host does not speak of addresses."""
    for cell in ("http://", "https:///path", "://www.example.com"):
        with pytest.raises(ValueError, match=r"name|URL"):
            parse_host(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("Someone@Example.COM", "someone@example.com"),
        ("a.b+c@mail.example.", "a.b+c@mail.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ('"Bob" <Bob@example.net>', "bob@example.net"),
        ("Bob, of Sales <bob@example.net>", "bob@example.net"),
        ("<a@example.com>", "a@example.com"),
    ],
)
def test_an_email_address_is_normalised(cell: str, value: str) -> None:
    """An email address becomes lower case, as OpenCTI stores it."""
    assert parse_email(cell) == value


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "someone",
            "@example.com",
            "a@",
            "a@b",
            "a b@example.com",
            "a@b@example.com",
            "ü@b.example",
        ),
        *("a@192.0.2.1", "a@_b.example.com", "<a@example.com", "a@example.com>"),
        *("<a@example.com> b", "<a@example.com> <b@example.com>", "<>", "Bob <bob>"),
        *("o'neil@example.com", "a!b@example.com", "a%b@example.com"),
    ],
)
def test_what_is_no_email_address_is_refused(cell: str) -> None:
    """An email address needs a local part of plain characters and a domain."""
    with pytest.raises(ValueError, match=r"mail|name|address"):
        parse_email(cell)


@given(st.emails() | st.from_regex(r"\A[a-z.!'+\-]{1,10}@[a-z0-9._\-]{1,30}\Z"))
def test_opencti_accepts_every_email_address(cell: str) -> None:
    """OpenCTI accepts every parsed email address."""
    try:
        value = parse_email(cell)
    except ValueError:
        return
    assert EMAIL.fullmatch(value)
