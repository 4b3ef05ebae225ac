"""The part that each column has in a finding, listed once more by hand."""

from __future__ import annotations

import pytest

from shadowserver_connector.catalogue.loader import load_catalogue

IDENTITY = """
    scan_ssl: ip port protocol
    scan_http_vulnerable: ip port protocol tag
    scan_badsecrets: ip port protocol request_path badsecret_type
    device_id: ip port protocol
    population_ntrip: ip port protocol
    special: ip port protocol tag
    blocklist: ip source
    compromised_account: email infection source_url service username
    compromised_website: ip port protocol http_host url family account
    compromised_iot: ip port protocol family account
    malware_url: url ip port
    spam_url: url ip port src_ip
    ransomware_victim: entity_name website ransomware
    sandbox_conn: md5 ip port protocol
    sandbox_dns: md5 request
    sandbox_url: md5 url ip port
    event4_sinkhole: src_ip dst_port protocol infection family
    event4_sinkhole_http: src_ip dst_port protocol infection family
    event4_sinkhole_http_referer: http_referer_ip dst_port protocol infection family
    event4_sinkhole_dns: src_ip protocol infection family
    event4_honeypot_brute_force: src_ip dst_port protocol infection family vulnerability_id
    event4_honeypot_http_scan: src_ip dst_port protocol infection family vulnerability_id
    event4_honeypot_darknet: src_ip dst_port protocol infection family
    event4_honeypot_ddos_amp: src_ip dst_port protocol infection family
    event4_ddos_participant: src_ip dst_ip dst_port protocol infection family dst_network domain
    event4_ip_spoofer: src_ip network dst_port protocol infection family
"""
"""All columns of the identity of these types."""

VOLATILE = """
    scan_ssl: timestamp http_date content_length set_cookie
    scan_ssl_freak: timestamp http_date content_length set_cookie page_sha256fp
    scan_ntp: timestamp clock reftime refid offset jitter frequency noise stability clk_wander phase
        poll peer tc stratum state error rootdelay rootdispersion response_size amplification
    scan_snmp: timestamp uptime response_size amplification
    scan_memcached: timestamp pid uptime time curr_connections total_connections response_size
        amplification
    scan_redis: timestamp uptime connected_clients process_id run_id
    scan_ssh: timestamp server_cookie server_signature_value server_signature_raw
        ecdsa_curve25519 ed25519_curve25519 rsa_public_key rsa_public_key_length rsa_prime
        rsa_generator dss_public_key dss_public_key_length dss_prime dss_generator
        ed25519_cert_public_key_nonce
    scan_stun: timestamp transaction_id fingerprint mapped_address mapped_port xor_mapped_address
        xor_mapped_port message_length response_size amplification
    scan_isakmp: timestamp initiator_spi responder_spi message_id response_size amplification
    scan_rdpeudp: timestamp sessionid response_size amplification
    scan_gtp: timestamp teid sequence recovery message_length response_size raw_response
    scan_hadoop: timestamp used_disk free_disk livenodes volumeinfo
    scan_ldap_udp: timestamp current_time highest_committed_usn response_size amplification
    scan_sip: timestamp sip_via sip_to sip_from cseq call_id content_length response_size
        amplification
    scan_synfulknock: timestamp sequence_number ack_number raw_packet
    scan_ssdp: timestamp systime updated_at response_size amplification
    scan_qotd: timestamp quote response_size amplification
    scan_nat_pmp: timestamp uptime response_size amplification
    scan_mysql: timestamp error_message
    scan_ntpmonitor: timestamp packets response_size amplification
    scan_dns: timestamp min_amplification
    event4_sinkhole: timestamp src_port event_id dst_ip dst_asn dst_geo dst_region dst_city
        dst_hostname dst_naics dst_sector
    event4_honeypot_darknet: timestamp src_port event_id count dst_ip dst_asn dst_geo dst_region
        dst_city dst_hostname dst_naics dst_sector
    event4_honeypot_brute_force: timestamp src_port event_id start_time end_time username password
        dst_ip dst_asn dst_geo dst_region dst_city dst_hostname dst_naics dst_sector
    event4_honeypot_ddos_amp: timestamp src_port event_id count bytes end_time duration avg_pps
        max_pps dst_ip dst_asn dst_geo dst_region dst_city dst_hostname dst_naics dst_sector
    event4_ddos_participant: timestamp src_port event_id duration domain_transaction_id
        ip_header_acknum ip_header_identity ip_header_seqnum
    event4_sinkhole_dns: timestamp src_port count
    sandbox_conn: timestamp bytes_in bytes_out
    special: timestamp first_seen_time last_seen_time potential_exposure_time
    compromised_website: timestamp detected_since
    ransomware_victim: timestamp actor_geo_stats_30d actor_total_stats_30d
"""
"""All columns of these types that change by themselves."""

STATE = """
    scan_ssl: severity hostname tag asn geo sector cert_serial_number sha256_fingerprint
        cert_expiration_date cert_expired self_signed cipher_suite jarm http_code server_type
    scan_http_vulnerable: severity detail server version http_code
    scan_ssh: server_host_key_sha256 serverid_software hassh userauth_methods rsa_modulus
    scan_snmp: sysname community device_model device_version
    scan_exchange: tag version url servername
    scan_ldap_tcp: dns_host_name domain_functionality naming_contexts
    scan_mongodb: visible_databases version
    scan_rsync: module has_password
    event4_sinkhole_http: http_host http_url http_agent http_referer ssl_servername tag
    event4_sinkhole_dns: query query_type
    event4_honeypot_http_scan: http_url http_agent threat_technique_id pattern severity
    event4_honeypot_brute_force: payload_url payload_md5 service client_version
    malware_url: hostname sha256 tag application
    compromised_website: server cc_url redirect_target status
    spam_url: sender subject
    blocklist: reason
    sandbox_dns: response family
    scan_post_exploitation_framework: beacon_host beacon_port http_url config_sha256
"""
"""Some columns of which a change is one of the finding."""

WORDING = "scan_telnet: banner\nscan_smtp: banner\nscan_cwmp: www_authenticate\nscan_snmp: sysdesc"

UNKNOWN = {
    "volatile": """response_time lastUptime conn_count client_port src_port_2 challenge_nonce
        session_id response_size bytes total_requests auth_token set_cookie_2 raw_response_2""",
    "state": "colour cc_ip_2 firmware_build reference_url relay_ip api_port tls_version password_2",
    "identity": "malware_family cve_ids exploited_cve",
}
"""What is made of columns that nobody has published."""


def _listed(text: str) -> dict[str, set[str]]:
    types: dict[str, set[str]] = {}
    words = text.split()
    for word in words:
        if word.endswith(":"):
            current = types.setdefault(word[:-1], set())
        else:
            current.add(word)
    return types


def _part(report_type: str, name: str) -> str:
    catalogue = load_catalogue()
    column = catalogue.column(report_type, name)
    return catalogue.finding_part(catalogue.report_type(report_type), column)


def _of_part(report_type: str, part: str) -> set[str]:
    columns = load_catalogue().column_names(report_type)
    return {name for name in columns if _part(report_type, name) == part}


@pytest.mark.parametrize(("report_type", "columns"), _listed(IDENTITY).items())
def test_the_identity_is_what_is_reported_of_whom(report_type: str, columns: set[str]) -> None:
    """Exactly these columns tell two findings apart."""
    assert _of_part(report_type, "identity") == columns


@pytest.mark.parametrize(("report_type", "columns"), _listed(VOLATILE).items())
def test_what_changes_by_itself_is_no_part_of_a_finding(
    report_type: str, columns: set[str]
) -> None:
    """Exactly these columns may change without changing a finding."""
    assert _of_part(report_type, "volatile") == columns


@pytest.mark.parametrize(("report_type", "columns"), _listed(STATE).items())
def test_what_a_person_can_change_is_state(report_type: str, columns: set[str]) -> None:
    """A change in one of these columns is a change of the finding."""
    assert columns <= _of_part(report_type, "state")


@pytest.mark.parametrize(("report_type", "columns"), _listed(WORDING).items())
def test_texts_with_clocks_in_them_are_read_without(report_type: str, columns: set[str]) -> None:
    """A server's banner is state, without the clock in it."""
    assert _of_part(report_type, "wording") >= columns


@pytest.mark.parametrize("report_type", load_catalogue().types)
def test_time_and_source_port_never_count(report_type: str) -> None:
    """Time and source port never count, as in Shadowserver's delta mode; each
    type has an identity.
    """
    assert "timestamp" in _of_part(report_type, "volatile")
    assert "src_port" not in _of_part(report_type, "identity") | _of_part(report_type, "state")
    assert _of_part(report_type, "identity") - {"port", "protocol", "dst_port"}


@pytest.mark.parametrize(("report_type", "name"), [("botnet_drone", "port"), ("darknet", "port")])
def test_source_ports_of_earlier_years_do_not_count(report_type: str, name: str) -> None:
    """Source ports do not count under their old names either."""
    assert _part(report_type, name) == "volatile"


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for part, names in UNKNOWN.items() for name in names.split()]
)
def test_an_unpublished_column_is_what_its_name_says(name: str, part: str) -> None:
    """An unpublished column is state, unless its name says volatile or identity."""
    assert _part("scan_nobody_knows", name) == part
