"""Every sample published by Shadowserver and others, converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import job_of
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.report.info import ReportFile
from tests.mapping.conversion import findings_in
from tests.shared.checks import Checker

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FILES = sorted(SAMPLES.glob("*.csv"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILES, reason="no published samples beside the repository"),
]

OPTIONS = {
    "finding": Options(
        notes="finding", create_incident=True, case_min_severity="info", create_indicators=True
    ),
    "host": Options(
        notes="host",
        chunk_objects=60,
        report_max_refs=100,
        create_incident=True,
        case_min_severity="info",
    ),
}


@pytest.fixture(scope="module")
def checker() -> Checker:
    """Return the checker of this module's files."""
    return Checker()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample_is_converted(checker: Checker, path: Path, options: Options) -> None:
    """Each sample passes all checks and has something observed."""
    job = job_of(ReportFile(path, path.name, path.name))
    converted = checker.convert(*job, options)
    assert converted.outcome.rows > 0
    assert converted.of("observed-data") != []
    if options.notes == "finding":
        assert findings_in(converted.of("note")) == converted.outcome.noted


def test_most_cells_of_the_samples_are_good() -> None:
    """Few rows have a bad cell, which shows that no parser is too strict."""
    rows = bad = 0
    for path in FILES:
        job = job_of(ReportFile(path, path.name, path.name))
        outcome = convert_report(*job, Options(), lambda chunk: None)
        rows += outcome.rows
        bad += sum(outcome.oddities.values())
    assert bad < rows / 4
