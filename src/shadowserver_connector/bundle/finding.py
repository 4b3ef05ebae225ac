"""What one finding (a row, or a host's rows) adds to a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shadowserver_connector.bundle.made import Made

Labels = tuple[str, ...]
"""Clean labels, sorted."""


class Observed(NamedTuple):
    """An Observed-Data before merging: one row's, or several with the same observables."""

    id: str
    refs: tuple[str, ...]
    """Ids of observables, sorted."""
    first: str
    last: str
    number: int


class NoteDraft(NamedTuple):
    """A Note that does not know its containers yet."""

    id: str
    body: bytes
    """JSON without ``object_refs``, labels and the closing brace."""
    refs: tuple[str, ...]
    """Observables that it is about."""


@dataclass(slots=True)
class Finding:
    """Objects of one finding, closed under reference but for author, markings and containers."""

    objects: dict[str, Made] = field(default_factory=dict)
    labels: dict[str, set[Labels]] = field(default_factory=dict)
    """Object id to the label sets of the rows that tag it."""
    observed: dict[str, Observed] = field(default_factory=dict)
    notes: dict[str, NoteDraft] = field(default_factory=dict)
    rows: int = 0

    def tag(self, ids: Iterable[str], labels: Labels) -> None:
        """Put a row's labels on objects of that row."""
        for stix_id in ids:
            known = self.labels.get(stix_id)
            if known is None:
                self.labels[stix_id] = {labels}
            else:
                known.add(labels)

    def observe(self, seen: Observed) -> None:
        """Add an Observed-Data, merged with one of the same observables."""
        known = self.observed.get(seen.id)
        self.observed[seen.id] = seen if known is None else merge_observed(known, seen)


def merge_observed(one: Observed, other: Observed) -> Observed:
    """Return the Observed-Data that covers both; they have the same observables."""
    first, last = min(one.first, other.first), max(one.last, other.last)
    return Observed(one.id, one.refs, first, last, one.number + other.number)


def unite(labels: Iterable[Labels]) -> Sequence[str]:
    """Return the labels of all sets, each once, sorted."""
    return sorted({label for some in labels for label in some})
