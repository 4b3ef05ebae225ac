"""Hostile cells in a markdown table: their text is shown, and no markup takes effect."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowserver_connector.mapping.texts.markdown import MASK, MAX_CELL, cell, masked
from tests.hostile.corpus import CELLS
from tests.mapping.gfm import blocks, tables

WORDS = ("www", "WwW", ".", ":", "//", "/", "mailto", "MAILTO", "xmpp", "a", " ", "192")

HOSTILE = {
    **{name: text for name, text in CELLS.items() if not name.startswith("long")},
    "pipe": "a|b",
    "escaped pipe": r"a\|b",
    "doubly escaped pipe": r"a\\|b",
    "three backslashes and a pipe": r"\\\|",
    "pipes only": "|||",
    "trailing backslash": "C:\\",
    "two trailing backslashes": "\\\\",
    "backslashes": r"\\srv\share\*",
    "backtick": "`",
    "backticks": "``` `` `",
    "backtick at the ends": "`a`",
    "open code span": "a `b",
    "code and pipe": "`a|b`",
    "code and backslash": "`a\\`",
    "html": "<b>bold</b>",
    "html comment": "<!-- -->",
    "open html": "<div",
    "code element": "<code>x</code>",
    "entity": "&lt;script&gt;&amp;amp;&#60;&#x3c;",
    "link": "[text](http://example.com)",
    "reference": "[text][1]",
    "image": "![x](http://example.com/x.png)",
    "data image": "![x](data:image/png;base64,AAAA)",
    "footnote": "[^1]: x",
    "angle autolink": "<http://example.com>",
    "angle mail": "<user@example.com>",
    "angle and links": "a<b www.example.com mailto:user@example.com ftp://example.com",
    "autolink": "http://example.com/?a=b",
    "autolink in words": "see HTTPS://example.com, or ftp://example.com.",
    "www": "www.example.com",
    "www in brackets": "(www.example.com)",
    "mail": "user@example.com",
    "mailto": "mailto:user@example.com",
    "mailto of nobody": "mailto:nobody",
    "xmpp": "xmpp:nobody",
    "emphasis": "*a* _b_ **c** __d__ ~~e~~ ~f~",
    "heading": "# title",
    "rule": "---",
    "list": "- [ ] item",
    "quote": "> quote",
    "math": "$a$ $$b$$",
    "mention": "@user #1",
    "delimiter row": "| --- | --- |",
    "line feed": "a\nb",
    "blank line": "a\n\n| x | y |\n| --- | --- |",
    "carriage return": "a\rb\r\nc",
    "hard break": "a  \nb",
    "tab": "a\tb",
}


def table_of(*texts: str) -> str:
    """Return a table of two columns with a row for each text."""
    lines = ["| Field | Value |", "| --- | --- |", *(f"| x | {cell(text)} |" for text in texts)]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Return the text without spaces and invisible characters, to compare cell and page."""
    return "".join(
        char
        for char in re.sub(r"\s+", "", text)
        if unicodedata.category(char) not in ("Cc", "Cf", "Cn", "Co", "Mn", "Zl", "Zp")
        and char not in "⏎\ufffd\u115f\u1160\u3164\uffa0\ufffc"
    )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_cell_stays_a_cell(text: str) -> None:
    """A hostile cell is one cell that shows its text, without link, image, HTML or markup."""
    markdown = f"{table_of(text, 'after')}\n\nEnd"
    assert blocks(markdown) == ["table_open", "paragraph_open"]
    (table,) = tables(markdown)
    assert table.width == 2
    assert len(table.rows) == 3
    assert plain(table.rows[1][1]) == plain(text)
    assert table.rows[2] == ("x", "after")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.lists(
        st.text(
            st.one_of(
                st.sampled_from("\\|`<>&;#[]()!*_~$@:/.w\n\r\t -"),
                st.characters(exclude_categories=["Cs"]),
            ),
            max_size=30,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_cells_stay_cells(texts: list[str]) -> None:
    """Any text is one cell that shows it."""
    (table,) = tables(table_of(*texts))
    assert table.width == 2
    assert [plain(row[1]) for row in table.rows[1:]] == [plain(masked(text)) for text in texts]


@given(st.lists(st.sampled_from(WORDS)).map("".join))
def test_only_text_without_a_link_stands_as_it_is(text: str) -> None:
    """Text that GitHub's markdown would turn into a link is in a code span."""
    link = re.search(r"://|www\.|mailto:|xmpp:", text, re.IGNORECASE)
    assert cell(text) == (f"`{text.strip()}`" if link else text.strip())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_bare_angle_bracket_is_left(text: str) -> None:
    """No bare `<` is left, as OpenCTI's import would rewrite it and the Note's id."""
    assert "<" not in cell(text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_cell_is_one_printable_line(text: str) -> None:
    """A cell has no control, bidirectional or invisible character and no line break."""
    shown = cell(text)
    assert shown == shown.strip()
    assert len(shown.splitlines()) <= 1
    hidden = set("\u200b\u200c\u200d\u200e\u200f\ufeff\u202a\u202b\u202c\u202d\u202e\u061c")
    hidden |= set("\u2066\u2067\u2068\u2069\u00ad")
    assert not [
        char for char in shown if char in hidden or unicodedata.category(char) in ("Cc", "Cs")
    ]


def test_plain_values_are_shown_as_they_are() -> None:
    """Common values need no code span or character reference."""
    for text in ("192.0.2.1", "2024-01-31 00:00:00", "Example, Inc. (DE)", "AS64496", "50%"):
        assert cell(text) == text


@pytest.mark.parametrize("text", [CELLS["long"], CELLS["long_unbroken"], "<" * 1_000_000])
def test_long_cell_is_cut_and_says_so(text: str) -> None:
    """A huge cell shows its beginning and its length."""
    shown = cell(text)
    assert len(shown) < 8 * MAX_CELL
    (table,) = tables(table_of(text))
    assert f"({len(text):,} characters)" in table.rows[1][1]
    assert plain(table.rows[1][1]).startswith(plain(text[: MAX_CELL - 1]))


def test_cell_of_the_longest_length_is_whole() -> None:
    """A cell of exactly the limit is shown in full."""
    text = "x" * MAX_CELL
    assert cell(text) == text


def test_a_password_at_the_cut_is_masked() -> None:
    """The password of a URL is masked even if the cut removes the URL's end."""
    text = "x" * (MAX_CELL - 20) + " http://user:hunter2" + "2" * 20 + "@example.com/"
    assert "hunter2" not in cell(text)
    assert cell(text).endswith(f" … ({len(text):,} characters)")


def test_password_in_a_url_is_masked() -> None:
    """The password of a URL anywhere in a cell is masked in the Note."""
    shown = cell("seen at https://user:s3cret@www.example.com/login and ftp://a:b@example.org")
    assert "s3cret" not in shown
    assert f"https://user:{MASK}@www.example.com/login" in shown
    assert f"ftp://a:{MASK}@example.org" in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:p@ss@example.com/x", f"http://user:{MASK}@example.com/x"),
        ("http://user:p@ss@example.com", f"http://user:{MASK}@example.com"),
        ("http://user:p@ss@example.com?to=a@b", f"http://user:{MASK}@example.com?to=a@b"),
        ("http://user:p@ss@example.com#a@b", f"http://user:{MASK}@example.com#a@b"),
        ("http://a@example.org:p@ss@example.com/", f"http://a@example.org:{MASK}@example.com/"),
        ("http://user:p?s#s@example.com/", f"http://user:{MASK}@example.com/"),
        ("http://user:p#s@s@example.com/", f"http://user:{MASK}@example.com/"),
        ("http://example.com:80/a:b@c", "http://example.com:80/a:b@c"),
        ("http://user@example.com:80/@", "http://user@example.com:80/@"),
        ("http://u:a@b/ http://u:c@d@e/", f"http://u:{MASK}@b/ http://u:{MASK}@e/"),
    ],
)
def test_password_reaches_to_the_last_at_sign_before_the_path(url: str, shown: str) -> None:
    """A password may contain @; nothing of it is shown, and nothing else is masked."""
    assert masked(url) == shown
    assert masked(shown) == shown
