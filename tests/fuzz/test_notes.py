"""The note renderer on any cells: tables of exactly these cells, in which nothing acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from shadowserver_connector.catalogue.catalogue import CellWords
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.mapping.cells.cache import CacheBudget
from shadowserver_connector.mapping.texts.markdown import MASK, cell, masked
from shadowserver_connector.mapping.texts.note_columns import NoteColumn, note_columns
from shadowserver_connector.mapping.texts.notes import finding_note, host_note
from tests.fuzz import texts
from tests.fuzz.effort import EFFORT
from tests.mapping.gfm import Table, blocks, tables
from tests.mapping.test_markdown import plain

_CELLS: Final = st.one_of(texts.active, texts.cells)
_NAMES: Final = ("first", "second", "third", "password")
_ROWS: Final = st.lists(_CELLS, min_size=len(_NAMES), max_size=len(_NAMES))


def _columns(names: list[str]) -> list[Column]:
    """Return columns of these names; the last holds secrets."""
    return [
        Column(name, "secret" if name == names[-1] else "text", "", "", name, order)
        for order, name in enumerate(names)
    ]


def _noted(names: Sequence[str]) -> tuple[NoteColumn, ...]:
    return note_columns(_columns(list(names)), CacheBudget(), CellWords((), {}))


def _same(table: Table, rows: list[list[str]]) -> None:
    assert [[plain(shown) for shown in row] for row in table.rows] == [
        [plain(masked(text)) for text in row] for row in rows
    ]


def _masked(row: list[str]) -> list[str]:
    return [*row[:-1], MASK if row[-1].strip() else ""]


@EFFORT
@given(text=_CELLS)
def test_a_cell_is_one_line_of_text(text: str) -> None:
    """A cell has no line break, control character or angle bracket for the worker to rewrite."""
    shown = cell(text)
    assert len(shown.splitlines()) <= 1
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in shown)
    assert "<" not in shown
    shown.encode()


@EFFORT
@given(row=_ROWS)
@example(row=["", "", "://:0@", ""])
def test_a_finding_is_one_table(row: list[str]) -> None:
    """The table has a line for each cell that is not empty, and hides the length of secrets."""
    note = orjson.loads(finding_note(_noted(_NAMES), row))
    if not any(map(cell, row)):
        assert note == "(no cells)"
        return
    assert blocks(note) == ["table_open"]
    (table,) = tables(note)
    lines = zip(_NAMES, _masked(row), row, strict=True)
    _same(
        table, [["Field", "Value"], *([name, shown] for name, shown, text in lines if cell(text))]
    )


@EFFORT
@given(names=st.lists(_CELLS, min_size=4, max_size=4), row=_ROWS)
def test_names_of_columns_are_cells_too(names: list[str], row: list[str]) -> None:
    """The table has two columns and nothing outside of it, whatever the header contains."""
    note = orjson.loads(finding_note(_noted(names), row))
    shown = [cell(text) for text in row]
    if any(shown):
        assert blocks(note) == ["table_open"]
        (table,) = tables(note)
        assert table.width == 2
        assert len(table.rows) == 1 + sum(map(bool, shown))


@EFFORT
@given(rows=st.lists(_ROWS, min_size=2, max_size=4))
def test_a_host_is_two_tables(rows: list[list[str]]) -> None:
    """The first has what all rows share, the second what differs: every cell is shown."""
    note = orjson.loads(host_note(_noted(_NAMES), rows))
    varying = [at for at in range(len(_NAMES)) if len({row[at] for row in rows}) > 1]
    if not varying:
        assert note == orjson.loads(finding_note(_noted(_NAMES), rows[0]))
        return
    second = tables(note)[-1]
    heading = [_NAMES[at] for at in varying]
    _same(second, [heading, *([_masked(row)[at] for at in varying] for row in rows)])
    assert blocks(note)[-2:] == ["paragraph_open", "table_open"]
    assert len(blocks(note)) == 3
