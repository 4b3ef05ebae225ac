"""Adds the documents outside docs/ to the site (a hook named in ``mkdocs.yml``).

README.md and the others are where people and GitHub look for them. In the site they are pages too,
the README the first. Files of the repository that a page links to, such as a sample, are copied.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
DOCUMENTS = {page: document for document, page in PAGES.items()}
COPIED = "files"
"""The folder of the site for files of the repository."""

_LINK = re.compile(r"(\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents outside of docs/, and the files that any page links to."""
    for document, page in PAGES.items():
        files.append(File.generated(config, page, content=_read(document)))
    linked = {
        _in_site(document, match[2])
        for document in (_document(file) for file in list(files.documentation_pages()))
        for match in _LINK.finditer(_read(document))
    }
    for path in sorted(path for path in linked if path.startswith(f"{COPIED}/")):
        original = ROOT / path.removeprefix(f"{COPIED}/")
        if original.is_file():
            # Included explicitly, because MkDocs leaves out names that begin with a dot.
            included = InclusionLevel.INCLUDED
            file = File.generated(config, path, abs_src_path=str(original), inclusion=included)
            files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to where their targets are in the site."""
    document = _document(page.file)
    folder = posixpath.dirname(page.file.src_uri)

    def rewritten(match: re.Match[str]) -> str:
        target = posixpath.relpath(_in_site(document, match[2]), folder or ".")
        return f"{match[1]}{target}{match[3] or ''}"

    return _LINK.sub(rewritten, markdown)


def _document(file: File) -> str:
    """Return a page's source, as a path in the repository."""
    return DOCUMENTS.get(file.src_uri, f"docs/{file.src_uri}")


def _in_site(document: str, target: str) -> str:
    """Return the path in the site of what a document links to."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(document), target))
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{COPIED}/{path}"


def _read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")
