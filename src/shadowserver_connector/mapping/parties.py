"""An address and what describes it: names, MAC, autonomous system, country."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from shadowserver_connector.bundle.made import Made
from shadowserver_connector.bundle.made import make as encode
from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.mapping.values.addresses import Address
from shadowserver_connector.mapping.values.countries import Country
from shadowserver_connector.mapping.values.names import Name
from shadowserver_connector.stix import ids, indicators, knowledge, observables
from shadowserver_connector.stix.origin import Origin, StixObject

MALICIOUS_SCORES: Final = {"info": 10, "low": 25, "medium": 50, "high": 75, "critical": 90}

# Harmless machines that thousands of rows name: a Note on each of them would bury their pages.
_CROWDED: Final = frozenset(["sinkhole", "sensor"])
_CONTROLLERS: Final = frozenset(["c2", "sinkhole"])


def build_party(make: PartMaker) -> None:
    """Make the observables of one party and relate them to each other."""
    context = make.context
    meaning = context.meaning(make.party)
    own_page = meaning.name not in _CROWDED
    controls = meaning.name in _CONTROLLERS
    ip = ""
    value = make.value("ip", "network")
    if value is not None:
        stix = address(make, value)
        score = _score(make)
        ip = make.observable(stix, score=score, noted=own_page, tagged=own_page)
        if make.party == context.report_type.primary:
            make.offer("primary", ip)
            make.about(value.value)
        make.offer(f"{make.party} {stix['type']}", ip)
        if controls:
            make.offer("controller", ip)
        if meaning.malicious and context.options.create_indicators:
            _indicate(make, stix, score)
    for name in make.values("hostname", "domain"):
        if isinstance(name, Address):
            continue  # a request that was sent to the bare address, which has its own column
        name_id = make.observable(_named(make, name), noted=own_page, tagged=own_page)
        if ip:
            make.relate(name_id, "resolves-to", ip)
        else:
            make.offer("thing", name_id)
        if controls and name.type == "domain-name":  # OpenCTI relates no malware to a hostname
            make.offer("controller", name_id)
    if ip:
        _describe(make, ip)


def address(make: PartMaker, value: Address) -> StixObject:
    """Return the observable of an address or network."""
    build = observables.ipv4_addr if value.version == 4 else observables.ipv6_addr
    return build(make.context.origin, value.value)


def address_id(value: Address) -> str:
    """Return the id of the observable of an address or network."""
    return (ids.ipv4_addr if value.version == 4 else ids.ipv6_addr)(value.value)


def _named(make: PartMaker, name: Name) -> StixObject:
    build = observables.domain_name if name.type == "domain-name" else observables.hostname
    return build(make.context.origin, name.value)


def _describe(make: PartMaker, ip: str) -> None:
    """Relate an address to its MAC, its autonomous system and its country."""
    origin = make.context.origin
    for mac in make.values("mac"):
        make.relate(ip, "resolves-to", make.observable(observables.mac_addr(origin, mac)))
    number = make.value("asn")
    if number is not None and make.context.options.relates("belongs-to"):
        make.relate(ip, "belongs-to", make.add(_system(origin, number), seen=True))
    country = make.value("country")
    if country is not None and make.context.options.relates("located-at"):
        make.relate(ip, "located-at", make.add(_country(origin, country)))


@lru_cache(maxsize=1_024)
def _system(origin: Origin, number: int) -> Made:
    return encode(knowledge.autonomous_system(origin, number))


@lru_cache(maxsize=256)
def _country(origin: Origin, country: Country) -> Made:
    return encode(knowledge.country(origin, code=country.code, name=country.name))


def _score(make: PartMaker) -> int | None:
    meaning = make.context.meaning(make.party)
    if meaning.malicious:
        severity = make.value("severity") or make.context.report_type.severity
        return MALICIOUS_SCORES[severity]
    return make.context.options.score_exposed if meaning.own else None


def _indicate(make: PartMaker, stix: StixObject, score: int | None) -> None:
    indicator = indicators.indicator(
        make.context.origin, stix, valid_from=make.context.day, score=score
    )
    make.relate(make.shared(indicator), "based-on", stix["id"])
