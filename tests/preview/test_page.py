from __future__ import annotations

import base64
import gzip
import hashlib
import importlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from shadowserver_connector.report.info import ReportInfo
from tests.hostile.corpus import CELLS, HEADER
from tests.preview.conftest import DAY, MakeJob


class Parts(HTMLParser):
    """Takes a page apart: scripts by id or number, tags counted, attributes collected."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: dict[str, str] = {}
        self._script = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count a tag."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self._script = dict(attrs).get("id") or str(len(self.scripts))
            self.scripts[self._script] = ""

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        if tag == "script":
            self._script = ""

    def handle_data(self, data: str) -> None:
        """Collect the text of scripts."""
        if self._script:
            self.scripts[self._script] += data

    def data(self, name: str) -> Any:
        """Return the data that the page carries under this name."""
        text = self.scripts[f"data-{name}"]
        if name == "overview":
            return orjson.loads(text)
        return orjson.loads(gzip.decompress(base64.b64decode(text, validate=True)))


@pytest.fixture
def hostile_page(make_job: MakeJob, tmp_path: Path) -> str:
    """A page whose findings hold every hostile cell in every column."""
    plain = ("2024-01-31 00:00:00", "192.0.2.1", "ssl;vpn", "host.example.com", "hello")
    rows = [
        (*plain[:index], cell, *plain[index + 1 :])
        for cell in CELLS.values()
        for index in range(len(plain))
    ]
    page = tmp_path / "page.html"
    write_page([make_job("scan_ssl", rows, HEADER)], page, Options())
    return page.read_text(encoding="utf-8")


def test_hostile_cells_do_not_leave_their_script(hostile_page: str) -> None:
    """Data with markup of all kinds gives a page of the same elements, and reads back as it was."""
    parts = Parts(hostile_page)
    assert parts.tags.count("script") == 5
    assert "img" not in parts.tags
    cells = [row[-1] for row in parts.data("findings")[0]["rows"]]
    assert any(CELLS["html"] in row for row in cells)
    assert any(CELLS["separators"] in row for row in cells)
    for name in ("overview", "findings", "objects"):
        assert not re.search("[<>&\u2028\u2029]", parts.scripts[f"data-{name}"])


def test_the_policy_allows_just_the_scripts_of_the_page(hostile_page: str) -> None:
    """The policy forbids every request and names the digests of the two scripts that run."""
    parts = Parts(hostile_page)
    policy = next(
        value
        for name, value in parts.attributes
        if name == "content" and value and "default-src" in value
    )
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    running = [text for name, text in parts.scripts.items() if not name.startswith("data-")]
    digests = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in running
    }
    assert set(directives["script-src"].split()) == digests
    assert len(running) == 2
    assert set(directives) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def test_the_page_names_nothing_to_fetch(hostile_page: str) -> None:
    """No element of the page refers to another file or host."""
    parts = Parts(hostile_page)
    assert not {"link", "iframe", "object", "embed", "base"} & set(parts.tags)
    assert not {"src", "href", "action", "srcset"} & {name for name, _ in parts.attributes}
    assert not [name for name, _ in parts.attributes if name.startswith("on")]


def test_the_licence_of_the_library_stays_with_it(hostile_page: str) -> None:
    """The page carries plotly.js with its notice and the text of its licence."""
    assert "Permission is hereby granted, free of charge" in hostile_page
    assert "Licensed under the MIT license" in hostile_page


def test_the_same_reports_give_the_same_page(make_job: MakeJob, tmp_path: Path) -> None:
    """Writing a page again changes no byte."""
    jobs = [make_job("scan_ssl", 40), make_job("event4_sinkhole_http", 40)]
    first = write_page(jobs, tmp_path / "1.html", Options())
    second = write_page(jobs, tmp_path / "2.html", Options())
    assert first.page.read_bytes() == second.page.read_bytes()
    assert first.size == first.page.stat().st_size
    assert (first.reports, first.findings, first.shown) == (2, 80, 80)


def test_many_findings_make_a_page_of_a_few_megabytes(make_job: MakeJob, tmp_path: Path) -> None:
    """They are packed: they add less than a quarter of their size."""
    one = write_page([make_job("scan_ssl", 1)], tmp_path / "one.html", Options())
    many = write_page([make_job("scan_ssl", 1_000)], tmp_path / "many.html", Options())
    parts = Parts(many.page.read_text(encoding="utf-8"))
    plain = sum(len(orjson.dumps(parts.data(name))) for name in ("findings", "objects"))
    assert many.size - one.size < plain / 4


def test_no_page_without_a_report(tmp_path: Path) -> None:
    """Where no report can be read, an earlier page stays and the failure is named."""
    page = tmp_path / "page.html"
    page.write_text("earlier")
    empty = tmp_path / "2024-01-31-scan_ssl-x.csv"
    empty.touch()
    written = write_page(
        [(empty, ReportInfo(type="scan_ssl", day=DAY, file=empty.name))], page, Options()
    )
    assert page.read_text() == "earlier"
    assert written.reports == 0
    assert len(written.failures) == 1


def test_a_page_that_cannot_be_written_leaves_nothing(make_job: MakeJob, tmp_path: Path) -> None:
    """An error while writing is an OSError, and no half page stays behind."""
    job = make_job("scan_ssl", 3)
    target = tmp_path / "pages"
    (target / "page.html").mkdir(parents=True)
    with pytest.raises(OSError, match=r"page\.html"):
        write_page([job], target / "page.html", Options())
    assert [path.name for path in target.iterdir()] == ["page.html"]


def test_without_the_library_the_error_says_what_to_install(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the optional package there is one line that names the command."""
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(SettingsError, match=r"pip install plotly"):
        write_page([make_job("scan_ssl", 3)], tmp_path / "page.html", Options())


def test_a_library_that_would_end_its_script_is_refused(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that holds the end of a script element cannot be part of a page."""
    offline = importlib.import_module("plotly.offline")
    monkeypatch.setattr(offline, "get_plotlyjs", lambda: 'x = "</SCRIPT>"')
    with pytest.raises(SettingsError, match="plotly"):
        write_page([make_job("scan_ssl", 3)], tmp_path / "page.html", Options())
