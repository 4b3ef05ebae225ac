"""The parts that commands and the drop folder work with, in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.connector.importer import ImportSetup
from shadowserver_connector.errors import ReportUnreadableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import Convert
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.opencti import Session
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.waiting import Waiter
from tests.mapping.conversion import csv_bytes
from tests.mapping.rows import rows_of
from tests.sink.pycti_fakes import FakeHelper


def convert_simply(
    path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
) -> Outcome:
    """Make one object that names the file."""
    content = path.read_bytes()
    if content == b"poison":
        raise ReportUnreadableError(f"{info.file}: no header")
    stix_id = f"note--{info.file}"
    stix = json.dumps({"type": "note", "id": stix_id}).encode()
    emit(Chunk((ChunkObject(stix_id, stix),), 5))
    return Outcome(
        info, "low", rows=10, noted=9, merged=1, filtered=0, cut=0, chunks=1,
        objects={"note": 1}, size=len(content), sha256="",
    )  # fmt: skip


def setup_of(helper: FakeHelper, convert: Convert = convert_simply) -> ImportSetup:
    """Return an importer that sends reports to this helper, with short pauses."""
    waiter = Waiter(threading.Event(), helper.connector_logger, first_pause=0.001)
    return ImportSetup(Session(helper, find_abilities(helper), waiter), Options(), convert)


def report_of(kind: str, number: int) -> bytes:
    """Return a report of a type with 30 rows, distinct for each number."""
    return csv_bytes(*rows_of(kind, 30 + number))


class Counting(ThreadPoolExecutor):
    """An executor of one thread that counts what it is given to convert."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun = 0

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:  # type: ignore[override]
        """Count it."""
        self.begun += 1
        return super().submit(*arguments, **named)


def sent(helper: FakeHelper) -> list[str]:
    """Return the names of the files whose object was sent, in order."""
    ids = [each["id"] for _, stix in helper.messages for each in stix["objects"]]
    return [stix_id.removeprefix("note--") for stix_id in ids]
