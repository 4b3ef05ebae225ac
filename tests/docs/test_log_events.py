"""The table of events in docs/operations.md is checked against the calls that log them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import shadowserver_connector

PACKAGE = Path(shadowserver_connector.__path__[0])
DOCUMENT = PACKAGE.parents[1] / "docs" / "operations.md"
HEADING = "## Events in the log"
LEVELS = ("debug", "info", "warning", "error")
# The commands' own console and the log itself pass on what they are given.
PASSING_ON = {"console.py", "logger.py"}


class Event(NamedTuple):
    """A message with its level and the names of its fields."""

    message: str
    level: str
    fields: frozenset[str]


class Module:
    """The source of a module, and the values of its expressions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text())
        self.functions = {
            node.name: node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self.constants = {
            node.target.id: node.value.value
            for node in self.tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }

    def text(self, node: ast.expr) -> str:
        """Return the text of a literal, or of a constant of this or an imported module."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            found = {self.constants[node.id]} if node.id in self.constants else constants(node.id)
            if len(found) == 1:
                return found.pop()
        raise AssertionError(f"{self.path.name}:{node.lineno}: {ast.unparse(node)} is no constant")

    def keys(self, node: ast.expr, around: ast.AST) -> frozenset[str]:
        """Return the keys of a dict, which may be made here, before, or by a function."""
        if isinstance(node, ast.Dict):
            found: set[str] = set()
            for key, value in zip(node.keys, node.values, strict=True):
                found |= {self.text(key)} if key is not None else self.keys(value, around)
            return frozenset(found)
        if isinstance(node, ast.Name):
            return self._union(
                each.value
                for each in ast.walk(around)
                if isinstance(each, ast.Assign | ast.AnnAssign)
                and each.value is not None
                and node.id in {getattr(target, "id", "") for target in _targets(each)}
            )
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            made = self.functions.get(name) or functions()[name]
            return self._union(
                each.value
                for each in ast.walk(made)
                if isinstance(each, ast.Return) and each.value is not None
            )
        raise AssertionError(f"{self.path.name}:{node.lineno}: fields that nobody can read")

    def _union(self, nodes: Iterator[ast.expr]) -> frozenset[str]:
        found = [self.keys(node, self.tree) for node in nodes]
        assert found, self.path
        return frozenset().union(*found)

    def events(self) -> Iterator[Event]:
        """Yield an event for each call that logs one."""
        for function in self.functions.values():
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and (level := _level(call.func)):
                    arguments = [*call.args, *(given.value for given in call.keywords)]
                    yield self._event(level, arguments, function)
                elif isinstance(call, ast.Call):
                    yield from self._deferred(call, function)

    def _deferred(self, call: ast.Call, function: ast.AST) -> Iterator[Event]:
        """Yield the event of a logger's method that is passed to another function."""
        for place, argument in enumerate(call.args):
            if level := _level(argument):
                given = call.args[place + 1]
                assert isinstance(given, ast.Tuple)
                yield self._event(level, given.elts, function)

    def _event(self, level: str, arguments: list[ast.expr], around: ast.AST) -> Event:
        fields = self.keys(arguments[1], around) if len(arguments) > 1 else frozenset()
        return Event(self.text(arguments[0]), level, fields)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _level(node: ast.expr) -> str:
    """Return the level that a method of a logger logs at; empty for any other expression."""
    if not (isinstance(node, ast.Attribute) and node.attr in LEVELS):
        return ""
    owner = node.value
    name = getattr(owner, "attr", getattr(owner, "id", ""))
    return node.attr if name in ("log", "_log") else ""


@cache
def modules() -> list[Module]:
    """Return the modules that may log."""
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py")) if path.name not in PASSING_ON]


def constants(name: str) -> set[str]:
    """Return the texts of the constants with this name."""
    return {module.constants[name] for module in modules() if name in module.constants}


def functions() -> Mapping[str, ast.AST]:
    """Return the functions of all modules."""
    return {name: made for module in modules() for name, made in module.functions.items()}


def logged() -> dict[tuple[str, str], frozenset[str]]:
    """Return the fields of each event, over all places of the package that log it."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for module in modules():
        for event in module.events():
            key = (event.message, event.level)
            found[key] = found.get(key, frozenset()) | event.fields
    return found


def documented() -> dict[tuple[str, str], frozenset[str]]:
    """Return the table in the document."""
    section = DOCUMENT.read_text().partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| `([^`]+)` \| (\w+) \| (.*?) \|", section)
    return {
        (message, level): frozenset(re.findall(r"`([^`]+)`", fields))
        for message, level, fields in rows
    }


def test_the_table_has_every_event_with_its_fields_and_no_other() -> None:
    """The table has exactly the events of the package, with their fields."""
    assert documented() == logged()


def test_the_table_is_in_order() -> None:
    """The table is sorted by message."""
    messages = [message for message, _ in documented()]
    assert messages == sorted(messages, key=str.lower)


def test_the_names_of_fields_are_stable_ones() -> None:
    """The names of fields are in snake case, so that no search needs quotes."""
    for fields in logged().values():
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", field) for field in fields)
