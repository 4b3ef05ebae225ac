"""An address and what describes it: names, MAC, AS, country, accounts."""

from __future__ import annotations

from shadowserver_connector.catalogue.model import ADDRESS_ROLES
from shadowserver_connector.mapping.cells.addresses import Address
from shadowserver_connector.mapping.cells.host_names import Name
from shadowserver_connector.mapping.objects.collector import PartMaker
from shadowserver_connector.mapping.objects.scoring import indicate
from shadowserver_connector.stix import observables
from shadowserver_connector.stix.origin import StixObject


def build_party(make: PartMaker) -> None:
    """Make the observables of one party and relate them to each other."""
    own = make.value("ip")
    other = make.value("network", "public_address")
    value = other if own is None else own
    names = [name for found in make.values("domain") for name in found]
    if value is None and not make.shape.is_name and not make.reads(*ADDRESS_ROLES):
        value = next((name for name in names if isinstance(name, Address)), None)
    ip = _build_address(make, value) if value is not None else ""
    # A network resolves nothing: what stands beside it is a name that it has to do with.
    host = "" if value is None or "/" in value.value else ip
    for name in make.values("hostname"):
        _build_name(make, name, host)
    for name in names:
        # An address here is a request that was sent to it, and it has its own column.
        if isinstance(name, Name):
            _build_domain(make, name, host)
    if own is not None:
        make.locate(ip)
    if ip:
        _describe(make, ip)
    else:
        make.values("mac", "asn", "country")  # for the bad ones among them


def address(make: PartMaker, value: Address) -> StixObject:
    """Return the observable of an address or network."""
    build = observables.ipv4_addr if value.version == 4 else observables.ipv6_addr
    return build(make.context.origin, value.value)


def _build_address(make: PartMaker, value: Address) -> str:
    shape = make.shape
    made = make.context.encode.address(value, shape.meaning.score)
    ip = make.add(made, seen=True, noted=shape.own_page, tagged=shape.own_page)
    if shape.meaning.malicious:
        indicate(make, address(make, value))
    if shape.is_primary:
        make.about(value.value)
    for slot in shape.ipv4_slots if value.version == 4 else shape.ipv6_slots:
        make.offer(slot, ip)
    return ip


def _build_name(make: PartMaker, name: Name, ip: str, score: int | None = None) -> str:
    own_page = make.shape.own_page
    made = make.context.encode.name(name, score)
    name_id = make.add(made, seen=True, noted=own_page, tagged=own_page)
    if ip:
        make.relate(name_id, "resolves-to", ip)
    else:
        make.offer("thing", name_id)
    return name_id


def _build_domain(make: PartMaker, name: Name, ip: str) -> None:
    """Make a name that was asked for, unlike one that an address has in reverse DNS."""
    shape = make.shape
    name_id = _build_name(make, name, ip, shape.meaning.score)
    if not make.context.report_type.primary:
        make.about(name.value)
    if name.type != "domain-name":
        slots = shape.hostname_slots
    else:
        slots = shape.domain_slots
        if shape.meaning.malicious:
            indicate(make, observables.domain_name(make.context.origin, name.value))
    for slot in slots:
        make.offer(slot, name_id)


def _describe(make: PartMaker, ip: str) -> None:
    """Relate an address to its MAC, its autonomous system and its country."""
    context = make.context
    for mac in make.values("mac"):
        observable = make.observable(observables.mac_addr(context.origin, mac))
        make.relate(ip, "resolves-to", observable)
    number = make.value("asn")
    if number is not None and context.options.relates("belongs-to"):
        system = make.add(context.encode.autonomous_system(number), seen=True)
        make.relate(ip, "belongs-to", system)
    country = make.value("country")
    if country is not None and context.options.relates("located-at"):
        make.relate(ip, "located-at", make.add(context.encode.country(country)))


def build_accounts(make: PartMaker) -> None:
    """Make the e-mail addresses and accounts that a row is about."""
    origin = make.context.origin
    for value in make.values("email"):
        email = make.observable(observables.email_addr(origin, value))
        make.offer("thing", email)
        make.offer("subject", email)
        make.about(value)
    for login in make.values("account"):
        account = make.observable(observables.user_account(origin, account_login=login))
        make.offer("thing", account)
        make.offer("subject", account)
        make.about(login)
