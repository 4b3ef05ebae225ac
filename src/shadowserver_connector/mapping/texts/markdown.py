"""Text from hostile cells, made safe for a markdown table.

A Note shows cells exactly, and nothing in a cell may act: no markup, no HTML, no link, no image, no
line break out of the table. ``<`` is always escaped, so that the markdown pass of OpenCTI's worker
does not change the text, and with it the Note's id.
"""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.mapping.cells.text_and_tags import INVISIBLE, JOINERS

MAX_CELL: Final = 2_000
"""Characters shown of one cell; the Artifact has the rest."""

MASK: Final = "••••••••"
"""Stands for a secret of the victim, whatever its length."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9 .,:;/+=%()'\"-]*\Z")
# GitHub's markdown makes links of these although nothing marks them; a word joiner behind stops it.
_AUTOLINK: Final = re.compile(r"(?i)://|www(?=\.)|mailto:|xmpp:|@")
_MARKUP: Final = re.compile(r"[\\`*_{}\[\]#!|~$^&>@]")
_BREAK: Final = " ⏎ "
_LINE_BREAKS: Final = re.compile("(?:\r\n|[\n\r\x0b\x0c\x85\u2028\u2029])[ \t]*")
# Surrogates as the regular expression's own escapes: a string with real ones cannot be compiled.
_UNSEEN: Final = re.compile(rf"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff{JOINERS}{INVISIBLE}]")
# A password ends at the last @ before path, query and fragment. One with ? or # makes no valid URL,
# but people write it.
_PASSWORD: Final = re.compile(r"(://[^/?#\s:]*:)[^/?#\s]+(?=@)|(://[^/\s:@]*:)[^/\s]+(?=@)")
_BACKTICKS: Final = re.compile("`+")


def cell(text: str) -> str:
    """Return ``text`` as the content of one cell of a markdown table, on one line.

    Control, bidirectional and invisible characters become U+FFFD, line breaks ``⏎``.
    The password in a URL is masked. Longer texts than ``MAX_CELL`` end with a note of their length.
    """
    if len(text) > MAX_CELL:
        # Masked first: shortening might remove the @ that marks a password.
        return f"{cell(masked(text)[:MAX_CELL])} … ({len(text):,} characters)"
    text = text.strip()
    if text.isalnum() and text.isascii():
        return text
    if _PLAIN.match(text) and not _has_link(text):
        return text
    text = masked(text)
    text = _on_one_line(text)
    if "<" in text:
        # In a code span, `&lt;` would be shown as these four characters.
        return _escaped(text)
    return _quoted(text)


def _has_link(text: str) -> bool:
    """Tell whether `_AUTOLINK` matches in plain text, a good deal faster than it would."""
    lowered = text.lower()
    if "www." in lowered:
        return True
    return ":" in text and ("://" in text or "mailto:" in lowered or "xmpp:" in lowered)


def _on_one_line(text: str) -> str:
    if text.isascii():
        # A certificate in a cell needs no more, and is long.
        lines = [line.strip(" ") for line in text.replace("\r\n", "\n").split("\n")]
        if "".join(lines).isprintable():
            return _BREAK.join(lines)
    lines = [line.rstrip(" \t") for line in _LINE_BREAKS.split(text)]
    return _UNSEEN.sub("\ufffd", _BREAK.join(lines)).replace("\t", " ").strip()


def masked(text: str) -> str:
    """Return a text with the passwords in its URLs masked; to be done before a text is cut."""
    return _PASSWORD.sub(rf"\1\2{MASK}", text)


def _quoted(text: str) -> str:
    """Return a code span: what stands in it is shown as it is."""
    if not text:
        return text
    if "\\|" in text or text.endswith("\\"):
        # A pipe needs a backslash before it even in a code span, or it ends the cell; a
        # backslash that is there already would take that one's place.
        return _escaped(text)
    longest = max(map(len, _BACKTICKS.findall(text))) if "`" in text else 0
    fence = "`" * (longest + 1)
    # A backtick at an edge would join the fence. Markdown takes one space away at each end.
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    # chr(92) is a backslash, which no expression in an f-string may contain before Python 3.12.
    return f"{fence}{pad}{text.replace('|', chr(92) + '|')}{pad}{fence}"


def _escaped(text: str) -> str:
    """Return the text with each character that could act written as a character reference."""
    text = _AUTOLINK.sub(lambda found: f"{found[0]}\u2060", text)
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", text).replace("<", "&lt;")
