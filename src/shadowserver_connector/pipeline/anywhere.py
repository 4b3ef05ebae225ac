"""One report converted on any executor, with its chunks coming back to whoever asked.

Processes of this machine read the report's file and leave the chunks in another one. A cluster
shares no disk with us: the file travels there with the task, and the chunks travel back, both
compressed, to wait in a file as well. On the way they take memory in proportion to the report's
file, so one above ``MOST_CARRIED`` is converted by the processes of this machine.
"""

from __future__ import annotations

import tempfile
import uuid
import zlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from shadowserver_connector import __version__
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import SettingsError
from shadowserver_connector.mapping.options import MIB, Options
from shadowserver_connector.pipeline.cluster import ClusterExecutor
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.pipeline.packed import pack, read_spool, spool_to, write_packed
from shadowserver_connector.report.filename import safe_name
from shadowserver_connector.report.info import ReportInfo

MOST_CARRIED: Final = 16 * MIB
"""Bytes of a report file that still travels to a cluster."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A report converted, its chunks in a file on this machine."""

    outcome: Outcome
    path: Path

    def replay(self, emit: Callable[[Chunk], None]) -> Outcome:
        """Hand the chunks to ``emit``, in order, and delete the file, also where that fails."""
        try:
            for chunk in read_spool(self.path):
                emit(chunk)
        finally:
            self.path.unlink()
        return self.outcome


Carried = tuple[Outcome, tuple[bytes, ...]]
"""A report converted on another machine, and its chunks, packed."""


def convert_anywhere(
    executor: Executor, path: Path, info: ReportInfo, options: Options, spool: Path
) -> Future[Conversion]:
    """Start to convert a report; what comes back gives the same chunks on every executor.

    ``spool`` is the folder in which chunks wait. The future raises what ``convert_report`` raises,
    SkippableError where workers died of this report, and RetriableError where a cluster is lost.
    """
    if not isinstance(executor, ClusterExecutor):
        return executor.submit(_convert_to_spool, path, info, options, spool)
    conversion: Future[Conversion] = Future()
    conversion.set_running_or_notify_cancel()
    try:
        if path.stat().st_size > MOST_CARRIED:
            return executor.here.submit(_convert_to_spool, path, info, options, spool)
        content = zlib.compress(path.read_bytes(), 1)
    except OSError as error:
        conversion.set_exception(error)
        return conversion
    carried = executor.submit(_convert_carried, content, info, options, __version__)
    carried.add_done_callback(partial(_unload, conversion, spool))
    return conversion


def _convert_to_spool(path: Path, info: ReportInfo, options: Options, spool: Path) -> Conversion:
    return _spooled(spool, lambda file: convert_report(path, info, options, spool_to(file)))


def _unload(conversion: Future[Conversion], spool: Path, carried: Future[Carried]) -> None:
    """Put chunks on disk as soon as they come back: many reports may be done before their turn."""

    def write(file: BinaryIO) -> Outcome:
        outcome, chunks = carried.result()
        for packed in chunks:
            write_packed(file, packed)
        return outcome

    try:
        conversion.set_result(_spooled(spool, write))
    except Exception as error:  # whatever it is, it belongs to whoever waits for the conversion
        conversion.set_exception(error)


def _spooled(spool: Path, write: Callable[[BinaryIO], Outcome]) -> Conversion:
    # Another attempt at the same report may have left a file behind.
    target = spool / f"{uuid.uuid4().hex}.chunks"
    try:
        with target.open("xb") as file:
            outcome = write(file)
    except BaseException:
        # On a full disk it would take the room that the next attempt needs.
        target.unlink(missing_ok=True)
        raise
    return Conversion(outcome, target)


def _convert_carried(content: bytes, info: ReportInfo, options: Options, ours: str) -> Carried:
    if __version__ != ours:
        raise SettingsError(
            f"a Dask worker has shadowserver-connector {__version__} and not {ours}; "
            "install the same version on all machines"
        )
    chunks: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="shadowserver-") as folder:
        path = Path(folder) / safe_name(info.file)
        path.write_bytes(zlib.decompress(content))
        outcome = convert_report(path, info, options, lambda chunk: chunks.append(pack(chunk)))
    return outcome, tuple(chunks)
