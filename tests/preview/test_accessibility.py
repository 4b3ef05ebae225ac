"""Accessibility of the page: on a phone, in the dark, by keyboard, with a screen reader.

With TEST_FULL set, as by ``make test-full``, each colour scheme is checked at each width.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from tests.preview.browser import Page
from tests.preview.conftest import both_browsers, write_job

pytestmark = pytest.mark.integration

VIEWS = {
    "overview": ("tab=overview", "#charts figure"),
    "hosts": ("tab=hosts", "#hosts .row"),
    "host": ("tab=hosts&host=HOST", "#host .facts"),
    "findings": ("tab=findings&severity=high&severity=critical&severity=low", "#findings .row"),
    "finding": ("tab=findings&row=3", "#finding .facts"),
    "nothing": ("tab=findings&q=nowhere-at-all", "#table-empty button"),
    "graph": ("tab=graph", "#object .facts"),
}
SCREENS = [(1440, "dark"), (390, "light")]
if os.environ.get("TEST_FULL"):
    SCREENS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of some reports of two days."""
    folder = tmp_path_factory.mktemp("reports")
    jobs = [
        *(
            write_job(folder, "scan_ssl", 8, day=day)
            for day in (date(2024, 1, 30), date(2024, 1, 31))
        ),
        write_job(folder, "compromised_account", 4),
        write_job(folder, "event4_sinkhole_http", 5),
    ]
    write_page(jobs, folder / "page.html", Options(create_incident=True))
    return folder / "page.html"


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing(browser: Page, path: Path, width: int, scheme: str) -> None:
    """No view violates a rule of axe-core, such as contrast."""
    browser.look(width, 850, scheme)
    browser.open(path, "#tab=hosts")
    host = browser.texts("#hosts .row .of-subject")[0]
    found: dict[str, object] = {}
    for name in VIEWS:
        _go(browser, name, host)
        if name == "findings" and width > 700:
            browser.click("#facets-toggle")
        if name == "host":
            browser.click("#host .notes summary")
            browser.wait("document.querySelector('#host .notes article') !== null")
        violations = browser.violations()
        if name == "findings" and width > 700:
            browser.click("#facets .close")
        if violations:
            found[name] = violations
    assert found == {}


def _go(page: Page, name: str, host: str) -> None:
    state, shown = VIEWS[name]
    page.run(f"location.hash = '#{state.replace('HOST', host)}'")
    page.wait(f"document.querySelector('{shown}') !== null")


@both_browsers
@pytest.mark.parametrize("width", [768, 390, 320])
def test_nothing_runs_out_of_a_small_window(browser: Page, path: Path, width: int) -> None:
    """No view is wider than a small window."""
    browser.look(width, 850)
    browser.open(path, "#tab=hosts")
    host = browser.texts("#hosts .row .of-subject")[0]
    wider = {}
    for name in VIEWS:
        _go(browser, name, host)
        wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            wider[name] = wide
    assert wider == {}


@both_browsers
def test_a_phone_shows_what_matters(browser: Page, path: Path) -> None:
    """On a phone, rows show severity, subject and type without scrolling sideways."""
    browser.look(390, 844)
    browser.open(path, "#tab=findings")
    for cell in (".of-severity", ".of-subject", ".of-type"):
        inside = f"document.querySelector('#findings .row {cell}').getBoundingClientRect().right"
        assert browser.evaluate(f"{inside} <= innerWidth")
    browser.run("location.hash = '#tab=overview'")
    browser.wait("document.querySelector('#charts figure') !== null")
    assert browser.evaluate("document.documentElement.scrollHeight") < 7_000


@both_browsers
@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_cuts_no_line_of_a_host(browser: Page, tmp_path: Path, width: int) -> None:
    """On a phone, the longest line in the list of hosts is not cut."""
    header = ("timestamp", "ip", "hostname")
    gone = [("2024-01-30 10:20:00", "192.0.2.1", "a-long-name-of-a-host.example.com")]
    there = [("2024-01-31 10:20:00", "192.0.2.2", "")]
    jobs = [
        write_job(tmp_path, name, rows, header, day=date(2024, 1, day))
        for name in ("scan_exchange", "scan_ssl")
        for day, rows in ((30, gone), (31, there))
    ]
    write_page(jobs, tmp_path / "page.html", Options())
    browser.look(width, 844)
    browser.open(tmp_path / "page.html", "#tab=hosts")
    assert browser.texts("#hosts .row .of-last") == ["2024-01-31", "2024-01-30, not since"]
    outside = """[...document.querySelectorAll('#hosts .row')].flatMap((row) => {
      const room = row.getBoundingClientRect();
      return [...row.children].filter((cell) => {
        const box = cell.getBoundingClientRect();
        return box.height && (box.top < room.top - 1 || box.bottom > room.bottom + 1);
      }).map((cell) => cell.textContent);
    })"""
    assert browser.evaluate(outside) == []


def test_one_row_has_a_sensible_axis(browser: Page, tmp_path: Path) -> None:
    """The time chart of a single finding spans its day."""
    job = write_job(
        tmp_path, "scan_ssl", [("2024-01-31 10:20:00", "192.0.2.1")], ("timestamp", "ip")
    )
    write_page([job], tmp_path / "page.html", Options())
    browser.look()
    browser.open(tmp_path / "page.html")
    names = browser.texts("figure[data-chart=time] svg title")
    assert len(names) == 24
    assert names[10] == "2024-01-31 10:00: 1"


def test_a_page_without_rows_says_so(browser: Page, tmp_path: Path) -> None:
    """A page whose rows are all left out by the settings says why."""
    job = write_job(tmp_path, "scan_ssl", [("low", "192.0.2.1")], ("severity", "ip"))
    write_page([job], tmp_path / "page.html", Options(min_severity="critical"))
    browser.look()
    browser.open(tmp_path / "page.html")
    assert "1 row below the severity" in browser.text("#notice")
    assert "no rows, or the settings leave all of them out" in browser.text("#worst-hosts")
    for tab in ("hosts", "findings", "graph"):
        browser.click(f"#tab-{tab}")
    assert browser.complaints() == []
