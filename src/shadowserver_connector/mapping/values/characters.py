"""Characters that nobody sees, but that move, reorder or hide the text around them."""

from __future__ import annotations

import re
from typing import Final

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
    """Return a text on one line as it is seen: without invisible characters and outer space.

    Control characters and line breaks become a space, format characters and lone surrogates
    nothing. A joiner stays only between letters of scripts that need it.
    """
    if not text.isascii():
        text = _STRAY_JOINERS.sub("", _NOTHING.sub("", text))
    return _BLANKS.sub(" ", text).strip()
