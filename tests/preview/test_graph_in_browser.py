"""The STIX graph as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from tests.preview.browser import ARROW_DOWN, ENTER, Page
from tests.preview.conftest import both_browsers, write_job

pytestmark = pytest.mark.integration

HEADER = ("timestamp", "severity", "ip", "port", "hostname", "tag", "asn", "geo", "mac_address")
ROWS = [
    tuple(f"2024-01-31 {line}".split(","))
    for line in (
        "03:00:00,low,192.0.2.9,8080,c.example.com,http,64496,AT,",
        "01:00:00,critical,192.0.2.10,443,a.example.com,ssl;cve-2024-3400,64497,CH,",
        "02:00:00,medium,198.51.100.1,21,b.example.com,ftp,64497,CH,",
        "02:10:00,low,2001:DB8::1,22,,ssh,64497,CH,",
    )
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of one report, with all relationships."""
    folder = tmp_path_factory.mktemp("reports")
    write_page(
        [write_job(folder, "scan_ssl", ROWS, HEADER)],
        folder / "page.html",
        Options(relationships=None),
    )
    return folder / "page.html"


@pytest.fixture
def graph(browser: Page, path: Path) -> Page:
    """The page with the graph of its report."""
    browser.look()
    browser.open(path, "#tab=graph")
    return browser


def find(page: Page, text: str) -> dict[str, str]:
    """Search for an object and return its properties."""
    page.type("#jump", text)
    page.press(ENTER)
    page.wait("location.hash.includes('object=')")
    return page.facts("#object")


@both_browsers
def test_a_click_on_a_node_shows_its_properties(graph: Page) -> None:
    """The graph begins with the Report; clicking a node shows its properties and neighbours."""
    assert graph.facts("#object")["type"] == "report"
    address = find(graph, "192.0.2.10")["id"]
    graph.click("#back")
    graph.wait("document.querySelector('#object .kind').textContent === 'report'")
    graph.click_node(address)
    graph.wait(f"document.querySelector('#object').textContent.includes('{address}')")
    assert graph.facts("#object")["value"] == "192.0.2.10"
    assert any("AS64497" in text for text in graph.texts("#object li"))


def test_relationships_are_named_and_lead_to_themselves(graph: Page) -> None:
    """Each line has its relationship's name, which leads to its properties."""
    find(graph, "192.0.2.10")
    assert {"belongs-to", "resolves-to", "located-at"} <= set(graph.texts("#graph .kinds text"))
    graph.run("document.querySelector('#graph .via').dispatchEvent(new Event('click'))")
    graph.wait("document.querySelector('#object .kind').textContent === 'relationship'")
    facts = graph.facts("#object")
    assert "192.0.2.10" in facts["source_ref"] + facts["target_ref"]


def test_names_are_not_clipped(graph: Page) -> None:
    """Every drawn name is inside the canvas, also on a phone and after expanding."""
    outside = """(() => {
      const room = document.querySelector('.canvas').getBoundingClientRect();
      return [...document.querySelectorAll('#graph .node text')].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.left < room.left || box.right > room.right || box.top < room.top
          || box.bottom > room.bottom;
      }).map((text) => text.textContent);
    })()"""
    for width in (1440, 768, 390):
        graph.look(width)
        find(graph, "192.0.2.10")
        graph.click("#expand")
        assert graph.count("#graph .node") > 8
        assert graph.evaluate(outside) == []


def test_what_is_expanded_is_laid_out(graph: Page) -> None:
    """Nodes that are expanded do not overlap."""
    find(graph, "192.0.2.10")
    before = graph.count("#graph .node")
    graph.run("document.getElementById('expand').click()")
    places = graph.evaluate(
        "[...document.querySelectorAll('#graph .node')].map((node) => "
        "node.getAttribute('transform').match(/[-\\d.]+/g).map(Number))"
    )
    assert len(places) >= before
    apart = min(
        ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
        for index, a in enumerate(places)
        for b in places[:index]
    )
    assert apart > 12


@both_browsers
def test_the_graph_works_by_keyboard(graph: Page) -> None:
    """Nodes can be focused and opened by keyboard, and the search has a list of results."""
    graph.type("#jump", "b.example")
    graph.press(ARROW_DOWN, ENTER)
    graph.wait("location.hash.includes('object=')")
    assert graph.facts("#object")["value"] == "b.example.com"
    graph.run("document.querySelector('#graph .node:not(.chosen)').focus()")
    node = graph.evaluate("document.activeElement.dataset.id")
    graph.press(ENTER)
    graph.wait(f"document.querySelector('#object').textContent.includes('{node}')")


def test_objects_by_type_explain_the_shapes(graph: Page) -> None:
    """All types with their counts are listed below the graph, and lead to objects."""
    types = graph.texts("#types li")
    assert any(text.startswith("ipv4-addr 3") for text in types)
    below = "document.querySelector('.types').getBoundingClientRect().top"
    assert graph.evaluate(
        f"{below} >= document.getElementById('graph').getBoundingClientRect().bottom"
    )
    graph.run(
        "[...document.querySelectorAll('#types button')]"
        ".find((one) => one.textContent.startsWith('ipv4-addr')).click()"
    )
    graph.wait("document.querySelectorAll('#hits li').length === 3")


def test_a_report_reads_as_in_opencti(graph: Page) -> None:
    """A Report's description is rendered as paragraphs and emphasis, without markdown."""
    assert graph.count("#object .markdown p")
    assert "**" not in graph.text("#object .markdown")


@both_browsers
@pytest.mark.parametrize("address", ["192.0.2.10", "2001:DB8::1"])
def test_an_address_leads_to_its_host(graph: Page, address: str) -> None:
    """A node of an address leads to its host, in any spelling of the address."""
    find(graph, address.lower())
    graph.click("#object .actions button")
    graph.wait("document.querySelector('#host .facts') !== null")
    assert graph.text("#host h2") == address
