"""Parts of X.509 certificates."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from hashlib import md5, sha1, sha256, sha512
from typing import Final

RDN_ORDER: Final = (
    "CN", "emailAddress", "serialNumber", "GN", "SN", "OU", "O", "businessCategory",
    "street", "L", "ST", "postalCode", "C",
)  # fmt: skip
"""Attributes of a name, from the most specific to the least, as RFC 4514 writes names."""

_SERIAL_NUMBER: Final = re.compile(r"[-+]?(?:0x)?[0-9a-f]+(?::[0-9a-f]+)*", re.I)
_MAX_SERIAL_NUMBER: Final = 128
_PEM: Final = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(?P<body>[A-Za-z0-9+/=\s]+)"
    r"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_ESCAPED: Final = re.compile(r'[",+;<>\\]|^[ #]| \Z|[\x00-\x1f\x7f]')


def parse_serial_number(text: str) -> str:
    """Return a serial number in hex as the text it is: sign and leading zeros count."""
    if len(text) > _MAX_SERIAL_NUMBER or _SERIAL_NUMBER.fullmatch(text) is None:
        raise ValueError("not a serial number")
    return text


def distinguished_name(parts: Mapping[str, str]) -> str:
    """Return a name in the form of RFC 4514, such as `CN=www.example.com,O=Example,C=NL`.

    ``parts`` holds attributes of `RDN_ORDER`; the answer is `""` if it holds none.
    """
    return ",".join(f"{key}={_escape(parts[key])}" for key in RDN_ORDER if parts.get(key))


def parse_pem(text: str) -> dict[str, str]:
    """Return the hashes, by STIX's names, of the first certificate in a PEM text.

    Line breaks may be missing or written `\\n`.
    """
    match = _PEM.search(text.replace("\\r", "").replace("\\n", "\n"))
    if match is None:
        raise ValueError("not a certificate in PEM")
    try:
        der = b64decode("".join(match["body"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if not _is_one_sequence(der):
        raise ValueError("not a whole certificate")
    return {
        "MD5": md5(der, usedforsecurity=False).hexdigest(),
        "SHA-1": sha1(der, usedforsecurity=False).hexdigest(),
        "SHA-256": sha256(der).hexdigest(),
        "SHA-512": sha512(der).hexdigest(),
    }


def _is_one_sequence(der: bytes) -> bool:
    """Tell whether this is an ASN.1 SEQUENCE, as certificates are, from its first byte to its last.

    Its length is written in DER (X.690, section 8.1.3): up to 127 in one byte, else in as many as
    the first one says.
    """
    if len(der) < 2 or der[0] != 0x30:
        return False
    if der[1] < 0x80:
        return len(der) == 2 + der[1] > 2
    start = 2 + (der[1] & 0x7F)
    return len(der) == start + int.from_bytes(der[2:start], "big") > start


def _escape(value: str) -> str:
    return _ESCAPED.sub(_escape_one, value)


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    if character < " " or character == "\x7f":
        return f"\\{ord(character):02X}"
    return "\\" + character
