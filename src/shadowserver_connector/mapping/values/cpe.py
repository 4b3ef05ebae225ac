"""CPE names of products."""

from __future__ import annotations

import re
from typing import Final

# Letters, digits, `-._` and escaped punctuation, with wildcards at either end; or `*` or `-`.
_VALUE = r"(?:(?:\?*|\*?)(?:[A-Za-z0-9._-]|\\[\\*?!\"#$%&'()+,/:;<=>@\[\]^`{|}~])+(?:\?*|\*?)|[*-])"
_LANGUAGE = r"(?:[A-Za-z]{2,3}(?:-(?:[A-Za-z]{2}|[0-9]{3}))?|[*-])"
_CPE: Final = re.compile(rf"cpe:2\.3:[aho*-](?::{_VALUE}){{5}}:{_LANGUAGE}(?::{_VALUE}){{4}}")


def parse_cpe(text: str) -> str:
    """Return a CPE 2.3 formatted string (NISTIR 7695, section 6.2), as it is."""
    if len(text) > 512 or _CPE.fullmatch(text) is None:
        raise ValueError("not a CPE 2.3 name")
    return text
