"""Objects that nearly every row makes, written from templates of their constructors."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from shadowserver_connector.bundle.finding import NoteDraft, Observed
from shadowserver_connector.bundle.made import LAYER, Made
from shadowserver_connector.bundle.template import json_mark, template, text_mark
from shadowserver_connector.mapping.values.addresses import Address
from shadowserver_connector.mapping.values.names import Name
from shadowserver_connector.stix import containers, ids, observables
from shadowserver_connector.stix.origin import Origin, StixObject
from shadowserver_connector.stix.relationships import relationship

# NamedTuples are made by a function in Python; this is what it calls.
_tuple: Final = tuple.__new__

_RELATIONSHIP: Final = LAYER["relationship"]
_ADDRESS: Final = LAYER["ipv4-addr"]
_NAME: Final = LAYER["domain-name"]
_TRAFFIC: Final = LAYER["network-traffic"]
_OBSERVED: Final = LAYER["observed-data"]


@lru_cache(maxsize=4_096)
def address_id(address: Address) -> str:
    """Return the id of an address or network; it is soon asked for again, by its traffic."""
    return (ids.ipv4_addr if address.version == 4 else ids.ipv6_addr)(address.value)


class Encoders:
    """Writes the frequent objects of one report."""

    def __init__(self, origin: Origin, day: str) -> None:
        mark = text_mark
        example = relationship(origin, mark("type"), mark("source"), mark("target"), created=day)
        self._relationship = template(_with_id(example), "id", "type", "source", "target")
        values = {
            "ipv4-addr": observables.ipv4_addr(origin, mark("value")),
            "ipv6-addr": observables.ipv6_addr(origin, mark("value")),
            "domain-name": observables.domain_name(origin, mark("value")),
            "hostname": observables.hostname(origin, mark("value")),
        }
        self._values = {
            stix_type: template(_with_id(example), "id", "value")
            for stix_type, example in values.items()
        }
        self._origin = origin
        self._note = template(
            _with_id(_note_example(origin)), "id", "time", "time", "abstract", "content"
        )
        self._observed = template(
            _with_id(_observed_example(origin)),
            *("id", "first", "last", "first", "last", "number", "refs"),
        )
        self._traffic = lru_cache(maxsize=256)(self._traffic_template)

    def relationship(self, source: str, relationship_type: str, target: str) -> Made:
        """Return a relationship as `stix.relationships.relationship` makes it."""
        stix_id = ids.relationship(relationship_type, source, target)
        body = (self._relationship % (stix_id, relationship_type, source, target)).encode()
        return _tuple(Made, (stix_id, _RELATIONSHIP, body, None))

    def address(self, address: Address, score: int | None) -> Made:
        """Return an address or network as `stix.observables` makes it."""
        stix_id = address_id(address)
        text = self._values["ipv4-addr" if address.version == 4 else "ipv6-addr"]
        return _tuple(Made, (stix_id, _ADDRESS, (text % (stix_id, address.value)).encode(), score))

    def name(self, name: Name) -> Made:
        """Return a domain name or hostname as `stix.observables` makes it."""
        make_id = ids.domain_name if name.type == "domain-name" else ids.hostname
        stix_id = make_id(name.value)
        body = (self._values[name.type] % (stix_id, name.value)).encode()
        return _tuple(Made, (stix_id, _NAME, body, None))

    def note(
        self, abstract: str, content: str, created: str, refs: tuple[str, ...], rows: int
    ) -> NoteDraft:
        """Return a Note of some rows without its containers, as `stix.containers` makes it."""
        about, text = orjson.dumps(abstract).decode(), orjson.dumps(content).decode()
        stix_id = ids.note_of_json(content=text, created=created, abstract=about)
        body = self._note % (stix_id, created, created, about, text)
        return _tuple(NoteDraft, (stix_id, body.encode(), refs, rows))

    def observed(self, seen: Observed) -> Made:
        """Return an Observed-Data without labels, as `stix.containers` makes it."""
        refs, first, last, number, _ = seen
        stix_id = ids.observed_data(refs)
        number = min(number, containers.MAX_NUMBER_OBSERVED)
        listed = '["' + '","'.join(refs) + '"]'
        body = self._observed % (stix_id, first, last, first, last, number, listed)
        return _tuple(Made, (stix_id, _OBSERVED, body.encode(), None))

    def network_traffic(
        self,
        protocols: tuple[str, ...],
        src_ref: str | None,
        dst_ref: str | None,
        src_port: int | None,
        dst_port: int | None,
    ) -> Made:
        """Return a service or a flow as `stix.observables` makes it."""
        stix_id = ids.network_traffic(
            protocols=protocols,
            src_ref=src_ref,
            dst_ref=dst_ref,
            src_port=src_port,
            dst_port=dst_port,
        )
        ends = (src_ref, dst_ref, src_port, dst_port)
        given = [end for end in ends if end is not None]
        text = self._traffic(protocols, *[end is not None for end in ends])
        return _tuple(Made, (stix_id, _TRAFFIC, (text % (stix_id, *given)).encode(), None))

    def _traffic_template(
        self, protocols: tuple[str, ...], src: bool, dst: bool, src_port: bool, dst_port: bool
    ) -> str:
        example = observables.network_traffic(
            self._origin,
            protocols=protocols,
            src_ref=text_mark("src") if src else None,
            dst_ref=text_mark("dst") if dst else None,
        )
        ports = {"src_port": src_port, "dst_port": dst_port}
        example |= {name: json_mark(name) for name, given in ports.items() if given}
        given = {"src": src, "dst": dst, **ports}
        return template(_with_id(example), "id", *(name for name, has in given.items() if has))


def _with_id(example: StixObject) -> StixObject:
    return {**example, "id": text_mark("id")}


def _note_example(origin: Origin) -> StixObject:
    note = containers.note(
        origin, abstract="-", content="-", created=text_mark("time"), object_refs=("-",)
    )
    note |= {"abstract": json_mark("abstract"), "content": json_mark("content")}
    del note["object_refs"]
    return note


def _observed_example(origin: Origin) -> StixObject:
    observed = containers.observed_data(
        origin,
        first_observed=text_mark("first"),
        last_observed=text_mark("last"),
        number_observed=0,
        object_refs=("-",),
    )
    return observed | {"number_observed": json_mark("number"), "object_refs": json_mark("refs")}
