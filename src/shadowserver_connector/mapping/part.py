"""What some cells of a row become, made once for each different combination of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from shadowserver_connector.bundle.made import Made, make
from shadowserver_connector.catalogue.model import Column, Meaning, ReportType
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.roles import PARSERS, is_empty
from shadowserver_connector.stix.origin import Origin, StixObject
from shadowserver_connector.stix.relationships import relationship


@dataclass(frozen=True, slots=True)
class Context:
    """What all rows of a report have in common."""

    origin: Origin
    day: str
    """Start of the day covered, ``YYYY-MM-DDT00:00:00.000Z``."""
    report_type: ReportType
    meanings: Mapping[str, Meaning]
    activities: frozenset[str]
    """Cells of a malware column that name an activity."""
    options: Options

    def meaning(self, party: str) -> Meaning:
        """Return what a party is in this report."""
        return self.meanings[self.report_type.parties.get(party, "other")]


class Part(NamedTuple):
    """STIX objects of some cells, and what the row does with them."""

    objects: Mapping[str, Made]
    observables: tuple[str, ...]
    """For the row's Observed-Data."""
    noted: tuple[str, ...]
    """The row's Note is attached to these."""
    tagged: tuple[str, ...]
    """The row's labels are put on these."""
    slots: tuple[tuple[str, str], ...]
    """(Slot, id): ends of relationships with objects of other parts."""
    scored: bool
    """Whether an object has a score."""
    bad: tuple[tuple[str, str], ...]
    """(Column, why): cells that no object could be made of."""
    subject: str
    """What a row with these cells is about, in a word; empty where they do not tell."""


NOTHING: Final = Part({}, (), (), (), (), False, (), "")


class PartMaker:
    """Collects the objects of some cells; the builders in this package call it."""

    def __init__(
        self, context: Context, party: str, columns: Sequence[Column], cells: Sequence[str]
    ) -> None:
        self.context = context
        self.party = party
        self.group = columns[0].group
        self._cells = tuple(zip(columns, cells, strict=True))
        self._objects: dict[str, Made] = {}
        self._observables: dict[str, None] = {}
        self._noted: dict[str, None] = {}
        self._tagged: dict[str, None] = {}
        self._slots: dict[tuple[str, str], None] = {}
        self._bad: list[tuple[str, str]] = []
        self._subject = ""

    def values(self, *roles: str) -> Iterator[Any]:
        """Yield the parsed cells of the given roles; a bad cell is noted and left out."""
        for role in roles:
            for column, cell in self._cells:
                if column.role == role:
                    value = self._parse(column, cell)
                    if value is not None:
                        yield value

    def value(self, *roles: str) -> Any:
        """Return the first parsed cell of the given roles, or ``None``."""
        return next(self.values(*roles), None)

    def _parse(self, column: Column, cell: str) -> Any:
        if is_empty(column.role, cell):
            return None
        try:
            return PARSERS[column.role](cell.strip())
        except ValueError as error:
            self._bad.append((column.name, str(error)))
            return None

    def text(self, role: str) -> str:
        """Return the first cell of the role as it is, without outer space; empty where null."""
        for column, cell in self._cells:
            if column.role == role and not is_empty(role, cell):
                return cell.strip()
        return ""

    def observable(
        self,
        stix: StixObject,
        *,
        score: int | None = None,
        noted: bool = True,
        tagged: bool = True,
    ) -> str:
        """Add an observable of the row; return its id."""
        stix_id = self.shared(stix, score=score)
        self._observables[stix_id] = None
        if noted:
            self._noted[stix_id] = None
        if tagged:
            self._tagged[stix_id] = None
        return stix_id

    def shared(self, stix: StixObject, *, score: int | None = None) -> str:
        """Add an object that is not the row's own, such as a vulnerability; return its id."""
        stix_id: str = stix["id"]
        if stix_id not in self._objects:
            self._objects[stix_id] = make(stix, score)
        return stix_id

    def relate(self, source: str, relationship_type: str, target: str) -> None:
        """Relate two objects of this part, where such relationships are wanted."""
        if self.context.options.relates(relationship_type) and source != target:
            self.shared(
                relationship(
                    self.context.origin,
                    relationship_type,
                    source,
                    target,
                    created=self.context.day,
                )
            )

    def offer(self, slot: str, stix_id: str) -> None:
        """Offer an object as an end of relationships with other parts of the row."""
        self._slots[slot, stix_id] = None

    def about(self, subject: str) -> None:
        """Say what the row is about; the first to say so is heard."""
        self._subject = self._subject or subject

    def part(self) -> Part:
        """Return what was collected."""
        return Part(
            self._objects,
            tuple(self._observables),
            tuple(self._noted),
            tuple(self._tagged),
            tuple(self._slots),
            any(made.score is not None for made in self._objects.values()),
            tuple(self._bad),
            self._subject,
        )


Builder = Callable[[PartMaker], None]
