"""A table in a data file: its fields, each taken once and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shadowserver_connector.errors import CatalogueError


class Entry:
    """A table in a data file; every complaint about it names the file and the entry.

    Each field is taken out once, and ``done`` refuses fields that nobody took. So a misspelt field
    is an error and does not silently become a default.
    """

    def __init__(self, file: str, name: str, fields: object) -> None:
        if not isinstance(fields, Mapping):
            raise CatalogueError(f"{file}: {name}: must be a table of fields")
        self.file = file
        self.name = name
        self._fields: dict[str, object] = dict(fields)

    @property
    def key(self) -> str:
        """Its name without that of the table around it."""
        return self.name.partition(".")[2]

    def error(self, complaint: str) -> CatalogueError:
        """Return an error that says what is wrong with this entry."""
        named = f"{self.file}: {self.name}" if self.name else self.file
        return CatalogueError(f"{named}: {complaint}")

    def text(self, field: str, default: str | None = None) -> str:
        """Take a text; without a default it must be there and not be blank."""
        value = self._fields.pop(field, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.error(f"{field} must be given, as text")
        return value

    def flag(self, field: str, default: bool | None = None) -> bool:
        """Take a field that must be true or false; without a default it must be there."""
        value = self._fields.pop(field, default)
        if not isinstance(value, bool):
            raise self.error(f"{field} must be true or false")
        return value

    def number(self, field: str, most: int) -> int:
        """Take a field that must be a whole number from 0 on."""
        value = self._fields.pop(field, None)
        # To Python, true and false are whole numbers as well.
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self.error(f"{field} must be a whole number from 0 to {most}")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """Take a list of texts; an absent one is empty."""
        value = self._fields.pop(field, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{field} must be a list of texts")
        return tuple(value)

    def table(self, field: str) -> dict[str, str]:
        """Take a table of texts; an absent one is empty."""
        value = self._fields.pop(field, {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.error(f"{field} must be a table of texts")
        return value

    def names(self, field: str) -> dict[str, str]:
        """Take a table of lists of texts; return it inverted: text -> name of its list."""
        lists = self.entry(field)
        return {text: name for name in list(lists._fields) for text in lists.texts(name)}

    def all_texts(self) -> dict[str, str]:
        """Take all fields, each of which must be a text."""
        return {name: self.text(name) for name in list(self._fields)}

    def has(self, field: str) -> bool:
        """Tell whether a field is there and not yet taken."""
        return field in self._fields

    def entry(self, field: str) -> Entry:
        """Take a field that must be a table, as an entry of its own."""
        name = f"{self.name}.{field}" if self.name else field
        return Entry(self.file, name, self._fields.pop(field, None))

    def entries(self) -> Iterator[Entry]:
        """Take all fields, each as an entry of its own; `done` checks it after its use."""
        for field in list(self._fields):
            entry = self.entry(field)
            yield entry
            entry.done()

    def done(self) -> None:
        """Refuse fields that nobody took."""
        if self._fields:
            raise self.error(f"unknown field {', '.join(sorted(self._fields))}")
