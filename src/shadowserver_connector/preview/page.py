"""One HTML file with everything in it: data, styles, scripts, and nothing fetched from anywhere."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Final

import orjson

from shadowserver_connector.errors import SettingsError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.preview.page_data import MAX_FINDINGS, PageData, collect

SCRIPTS: Final = (
    "data.js",
    "objects.js",
    "charts.js",
    "table.js",
    "layout.js",
    "details.js",
    "graph.js",
    "page.js",
)
"""Our own scripts, in the order in which they build on each other."""

# In JSON these stand only inside of strings, where their escapes mean the same. Without them no
# data can end the script element that it is in, nor open a comment.
_ESCAPES: Final = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """What a page was made of."""

    page: Path
    size: int
    """Bytes."""
    reports: int
    findings: int
    """All that the charts count."""
    shown: int
    """Those in table and graph."""
    objects: int
    """Different STIX objects in the graph."""
    failures: tuple[Failure, ...]


def write_page(
    jobs: Sequence[Job],
    page: Path,
    options: Options,
    *,
    most: int = MAX_FINDINGS,
    advance: Callable[[], object] = lambda: None,
) -> WrittenPage:
    """Write the page of some reports; the same reports and options give the same bytes.

    See ``collect`` for what it holds and for ``advance``. The file appears whole or not at all,
    and not where no report could be read. Raises ``SettingsError`` where the library that draws
    is not installed, and ``OSError`` where a disk fails.
    """
    library = _library()
    model = collect(jobs, options, most=most, advance=advance)
    size = 0
    if model.overview["reports"]:
        content = render(model, library)
        size = len(content)
        _write(page, content)
    return WrittenPage(
        page=page,
        size=size,
        reports=len(model.overview["reports"]),
        findings=model.overview["findings"],
        shown=model.overview["shown"],
        objects=len(model.objects),
        failures=model.failures,
    )


def render(model: PageData, library: str) -> bytes:
    """Return the page; ``library`` is the text of plotly.js."""
    assets = files("shadowserver_connector.preview") / "assets"
    own = "\n".join((assets / name).read_text(encoding="utf-8") for name in SCRIPTS)
    own = f'(() => {{\n"use strict";\n{own}\n}})();'
    style = (assets / "page.css").read_text(encoding="utf-8")
    parts = {
        "policy": _policy(library, own).encode(),
        "style": style.encode(),
        "licence": escape(_licence()).encode(),
        "overview": _json(orjson.dumps(model.overview)),
        "findings": _packed(orjson.dumps(model.findings)),
        "objects": _packed(model.objects.encoded()),
        "library": library.encode(),
        "script": own.encode(),
    }
    page = (assets / "page.html").read_bytes()
    pieces = page.split(b"%%")
    # Every other piece is the name of a part; what a part holds is never looked at again.
    return b"".join(
        parts[piece.decode()] if place % 2 else piece for place, piece in enumerate(pieces)
    )


def _json(data: bytes) -> bytes:
    for character, escaped in _ESCAPES.items():
        data = data.replace(character, escaped)
    return data


def _packed(data: bytes) -> bytes:
    """Return data for the page to unpack: a fifth of its size, as findings are alike."""
    return base64.b64encode(gzip.compress(data, mtime=0))


def _policy(*scripts: str) -> str:
    """Return the Content-Security-Policy: these scripts, and no request at all."""
    # The library writes styles of its own. No style can do more than look odd: all that it could
    # load is forbidden.
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _library() -> str:
    try:
        # By name: the package is an optional one, and has no types.
        text: str = importlib.import_module("plotly.offline").get_plotlyjs()
    except ImportError:
        raise SettingsError("the preview needs plotly; install it: pip install plotly") from None
    if "</script" in text.lower():
        raise SettingsError("this plotly cannot stand inside of a page; install another version")
    return text


def _licence() -> str:
    """Return the text of the library's licence, to be kept with each copy of the library."""
    try:
        package = distribution("plotly")
    except PackageNotFoundError:
        return ""
    names = package.metadata.get_all("License-File") or []
    texts = (package.read_text(f"licenses/{name}") for name in names)
    return "\n".join(text for text in texts if text)


def _write(page: Path, content: bytes) -> None:
    partial = page.with_name(f".{page.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, page)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
