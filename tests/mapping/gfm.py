"""Markdown read as OpenCTI's pages read it: CommonMark with GitHub's tables and autolinks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

# raw HTML is read as such, so that a test sees it.
_GFM: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])

_INERT: Final = frozenset(["text", "code_inline", "text_special"])

# GitHub's autolink extension works on the text that is left, after all other markup.
_AUTOLINK: Final = re.compile(
    r"(?:https?|ftp)://[-.\w]|(?<![\w.-])www\.[-.\w]|[-.\w+]@[-\w]+\.[-\w]|(?:mailto|xmpp):[-.\w+]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Table:
    """A table as OpenCTI shows it: the texts of its cells, the heading first."""

    rows: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        """Number of columns; all rows have the same."""
        (width,) = {len(row) for row in self.rows}
        return width


def tables(markdown: str) -> list[Table]:
    """Return the tables of a text; ``AssertionError`` if a cell has markup that takes effect."""
    found: list[Table] = []
    rows: list[tuple[str, ...]] = []
    cells: list[str] = []
    inside = False
    for token in _GFM.parse(markdown):
        assert token.type not in ("html_block", "fence", "code_block", "image"), token
        if token.type == "table_open":
            rows, inside = [], True
        elif token.type == "tr_open":
            cells = []
        elif token.type == "inline" and inside:
            cells.append(shown(token))
        elif token.type == "tr_close":
            rows.append(tuple(cells))
        elif token.type == "table_close":
            found.append(Table(tuple(rows)))
            inside = False
    return found


def blocks(markdown: str) -> list[str]:
    """Return the kinds of the outermost blocks of a text."""
    return [token.type for token in _GFM.parse(markdown) if token.level == 0 and token.nesting >= 0]


def shown(inline: Token) -> str:
    """Return the text that a reader sees; ``AssertionError`` for markup, HTML and links."""
    texts = []
    for token in inline.children or []:
        assert token.type in _INERT, f"{token.type} in {inline.content[:200]!r}"
        assert token.type == "code_inline" or not _AUTOLINK.search(token.content), token.content
        texts.append(token.content)
    return "".join(texts)
