"""Free text, truth values, counts; empty cells; invisible characters."""

from __future__ import annotations

import re
from typing import Final

from shadowserver_connector.stix.containers import MAX_NUMBER_OBSERVED

JOINERS: Final = "\u200c\u200d"
"""Zero-width non-joiner and joiner, which Arabic and Indic scripts are written with."""

INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Ranges for a class of a regular expression: Unicode's Default_Ignorable_Code_Point and format
characters (Cf), but for the joiners, and for the signs among them that are seen."""

# Surrogates as the regular expression's own escapes: a string with real ones cannot be compiled.
_NOTHING: Final = re.compile(f"[{INVISIBLE}" r"\ud800-\udfff]")
_STRAY_JOINERS: Final = re.compile(
    f"(?<![\u0600-\u1cff])[{JOINERS}]+|[{JOINERS}]+(?![\u0600-\u1cff])"
)
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str) -> str:
    """Return a text on one line, without invisible characters and outer space.

    Control characters and line breaks become a space, format characters and lone surrogates
    nothing. A joiner stays only between letters of scripts that need it.
    """
    if not text.isascii():
        text = _STRAY_JOINERS.sub("", _NOTHING.sub("", text))
    return _BLANKS.sub(" ", text).strip()


_NULLS: Final = frozenset({"", "-", "null", "none", "unknown", "??", "n/a"})


def is_null(text: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return text.strip().lower() in _NULLS


def is_null_number(text: str) -> bool:
    """Tell whether a cell of an ASN or NAICS column says that there is no value; 0 does too."""
    stripped = text.strip()
    return stripped == "0" or stripped.lower() in _NULLS


MAX_NAME: Final = 256
MAX_USER_AGENT: Final = 2048
MAX_DIRECTORY_TEXT: Final = 1024


def parse_term(text: str) -> str:
    """Return the name of a product, vendor, malware or algorithm on one line."""
    return _single_line(text, MAX_NAME)


def parse_user_agent(text: str) -> str:
    """Return a user agent on one line."""
    return _single_line(text, MAX_USER_AGENT)


_BUILD: Final = re.compile(
    r"(?P<version>[vV]?[0-9][\w.+~-]*?)"
    r"(?:[\s,;(\[]+(?:(?:commit|revision|rev|git|build|sha1?)[\s:=#-]*)?[rg]?[0-9a-f]{7,64}[)\]]?"
    r"|(?:-[0-9]+)?[-+]g[0-9a-f]{7,64})",
    re.IGNORECASE,
)
_COMMIT_HAS: Final = re.compile(
    r"[0-9a-f]*(?:[0-9][a-f]|[a-f][0-9])[0-9a-f]*[)\]]?\Z", re.IGNORECASE
)


def parse_version(text: str) -> str:
    """Return the version of a product or certificate on one line; one character is enough.

    A commit after it is left out, ``2.7.3, rbaa91f7c...``: otherwise each build would be a product.
    """
    line = _single_line(text, MAX_NAME, shortest=1)
    build = _BUILD.fullmatch(line)
    return build["version"] if build is not None and _COMMIT_HAS.search(line) else line


def parse_directory_text(text: str) -> str:
    """Return a distinguished name, or a part of one, on one line."""
    return _single_line(text, MAX_DIRECTORY_TEXT, shortest=1)


def _single_line(text: str, longest: int, shortest: int = 2) -> str:
    # OpenCTI refuses names of one character.
    line = one_line(text)
    # A name of only invisible characters would be an object without a name.
    if len(line) < shortest or not any(map(str.isprintable, line)):
        raise ValueError(f"less than {shortest} characters")
    if len(line) > longest:
        raise ValueError(f"more than {longest} characters")
    return line


_TRUE: Final = frozenset({"y", "yes", "true", "1"})
_FALSE: Final = frozenset({"n", "no", "false", "0"})


def parse_boolean(text: str) -> bool:
    """Return what Y/N, yes/no, true/false or 1/0 says."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("neither yes nor no")


def parse_count(text: str) -> int:
    """Return a count from 1 to what STIX allows as the number of an observed-data."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ValueError(f"not a count from 1 to {MAX_NUMBER_OBSERVED}")
    return int(text)
