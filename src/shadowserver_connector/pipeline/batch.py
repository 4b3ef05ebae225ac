"""Many reports from disk to a directory, on any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.errors import (
    ClusterLostError,
    NotReadyError,
    SkippableError,
    WorkerLostError,
    is_about,
)
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.mapping.cells.dates import parse_seen
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.bounds import has_room_ahead, in_order
from shadowserver_connector.pipeline.cluster import ClusterExecutor
from shadowserver_connector.pipeline.conversions_ahead import submit_conversion
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.info import (
    ReportFile,
    ReportInfo,
    day_in_name,
    info_from_filename,
    type_in_name,
    without_extension,
)
from shadowserver_connector.report.report_files import find_reports
from shadowserver_connector.report.table import open_table
from shadowserver_connector.report.wording import unreadable_error
from shadowserver_connector.sink.directory import write_report
from shadowserver_connector.temporary import temporary_folder

# So many rows may have no usable time before a file counts as one without a day.
_ROWS_SEARCHED: Final = 1_000
_END: Final = "2100"
"""A later time is the end of a clock's range, not the day of a report."""


def job_of(file: ReportFile) -> Job:
    """Return what to convert; a file without a day in its name gets the day of its first row.

    If a member of an archive does not tell its type, the archive's own name counts.

    Raises ``ReportUnreadableError`` or ``NotReadyError`` if neither does.
    """
    known = load_catalogue().current_name_of_type
    name = _name_with_type(file, known)
    try:
        # `name` may be made of the archive's, and lack the day that the file's own name has.
        day = day_in_name(name) or day_in_name(file.name) or _first_day(file.path, file.name)
    except OSError as error:
        raise unreadable_error(file.shown_path, error) from error
    return file.path, info_from_filename(name, known, day)


def _name_with_type(file: ReportFile, known: Mapping[str, str]) -> str:
    """Return the name of a file, or its archive's if only that tells the type."""
    if not file.archive or type_in_name(file.name, known) or not type_in_name(file.archive, known):
        return file.name
    stem = without_extension(file.archive)
    return f"{stem}.csv" if file.is_only_member else f"{stem}-{file.name}"


def _first_day(path: Path, name: str) -> date | None:
    with open_table(path, Anomalies(name)) as table:
        if "timestamp" not in table.header:
            return None
        at = table.header.index("timestamp")
        for _, row in islice(table.rows(), _ROWS_SEARCHED):
            try:
                return date.fromisoformat(parse_seen(row[at].strip(), _END)[:10])
            except ValueError:
                continue
    return None


def jobs_in(
    paths: Sequence[Path], workdir: Path, failed: Callable[[Failure], None]
) -> Iterator[Job]:
    """Yield the reports among files, folders and archives; the rest is passed to ``failed``."""
    for file in find_reports(paths, workdir, lambda error: failed(unread("", error))):
        try:
            yield job_of(file)
        except (SkippableError, NotReadyError) as error:
            failed(unread(file.shown_path, error))


def delete_if_unpacked(path: Path, workdir: Path) -> None:
    """Delete a report's file if it was unpacked into ``workdir``."""
    if path.is_relative_to(workdir):
        path.unlink(missing_ok=True)


def unread(name: str, error: Exception) -> Failure:
    """Return the failure of a file whose type and day are unknown."""
    return Failure(ReportInfo(type="", day=date.min, file=name), str(error))


Compare = Callable[[Job], Comparison | None]
"""Returns what the history says about a report; called in the order of the reports."""


def compare_with_nothing(job: Job) -> None:
    """Know nothing about any report."""


def convert_all(
    jobs: Iterable[Job],
    out: Path,
    options: Options,
    executor: Executor,
    *,
    ahead: int,
    done: Callable[[Job], None] = lambda job: None,
    compare: Compare = compare_with_nothing,
) -> Iterator[Outcome | Failure]:
    """Convert reports side by side and yield what became of them, in the order of ``jobs``.

    At most ``ahead`` reports are taken from ``jobs`` before the first of them is finished; fewer
    where what comes back from a cluster fills the temporary directory.
    ``done`` is called when a report's file is not needed any more. Raises ``OSError`` where a
    disk fails, other than for the report's own file.
    """
    with ExitStack() as stack:
        spool: Path | None = None
        if isinstance(executor, ClusterExecutor):
            spool = stack.enter_context(temporary_folder())

        def begin(job: Job) -> Callable[[], Outcome]:
            if spool is None:
                # The workers are on this machine, and write the folders themselves.
                return executor.submit(_convert_into, out, options, job, compare(job)).result
            conversion = submit_conversion(executor, *job, options, spool, compare(job))
            return lambda: write_report(out, *job, conversion.result().emit_and_delete)

        def has_room() -> bool:
            return spool is None or has_room_ahead(spool)

        for job, finish in in_order(begin, jobs, ahead=ahead, has_room=has_room):
            result = _result(job, finish)
            done(job)
            yield result


def _result(job: Job, finish: Callable[[], Outcome]) -> Outcome | Failure:
    path, info = job
    try:
        return finish()
    except (WorkerLostError, ClusterLostError) as error:
        # The other errors name the file themselves.
        return Failure(info, f"{info.file}: {error}")
    except (SkippableError, NotReadyError) as error:
        return Failure(info, str(error))
    except OSError as error:
        # A disk where results or temporary files go: every report would fail.
        if not is_about(error, path):
            raise
        return Failure(info, str(unreadable_error(info.file, error)))


def _convert_into(out: Path, options: Options, job: Job, comparison: Comparison | None) -> Outcome:
    def convert(emit: Callable[[Chunk], None]) -> Outcome:
        return convert_report(*job, options, emit, comparison)

    return write_report(out, *job, convert)
