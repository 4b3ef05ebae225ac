from __future__ import annotations

import json
from collections.abc import Callable

import pycti
import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st
from stix2.canonicalization.Canonicalize import canonicalize

from shadowserver_connector.stix import ids
from tests.stix.examples import HASHES
from tests.stix.reference import standard_id

TIME = "2024-01-31T12:34:56.000Z"
IP = "ipv4-addr--11111111-1111-5111-8111-111111111111"
MAC = "mac-addr--22222222-2222-5222-8222-222222222222"

VALUES = [
    ("ipv4-addr", "192.0.2.1"),
    ("ipv6-addr", "2001:db8::1"),
    ("mac-addr", "00:00:5e:00:53:01"),
    ("url", 'https://example.com/ü?a="b"\\'),
    ("hostname", "printer-1"),
    ("user-agent", "Mozilla/5.0 (compatible)"),
    ("domain-name", "www.example.com"),
    ("email-addr", "someone@example.com"),
]


@pytest.mark.parametrize(("stix_type", "value"), VALUES)
def test_an_observable_of_one_value_is_identified_by_it(stix_type: str, value: str) -> None:
    """The id depends on the value alone, unchanged."""
    assert ids.of_value(stix_type, value) == standard_id(stix_type, value=value)


@pytest.mark.parametrize(
    ("stix_type", "value"), [("domain-name", "WWW.Example.COM"), ("email-addr", "A@Example.COM")]
)
def test_domain_and_email_count_in_lower_case(stix_type: str, value: str) -> None:
    """The id uses the lower-case value, as OpenCTI does."""
    assert ids.of_value(stix_type, value) == ids.of_value(stix_type, value.lower())


@pytest.mark.parametrize(
    ("stix_type", "make"),
    [
        ("vulnerability", ids.vulnerability),
        ("malware", ids.malware),
    ],
)
def test_a_named_object_is_identified_by_its_name_in_lower_case(
    stix_type: str, make: Callable[[str], str]
) -> None:
    """The case of a name, and space around it, do not change the id."""
    assert make(" CVE-2024-1\n") == standard_id(stix_type, name="cve-2024-1")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            ids.autonomous_system(64496),
            standard_id("autonomous-system", number=64496),
        ),
        (
            ids.software("Apache", cpe="cpe:2.3:a:b", vendor="V", version="1"),
            standard_id("software", name="apache", cpe="cpe:2.3:a:b", vendor="V", version="1"),
        ),
        (
            ids.software("Apache", vendor="", version=None),
            standard_id("software", name="apache"),
        ),
        (
            ids.x509_certificate({"SHA-1": HASHES["SHA-1"], "SHA-256": HASHES["SHA-256"]}),
            standard_id("x509-certificate", hashes={"SHA-1": HASHES["SHA-1"]}),
        ),
        (
            ids.artifact(HASHES),
            standard_id("artifact", hashes={"MD5": HASHES["MD5"]}),
        ),
        (
            ids.file({"SHA-512": HASHES["SHA-512"]}),
            standard_id("file", hashes={"SHA-512": HASHES["SHA-512"]}),
        ),
        (
            ids.user_account("root"),
            standard_id("user-account", account_login="root"),
        ),
        (ids.ssh_key("ab" * 32), standard_id("ssh-key", fingerprint_sha256="ab" * 32)),
        (
            ids.observed_data([MAC, IP]),
            standard_id("observed-data", objects=[IP, MAC]),
        ),
        (
            ids.report(name=" A: b ", published=TIME),
            standard_id("report", name="a: b", published=TIME),
        ),
        (
            ids.case_incident(name="A: b", created=TIME),
            standard_id("case-incident", name="a: b", created=TIME),
        ),
        (
            ids.attack_pattern("T1110.001"),
            standard_id("attack-pattern", x_mitre_id="t1110.001"),
        ),
        (
            ids.identity("Example Org", "organization"),
            standard_id("identity", name="example org", identity_class="organization"),
        ),
        (
            ids.location("Côte d’Ivoire", "Country"),
            standard_id("location", name="côte d’ivoire", x_opencti_location_type="Country"),
        ),
        (
            ids.indicator("[url:value = 'http://example.com']"),
            standard_id("indicator", pattern="[url:value = 'http://example.com']"),
        ),
        (
            ids.relationship("related-to", IP, MAC),
            standard_id(
                "relationship", relationship_type="related-to", source_ref=IP, target_ref=MAC
            ),
        ),
        (
            ids.network_traffic(protocols=["ipv4", "tcp"], dst_ref=IP, dst_port=80),
            standard_id("network-traffic", protocols=["ipv4", "tcp"], dst_ref=IP, dst_port=80),
        ),
    ],
)
def test_ids_follow_the_platforms_rules(made: str, expected: str) -> None:
    """Each type's id is made of its identifying fields, without absent ones."""
    assert made == expected


def test_the_network_traffic_test_vector() -> None:
    """The id of 10.0.0.1:1234 -> 10.0.0.2:80 over HTTP is the published one."""
    assert (
        ids.network_traffic(
            src_ref=ids.of_value("ipv4-addr", "10.0.0.1"),
            dst_ref=ids.of_value("ipv4-addr", "10.0.0.2"),
            src_port=1234,
            dst_port=80,
            protocols=["ipv4", "tcp", "http"],
        )
        == "network-traffic--ab8dd7e4-319d-5e9f-89cf-4d0b6d56d93e"
    )


@pytest.mark.parametrize(
    ("made", "theirs"),
    [
        (ids.report(name="Ab", published=TIME), pycti.Report.generate_id("Ab", TIME)),
        (ids.case_incident(name="Ab", created=TIME), pycti.CaseIncident.generate_id("Ab", TIME)),
        (ids.observed_data([MAC, IP]), pycti.ObservedData.generate_id([IP, MAC])),
        (ids.vulnerability("CVE-2024-1"), pycti.Vulnerability.generate_id("CVE-2024-1")),
        (ids.malware("Abc"), pycti.Malware.generate_id("Abc")),
        (
            ids.identity("Example Org", "organization"),
            pycti.Identity.generate_id("Example Org", "organization"),
        ),
        (
            ids.location("Netherlands", "Country"),
            pycti.Location.generate_id("Netherlands", "Country"),
        ),
        (
            ids.relationship("related-to", IP, MAC),
            pycti.StixCoreRelationship.generate_id("related-to", IP, MAC),
        ),
        (ids.indicator("[a:b = 'c']"), pycti.Indicator.generate_id("[a:b = 'c']")),
        (ids.attack_pattern("T1110"), pycti.AttackPattern.generate_id("any", "T1110")),
    ],
)
def test_ids_equal_those_of_pycti(made: str, theirs: str) -> None:
    """These ids equal those of pycti's `generate_id`, with dates in its form."""
    assert made == theirs


@pytest.mark.parametrize(
    ("made", "theirs"),
    [
        (ids.of_value("ipv4-addr", "192.0.2.1"), stix2.v21.IPv4Address(value="192.0.2.1")),
        (ids.of_value("ipv6-addr", "2001:db8::1"), stix2.v21.IPv6Address(value="2001:db8::1")),
        (
            ids.of_value("mac-addr", "00:00:5e:00:53:01"),
            stix2.v21.MACAddress(value="00:00:5e:00:53:01"),
        ),
        (ids.of_value("url", "http://a.example/ü"), stix2.v21.URL(value="http://a.example/ü")),
        (ids.of_value("domain-name", "a.example"), stix2.v21.DomainName(value="a.example")),
        (ids.of_value("email-addr", "a@b.example"), stix2.v21.EmailAddress(value="a@b.example")),
        (ids.autonomous_system(64496), stix2.v21.AutonomousSystem(number=64496)),
        (
            ids.software("server", vendor="Example", version="1"),
            stix2.v21.Software(name="server", vendor="Example", version="1"),
        ),
        (ids.x509_certificate(HASHES), stix2.v21.X509Certificate(hashes=HASHES)),
        (
            ids.file({"SHA-256": HASHES["SHA-256"]}),
            stix2.v21.File(hashes={"SHA-256": HASHES["SHA-256"]}),
        ),
        (ids.artifact(HASHES), stix2.v21.Artifact(hashes=HASHES, url="http://a.example")),
        (ids.user_account("root"), stix2.v21.UserAccount(account_login="root")),
        (
            ids.network_traffic(protocols=["ipv4", "udp"], src_ref=IP, src_port=53),
            stix2.v21.NetworkTraffic(protocols=["ipv4", "udp"], src_ref=IP, src_port=53),
        ),
    ],
)
def test_ids_equal_those_of_the_stix2_library(made: str, theirs: stix2.v21._STIXBase21) -> None:
    """These ids equal those of the stix2 library."""
    assert made == theirs.id


def test_the_order_of_references_does_not_count() -> None:
    """The id of an Observed-Data depends on the set of its references."""
    assert ids.observed_data([IP, MAC]) == ids.observed_data([MAC, IP])


def test_the_note_of_a_finding_is_one_for_each_type_list_and_finding() -> None:
    """Notes of other types, lists, findings or hosts have other ids."""
    made = [
        ids.note_of_finding("scan_ssl", "net", b"ab", 0),
        ids.note_of_finding("scan_ssl", "net", b"ab", 1),
        ids.note_of_finding("scan_ssl", "", b"ab", 0),
        ids.note_of_finding("scan_ssh", "net", b"ab", 0),
        ids.note_of_host("scan_ssl", "net", "192.0.2.1", 0),
        ids.note_of_host("scan_ssl", "net", "192.0.2.1", 1),
        ids.note_of_host("scan_ssl", "", "192.0.2.1", 0),
        ids.note_of_host("scan_ssh", "net", "192.0.2.1", 0),
        ids.note_of_host("scan_ssl", "net", '192.0.2.1","list":"net', 0),
    ]
    assert len(set(made)) == len(made)
    assert made[0] == ids.note_of_finding("scan_ssl", "net", b"ab", 0)
    assert all(each.startswith("note--") for each in made)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ids.x509_certificate({}),
        lambda: ids.artifact({"SSDEEP": "1"}),
        lambda: ids.file({}),
        lambda: ids.user_account(""),
    ],
)
def test_nothing_to_identify_an_object_by_is_an_error(make: Callable[[], str]) -> None:
    """An object without identifying fields is an error, as all such would share an id."""
    with pytest.raises(ValueError, match="without"):
        make()


TEXT_WITHOUT_SURROGATES = st.text(st.characters(exclude_categories=["Cs"]))
CANONICAL = {
    "\x00\x1f\x7f": r'"\u0000\u001f' + "\x7f" + '"',
    "\b\t\n\f\r": r'"\b\t\n\f\r"',
    '"\\/': r'"\"\\/"',
    "\u2028\u2029\u00e9\U0001f600": '"\u2028\u2029\u00e9\U0001f600"',
}


@pytest.mark.parametrize(("text", "canonical"), CANONICAL.items())
def test_strings_are_written_as_rfc_8785_says(text: str, canonical: str) -> None:
    """Only what JSON requires is escaped, in the short form or lower-case hex."""
    assert canonicalize(text, utf8=False) == canonical
    assert json.dumps(text, ensure_ascii=False) == canonical
    assert ids.of_value("url", text) == standard_id("url", value=text)


@given(TEXT_WITHOUT_SURROGATES)
def test_any_text_is_hashed_as_canonical_json(text: str) -> None:
    """The id of any text is that of its canonical JSON."""
    assert ids.of_value("user-agent", text) == standard_id("user-agent", value=text)


def test_a_lone_surrogate_is_a_value_error() -> None:
    """A lone surrogate, which cannot be sent as UTF-8, is a ValueError."""
    with pytest.raises(ValueError, match="surrogates"):
        ids.of_value("url", "\ud800")
