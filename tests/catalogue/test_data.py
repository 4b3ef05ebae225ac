"""The package's own catalogue, in which an error would mislead analysts."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from shadowserver_connector.catalogue.catalogue import INDICATED_KINDS, Catalogue
from shadowserver_connector.catalogue.loader import load_catalogue, parse
from shadowserver_connector.mapping.cells.host_names_and_urls import parse_application


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the package."""
    return load_catalogue()


def test_every_type_has_its_own_sentence(catalogue: Catalogue) -> None:
    """Each type has a text of its own, plain and at most 320 characters long."""
    bases = [t for name, t in catalogue.types.items() if name not in catalogue.ipv4_types]
    assert len({t.about for t in bases}) == len(bases)
    for report_type in bases:
        assert report_type.about != catalogue.families[report_type.family].about
        assert re.fullmatch(r"[A-Z][^\n<>|`*_]{40,310}\.", report_type.about), report_type.name


def test_each_column_is_in_a_layout_or_of_earlier_years(catalogue: Catalogue) -> None:
    """Each column is in a published layout or is one of earlier years."""
    text = (files("shadowserver_connector.catalogue") / "data" / "columns.toml").read_text("utf-8")
    earlier = set(parse("columns.toml", text)["earlier"])
    used = {name for report_type in catalogue.types for name in catalogue.column_names(report_type)}
    assert sorted(catalogue.columns.keys() - used - earlier) == [], (
        "layouts.toml: add each to the layouts of the report types that have it, or move it to the "
        "section [earlier] of columns.toml if files have it no more"
    )
    assert sorted(used & earlier) == [], (
        "columns.toml: move it out of [earlier]: layouts.toml has it"
    )


def test_titles_of_a_type_tell_its_columns_apart(catalogue: Catalogue) -> None:
    """No two columns of a type with the same kind of value have one title."""
    for name in catalogue.types:
        titles: dict[str, str] = {}
        for column in map(lambda n, t=name: catalogue.column(t, n), catalogue.column_names(name)):
            other = titles.setdefault(column.title, column.name)
            assert other == column.name, f"{name}: {other} and {column.name}: {column.title}"


def test_application_protocols_have_the_names_that_iana_registered(catalogue: Catalogue) -> None:
    """Application protocols have IANA's names, but for listed exceptions with a reason."""
    from stix2validator.v21.enums import protocols

    applications = {t.application for t in catalogue.types.values() if t.application}
    assert applications - set(protocols()) == {
        *("adb", "gtp", "ike", "ipmi", "msrpc", "nat-pmp", "net-assistant", "ntrip", "openwire"),
        *("quic", "rdpeudp", "rocketmq", "ubiquiti-discovery"),
    }
    assert {parse_application(name) for name in applications} == applications


def test_what_is_the_subscribers_is_never_an_indicator(catalogue: Catalogue) -> None:
    """An asset of the subscriber gets no Indicator, which could block its owner."""
    for meaning in catalogue.meanings.values():
        if meaning.own:
            assert not meaning.indicates("address")
            assert not meaning.indicates("name")


def test_who_suffers_is_not_scored(catalogue: Catalogue) -> None:
    """Exposed, attacked or suspected hosts have no score."""
    for name in ("exposed", "listed", "victim", "spoofing", "resolver", "contacted", "spam_host"):
        assert catalogue.meanings[name].own
        assert catalogue.meanings[name].score is None


def test_who_is_infected_is_scored_as_who_attacks(catalogue: Catalogue) -> None:
    """Infected and attacking hosts have one score, as the same host is in both reports."""
    for name in ("infected", "compromised", "attacker", "c2", "malware_host", "relay"):
        assert catalogue.meanings[name].own
        assert catalogue.meanings[name].score == catalogue.meanings["controller"].score


def test_harmless_third_parties_are_never_malicious(catalogue: Catalogue) -> None:
    """Sinkholes, sensors and targets are neither assets nor malicious."""
    for name in ("sinkhole", "sensor", "target", "claimed", "sinkholed", "other"):
        assert not catalogue.meanings[name].own
        assert catalogue.meanings[name].score is None
        assert not any(map(catalogue.meanings[name].indicates, INDICATED_KINDS))


@pytest.mark.parametrize(
    ("report_type", "parties"),
    [
        ("event4_honeypot_ddos_amp", {"src": "victim", "dst": "sensor"}),
        ("event4_sinkhole_dns", {"src": "resolver", "called": "sinkholed"}),
        (
            "event4_sinkhole_http_referer",
            {"referer": "compromised", "dst": "sinkhole", "called": "sinkholed"},
        ),
        ("event6_sinkhole", {"src": "infected", "dst": "sinkhole", "called": "sinkholed"}),
        (
            "event4_honeypot_brute_force",
            {"src": "attacker", "dst": "sensor", "payload": "payload_host"},
        ),
        ("spam_url", {"asset": "spam_host", "src": "relay"}),
        ("malware_url", {"asset": "malware_host"}),
        ("scan_post_exploitation_framework", {"asset": "c2"}),
        ("compromised_website6", {"asset": "compromised", "cc": "controller"}),
        ("blocklist", {"asset": "listed"}),
        ("ransomware_victim", {}),
        ("compromised_account", {}),
    ],
)
def test_whose_address_is_whose(
    catalogue: Catalogue, report_type: str, parties: dict[str, str]
) -> None:
    """Each party's meaning, which decides scores, labels and Indicators, is listed here."""
    assert catalogue.types[report_type].parties == parties


def test_the_target_of_a_botnet_is_the_primary(catalogue: Catalogue) -> None:
    """In event4_honeypot_ddos_target the subscriber's address is the destination."""
    target = catalogue.types["event4_honeypot_ddos_target"]
    assert (target.primary, target.parties["dst"], target.parties["src"]) == (
        "dst",
        "victim",
        "controller",
    )


def test_traffic_is_a_service_only_where_the_primary_listens(catalogue: Catalogue) -> None:
    """A source port is no service, but for a controller's and a referring web site's."""
    services = {
        name
        for name, report_type in catalogue.types.items()
        if report_type.primary == "src" and report_type.traffic == "service"
    }
    assert services == {"event4_honeypot_ddos"}
    assert catalogue.types["event4_honeypot_ddos_target"].traffic == "none"
    assert catalogue.types["event4_sinkhole_dns"].traffic == "flow"
    assert catalogue.types["event4_sinkhole_http_referer"].traffic == "service"


@pytest.mark.parametrize("name", ["password", "community", "badsecret_secret", "badsecret_product"])
def test_found_secrets_are_secret(catalogue: Catalogue, name: str) -> None:
    """Columns of found secrets become no object and are masked in Notes."""
    assert catalogue.columns[name].role == "secret"


SANDBOX = ("sandbox_conn", "sandbox_dns", "sandbox_url")


@pytest.mark.parametrize(
    "name",
    [
        *("mapped_address", "xor_mapped_address", "bgp_identifier", "refid", "host", "peer"),
        *("network_address", "gcip", "external_ip", "ipv4_address", "ipv6_link_local"),
        *("mdns_ipv4", "namenodeaddress", "forwarded_by", "machine_name", "workgroup", "sysname"),
        *("server_name", "servername", "dns_host_name", "default_naming_context", "location"),
        *("available_mac", "selected_mac", "hassh", "jarm", "git_sha1", "page_sha256fp"),
        *("visible_databases", "exports", "module", "nodes", "contact", "dst_netmask"),
    ],
)
def test_what_identifies_nothing_is_not_read_as_if_it_did(catalogue: Catalogue, name: str) -> None:
    """These columns yield no object in any report type."""
    for report_type in catalogue.types:
        # In earlier years some called a host name so.
        if report_type not in ("malware_url", "spam_url", "event4_sinkhole_dns", *SANDBOX):
            assert catalogue.column(report_type, name).role in ("text", "internal")


@pytest.mark.parametrize(
    ("report_type", "name", "role"),
    [
        ("spam_url", "subject", "text"),
        ("sandbox_dns", "request", "domain"),
        ("sandbox_dns", "response", "ip"),
        ("scan_coap", "response", "text"),
        ("event4_honeypot_ics_scan", "request", "text"),
        ("blocklist", "ip", "network"),
        ("event4_ip_spoofer", "network", "network"),
        ("population_ntrip", "network", "text"),
        ("compromised_website", "url", "url_part"),
        ("compromised_website6", "http_host", "domain"),
        ("malware_url", "url", "url"),
        ("event6_sinkhole_http", "http_host", "domain"),
        ("compromised_account", "username", "account"),
        ("event4_honeypot_brute_force", "username", "text"),
        ("scan_netbios", "username", "internal"),
        ("scan6_mongodb", "version", "software.version"),
        ("scan_snmp", "version", "text"),
        ("scan_ssdp", "server", "text"),
        ("scan_http", "server", "software.product"),
        ("scan_hadoop", "server_type", "text"),
        ("scan_redis", "os", "software.product"),
        ("event4_honeypot_ddos", "application", "malware"),
        ("event4_ddos_participant", "application", "application"),
    ],
)
def test_one_name_means_different_things(
    catalogue: Catalogue, report_type: str, name: str, role: str
) -> None:
    """A column name with several meanings is read by the report type."""
    assert catalogue.column(report_type, name).role == role


def test_only_published_types_with_a_software_of_their_own_name_one(catalogue: Catalogue) -> None:
    """The version column of a type with a product is read as that product's version."""
    for report_type in catalogue.types.values():
        if report_type.product:
            roles = {
                (column.role, column.group)
                for column in (
                    catalogue.column(report_type.name, name)
                    for name in catalogue.column_names(report_type.name)
                )
            }
            assert ("software.version", "service") in roles, report_type.name


def test_a_note_begins_with_what_matters_first(catalogue: Catalogue) -> None:
    """When, what, who, where and how bad come first; clocks, client ports and raw texts last."""
    first = ["timestamp", "infection", "tag", "ip", "port", "severity", "hostname", "src_port"]
    first += ["status", "refid", "raw_cert"]
    orders = [catalogue.columns[name].order for name in first]
    assert orders == sorted(orders)


def test_every_group_can_make_its_object(catalogue: Catalogue) -> None:
    """A type with a version cell of a group also has the group's product, or a vendor instead."""
    for report_type in catalogue.types.values():
        columns = [
            catalogue.column(report_type.name, name)
            for name in catalogue.column_names(report_type.name)
        ]
        groups = {c.group for c in columns if c.role.startswith("software.")}
        named = {"software.product", "software.vendor"}
        products = {c.group for c in columns if c.role in named and c.group != "target"}
        products |= {c.group for c in columns if c.role == "software.product"}
        if report_type.product:
            products.add("service")
        assert groups <= products, report_type.name


def test_every_type_says_in_short_what_was_seen_and_what_to_do(catalogue: Catalogue) -> None:
    """The short texts fit into a sentence: lower case, no full stop, no markup."""
    for report_type in [*catalogue.types.values(), catalogue.report_type("scan_of_tomorrow")]:
        assert report_type.short[0].isupper(), report_type.name
        for text in (report_type.seen, report_type.todo):
            assert text[0].islower(), report_type.name
            assert text[-1] not in ".:;", report_type.name
            assert not set(text) & set("\n<>|*`[]"), report_type.name


def test_no_text_says_whose_the_machines_are(catalogue: Catalogue) -> None:
    """No text says whose machines they are: a CERT's constituents', or a company's own."""
    texts = [
        (entry.name, text)
        for entry in (*catalogue.types.values(), *catalogue.families.values())
        for text in (entry.about, entry.seen, entry.todo)
    ]
    assert [name for name, text in texts if re.search(r"(?i)\b(?:yours?|you|ours?)\b", text)] == []
