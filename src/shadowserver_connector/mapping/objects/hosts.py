"""An address and what describes it: names, MAC, AS, country, accounts."""

from __future__ import annotations

from shadowserver_connector.catalogue.columns import ADDRESS_ROLES
from shadowserver_connector.mapping.cells.addresses import Address
from shadowserver_connector.mapping.cells.host_names_and_urls import DnsName
from shadowserver_connector.mapping.objects.collector import ObjectCollector, add_indicator
from shadowserver_connector.stix import observables
from shadowserver_connector.stix.ids import type_of


def build_host(collector: ObjectCollector) -> None:
    """Create the observables of one party and relate them to each other."""
    own = collector.value("ip")
    other = collector.value("network", "public_address")
    value = other if own is None else own
    names = [name for found in collector.values("domain") for name in found]
    layout = collector.layout
    # Without a column for it, an address may stand in that of the name. A sinkholed name has the
    # sinkhole's there, which is another party.
    if value is None and not layout.is_name and not collector.reads(*ADDRESS_ROLES):
        value = next((name for name in names if isinstance(name, Address)), None)
    ip = _build_address(collector, value) if value is not None else ""
    # A network resolves nothing: a name next to it is only associated with it.
    host = "" if value is None or "/" in value.value else ip
    named = collector.values("hostname")
    # The name of a sinkhole or sensor is in the Note, and nobody needs it as an object.
    if collector.context.rules.creates_far_end(
        "resolves-to", "domain-name", "ipv4-addr", layout.far_end
    ):
        for name in named:
            # No score: a name in reverse DNS was not seen doing anything.
            _build_name(collector, name, host)
    for name in names:
        # An address here is a request that was sent to it, and it has its own column.
        if isinstance(name, DnsName):
            _build_domain(collector, name, host)
    # A network, or an address in a column for networks, is not an end of a connection.
    if own is not None:
        collector.set_party_address(ip, own.value)
    if ip:
        _describe(collector, ip)
    else:
        collector.values("mac", "asn", "country")  # for the bad ones among them


def _build_address(collector: ObjectCollector, value: Address) -> str:
    layout = collector.layout
    serialised = collector.context.encode.address(
        value, layout.meaning.score, affected=layout.is_primary
    )
    ip = collector.add(serialised, seen=True, noted=layout.notes, tagged=layout.own_page)
    stix = observables.of_value(collector.context.origin, f"ipv{value.version}-addr", value.value)
    add_indicator(collector, stix, "address")
    for end in layout.ipv4_ends if value.version == 4 else layout.ipv6_ends:
        collector.offer_end(end, ip)
    return ip


def _build_name(
    collector: ObjectCollector, name: DnsName, ip: str, score: int | None = None
) -> str:
    layout = collector.layout
    serialised = collector.context.encode.name(name, score)
    # If a report is not about addresses, it is about a name, an account or the like.
    noted = layout.notes or (layout.own_page and not collector.context.report_type.primary)
    name_id = collector.add(serialised, seen=True, noted=noted, tagged=layout.own_page)
    if ip:
        collector.relate(name_id, "resolves-to", ip)
    else:
        # A name that resolves to nothing may be related to the row's address instead.
        collector.offer_end("thing", name_id)
    return name_id


def _build_domain(collector: ObjectCollector, name: DnsName, ip: str) -> None:
    """Create a name that was requested, as opposed to one that an address has in reverse DNS."""
    layout = collector.layout
    name_id = _build_name(collector, name, ip, layout.meaning.score)
    if name.type != "domain-name":
        # Without an Indicator: STIX patterns know no Hostname.
        ends = layout.hostname_ends
    else:
        ends = layout.domain_ends
        stix = observables.of_value(collector.context.origin, name.type, name.value)
        add_indicator(collector, stix, "name")
    for end in ends:
        collector.offer_end(end, name_id)


def _describe(collector: ObjectCollector, ip: str) -> None:
    """Relate an address to its MAC, its autonomous system and its country."""
    context = collector.context
    for mac in collector.values("mac"):
        observable = collector.observable(
            observables.of_value(context.origin, "mac-addr", mac), noted=collector.layout.notes
        )
        collector.relate(ip, "resolves-to", observable)
    rules, address_type, far_end = context.rules, type_of(ip), collector.layout.far_end
    number = collector.value("asn")
    observed = context.options.observed_data
    # Unrelated, it is linked to the address by their Observed-Data alone.
    is_created = rules.creates_far_end if observed else rules.creates
    if number is not None and is_created("belongs-to", address_type, "autonomous-system", far_end):
        system = collector.add(context.encode.autonomous_system(number), seen=True)
        collector.relate(ip, "belongs-to", system)
    country = collector.value("country")
    # Observed-Data contains no countries: without a relationship one would be linked to nothing.
    if country is not None and rules.creates("located-at", address_type, "location", far_end):
        collector.relate(ip, "located-at", collector.add(context.encode.country(country)))


def build_accounts(collector: ObjectCollector) -> None:
    """Create the e-mail addresses and accounts that a row is about."""
    origin = collector.context.origin
    # Next to an address they are a sender's, or the name of an account that thousands have.
    noted = not collector.context.report_type.primary
    emails = collector.values("email")
    found = [observables.of_value(origin, "email-addr", email) for email in emails]
    found += [observables.user_account(origin, login) for login in collector.values("account")]
    for stix in found:
        account_id = collector.observable(stix, noted=noted)
        collector.offer_end("thing", account_id)
        collector.offer_end("subject", account_id)
