"""X.509 certificates and SSH keys: what a service proves its identity with."""

from __future__ import annotations

from shadowserver_connector.catalogue.catalogue import RDNS
from shadowserver_connector.mapping.cells.hashes_and_keys import ALGORITHMS, distinguished_name
from shadowserver_connector.mapping.objects.collector import ObjectCollector
from shadowserver_connector.stix import observables


def build_certificate(collector: ObjectCollector) -> None:
    """Make an X.509 certificate; without a hash nothing tells which one it is, so none."""
    named = {name: value for part, name in ALGORITHMS if (value := collector.value(f"x509.{part}"))}
    hashes = named or collector.value("x509.raw")
    if not hashes:
        collector.check()
        return
    certificate = observables.x509_certificate(
        collector.context.origin,
        hashes=hashes,
        is_self_signed=collector.value("x509.self_signed"),
        version=collector.value("x509.version"),
        serial_number=collector.value("x509.serial_number"),
        signature_algorithm=collector.value("x509.signature_algorithm"),
        issuer=_name(collector, "issuer"),
        validity_not_before=collector.value("x509.not_before"),
        validity_not_after=collector.value("x509.not_after"),
        subject=_name(collector, "subject"),
        subject_public_key_algorithm=collector.value("x509.key_algorithm"),
    )
    collector.offer_end("thing", collector.observable(certificate, noted=False))


def _name(collector: ObjectCollector, side: str) -> str | None:
    whole: str | None = collector.value(f"x509.{side}")
    parts = {rdn: text for rdn in RDNS if (text := collector.value(f"x509.{side}.{rdn}"))}
    return whole or distinguished_name(parts) or None


def build_ssh_key(collector: ObjectCollector) -> None:
    """Make an SSH key of a public key, or of its SHA-256 fingerprint alone."""
    key = collector.value("ssh.public_key")
    named = [collector.value(f"ssh.{part}") for part in ("sha256", "md5", "algorithm")]
    sha256, md5, key_type = (key.sha256, key.md5, key.type) if key else named
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
