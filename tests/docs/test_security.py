"""SECURITY.md names a test for each threat, and each named test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`:]+\.py)::(\w+)`", TEXT)))


def rows() -> list[list[str]]:
    """Return the cells of the table of threats, row by row."""
    table = TEXT.split("| Threat |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("| "))] for line in table]


def test_each_threat_names_its_protection_and_a_test() -> None:
    """Each threat has a protection and at least one test."""
    assert len(rows()) > 40
    for threat, protection, tests in rows():
        assert threat
        assert protection
        assert re.fullmatch(r"`tests/[^`]+::test_\w+`(, `tests/[^`]+::test_\w+`)*", tests), threat


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_each_named_test_exists(file: str) -> None:
    """Each named test is in the file that the table gives."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    there = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    assert {name for named, name in NAMED if named == file} - there == set()
