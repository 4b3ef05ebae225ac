"""An address and what describes it: names, MAC, autonomous system, country."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from shadowserver_connector.bundle.made import Made
from shadowserver_connector.bundle.made import make as encode
from shadowserver_connector.catalogue.model import ADDRESS_ROLES
from shadowserver_connector.mapping.malice import indicate, malicious_score
from shadowserver_connector.mapping.part import Context, PartMaker
from shadowserver_connector.mapping.values.addresses import Address
from shadowserver_connector.mapping.values.countries import Country
from shadowserver_connector.mapping.values.names import Name
from shadowserver_connector.stix import knowledge, observables
from shadowserver_connector.stix.origin import Origin, StixObject

# Harmless machines that thousands of rows name: a Note on each of them would bury their pages.
_CROWDED: Final = frozenset(["sinkhole", "sensor"])
CONTROLLERS: Final = frozenset(["c2", "controller", "contact_point", "sinkhole"])
"""Meanings of parties that the malware of a row talks to."""

_SANDBOXED: Final = frozenset(["contacted", "looked_up"])


def build_party(make: PartMaker) -> None:
    """Make the observables of one party and relate them to each other."""
    value = make.value("ip", "network", "public_address")
    names = list(make.values("domain"))
    if value is None and not make.reads(*ADDRESS_ROLES):
        value = next((name for name in names if isinstance(name, Address)), None)
    ip = _build_address(make, value) if value is not None else ""
    for name in make.values("hostname"):
        _build_name(make, name, ip)
    for name in names:
        # An address here is a request that was sent to it, and it has its own column.
        if isinstance(name, Name):
            _offer_domain(make, name, _build_name(make, name, ip))
    if ip:
        _describe(make, ip)


def address(make: PartMaker, value: Address) -> StixObject:
    """Return the observable of an address or network."""
    build = observables.ipv4_addr if value.version == 4 else observables.ipv6_addr
    return build(make.context.origin, value.value)


def sandboxed(context: Context) -> bool:
    """Tell whether rows are about what malware did in a sandbox."""
    return not _SANDBOXED.isdisjoint(context.report_type.parties.values())


def _build_address(make: PartMaker, value: Address) -> str:
    context, party = make.context, make.party
    meaning = make.shape.meaning
    score = malicious_score(make)
    shown = context.options.score_exposed if score is None and meaning.own else score
    own_page = meaning.name not in _CROWDED
    made = context.encode.address(value, shown)
    ip = make.add(made, seen=True, noted=own_page, tagged=own_page)
    if score is not None:
        indicate(make, address(make, value), score)
    make.locate(ip)
    end = _end_of_flow(context, party)
    if end:
        make.offer(f"{end} ipv{value.version}", ip)
    if party == context.report_type.primary:
        make.offer("primary", ip)
        make.about(value.value)
        if meaning.name in _SANDBOXED:
            make.offer("contacted", ip)
    elif own_page and not _is_stranger(make) and not (end and value.version == 4):
        make.offer("thing", ip)
    if meaning.name in CONTROLLERS:
        make.offer("controller", ip)
    return ip


def _is_stranger(make: PartMaker) -> bool:
    """Tell whether the name of a column is all that says of an address what it does here."""
    report_type = make.context.report_type
    guessed = make.reads("public_address") and make.party not in report_type.parties
    return guessed or not report_type.primary


def _end_of_flow(context: Context, party: str) -> str:
    """Return which end of a connection the party is, empty where none was seen of it.

    The source of an amplification attack is its victim, in whose name others sent packets.
    """
    report_type = context.report_type
    primary = report_type.primary
    if report_type.traffic != "flow" or context.meaning(primary).name == "victim":
        return ""
    if party == primary:
        return "source"
    return "target" if party in ("dst", "cc") else ""


def _build_name(make: PartMaker, name: Name, ip: str) -> str:
    own_page = make.shape.meaning.name not in _CROWDED
    made = make.context.encode.name(name)
    name_id = make.add(made, seen=True, noted=own_page, tagged=own_page)
    if ip:
        make.relate(name_id, "resolves-to", ip)
    else:
        make.offer("thing", name_id)
    return name_id


def _offer_domain(make: PartMaker, name: Name, name_id: str) -> None:
    """Offer a name that was asked for, unlike one that an address has in reverse DNS."""
    meaning = make.shape.meaning.name
    if not make.context.report_type.primary:
        make.offer("subject", name_id)
        make.about(name.value)
    if name.type == "domain-name":  # OpenCTI relates neither malware nor files to a hostname
        if meaning in CONTROLLERS:
            make.offer("controller", name_id)
        if meaning in _SANDBOXED:
            make.offer("contacted", name_id)


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
