"""Cells that try to break whoever reads, shows or forwards them."""

from __future__ import annotations

from collections.abc import Mapping

CELLS: Mapping[str, str] = {
    "markdown": "| a | b |\n|---|---|\n# title\n```\n[x](javascript:alert(1))\n\\| **b** ~~~",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;</td></table>",
    "formula": "=cmd|'/C calc'!A0,+1+1,-1,@SUM(A1),=HYPERLINK(\"http://example.org\")",
    "control": "\x01\x02\x07\x08\x0b\x0c\x1b[2J\x1b]0;title\x07\x7f\x85\x9b31m",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069 \u200b\u200d\ufeff\u061c",
    "separators": "a\u2028b\u2029c\x1cd\x1de\x1ef",
    "combining": "Z" + "\u0300" * 500,
    "astral": "\U0001f600\U0010ffff\ufdd0\uffff",
    "json": '{"type":"bundle","id":"bundle--x","objects":[{"__proto__":1}]}\\u0000\\ud800',
    "template": "{{7*7}} ${7*7} %s %(x)s {0} {x.__class__}",
    "path": "../../../../etc/passwd\\..\\..\\x",
    "quotes": '"\'`""\'\'``\\"\\\\',
    "newlines": "a\r\nb\rc\n\n\nd",
    "blank": " \t\u00a0\u3000 ",
    "long_unbroken": "x|" * 50_000,
    "number": "0x7f000001 1e309 NaN -0 00001 ٣٤",
    "stix": "[ipv4-addr:value = '192.0.2.1'] AND 'x",
    "long": "A" * 1_100_000,
}
"""Text that a CSV writer can write, and UTF-8 can encode."""

BYTES: Mapping[str, bytes] = {
    "nul": b"a\0b\0",
    "windows_1252": b"Z\xfcrich \x80\x81",
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf..\xfe\xff",
    "cut_off": b"Z\xc3",
}
"""Cells that are not UTF-8, or not text."""

HUGE = ("long", "long_unbroken")
"""Names of the cells that are too large to be repeated."""
