"""``status``: what the status file says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from shadowserver_connector.cli.console import OutputFormat, beside_table, print_json, print_table
from shadowserver_connector.errors import OK, SOME_FAILED
from shadowserver_connector.operations.status import (
    DroppedFiles,
    FailedFile,
    Run,
    Status,
    health_line,
    problems,
)
from shadowserver_connector.operations.status import as_json as as_plain
from shadowserver_connector.operations.status_file import read_status, status_path
from shadowserver_connector.report.wording import bracketed, counted
from shadowserver_connector.settings.load import Settings


def status(settings: Settings, now: datetime, *, form: OutputFormat) -> int:
    """Show the status file; return 1 if something needs attention.

    Raises SinkUnavailableError if there is no status file.
    """
    found = read_status(status_path(settings))
    wrong, line = problems(found, now), health_line(found, now)
    if form is OutputFormat.JSON:
        print_json({"ok": not wrong, "verdict": line, "problems": wrong, **as_plain(found)})
    else:
        beside = beside_table(form)
        beside.print(Text(line, style="bold red" if wrong else "bold green"), soft_wrap=True)
        # The verdict names the first.
        for other in wrong[1:]:
            beside.print(Text(f"also: {other}", style="bold red"), soft_wrap=True)
        print_table(("What", "How"), _rows(found), form)
        for failure in _failures(found):
            beside.print(Text(f"failed: {failure}"), soft_wrap=True)
    return SOME_FAILED if wrong else OK


def _rows(found: Status) -> list[tuple[str, str]]:
    queue = found.queue_megabytes
    rows = [
        ("version", found.version),
        ("started", _time(found.started)),
        ("last heartbeat", _time(found.alive)),
        ("current run", _run(found.current)),
        ("last run", _run(found.last)),
        ("next run", _time(found.next_run)),
        ("last complete run", _time(found.last_complete) if found.last_complete else "none yet"),
        ("newest day at Shadowserver", found.newest_day or "unknown"),
        ("newest day fully imported", found.newest_whole_day or "none yet"),
        ("queue in OpenCTI", "unknown" if queue is None else f"{queue:,.1f} MB"),
    ]
    rows += [
        (f"waiting for {wait.what}", f"since {_time(wait.since)}: {wait.reason}")
        for wait in found.waiting
    ]
    if found.drop_folder != DroppedFiles():
        done, failed = found.drop_folder.done, found.drop_folder.failed
        rows.append(("drop folder", f"{counted(done, 'file')} imported, {failed:,} failed"))
    return rows


def _run(run: Run | None) -> str:
    if run is None:
        return "none"
    ended = f" to {_time(run.ended)}" if run.ended else ""
    of = "" if run.new is None else f" of {run.new:,}"
    return (
        f"{_time(run.started)}{ended}: {run.done:,}{of} reports done, {run.skipped:,} skipped, "
        f"{run.failed:,} failed; {counted(run.findings, 'finding')}"
        f"{bracketed(run.verdict_counts)}, "
        f"{counted(run.objects, 'object')}"
    )


def _failures(found: Status) -> Iterator[str]:
    current, last, dropped = found.current, found.last, found.drop_folder
    again = {each.file for each in current.failures} if current is not None else set()
    if current is not None:
        yield from map(_failure, current.failures)
        yield from _more(current, "report", "the current run")
    if last is not None:
        # What failed in both is named once, with the newer reason.
        yield from (_failure(each) for each in last.failures if each.file not in again)
        yield from _more(last, "report", "the last run")
    yield from (f"{_failure(each)} (drop folder)" for each in dropped.failures)
    yield from _more(dropped, "file", "the drop folder")


def _more(counts: Run | DroppedFiles, what: str, of: str) -> Iterator[str]:
    """Yield how many failures the status does not name, if there are any."""
    if more := counts.failed - len(counts.failures):
        yield f"{counted(more, f'more {what}')} of {of}"


def _failure(failed: FailedFile) -> str:
    reason = failed.reason
    # Most reasons name the file themselves.
    text = reason if reason.startswith(failed.file) else f"{failed.file}: {reason}"
    return f"{text} ({failed.times} runs in a row)" if failed.times > 1 else text


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "not known"
