"""X.509 certificates and SSH keys: what a service proves its identity with."""

from __future__ import annotations

from shadowserver_connector.catalogue.model import RDNS
from shadowserver_connector.mapping.cells.hashes_and_keys import ALGORITHMS, distinguished_name
from shadowserver_connector.mapping.objects.collector import PartMaker
from shadowserver_connector.stix import observables


def build_certificate(make: PartMaker) -> None:
    """Make an X.509 certificate; without a hash nothing tells which one it is, so none."""
    named = {name: value for part, name in ALGORITHMS if (value := make.value(f"x509.{part}"))}
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
