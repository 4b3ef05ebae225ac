"""``preview``: report files as one HTML page with charts, findings and the STIX graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from shadowserver_connector.cli.arguments import made_folder
from shadowserver_connector.cli.console import err, out, print_json, progress
from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.exit_codes import OK, SOME_FAILED, UsageError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import job_of
from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.plural import counted
from shadowserver_connector.preview.page import WrittenPage, write_page
from shadowserver_connector.preview.page_data import MAX_FINDINGS
from shadowserver_connector.report.report_files import find_reports

Failed = dict[str, str]


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
    failed: list[Failed] = []
    with tempfile.TemporaryDirectory(prefix="shadowserver-") as work, progress() as bar:
        jobs = _jobs(paths, Path(work), failed)
        task = bar.add_task("reading", total=2 * len(jobs))
        written = write_page(jobs, page, options, most=most, advance=lambda: bar.advance(task))
    failed += [
        {"file": failure.info.file, "reason": failure.reason} for failure in written.failures
    ]
    if not written.reports and not failed:
        failed.append({"file": "", "reason": "no report among the given files and folders"})
    _show(written, failed, as_json=as_json)
    return SOME_FAILED if failed else OK


def _jobs(paths: Sequence[Path], work: Path, failed: list[Failed]) -> list[Job]:
    def reject(name: str) -> Callable[[Exception], None]:
        return lambda error: failed.append({"file": name, "reason": str(error)})

    jobs: list[Job] = []
    for file in find_reports(paths, work, reject("")):
        try:
            jobs.append(job_of(file))
        except (SkippableError, NotReadyError) as error:
            reject(file.original)(error)
    return jobs


def _show(written: WrittenPage, failed: Sequence[Failed], *, as_json: bool) -> None:
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
                "failed": failed,
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
    for failure in failed:
        err.print(f"failed: {failure['reason']}", markup=False, soft_wrap=True, style="red")
