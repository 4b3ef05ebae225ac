"""Files of earlier years: old names of types and columns are read like those of today."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.objects.context import RelationshipRules
from shadowserver_connector.mapping.objects.traffic import joins_parties
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.texts.explain import NOTE_ONLY, describe_mapping
from tests.mapping.conversion import Stix, convert
from tests.mapping.expectation import CATALOGUE, read

Row = dict[str, str]

BOT: Row = {
    "timestamp": "2024-01-31 00:00:07",
    "ip": "192.0.2.1",
    "asn": "64496",
    "geo": "AT",
    "url": "GET /search?q=0 HTTP/1.0",
    "type": "examplebot",
    "http_agent": "Mozilla/4.0",
    "src_port": "49121",
    "hostname": "pc.example.net",
    "dst_port": "80",
    "http_host": "c2.example.org",
    "dst_ip": "198.51.100.182",
}
BOT_TODAY = {"ip": "src_ip", "asn": "src_asn", "geo": "src_geo", "hostname": "src_hostname"}

PAIRS: list[tuple[str, str, Row, dict[str, str]]] = [
    (
        "sinkhole_http_drone",
        "event4_sinkhole_http",
        BOT,
        {**BOT_TODAY, "url": "http_url", "type": "infection"},
    ),
    (
        "microsoft_sinkhole",
        "event4_microsoft_sinkhole_http",
        BOT,
        {**BOT_TODAY, "url": "http_url", "type": "infection"},
    ),
    (
        "drone_brute_force",
        "event4_honeypot_brute_force",
        {
            "timestamp": "2024-01-31 00:00:07",
            "ip": "192.0.2.1",
            "port": "50000",
            "dest_ip": "198.51.100.1",
            "dest_port": "22",
            "service": "ssh",
            "username": "root",
            "password": "hunter2",
            "payload_url": "http://198.51.100.9/x.sh",
        },
        {"ip": "src_ip", "port": "src_port", "dest_ip": "dst_ip", "dest_port": "dst_port"},
    ),
    (
        "hp_http_scan",
        "event4_honeypot_http_scan",
        {
            "ip": "192.0.2.1",
            "port": "50000",
            "type": "http-scan",
            "dst_ip": "198.51.100.1",
            "dst_port": "80",
            "url": "/login",
            "file_md5": "ab" * 16,
        },
        {"ip": "src_ip", "port": "src_port", "type": "infection", "url": "http_url"},
    ),
    (
        "botnet_drone",
        "event4_sinkhole",
        {
            "ip": "192.0.2.1",
            "port": "3218",
            "type": "tcp",
            "infection": "examplebot",
            "cc": "198.51.100.1",
            "cc_port": "80",
            "cc_asn": "64497",
        },
        {"ip": "src_ip", "port": "src_port", "type": "protocol", "cc": "cc_ip"},
    ),
    (
        "malware_url",
        "malware_url",
        {"url": "http://bad.example.org/x", "host": "bad.example.org", "ip": "192.0.2.1"},
        {"host": "hostname"},
    ),
    (
        "cwsandbox_url",
        "sandbox_url",
        {
            "ip": "192.0.2.1",
            "md5hash": "ab" * 16,
            "url": "http://c2.example.org/x",
            "host": "c2.example.org",
        },
        {"md5hash": "md5", "host": "hostname"},
    ),
    (
        "cisco_smart_install",
        "scan_cisco_smart_install",
        {"ip": "192.0.2.1", "port": "4786", "protocol": "tcp"},
        {},
    ),
]


def things(folder: Path, report_type: str, row: Row) -> list[Stix]:
    """Return what a row becomes, without objects that hold the file's name or bytes."""
    converted = convert(folder, report_type, tuple(row), [tuple(row.values())])
    left_out = ("report", "artifact", "note")
    return [stix for stix in converted.everything() if stix["type"] not in left_out]


@pytest.mark.parametrize(("name", "today", "row", "columns"), PAIRS)
def test_file_of_then_becomes_what_it_would_today(
    tmp_path: Path, name: str, today: str, row: Row, columns: dict[str, str]
) -> None:
    """An old file gives the same objects as today's, under today's type."""
    renamed = {columns.get(column, column): cell for column, cell in row.items()}
    then = things(tmp_path, name, row)
    assert then == things(tmp_path, today, renamed)
    (address,) = (stix for stix in then if stix.get("value") == row["ip"])
    assert today.replace("_", "-") in address["x_opencti_labels"]


def test_tag_names_the_malware_where_no_column_does(tmp_path: Path) -> None:
    """In the sinkhole's IPv6 report, which had no other column for it, the tag is the malware."""
    row = {"src_ip": "2001:db8::1", "tag": "ghost-push;sinkhole", "http_host": "c2.example.org"}
    found = things(tmp_path, "sinkhole6_http", row)
    assert [stix["name"] for stix in found if stix["type"] == "malware"] == ["ghost-push"]
    found = things(tmp_path, "sinkhole6_http", row | {"family": "", "infection": "examplebot"})
    assert [stix["name"] for stix in found if stix["type"] == "malware"] == ["examplebot"]


def test_protocol_of_a_honeypot_was_an_application(tmp_path: Path) -> None:
    """An application protocol in an old honeypot's column is no bad cell."""
    row = {"ip": "192.0.2.1", "port": "5", "dst_ip": "198.51.100.1", "dst_port": "502"}
    converted = convert(tmp_path, "hp_ics_scan", ("protocol", *row), [("modbus", *row.values())])
    assert converted.one("network-traffic")["protocols"] == ["ipv4", "modbus"]
    assert converted.outcome.remarks == ()


@pytest.mark.parametrize(
    ("report_type", "port", "protocols"),
    [
        ("scan_netis_router", "53413", ["ipv4", "udp"]),
        ("scan_ipmi", "623", ["ipv4", "udp", "ipmi"]),
        ("scan_rdp", "3389", ["ipv4", "tcp", "rdp"]),
        ("test_smb", "445", ["ipv4", "tcp", "smb"]),
    ],
)
def test_transport_of_a_whole_type_needs_no_column(
    tmp_path: Path, report_type: str, port: str, protocols: list[str]
) -> None:
    """A service of one transport has today's traffic where a file or row does not say which."""
    row = {"ip": "192.0.2.1", "port": port}
    files = (row, row | {"protocol": ""}, row | {"protocol": protocols[1]})
    then, empty, today = [
        convert(tmp_path, report_type, tuple(file), [tuple(file.values())]).one("network-traffic")
        for file in files
    ]
    assert then["protocols"] == protocols
    assert then == empty == today


def test_row_that_names_another_transport_is_believed(tmp_path: Path) -> None:
    """What a row says of its transport counts, whatever its type is about."""
    row = {"ip": "192.0.2.1", "port": "3389", "protocol": "udp"}
    traffic = convert(tmp_path, "scan_rdp", tuple(row), [tuple(row.values())])
    assert traffic.one("network-traffic")["protocols"] == ["ipv4", "udp", "rdp"]


def test_transport_holds_for_the_ipv6_type_too(tmp_path: Path) -> None:
    """The IPv6 type of a service is about the same transport."""
    row = {"src_ip": "2001:db8::1", "src_port": "50000", "protocol": ""}
    traffic = convert(tmp_path, "sinkhole6_http", tuple(row), [tuple(row.values())])
    assert traffic.one("network-traffic")["protocols"] == ["ipv6", "tcp", "http"]


@pytest.mark.parametrize("report_type", ["ddos_amplification", "darknet"])
def test_attacked_port_is_in_the_traffic_without_a_column_for_the_address(
    tmp_path: Path, report_type: str
) -> None:
    """A file without a column for the sensor's address is like one in which it is withheld."""
    row = {"ip": "192.0.2.1", "src_port": "53", "protocol": "udp", "dst_port": "13"}
    then = convert(tmp_path, report_type, tuple(row), [tuple(row.values())]).one("network-traffic")
    assert (then["src_port"], then["dst_port"]) == (53, 13)
    row["dst_ip"] = ""
    today = convert(tmp_path, report_type, tuple(row), [tuple(row.values())])
    assert then == today.one("network-traffic")


@pytest.mark.parametrize(
    ("report_type", "name", "today"),
    [
        ("scan_mssql", "response_length", "response_size"),
        ("scan_mqtt", "issuer_serialNumber", "issuer_serial_number"),
        ("drone_brute_force", "dest_sic", "dst_sic"),
    ],
)
def test_column_is_read_as_today(report_type: str, name: str, today: str) -> None:
    """A column of another name then has the role, party and place that it has today."""
    catalogue = load_catalogue()
    assert today in catalogue.columns
    read = catalogue.column(report_type, name)
    assert replace(read, name=today) == catalogue.column(report_type, today)


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("honeypot_brute_force", "event4_honeypot_brute_force"),
        ("scan_caida", "event4_ip_spoofer"),
        ("scan_sinkholedns", "event4_sinkhole_dns"),
        ("test_smb", "scan_smb"),
        ("test_telnet", "scan_telnet"),
        ("ssl_scan", "scan_ssl_poodle"),
        ("ssl_freak_scan", "scan_ssl_freak"),
        ("open_db2", "scan_db2"),
        ("open_netbios", "scan_netbios"),
        ("vulnerable_nat_pmp_systems", "scan_nat_pmp"),
    ],
)
def test_type_has_its_name_of_today(name: str, today: str) -> None:
    """A type is found by what files and programs called it once."""
    assert load_catalogue().report_type(name).name == today


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("https://www.example.com/x", ["https://www.example.com/x"]),
        ("GET http://www.example.com/x HTTP/1.1", ["http://www.example.com/x"]),
        ("www.example.com/x", ["http://www.example.com/x"]),
        ("/x", []),
        ("x.php", []),
        ("OPTIONS * HTTP/1.1", []),
    ],
)
def test_target_that_names_its_host_is_a_url_of_its_own(
    tmp_path: Path, target: str, url: list[str]
) -> None:
    """A whole URL needs no other column: the Drone report named URLs that bots advertised."""
    row = {"ip": "192.0.2.1", "infection": "spam", "url": target}
    converted = convert(tmp_path, "botnet_drone", tuple(row), [tuple(row.values())])
    assert [stix["value"] for stix in converted.of("url")] == url


@pytest.mark.parametrize(
    ("report_type", "header", "name", "becomes"),
    [
        ("botnet_drone", "ip url", "url", "Url, if it names its host"),
        ("botnet_drone", "ip url cc_ip", "url", "Url, with host and port"),
        ("sinkhole_http_drone", "ip url", "url", NOTE_ONLY),
        ("darknet", "ip dst_port protocol", "dst_port", "port of the Network-Traffic"),
        ("darknet", "dst_port protocol", "dst_port", NOTE_ONLY),
        ("scan_netis_router", "ip port", "port", "port of the Network-Traffic"),
        ("device_id", "ip port tag", "port", "port of the Network-Traffic"),
        ("device_id", "ip port", "port", NOTE_ONLY),
    ],
)
def test_reading_is_explained_by_the_columns_that_there_are(
    report_type: str, header: str, name: str, becomes: str
) -> None:
    """What a column becomes in an old file depends on the columns that the file lacks."""
    known = CATALOGUE.report_type(report_type, header.split())
    columns = read(report_type, header.split())
    (column,) = (column for column in columns if column.name == name)
    rules = RelationshipRules(CATALOGUE.links, Options(), joined=joins_parties(columns, known))
    meaning_of = partial(CATALOGUE.meaning, known)
    assert describe_mapping(column, columns, known, meaning_of, rules) == becomes


ATTACK = {
    "ip": "192.0.2.1",
    "src_port": "4711",
    "dst_ip": "198.51.100.1",
    "dst_port": "22",
    "infection": "mirai",
}


@pytest.mark.parametrize("named", [{"service": "ssh"}, {}])
def test_what_traffic_would_say_is_a_relationship_where_there_is_none(
    tmp_path: Path, named: dict[str, str]
) -> None:
    """Without a column that names the protocol there is no traffic, and the parties are related."""
    row = {**ATTACK, **named}
    rows = [tuple(row.values())]
    converted = convert(tmp_path, "event4_honeypot_brute_force", tuple(row), rows)
    related = [each["relationship_type"] for each in converted.of("relationship")]
    assert bool(converted.of("network-traffic")) == bool(named)
    assert ("communicates-with" in related) != bool(named)


def test_host_of_an_unknown_types_url_is_a_name(tmp_path: Path) -> None:
    """A report of phishing pages, which is published no more, has the host of its URLs."""
    row = {"url": "https://pay.example.org/x", "host": "pay.example.org", "ip": "192.0.2.1"}
    converted = convert(tmp_path, "phish_url", tuple(row), [tuple(row.values())])
    name = converted.one("domain-name")
    assert (name["value"], name["x_opencti_score"]) == ("pay.example.org", 75)
    assert name["id"] in converted.one("observed-data")["object_refs"]
    assert "phishing" in converted.one("note")["content"]


def test_every_name_of_earlier_years_leads_to_a_type() -> None:
    """Every old name leads to a known type of another name."""
    catalogue = load_catalogue()
    assert len(catalogue.earlier_types) > 60
    for name, today in catalogue.earlier_types.items():
        assert catalogue.report_type(name) == catalogue.types[today]
        assert catalogue.current_name_of_type[name] == today
