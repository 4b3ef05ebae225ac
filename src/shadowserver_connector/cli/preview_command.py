"""``preview``: report files as one HTML page with charts, findings and the STIX graph."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from shadowserver_connector.cli.arguments import made_folder
from shadowserver_connector.cli.console import (
    NO_REPORT,
    err,
    failures_as_json,
    out,
    print_failures,
    print_json,
    progress,
)
from shadowserver_connector.exit_codes import OK, SOME_FAILED, UsageError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import jobs_in, unread
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.plural import counted
from shadowserver_connector.preview.page import WrittenPage, write_page
from shadowserver_connector.preview.page_data import MAX_FINDINGS


def preview(
    paths: Sequence[Path],
    page: Path,
    options: Options,
    *,
    most: int = MAX_FINDINGS,
    as_json: bool,
) -> int:
    """Write the page of files, folders and archives; return the exit code.

    ``most`` findings at most stand in its table and graph. No page is written where there is no
    report that can be read.
    """
    if page.is_dir():
        raise UsageError(f"{page} is a folder; name the page to write, such as {page}/page.html")
    made_folder(page.parent)
    failures: list[Failure] = []
    with tempfile.TemporaryDirectory(prefix="shadowserver-") as work, progress() as bar:
        jobs = list(jobs_in(paths, Path(work), failures.append))
        task = bar.add_task("reading", total=2 * len(jobs))
        written = write_page(jobs, page, options, most=most, advance=lambda: bar.advance(task))
    failures += written.failures
    if not written.reports and not failures:
        failures.append(unread("", ValueError(NO_REPORT)))
    _show(written, failures, as_json=as_json)
    return SOME_FAILED if failures else OK


def _show(written: WrittenPage, failures: Sequence[Failure], *, as_json: bool) -> None:
    page = str(written.page) if written.reports else None
    if as_json:
        print_json(
            {
                "page": page,
                "bytes": written.size,
                "reports": written.reports,
                "findings": written.findings,
                "shown": written.shown,
                "objects": written.objects,
                "failed": failures_as_json(failures),
            }
        )
        return
    if page:
        cut = f", {written.shown:,} of them shown" if written.shown < written.findings else ""
        out.print(page, markup=False, soft_wrap=True)
        err.print(
            f"{counted(written.reports, 'report')}, {counted(written.findings, 'finding')}{cut}, "
            f"{counted(written.objects, 'object')}, {written.size / 1e6:.1f} MB."
        )
    print_failures(failure.reason for failure in failures)
