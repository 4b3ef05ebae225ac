"""The tests' browsers report requests and errors, on which the other tests rely."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.preview.browser import Page
from tests.preview.conftest import both_browsers

pytestmark = [pytest.mark.integration, both_browsers]

FETCHES = """<body data-ready=yes><script>
  fetch("ADDRESS").catch(() => document.body.dataset.done = "yes");
</script>"""
REFUSED = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src *
  'unsafe-inline'"><body data-ready=yes><img src="http://127.0.0.1:9/refused.png">"""
FAILS = """<body data-ready=yes><script>throw new Error("it went wrong")</script>"""


def show(browser: Page, folder: Path, markup: str) -> None:
    """Open a page of this markup."""
    page = folder / "page.html"
    page.write_text(f"<!DOCTYPE html>{markup}", encoding="utf-8")
    browser.open(page)


def test_a_request_is_noticed(browser: Page, tmp_path: Path) -> None:
    """A request of the page is recorded, even if no server answers."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/asked"
    show(browser, tmp_path, FETCHES.replace("ADDRESS", address))
    browser.wait("document.body.dataset.done === 'yes'")
    assert address in browser.requests()


def test_a_refused_request_is_noticed(browser: Page, tmp_path: Path) -> None:
    """A request that the page's policy refuses is in the console."""
    show(browser, tmp_path, REFUSED)
    assert any("refused by img-src" in line for line in browser.complaints())


def test_an_error_is_noticed(browser: Page, tmp_path: Path) -> None:
    """An error of a script is in the console."""
    show(browser, tmp_path, FAILS)
    assert any("it went wrong" in line for line in browser.complaints())


def test_what_is_covered_cannot_be_clicked(browser: Page, tmp_path: Path) -> None:
    """A click on a covered element fails."""
    cover = "<div style='position: fixed; inset: 0'></div>"
    show(browser, tmp_path, f"<body data-ready=yes><button>Go</button>{cover}")
    with pytest.raises(AssertionError, match="covered"):
        browser.click("button")
