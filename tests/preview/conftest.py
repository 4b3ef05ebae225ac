"""Reports to preview, and a browser to look at their page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.simulator.generate import write_report
from tests.preview.browser import Page, open_browser

DAY = date(2024, 1, 31)

MakeJob = Callable[..., Job]


def write_job(
    folder: Path,
    report_type: str,
    rows: Sequence[Sequence[str]] | int,
    header: Sequence[str] = (),
    name: str = "example",
    *,
    day: date = DAY,
    hostile: bool = False,
) -> Job:
    """Write a report file with this header and rows, or with generated rows."""
    path = folder / f"{day}-{report_type}-{name}.csv"
    if isinstance(rows, int):
        write_report(path, report_type, day, rows, with_hostile_cells=hostile)
    else:
        lines = [header, *rows]
        text = "".join(
            ",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in lines
        )
        path.write_text(text, encoding="utf-8")
    return path, ReportInfo(type=report_type, day=day, file=path.name, list=name)


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Return ``write_job`` for the test's own folder."""

    def make(*args: object, **named: object) -> Job:
        return write_job(tmp_path, *args, **named)  # type: ignore[arg-type]

    return make


both_browsers = pytest.mark.parametrize("browser", ["chromium", "firefox"], indirect=True)
"""For tests of what a person does with the page; without it they run in Chromium."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One Chromium for all tests of the page."""
    with open_browser("chromium", tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One Firefox for all tests of the page."""
    with open_browser("firefox", tmp_path_factory.mktemp("firefox")) as page:
        yield page


@pytest.fixture
def browser(request: pytest.FixtureRequest) -> Page:
    """The browser that the test runs in."""
    page: Page = request.getfixturevalue(getattr(request, "param", "chromium"))
    return page
