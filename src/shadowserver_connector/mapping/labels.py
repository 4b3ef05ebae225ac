"""Labels of a row: those of its report, and its tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shadowserver_connector.bundle.finding import Labels
from shadowserver_connector.mapping.memory import WIDEST, Memory
from shadowserver_connector.mapping.values.tags import split_tags

# The head of a text, and its place in a tuple.
_LABEL_BYTES: Final = 64
_REMEMBERED: Final = 4_096
_LONGEST: Final = 1_000


class LabelMaker:
    """Turns a tag cell into the labels of its row."""

    def __init__(self, base: Sequence[str], memory: Memory) -> None:
        self.base: Labels = tuple(sorted(set(base)))
        self._kept = memory.keeping(_REMEMBERED)
        self._known: dict[str, Labels] = self._kept.known

    def of(self, tags: str) -> Labels:
        """Return the labels of a row with this tag cell, sorted, each once."""
        if not tags:
            return self.base
        labels = self._known.get(tags)
        if labels is None:
            labels = tuple(sorted({*self.base, *split_tags(tags)}))
            if len(tags) <= _LONGEST:
                size = 2 * WIDEST * len(tags) + _LABEL_BYTES * len(labels)
                self._kept.keep(tags, labels, size)
        return labels
