"""Hostile rows: the page shows the text of any cell, and nothing in it takes effect."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from tests.hostile.corpus import CELLS
from tests.preview.browser import ENTER, Page
from tests.preview.conftest import both_browsers, write_job

pytestmark = pytest.mark.integration

MARKUP = (
    "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    "<svg onload='window.broken = 1'><a href='https://example.org/'>a</a><b>b</b>"
    "</script><!--<iframe src='https://example.org/'></iframe>"
)
MARKDOWN = "[x](javascript:window.broken=1) [y](https://example.org/) ![z](https://example.org/z)"
HEADER = (
    *("timestamp", "severity", "ip", "port", "hostname", "tag"),
    *("asn", "as_name", "geo", "banner", "device_model", "infection"),
)
HOSTILE = [
    ("2024-01-31 00:00:00", "high", "192.0.2.1", *[cell] * 3, "64496", *[cell] * 5)
    for cell in (MARKUP, MARKDOWN, *CELLS.values())
]
NOBODY = [
    ("2024-01-31 00:00:00", "high", cell, cell) for cell in (MARKUP, MARKDOWN, *CELLS.values())
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of reports with every hostile cell in every column, on two days."""
    folder = tmp_path_factory.mktemp("reports")
    jobs = [
        write_job(folder, "scan_ssl", HOSTILE, HEADER, day=date(2024, 1, 30)),
        write_job(folder, "scan_ssl", HOSTILE, HEADER),
        write_job(
            folder, "ransomware_victim", NOBODY, ("timestamp", "severity", "entity_name", "website")
        ),
    ]
    write_page(jobs, folder / "page.html", Options())
    return folder / "page.html"


@both_browsers
def test_hostile_cells_stay_text(browser: Page, path: Path) -> None:
    """Markup in cells is shown as text in every view; it makes no element and runs nothing."""
    page = browser
    page.look()
    page.open(path)
    page.run("document.querySelectorAll('details').forEach((d) => d.open = true)")
    _nothing_was_made(page)
    page.click("#tab-findings")
    page.click("#facets-toggle")
    page.run("document.querySelectorAll('details').forEach((d) => d.open = true)")
    page.type("#search", "window.broken")
    page.wait("document.getElementById('matches').textContent.includes(' of ')")
    assert any("<script>" in text for text in page.texts("#findings .row .of-subject"))
    assert any("<script>" in text for text in page.texts("#facets li"))
    page.click("#findings .row")
    page.wait("document.querySelector('#finding .facts') !== null")
    assert any(MARKUP[:60] in text for text in page.texts("#finding dd"))
    _nothing_was_made(page)
    page.run("location.hash = '#tab=hosts&host=192.0.2.1'")
    page.wait("document.querySelector('#host .facts') !== null")
    page.run("document.querySelectorAll('details').forEach((d) => d.open = true)")
    page.wait("document.querySelector('#host .notes article') !== null")
    assert any("<" in text for text in page.texts("#host .notes article"))
    _nothing_was_made(page)
    page.click("#host .to-graph")
    page.wait("document.querySelector('#object .facts') !== null")
    page.type("#jump", "script onload")
    assert any(MARKUP[:25] in text for text in page.texts("#hits li"))
    page.press(ENTER)
    page.wait("location.hash.includes('object=')")
    for _ in range(3):
        page.click("#expand")
    assert any("<script>" in text for text in page.texts("#graph text, #object dd"))
    _nothing_was_made(page)
    assert {url.partition("#")[0] for url in page.requests()} <= {path.as_uri()}
    assert page.complaints() == []


def _nothing_was_made(page: Page) -> None:
    assert page.evaluate("window.broken") is None
    elements = (
        "img, iframe, object, embed, b, link, [onerror], [onload],"
        "a:not([href^='https://www.shadowserver.org/'])"
    )
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.outerHTML)"
    assert page.run(script, elements) == []
    assert page.evaluate("document.scripts.length") == 6


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("**[x](javascript:alert(1))**", "[x](javascript:alert(1))"),
        ("<b>b</b> &lt;i&gt; `<script>`", "<b>b</b> <i> <script>"),
        ("| a | b |\n| --- | --- |\n| x \\| y | `z` |", "abx | yz"),
        ("## Heading\n\n- one\n- two", "Headingonetwo"),
        (
            "[y](https://www.shadowserver.org.example.org/)",
            "y (https://www.shadowserver.org.example.org/)",
        ),
        ("`" * 3_000 + "*" * 3_000 + "[" * 3_000, None),
    ],
)
def test_markdown_is_rendered_safely(
    browser: Page, path: Path, source: str, shown: str | None
) -> None:
    """A Note's own markup is rendered; links and elements in its text are not."""
    browser.open(path)
    script = (Path(__file__).parents[2] / "src/shadowserver_connector/preview/assets").resolve()
    code = "\n".join(
        (script / name).read_text(encoding="utf-8") for name in ("elements.js", "markdown.js")
    )
    made = browser.run(
        f"{code}; const made = markdown(arguments[0]);"
        "return [made.textContent, made.querySelectorAll('a, script, b, img').length];",
        source,
    )
    assert made[1] == 0
    assert shown is None or made[0] == shown
