"""An unknown name is read by its form, and never taken for more than it is."""

from __future__ import annotations

import pickle

import pytest

from shadowserver_connector.catalogue.catalogue import Catalogue
from shadowserver_connector.catalogue.columns import ROLES
from shadowserver_connector.catalogue.loader import load_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the package."""
    return load_catalogue()


@pytest.mark.parametrize(
    ("name", "family", "primary", "meaning"),
    [
        ("scan_never_seen", "scan", "asset", "exposed"),
        ("scan6_never_seen", "scan", "asset", "exposed"),
        ("population_never_seen", "population", "asset", "exposed"),
        ("device_id_never_seen", "device_id", "asset", "exposed"),
        ("event4_sinkhole_never_seen", "sinkhole", "src", "infected"),
        ("event6_microsoft_sinkhole_new", "sinkhole", "src", "infected"),
        ("event4_honeypot_never_seen", "honeypot", "src", "attacker"),
        ("event4_honeypot_ddos_amp_new", "amplification", "src", "victim"),
        ("event4_ddos_never_seen", "ddos", "src", "attacker"),
        ("event4_never_seen", "event", "src", "other"),
        ("compromised_never_seen", "compromised", "asset", "compromised"),
        ("malware_never_seen", "malicious_url", "asset", "malware_host"),
        ("sandbox_never_seen", "sandbox", "asset", "contacted"),
        ("blocklist_never_seen", "blocklist", "asset", "listed"),
        ("special_never_seen", "special", "asset", "other"),
        ("never_seen", "general", "asset", "other"),
    ],
)
def test_an_unknown_type_follows_the_family_of_its_prefix(
    catalogue: Catalogue, name: str, family: str, primary: str, meaning: str
) -> None:
    """A new type is read by the rules of the family that its prefix names."""
    report_type = catalogue.report_type(name)
    assert not report_type.known
    assert (report_type.family, report_type.primary) == (family, primary)
    assert report_type.parties[primary] == meaning
    assert report_type.about


def test_an_unknown_type_is_titled_after_its_name(catalogue: Catalogue) -> None:
    """Any name gives a readable title that is not empty."""
    assert catalogue.report_type("scan_never_seen").title == "Scan never seen"
    assert catalogue.report_type("").title == "Unnamed report"
    assert catalogue.report_type("___").title == "Unnamed report"


@pytest.mark.parametrize(
    ("name", "header", "primary"),
    [
        ("botnet_drone", ("timestamp", "ip", "port", "cc_ip"), "src"),
        ("event4_sinkhole_new", ("timestamp", "dst_ip", "src_ip"), "src"),
        ("event4_sinkhole", ("timestamp", "src_ip", "dst_ip"), "src"),
        ("event4_new", ("timestamp", "dst_ip"), "dst"),
        ("scan_new", ("timestamp", "src_ip"), "asset"),
        ("compromised_account", ("timestamp", "ip"), ""),
        ("scan_redis", ("timestamp", "port"), "asset"),
    ],
)
def test_the_primary_is_one_that_the_file_has(
    catalogue: Catalogue, name: str, header: tuple[str, ...], primary: str
) -> None:
    """If the usual primary has no address in the file, another party of the family is primary."""
    assert catalogue.report_type(name, header).primary == primary


def test_a_known_type_is_known(catalogue: Catalogue) -> None:
    """A published type has its own title, page, severity and product."""
    redis = catalogue.report_type("scan_redis")
    assert redis.known
    assert (redis.title, redis.severity, redis.application) == (
        "Open Redis Server",
        "high",
        "redis",
    )
    assert redis.page == (
        "https://www.shadowserver.org/what-we-do/network-reporting/open-redis-report/"
    )


@pytest.mark.parametrize(
    ("version", "product"),
    [
        ("8.0.23", "MySQL"),
        ("5.5.5-10.3.34-MariaDB-0ubuntu0.20.04.1", "MariaDB"),
        ("5.7.37-40-percona", "Percona Server"),
    ],
)
def test_a_fork_is_told_by_its_version(catalogue: Catalogue, version: str, product: str) -> None:
    """A MySQL server whose version names MariaDB is MariaDB."""
    assert catalogue.report_type("scan_mysql").product_of(version) == product


@pytest.mark.parametrize(
    ("name", "role", "party", "group", "title"),
    [
        ("relay_ip", "public_address", "relay", "", "Relay IP"),
        ("relay_port", "port", "relay", "", "Relay port"),
        ("relay_asn", "asn", "relay", "", "Relay ASN"),
        ("relay_geo", "country", "relay", "", "Relay country"),
        ("relay_hostname", "hostname", "relay", "", "Relay host name"),
        ("relay_hostname_source", "hostname_source", "relay", "", "Relay host name from"),
        ("relay_mac", "mac", "relay", "", "Relay MAC address"),
        ("relay_as_name", "as_name", "relay", "", "Relay AS name"),
        ("http_referer_mac", "mac", "referer", "", "HTTP referer MAC address"),
        ("loader_sha256", "file.sha256", "", "loader", "Loader SHA-256"),
        ("loader_md5", "file.md5", "", "loader", "Loader MD5"),
        ("loader_url", "url", "", "", "Loader URL"),
        ("owner_email", "email", "", "", "Owner e-mail"),
        ("host_key_md5", "ssh.md5", "", "host_key", "Host key MD5"),
        ("router_vendor", "software.vendor", "", "router", "Router vendor"),
        ("admin_password", "secret", "", "", "Admin password"),
        ("private_key", "secret", "", "", "Private key"),
        ("password_2", "secret", "", "", "Password 2"),
        ("community_string", "secret", "", "", "Community string"),
        ("wifi_psk", "secret", "", "", "Wifi PSK"),
        ("http_authorization", "secret", "", "", "HTTP authorization"),
        ("gateway_ip", "internal", "", "", "Gateway IP"),
        ("vulnerabilities", "cve", "", "", "Vulnerabilities"),
        ("internal_ip", "internal", "", "", "Internal IP"),
        ("router_local_ip", "internal", "", "", "Router local IP"),
    ],
)
def test_an_unpublished_column_is_read_by_the_form_of_its_name(
    catalogue: Catalogue, name: str, role: str, party: str, group: str, title: str
) -> None:
    """Columns with one prefix before the pattern belong to one party or group."""
    column = catalogue.column("scan_never_seen", name)
    assert (column.name, column.role) == (name, role)
    assert (column.party, column.group, column.title) == (party, group, title)


@pytest.mark.parametrize(
    "name",
    [
        *("mapped_address", "xor_mapped_address", "mapped_ip", "xor_mapped_ip", "mapped_port"),
        *("bgp_identifier", "refid", "peer", "host", "network_address", "gcip"),
        *("ip_header_ttl", "ip_header_ip", "external_ip", "external_port", "default_gateway"),
        *("git_sha256", "build_md5", "page_sha256", "page_md5", "ja3_md5", "jarm_sha256"),
        *("netbios_domain", "ad_domain", "workgroup_domain", "colour", "_ip", "ip_", ""),
    ],
)
def test_a_name_that_only_looks_like_a_pattern_identifies_nothing(
    catalogue: Catalogue, name: str
) -> None:
    """A column that only resembles a pattern is in the Note and makes no object."""
    assert catalogue.column("scan_never_seen", name).role in ("text", "internal")


@pytest.mark.parametrize(
    "name",
    [
        *("pass", "passwd", "password_hash", "userpassword", "ftp_password_2", "admin pass"),
        *(
            "session_cookie",
            "cookie",
            "http_cookie_2",
            "ntlm_hash",
            "nt_hash",
            "token",
            "api-token",
        ),
        *("secret", "clientsecret", "api_key", "apikey", "x-api-key", "private_key", "community"),
        *("snmp_community", "credentials", "session.id", "wpa_key", "jwt", "Password"),
        # Names that no other pattern may claim.
        *("ad_password", "netbios_password", "build_token", "page_cookie", "external_api_key"),
    ],
)
def test_an_unpublished_column_whose_name_says_secret_is_one(
    catalogue: Catalogue, name: str
) -> None:
    """An unpublished column whose name says secret is masked in any report."""
    column = catalogue.column("compromised_never_seen", name)
    assert (column.name, column.role, column.party, column.group) == (name, "secret", "", "")
    assert column.title


@pytest.mark.parametrize(
    "name",
    [
        *("hash", "file_hash", "passive", "compass", "bypass_method", "passed", "compassion"),
        *("key", "keyboard", "communities_of_practice", "spinning", "host_key_sha256"),
    ],
)
def test_a_word_that_only_resembles_a_secret_is_none(catalogue: Catalogue, name: str) -> None:
    """A hash is shown, as it may be of the file or page that the row is about."""
    assert catalogue.column("scan_never_seen", name).role != "secret"


def test_published_columns_keep_their_meaning_though_their_names_say_secret(
    catalogue: Catalogue,
) -> None:
    """A published column keeps its meaning, whatever its name suggests."""
    shown = {
        name: column.role
        for name, column in catalogue.columns.items()
        if column.role != "secret" and catalogue.column("", f"{name}_2").role == "secret"
    }
    assert shown == {
        "badsecret_location": "text",
        "badsecret_module": "text",
        "badsecret_type": "text",
        "client_can_handle_expired_passwords": "text",
        "client_long_password": "text",
        "has_password": "text",
        "magic_cookie": "text",
        "server_cookie": "text",
        "set_cookie": "text",
    }


def test_a_cookie_is_secret_but_for_the_one_that_an_attacker_sent(catalogue: Catalogue) -> None:
    """A cookie is masked, unless an attacker sent it to a honeypot."""
    assert catalogue.column("event4_honeypot_rdp_scan", "cookie").role == "text"
    assert catalogue.column("compromised_account_new", "cookie").role == "secret"


def test_a_tactic_is_text_and_a_technique_an_id(catalogue: Catalogue) -> None:
    """A tactic is text only, as OpenCTI has objects for techniques only."""
    for name in ("threat_tactic_id", "attack_tactic_id", "tactic"):
        assert catalogue.column("event4_honeypot_new", name).role == "text"
    for name in ("threat_technique_id", "technique_id", "mitre_attack_id", "attack_technique"):
        assert catalogue.column("event4_honeypot_new", name).role == "attack_id"


def test_an_infection_stands_first_whatever_its_column_is_called(catalogue: Catalogue) -> None:
    """The infection is first in a Note, also in old files, which call it type."""
    infection = catalogue.column("sinkhole_http_drone", "type")
    assert infection.order < catalogue.columns["ip"].order < catalogue.columns["type"].order


def test_titles_write_acronyms_as_people_do(catalogue: Catalogue) -> None:
    """Titles of unknown types and columns have acronyms in capitals, as published ones do."""
    assert catalogue.report_type("scan_ftp_foo").title == "Scan FTP foo"
    assert catalogue.report_type("scan6_mdns_new").title == "IPv6 scan mDNS new"
    assert catalogue.report_type("event4_honeypot_new").title == "Event honeypot new"
    assert catalogue.column("scan_new", "mdns_ttl").title == "mDNS TTL"
    assert catalogue.column("scan_new", "http_server_url").title == "HTTP server URL"


def test_a_published_column_is_known_in_unknown_types(catalogue: Catalogue) -> None:
    """A published column keeps its meaning in an unknown type."""
    assert catalogue.column("scan_never_seen", "src_ip") == catalogue.columns["src_ip"]


def test_an_unknown_type_has_no_columns_of_its_own(catalogue: Catalogue) -> None:
    """Only published types have a layout."""
    assert catalogue.column_names("scan_never_seen") == ()


def test_what_nobody_knows_comes_last(catalogue: Catalogue) -> None:
    """A Note shows unknown columns after the known ones."""
    unknown = catalogue.column("scan_redis", "colour")
    assert unknown.title == "Colour"
    assert unknown.order > max(column.order for column in catalogue.columns.values())


def test_every_role_is_used(catalogue: Catalogue) -> None:
    """Every role is that of a column, override or pattern."""
    used = {column.role for column in catalogue.columns.values()}
    used |= {c.role for readings in catalogue.overrides.values() for _, c in readings}
    used |= {pattern.role for pattern in catalogue.patterns}
    assert sorted(ROLES - used) == [], (
        "columns.toml: give a column this role, or remove it from ROLES"
    )


def test_the_catalogue_is_read_once(catalogue: Catalogue) -> None:
    """Every caller gets the same object."""
    assert load_catalogue() is catalogue


def test_the_catalogue_can_be_sent_to_another_process(catalogue: Catalogue) -> None:
    """The catalogue can be pickled for a worker process."""
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue
