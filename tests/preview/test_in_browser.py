from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from tests.hostile.corpus import CELLS
from tests.preview.browser import Page, chromium
from tests.preview.conftest import MakeJob

pytestmark = pytest.mark.integration

MARKUP = (
    "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    "<svg onload='window.broken = 1'><a href='https://example.org/'>a</a><b>b</b>"
    "</script><!--<iframe src='https://example.org/'></iframe>"
)
HEADER = (
    *("timestamp", "severity", "ip", "port", "hostname", "tag"),
    *("asn", "as_name", "geo", "banner", "device_model"),
)
PLAIN = [
    tuple(line.split(","))
    for line in (
        "2024-01-31 03:00:00,low,192.0.2.9,8080,c.example.com,http,64496,EX,AT,,",
        "2024-01-31 01:00:00,critical,192.0.2.10,443,a.example.com,ssl,64497,EX,CH,,",
        "2024-01-31 02:00:00,medium,198.51.100.1,21,b.example.com,ftp,64497,EX,CH,needle,",
    )
]
HOSTILE = [
    ("2024-01-31 00:00:00", "high", "192.0.2.1", cell, cell, cell, "64496", cell, cell, cell, cell)
    for cell in (MARKUP, *CELLS.values())
]

Show = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for the tests of this module."""
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def show(browser: Page, make_job: MakeJob, tmp_path: Path) -> Iterator[Show]:
    """Return a function that writes the page of a report and opens it.

    Afterwards the browser must have asked for the page alone, and its console must be empty.
    """
    opened: list[str] = []

    def open_page(*job: object) -> Page:
        path = tmp_path / "page.html"
        write_page([make_job(*job)], path, Options(relationships=None))
        browser.complaints()
        browser.open(path)
        opened.append(path.as_uri())
        return browser

    yield open_page
    assert browser.requests() == opened
    assert browser.complaints() == []


def test_overview_draws_every_chart(show: Show) -> None:
    """Each chart has its bars, and the reports are listed."""
    page = show("scan_ssl", PLAIN, HEADER)
    charts = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('figure')].map((figure) => "
        "[figure.dataset.chart, figure.querySelectorAll('.point').length]))"
    )
    assert charts["time"] == 3 * 3  # three hours, three severities
    assert (charts["severity"], charts["type"], charts["asn"]) == (3, 1, 2)
    assert (charts["country"], charts["tag"]) == (2, 3)
    assert charts["object"] > 5
    assert len(page.texts("#reports tbody tr")) == 1


def test_a_bar_leads_to_its_findings(show: Show) -> None:
    """A click on a bar, or on its number, filters the table; the filter can be taken away."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("figure[data-chart=severity] summary")
    page.click("figure[data-chart=severity] details button")
    assert page.texts("#findings tbody .of-severity") == ["critical"]
    page.click(".chip")
    assert len(page.texts("#findings tbody tr")) == 3


def test_search_filters_the_table(show: Show) -> None:
    """Words typed are looked for in all cells, those not in the table too."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("#tab-findings")
    assert len(page.texts("#findings tbody tr")) == 3
    page.type("#search", "NEEDLE ftp")
    page.wait("document.querySelectorAll('#findings tbody tr').length === 1")
    assert page.texts("#findings tbody .of-address") == ["198.51.100.1"]
    assert page.one("#matches").text == "1 of 3 findings"
    page.type("#search", "nowhere")
    page.wait("document.querySelectorAll('#findings tbody tr').length === 0")


def test_sorting_orders_the_table(show: Show) -> None:
    """A heading sorts by its column, once more the other way round; the worst come first."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("#tab-findings")
    assert page.texts("#findings tbody .of-severity") == ["critical", "medium", "low"]
    page.click("[data-sort=port]")
    assert page.texts("#findings tbody .number:nth-child(5)") == ["21", "443", "8080"]
    page.click("[data-sort=port]")
    assert page.texts("#findings tbody .number:nth-child(5)") == ["8080", "443", "21"]
    page.click("[data-sort=address]")
    assert page.texts("#findings tbody .of-address") == ["192.0.2.9", "192.0.2.10", "198.51.100.1"]
    assert page.one("th[aria-sort=ascending]").text.startswith("Address")


def test_the_table_works_by_keyboard(show: Show) -> None:
    """Tabs, rows and details are reached without a mouse."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.evaluate("document.getElementById('tab-overview').focus()")
    page.press(Keys.ARROW_RIGHT)
    assert page.one("#findings-view").is_displayed()
    page.evaluate("document.querySelector('#findings tbody tr').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    assert page.facts("#finding")["IP"] == "198.51.100.1"


def test_a_click_on_a_node_shows_its_properties(show: Show) -> None:
    """The graph starts at the report; a node clicked shows its properties and its neighbours."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("#tab-graph")
    assert page.facts("#object")["type"] == "report"
    page.type("#jump", "192.0.2.10")
    page.press(Keys.ENTER)
    address = page.facts("#object")["id"]
    page.click("#back")
    page.click_node(address)
    page.wait(f"document.querySelector('#object').textContent.includes('{address}')")
    assert page.facts("#object")["value"] == "192.0.2.10"
    assert any("AS64497" in text for text in page.texts("#object li"))
    page.click("#back")
    assert page.facts("#object")["type"] == "report"


def test_search_jumps_to_an_object(show: Show) -> None:
    """An object is found by its value and shown; the way there needs no mouse."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("#tab-graph")
    page.type("#jump", "b.example")
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    facts = page.facts("#object")
    assert (facts["type"], facts["value"]) == ("domain-name", "b.example.com")


def test_a_relationship_is_an_object_too(show: Show) -> None:
    """The list of neighbours leads to the relationship itself, with its properties."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("#tab-graph")
    page.type("#jump", "192.0.2.10")
    page.press(Keys.ENTER)
    page.click("#object li .faint")
    facts = page.facts("#object")
    assert facts["type"] == "relationship"
    assert "192.0.2.10" in facts["source_ref"] + facts["target_ref"]


def test_a_finding_leads_into_the_graph(show: Show) -> None:
    """From a finding one gets to its address in the graph."""
    page = show("scan_ssl", PLAIN, HEADER)
    page.click("#tab-findings")
    page.click("#findings tbody tr")
    page.click("#finding .action")
    assert page.facts("#object")["value"] == "192.0.2.10"


def test_hostile_cells_stay_text(show: Show) -> None:
    """Markup in cells is shown as it is everywhere; it makes no element and runs nothing."""
    page = show("scan_ssl", HOSTILE, HEADER)
    page.click("#tab-findings")
    assert MARKUP in page.texts("#findings tbody .of-hostname")
    page.type("#search", "window.broken")
    page.wait("document.querySelectorAll('#findings tbody tr').length === 1")
    page.click("#findings tbody tr")
    assert MARKUP in page.facts("#finding").values()
    page.click("#finding .action")
    page.type("#jump", "script onload")
    assert any(MARKUP[:25] in text for text in page.texts("#hits li"))
    page.press(Keys.ENTER)
    assert any(MARKUP[:25] in text for text in page.texts("#object dd"))
    for _ in range(3):
        page.click("#expand")
    assert any("<script>" in text for text in page.texts("#graph text"))
    assert page.evaluate("window.broken") is None
    elements = "img, iframe, object, embed, a[href], b, link, [onerror], [onload]"
    assert page.all(elements) == []
    assert page.evaluate("document.scripts.length") == 5


def test_ten_thousand_findings_are_usable(show: Show) -> None:
    """A page with as many findings as it takes loads, searches, sorts and shows its graph."""
    page = show("scan_ssl", 10_000)
    page.click("#tab-findings")
    assert page.one("#matches").text == "10,000 findings"
    assert len(page.texts("#findings tbody tr")) == 100
    page.click("#last")
    assert page.one("#pages").text == "Page 100 of 100"
    page.click("[data-sort=address]")
    address = page.texts("#findings tbody .of-address")[0]
    page.type("#search", address)
    page.wait("document.getElementById('matches').textContent.includes(' of 10,000')")
    assert all(address in text for text in page.texts("#findings tbody .of-address"))
    page.click("#findings tbody tr")
    page.click("#finding .action")
    assert page.facts("#object")["value"] == address
    for _ in range(3):
        page.click("#expand")
    assert 10 < page.evaluate("document.querySelectorAll('#graph .point').length") < 2_000
