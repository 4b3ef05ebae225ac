"""Waiting for space on a full disk."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import TransferError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.conversion_retries import retrying_while_disk_full
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.waiting import Waiter
from tests.sink.pycti_fakes import FakeLog

INFO = ReportInfo("scan_ssl", date(2024, 1, 31), "a.csv")
CHUNKS = [Chunk((), number) for number in range(4)]


def waiter(log: FakeLog) -> Waiter:
    """Return a waiter whose pauses are short."""
    return Waiter(threading.Event(), log, first_pause=0.001, longest_pause=0.001)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_waits_as_long_as_it_takes_and_says_so_once(number: int) -> None:
    """A full disk or quota is waited out for any time, with one line."""
    log, left = FakeLog(), [number] * 50

    def call() -> str:
        if left:
            raise OSError(left.pop(), "full")
        return "done"

    assert waiter(log).until_disk_has_room(call) == "done"
    assert log.messages("warning") == ["Waiting"]
    assert log.messages("info") == ["Resumed"]


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), TransferError("broke off")])
def test_other_errors_are_not_waited_out(error: Exception) -> None:
    """Other errors are raised unchanged."""

    def call() -> None:
        raise error

    log = FakeLog()
    with pytest.raises(type(error)) as raised:
        waiter(log).until_disk_has_room(call)
    assert raised.value is error
    assert log.lines == []


def test_chunks_are_emitted_once_however_often_a_conversion_begins() -> None:
    """A repeated conversion skips the chunks that were already emitted."""
    stops = [1, 1, 3]

    def convert(_: Path, __: ReportInfo, ___: Options, emit: Callable[[Chunk], None]) -> Any:
        end = stops.pop(0) if stops else len(CHUNKS)
        for chunk in CHUNKS[:end]:
            emit(chunk)
        if end < len(CHUNKS):
            raise OSError(errno.ENOSPC, "full")
        return "outcome"

    emitted: list[Chunk] = []
    patiently = retrying_while_disk_full(waiter(FakeLog()), convert)
    outcome: Any = patiently(Path("a.csv"), INFO, Options(), emitted.append)
    assert outcome == "outcome"
    assert emitted == CHUNKS
