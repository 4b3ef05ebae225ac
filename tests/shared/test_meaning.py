"""The published samples, cell by cell: each object comes from a column that means it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.mapping.cells.addresses import parse_network
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import job_of
from shadowserver_connector.pipeline.convert import compile_for
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.report_files import find_reports
from shadowserver_connector.report.table import open_table
from tests.mapping.conversion import convert_bytes

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FILES = sorted(SAMPLES.glob("*.csv"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILES, reason="no samples beside the repository"),
]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_sample_yields_nothing_that_its_columns_do_not_say(tmp_path: Path, file: Path) -> None:
    """Addresses, names and malware come from columns with such roles; no activity is malware."""
    (found,) = find_reports([file], tmp_path, [].append)
    path, info = job_of(found)
    cells: dict[str, set[str]] = {}
    with open_table(path, Anomalies(info.file)) as table:
        plan = compile_for(table.header, info, Options())
        for _, row in table.rows():
            for column, text in zip(plan.columns, row, strict=True):
                cells.setdefault(column.role, set()).add(text.strip().lower())
    converted = convert_bytes(tmp_path, info.type, path.read_bytes())
    addresses = cells.get("ip", set()) | cells.get("network", set()) | cells.get("domain", set())
    allowed = {_normal(text) for text in addresses}
    assert {stix["value"] for stix in converted.of("ipv4-addr", "ipv6-addr")} <= allowed
    named = cells.get("hostname", set()) | cells.get("domain", set())
    assert {s["value"] for s in converted.of("domain-name", "hostname")} <= {
        text.rstrip(".") for text in named
    }
    malware = {stix["name"].lower() for stix in converted.of("malware")}
    told = cells.get("malware", set()) | cells.get("activity", set())
    if plan.context.report_type.name.startswith("event"):
        # Older reports of sinkholes had it among the tags.
        told |= cells.get("tags", set())
    names = plan.context.catalogue.cell_words.malware_names
    assert malware <= told | {names.get(name, name) for name in told}
    assert not [name for name in malware if name in plan.context.catalogue.not_malware]


def _normal(text: str) -> str:
    try:
        return parse_network(text).value
    except ValueError:
        return ""
