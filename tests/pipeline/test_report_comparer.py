"""Reports compared with the history and then converted: each file is parsed once."""

from __future__ import annotations

import csv
import io
import json
import pickle
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shadowserver_connector.catalogue.columns import VOLATILE
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.database import DAMAGED_FILE, FILE
from shadowserver_connector.history.history import open_history
from shadowserver_connector.history.verdicts import RECURRING
from shadowserver_connector.mapping.options import Options, Repeats
from shadowserver_connector.pipeline import report_comparer
from shadowserver_connector.pipeline.cluster import ClusterExecutor
from shadowserver_connector.pipeline.conversions_ahead import submit_conversion
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.pipeline.report_comparer import DAMAGED, EARLIER_VERSION, ReportComparer
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.table import open_table
from shadowserver_connector.simulator.generate import report_chunks
from tests.history.days import damage_what_only_a_commit_reads
from tests.mapping.conversion import DAY, contained, csv_bytes, info_of
from tests.mapping.rows import rows_of
from tests.sink.pycti_fakes import FakeLog

INFO = info_of("scan_ssl")


@pytest.fixture
def comparer(tmp_path: Path) -> Iterator[ReportComparer]:
    """Return a comparer that knows the first half of the report from the day before."""
    made = ReportComparer(lambda: open_history(tmp_path / "history", "one"), FakeLog())
    header, rows = rows_of("scan_ssl", 40)
    before = info_of("scan_ssl", day=DAY - timedelta(1))
    path = tmp_path / before.file
    path.write_bytes(csv_bytes(header, rows[:20]))
    made.compare(path, before)
    made.commit(path)
    yield made
    made.close()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Write a report with anomalies of many kinds, in its header too."""
    path = tmp_path / INFO.file
    content = csv_bytes(*rows_of("scan_ssl", 40)).replace(b"severity", b"severity,severity", 1)
    path.write_bytes(content + b"2024-01-31,\xff\0,much too short\n" + b"\n\0\n,,\n" + b'a,"b\n')
    return path


def converted(path: Path, comparison: Comparison, repeats: Repeats) -> tuple[list[bytes], Outcome]:
    """Return the results of a conversion."""
    return converted_by(path, INFO, Options(repeats=repeats), comparison)


def converted_by(
    path: Path, info: ReportInfo, options: Options, comparison: Comparison | None
) -> tuple[list[bytes], Outcome]:
    """Return the results of a conversion with these options."""
    bundles: list[bytes] = []
    outcome = convert_report(
        path, info, options, lambda chunk: bundles.append(chunk.bundle()), comparison
    )
    return bundles, outcome


@pytest.mark.parametrize("repeats", ["refer", "skip", "all"])
def test_rows_from_the_copy_give_the_same_bytes(
    repeats: Repeats, comparer: ReportComparer, report: Path
) -> None:
    """Converting the copy gives the same objects, counts and remarks, in order."""
    comparison = comparer.compare(report, INFO)
    assert comparison is not None
    assert comparison.counts["recurring"]

    copied = converted(report, comparison, repeats)

    assert copied == converted(report, replace(comparison, table=None), repeats)
    assert len(copied[1].remarks) > 3


@pytest.mark.parametrize("report_type", sorted(load_catalogue().types))
def test_copy_of_each_type_has_what_a_conversion_reads(
    report_type: str, comparer: ReportComparer, tmp_path: Path
) -> None:
    """Whichever columns a type has, its copy gives the same bytes as its file."""
    info = info_of(report_type)
    path = tmp_path / info.file
    path.write_bytes(csv_bytes(*rows_of(report_type, 12)))
    comparison = comparer.compare(path, info)
    assert comparison is not None
    for options in (Options(), Options(notes="finding")):
        copied = converted_by(path, info, options, comparison)
        assert copied == converted_by(path, info, options, replace(comparison, table=None))


@pytest.mark.parametrize("report_type", sorted(load_catalogue().types))
def test_containers_of_recurring_findings_are_complete(report_type: str, tmp_path: Path) -> None:
    """Report and Case of a day without changes contain what they would without a history."""
    options = Options(create_incident=True, case_min_severity="info")
    paths = [tmp_path / f"{number}.csv" for number in (1, 2)]
    infos = [info_of(report_type, day=DAY + timedelta(number)) for number in (1, 2)]
    header, (rows, others) = _days(report_type)
    catalogue = load_catalogue()
    known = catalogue.report_type(report_type, header)
    parts = [catalogue.finding_part(known, catalogue.column(report_type, name)) for name in header]
    moved = [
        [new if part == VOLATILE else old for part, old, new in zip(parts, *two, strict=True)]
        for two in zip(rows, others, strict=True)
    ]
    for path, cells in zip(paths, (rows, moved), strict=True):
        path.write_bytes(csv_bytes(header, cells))
    comparer = ReportComparer(lambda: open_history(tmp_path / "history", "one"), FakeLog())
    try:
        comparer.compare(paths[0], infos[0])
        comparer.commit(paths[0])
        comparison = comparer.compare(paths[1], infos[1])
        assert comparison is not None
        assert set(comparison.verdicts) == {RECURRING}
        compared = _contained(converted_by(paths[1], infos[1], options, comparison)[0])
    finally:
        comparer.close()
    assert compared == _contained(converted_by(paths[1], infos[1], options, None)[0])
    assert len(compared) == 2


def _days(report_type: str) -> tuple[list[str], list[list[list[str]]]]:
    """Return a header, and as many rows for each of two days."""
    header: list[str] = []
    days = []
    for seed in (1, 2):
        content = b"".join(report_chunks(report_type, DAY, 12, seed=seed)).decode()
        header, *rows = csv.reader(io.StringIO(content))
        days.append(rows)
    return header, days


def _contained(bundles: list[bytes]) -> dict[str, set[str]]:
    return contained(stix for bundle in bundles for stix in json.loads(bundle)["objects"])


def test_history_that_is_deleted_before_a_commit_starts_again(
    comparer: ReportComparer, report: Path, tmp_path: Path
) -> None:
    """What is delivered after the loss is in the new history."""
    comparer.compare(report, INFO)
    (tmp_path / "history" / FILE).unlink()
    comparer.commit(report)
    assert known_on_the_next_day(comparer, report)


def test_history_whose_damage_shows_in_a_commit_starts_again(
    comparer: ReportComparer, report: Path, tmp_path: Path
) -> None:
    """What is delivered after the loss is in the new history."""
    comparer.close()
    damage_what_only_a_commit_reads(tmp_path / "history" / FILE)
    later = ReportComparer(lambda: open_history(tmp_path / "history", "one"), FakeLog())
    later.compare(report, INFO)
    later.commit(report)
    assert known_on_the_next_day(later, report)
    later.close()


@pytest.mark.parametrize("damaged", [True, False])
def test_file_that_was_moved_aside_is_logged(
    comparer: ReportComparer, tmp_path: Path, damaged: bool
) -> None:
    """The log tells damage from an earlier version, and names the file that is kept."""
    comparer.close()
    path = tmp_path / "history" / FILE
    if damaged:
        path.write_bytes(b"no database" * 1000)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 1")
    log = FakeLog()
    ReportComparer(lambda: open_history(tmp_path / "history", "one"), log).close()
    level, message = ("error", DAMAGED) if damaged else ("warning", EARLIER_VERSION)
    kept = path.with_name(DAMAGED_FILE if damaged else "history.version-1.sqlite")
    assert kept.is_file()
    assert log.lines == [(level, message, {"history": str(path), "kept": str(kept)})]


def known_on_the_next_day(comparer: ReportComparer, report: Path) -> bool:
    """Tell whether the history has this report, so that nothing in it is new a day later."""
    again = comparer.compare(report, replace(INFO, day=DAY + timedelta(1)))
    return again is not None and again.previous_day == DAY and again.counts["new"] == 0


def test_comparison_reaches_another_process(comparer: ReportComparer, report: Path) -> None:
    """A comparison with the path of its copy can be pickled, also by compiled classes."""
    comparison = comparer.compare(report, INFO)
    assert comparison is not None
    assert comparison.table is not None
    assert pickle.loads(pickle.dumps(comparison)) == comparison


def test_file_is_parsed_once(comparer: ReportComparer, report: Path) -> None:
    """The conversion uses the compared rows, even if the file changed since."""
    comparison = comparer.compare(report, INFO)
    assert comparison is not None
    expected = converted(report, comparison, "all")[1].rows
    report.write_bytes(report.read_bytes()[:1_000])
    assert converted(report, comparison, "all")[1].rows == expected


@pytest.mark.parametrize("end", ["commit", "discard", "compare", "close"])
def test_copy_is_removed_when_nobody_needs_it(
    end: str, comparer: ReportComparer, report: Path
) -> None:
    """The copy is deleted when its report is delivered, failed, compared again, or discarded."""
    comparison = comparer.compare(report, INFO)
    assert comparison is not None
    assert comparison.table is not None
    assert comparison.table.path.exists()
    arguments: dict[str, tuple[Any, ...]] = {"compare": (report, INFO), "close": ()}
    getattr(comparer, end)(*arguments.get(end, (report,)))
    assert not comparison.table.path.exists()


def test_without_room_on_the_disk_the_file_is_read_again(
    comparer: ReportComparer, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little space no copy is made, and the file is parsed again."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    comparison = comparer.compare(report, INFO)
    assert comparison is not None
    assert comparison.table is None
    assert converted(report, comparison, "refer")[1].rows == 43


@pytest.fixture
def slow_parsing(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Let each file that is opened wait until the test lets it go on."""
    events = SimpleNamespace(begun=threading.Event(), go_on=threading.Event())

    def open_slowly(path: Path, *arguments: Any) -> Any:
        events.begun.set()
        assert events.go_on.wait(30)
        return open_table(path, *arguments)

    monkeypatch.setattr(report_comparer, "open_table", open_slowly)
    yield events
    events.go_on.set()


def test_commit_does_not_wait_for_another_file_to_be_parsed(
    comparer: ReportComparer, report: Path, tmp_path: Path, slow_parsing: SimpleNamespace
) -> None:
    """A delivered report is committed while the next one is still parsed."""
    slow_parsing.go_on.set()
    comparer.compare(report, INFO)
    slow_parsing.begun.clear()
    slow_parsing.go_on.clear()
    other = info_of("scan_ssh")
    path = tmp_path / other.file
    path.write_bytes(csv_bytes(*rows_of("scan_ssh", 4)))
    with ThreadPoolExecutor(2) as pool:
        comparing = pool.submit(comparer.compare, path, other)
        assert slow_parsing.begun.wait(30)
        pool.submit(comparer.commit, report).result(30)
        assert comparer.is_feed_free(INFO)
        slow_parsing.go_on.set()
        comparison = comparing.result(30)
    assert comparison is not None
    assert comparison.counts["new"] == 4


def test_report_that_is_still_parsed_when_the_history_is_closed_is_not_compared(
    comparer: ReportComparer, report: Path, tmp_path: Path, slow_parsing: SimpleNamespace
) -> None:
    """Closing does not wait for a file; its rows are removed, and the history stays closed."""
    with ThreadPoolExecutor(2) as pool:
        comparing = pool.submit(comparer.compare, report, INFO)
        assert slow_parsing.begun.wait(30)
        pool.submit(comparer.close).result(30)
        slow_parsing.go_on.set()
        assert comparing.result(30) is None
    # Another instance can open it.
    open_history(tmp_path / "history", "one").close()


class _Elsewhere(ClusterExecutor):
    """A cluster whose machine has none of this machine's files."""

    def __init__(self, pool: Executor) -> None:
        self._elsewhere = pool

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Any:
        """Run the function where it cannot see the copy."""
        assert not [each for each in arguments if isinstance(each, Comparison) and each.table]
        return self._elsewhere.submit(fn, *arguments, **more)


def test_cluster_reads_the_file_it_is_sent(
    comparer: ReportComparer, report: Path, tmp_path: Path
) -> None:
    """A cluster does not see the copy; it parses the file and gives the same result."""
    comparison = comparer.compare(report, INFO)
    assert comparison is not None
    bundles: list[bytes] = []
    with ThreadPoolExecutor(1) as pool:
        conversion = submit_conversion(
            _Elsewhere(pool), report, INFO, Options(), tmp_path, comparison
        ).result()
    outcome = conversion.emit_and_delete(lambda chunk: bundles.append(chunk.bundle()))
    assert (bundles, outcome) == converted(report, comparison, "refer")
