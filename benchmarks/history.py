"""Findings over time: what it costs to tell them, to compare them, and to keep them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Seconds, compete, in_child
from benchmarks.reports import USUAL, WIDEST, Report, report
from benchmarks.results import Result
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.finding_identity import (
    FindingIdentifier,
    compile_finding_identifier,
)
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.report.parse_warnings import ParseWarnings
from shadowserver_connector.report.table import open_table

ROWS = 5_000_000
SHARE = 0.15
MEMORY_MIB = 200
SECONDS = 120
BYTES = 100


def measure(folder: Path, *, quick: bool) -> list[Result]:
    """Measure what the rows' findings cost beside their conversion, then a history of millions."""
    rows = 300 if quick else 5_000
    told = Result(
        f"Telling which finding a row is of, {rows:,} rows",
        ("type", "us a row", "conversion, us a row", "share"),
    )
    shares = [_share(told, report(folder, each, rows), 1 if quick else 5) for each in _TYPES]
    told.goal(
        "at most 15 % of the conversion's time", f"{max(shares):.0%}", met=max(shares) <= SHARE
    )
    return [told, _kept(folder, 20_000 if quick else ROWS)]


_TYPES = (USUAL, *WIDEST, "event4_sinkhole_http")


def _share(result: Result, made: Report, rounds: int) -> float:
    rows, reader = _read(made)
    options = Options(notes="finding")
    telling, converting = compete(
        rounds,
        lambda: [reader.read(row) for row in rows],
        lambda: convert_report(made.path, made.info, options, lambda _: None),
    )
    share = telling.cpu / converting.cpu
    each = [seconds.cpu * 1e6 / made.rows for seconds in (telling, converting)]
    result.rows.append((made.info.type, *each, f"{share:.0%}"))
    return share


def _read(made: Report) -> tuple[list[list[str]], FindingIdentifier]:
    catalogue = load_catalogue()
    with open_table(made.path, ParseWarnings(made.info.file)) as table:
        rows = [row for _, row in table.rows()]
        columns = [catalogue.column(made.info.type, name) for name in table.header]
        report_type = catalogue.report_type(made.info.type, table.header)
    return rows, compile_finding_identifier(catalogue, report_type, columns)


def _kept(folder: Path, rows: int) -> Result:
    found = in_child("history_once", str(folder), str(rows))
    result = Result(
        f"A history, and the second day of a report of {rows:,} rows",
        ("step", "seconds", "CPU s", "us of CPU a row"),
    )
    took = {name: Seconds(*each) for name, each in found["seconds"].items()}
    for name, seconds in took.items():
        result.rows.append((name, *seconds, seconds.cpu * 1e6 / rows))
    said = ", ".join(f"{number:,} {name}" for name, number in found["counts"].items())
    result.notes.append(f"{said}; address, name and oldest are questions to it")
    size = max(found["bytes"])
    peak = found["peak"] / 1024
    both = took["sort"].wall + took["compare"].wall
    result.goal("compared in below two minutes", f"{both:.0f} s", met=both < SECONDS)
    result.goal("in 200 MB of memory", f"{peak:.0f} MiB", met=peak < MEMORY_MIB)
    result.goal("below 100 bytes a finding on disk", f"{size:.0f}", met=size < BYTES)
    return result
