"""Labels of a row: those of its report, and its tags."""

from __future__ import annotations

from collections.abc import Sequence

from shadowserver_connector.bundle.finding import Labels
from shadowserver_connector.mapping.values.tags import split_tags

_REMEMBERED = 4_096
_LONGEST = 1_000


class LabelMaker:
    """Turns a tag cell into the labels of its row."""

    def __init__(self, base: Sequence[str]) -> None:
        self.base: Labels = tuple(sorted(set(base)))
        self._known: dict[str, Labels] = {"": self.base}

    def of(self, tags: str) -> Labels:
        """Return the labels of a row with this tag cell, sorted, each once."""
        labels = self._known.get(tags)
        if labels is None:
            if len(self._known) > _REMEMBERED:
                self._known = {"": self.base}
            labels = tuple(sorted({*self.base, *split_tags(tags)}))
            if len(tags) <= _LONGEST:
                self._known[tags] = labels
        return labels
