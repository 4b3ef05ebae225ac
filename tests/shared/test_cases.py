"""Small inputs that were once converted wrongly, one for each kind of fault,
with the right result.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.errors import ReportUnreadableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import job_of
from shadowserver_connector.report.report_files import find_reports
from tests.mapping.conversion import Converted, Stix, is_balanced
from tests.shared.checks import Checker

CASES = Path(__file__).parents[2].parent / "shared" / "cases"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.is_dir(), reason="no cases beside the repository"),
]


def converted(folder: Path, name: str) -> Converted:
    """Convert the only report of a case, with Indicators and all checks."""
    (found,) = find_reports([CASES / name], folder, [].append)
    path, info = job_of(found)
    return Checker().convert(path, info, Options(create_indicators=True))


def scored(made: Converted, value: str) -> int | None:
    """Return the score of the only observable of a value."""
    (stix,) = (
        stix for stix in made.of("ipv4-addr", "domain-name", "url") if stix["value"] == value
    )
    score: int | None = stix.get("x_opencti_score")
    return score


def labels(stix: Stix) -> set[str]:
    """Return the labels of an object."""
    return set(stix.get("labels", ())) | set(stix.get("x_opencti_labels", ()))


@pytest.mark.parametrize(
    ("name", "report_type", "severity"),
    [
        ("[EXT] 2024-01-31-scan_snmp-x.csv", "scan_snmp", "high"),
        ("2024-01-31-scan_snmp-x.csv.zip", "scan_snmp", "high"),
        ("mail.tgz", "scan_snmp", "high"),
        ("2024-01-31-cisco_smart_install-x.csv", "scan_cisco_smart_install", "critical"),
        ("2024-01-31-blacklist-x.csv", "blocklist", "low"),
        ("2024-01-31-scan_snmp-sep.csv", "scan_snmp", "high"),
        ("2024-01-31-scan_snmp-emptyrows.csv", "scan_snmp", "high"),
    ],
)
def test_type_day_and_findings_are_told(
    tmp_path: Path, name: str, report_type: str, severity: str
) -> None:
    """Type, day and findings are read from changed names and damaged files."""
    made = converted(tmp_path, name)
    outcome = made.outcome
    assert (outcome.info.type, str(outcome.info.day)) == (report_type, "2024-01-31")
    assert (outcome.severity, outcome.findings, is_balanced(outcome)) == (severity, 1, True)
    assert len(made.of("ipv4-addr")) == 1


def test_what_is_left_out_of_a_file_is_named(tmp_path: Path) -> None:
    """A spreadsheet's ``sep=`` line and empty rows are reported; empty rows count as rows."""
    (remark,) = converted(tmp_path, "2024-01-31-scan_snmp-sep.csv").outcome.remarks
    assert "sep=" in remark
    outcome = converted(tmp_path, "2024-01-31-scan_snmp-emptyrows.csv").outcome
    assert (outcome.rows, outcome.empty) == (3, 2)
    assert "rows 2, 3: row without any content" in outcome.remarks[0]


def test_error_text_is_no_report(tmp_path: Path) -> None:
    """A text without a known column is no report."""
    with pytest.raises(ReportUnreadableError):
        converted(tmp_path, "2026-03-01-scan_http-errortext.csv")


def test_name_that_malware_called_is_neither_scored_nor_indicated(tmp_path: Path) -> None:
    """A name that malware called has no score and no Indicator, as documented."""
    made = converted(tmp_path, "2024-01-31-event4_sinkhole_http-names.csv")
    assert scored(made, "c2.example.net") is None
    assert made.of("indicator") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("2026-03-01-event4_sinkhole_http-underscore.csv", "upd_srv.example.org"),
        ("2026-03-01-event4_sinkhole_dns-srv.csv", "_ldap._tcp.dc._msdcs.example.org"),
    ],
)
def test_names_with_underscores_are_domain_names(tmp_path: Path, name: str, value: str) -> None:
    """A name with underscores is a Domain-Name, as OpenCTI accepts it."""
    assert converted(tmp_path, name).one("domain-name")["value"] == value


def test_host_of_a_url_is_scored_like_it(tmp_path: Path) -> None:
    """The host of a malware URL has the URL's score."""
    made = converted(tmp_path, "2026-03-01-malware_url-host.csv")
    values = ("http://bad.example.org:8080/x.sh", "bad.example.org", "192.0.2.10")
    assert {scored(made, value) for value in values} == {75}


def test_score_of_a_controller_is_one(tmp_path: Path) -> None:
    """A controller has one score, whatever the severity of its victim's row."""
    for name in ("event4_honeypot_ddos", "event4_honeypot_ddos_target"):
        made = converted(tmp_path, f"2026-03-01-{name}-c2.csv")
        assert scored(made, "192.0.2.66") == 75
        assert scored(made, "198.51.100.7") is None


def test_vendor_alone_is_a_product(tmp_path: Path) -> None:
    """A vendor without a model gives a product with the type of device."""
    software = converted(tmp_path, "2026-03-01-device_id-vendor.csv").one("software")
    assert (software["name"], software["vendor"]) == ("SonicWall firewall", "SonicWall")


def test_url_and_traffic_agree(tmp_path: Path) -> None:
    """URL and traffic are both over TLS."""
    made = converted(tmp_path, "2026-03-01-scan_exchange-url.csv")
    assert made.one("url")["value"] == "https://192.0.2.5:444/aspnet_client/discover.aspx"
    assert "https" in made.one("network-traffic")["protocols"]
    assert "webshell" in labels(made.one("ipv4-addr"))


def test_commit_is_no_part_of_a_version(tmp_path: Path) -> None:
    """A commit after a version is in the Note, not in the version."""
    made = converted(tmp_path, "2026-03-01-scan_hadoop-version.csv")
    assert made.one("software")["version"] == "2.7.3"
    assert "rbaa91f7c6bc" in made.one("note")["content"]
