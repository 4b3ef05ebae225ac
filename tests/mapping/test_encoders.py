"""Objects written from templates equal those of the constructors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowserver_connector.bundle.finding_objects import LAYER_OF, ObservedDraft, SerialisedObject
from shadowserver_connector.mapping.cells.addresses import Address
from shadowserver_connector.mapping.cells.countries_and_products import Country
from shadowserver_connector.mapping.cells.host_names_and_urls import DnsName
from shadowserver_connector.mapping.objects.encoders import (
    Encoders,
    json_mark,
    template,
    text_mark,
)
from shadowserver_connector.stix import observables, reported_objects, shared_objects
from shadowserver_connector.stix.reported_objects import relationship
from shadowserver_connector.stix.shared_objects import GREEN, RED, Origin

DAY = "2024-01-31T00:00:00.000Z"
ORIGIN = Origin("identity--fa48d1ee-26e8-56bd-9eab-a1295dc1a8e8", (GREEN,))
ENCODE = Encoders(ORIGIN, DAY)
V4 = observables.of_value(ORIGIN, "ipv4-addr", "192.0.2.1")["id"]
V6 = observables.of_value(ORIGIN, "ipv6-addr", "2001:db8::1")["id"]

TEXTS = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: f"|{text}|")


def same(made: SerialisedObject, stix: dict[str, Any]) -> None:
    """Fail unless the bytes equal the encoded object of the constructor."""
    assert made.body + b"}" == orjson.dumps(stix)
    assert made.id == stix["id"]
    assert made.layer == LAYER_OF[stix["type"]]


def test_relationship() -> None:
    """A relationship from a template equals the constructor's, byte for byte."""
    made = ENCODE.relationship(V4, "related-to", V6)
    same(made, relationship(ORIGIN, "related-to", V4, V6, created=DAY))


@pytest.mark.parametrize("score", [None, 75])
def test_addresses(score: int | None) -> None:
    """Addresses and networks of both versions equal the constructor's; the score is separate."""
    made = ENCODE.address(Address("198.51.100.0/24", 4), score)
    same(made, observables.of_value(ORIGIN, "ipv4-addr", "198.51.100.0/24"))
    assert made.score == score
    same(
        ENCODE.address(Address("2001:db8::1", 6), None),
        observables.of_value(ORIGIN, "ipv6-addr", "2001:db8::1"),
    )


def test_names() -> None:
    """Domain names and hostnames equal the constructor's."""
    made = ENCODE.name(DnsName("www.example.com", "domain-name"))
    same(made, observables.of_value(ORIGIN, "domain-name", "www.example.com"))
    same(
        ENCODE.name(DnsName("printer-1", "hostname")),
        observables.of_value(ORIGIN, "hostname", "printer-1"),
    )


def test_autonomous_system_and_country() -> None:
    """They equal the constructor's, also when repeated, with the marking of their report."""
    other = Encoders(Origin(ORIGIN.author, (RED,)), DAY)
    for _ in range(2):
        for encode, origin in ((ENCODE, ORIGIN), (other, Origin(ORIGIN.author, (RED,)))):
            made = encode.autonomous_system(64496)
            same(made, shared_objects.autonomous_system(origin, 64496))
            country = encode.country(Country("AT", "Austria"))
            same(country, shared_objects.country(origin, code="AT", name="Austria"))


@pytest.mark.parametrize(
    ("src", "dst", "src_port", "dst_port"),
    [
        (None, V4, None, 443),
        (V4, None, 1234, None),
        (V4, V6, 1234, 80),
        (V4, V6, None, 80),
        (V4, V6, 1234, None),
    ],
)
def test_network_traffic(
    src: str | None, dst: str | None, src_port: int | None, dst_port: int | None
) -> None:
    """A traffic with any known ends and ports equals the constructor's."""
    protocols = ("ipv4", "tcp", "https")
    form = ENCODE.traffic_form(
        protocols,
        src=src is not None,
        dst=dst is not None,
        src_port=src_port is not None,
        dst_port=dst_port is not None,
    )
    ports = ["" if port is None else str(port) for port in (src_port, dst_port)]
    where = observables.traffic_place(src or "", ports[0], dst or "", ports[1])
    made = ENCODE.network_traffic(form, src or "", dst or "", *ports, where)
    stix = observables.network_traffic(
        ORIGIN,
        protocols=protocols,
        src_ref=src,
        dst_ref=dst,
        src_port=src_port,
        dst_port=dst_port,
        description=f"tcp/https {where}",
    )
    same(made, stix)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (("", "", "198.51.100.119", "23"), "on 198.51.100.119:23"),
        (("", "", "2001:db8::1", "23"), "on [2001:db8::1]:23"),
        (("192.0.2.1", "50123", "", ""), "from 192.0.2.1:50123"),
        (("192.0.2.1", "", "", "80"), "from 192.0.2.1 to port 80"),
        (("192.0.2.1", "50123", "2001:db8::1", "80"), "from 192.0.2.1:50123 to [2001:db8::1]:80"),
    ],
)
def test_a_traffic_says_where_it_is(ends: tuple[str, str, str, str], said: str) -> None:
    """A traffic has a description, as OpenCTI titles it by a port only."""
    assert observables.traffic_place(*ends) == said


@given(content=TEXTS, abstract=TEXTS)
def test_note(content: str, abstract: str) -> None:
    """A Note with any text equals the constructor's, id included, except for its references."""
    draft = ENCODE.note("note--1", abstract, orjson.dumps(content).decode(), DAY, (V4,), 3)
    stix = reported_objects.note(
        ORIGIN,
        stix_id="note--1",
        abstract=abstract,
        content=content,
        created=DAY,
        object_refs=(V4,),
    )
    del stix["object_refs"]
    assert draft.body + b"}" == orjson.dumps(stix)
    assert (draft.id, draft.refs, draft.rows) == (stix["id"], (V4,), 3)


@given(number=st.integers(1, 2_000_000_000))
def test_observed_data(number: int) -> None:
    """An Observed-Data equals the constructor's, up to STIX's largest number."""
    last = "2024-01-31T23:59:59.000Z"
    refs = tuple(sorted((V4, V6)))
    made = ENCODE.observed(ObservedDraft(refs, DAY, last, number, frozenset()))
    stix = reported_objects.observed_data(
        ORIGIN, first_observed=DAY, last_observed=last, number_observed=number, object_refs=refs
    )
    same(made, stix)


def test_template_is_cut_at_its_marks() -> None:
    """The example's text beside the marks is kept, in pieces between them."""
    found = template({"a": "100 %", "b": text_mark("one"), "c": json_mark("two")}, "one", "two")
    assert found == ('{"a":"100 %","b":"', '","c":', "")


def test_template_knows_its_marks() -> None:
    """Marks that are missing or out of order are an error when the template is made."""
    with pytest.raises(ValueError, match="has the marks"):
        template({"b": text_mark("one"), "c": json_mark("two")}, "two", "one")
