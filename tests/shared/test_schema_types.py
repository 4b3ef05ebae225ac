"""A generated file of each published report type: shuffled, extended, hostile."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.simulator.generate import write_report
from tests.mapping.conversion import DAY, findings_in, info_of
from tests.shared.checks import Checker

SCHEMA = Path(__file__).parents[2].parent / "shared" / "schema" / "reports.json"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SCHEMA.is_file(), reason="no published schema beside the repository"),
]

REPORTS: dict[str, dict[str, Any]] = json.loads(SCHEMA.read_bytes()) if SCHEMA.is_file() else {}
ROWS = 24


@pytest.fixture(scope="module")
def checker() -> Checker:
    """Return the checker of this module's files."""
    return Checker()


def columns(report_type: str) -> list[str]:
    """Return the published columns in another order, with an unknown one."""
    shuffled = [*REPORTS[report_type]["fields"], "brand_new_column"]
    Random(report_type).shuffle(shuffled)
    return shuffled


@pytest.mark.parametrize("report_type", sorted(REPORTS))
def test_any_published_type_is_converted(
    checker: Checker, tmp_path: Path, report_type: str
) -> None:
    """A file of hostile cells passes all checks and has something observed."""
    info = info_of(report_type)
    path = tmp_path / info.file
    write_report(
        path, report_type, DAY, ROWS, columns=columns(report_type), with_hostile_cells=True
    )
    options = Options(create_incident=True, case_min_severity="info", create_indicators=True)
    converted = checker.convert(path, info, options)
    assert converted.outcome.rows == ROWS
    assert converted.of("observed-data") != []
    assert findings_in(converted.of("note")) == converted.outcome.noted


@pytest.mark.parametrize("report_type", sorted(REPORTS)[::17])
def test_order_of_columns_does_not_matter(
    checker: Checker, tmp_path: Path, report_type: str
) -> None:
    """Rows with shuffled columns give the same objects."""
    made = []
    for names in (REPORTS[report_type]["fields"], columns(report_type)):
        info = info_of(report_type)
        path = tmp_path / info.file
        write_report(path, report_type, DAY, ROWS, columns=names)
        converted = checker.convert(path, info, Options(notes="none"))
        made.append({stix["id"] for stix in converted.everything() if stix["type"] != "artifact"})
    assert made[0] == made[1]
