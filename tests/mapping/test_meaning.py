"""Every column with a role becomes what its role says, in every report type."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from tests.mapping.conversion import convert, convert_bytes, csv_bytes
from tests.mapping.expectation import CATALOGUE, filled, read, silent

INVENTED = (
    *("timestamp", "severity", "tag", "ip", "port", "protocol", "asn", "geo", "hostname"),
    *("proxy_ip", "proxy_port", "proxy_asn", "proxy_geo", "proxy_hostname", "proxy_mac"),
    *("upstream_network", "lookup_domain", "stage_url", "contact_email", "first_user_agent"),
    *("cve_id", "malware_family", "attack_technique_id", "agent_password", "implant_md5"),
    *("implant_sha256", "implant_filename", "gateway_vendor", "gateway_product"),
    *("gateway_version", "cert_sha1", "cert_subject", "second_key_sha256", "internal_ip"),
)
"""Columns that nobody published, named as Shadowserver names its own."""


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(relationships=None),
        Options(network_traffic=False, observed_data=False, ssh_keys=False),
    ],
    ids=["usual", "all relationships", "few objects"],
)
@pytest.mark.parametrize("report_type", sorted(CATALOGUE.types))
def test_every_column_yields_what_its_role_calls_for(
    tmp_path: Path, report_type: str, options: Options
) -> None:
    """In a row of all columns, each cell becomes something, in any order of columns."""
    header = list(CATALOGUE.column_names(report_type))
    random.Random(report_type).shuffle(header)
    columns = read(report_type, header)
    content = csv_bytes(header, [filled(columns)])
    converted = convert_bytes(tmp_path, report_type, content, options)
    assert converted.outcome.oddities == {}
    known = CATALOGUE.report_type(report_type, header)
    assert silent(known, columns, converted, options) == []


@pytest.mark.parametrize(
    "report_type",
    ["scan_example_service", "event4_honeypot_example", "event6_sinkhole_example", "whatever"],
)
def test_an_unknown_type_with_unknown_columns_is_read_by_their_names(
    tmp_path: Path, report_type: str
) -> None:
    """The columns of a new report type are read by their names."""
    columns = read(report_type, INVENTED)
    converted = convert(tmp_path, report_type, INVENTED, [filled(columns)])
    known = CATALOGUE.report_type(report_type, INVENTED)
    assert not known.known
    assert silent(known, columns, converted, Options()) == []
    values = {stix.get("value") for stix in converted.everything()}
    assert filled(columns)[INVENTED.index("internal_ip")] not in values


@pytest.mark.parametrize("report_type", sorted(CATALOGUE.types))
def test_columns_that_hold_no_identity_yield_none(tmp_path: Path, report_type: str) -> None:
    """Addresses and names in text columns, or of the asset's inside, become no object."""
    columns = read(report_type, CATALOGUE.column_names(report_type))
    mute = {"text", "internal", "secret", "region", "city", "naics", "sector", "hostname_source"}
    for planted in ("203.0.113.77", "planted.example.com", "http://planted.example.com/x"):
        row = [planted if column.role in mute else "" for column in columns]
        converted = convert(tmp_path, report_type, [c.name for c in columns], [row])
        assert {stix["type"] for stix in converted.everything()} <= {
            *("marking-definition", "identity", "artifact", "report", "note")
        }
