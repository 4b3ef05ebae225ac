"""Certificates, SSH keys, software, files, URLs, user agents: what a service shows of itself, and
what it was attacked with.
"""

from __future__ import annotations

from typing import Final

from shadowserver_connector.catalogue.columns import DN_ATTRIBUTES
from shadowserver_connector.mapping.cells.addresses import Address
from shadowserver_connector.mapping.cells.countries_and_products import (
    Product,
    cpe_of,
    split_products,
)
from shadowserver_connector.mapping.cells.hashes_and_keys import ALGORITHMS, distinguished_name
from shadowserver_connector.mapping.cells.host_names_and_urls import (
    WEB,
    build_url,
    names_its_host,
    web_protocol,
)
from shadowserver_connector.mapping.objects.collector import ObjectCollector, add_indicator
from shadowserver_connector.mapping.objects.context import in_sandbox
from shadowserver_connector.stix import observables, shared_objects


def build_certificate(collector: ObjectCollector) -> None:
    """Make an X.509 certificate; without a hash nothing tells which one it is, so none."""
    # The certificate itself is decoded and hashed only if no cell says which one it is.
    hashes = _hashes(collector, "x509") or collector.value("x509.raw")
    if not hashes:
        collector.check()
        return
    certificate = observables.Certificate(
        is_self_signed=collector.value("x509.self_signed"),
        hashes=hashes,
        version=collector.value("x509.version"),
        serial_number=collector.value("x509.serial_number"),
        signature_algorithm=collector.value("x509.signature_algorithm"),
        issuer=_name(collector, "issuer"),
        validity_not_before=collector.value("x509.not_before"),
        validity_not_after=collector.value("x509.not_after"),
        subject=_name(collector, "subject"),
        subject_public_key_algorithm=collector.value("x509.key_algorithm"),
    )
    stix = observables.x509_certificate(collector.context.origin, certificate)
    # Without Notes: thousands of hosts may have the same one.
    collector.offer_end("thing", collector.observable(stix, noted=False))


def _hashes(collector: ObjectCollector, kind: str) -> dict[str, str]:
    return {name: text for part, name in ALGORITHMS if (text := collector.value(f"{kind}.{part}"))}


def _name(collector: ObjectCollector, side: str) -> str | None:
    whole: str | None = collector.value(f"x509.{side}")
    parts = {rdn: text for rdn in DN_ATTRIBUTES if (text := collector.value(f"x509.{side}.{rdn}"))}
    return whole or distinguished_name(parts) or None


def build_ssh_key(collector: ObjectCollector) -> None:
    """Make an SSH key of a public key, or of its SHA-256 fingerprint alone."""
    key = collector.value("ssh.public_key")
    named = [collector.value(f"ssh.{part}") for part in ("sha256", "md5", "algorithm")]
    sha256, md5, key_type = (key.sha256, key.md5, key.type) if key else named
    # The fingerprint by which OpenCTI identifies a key.
    if sha256 is None:
        return
    stix = observables.ssh_key(
        collector.context.origin,
        fingerprint_sha256=sha256,
        fingerprint_md5=md5,
        key_type=key_type,
        public_key=key.text if key else None,
    )
    collector.offer_end("thing", collector.observable(stix, noted=False))


SERVICE: Final = "service"
"""Group of the cells about the software that answers on the scanned port."""

TARGET: Final = "target"
"""Group of the cells about the software that an attack was aimed at: its source does not run it."""


def build_software(collector: ObjectCollector) -> None:
    """Create one Software from a product cell, its vendor and its version.

    A version of the service itself, without a product, belongs to the product that the whole report
    type is about. A product cell without a version may name several products with versions. A
    vendor alone is a Software too, with the kind of device if given.
    """
    report_type = collector.context.report_type
    version = collector.value("software.version")
    name = collector.value("software.product", "software.short_name")
    vendor = collector.value("software.vendor")
    kind = collector.value("software.kind")
    cpe = collector.value("software.cpe")
    if name is None and version is not None and collector.layout.group == SERVICE:
        name = report_type.product_of(version)
    if not name and vendor and collector.layout.group != TARGET:
        # Somebody looking for a vendor's devices also finds those without a known model.
        name = f"{vendor} {kind}" if kind else vendor
    if not name:
        return
    alone = version is None and vendor is None
    for product in split_products(name) if alone else (Product(name, version),):
        software = shared_objects.software(
            collector.context.origin,
            product.name,
            vendor=vendor
            or (report_type.vendor if collector.layout.group == SERVICE else "")
            or None,
            version=product.version,
            cpe=cpe or cpe_of(*product),
        )
        # One object for all who have the product: no row's labels or Notes belong on its page.
        software_id = collector.observable(software, noted=False, tagged=False)
        collector.offer_end(
            "attacked" if collector.layout.group == TARGET else "thing", software_id
        )


def build_file(collector: ObjectCollector) -> None:
    """Create a file from the hashes of one group, with its name if given."""
    hashes = _hashes(collector, "file")
    name = collector.value("file.name")
    # OpenCTI would take all files of one name, such as `setup.exe`, for the same.
    if not hashes:
        return
    file = observables.file(collector.context.origin, hashes=hashes, name=name)
    file_id = collector.observable(file, score=collector.layout.meaning.score, noted=False)
    add_indicator(collector, file, "file")
    # A sample that ran in a sandbox is what contacted the hosts of its rows.
    collector.offer_end("sample" if in_sandbox(collector.context) else "thing", file_id)


def build_urls(collector: ObjectCollector) -> None:
    """Make the URLs of absolute URL cells."""
    for value in collector.values("url"):
        url = _url(collector, value)
        collector.offer_end("subject", url)
        if collector.layout.controls:
            collector.offer_end("controller", url)


def build_request(collector: ObjectCollector) -> None:
    """Create the URL of a request, if its target is known and one of them names the host."""
    target = collector.value("url_part")
    hosts = collector.value("domain")
    # Of several hosts, nobody knows which one was asked.
    host = hosts[0] if hosts and len(hosts) == 1 else collector.value("ip")
    # An address in the place of a sinkholed name is the sinkhole's own.
    if target is None or (collector.layout.is_name and isinstance(host, Address)):
        return
    if host is None and (collector.layout.is_name or not names_its_host(target)):
        return
    if not collector.context.rules.creates_far_end(
        "related-to", "ipv4-addr", "url", collector.layout.far_end
    ):
        return
    port = collector.value("port")
    named = next((word for word in collector.values("scheme", "application") if word in WEB), "")
    about = collector.context.report_type.application
    scheme = web_protocol(named, about if about in WEB else "http", port)
    place = "" if host is None else host.value
    _url(collector, build_url(scheme=scheme, host=place, port=port, target=target))


def _url(collector: ObjectCollector, value: str) -> str:
    stix = observables.of_value(collector.context.origin, "url", value)
    layout = collector.layout
    score = layout.meaning.score
    # Many accounts were found at one URL: nobody's URLs are not what a row is about.
    noted = layout.notes and bool(layout.party)
    url = collector.observable(stix, score=score, noted=noted, tagged=layout.own_page)
    add_indicator(collector, stix, "url")
    collector.offer_end("thing", url)
    return url


def build_user_agent(collector: ObjectCollector) -> None:
    """Create the user agents that clients sent."""
    for value in collector.values("user_agent"):
        # Neither Notes nor labels: countless clients send the same one.
        agent = observables.of_value(collector.context.origin, "user-agent", value)
        collector.offer_end("thing", collector.observable(agent, noted=False, tagged=False))
