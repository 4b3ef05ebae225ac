"""The first pass counts in bounded memory, for any cells."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.objects.threats_and_labels import LabelCache
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.plan import Plan
from shadowserver_connector.mapping.planning.row_statistics import (
    NumberedRow,
    RowStatistics,
    select_and_count,
)
from shadowserver_connector.mapping.rows import RowMapper
from shadowserver_connector.pipeline.convert import compile_for
from shadowserver_connector.report.anomalies import Anomalies
from tests.mapping.conversion import convert, info_of

HEADER = ("severity", "ip", "tag", "asn", "geo", "sector")


def survey_of(rows: Iterable[NumberedRow], plan: Plan) -> RowStatistics:
    """Return the counts over some rows."""
    statistics = RowStatistics()
    for _ in select_and_count(rows, plan, statistics, Anomalies("x.csv")):
        pass
    return statistics


def test_huge_cells_are_not_kept() -> None:
    """Rows with distinct cells of 100 KB take no more memory than one such cell."""

    def rows() -> Iterator[tuple[int, list[str]]]:
        for n in range(300):
            yield n, ["high", *(f"{n}{'x' * 100_000}" for _ in HEADER[1:])]

    plan = compile_for(HEADER, info_of("scan_ssl"), Options())
    tracemalloc.start()
    statistics = survey_of(rows(), plan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert statistics.wanted == statistics.rows == 300
    assert peak < 5_000_000


def test_parts_of_huge_protocols_are_not_remembered() -> None:
    """Distinct cells of 100 KB in a protocol column are read, counted as bad and not kept."""
    header = ("ip", "port", "protocol", "type", "application")
    plan = compile_for(header, info_of("botnet_drone"), Options())
    mapper = RowMapper(plan, Anomalies("x.csv"))
    tracemalloc.start()
    for n in range(300):
        row = ["192.0.2.1", "80", f"{n}{'x' * 100_000}", f"{n}{'y' * 100_000}", "irc"]
        assert len(mapper.finding([(n, row, 1)], lambda _: []).objects) == 2
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 1_000_000


def test_labels_of_huge_cells_are_not_remembered() -> None:
    """A huge cell gives the same labels each time, though they are not cached."""
    maker = LabelCache(("shadowserver",), (0,), {"vpn"}, CacheBudget())
    tracemalloc.start()
    for n in range(200):
        found = maker.of([f"tag{n};vpn;{'x' * 100_000}"])
        assert found.all == ("shadowserver", f"tag{n}", "vpn")
        assert found.lasting == ("shadowserver", "vpn")
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 1_000_000
    assert maker.of(["ssl;vpn"]) is maker.of(["ssl;vpn"])
    assert maker.of(["ssl;vpn"]).all == ("shadowserver", "ssl", "vpn")


def test_hosts_count_by_their_worst_finding() -> None:
    """A host counts by its worst finding, in any order of the findings."""
    rows = [
        (n, [severity, ip, "", "", "", ""])
        for n, (severity, ip) in enumerate(
            [("low", "192.0.2.1"), ("high", "192.0.2.1"), ("info", "192.0.2.1"), ("low", "")]
        )
    ]
    statistics = survey_of(rows, compile_for(HEADER, info_of("scan_ssl"), Options()))
    assert statistics.hosts == {"192.0.2.1": "high"}
    assert statistics.severities == {"low": 2, "high": 1, "info": 1}
    assert statistics.highest == "high"


@pytest.mark.parametrize("placeholder", ["", "-", " ", "null", "N/A", "Unknown"])
def test_cell_without_a_value_is_no_host(tmp_path: Path, placeholder: str) -> None:
    """Rows without an address are findings of no host, in the counts and in the Report."""
    rows = [["high", ip, "", "", "", ""] for ip in ("192.0.2.1", placeholder, placeholder)]
    plan = compile_for(HEADER, info_of("scan_ssl"), Options())
    statistics = survey_of(enumerate(rows, 1), plan)
    assert statistics.hosts == {"192.0.2.1": "high"}
    assert statistics.hosts_complete
    report = convert(tmp_path, "scan_ssl", HEADER, rows).one("report")
    assert "3 findings on 1 host" in report["description"]
