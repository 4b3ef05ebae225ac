"""Objects that nearly every row creates: serialised once by example, then filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from shadowserver_connector.bundle.finding_objects import (
    LAYER_OF,
    NoteDraft,
    ObservedDraft,
    SerialisedObject,
    serialise,
)
from shadowserver_connector.mapping.cells.addresses import Address
from shadowserver_connector.mapping.cells.countries_and_products import Country
from shadowserver_connector.mapping.cells.host_names_and_urls import DnsName
from shadowserver_connector.stix import ids, observables, reported_objects, shared_objects
from shadowserver_connector.stix.reported_objects import relationship
from shadowserver_connector.stix.shared_objects import Origin, StixObject

# Of Unicode's private use area: no other text of an example has them.
_MARK: Final = re.compile('\ue000([a-z_]+)\ue001|"\ue002([a-z_]+)\ue003"')


def text_mark(name: str) -> str:
    """Return the mark of a text that needs no escaping in JSON, such as an id or an address."""
    return f"\ue000{name}\ue001"


def json_mark(name: str) -> str:
    """Return the mark of a value that is filled in as JSON."""
    return f"\ue002{name}\ue003"


def template(example: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """Return the pieces of the example's JSON between its marks, without its closing brace.

    ``names`` are its marks in the order in which they stand in the JSON; ``ValueError`` if that is
    not so.
    """
    # Without the brace, since labels and score still follow (`bundle.chunk_builder`). Joining
    # pieces is faster than filling in a template with percent signs.
    return pieces(orjson.dumps(example)[:-1].decode(), *names)


def pieces(text: str, *names: str) -> tuple[str, ...]:
    """Return the pieces of a JSON text between its marks, which must be these, in this order."""
    found = tuple(one or other for one, other in _MARK.findall(text))
    if found != names:
        raise ValueError(f"the template has the marks {found}, not {names}")
    # Every third piece is text, those between are the names of the one mark and of the other.
    return tuple(_MARK.split(text)[::3])


_REMEMBERED: Final = 1_024

_RELATIONSHIP: Final = LAYER_OF["relationship"]
# Report and Case name these before other addresses.
_AFFECTED: Final = LAYER_OF["affected"]
_ADDRESS: Final = LAYER_OF["ipv4-addr"]
_NAME: Final = LAYER_OF["domain-name"]
_TRAFFIC: Final = LAYER_OF["network-traffic"]
_OBSERVED: Final = LAYER_OF["observed-data"]

# In the order of their names, as canonical JSON has them.
_IDENTIFYING_ENDS: Final = ("dst_port", "dst_ref", "src_port", "src_ref")


class TrafficForm(NamedTuple):
    """Texts around the values of a traffic with a known set of values.

    A value that it does not have is given as an empty text.
    """

    identifying: tuple[str, ...]
    """Around port and reference of the destination, then of the source."""
    body: tuple[str, ...]
    """Around id, references, ports and description; the source comes first in each pair."""
    stack: str
    """Its protocols for a reader, as they stand in JSON."""


class Encoders:
    """Writes the frequent objects of one report."""

    def __init__(self, origin: Origin, day: str) -> None:
        mark = text_mark
        example = relationship(origin, mark("type"), mark("source"), mark("target"), created=day)
        self._relationship = template(_with_id(example), "id", "type", "source", "target")
        self._values = {
            stix_type: template(
                _with_id(observables.of_value(origin, stix_type, mark("value"))), "id", "value"
            )
            for stix_type in ("ipv4-addr", "ipv6-addr", "domain-name", "hostname")
        }
        self._origin = origin
        self._systems: dict[int, SerialisedObject] = {}
        # Needs no bound: there are as many keys as countries.
        self._countries: dict[str, SerialisedObject] = {}
        self._note = template(
            _with_id(_note_example(origin)), "id", "time", "time", "abstract", "content"
        )
        self._observed = template(
            _with_id(_observed_example(origin)),
            *("id", "first", "last", "first", "last", "number", "refs"),
        )

    def relationship(self, source: str, relationship_type: str, target: str) -> SerialisedObject:
        """Return a relationship as `stix.reported_objects` makes it."""
        stix_id = ids.relationship(relationship_type, source, target)
        a, b, c, d, e = self._relationship
        body = f"{a}{stix_id}{b}{relationship_type}{c}{source}{d}{target}{e}"
        # Those to countries and autonomous systems have their own layer: no Report contains it.
        return SerialisedObject(
            stix_id, LAYER_OF.get(relationship_type, _RELATIONSHIP), body.encode()
        )

    def address(
        self, address: Address, score: int | None, *, affected: bool = False
    ) -> SerialisedObject:
        """Return an address or network as `stix.observables` makes it.

        ``affected`` tells whether a row is about it.
        """
        stix_type = "ipv4-addr" if address.version == 4 else "ipv6-addr"
        return self._of_value(stix_type, address.value, _AFFECTED if affected else _ADDRESS, score)

    def name(self, name: DnsName, score: int | None = None) -> SerialisedObject:
        """Return a domain name or hostname as `stix.observables` makes it."""
        return self._of_value(name.type, name.value, _NAME, score)

    def _of_value(
        self, stix_type: str, value: str, layer: int, score: int | None
    ) -> SerialisedObject:
        stix_id = ids.of_value(stix_type, value)
        a, b, c = self._values[stix_type]
        return SerialisedObject(stix_id, layer, f"{a}{stix_id}{b}{value}{c}".encode(), score)

    def autonomous_system(self, number: int) -> SerialisedObject:
        """Return an autonomous system as `stix.shared_objects` does; there are few in a report."""
        serialised = self._systems.get(number)
        if serialised is None:
            if len(self._systems) >= _REMEMBERED:
                self._systems.clear()
            serialised = serialise(shared_objects.autonomous_system(self._origin, number))
            self._systems[number] = serialised
        return serialised

    def country(self, country: Country) -> SerialisedObject:
        """Return a country as `stix.shared_objects` makes it."""
        serialised = self._countries.get(country.code)
        if serialised is None:
            serialised = serialise(
                shared_objects.country(self._origin, code=country.code, name=country.name)
            )
            self._countries[country.code] = serialised
        return serialised

    def note(
        self,
        stix_id: str,
        abstract: str,
        content: str,
        created: str,
        refs: tuple[str, ...],
        rows: int,
    ) -> NoteDraft:
        """Return a Note of some rows without its containers, as `stix.reported_objects` makes it.

        ``content`` is given as JSON.
        """
        about = orjson.dumps(abstract).decode()
        a, b, c, d, e, f = self._note
        body = f"{a}{stix_id}{b}{created}{c}{created}{d}{about}{e}{content}{f}"
        return NoteDraft(stix_id, body.encode(), refs, rows)

    def observed(self, seen: ObservedDraft) -> SerialisedObject:
        """Return an Observed-Data without labels, as `stix.reported_objects` makes it."""
        first, last = seen.first, seen.last
        # They come sorted, as the id has them, and need no escaping.
        listed = '["' + '","'.join(seen.refs) + '"]'
        stix_id = ids.observed_data_of_json(listed)
        count = str(min(seen.times, reported_objects.MAX_NUMBER_OBSERVED))
        a, b, c, d, e, f, g, h = self._observed
        body = f"{a}{stix_id}{b}{first}{c}{last}{d}{first}{e}{last}{f}{count}{g}{listed}{h}"
        return SerialisedObject(stix_id, _OBSERVED, body.encode())

    def traffic_form(
        self, protocols: tuple[str, ...], *, src: bool, dst: bool, src_port: bool, dst_port: bool
    ) -> TrafficForm:
        """Return the form of traffics with these protocols, and with the ends that are true."""
        ends = {
            "src_ref": text_mark("src_ref") if src else None,
            "dst_ref": text_mark("dst_ref") if dst else None,
            "src_port": text_mark("src_port") if src_port else None,
            "dst_port": text_mark("dst_port") if dst_port else None,
        }
        example = observables.network_traffic(
            self._origin, protocols=protocols, src_ref=ends["src_ref"], dst_ref=ends["dst_ref"]
        )
        example |= {name: json_mark(name) for name in ("src_port", "dst_port") if ends[name]}
        example["x_opencti_description"] = text_mark("description")
        return TrafficForm(
            _around(
                pieces(
                    ids.network_traffic_json(protocols=protocols, **ends),
                    *(name for name in _IDENTIFYING_ENDS if ends[name]),
                ),
                [ends[name] is not None for name in _IDENTIFYING_ENDS],
            ),
            _around(
                template(
                    _with_id(example), "id", *(name for name in ends if ends[name]), "description"
                ),
                [True, *(end is not None for end in ends.values()), True],
            ),
            orjson.dumps(observables.traffic_stack(protocols)).decode()[1:-1],
        )

    def network_traffic(
        self,
        form: TrafficForm,
        src_ref: str,
        dst_ref: str,
        src_port: str,
        dst_port: str,
        where: str,
    ) -> SerialisedObject:
        """Return a service or a flow as `stix.observables` makes it, of values that fit a form.

        ``where`` is its place for a reader (`observables.traffic_place`).
        """
        a, b, c, d, e = form.identifying
        stix_id = ids.network_traffic_of_json(
            f"{a}{dst_port}{b}{dst_ref}{c}{src_port}{d}{src_ref}{e}"
        )
        a, b, c, d, e, f, g = form.body
        said = f"{form.stack} {where}"
        body = f"{a}{stix_id}{b}{src_ref}{c}{dst_ref}{d}{src_port}{e}{dst_port}{f}{said}{g}"
        return SerialisedObject(stix_id, _TRAFFIC, body.encode())


def _around(found: tuple[str, ...], given: Sequence[bool]) -> tuple[str, ...]:
    """Return texts around all values: the text after a missing one is empty."""
    texts = iter(found)
    return (next(texts), *(next(texts) if has else "" for has in given))


def _with_id(example: StixObject) -> StixObject:
    return {**example, "id": text_mark("id")}


def _note_example(origin: Origin) -> StixObject:
    note = reported_objects.note(
        origin,
        stix_id="-",
        abstract="-",
        content="-",
        created=text_mark("time"),
        # Not empty, which the constructor refuses; it is removed below.
        object_refs=("-",),
    )
    note |= {"abstract": json_mark("abstract"), "content": json_mark("content")}
    # Only a chunk knows whether the Note is attached to its Report and Case.
    del note["object_refs"]
    return note


def _observed_example(origin: Origin) -> StixObject:
    observed = reported_objects.observed_data(
        origin,
        first_observed=text_mark("first"),
        last_observed=text_mark("last"),
        number_observed=0,
        object_refs=("-",),
    )
    return observed | {"number_observed": json_mark("number"), "object_refs": json_mark("refs")}
