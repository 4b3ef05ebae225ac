"""What a row says of its primary address besides who it is: weaknesses, software, keys, files.

Each function builds from the cells of one section (see ``sections``) and offers what it made as
a ``thing``, which the row relates to its primary object.
"""

from __future__ import annotations

from typing import Final

from shadowserver_connector.catalogue.model import RDNS
from shadowserver_connector.mapping.malice import indicate, malicious_score
from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.mapping.shape import in_sandbox
from shadowserver_connector.mapping.values.attack import find_attack_ids
from shadowserver_connector.mapping.values.products import Product, cpe_of, split_products
from shadowserver_connector.mapping.values.urls import build_url
from shadowserver_connector.mapping.values.x509 import distinguished_name
from shadowserver_connector.stix import knowledge, observables

_WEB: Final = frozenset(["http", "https"])
_TLS_PORTS: Final = frozenset([443, 4443, 8443])

SERVICE: Final = "service"
"""Group of the cells about the software that answers on the scanned port."""

TARGET: Final = "target"
"""Group of the cells about the software that an attacker was after, and does not run itself."""

_HASHES: Final = (
    ("md5", "MD5"),
    ("sha1", "SHA-1"),
    ("sha256", "SHA-256"),
    ("sha512", "SHA-512"),
)


def build_vulnerabilities(make: PartMaker) -> None:
    """Make a Vulnerability of each CVE that tags or a vulnerability column name."""
    for cves in make.values("tags", "cve"):
        for cve in cves:
            vulnerability = make.shared(knowledge.vulnerability(make.context.origin, cve))
            make.offer("thing", vulnerability)
            make.offer("weakness", vulnerability)


def build_malware(make: PartMaker) -> None:
    """Make the Malware that a row names, which a column that may hold an activity does as well.

    Where the family is named, such a column only says its variant or what it did. The victim of an
    attack has nothing to do with the malware of its attacker.
    """
    context = make.context
    families, activities = make.values("malware"), make.values("activity")
    for name in families or activities:
        if name.lower() in context.activities:
            continue
        malware = make.shared(knowledge.malware(context.origin, name))
        make.offer("malware", malware)
        if context.meaning(context.report_type.primary).name != "victim":
            make.offer("thing", malware)


def build_attack_patterns(make: PartMaker) -> None:
    """Make an Attack Pattern of each ATT&CK id, which stand in vulnerability columns too."""
    techniques = [technique for found in make.values("attack_id") for technique in found]
    for technique in (*techniques, *find_attack_ids(make.text("cve"))):
        pattern = knowledge.attack_pattern(make.context.origin, technique)
        make.offer("thing", make.shared(pattern))


def build_software(make: PartMaker) -> None:
    """Make one Software of a product cell, its vendor and its version.

    A version of the service itself, without a product beside it, is one of the product that the
    whole report type is about. A product cell without a version may name several of each.
    """
    report_type = make.context.report_type
    version = make.value("software.version")
    name = make.value("software.product", "software.short_name")
    vendor = make.value("software.vendor")
    cpe = make.value("software.cpe")
    if name is None and version is not None and make.shape.group == SERVICE:
        name = report_type.product_of(version)
    if not name:
        return
    alone = version is None and vendor is None
    for product in split_products(name) if alone else (Product(name, version),):
        software = knowledge.software(
            make.context.origin,
            product.name,
            vendor=vendor or (report_type.vendor if make.shape.group == SERVICE else "") or None,
            version=product.version,
            cpe=cpe or cpe_of(*product),
        )
        made = make.observable(software, noted=False, tagged=False)
        make.offer("attacked" if make.shape.group == TARGET else "thing", made)


def build_certificate(make: PartMaker) -> None:
    """Make an X.509 certificate; without a hash nothing tells which one it is, so none."""
    named = {name: value for part, name in _HASHES if (value := make.value(f"x509.{part}"))}
    hashes = named or make.value("x509.raw")
    if not hashes:
        make.check()
        return
    certificate = observables.x509_certificate(
        make.context.origin,
        hashes=hashes,
        is_self_signed=make.value("x509.self_signed"),
        version=make.value("x509.version"),
        serial_number=make.value("x509.serial_number"),
        signature_algorithm=make.value("x509.signature_algorithm"),
        issuer=_name(make, "issuer"),
        validity_not_before=make.value("x509.not_before"),
        validity_not_after=make.value("x509.not_after"),
        subject=_name(make, "subject"),
        subject_public_key_algorithm=make.value("x509.key_algorithm"),
    )
    make.offer("thing", make.observable(certificate))


def _name(make: PartMaker, side: str) -> str | None:
    whole: str | None = make.value(f"x509.{side}")
    parts = {rdn: text for rdn in RDNS if (text := make.value(f"x509.{side}.{rdn}"))}
    return whole or distinguished_name(parts) or None


def build_file(make: PartMaker) -> None:
    """Make a file of the hashes of one group, with its name where one is given."""
    hashes = {name: value for part, name in _HASHES if (value := make.value(f"file.{part}"))}
    name = make.value("file.name")
    if not hashes:
        return
    file = observables.file(make.context.origin, hashes=hashes, name=name)
    # A sample that ran in a sandbox is what contacted the hosts of its rows.
    make.offer("sample" if in_sandbox(make.context) else "thing", make.observable(file))


def build_ssh_key(make: PartMaker) -> None:
    """Make an SSH key of a public key, or of its SHA-256 fingerprint alone."""
    key = make.value("ssh.public_key")
    named = [make.value(f"ssh.{part}") for part in ("sha256", "md5", "algorithm")]
    sha256, md5, key_type = (key.sha256, key.md5, key.type) if key else named
    if sha256 is None:
        return
    stix = observables.ssh_key(
        make.context.origin,
        fingerprint_sha256=sha256,
        fingerprint_md5=md5,
        key_type=key_type,
        public_key=key.text if key else None,
    )
    make.offer("thing", make.observable(stix))


def build_urls(make: PartMaker) -> None:
    """Make the URLs of absolute URL cells."""
    for value in make.values("url"):
        url = _url(make, value)
        make.offer("subject", url)
        if make.shape.controls:
            make.offer("controller", url)
        make.about(value)


def build_request(make: PartMaker) -> None:
    """Make the URL of a request, where host and target are both known."""
    target = make.value("url_part")
    hosts = make.value("domain")
    host = hosts[0] if hosts and len(hosts) == 1 else make.value("ip")
    if target is None or host is None:
        return
    port = make.value("port")
    scheme = make.text("application").lower()
    if scheme not in _WEB:
        scheme = "https" if port in _TLS_PORTS else "http"
    _url(make, build_url(scheme=scheme, host=host.value, port=port, target=target))


def _url(make: PartMaker, value: str) -> str:
    stix = observables.url(make.context.origin, value)
    score = malicious_score(make)
    url = make.observable(stix, score=score)
    indicate(make, stix, score)
    make.offer("thing", url)
    return url


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


def build_user_agent(make: PartMaker) -> None:
    """Make the user agents that clients named themselves."""
    for value in make.values("user_agent"):
        agent = observables.user_agent(make.context.origin, value)
        make.offer("thing", make.observable(agent, noted=False, tagged=False))
