"""The page used as a person does: findings, filters, address bar, files, keyboard."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from tests.preview.browser import ARROW_DOWN, ARROW_RIGHT, END, ENTER, ESCAPE, HOME, Page
from tests.preview.conftest import both_browsers, write_job

pytestmark = [pytest.mark.integration, both_browsers]

HEADER = (
    *("timestamp", "severity", "ip", "port", "hostname", "tag"),
    *("asn", "as_name", "geo", "banner", "device_model"),
)


def row(time: str, severity: str, ip: str, port: str, *rest: str) -> tuple[str, ...]:
    """Return a row of a scan; cells that are not given are empty."""
    return (f"2024-01-31 {time}", severity, ip, port, *rest, *[""] * (len(HEADER) - 4 - len(rest)))


TODAY = [
    row("03:00:00", "low", "192.0.2.9", "8080", "c.example.com", "http", "64496", "EX", "AT"),
    row("01:00:00", "critical", "192.0.2.10", "443", "a.example.com", "ssl", "64497", "EY", "CH"),
    row("02:00:00", "medium", "198.51.100.1", "21", "", "ftp", "64497", "EY", "CH", "needle"),
    row("02:30:00", "high", "192.0.2.10", "8443", "a.example.com", "ssl;cve-2024-3400", "64497"),
]
YESTERDAY = [
    row("03:00:00", "low", "192.0.2.9", "8080", "c.example.com", "http", "64496", "EX", "AT"),
    row("04:00:00", "high", "203.0.113.5", "22", "", "ssh", "64496", "EX", "AT"),
    row("02:00:00", "medium", "198.51.100.1", "21", "", "ftp", "64497", "EY", "CH", "other"),
]
ACCOUNTS = [
    ("2024-01-31 05:00:00", "=cmd@example.org", "high", "redline"),
    ("2024-01-31 05:10:00", "user@example.net", "high", "redline"),
]
SHOWN = "#findings tbody .row"

Show = Callable[..., Page]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of two days of one scan, and of accounts."""
    folder = tmp_path_factory.mktemp("reports")
    yesterday = [(f"2024-01-30 {line[0][11:]}", *line[1:]) for line in YESTERDAY]
    jobs = [
        write_job(folder, "scan_ssl", yesterday, HEADER, day=date(2024, 1, 30)),
        write_job(folder, "scan_ssl", TODAY, HEADER),
        write_job(
            folder, "compromised_account", ACCOUNTS, ("timestamp", "email", "severity", "infection")
        ),
    ]
    page = folder / "page.html"
    write_page(jobs, page, Options())
    return page


@pytest.fixture
def show(browser: Page, path: Path) -> Iterator[Show]:
    """Return a function that opens the page at an address.

    Afterwards the browser must have requested nothing else, and its console must be empty.
    """
    opened: list[str] = []

    def open_page(state: str = "") -> Page:
        browser.look()
        browser.open(path, f"#{state}" if state else "")
        opened.append(path.as_uri())
        return browser

    yield open_page
    asked = {url.partition("#")[0] for url in browser.requests() if not url.startswith("blob:")}
    assert asked <= set(opened)
    assert browser.complaints() == []


def subjects(page: Page) -> list[str]:
    """Return the subjects of the findings in the table."""
    return page.texts(f"{SHOWN} .of-subject")


def test_the_first_screen_says_what_is_worst_and_what_to_do(show: Show) -> None:
    """The worst host comes first, with since when and what to do, without scrolling."""
    page = show()
    first = page.texts("#worst tbody tr:first-child td")
    assert first[0] == "critical"
    assert first[1].startswith("192.0.2.10")
    assert "AS64497" in first[2]
    assert "1 other finding" in first[3]
    assert first[4] == "2024-01-31"
    assert first[5]
    assert page.evaluate("document.querySelector('#worst tr:nth-child(5)') !== null")
    bottom = "document.querySelector('#worst tbody tr').getBoundingClientRect().bottom"
    assert page.evaluate(f"{bottom} < innerHeight")
    # What is no longer reported comes last.
    assert page.texts("#worst tbody tr:last-child td")[1].startswith("203.0.113.5")


def test_every_chart_is_drawn(show: Show) -> None:
    """Each facet has bars, the time chart an axis, and the days their verdicts."""
    page = show()
    page.wait("document.querySelector('[data-chart=time] svg') !== null")
    assert len(page.texts("figure[data-chart=severity] li")) == 4
    assert len(page.texts("figure[data-chart=type] li")) == 2
    assert page.texts("figure[data-chart=time] svg title")
    assert page.evaluate("document.querySelector('[data-chart=time] svg').ariaLabel !== ''")


def test_a_bar_leads_to_all_of_its_findings(show: Show) -> None:
    """A click on a bar shows as many findings as it counts; the filter can be removed."""
    page = show()
    page.click("figure[data-chart=severity] li:nth-child(2) button")
    number = int(page.text("#matches").split()[0])
    assert len(page.texts(SHOWN)) == number == 4
    assert set(page.texts(f"{SHOWN} .of-severity")) == {"high"}
    page.click(".chip")
    assert page.text("#matches") == "9 findings"


def test_search_looks_into_all_cells(show: Show) -> None:
    """The search covers all cells, also those not in the table, and says if nothing matches."""
    page = show("tab=findings")
    page.type("#search", "NEEDLE ftp")
    page.wait(f"document.querySelectorAll('{SHOWN}').length === 1")
    assert subjects(page) == ["198.51.100.1"]
    assert page.text("#matches") == "1 of 9 findings"
    page.type("#search", "nowhere")
    page.wait("document.querySelector('#table-empty button') !== null")
    assert "No finding matches “nowhere”" in page.text("#table-empty")
    page.click("#table-empty button")
    assert page.text("#matches") == "9 findings"


def test_facets_combine_and_count(show: Show) -> None:
    """Keys of one facet are combined by or, facets by and; the counts follow."""
    page = show("tab=findings")
    page.click("#facets-toggle")
    assert set(page.texts(".facet > summary")) >= {
        *("Severity", "From day to day", "Type", "Day", "List", "Network", "Country", "Tag"),
        *("CVE", "Port", "Malware or activity"),
    }
    page.click("[data-key='severity=high']")
    page.click("[data-key='severity=critical']")
    assert page.text("#matches") == "5 of 9 findings"
    # The facet's own counts are those that a further choice would give.
    assert page.texts("[data-facet=severity] .facet-number") == ["1", "4", "2", "2"]
    page.click("[data-facet=asn] summary")
    page.wait("document.querySelector('[data-key=\"asn=64497\"]') !== null")
    page.click("[data-key='asn=64497']")
    assert sorted(subjects(page)) == ["192.0.2.10", "192.0.2.10"]
    assert page.texts("[data-facet=severity] .facet-number") == ["1", "1", "2"]
    page.click("#facets .close")
    assert not page.evaluate("document.getElementById('facets').checkVisibility()")


def test_a_facet_with_many_keys_can_be_searched(show: Show) -> None:
    """CVEs, ports and others are searchable filters; a host's subject is not a facet."""
    page = show("tab=findings")
    page.click("#facets-toggle")
    page.click("[data-facet=cve] summary")
    page.wait("document.querySelector('[data-facet=cve] input') !== null")
    page.click("[data-key='cve=CVE-2024-3400']")
    assert subjects(page) == ["192.0.2.10"]
    assert not page.count("[data-facet=subject]")


def test_a_span_of_time_is_chosen_by_dragging_and_by_keyboard(show: Show) -> None:
    """Dragging across bars filters by time, as the two fields do."""
    page = show()
    svg = "figure[data-chart=time] svg"
    page.wait(f"document.querySelector('{svg}') !== null")
    width = page.evaluate(f"document.querySelector('{svg}').clientWidth")
    page.drag(svg, (-30, -20), (60 - int(width / 2), -20))
    page.wait("location.hash.includes('time=')")
    assert page.text("#matches") == "3 of 9 findings"
    page.click(".chip")
    option = "#charts select[data-span=from] option:nth-child(27)"
    assert page.text(option) == "2024-01-31 02:00"
    page.run(
        "const field = document.querySelector('#charts select[data-span=from]');"
        "field.selectedIndex = 26; field.dispatchEvent(new Event('change'));"
    )
    assert page.text("#matches") == "5 of 9 findings"


def test_sorting_orders_the_table(show: Show) -> None:
    """A heading sorts by its column, a second click reverses; empty cells stay last."""
    page = show("tab=findings&type=scan_ssl&day=2024-01-31")
    assert page.texts(f"{SHOWN} .of-severity") == ["critical", "high", "medium", "low"]
    page.click("[data-sort=port]")
    assert page.texts(f"{SHOWN} .of-port") == ["21", "443", "8080", "8443"]
    page.click("[data-sort=port]")
    assert page.texts(f"{SHOWN} .of-port") == ["8443", "8080", "443", "21"]
    page.click("[data-sort=name]")
    names = ["a.example.com", "a.example.com", "c.example.com", ""]
    assert page.texts(f"{SHOWN} .of-name") == names
    page.click("[data-sort=name]")
    assert page.texts(f"{SHOWN} .of-name") == [*reversed(names[:3]), ""]
    page.click("[data-sort=subject]")
    assert subjects(page) == ["192.0.2.9", "192.0.2.10", "192.0.2.10", "198.51.100.1"]
    assert page.text("th[aria-sort=ascending]").startswith("Of")


def test_rows_without_an_address_say_whose_they_are(show: Show) -> None:
    """The subject column has the account of a row without an address."""
    page = show("tab=findings&type=compromised_account")
    assert sorted(subjects(page)) == ["=cmd@example.org", "user@example.net"]
    assert page.texts(f"{SHOWN} .of-malware") == ["redline", "redline"]


def test_the_address_bar_holds_the_view(show: Show) -> None:
    """The address keeps tab, filters, sort and selection, for back, reload and sharing."""
    page = show("tab=findings")
    page.click("[data-sort=port]")
    page.click("#facets-toggle")
    page.click("[data-key='type=scan_ssl']")
    page.click(f"{SHOWN}:nth-of-type(2)")
    page.wait("document.querySelector('#finding .facts') !== null")
    address = page.hash()
    assert address["tab"] == ["findings"]
    assert address["type"] == ["scan_ssl"]
    assert address["sort"] == ["port"]
    chosen = page.text("#finding h2")
    page.reload()
    page.wait("document.querySelector('#finding .facts') !== null")
    assert page.text("#finding h2") == chosen
    assert page.text("#matches") == "7 of 9 findings"
    assert page.text("th[aria-sort=ascending]").startswith("Port")
    page.back()
    page.wait("!location.hash.includes('row=')")
    page.back()
    page.wait("!location.hash.includes('type=')")
    page.wait("document.getElementById('matches').textContent === '9 findings'")


@pytest.mark.parametrize(
    "state",
    [
        "tab=nowhere&sort=-nothing&row=99999&time=a~b&severity=odd",
        "%%%&row=-1&host=%3Cscript%3E&tab=hosts&time=9~1",
        "tab=graph&object=none",
    ],
)
def test_whatever_the_address_holds_there_is_a_view(show: Show, state: str) -> None:
    """A damaged or foreign address still gives a view."""
    page = show(state)
    assert page.evaluate("document.querySelector('[role=tabpanel]:not([hidden])') !== null")


def test_the_table_works_by_keyboard(show: Show) -> None:
    """Tabs, rows and details work without a mouse; Esc closes and returns the focus to the row."""
    page = show()
    page.run("document.getElementById('tab-hosts').focus()")
    page.press(ARROW_RIGHT)
    page.wait("document.activeElement.id === 'tab-findings'")
    page.run(f"document.querySelector('{SHOWN}').focus()")
    page.press(END)
    page.wait("document.activeElement.dataset.index === '8'")
    page.press(HOME, ARROW_DOWN, ENTER)
    page.wait("document.querySelector('#finding .facts') !== null")
    page.press(ESCAPE)
    page.wait("document.querySelector('#finding .facts') === null")
    assert page.evaluate("document.activeElement.dataset.index") == "1"


def test_details_do_not_move_the_row(show: Show) -> None:
    """The clicked row stays under the pointer, in a window of any width."""
    page = show("tab=findings")
    top = f"Math.round(document.querySelectorAll('{SHOWN}')[5].getBoundingClientRect().top)"
    for width in (1440, 900):
        page.look(width)
        before = page.evaluate(top)
        page.click(SHOWN, 5)
        page.wait("document.querySelector('#finding .facts') !== null")
        assert page.evaluate(top) == before
        page.press(ESCAPE)
        page.wait("document.querySelector('#finding .facts') === null")


def test_what_is_shown_is_saved(show: Show, tmp_path: Path) -> None:
    """CSV and JSON have all matching findings; no cell is a formula in a spreadsheet."""
    page = show("tab=findings&type=compromised_account&sort=subject")
    page.save_to(tmp_path)
    page.click("#save-json")
    page.click("#save-csv")
    for name in ("findings.json", "findings.csv"):
        _wait_for(tmp_path / f"shadowserver-{name}")
    records = json.loads((tmp_path / "shadowserver-findings.json").read_text(encoding="utf-8"))
    assert [record["email"] for record in records] == [line[1] for line in ACCOUNTS]
    assert records[0]["report_type"] == "compromised_account"
    with (tmp_path / "shadowserver-findings.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["email"] for line in lines] == ["'=cmd@example.org", "user@example.net"]


def _wait_for(file: Path) -> None:
    for _ in range(200):
        if file.exists() and file.stat().st_size:
            return
        time.sleep(0.05)
    raise AssertionError(f"{file.name} was not saved")


def test_cells_rows_and_objects_are_copied(show: Show) -> None:
    """Cells, rows and objects have a button that copies the plain value."""
    page = show("tab=findings&sort=port&type=scan_ssl&day=2024-01-31")
    page.run("window.copied = []; navigator.clipboard.writeText = async (t) => {copied.push(t)}")
    page.click(SHOWN)
    page.wait("document.querySelector('#finding .facts') !== null")
    page.click("#finding [aria-label='Copy: IP']")
    page.click("#finding .actions button:nth-of-type(3)")
    page.click("#finding .actions .to-graph")
    page.wait("document.querySelector('#object .copy') !== null")
    page.click("#object .copy")
    page.wait("copied.length === 3")
    cell, whole, stix = page.evaluate("copied")
    assert cell == "198.51.100.1"
    assert json.loads(whole)["banner"] == "needle"
    assert json.loads(stix)["value"] == "198.51.100.1"


def test_days_are_compared(show: Show) -> None:
    """New, changed, recurring and gone findings are a chart, a filter and a column."""
    page = show()
    numbers = {
        line.split("|")[0]: line.split("|")[1:]
        for line in page.evaluate(
            "[...document.querySelectorAll('[data-chart=status] tbody tr')]"
            ".map((line) => [...line.children].map((cell) => cell.textContent).join('|'))"
        )
    }
    assert numbers == {
        "of the first day": ["3", "2", "5 hosts"],
        "new": ["0", "2", "1 host"],
        "changed": ["0", "1", "1 host"],
        "still there": ["0", "1", "1 host"],
        "no longer reported": ["", "1", "1 host"],
    }
    page = show("tab=findings&status=gone")
    assert subjects(page) == ["203.0.113.5"]
    assert page.texts(f"{SHOWN} .of-status") == ["not on 2024-01-31"]
    page = show("tab=findings&status=changed")
    assert page.texts(f"{SHOWN} .of-status") == ["changed"]
    page.click(SHOWN)
    page.wait("document.querySelector('#finding .days') !== null")
    assert page.texts("#finding .days li") == [
        "2024-01-30: of the first day",
        "2024-01-31: changed",
    ]


def test_a_host_shows_all_that_is_known_of_it(show: Show) -> None:
    """A host's view has services, weaknesses, advice, findings and Notes."""
    page = show()
    page.click("#worst .link.host")
    page.wait("document.querySelector('#host .facts') !== null")
    assert page.hash()["host"] == ["192.0.2.10"]
    facts = page.facts("#host")
    assert facts["Network"].startswith("AS64497")
    assert facts["CVE"] == "CVE-2024-3400"
    assert facts["Port"] == "443, 8443"
    assert page.texts("#host .todo li")
    assert len(page.texts("#host .host-findings li")) == 2
    page.click("#host .notes summary")
    page.wait("document.querySelector('#host .notes article') !== null")
    assert "192.0.2.10" in page.texts("#host .notes article h4")[0]
    assert page.texts("#host .notes strong")
    assert "8443" in page.texts("#host .notes td")
    page.click("#host .actions button")
    assert set(subjects(page)) == {"192.0.2.10"}


def test_hosts_are_listed_the_worst_first(show: Show, tmp_path: Path) -> None:
    """Each host has its findings by type and its first and last time; the list can be saved."""
    page = show("tab=hosts&type=scan_ssl")
    lines = page.texts("#hosts .row .of-subject")
    assert lines == ["192.0.2.10", "198.51.100.1", "192.0.2.9", "203.0.113.5"]
    assert page.texts("#hosts .row .of-types")[0] == "scan_ssl (2)"
    assert page.texts("#hosts .row .of-first") == ["2024-01-31", *["2024-01-30"] * 3]
    assert page.texts("#hosts .row .of-last")[3] == "2024-01-30, not since"
    page.save_to(tmp_path)
    page.click("#save-json")
    _wait_for(tmp_path / "shadowserver-hosts.json")
    saved = json.loads((tmp_path / "shadowserver-hosts.json").read_text(encoding="utf-8"))
    assert [host["host"] for host in saved] == lines
    assert saved[3]["still_reported"] == "no"


def test_hosts_are_sorted_by_their_headings(show: Show, tmp_path: Path) -> None:
    """Hosts sort by mouse and keyboard, both ways; address and saved file keep the order."""
    page = show("tab=hosts&type=scan_ssl")
    worst_first = hosts(page)
    assert page.text("#hosts th[aria-sort=descending]").startswith("Worst")
    page.click("#hosts [data-sort=subject]")
    assert hosts(page) == ["192.0.2.9", "192.0.2.10", "198.51.100.1", "203.0.113.5"]
    assert page.text("#hosts th[aria-sort=ascending]").startswith("Host")
    assert page.hash()["order"] == ["subject"]
    page.press(ENTER)
    page.wait("location.hash.includes('order=-subject')")
    assert hosts(page) == ["203.0.113.5", "198.51.100.1", "192.0.2.10", "192.0.2.9"]
    page.save_to(tmp_path)
    page.click("#save-json")
    _wait_for(tmp_path / "shadowserver-hosts.json")
    saved = json.loads((tmp_path / "shadowserver-hosts.json").read_text(encoding="utf-8"))
    assert [host["host"] for host in saved] == hosts(page)
    page.reload()
    page.wait("document.querySelector('#hosts .row') !== null")
    assert hosts(page)[0] == "203.0.113.5"
    page.click("#hosts [data-sort=name]")
    names = page.texts("#hosts .row .of-name")
    assert names == ["a.example.com", "c.example.com", "", ""]
    page.click("#hosts [data-sort=name]")
    assert page.texts("#hosts .row .of-name") == ["c.example.com", "a.example.com", "", ""]
    for column, first in (("findings", "192.0.2.10"), ("last", "192.0.2.9")):
        page.click(f"#hosts [data-sort={column}]")
        assert page.text("#hosts th[aria-sort=descending] button").startswith(
            {"findings": "Findings", "last": "Last seen"}[column]
        )
        assert hosts(page)[0] == first
    page.click("#hosts [data-sort=first]")
    assert page.texts("#hosts .row .of-first") == [*["2024-01-30"] * 3, "2024-01-31"]
    page.click("#hosts [data-sort=severity]")
    assert hosts(page) == worst_first
    page.click("#hosts [data-sort=severity]")
    assert hosts(page) == worst_first[::-1]
    # The findings have an order of their own.
    page.click("#tab-findings")
    assert page.text("#findings th[aria-sort=descending]").startswith("Severity")


def hosts(page: Page) -> list[str]:
    """Return the hosts in the table."""
    return page.texts("#hosts .row .of-subject")


def test_the_host_of_every_finding_is_one_click_away(show: Show) -> None:
    """A row's details lead to its host, and back."""
    page = show("tab=findings&type=compromised_account&sort=subject")
    page.click(SHOWN)
    page.wait("document.querySelector('#finding .facts') !== null")
    page.click("#finding .actions button")
    page.wait("document.querySelector('#host .facts') !== null")
    assert page.text("#host h2") == "=cmd@example.org"
    page.back()
    page.wait("document.getElementById('findings-view').hidden === false")


FACETS = ("severity", "type", "asn", "country", "tag", "cve", "malware", "port")


@pytest.mark.parametrize("chart", FACETS)
def test_a_bar_leads_to_its_hosts(show: Show, chart: str) -> None:
    """Each bar has the number of its hosts and leads to them."""
    page = show()
    way = f"figure[data-chart={chart}] li:first-child .to-hosts"
    number = int(page.text(way).split()[0])
    page.click(way)
    page.wait("!document.getElementById('hosts-view').hidden")
    assert set(page.hash()) == {"tab", chart}
    assert len(hosts(page)) == number > 0
    page.click("#hosts .row")
    page.wait("document.querySelector('#host .facts') !== null")


def test_every_chart_is_one_that_leads_to_hosts(show: Show) -> None:
    """Every chart of the overview, and every report, leads to hosts."""
    page = show()
    charts = page.evaluate("[...document.querySelectorAll('figure')].map((f) => f.dataset.chart)")
    assert set(charts) == {"status", "time", *FACETS}
    assert page.evaluate(
        "[...document.querySelectorAll('figure, .report')]"
        ".every((one) => one.querySelector('.to-hosts'))"
    )


def test_a_span_of_time_leads_to_its_hosts(show: Show) -> None:
    """A span selected on the time chart filters the hosts."""
    hour = 1706662800  # 2024-01-31 01:00
    page = show(f"tab=overview&time={hour}~{hour + 3600}")
    page.click("figure[data-chart=time] .to-hosts")
    page.wait("!document.getElementById('hosts-view').hidden")
    assert hosts(page) == ["192.0.2.10"]


def test_a_days_verdict_leads_to_its_hosts(show: Show) -> None:
    """A day's gone findings lead to their hosts."""
    page = show()
    page.click("figure[data-chart=status] tbody tr:nth-child(2) .to-hosts")
    page.wait("!document.getElementById('hosts-view').hidden")
    assert page.hash()["status"] == ["gone"]
    assert hosts(page) == ["203.0.113.5"]


def test_a_report_leads_to_its_hosts(show: Show) -> None:
    """The list of reports leads to the hosts of one type."""
    page = show()
    page.click(".report:last-child summary")
    page.click(".report:last-child .to-hosts")
    page.wait("!document.getElementById('hosts-view').hidden")
    assert page.hash()["type"] == ["compromised_account"]
    assert sorted(hosts(page)) == ["=cmd@example.org", "user@example.net"]


def test_every_row_leads_to_its_host(show: Show) -> None:
    """Each row of the table leads to its host, whatever its subject."""
    page = show("tab=findings&sort=subject")
    shown = subjects(page)
    assert len(shown) == 9
    for at, subject in enumerate(shown):
        page.click(SHOWN, at)
        page.wait(f"document.getElementById('finding').dataset.row !== '' && {_heading(subject)}")
        page.click("#finding .actions button")
        page.wait("document.querySelector('#host .facts') !== null")
        assert page.text("#host h2") == subject
        page.back()
        page.wait("!document.getElementById('findings-view').hidden")


def _heading(subject: str) -> str:
    return f"document.querySelector('#finding h2').textContent === '{subject}'"
