"""Conversions that are started before their turn."""

from __future__ import annotations

import errno
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.history.history import open_history
from shadowserver_connector.logger import SilentLogger
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline import bounds, conversions_ahead
from shadowserver_connector.pipeline.conversions_ahead import Conversions, beginning_ahead
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.report.info import ReportInfo
from tests.mapping.conversion import csv_bytes, info_of
from tests.mapping.rows import rows_of

INFO = info_of("scan_ssl")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Write a report."""
    path = tmp_path / INFO.file
    path.write_bytes(csv_bytes(*rows_of("scan_ssl", 20)))
    return path


def bundles(chunks: list[Chunk]) -> list[bytes]:
    """Return chunks in a form that can be compared."""
    return [chunk.bundle() for chunk in chunks]


def test_without_room_for_chunks_they_are_made_in_their_turn(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without space for its chunks, a report is converted in its turn, and
    nothing waits for space.
    """
    expected: list[Chunk] = []
    outcome = convert_report(report, INFO, Options(), expected.append)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(conversions_ahead, "_convert_to_spool", full)
    found: list[Chunk] = []
    with ThreadPoolExecutor(1) as executor:
        assert Conversions(executor).convert(report, INFO, Options(), found.append) == outcome
    assert bundles(found) == bundles(expected)


def test_other_errors_are_the_reports(report: Path) -> None:
    """A missing file is an error of its report, in its turn."""
    report.unlink()
    with ThreadPoolExecutor(1) as executor:
        begun = Conversions(executor)
        begun.begin(report, INFO, Options())
        with pytest.raises(FileNotFoundError):
            begun.convert(report, INFO, Options(), print)


def test_a_report_given_twice_is_begun_once_at_a_time(report: Path, tmp_path: Path) -> None:
    """Each time the report gets its chunks, and no file is left behind."""
    found: list[Chunk] = []
    with ThreadPoolExecutor(1) as executor:
        begun = Conversions(executor)
        for _ in range(2):
            begun.begin(report, INFO, Options())
        for _ in range(2):
            begun.convert(report, INFO, Options(), found.append)
    assert len(found) % 2 == 0
    assert bundles(found)[: len(found) // 2] == bundles(found)[len(found) // 2 :]
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.parametrize(
    ("bound", "free", "begun"),
    [(1 << 20, 1 << 30, [2, 3, 4, 4]), (0, 1 << 30, [1, 2, 3, 4]), (1 << 20, 0, [1, 2, 3, 4])],
)
def test_nothing_is_begun_ahead_without_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int, free: int, begun: list[int]
) -> None:
    """Above the limit of bytes, or on a nearly full disk, reports are converted one by one."""
    assert bounds.MAX_BYTES_AHEAD == 1 << 30
    monkeypatch.setattr(bounds, "MAX_BYTES_AHEAD", bound)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    taken: list[int] = []
    with ThreadPoolExecutor(1) as executor:
        upcoming = beginning_ahead(range(4), taken.append, executor, tmp_path)
        assert [len(taken) for _ in upcoming] == begun


def test_of_two_files_of_one_feed_that_arrive_together_one_waits(tmp_path: Path) -> None:
    """The second is compared when the first is in the history: what that has is not gone."""
    header, rows = rows_of("scan_ssl", 20)
    before = info_of("scan_ssl", day=INFO.day - timedelta(1))
    files = {"before": rows, "first": rows[:10], "second": rows[10:]}
    for name, some in files.items():
        (tmp_path / name).write_bytes(csv_bytes(header, some))
    comparer = ReportComparer(lambda: open_history(tmp_path / "history", "one"), SilentLogger())

    def answer_late(info: ReportInfo) -> bool:
        may = comparer.is_feed_free(info)
        time.sleep(0.2)
        return may

    late: Any = SimpleNamespace(compare=comparer.compare, is_feed_free=answer_late)
    gone = []
    with closing(comparer), ThreadPoolExecutor(2) as executor:
        comparer.compare(tmp_path / "before", before)
        comparer.commit(tmp_path / "before")
        made = Conversions(executor, comparer=late)
        begun = []
        for name in ("first", "second"):
            begun.append(executor.submit(made.begin, tmp_path / name, INFO, Options()))
            time.sleep(0.05)
        wait(begun)
        for name in ("first", "second"):
            outcome = made.convert(tmp_path / name, INFO, Options(), lambda _: None)
            assert outcome.verdict_counts is not None
            gone.append(outcome.verdict_counts["gone"])
            comparer.commit(tmp_path / name)
    assert gone[0] > 0
    assert gone[1] == 0
