"""Invented certificates: only the values that reports contain.

Each is derived from its seed and the report's day, so all cells about one agree: the fingerprints
match its bytes, and its dates match whether it has expired.
"""

from __future__ import annotations

import base64
import hashlib
import random
import textwrap
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from shadowserver_connector.simulator.vocabulary import ISSUERS, ORGANISATIONS

_HASHES = ("md5", "sha1", "sha256", "sha512")

COLUMNS: Mapping[str, str] = {
    "cert_length": "length",
    "cert_valid": "valid",
    "cert_expired": "expired",
    "browser_trusted": "trusted",
    "browser_error": "error",
    "validation_level": "validation",
}
"""Columns that judge a certificate -> which part of it they hold."""


@lru_cache(maxsize=2048)
def certificate(seed: str, day: date, computer: bool) -> dict[str, str]:
    """Return what a day's reports say about a certificate, by role without ``x509.``.

    A part that is missing is empty. Serial numbers have leading zeros and signs, dates both
    forms, as in real reports. ``computer`` makes it one that a Windows computer issued to itself,
    as for RDP. A certificate is the same from day to day, until it is renewed.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible, protects nothing
    name = f"{chance.choice(('www', 'mail', 'vpn', 'router'))}{chance.randrange(500)}.example.com"
    if computer:
        name = f"SRV{chance.randrange(500)}.ad.example.com"
    common_name, organisation, country = chance.choice(ISSUERS)
    self_signed = computer or chance.random() < 0.4
    subject = {"CN": name} if computer else _subject(chance, name)
    issuer = subject if self_signed else {"CN": common_name, "O": organisation, "C": country}
    lifetime = 183 if computer else chance.choice((3650, 7300) if self_signed else (90, 398))
    begin = _begin(chance, day, lifetime)
    issued = datetime.combine(begin, datetime.min.time(), UTC) + timedelta(
        seconds=chance.randrange(86_400)
    )
    expires = issued + timedelta(days=lifetime)
    expired = expires.date() < day
    form = chance.choice(("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%b %d %H:%M:%S %Y GMT"))
    old = self_signed and begin.year < day.year - 4
    error = "x509: certificate signed by unknown authority" if self_signed else ""
    body_chance = random.Random(f"{seed}:{begin}")  # noqa: S311
    body = b"\x30\x82\x03\x20" + body_chance.randbytes(800)
    serial = body_chance.randbytes(chance.choice((4, 8, 16))).hex().upper()
    return {
        "serial_number": chance.choice(("", "", "00", "-")) + serial,
        "not_before": issued.strftime(form),
        "not_after": expires.strftime(form),
        "self_signed": "Y" if self_signed else "N",
        "signature_algorithm": "sha1WithRSAEncryption" if old else "sha256WithRSAEncryption",
        "key_algorithm": "rsaEncryption",
        "length": "1024" if old and not computer else chance.choice(("2048", "2048", "4096")),
        "version": "3",
        "raw": _pem(body),
        "subject": f"CN={name}",
        "issuer": f"CN={issuer['CN']}",
        "expired": "Y" if expired else "N",
        "valid": "N" if expired or self_signed else "Y",
        "trusted": "N" if expired or self_signed else "Y",
        "error": error or ("x509: certificate has expired or is not yet valid" if expired else ""),
        "validation": "unknown" if self_signed else ("OV" if subject.get("O") else "DV"),
        **{hash_: _with_colons(hashlib.new(hash_, body).hexdigest()) for hash_ in _HASHES},
        **{f"subject.{rdn}": value for rdn, value in subject.items()},
        **{f"issuer.{rdn}": value for rdn, value in issuer.items()},
    }


def _subject(chance: random.Random, name: str) -> dict[str, str]:
    return {
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


def _begin(chance: random.Random, day: date, lifetime: int) -> date:
    """Return the day of issue. All are renewed in time, except every eighth, which expires."""
    age = (day.toordinal() + chance.randrange(lifetime)) % lifetime
    if chance.random() < 0.125:
        age += lifetime + 1
    return day - timedelta(days=age)


def _with_colons(digest: str) -> str:
    return ":".join(textwrap.wrap(digest.upper(), 2))


def _pem(body: bytes) -> str:
    lines = textwrap.wrap(base64.b64encode(body).decode(), 64)
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"])
