"""A name that nobody foresaw is read by its form, and never taken for more than it is."""

from __future__ import annotations

import pickle

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.catalogue.model import ROLES, Catalogue


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
    """A type that appears tomorrow is read by the general rules of its kind."""
    report_type = catalogue.report_type(name)
    assert not report_type.known
    assert (report_type.family, report_type.primary) == (family, primary)
    assert report_type.parties[primary] == meaning
    assert report_type.about


def test_an_unknown_type_is_titled_after_its_name(catalogue: Catalogue) -> None:
    """The title is readable and not empty, whatever the name."""
    assert catalogue.report_type("scan_never_seen").title == "Scan never seen"
    assert catalogue.report_type("").title == "Unnamed report"
    assert catalogue.report_type("___").title == "Unnamed report"


@pytest.mark.parametrize(
    ("name", "header", "primary"),
    [
        ("botnet_drone", ("timestamp", "ip", "port", "cc_ip"), "asset"),
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
    """A party of the family stands in for the usual primary when only it has an address."""
    assert catalogue.report_type(name, header).primary == primary


def test_a_known_type_is_known(catalogue: Catalogue) -> None:
    """A published type comes with its own title, page, severity and product."""
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
    """MariaDB answers as MySQL; its version cell names it."""
    assert catalogue.report_type("scan_mysql").product_of(version) == product


@pytest.mark.parametrize(
    ("name", "role", "party", "group", "title"),
    [
        ("relay_ip", "ip", "relay", "", "Relay IP"),
        ("relay_port", "port", "relay", "", "Relay port"),
        ("relay_asn", "asn", "relay", "", "Relay ASN"),
        ("relay_geo", "country", "relay", "", "Relay country"),
        ("relay_hostname", "hostname", "relay", "", "Relay host name"),
        ("relay_hostname_source", "hostname_source", "relay", "", "Relay host name from"),
        ("relay_mac", "mac", "relay", "", "Relay MAC address"),
        ("relay_as_name", "as_name", "relay", "", "Relay AS name"),
        ("http_referer_mac", "mac", "referer", "", "Http referer MAC address"),
        ("loader_sha256", "file.sha256", "", "loader", "Loader SHA-256"),
        ("loader_md5", "file.md5", "", "loader", "Loader MD5"),
        ("loader_url", "url", "", "", "Loader URL"),
        ("owner_email", "email", "", "", "Owner e-mail"),
        ("host_key_md5", "ssh.md5", "", "host_key", "Host key MD5"),
        ("router_vendor", "software.vendor", "", "router", "Router vendor"),
        ("admin_password", "secret", "", "", "Admin password"),
        ("private_key", "secret", "", "", "Private key"),
        ("password_2", "secret", "", "", "Password 2"),
        ("community_string", "secret", "", "", "Community"),
        ("wifi_psk", "secret", "", "", "Wifi pre-shared key"),
        ("http_authorization", "secret", "", "", "Http authorization"),
        ("gateway_ip", "internal", "", "", "Gateway ip"),
        ("vulnerabilities", "cve", "", "", "Vulnerabilities"),
        ("internal_ip", "internal", "", "", "Internal ip"),
        ("router_local_ip", "internal", "", "", "Router local IP"),
    ],
)
def test_an_unpublished_column_is_read_by_the_form_of_its_name(
    catalogue: Catalogue, name: str, role: str, party: str, group: str, title: str
) -> None:
    """Cells that share what stands before the pattern belong to one party or group."""
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
    """What holds no address, file or domain of the row's parties stays in the Note."""
    assert catalogue.column("scan_never_seen", name).role in ("text", "internal")


def test_a_published_column_is_known_in_unknown_types(catalogue: Catalogue) -> None:
    """A new report type brings mostly old columns."""
    assert catalogue.column("scan_never_seen", "src_ip") == catalogue.columns["src_ip"]


def test_an_unknown_type_has_no_columns_of_its_own(catalogue: Catalogue) -> None:
    """Only published types have a layout."""
    assert catalogue.columns_of("scan_never_seen") == ()


def test_what_nobody_knows_comes_last(catalogue: Catalogue) -> None:
    """A Note shows unknown columns after all known ones."""
    unknown = catalogue.column("scan_redis", "colour")
    assert unknown.title == "Colour"
    assert unknown.order > max(column.order for column in catalogue.columns.values())


def test_every_role_is_used(catalogue: Catalogue) -> None:
    """A role that no column, override or pattern has is a role too many."""
    used = {column.role for column in catalogue.columns.values()}
    used |= {c.role for readings in catalogue.overrides.values() for _, c in readings}
    used |= {pattern.role for pattern in catalogue.patterns}
    assert used == ROLES


def test_the_catalogue_is_read_once(catalogue: Catalogue) -> None:
    """All who ask get the same object."""
    assert load_catalogue() is catalogue


def test_the_catalogue_can_be_sent_to_another_process(catalogue: Catalogue) -> None:
    """A report is converted in a worker process, which may be handed what it needs."""
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue
