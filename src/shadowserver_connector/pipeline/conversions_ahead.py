"""Conversions on any executor, started before their turn, their chunks kept on disk."""

from __future__ import annotations

import threading
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from shadowserver_connector import __version__
from shadowserver_connector.api.download import Claim, Downloaded
from shadowserver_connector.bundle.chunk import Chunk, ChunkObject
from shadowserver_connector.errors import (
    RetriableError,
    SettingsError,
    SkippableError,
    is_disk_full,
)
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.memory_limits import MIB
from shadowserver_connector.pipeline.bounds import has_room_ahead, in_order
from shadowserver_connector.pipeline.cluster import ClusterExecutor
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.downloads_ahead import Download
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.pipeline.processes import capacity
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.report.info import ReportInfo, safe_name
from shadowserver_connector.temporary import as_block, read_blocks, temporary_folder

_COMPRESSION_LEVEL: Final = 1
"""zlib's fastest: STIX and reports are so repetitive that a fraction of their size is left."""

# Marks the id of an object that was sent already.
_ALREADY_SENT: Final = "="


def pack(chunk: Chunk) -> bytes:
    """Return a chunk as bytes."""
    lines = [b"%d %d" % (chunk.rows, chunk.has_comparison)]
    for encoded in chunk.objects:
        mark = _ALREADY_SENT if encoded.id in chunk.already_sent else ""
        # JSON has no line breaks of its own.
        lines += ((mark + encoded.id).encode(), encoded.json)
    return zlib.compress(b"\n".join(lines), _COMPRESSION_LEVEL)


def unpack(packed: bytes) -> Chunk:
    """Return the chunk that was packed."""
    numbers, *lines = zlib.decompress(packed).split(b"\n")
    rows, has_comparison = map(int, numbers.split())
    names = [line.decode() for line in lines[::2]]
    ids = [name.removeprefix(_ALREADY_SENT) for name in names]
    objects = tuple(map(ChunkObject, ids, lines[1::2]))
    already_sent = frozenset(each for each, name in zip(ids, names, strict=True) if each != name)
    return Chunk(objects, rows, already_sent, bool(has_comparison))


def read_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the chunks of a file, in order, one at a time."""
    with path.open("rb") as file:
        yield from map(unpack, read_blocks(file))


MAX_BYTES_TO_CLUSTER: Final = 16 * MIB
"""Maximum size of a report file that is sent to a cluster."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A report converted, its chunks in a file on this machine."""

    outcome: Outcome
    chunks_path: Path

    def emit_and_delete(self, emit: Callable[[Chunk], None]) -> Outcome:
        """Pass the chunks to ``emit``, in order, and delete the file, even if that fails."""
        try:
            for chunk in read_chunks(self.chunks_path):
                emit(chunk)
        finally:
            self.chunks_path.unlink()
        return self.outcome


PackedConversion = tuple[Outcome, tuple[bytes, ...]]
"""A report converted on another machine, and its chunks, packed."""


def submit_conversion(
    executor: Executor,
    path: Path,
    info: ReportInfo,
    options: Options,
    spool: Path,
    comparison: Comparison | None = None,
) -> Future[Conversion]:
    """Start to convert a report; its chunks are the same on every executor.

    ``spool`` is the folder in which chunks wait. The future raises what ``convert_report`` raises,
    SkippableError where workers died of this report, and RetriableError where a cluster is lost.
    """
    # Processes of this machine read the file and write the chunks themselves.
    if not isinstance(executor, ClusterExecutor):
        return executor.submit(_convert_to_spool, path, info, options, spool, comparison)
    conversion: Future[Conversion] = Future()
    # A running future cannot be cancelled, so its result can always be set.
    conversion.set_running_or_notify_cancel()
    try:
        # The file would pass through the scheduler, whose memory is shared.
        if path.stat().st_size > MAX_BYTES_TO_CLUSTER:
            here = executor.here
            return here.submit(_convert_to_spool, path, info, options, spool, comparison)
        content = zlib.compress(path.read_bytes(), _COMPRESSION_LEVEL)
        if comparison is not None:
            # The copy of the table is on this machine, out of a worker's reach.
            comparison = replace(comparison, table=None)
    except OSError as error:
        conversion.set_exception(error)
        return conversion
    packed = executor.submit(_convert_on_cluster, content, info, options, comparison, __version__)
    packed.add_done_callback(partial(_write_spool, conversion, spool))
    return conversion


def _convert_to_spool(
    path: Path, info: ReportInfo, options: Options, spool: Path, comparison: Comparison | None
) -> Conversion:
    def convert(file: BinaryIO) -> Outcome:
        def emit(chunk: Chunk) -> None:
            file.write(as_block(pack(chunk)))

        return convert_report(path, info, options, emit, comparison)

    return _spool_chunks(spool, convert)


def _write_spool(
    conversion: Future[Conversion], spool: Path, packed: Future[PackedConversion]
) -> None:
    """Write chunks to disk as soon as they arrive: many reports may be done before their turn."""

    def write(file: BinaryIO) -> Outcome:
        outcome, chunks = packed.result()
        for chunk in chunks:
            file.write(as_block(chunk))
        return outcome

    try:
        conversion.set_result(_spool_chunks(spool, write))
    except Exception as error:  # whatever it is, it belongs to whoever waits for the conversion
        conversion.set_exception(error)


def _spool_chunks(spool: Path, write: Callable[[BinaryIO], Outcome]) -> Conversion:
    # Another attempt at the same report may have left a file behind.
    target = spool / f"{uuid.uuid4().hex}.chunks"
    try:
        with target.open("xb") as file:
            outcome = write(file)
    except BaseException:
        # On a full disk, the rest of the file would take up space that the next attempt needs.
        target.unlink(missing_ok=True)
        raise
    return Conversion(outcome, target)


def _convert_on_cluster(
    content: bytes, info: ReportInfo, options: Options, comparison: Comparison | None, ours: str
) -> PackedConversion:
    # Another version might give objects other ids.
    if __version__ != ours:
        raise SettingsError(
            f"a Dask worker has shadowserver-connector {__version__} and not {ours}; "
            "install the same version on all machines"
        )
    chunks: list[bytes] = []
    with temporary_folder() as folder:
        path = folder / safe_name(info.file)
        path.write_bytes(zlib.decompress(content))

        def keep(chunk: Chunk) -> None:
            chunks.append(pack(chunk))

        outcome = convert_report(path, info, options, keep, comparison)
    return outcome, tuple(chunks)


class Conversions:
    """The conversions in progress on an executor; whoever starts them limits their number."""

    def __init__(
        self, executor: Executor, spool: Path | None = None, comparer: ReportComparer | None = None
    ) -> None:
        """``spool`` is the folder where chunks wait; by default the one of the report's file."""
        self._executor = executor
        self._spool = spool
        self._comparer = comparer
        # Held from `is_feed_free` to `compare`: of two reports of one feed, one must wait.
        self._turn = threading.Lock()
        self._begun: dict[Path, Future[Conversion]] = {}
        self._compared: dict[Path, Comparison | None] = {}

    def begin(self, path: Path, info: ReportInfo, options: Options) -> None:
        """Start to convert a report, unless that was started already, or must wait for its turn.

        It must wait if it follows a report of the same feed in progress: what is new in it is not
        known yet. Errors of the report are raised by `convert`.
        """
        if path in self._begun:
            return
        # `convert` meets errors again in the report's turn, where they are handled.
        with suppress(RetriableError, SkippableError, OSError):
            if self._comparer is None:
                self._submit(path, info, options)
                return
            with self._turn:
                if self._comparer.is_feed_free(info):
                    self._submit(path, info, options)

    def _submit(self, path: Path, info: ReportInfo, options: Options) -> None:
        comparison = None
        if self._comparer is not None:
            comparison = self._compared[path] = self._comparer.compare(path, info)
        spool = self._spool or path.parent
        self._begun[path] = submit_conversion(
            self._executor, path, info, options, spool, comparison
        )

    def convert(
        self, path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        """Finish a conversion, after starting it if it was not yet; see ``convert_report``.

        If the disk has no room for the chunks, the report is converted here, which needs none.
        """
        if path not in self._begun:
            self._submit(path, info, options)
        comparison = self._compared.pop(path, None)
        try:
            conversion = self._begun.pop(path).result()
        except OSError as error:
            if is_disk_full(error):
                return convert_report(path, info, options, emit, comparison)
            raise
        return conversion.emit_and_delete(emit)

    def starting_after(self, download: Download, options: Options) -> Download:
        """Return a download that starts to convert the file when it is there."""

        def download_and_begin(report: ReportInfo, folder: Path, claim: Claim) -> Downloaded:
            downloaded = download(report, folder, claim)
            self.begin(downloaded.path, report, options)
            return downloaded

        return download_and_begin


Item = TypeVar("Item")


def beginning_ahead(
    items: Iterable[Item],
    begin: Callable[[Item], None],
    executor: Executor,
    folder: Path,
    *,
    items_each: int = 1,
) -> Iterator[Item]:
    """Yield items in their order, with ``begin`` called ahead for the next ones.

    Up to twice as many reports are begun as the executor converts at the same time, each of
    ``items_each`` items, and only while ``folder`` has room for them.
    """
    # Twice, so that whoever finishes before its turn finds the next report waiting.
    most = 2 * capacity(executor) * items_each
    has_room = partial(has_room_ahead, folder)
    for item, _ in in_order(begin, items, ahead=most, has_room=has_room):
        yield item
