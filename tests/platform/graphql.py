"""Just enough GraphQL to read the queries that pycti sends; not a GraphQL engine.

A query is read into operations and fields; an answer is cut down to the fields that were asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r'\s+|,|#[^\n]*|(?P<string>"(?:[^"\\]|\\.)*")|(?P<name>[_A-Za-z]\w*)|'
    r"(?P<variable>\$[_A-Za-z]\w*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<sign>\.\.\.|[{}()\[\]:!=@|])"
)
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a selection, with its arguments resolved; inline fragments are merged in."""

    name: str
    key: str
    arguments: Mapping[str, Any]
    selection: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A query or mutation: its name (may be empty) and its top-level fields."""

    kind: str
    name: str
    selection: tuple[Field, ...]


def read(query: str, variables: Mapping[str, Any]) -> Operation:
    """Read a document that holds one operation. Raises ValueError when it is not understood."""
    return _Reader(query, variables).operation()


def select(value: Any, selection: tuple[Field, ...]) -> Any:
    """Return `value` cut down to the selected fields; fields that it lacks are None."""
    if not selection or value is None:
        return value
    if isinstance(value, list):
        return [select(item, selection) for item in value]
    if not isinstance(value, Mapping):
        raise ValueError(f"fields selected on a plain value: {value!r}")
    return {field.key: select(value.get(field.name), field.selection) for field in selection}


class _Reader:
    def __init__(self, query: str, variables: Mapping[str, Any]) -> None:
        self._tokens = list(_tokens(query))
        self._at = 0
        self._variables = variables

    def operation(self) -> Operation:
        kind = "query"
        name = ""
        if self._peek() != "{":
            kind = self._next()
            if kind not in ("query", "mutation"):
                raise ValueError(f"not a query or a mutation: {kind}")
            if self._peek() not in ("(", "{"):
                name = self._next()
            if self._peek() == "(":
                self._skip_parentheses()
        selection = self._selection()
        if self._at != len(self._tokens):
            raise ValueError(f"more than one operation: {self._peek()}")
        return Operation(kind, name, selection)

    def _selection(self) -> tuple[Field, ...]:
        self._expect("{")
        fields: dict[str, Field] = {}
        while self._peek() != "}":
            for field in self._fields():
                known = fields.get(field.key)
                merged = (known.selection if known else ()) + field.selection
                fields[field.key] = Field(field.name, field.key, field.arguments, merged)
        self._expect("}")
        return tuple(fields.values())

    def _fields(self) -> tuple[Field, ...]:
        if self._peek() == "...":
            self._next()
            self._expect("on")
            self._next()
            return self._selection()
        key = name = self._next()
        if self._peek() == ":":
            self._next()
            name = self._next()
        arguments = self._arguments() if self._peek() == "(" else {}
        selection = self._selection() if self._peek() == "{" else ()
        return (Field(name, key, arguments, selection),)

    def _arguments(self) -> dict[str, Any]:
        return self._pairs("(", ")")

    def _pairs(self, opening: str, closing: str) -> dict[str, Any]:
        self._expect(opening)
        pairs: dict[str, Any] = {}
        while self._peek() != closing:
            name = self._next()
            self._expect(":")
            pairs[name] = self._value()
        self._expect(closing)
        return pairs

    def _value(self) -> Any:
        token = self._peek()
        if token == "{":
            return self._pairs("{", "}")
        self._next()
        if token == "[":
            items = []
            while self._peek() != "]":
                items.append(self._value())
            self._expect("]")
            return items
        if token.startswith("$"):
            return self._variables.get(token[1:])
        if token.startswith('"'):
            return token[1:-1]
        if token[0] in "-0123456789":
            return float(token) if "." in token else int(token)
        return _CONSTANTS.get(token, token)

    def _skip_parentheses(self) -> None:
        depth = 0
        while True:
            token = self._next()
            depth += {"(": 1, ")": -1}.get(token, 0)
            if depth == 0:
                return

    def _peek(self) -> str:
        if self._at >= len(self._tokens):
            raise ValueError("the query ends early")
        return self._tokens[self._at]

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise ValueError(f"expected {token}, found {found}")


def _tokens(query: str) -> Iterator[str]:
    at = 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            raise ValueError(f"unexpected text in a query: {query[at : at + 20]!r}")
        if match.lastgroup:
            yield match[0]
        at = match.end()
