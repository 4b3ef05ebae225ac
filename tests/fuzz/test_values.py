"""Parsers of cells, on any text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given

from shadowserver_connector.catalogue.columns import ROLES
from shadowserver_connector.mapping.cells.readers import PARSERS, Parser, is_empty
from shadowserver_connector.mapping.cells.text_and_tags import LeftOutError
from tests.fuzz.effort import EFFORT
from tests.fuzz.outcome import is_one_line, outcome
from tests.fuzz.texts import anything

# What these return is no text of the kind that they read.
_OTHER_KIND: Final = {"ssh.public_key", "ssh.algorithm", "x509.raw", "x509.self_signed"}


def _by_parser() -> Mapping[str, Parser]:
    """Return one role of each parser: many share one."""
    found: dict[str, tuple[str, Parser]] = {}
    for role, parse in PARSERS.items():
        found.setdefault(repr(getattr(parse, "args", parse)), (role, parse))
    return dict(found.values())


_PARSERS: Final = _by_parser()


def _text_of(value: Any) -> str:
    """Return the text that a value has in a STIX object."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return str(value[0])
    return ";".join(map(_text_of, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("role", _PARSERS)
@EFFORT
@given(cell=anything)
def test_a_parser_gives_a_value_or_a_reason(role: str, cell: str) -> None:
    """The value can be written as JSON in UTF-8; the reason is one short line of our own words."""
    cell = cell.strip()
    value = outcome(lambda: _PARSERS[role](cell), ValueError)
    if isinstance(value, ValueError):
        own = type(value) in (ValueError, LeftOutError)
        assert own, "an error of a library may quote the cell"
        assert is_one_line(value)
        assert len(str(value)) < 80
        if not isinstance(value, LeftOutError):
            return
        # It carries those values of the cell that are used.
        assert value.left_out > 0
        value = value.values
    assert value is not None
    if not re.search("[\ud800-\udfff]", cell):
        json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize("role", sorted(_PARSERS.keys() - _OTHER_KIND))
@EFFORT
@given(cell=anything)
def test_a_value_parsed_again_is_the_same(role: str, cell: str) -> None:
    """Parsing a value that was parsed before changes nothing."""
    parse = _PARSERS[role]
    value = outcome(lambda: parse(cell.strip()), ValueError)
    if not isinstance(value, ValueError) and value != ():
        assert parse(_text_of(value)) == value


@EFFORT
@given(cell=anything)
def test_a_cell_says_something_or_nothing(cell: str) -> None:
    """Spaces around a cell make no difference, for any role."""
    for role in ROLES:
        assert is_empty(role, cell) is is_empty(role, f" {cell}\t")
