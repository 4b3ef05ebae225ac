"""Many reports from disk to a directory, on any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.ahead import in_order
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.directory import write_report

Job = tuple[Path, ReportInfo]


@dataclass(frozen=True, slots=True)
class Failure:
    """A report that could not be converted; the others are not affected."""

    info: ReportInfo
    reason: str


def convert_into(out: Path, options: Options, job: Job) -> Outcome | Failure:
    """Convert one report into a directory; what is wrong with the report is returned."""
    path, info = job
    try:
        return write_report(out, path, info, lambda emit: convert_report(path, info, options, emit))
    except (SkippableError, NotReadyError) as error:
        return Failure(info, str(error))


def convert_all(
    jobs: Iterable[Job],
    out: Path,
    options: Options,
    executor: Executor,
    *,
    ahead: int,
    done: Callable[[Job], None] = lambda job: None,
) -> Iterator[Outcome | Failure]:
    """Convert reports side by side and yield what became of them, in the order of ``jobs``.

    At most ``ahead`` reports are taken from ``jobs`` before the first of them is finished.
    ``done`` is called when a report's file is not needed any more. Raises ``OSError`` where a
    disk fails.
    """
    convert = partial(convert_into, out, options)
    for job, future in in_order(executor, convert, jobs, ahead=ahead):
        result = future.result()
        done(job)
        yield result
