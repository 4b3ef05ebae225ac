"""The parties of a report: relationships, scores and Indicators of each kind of report.

All relationships are made here; ``test_links`` tests which are made by default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.catalogue.catalogue import SEVERITIES
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import compile_for
from tests.mapping.conversion import Converted, Stix, convert, info_of
from tests.mapping.rows import header_of, row_of

Row = dict[str, str]

SINKHOLE: Row = {
    "src_ip": "192.0.2.1",
    "src_port": "50000",
    "dst_ip": "198.51.100.1",
    "dst_port": "80",
    "src_hostname": "pc.example.com",
    "dst_hostname": "ptr.example.net",
    "http_host": "c2.example.org",
    "http_url": "POST /gate HTTP/1.1",
    "infection": "examplebot-variant",
    "family": "examplebot",
    "tag": "examplebot-tag",
}


def made(folder: Path, report_type: str, row: Row, **options: Any) -> Converted:
    """Convert a report of one row, with all relationships."""
    options = {"relationships": None, **options}
    return convert(folder, report_type, tuple(row), [tuple(row.values())], **options)


def related(converted: Converted) -> set[tuple[str, str, str]]:
    """Return all relationships as (source, type, target), by names and values."""
    names = {stix["id"]: _named(stix) for stix in converted.everything()}
    return {
        (names[stix["source_ref"]], stix["relationship_type"], names[stix["target_ref"]])
        for stix in converted.of("relationship")
    }


def _named(stix: Stix) -> str:
    names = (stix.get(key) for key in ("name", "value", "account_login"))
    first = next((name for name in names if name), "")
    if stix["type"] == "indicator":
        return f"indicator {first}"
    return first or next(iter(stix.get("hashes", {"": stix["type"]}).values()))


def scores(converted: Converted) -> dict[str, int]:
    """Return the score of each object that has one, by its value."""
    return {
        _named(stix): stix["x_opencti_score"]
        for stix in converted.everything()
        if "x_opencti_score" in stix
    }


@pytest.mark.parametrize("hostname", ["www.example.com", "host.example.net"])
def test_name_that_did_something_is_scored_though_it_is_in_reverse_dns_too(
    tmp_path: Path, hostname: str
) -> None:
    """Of two copies of an object, the one with the score stays."""
    row = {"ip": "192.0.2.1", "hostname": hostname, "http_host": "www.example.com"}
    assert scores(made(tmp_path, "compromised_website", row))["www.example.com"] == 75


def test_name_in_two_cells_is_offered_once_as_an_end() -> None:
    """Relationships are made of each end once, though two cells of a section name it."""
    header = ("timestamp", "src_ip", "http_host", "ssl_servername")
    plan = compile_for(header, info_of("event4_honeypot_http_scan"), Options())
    row = ["2024-01-31 00:00:00", "192.0.2.1", "www.example.com", "www.example.com"]
    ends = [section(row).ends for section in plan.sections]
    assert any(ends)
    assert all(len(set(each)) == len(each) for each in ends)


@pytest.mark.parametrize("address", ["", "not an address"])
def test_network_of_a_party_is_no_end_of_a_flow(tmp_path: Path, address: str) -> None:
    """A network is no end of a connection; without a source address there is none."""
    row = {"src_ip": address, "src_network": "198.51.100.0/24", "src_port": "1234"}
    assert made(tmp_path, "event4_sinkhole_http", row).of("network-traffic") == []


def test_every_bad_protocol_is_told(tmp_path: Path) -> None:
    """A bad protocol is reported, also in a column that the traffic does not use."""
    row = {"ip": "192.0.2.1", "port": "80", "protocol": "tcp", "type": "no protocol"}
    remarks = made(tmp_path, "botnet_drone", row).outcome.remarks
    assert [remark for remark in remarks if "column type" in remark]


def test_infected_asset_runs_the_malware_that_calls_a_name(tmp_path: Path) -> None:
    """There is one malware; it communicates with the name called, not with the sinkhole."""
    converted = made(tmp_path, "event4_sinkhole_http", SINKHOLE)
    assert related(converted) == {
        ("192.0.2.1", "communicates-with", "198.51.100.1"),
        ("192.0.2.1", "related-to", "examplebot"),
        ("192.0.2.1", "related-to", "c2.example.org"),
        ("192.0.2.1", "related-to", "http://c2.example.org/gate"),
        ("pc.example.com", "resolves-to", "192.0.2.1"),
        ("ptr.example.net", "resolves-to", "198.51.100.1"),
        ("examplebot", "communicates-with", "c2.example.org"),
    }
    assert scores(converted) == {"192.0.2.1": 75}


@pytest.mark.parametrize(
    ("report_type", "labelled"),
    [
        ("event4_sinkhole_http", False),
        ("event6_sinkhole_http", False),
        ("event4_microsoft_sinkhole_http", False),
        ("event4_sinkhole_http_referer", True),
    ],
)
def test_tags_are_not_about_the_page_that_an_infected_client_names(
    tmp_path: Path, report_type: str, labelled: bool
) -> None:
    """A Referer header of malware may name any site; in a referer report it is what is reported."""
    row = {
        "http_referer_ip" if labelled else "src_ip": "192.0.2.1",
        "infection": "examplebot",
        "tag": "examplebot;other-tag",
        "http_referer": "http://www.example.net/start.html",
    }
    page = made(tmp_path, report_type, row).one("url")
    assert ("examplebot" in page["x_opencti_labels"]) == labelled


@pytest.mark.parametrize(
    ("report_type", "column"),
    [
        ("event4_sinkhole_http", "http_host"),
        ("event6_sinkhole_http", "http_host"),
        ("event4_microsoft_sinkhole_http", "http_host"),
        ("event4_sinkhole_http_referer", "http_host"),
        ("event4_sinkhole", "ssl_servername"),
        ("event4_microsoft_sinkhole", "ssl_servername"),
        ("event4_sinkhole_dns", "query"),
        ("sinkhole_http_drone", "http_host"),
        ("event4_sinkhole_of_another_kind", "http_host"),
    ],
)
def test_name_that_malware_called_is_its_controllers(
    tmp_path: Path, report_type: str, column: str
) -> None:
    """A called name is labelled and observed, but neither scored nor indicated.

    A scanner may send the name of a harmless site.
    """
    referer = report_type.endswith("referer")
    row = {
        "http_referer_ip" if referer else "src_ip": "192.0.2.1",
        "dst_ip": "198.51.100.1",
        "severity": "high",
        "infection": "examplebot",
        "tag": "examplebot;other-tag",
        column: "c2.example.org",
    }
    converted = made(tmp_path, report_type, row, create_indicators=True)
    name = converted.where("domain-name", value="c2.example.org")
    assert "examplebot" in name["x_opencti_labels"]
    assert name["id"] in converted.one("observed-data")["object_refs"]
    found = related(converted)
    assert ("examplebot", "communicates-with", "c2.example.org") in found
    assert ("192.0.2.1", "related-to", "c2.example.org") in found
    assert {end for end in found if "198.51.100.1" in end} <= {
        ("192.0.2.1", "communicates-with", "198.51.100.1")
    }
    resolver = report_type.endswith("_dns")
    assert scores(converted) == ({} if resolver else {"192.0.2.1": 75})
    assert converted.of("indicator") == []


def test_port_of_the_request_is_the_sinkholes(tmp_path: Path) -> None:
    """The traffic has the sinkhole's port; the requested name has none."""
    row = {**SINKHOLE, "dst_port": "8080"}
    url = made(tmp_path, "event4_sinkhole_http", row).one("url")
    assert url["value"] == "http://c2.example.org:8080/gate"


@pytest.mark.parametrize("host", ["198.51.100.1", "203.0.113.77:8080", "[2001:db8::7]", ""])
def test_address_that_malware_called_is_the_sinkholes_own(tmp_path: Path, host: str) -> None:
    """A requested address is no controller, nor is a URL with it: its holder now is harmless."""
    row = {**SINKHOLE, "http_host": host}
    converted = made(tmp_path, "event4_sinkhole_http", row, create_indicators=True)
    values = {stix["value"] for stix in converted.of("ipv4-addr", "ipv6-addr", "url")}
    assert values == {"192.0.2.1", "198.51.100.1"}
    assert scores(converted) == {"192.0.2.1": 75}
    assert not converted.of("indicator")


def test_sinkholes_are_not_buried_in_notes_and_labels(tmp_path: Path) -> None:
    """A sinkhole, named by thousands of rows, gets no Notes and labels."""
    converted = made(tmp_path, "event4_sinkhole_http", SINKHOLE)
    sinkhole = converted.where("ipv4-addr", value="198.51.100.1")
    assert "x_opencti_labels" not in sinkhole
    assert sinkhole["id"] not in converted.one("note")["object_refs"]
    assert sinkhole["id"] not in converted.one("observed-data")["object_refs"]
    assert sinkhole["id"] in {each["dst_ref"] for each in converted.of("network-traffic")}


@pytest.mark.parametrize("cell", ["ssh-brute-force", "ldap-scan", "DDoS", "Data leak", "botnet"])
@pytest.mark.parametrize("column", ["infection", "family"])
def test_an_activity_is_no_malware(tmp_path: Path, cell: str, column: str) -> None:
    """An activity or a tag becomes no malware, even in a row with nothing else."""
    row = {"src_ip": "192.0.2.1", column: cell, "tag": "mirai;botnet"}
    assert not made(tmp_path, "event4_honeypot_brute_force", row).of("malware")


def test_a_family_column_without_a_family_leaves_it_to_the_infection(tmp_path: Path) -> None:
    """If the family's cell names no family, the infection is the malware."""
    row = {"src_ip": "192.0.2.1", "infection": "examplebot", "family": "generic"}
    assert made(tmp_path, "event4_sinkhole", row).one("malware")["name"] == "examplebot"


@pytest.mark.parametrize("column", ["infection", "family"])
def test_a_cve_in_a_column_of_malware_is_a_vulnerability(tmp_path: Path, column: str) -> None:
    """A CVE id in the malware column is a vulnerability; the other column's family is made too."""
    other = {"infection": "family", "family": "infection"}[column]
    row = {"src_ip": "192.0.2.1", column: "cve-2024-3400", other: "examplebot"}
    assert related(made(tmp_path, "event4_honeypot_http_scan", row)) == {
        ("192.0.2.1", "related-to", "CVE-2024-3400"),
        ("192.0.2.1", "related-to", "examplebot"),
    }


def test_controller_is_no_end_of_the_attack_that_it_orders(tmp_path: Path) -> None:
    """The controller's traffic is that with its bots; it is not the source of their attack."""
    row = {
        "src_ip": "192.0.2.1",
        "src_port": "61234",
        "dst_ip": "198.51.100.1",
        "dst_port": "80",
        "dst_network": "203.0.113.0/24",
        "protocol": "tcp",
        "application": "mirai",
        "family": "mirai",
        "infection": "ddos",
        "severity": "critical",
    }
    converted = made(tmp_path, "event4_honeypot_ddos", row)
    assert related(converted) == {
        ("192.0.2.1", "related-to", "198.51.100.1"),
        ("192.0.2.1", "related-to", "203.0.113.0/24"),
        ("192.0.2.1", "related-to", "mirai"),
        ("mirai", "communicates-with", "192.0.2.1"),
    }
    traffic = converted.one("network-traffic")
    controller = converted.where("ipv4-addr", value="192.0.2.1")
    assert (traffic["dst_ref"], traffic["dst_port"]) == (controller["id"], 61234)
    assert traffic["protocols"] == ["ipv4", "tcp"], (
        "what bots speak has the name of the bot, no protocol"
    )
    assert "src_ref" not in traffic
    assert scores(converted) == {"192.0.2.1": 75}


def test_victim_has_nothing_to_do_with_the_malware_of_its_attacker(tmp_path: Path) -> None:
    """Malware and score belong to the controller, not to the victim."""
    row = {"src_ip": "198.51.100.1", "dst_ip": "192.0.2.1", "dst_port": "80", "family": "mirai"}
    converted = made(
        tmp_path, "event4_honeypot_ddos_target", {**row, "severity": "high"}, create_indicators=True
    )
    assert related(converted) == {
        ("192.0.2.1", "related-to", "198.51.100.1"),
        ("mirai", "communicates-with", "198.51.100.1"),
        ("indicator 198.51.100.1", "based-on", "198.51.100.1"),
    }
    assert scores(converted) == {"198.51.100.1": 75, "indicator 198.51.100.1": 75}
    assert "192.0.2.1" in converted.one("note")["abstract"]


def test_source_of_an_amplification_attack_is_its_victim(tmp_path: Path) -> None:
    """The source address is spoofed, so it is the victim and did not contact the honeypot."""
    row = {"src_ip": "192.0.2.1", "dst_ip": "198.51.100.1", "dst_port": "389"}
    converted = made(tmp_path, "event4_honeypot_ddos_amp", row, create_indicators=True)
    assert related(converted) == set()
    assert scores(converted) == {}
    assert not converted.of("indicator")


OWN = {
    "event4_honeypot_brute_force": "src_ip",
    "event4_honeypot_rdp_scan": "src_ip",
    "event4_honeypot_ddos": "src_ip",
    "event4_ddos_participant": "src_ip",
    "event4_sinkhole": "src_ip",
    "event4_sinkhole_http_referer": "http_referer_ip",
    "compromised_iot": "ip",
    "compromised_website": "ip",
    "malware_url": "ip",
    "spam_url": "src_ip",
    "scan_post_exploitation_framework": "ip",
}
"""Reports of addresses of the subscriber's where something malicious runs, and their column."""


@pytest.mark.parametrize(("report_type", "column"), OWN.items())
def test_own_address_is_scored_for_what_it_does_and_never_indicated(
    tmp_path: Path, report_type: str, column: str
) -> None:
    """An asset has one score in all reports, and no Indicator that would block a customer."""
    row = {
        column: "192.0.2.1",
        "dst_ip": "198.51.100.1",
        "severity": "medium",
        "hostname": "x.example",
    }
    converted = made(tmp_path, report_type, row, create_indicators=True)
    assert scores(converted)["192.0.2.1"] == 75
    assert scores(converted).get("198.51.100.1") is None
    assert not converted.of("indicator")


@pytest.mark.parametrize(
    "report_type", ["scan_redis", "device_id", "blocklist", "population_bgp", "special"]
)
def test_exposed_assets_have_no_indicator_and_no_score(tmp_path: Path, report_type: str) -> None:
    """An asset that is merely exposed has no score and no Indicator."""
    row = {"ip": "192.0.2.1", "port": "80", "severity": "critical"}
    converted = made(tmp_path, report_type, row, create_indicators=True)
    assert scores(converted) == {}
    assert not converted.of("indicator")


def test_no_two_reports_score_the_same_thing_differently(tmp_path: Path) -> None:
    """A thing has one score in all types and severities, as OpenCTI keeps the last one sent."""
    found: dict[str, set[int]] = {}
    sources: dict[str, set[str]] = {}
    for report_type in sorted(load_catalogue().types):
        header = header_of(report_type)
        rows = []
        for severity in SEVERITIES:
            row = dict(zip(header, row_of(report_type, header, 1), strict=True))
            rows.append(list((row | {"severity": severity}).values()))
        for row in rows:
            converted = convert(tmp_path, report_type, header, [row], create_indicators=True)
            for stix in converted.everything():
                if "x_opencti_score" in stix:
                    found.setdefault(stix["id"], set()).add(stix["x_opencti_score"])
                    sources.setdefault(stix["id"], set()).add(report_type)
    assert max(map(len, sources.values())) > 10
    assert set(map(len, found.values())) == {1}


def test_malicious_url_and_file_are_indicated_and_their_host_is_not(tmp_path: Path) -> None:
    """URL and file have Indicators; their host, which may be the subscriber's, has a score only."""
    row = {
        "url": "http://files.example.com/a.sh",
        "ip": "192.0.2.1",
        "severity": "high",
        "sha256": "ab" * 32,
        "hostname": "files.example.com",
    }
    converted = made(tmp_path, "malware_url", row, create_indicators=True)
    assert scores(converted) == {
        "192.0.2.1": 75,
        "files.example.com": 75,
        "http://files.example.com/a.sh": 75,
        "indicator http://files.example.com/a.sh": 75,
        "ab" * 32: 75,
        f"indicator {'ab' * 32}": 75,
    }
    assert ("192.0.2.1", "related-to", "ab" * 32) in related(converted)


def test_payload_of_an_attacker_comes_from_somebody_else(tmp_path: Path) -> None:
    """The URL that a honeypot was told to fetch is malicious, and so is the attacker."""
    row = {"src_ip": "192.0.2.1", "payload_url": "http://192.0.2.99/x", "severity": "critical"}
    converted = made(tmp_path, "event4_honeypot_brute_force", row, create_indicators=True)
    assert scores(converted) == {
        "192.0.2.1": 75,
        "http://192.0.2.99/x": 75,
        "indicator http://192.0.2.99/x": 75,
    }
    assert ("192.0.2.1", "related-to", "http://192.0.2.99/x") in related(converted)


def test_compromised_web_site_obeys_its_controller(tmp_path: Path) -> None:
    """The malware communicates with the controller's URL; the path belongs to the site."""
    row = {
        "ip": "192.0.2.1",
        "port": "443",
        "http_host": "www.example.com",
        "url": "/x.php",
        "cc_url": "http://c2.example.org/gate",
        "family": "examplebot",
        "severity": "high",
        "hostname": "ptr.example.net",
    }
    converted = made(tmp_path, "compromised_website", row)
    found = related(converted)
    assert ("examplebot", "communicates-with", "http://c2.example.org/gate") in found
    assert ("192.0.2.1", "related-to", "https://www.example.com/x.php") in found
    assert scores(converted) == {
        "192.0.2.1": 75,
        "www.example.com": 75,
        "https://www.example.com/x.php": 75,
        "http://c2.example.org/gate": 75,
    }


def test_sample_communicates_with_what_it_contacted(tmp_path: Path) -> None:
    """The sample has a score; the hosts it contacted, some of them harmless, have none."""
    row = {"ip": "192.0.2.1", "port": "80", "md5": "ab" * 16, "severity": "critical"}
    converted = made(tmp_path, "sandbox_conn", row, create_indicators=True)
    assert related(converted) == {
        ("ab" * 16, "communicates-with", "192.0.2.1"),
        (f"indicator {'ab' * 16}", "based-on", "ab" * 16),
    }
    assert scores(converted) == {"ab" * 16: 75, f"indicator {'ab' * 16}": 75}


def test_sandbox_query_is_about_the_name(tmp_path: Path) -> None:
    """The sample looked up the name, which resolves to the answer."""
    row = {
        "md5": "ab" * 16,
        "request": "c2.example.org",
        "response": "192.0.2.1",
        "family": "bot-x",
    }
    converted = made(tmp_path, "sandbox_dns", row)
    assert related(converted) == {
        ("ab" * 16, "communicates-with", "c2.example.org"),
        ("c2.example.org", "resolves-to", "192.0.2.1"),
        ("ab" * 16, "related-to", "bot-x"),
    }
    assert converted.one("note")["abstract"] == "Sandbox DNS c2.example.org: bot-x, low"


def test_ransomware_victim_is_about_its_web_site(tmp_path: Path) -> None:
    """The finding is about the victim's site, not the attackers' leak site."""
    row = {
        "website": "www.example.com",
        "leak_site_url": "http://leaks.example.org/1",
        "entity_name": "Example AG",
        "ransomware": "examplelocker",
    }
    converted = made(tmp_path, "ransomware_victim", row)
    assert related(converted) == {
        ("www.example.com", "related-to", "http://leaks.example.org/1"),
        ("www.example.com", "related-to", "examplelocker"),
    }
    assert (
        converted.one("note")["abstract"]
        == "Ransomware victim `www.example.com`: examplelocker, info"
    )


def test_url_in_spam_may_be_harmless_and_its_relay_may_be_own(tmp_path: Path) -> None:
    """Spam names harmless sites too, and the last hop may be the subscriber's mail server.

    Shadowserver's page on the report says both. So nothing of the URL has a score, the relay has
    one, and none is an Indicator.
    """
    row = {
        "ip": "192.0.2.1",
        "src_ip": "198.51.100.1",
        "url": "http://www.example.com/login",
        "hostname": "www.example.com",
        "port": "80",
        "sender": "bob@example.net",
        "severity": "low",
    }
    converted = made(tmp_path, "spam_url", row, create_indicators=True)
    assert scores(converted) == {"198.51.100.1": 75}
    assert not converted.of("indicator")
    assert ("192.0.2.1", "related-to", "198.51.100.1") in related(converted)


@pytest.mark.parametrize("report_type", ["event6_sinkhole", "event6_honeypot_new"])
def test_ends_of_an_ipv6_flow_are_related(tmp_path: Path, report_type: str) -> None:
    """IPv6 addresses are related by ``related-to``, as OpenCTI allows no ``communicates-with``."""
    row = {"src_ip": "2001:db8::1", "dst_ip": "2001:db8::2", "dst_port": "80", "protocol": "tcp"}
    converted = made(tmp_path, report_type, row)
    assert related(converted) == {("2001:db8::1", "related-to", "2001:db8::2")}
    assert converted.one("network-traffic")["protocols"] == ["ipv6", "tcp"]


def test_network_resolves_nothing(tmp_path: Path) -> None:
    """A name beside a network is related to it; beside one address it resolves to it."""
    row = {"ip": "198.51.100.0/24", "hostname": "mail.example.org"}
    assert related(made(tmp_path, "blocklist", row)) == {
        ("198.51.100.0/24", "related-to", "mail.example.org")
    }
    row = {"ip": "198.51.100.7/32", "hostname": "mail.example.org"}
    assert related(made(tmp_path, "blocklist", row)) == {
        ("mail.example.org", "resolves-to", "198.51.100.7")
    }


@pytest.mark.parametrize(
    ("report_type", "cells", "protocols"),
    [
        ("malware_url", {}, []),
        ("malware_url", {"application": ""}, []),
        ("malware_url", {"application": "http"}, [["ipv4", "http"]]),
        ("scan_ssl", {"protocol": "no protocol"}, [["ipv4", "https"]]),
        ("special", {"protocol": "tcp"}, [["ipv4", "tcp"]]),
        ("special", {"protocol": ""}, []),
    ],
)
def test_port_of_no_protocol_is_no_traffic(
    tmp_path: Path, report_type: str, cells: Row, protocols: list[list[str]]
) -> None:
    """A port without a protocol makes no traffic, which would double those of other rows."""
    row = {"ip": "192.0.2.1", "port": "443", **cells}
    converted = made(tmp_path, report_type, row)
    assert [traffic["protocols"] for traffic in converted.of("network-traffic")] == protocols


def test_software_of_a_header_is_taken_apart(tmp_path: Path) -> None:
    """Each product has its version, and a CPE only if it certainly has one."""
    row = {"ip": "192.0.2.1", "server": "nginx/1.18.0 (Ubuntu) PHP/7.4.3-4ubuntu2"}
    converted = made(tmp_path, "scan_http", row)
    assert {(s["name"], s.get("version"), s.get("cpe")) for s in converted.of("software")} == {
        ("nginx", "1.18.0", "cpe:2.3:a:f5:nginx:1.18.0:*:*:*:*:*:*:*"),
        ("PHP", "7.4.3-4ubuntu2", None),
    }


def test_shifted_row_makes_no_certificate(tmp_path: Path) -> None:
    """Values under the wrong columns make no certificate."""
    header = (
        "ip",
        "cert_serial_number",
        "sha1_fingerprint",
        "sha256_fingerprint",
        "md5_fingerprint",
    )
    row = ("192.0.2.1", "sha256WithRSAEncryption", "1EF2B37AF850", "Y", "rsaEncryption")
    converted = convert(tmp_path, "scan_ssl", header, [row])
    assert not converted.of("x509-certificate")
    assert sum(converted.outcome.oddities.values()) == 4


def test_files_of_earlier_years_mean_the_same(tmp_path: Path) -> None:
    """In old files ``ip`` is the asset, ``cc_ip`` the controller and ``url`` the request."""
    row = {
        "ip": "192.0.2.1",
        "port": "50000",
        "type": "tcp",
        "infection": "examplebot",
        "cc_ip": "198.51.100.1",
        "cc_port": "80",
        "cc_dns": "c2.example.org",
        "url": "GET /a",
    }
    converted = made(tmp_path, "botnet_drone", row)
    found = related(converted)
    assert ("192.0.2.1", "communicates-with", "198.51.100.1") in found
    assert ("examplebot", "communicates-with", "c2.example.org") in found
    assert ("192.0.2.1", "related-to", "http://c2.example.org/a") in found
    assert converted.one("network-traffic")["src_port"] == 50000
    assert scores(converted) == {"192.0.2.1": 75}, "the other may be a sinkhole"


def test_beacon_host_may_be_an_address(tmp_path: Path) -> None:
    """The controller of a beacon may be an address, in the column for names."""
    row = {"ip": "192.0.2.1", "beacon_host": "198.51.100.9", "beacon_port": "443"}
    converted = made(tmp_path, "scan_post_exploitation_framework", row)
    assert ("192.0.2.1", "related-to", "198.51.100.9") in related(converted)


def test_beacon_host_may_have_its_path(tmp_path: Path) -> None:
    """A beacon's host may have a path, as Cobalt Strike configures it; the host
    is the controller.
    """
    row = {"ip": "192.0.2.1", "beacon_host": "c2.example.net,/jquery.js", "beacon_port": "443"}
    converted = made(tmp_path, "scan_post_exploitation_framework", row)
    assert ("192.0.2.1", "related-to", "c2.example.net") in related(converted)
    assert converted.outcome.remarks == ()


def test_victim_may_have_several_web_sites(tmp_path: Path) -> None:
    """Each web site is a name, and the row is about the first."""
    row = {"website": "www.example.org; www.example.net", "ransomware": "examplelock"}
    converted = made(tmp_path, "ransomware_victim", row)
    assert {stix["value"] for stix in converted.of("domain-name")} == {
        "www.example.org",
        "www.example.net",
    }
    assert converted.one("note")["abstract"] == (
        "Ransomware victim `www.example.org; www.example.net`: examplelock, info"
    )


def test_mail_without_a_sender_has_none(tmp_path: Path) -> None:
    """An empty sender, as of a bounce, is no bad cell."""
    converted = made(tmp_path, "spam_url", {"ip": "192.0.2.1", "sender": "<>"})
    assert converted.of("email-addr") == []
    assert converted.outcome.oddities == {}


def test_sender_of_a_mail_may_have_a_name(tmp_path: Path) -> None:
    """Of a sender with a display name, the address is used."""
    row = {"ip": "192.0.2.1", "sender": '"Bob" <bob@example.net>'}
    converted = made(tmp_path, "spam_url", row)
    assert converted.one("email-addr")["value"] == "bob@example.net"


def test_attacker_does_not_run_what_it_attacks(tmp_path: Path) -> None:
    """The attacked product has the vulnerability; the attacker does not run it."""
    row = {
        "src_ip": "192.0.2.1",
        "vulnerability_id": "CVE-2020-14882",
        "target_vendor": "Oracle",
        "target_product": "WebLogic Server",
        "threat_technique_id": "T1190",
    }
    assert related(made(tmp_path, "event4_honeypot_http_scan", row)) == {
        ("WebLogic Server", "has", "CVE-2020-14882"),
        ("192.0.2.1", "related-to", "CVE-2020-14882"),
        ("192.0.2.1", "related-to", "T1190"),
    }


def test_tactic_stands_in_the_note_only(tmp_path: Path) -> None:
    """A tactic is in the Note only, as OpenCTI has no object for it; a technique is an object."""
    row = {"src_ip": "192.0.2.1", "threat_tactic_id": "TA0001", "threat_technique_id": "T1190"}
    converted = made(tmp_path, "event4_honeypot_http_scan", row)
    assert converted.one("attack-pattern")["x_mitre_id"] == "T1190"
    assert "| MITRE tactic | TA0001 |" in converted.one("note")["content"]


def test_address_of_a_party_that_nobody_knows_is_seen_but_related_to_nothing(
    tmp_path: Path,
) -> None:
    """An unknown party's address is observed, but has no relationship to the asset."""
    row = {"ip": "192.0.2.1", "upstream_ip": "198.51.100.7", "upstream_geo": "NL"}
    converted = made(tmp_path, "scan_never_seen", row, create_indicators=True)
    assert {stix["value"] for stix in converted.of("ipv4-addr")} == {"192.0.2.1", "198.51.100.7"}
    assert related(converted) == {("198.51.100.7", "located-at", "Netherlands")}
    assert scores(converted) == {}
    assert not converted.of("indicator")


def test_address_of_a_known_party_in_an_unpublished_column_means_what_the_party_is(
    tmp_path: Path,
) -> None:
    """A known party's address has its meaning, even in an unpublished column."""
    row = {"src_ip": "192.0.2.1", "payload_ip": "198.51.100.7", "severity": "high"}
    converted = made(tmp_path, "event4_honeypot_brute_force", row)
    assert ("192.0.2.1", "related-to", "198.51.100.7") in related(converted)
    assert scores(converted)["198.51.100.7"] == 75


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "172.31.255.1", "192.168.1.0/24", "100.64.3.2", "fd12:3456::1"]
)
def test_private_address_of_a_party_that_nobody_knows_stays_in_the_note(
    tmp_path: Path, address: str
) -> None:
    """A private address of an unknown party is in the Note only."""
    row = {"ip": "192.0.2.1", "server_ip": address, "home_network": address}
    converted = made(tmp_path, "scan_never_seen", row)
    assert [stix["value"] for stix in converted.of("ipv4-addr", "ipv6-addr")] == ["192.0.2.1"]
    assert f"| Server IP | {address} |" in converted.one("note")["content"]


def test_short_name_of_a_model_stands_in_for_the_full_one(tmp_path: Path) -> None:
    """In each row, the short model name counts only if there is no full one."""
    header = ("ip", "modelshort", "modelfull")
    rows = [
        ("192.0.2.1", "LM5", "NanoStation Loco M5"),
        ("192.0.2.2", "NS5", ""),
        ("192.0.2.3", "", ""),
    ]
    converted = convert(tmp_path, "scan_ubiquiti", header, rows)
    assert {stix["name"] for stix in converted.of("software")} == {"NanoStation Loco M5", "NS5"}


def test_vulnerability_column_may_hold_a_technique(tmp_path: Path) -> None:
    """A technique in the vulnerability column is no vulnerability."""
    row = {"src_ip": "192.0.2.1", "vulnerability_id": "t1190"}
    converted = made(tmp_path, "event4_honeypot_http_scan", row)
    assert converted.one("attack-pattern")["x_mitre_id"] == "T1190"
    assert not converted.of("vulnerability")


@pytest.mark.parametrize("report_type", ["event4_honeypot_ddos_amp", "event4_honeypot_ddos_target"])
def test_victim_has_neither_malware_nor_weakness_of_its_attacker(
    tmp_path: Path, report_type: str
) -> None:
    """Malware and CVEs beside a victim are its attacker's, even if no attacker is named."""
    row = {
        "src_ip": "192.0.2.1",
        "dst_ip": "198.51.100.1",
        "dst_port": "389",
        "tag": "cve-2024-1111",
        "family": "bot-x",
    }
    converted = made(tmp_path, report_type, row)
    assert converted.one("malware")["name"] == "bot-x"
    victim = "192.0.2.1" if report_type.endswith("_amp") else "198.51.100.1"
    assert not [
        end for end in related(converted) if victim in end and {"bot-x", "CVE-2024-1111"} & {*end}
    ]


def test_tags_and_malware_of_a_sandbox_are_about_the_sample(tmp_path: Path) -> None:
    """A sample looks up harmless names too, which must not get its labels."""
    row = {
        "md5": "ab" * 16,
        "request": "www.example.com",
        "response": "192.0.2.1",
        "family": "bot-x",
        "tag": "botnet;cve-2024-1111",
    }
    converted = made(tmp_path, "sandbox_dns", row)
    base = {"shadowserver", "sandbox-dns"}
    labels = {
        stix["type"]: set(stix["x_opencti_labels"])
        for stix in converted.of("file", "domain-name", "ipv4-addr")
    }
    assert labels == {"file": base | {"botnet"}, "domain-name": base, "ipv4-addr": base}
    assert related(converted) == {
        ("ab" * 16, "communicates-with", "www.example.com"),
        ("www.example.com", "resolves-to", "192.0.2.1"),
        ("ab" * 16, "related-to", "bot-x"),
        ("ab" * 16, "related-to", "CVE-2024-1111"),
    }


@pytest.mark.parametrize(
    ("report_type", "victim", "actor"),
    [
        ("event4_ddos_participant", "dst_ip", "src_ip"),
        ("event4_honeypot_ddos", "dst_ip", "src_ip"),
        ("event4_honeypot_ddos_target", "dst_ip", "src_ip"),
    ],
)
def test_tags_and_malware_are_about_the_attacker(
    tmp_path: Path, report_type: str, victim: str, actor: str
) -> None:
    """Tags and malware are the attacker's; the victim does not have them."""
    row = {
        actor: "192.0.2.1",
        victim: "198.51.100.1",
        "dst_network": "198.51.100.0/24",
        "domain": "victim.example.org",
        "attack_src_ip": "203.0.113.5",
        "dst_port": "80",
        "tag": "mirai;http-flood",
        "family": "mirai",
    }
    converted = made(tmp_path, report_type, row, create_indicators=True)
    base = {"shadowserver", report_type.replace("_", "-")}
    found = {
        stix["value"]: set(stix["x_opencti_labels"])
        for stix in converted.of("ipv4-addr", "domain-name")
    }
    assert found.pop("192.0.2.1") == base | {"mirai", "http-flood"}
    assert len(found) == 4
    assert set(map(frozenset, found.values())) == {frozenset(base)}
    assert set(converted.one("note")["labels"]) == base | {"mirai", "http-flood"}
    ends = {end for end in related(converted) if "mirai" in end}
    assert {one for end in ends for one in end} & found.keys() == set()


def test_victim_alone_has_the_tags_of_what_it_suffered(tmp_path: Path) -> None:
    """If the victim is the only party, it has the tags."""
    row = {"src_ip": "192.0.2.1", "dst_port": "389", "tag": "ddos;cldap", "infection": "x-bot"}
    converted = made(tmp_path, "event4_honeypot_ddos_amp", row)
    assert "ddos" in converted.one("ipv4-addr")["x_opencti_labels"]


def test_only_a_victim_in_the_file_is_not_taken_for_the_attacker(tmp_path: Path) -> None:
    """If the victim is the only party, the malware is still not its own."""
    row = {"dst_ip": "198.51.100.1", "dst_port": "80", "tag": "mirai", "family": "mirai"}
    converted = made(tmp_path, "event4_ddos_participant", row)
    assert "mirai" not in converted.one("ipv4-addr")["x_opencti_labels"]
    assert related(converted) == set()


def test_indicator_says_what_was_seen_when_and_ends(tmp_path: Path) -> None:
    """An Indicator says what was seen and when, has all labels of its row, and expires."""
    row = {"dst_ip": "192.0.2.1", "src_ip": "198.51.100.9", "tag": "mirai;new-tag"}
    indicator = made(tmp_path, "event4_honeypot_ddos_target", row, create_indicators=True).one(
        "indicator"
    )
    assert indicator["pattern"] == "[ipv4-addr:value = '198.51.100.9']"
    said = "Command and control server of a third party, seen on 2024-01-31 (UTC)"
    assert indicator["description"].startswith(said)
    assert "Honeypot DDoS Target Events" in indicator["description"]
    assert indicator["valid_from"] == "2024-01-31T00:00:00.000Z"
    assert indicator["valid_until"] == "2024-03-01T00:00:00.000Z"
    assert indicator["labels"] == [
        "event4-honeypot-ddos-target",
        "mirai",
        "new-tag",
        "shadowserver",
    ]


@pytest.mark.parametrize(
    ("report_type", "columns"),
    [
        ("malware_url", ("sha256",)),
        ("event4_honeypot_brute_force", ("payload_md5",)),
        ("event4_honeypot_http_scan", ("file_md5", "file_sha256")),
        ("scan_post_exploitation_framework", ("binary_md5", "binary_sha256")),
    ],
)
def test_malware_files_are_scored_and_indicated(
    tmp_path: Path, report_type: str, columns: tuple[str, ...]
) -> None:
    """Malware files have a score and an Indicator, wherever they are hosted."""
    hashes = {name: ("ab" * 32 if name.endswith("256") else "cd" * 16) for name in columns}
    row = {"ip" if "url" in report_type or "scan_p" in report_type else "src_ip": "192.0.2.1"}
    converted = made(tmp_path, report_type, row | hashes, create_indicators=True)
    assert converted.one("file")["x_opencti_score"] == 75
    (indicator,) = converted.of("indicator")
    assert indicator["pattern"].startswith("[file:hashes.")
    assert indicator["name"] == max(hashes.values(), key=len)
    plain = made(tmp_path, report_type, row | hashes)
    assert not plain.of("indicator")


def test_password_that_an_attacker_tried_is_shown(tmp_path: Path) -> None:
    """A password that an attacker tried is shown; an asset's is masked."""
    row = {"src_ip": "192.0.2.1", "username": "root", "password": "hunter2"}
    shown = made(tmp_path, "event4_honeypot_brute_force", row).one("note")["content"]
    assert "hunter2" in shown
    row = {"ip": "192.0.2.1", "password": "hunter2"}
    assert "hunter2" not in made(tmp_path, "scan_snmp", row).one("note")["content"]


def test_host_of_a_malware_url_is_no_reverse_dns(tmp_path: Path) -> None:
    """The host in a malware URL's column is scored like the URL, not taken as reverse DNS."""
    row = {
        "url": "http://bad.example.org:8080/x.sh",
        "hostname": "bad.example.org",
        "ip": "192.0.2.10",
    }
    assert scores(made(tmp_path, "malware_url", row)) == {
        "http://bad.example.org:8080/x.sh": 75,
        "bad.example.org": 75,
        "192.0.2.10": 75,
    }


def test_name_with_underscores_is_one_that_malware_calls(tmp_path: Path) -> None:
    """A called name with underscores is a Domain-Name, which malware can be related to."""
    row = {"src_ip": "192.0.2.1", "family": "gozi", "http_host": "upd_srv.example.org"}
    found = related(made(tmp_path, "event4_sinkhole_http", row))
    assert ("gozi", "communicates-with", "upd_srv.example.org") in found
    row = {"src_ip": "192.0.2.1", "family": "gozi", "query": "_ldap._tcp.example.org"}
    converted = made(tmp_path, "event4_sinkhole_dns", row)
    assert converted.one("domain-name")["value"] == "_ldap._tcp.example.org"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"device_vendor": "SonicWall", "device_type": "firewall"}, "SonicWall firewall"),
        ({"device_vendor": "SonicWall", "device_type": ""}, "SonicWall"),
        ({"device_vendor": "SonicWall", "device_type": "x", "device_model": "TZ 270"}, "TZ 270"),
    ],
)
def test_vendor_without_a_model_is_something_to_search_for(
    tmp_path: Path, row: Row, name: str
) -> None:
    """A vendor without a model becomes an object; a device type alone does not."""
    for report_type in ("device_id", "special"):
        software = made(tmp_path, report_type, {"ip": "192.0.2.1", **row}).one("software")
        assert (software["name"], software["vendor"]) == (name, "SonicWall")
    alone = {"ip": "192.0.2.1", "device_vendor": "", "device_type": "firewall"}
    assert not made(tmp_path, "device_id", alone).of("software")


@pytest.mark.parametrize(
    ("report_type", "row", "protocol"),
    [
        ("scan_exchange", {"ip": "192.0.2.1", "port": "444", "url": "/a.aspx"}, "https"),
        ("scan_exchange", {"ip": "192.0.2.1", "port": "80", "url": "/a.aspx"}, "https"),
        ("compromised_website", {"ip": "192.0.2.1", "port": "443", "url": "/a"}, "https"),
        ("compromised_website", {"ip": "192.0.2.1", "port": "8080", "url": "/a"}, "http"),
        (
            "compromised_website",
            {"ip": "192.0.2.1", "port": "8080", "url": "/a", "application": "https"},
            "https",
        ),
        (
            "event4_honeypot_http_scan",
            {"src_ip": "192.0.2.1", "dst_ip": "198.51.100.1", "dst_port": "8081", "http_url": "/a"}
            | {"url_scheme": "https", "application": "http"},
            "https",
        ),
        (
            "event4_sinkhole_http",
            {"src_ip": "192.0.2.1", "dst_ip": "198.51.100.1", "dst_port": "443", "http_url": "/a"}
            | {"http_host": "c2.example.org"},
            "https",
        ),
    ],
)
def test_url_and_traffic_speak_the_same(
    tmp_path: Path, report_type: str, row: Row, protocol: str
) -> None:
    """URL and traffic have the same protocol, from a cell, the report type or the port."""
    converted = made(tmp_path, report_type, {**row, "protocol": "tcp"})
    assert converted.one("network-traffic")["protocols"] == ["ipv4", "tcp", protocol]
    assert converted.one("url")["value"].startswith(f"{protocol}://")


@pytest.mark.parametrize(
    ("report_type", "row", "protocols"),
    [
        ("scan_ics", {"tag": "modbus"}, ["ipv4", "tcp", "modbus"]),
        ("scan_ics", {"tag": "iot;BACnet"}, ["ipv4", "tcp", "bacnet"]),
        ("scan_ics", {"tag": "cve-2024-1000;dnp3"}, ["ipv4", "tcp", "dnp3"]),
        ("scan_ics", {"tag": "siemens"}, ["ipv4", "tcp"]),
        ("device_id", {"tag": "vpn;snmp"}, ["ipv4", "tcp", "snmp"]),
        ("scan_loop_dos", {"tag": "ntp", "application": ""}, ["ipv4", "tcp", "ntp"]),
    ],
)
def test_tag_tells_what_the_traffic_speaks(
    tmp_path: Path, report_type: str, row: Row, protocols: list[str]
) -> None:
    """The tag gives the traffic's protocol if nothing else does."""
    row = {"ip": "192.0.2.1", "port": "502", "protocol": "tcp", **row}
    assert made(tmp_path, report_type, row).one("network-traffic")["protocols"] == protocols


def test_commit_behind_a_version_makes_no_product_of_its_own(tmp_path: Path) -> None:
    """A commit after the version is in the Note, and makes no software."""
    row = {"ip": "192.0.2.1", "port": "50070", "version": f"2.7.3, r{'ab12' * 10}"}
    converted = made(tmp_path, "scan_hadoop", row)
    assert converted.one("software")["version"] == "2.7.3"
    assert "ab12" * 10 in converted.one("note")["content"]


def test_kosovo_is_a_country(tmp_path: Path) -> None:
    """Kosovo's code is accepted, though it is not one of ISO 3166."""
    converted = made(tmp_path, "scan_snmp", {"ip": "192.0.2.1", "geo": "XK"})
    assert converted.one("location")["name"] == "Kosovo"


@pytest.mark.parametrize("name", ["naics", "sic", "src_naics", "src_sic", "dst_sic", "other_sic"])
def test_industry_of_0_is_none(name: str) -> None:
    """An industry of 0, as in files without sectors, is no value."""
    for report_type in ("scan_snmp", "event4_sinkhole"):
        role = load_catalogue().column(report_type, name).role
        assert is_empty(role, "0")
        assert not is_empty(role, "517311")
