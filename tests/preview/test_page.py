from __future__ import annotations

import base64
import gzip
import hashlib
import re
import uuid
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.preview.page import write_page
from shadowserver_connector.preview.page_data import array_of, collect_page_data
from shadowserver_connector.report.info import ReportInfo
from tests.hostile.corpus import CELLS, HEADER
from tests.preview.conftest import DAY, MakeJob


class Parts(HTMLParser):
    """Parses a page: scripts by id or number, counts of tags, attributes."""

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
        """Return the data that the page has under this name."""
        text = self.scripts[f"data-{name}"]
        if name == "overview":
            return orjson.loads(text)
        if name == "uuids":
            return base64.b64decode(text, validate=True)
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
    """Data with markup adds no element to the page, and is read back unchanged."""
    parts = Parts(hostile_page)
    assert parts.tags.count("script") == 6
    assert "img" not in parts.tags
    cells = {cell for column in parts.data("cells")[0]["cells"] for cell in column["v"]}
    assert {CELLS["html"], CELLS["separators"]} <= cells
    for name in ("overview", "table", "cells", "uuids"):
        assert not re.search("[<>&\u2028\u2029]", parts.scripts[f"data-{name}"])


def test_the_policy_allows_just_the_script_and_the_style_of_the_page(hostile_page: str) -> None:
    """The policy forbids every request, and allows one script and one style by digest."""
    parts = Parts(hostile_page)
    policy = next(
        value
        for name, value in parts.attributes
        if name == "content" and value and "default-src" in value
    )
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    running = [text for name, text in parts.scripts.items() if not name.startswith("data-")]
    assert [digest(text) for text in running] == [directives["script-src"]]
    style = hostile_page.partition("<style>")[2].partition("</style>")[0]
    assert directives["style-src"] == digest(style)
    assert set(directives) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def digest(text: str) -> str:
    """Return the digest of a text in a policy's form."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_names_nothing_to_fetch(hostile_page: str) -> None:
    """No element of the page refers to another file or host."""
    parts = Parts(hostile_page)
    assert not {"link", "iframe", "object", "embed", "base"} & set(parts.tags)
    assert not {"src", "href", "action", "srcset"} & {name for name, _ in parts.attributes}
    assert not [name for name, _ in parts.attributes if name.startswith("on")]


def test_the_same_reports_give_the_same_page(make_job: MakeJob, tmp_path: Path) -> None:
    """Writing a page again gives the same bytes."""
    jobs = [make_job("scan_ssl", 40), make_job("event4_sinkhole_http", 40)]
    first = write_page(jobs, tmp_path / "1.html", Options())
    second = write_page(jobs, tmp_path / "2.html", Options())
    assert first.page.read_bytes() == second.page.read_bytes()
    assert first.size == first.page.stat().st_size
    assert (first.reports, first.findings, first.shown) == (2, 80, 80)


def test_a_page_of_one_row_is_light(make_job: MakeJob, tmp_path: Path) -> None:
    """A page of one row is far smaller than a megabyte."""
    written = write_page([make_job("scan_ssl", 1)], tmp_path / "one.html", Options())
    assert written.size < 200_000


def test_many_findings_make_a_page_of_a_few_megabytes(make_job: MakeJob, tmp_path: Path) -> None:
    """Packed findings add less than a fifth of the size of file and objects."""
    job = make_job("scan_ssl", 1_000)
    one = write_page([make_job("scan_ssl", 1, name="one")], tmp_path / "one.html", Options())
    many = write_page([job], tmp_path / "many.html", Options())
    plain = job[0].stat().st_size + sum(map(len, collect_page_data([job], Options()).objects))
    assert many.size - one.size < plain / 5


def test_ids_are_packed_as_numbers_and_come_back(make_job: MakeJob, tmp_path: Path) -> None:
    """Each UUID is stored once, in 16 bytes; text that looks like its number stays text."""
    odd = "00000000-1111-2222-3333-444444444444 \\x010\\x02 ~0"
    job = make_job("scan_ssl", [("192.0.2.1", odd)], ("ip", "banner"))
    model = collect_page_data([job], Options())
    packed, uuids = model.objects.packed()
    text = gzip.decompress(base64.b64decode(packed))
    whole = base64.b64decode(uuids)

    def restored(found: re.Match[bytes]) -> bytes:
        at = 16 * int(found[1], 16)
        return str(uuid.UUID(bytes=whole[at : at + 16])).encode()

    assert re.sub(rb"\x01([0-9a-f]+)\x02", restored, text) == b"".join(array_of(model.objects))
    assert len(whole) // 16 == len(set(re.findall(rb"\x01[0-9a-f]+\x02", text)))


def test_no_page_without_a_report(tmp_path: Path) -> None:
    """If no report can be read, an earlier page stays and the failure is named."""
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
    """An error while writing is an OSError, and no partial page is left."""
    job = make_job("scan_ssl", 3)
    target = tmp_path / "pages"
    (target / "page.html").mkdir(parents=True)
    with pytest.raises(OSError, match=r"page\.html"):
        write_page([job], target / "page.html", Options())
    assert [path.name for path in target.iterdir()] == ["page.html"]


def test_a_link_leads_to_the_page(make_job: MakeJob, tmp_path: Path) -> None:
    """The page that a link leads to is replaced, and the link stays."""
    page, link = tmp_path / "published" / "page.html", tmp_path / "page.html"
    page.parent.mkdir()
    link.symlink_to(page)
    write_page([make_job("scan_ssl", 3)], link, Options())
    assert link.is_symlink()
    assert page.read_bytes().startswith(b"<!DOCTYPE html>")


def test_the_name_of_a_page_may_be_as_long_as_names_can_be(
    make_job: MakeJob, tmp_path: Path
) -> None:
    """While a page is written, its file has a short name."""
    page = tmp_path / f"{'x' * 250}.html"
    write_page([make_job("scan_ssl", 3)], page, Options())
    assert page.exists()
