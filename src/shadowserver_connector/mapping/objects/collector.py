"""Collects the objects that some cells become: once for each distinct combination of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from shadowserver_connector.bundle.finding_objects import SerialisedObject, serialise
from shadowserver_connector.mapping.cells.dates import days_after
from shadowserver_connector.mapping.cells.readers import BadCells, ColumnReader, is_empty
from shadowserver_connector.mapping.cells.text_and_tags import LeftOutError
from shadowserver_connector.mapping.objects.context import ConversionContext, SectionLayout
from shadowserver_connector.stix import shared_objects
from shadowserver_connector.stix.ids import type_of
from shadowserver_connector.stix.shared_objects import StixObject


class RowObjects:
    """The STIX objects that a row or a section of it becomes, and their use in the row.

    Compared by identity. No tuple of ids has an id twice, and ``ends`` no pair.
    """

    __slots__ = (
        "addresses",
        "bad",
        "ends",
        "indicators",
        "labelled",
        "noted",
        "objects",
        "observables",
        "scored",
        "size",
        "tagged",
    )

    def __init__(self, objects: Mapping[str, SerialisedObject], size: int) -> None:
        """``size`` is the memory it takes, in bytes, estimated. Its creator sets the rest."""
        self.objects = objects
        self.size = size
        self.observables: tuple[str, ...] = ()
        """For the row's Observed-Data."""
        self.noted: tuple[str, ...] = ()
        """The row's Note is attached to these."""
        self.tagged: tuple[str, ...] = ()
        """The lasting labels of the row are put on these."""
        self.labelled: tuple[str, ...] = ()
        """The report's labels are put on these: the row's labels are about somebody else."""
        self.indicators: tuple[str, ...] = ()
        """All labels of the row are put on these."""
        self.ends: tuple[tuple[str, str], ...] = ()
        """(End, id): ends of relationships with objects of other parts."""
        self.scored = False
        """Whether an object has a score."""
        self.bad: BadCells = ()
        """Cells from which no object could be created, and values that were left out."""
        self.addresses: tuple[tuple[str, str, str], ...] = ()
        """(Party, id, value): the addresses of the row's parties."""


# One for all: the rows tell by identity that a section has nothing.
NO_OBJECTS: Final = RowObjects({}, 0)

# Estimated memory of a part, and of an object in addition to its JSON: its id, its places in dicts
# and tuples.
_OVERHEAD_BYTES: Final = 600
OBJECT_BYTES: Final = 400
"""The minimum that an object adds to the size of its part."""


def scores_higher(serialised: SerialisedObject, known: SerialisedObject) -> bool:
    """Tell whether a second copy of an object takes the place of the first: for its score only."""
    score = serialised.score
    return score is not None and (known.score is None or score > known.score)


class ObjectCollector:
    """Collects the objects of some cells; the builders in this package call it."""

    def __init__(
        self, context: ConversionContext, layout: SectionLayout, cells: Sequence[str]
    ) -> None:
        self.context = context
        self.layout = layout
        self._sources = layout.sources
        self._cells = cells
        self._objects: dict[str, SerialisedObject] = {}
        # Dicts for their order: a cell may contain many values, and several cells the same one.
        self._observables: dict[str, None] = {}
        self._noted: dict[str, None] = {}
        self._tagged: dict[str, None] = {}
        self._indicators: dict[str, None] = {}
        self._ends: dict[tuple[str, str], None] = {}
        self._bad: list[tuple[str, str, int]] = []
        self._scored = False
        self._addresses: tuple[tuple[str, str, str], ...] = ()

    def values(self, *roles: str) -> list[Any]:
        """Return the parsed cells of the given roles; a bad cell is recorded and left out."""
        found = []
        for role in roles:
            if role in self._sources:
                for at, reader in self._sources[role]:
                    value = self._read(at, reader)
                    if value is not None:
                        found.append(value)
        return found

    def _read(self, at: int, reader: ColumnReader) -> Any:
        reading = reader.read(self._cells[at])
        if reading.bad:
            self._bad.append((reader.name, reading.bad, reading.times))
        return reading.value

    def leave_out(self, role: str, error: LeftOutError) -> None:
        """Record what is left out of the first cell of the role."""
        _, reader = self._sources[role][0]
        self._bad.append((reader.name, str(error), error.left_out))

    def check(self) -> None:
        """Record all bad cells, for a builder that creates no object and so reads none of them."""
        self.values(*self._sources)

    def reads(self, *roles: str) -> bool:
        """Tell whether there is a column with one of the roles, whatever its cell contains."""
        return any(role in self._sources for role in roles)

    def value(self, *roles: str) -> Any:
        """Return the first parsed cell of the given roles, or ``None``."""
        # All cells are read, so that a bad one after a good one is recorded too.
        found = self.values(*roles)
        return found[0] if found else None

    def text(self, role: str) -> str:
        """Return the first cell of the role that says something, stripped; empty if none does."""
        for at, _ in self._sources.get(role, ()):
            cell = self._cells[at]
            if not is_empty(role, cell):
                return cell.strip()
        return ""

    def observable(
        self, stix: StixObject, *, score: int | None = None, noted: bool = True, tagged: bool = True
    ) -> str:
        return self.add(serialise(stix, score), seen=True, noted=noted, tagged=tagged)

    def add_shared(self, stix: StixObject) -> str:
        """Add an object that is not the row's own, such as a vulnerability; return its id."""
        # Not `seen`: an Observed-Data refers to observables only.
        return self.add(serialise(stix))

    def add(
        self,
        serialised: SerialisedObject,
        *,
        seen: bool = False,
        noted: bool = False,
        tagged: bool = False,
    ) -> str:
        """Add an object that is already serialised; return its id."""
        stix_id = serialised.id
        known = self._objects.get(stix_id)
        if known is None or scores_higher(serialised, known):
            self._objects[stix_id] = serialised
            if serialised.score is not None:
                self._scored = True
        if seen:
            self._observables[stix_id] = None
        if noted:
            self._noted[stix_id] = None
        if tagged:
            self._tagged[stix_id] = None
        return stix_id

    def relate(self, source: str, relationship_type: str, target: str) -> None:
        """Relate two objects of this part, if such relationships are wanted."""
        context = self.context
        # OpenCTI refuses a relationship of an object with itself.
        if source != target and context.rules.creates(
            relationship_type, type_of(source), type_of(target), self.layout.far_end
        ):
            serialised = context.encode.relationship(source, relationship_type, target)
            self._objects[serialised.id] = serialised

    def offer_end(self, end: str, stix_id: str) -> None:
        """Offer an object as an end of relationships with other parts of the row."""
        self._ends[end, stix_id] = None

    def record_indicator(self, stix_id: str) -> None:
        self._indicators[stix_id] = None

    def set_party_address(self, stix_id: str, value: str) -> None:
        """Record that this is the address of the party."""
        self._addresses = ((self.layout.party, stix_id, value),)

    def row_objects(self) -> RowObjects:
        if not (self._objects or self._bad):
            return NO_OBJECTS
        size = _OVERHEAD_BYTES + OBJECT_BYTES * len(self._objects)
        for serialised in self._objects.values():
            size += len(serialised.body)
        part = RowObjects(self._objects, size)
        part.observables = tuple(self._observables)
        part.noted = tuple(self._noted)
        # The row's labels are about this party, or about somebody else.
        if self.layout.tags_are_about:
            part.tagged = tuple(self._tagged)
        else:
            part.labelled = tuple(self._tagged)
        part.indicators = tuple(self._indicators)
        part.ends = tuple(self._ends)
        part.scored = self._scored
        part.bad = tuple(self._bad)
        part.addresses = self._addresses
        return part


def add_indicator(collector: ObjectCollector, stix: StixObject, kind: str) -> None:
    """Create the Indicator of an observable, if it may be one and Indicators are wanted.

    ``kind`` is one of the catalogue's ``INDICATED_KINDS``.
    """
    context, meaning = collector.context, collector.layout.meaning
    # Nothing of the subscriber's: a block list would cut off its own customers.
    if not (context.options.create_indicators and meaning.indicates(kind)):
        return
    named = context.report_type.title
    indicator = shared_objects.indicator(
        context.origin,
        stix,
        description=(
            f"{meaning.text[:1].upper()}{meaning.text[1:]}, seen on {context.day[:10]} (UTC), "
            f"according to The Shadowserver Foundation's report {named}."
        ),
        valid_from=context.day,
        valid_until=days_after(context.day, context.catalogue.valid_days[kind]),
        score=meaning.score,
    )
    indicator_id = collector.add_shared(indicator)
    collector.record_indicator(indicator_id)
    collector.relate(indicator_id, "based-on", stix["id"])


Builder = Callable[[ObjectCollector], None]
