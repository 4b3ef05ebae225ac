"""Thousands of findings: all are listed, found, sorted and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from tests.preview.browser import Page
from tests.preview.conftest import write_job

pytestmark = pytest.mark.integration


def test_ten_thousand_findings_are_usable(browser: Page, tmp_path: Path) -> None:
    """The table has all findings, including the last; search and sort cover them all."""
    written = write_page([write_job(tmp_path, "scan_ssl", 10_000)], tmp_path / "p.html", Options())
    assert written.shown == 10_000
    page = browser
    page.look()
    page.open(written.page, "#tab=findings")
    assert page.text("#matches") == "10,000 findings"
    assert page.evaluate("document.getElementById('findings').ariaRowCount") == "10001"
    assert page.count("#findings .row") < 80
    page.run("document.getElementById('table-scroll').scrollTop = 1e9")
    page.wait("document.querySelector('#findings .row[data-index=\"9999\"]') !== null")
    page.click("[data-sort=subject]")
    address = page.texts("#findings .row .of-subject")[0]
    page.type("#search", address)
    page.wait("document.getElementById('matches').textContent.includes(' of 10,000')")
    assert address in page.texts("#findings .row .of-subject")
    page.click("#findings .row")
    page.wait("document.querySelector('#finding .to-graph') !== null")
    subject = page.text("#finding h2")
    page.click("#finding .to-graph")
    page.wait("document.querySelector('#object .facts') !== null")
    assert page.facts("#object")["value"] == subject
    page.run("location.hash = '#tab=graph'")
    page.wait("document.querySelector('#object .kind').textContent === 'report'")
    for _ in range(3):
        page.click("#expand")
    assert 60 < page.count("#graph .node") <= 260
