"""Certificates, SSH keys and files that exist only as what reports say of them.

Each is made from its seed alone, so that all cells about one fit together: the fingerprints of a
certificate are those of its bytes.
"""

from __future__ import annotations

import base64
import hashlib
import random
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shadowserver_connector.simulator.vocabulary import ISSUERS, ORGANISATIONS

_HASHES = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True, slots=True)
class SshKey:
    """A host key: its algorithm and its public part as the protocol encodes it (RFC 4253)."""

    algorithm: str
    blob: bytes

    @property
    def sha256(self) -> str:
        """Return the fingerprint in lower-case hex."""
        return hashlib.sha256(self.blob).hexdigest()

    @property
    def base64(self) -> str:
        """Return the key as reports write it."""
        return base64.b64encode(self.blob).decode()


@lru_cache(maxsize=2048)
def file_hashes(seed: str) -> dict[str, str]:
    """Return the hashes of a file that is its seed."""
    return {name: hashlib.new(name, seed.encode()).hexdigest() for name in _HASHES}


@lru_cache(maxsize=2048)
def ssh_key(seed: str) -> SshKey:
    """Return an RSA, ECDSA or Ed25519 public key."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, protects nothing
    algorithm = chance.choice(("ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"))
    if algorithm == "ssh-rsa":
        parts = [b"\x01\x00\x01", b"\x00" + bytes([chance.randrange(128, 256)])]
        parts[1] += chance.randbytes(255)
    elif algorithm == "ssh-ed25519":
        parts = [chance.randbytes(32)]
    else:
        parts = [b"nistp256", b"\x04" + chance.randbytes(64)]
    fields = [algorithm.encode(), *parts]
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return SshKey(algorithm, blob)


@lru_cache(maxsize=2048)
def certificate(seed: str) -> dict[str, str]:
    """Return what reports say of a certificate, by role without ``x509.``.

    A part that is missing is empty. Serial numbers have leading zeros and signs, dates both
    forms, as in real reports.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible, protects nothing
    name = f"{chance.choice(('www', 'mail', 'vpn', 'router'))}{chance.randrange(500)}.example.com"
    common_name, organisation, country = chance.choice(ISSUERS)
    self_signed = chance.random() < 0.4
    subject = {
        "CN": name,
        "O": chance.choice(ORGANISATIONS) if chance.random() < 0.5 else "",
        "OU": chance.choice(("IT", "Dept. of Examples", "")),
        "C": chance.choice(("AT", "AT", "")),
        "ST": chance.choice(("Wien", "")),
        "L": chance.choice(("Wien", "Graz", "")),
        "emailAddress": chance.choice(("hostmaster@example.org", "", "")),
        "serialNumber": chance.choice(("00123", "", "", "")),
        "street": chance.choice(("Example Street 1, Top 2", "", "", "")),
        "postalCode": chance.choice(("01010", "", "", "")),
    }
    issuer = subject if self_signed else {"CN": common_name, "O": organisation, "C": country}
    body = b"\x30\x82\x03\x20" + chance.randbytes(800)
    issued = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(150_000_000))
    expires = issued + timedelta(days=chance.choice((90, 398, 3650, 7300)))
    form = chance.choice(("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%b %d %H:%M:%S %Y GMT"))
    serial = chance.randbytes(chance.choice((4, 8, 16))).hex().upper()
    return {
        "serial_number": chance.choice(("", "", "00", "-")) + serial,
        "not_before": issued.strftime(form),
        "not_after": expires.strftime(form),
        "self_signed": "Y" if self_signed else "N",
        "signature_algorithm": chance.choice(("sha256WithRSAEncryption", "sha1WithRSAEncryption")),
        "key_algorithm": "rsaEncryption",
        "version": "3",
        "raw": _pem(body),
        "subject": f"CN={name}",
        "issuer": f"CN={issuer['CN']}",
        **{hash_: _with_colons(hashlib.new(hash_, body).hexdigest()) for hash_ in _HASHES},
        **{f"subject.{rdn}": value for rdn, value in subject.items()},
        **{f"issuer.{rdn}": value for rdn, value in issuer.items()},
    }


def _with_colons(digest: str) -> str:
    return ":".join(textwrap.wrap(digest.upper(), 2))


def _pem(body: bytes) -> str:
    lines = textwrap.wrap(base64.b64encode(body).decode(), 64)
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"])
