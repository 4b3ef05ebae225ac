"""One HTML file that contains everything, data, styles and scripts, and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import orjson

from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.preview.page_data import (
    MAX_FINDINGS,
    PageData,
    array_of,
    collect_page_data,
    packed,
)

SCRIPTS: Final = (
    "data.js",
    "elements.js",
    "store.js",
    "view.js",
    "virtual.js",
    "export.js",
    "charts.js",
    "facets.js",
    "findings.js",
    "objects.js",
    "markdown.js",
    "details.js",
    "hosts.js",
    "layout.js",
    "graph.js",
    "overview.js",
    "page.js",
)
"""The scripts, in the order in which they build on each other."""

# In JSON these characters occur only inside strings, where their escapes mean the same. Escaped,
# data can neither end its script element nor open a comment.
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
    """All in the reports, except those that settings leave out."""
    shown: int
    """Those in the page."""
    objects: int
    """Distinct STIX objects in the page."""
    failures: tuple[Failure, ...]


def write_page(
    jobs: Sequence[Job],
    page: Path,
    options: Options,
    *,
    max_findings: int = MAX_FINDINGS,
    advance: Callable[[], object] = lambda: None,
) -> WrittenPage:
    """Write the page of some reports; the same reports and options give the same bytes.

    See ``collect_page_data`` for what it holds and for ``advance``. The file is written completely
    or not at all; if no report could be read, it is not written. Raises ``OSError`` if a disk
    fails.
    """
    model = collect_page_data(jobs, options, max_findings=max_findings, advance=advance)
    size = 0
    if model.overview["reports"]:
        content = render_page(model)
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


def render_page(model: PageData) -> bytes:
    """Return the HTML: the template with its styles, scripts and data."""
    assets = files("shadowserver_connector.preview") / "assets"
    script = "\n".join((assets / name).read_text(encoding="utf-8") for name in SCRIPTS)
    # One function and one script: the policy has one digest, and nothing becomes a global.
    script = f'(() => {{\n"use strict";\n{script}\n}})();'
    style = (assets / "page.css").read_text(encoding="utf-8")
    objects, uuids = model.objects.packed()
    parts = {
        "policy": _policy(script, style).encode(),
        "style": style.encode(),
        # Not packed: the page reads it first, and it is small.
        "overview": _escaped(orjson.dumps(model.overview)),
        "table": packed([orjson.dumps(model.findings.table())]),
        "cells": packed(array_of(orjson.dumps(group.plain()) for group in model.findings.groups())),
        "objects": objects,
        "uuids": uuids,
        "script": script.encode(),
    }
    page = (assets / "page.html").read_bytes()
    pieces = page.split(b"%%")
    # Every second piece is the name of a part. The text of a part is not searched again.
    return b"".join(
        parts[piece.decode()] if place % 2 else piece for place, piece in enumerate(pieces)
    )


def _escaped(data: bytes) -> bytes:
    for character, escaped in _ESCAPES.items():
        data = data.replace(character, escaped)
    return data


def _policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy: this script, this style, and no request at all."""
    return (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
        # The default does not cover these two.
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _write(page: Path, content: bytes) -> None:
    # Beside the page, because only within a file system a rename replaces it at once.
    # A link leads to the page; its name may be as long as names can be.
    page = page.resolve()
    partial = page.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, page)
    # Also for Ctrl+C.
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
