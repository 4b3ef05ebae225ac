"""Hashes, SSH keys, and the parts of X.509 certificates."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import md5, new, sha256
from types import MappingProxyType
from typing import Final, NamedTuple

LENGTHS: Final = MappingProxyType({"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128})
"""STIX's name of an algorithm to the number of its hex digits."""

ALGORITHMS: Final = (
    ("md5", "MD5"),
    ("sha1", "SHA-1"),
    ("sha256", "SHA-256"),
    ("sha512", "SHA-512"),
)
"""What the roles of columns call an algorithm, and STIX's name of it."""


def parse_hash(algorithm: str, text: str) -> str:
    """Return a hash as lower-case hex digits, given with or without colons.

    ``algorithm`` is one of `LENGTHS`; `KeyError` otherwise.
    """
    octets = _octets(algorithm, text)
    if not octets:
        raise ValueError(f"not a hash of {algorithm}")
    # All that lack a hash would be one object.
    if not any(octets):
        raise ValueError("a hash of zeros")
    return octets.hex()


def is_hash(algorithm: str, text: str) -> bool:
    """Tell whether `parse_hash` accepts a cell."""
    return any(_octets(algorithm, text))


def _octets(algorithm: str, text: str) -> bytes:
    """Return the bytes of a hash; none if it is not one."""
    digits = text.replace(":", "").replace(" ", "")
    if len(digits) != LENGTHS[algorithm]:
        return b""
    try:
        octets = bytes.fromhex(digits)
    except ValueError:
        return b""
    # Python skips other white space between digits.
    return octets if 2 * len(octets) == len(digits) else b""


# The 32 bytes of a SHA-256; OpenSSH leaves the padding out.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{43}=?")
_KEY_TYPES: Final = {
    "ssh-rsa": "rsa",
    "rsa": "rsa",
    # Two ways of signing with the same keys (RFC 8332).
    "rsa-sha2-256": "rsa",
    "rsa-sha2-512": "rsa",
    "ssh-dss": "dsa",
    "dsa": "dsa",
    "ecdsa": "ecdsa",
    "ecdsa-sha2-nistp256": "ecdsa",
    "ecdsa-sha2-nistp384": "ecdsa",
    "ecdsa-sha2-nistp521": "ecdsa",
    "ed25519": "ed25519",
    "ssh-ed25519": "ed25519",
}
# OpenSSH names a certificate after the type of its key: `ssh-ed25519-cert-v01@openssh.com`.
_CERTIFICATE: Final = "-cert-v01@openssh.com"


class SshKey(NamedTuple):
    """A public key, taken apart."""

    type: str
    """In OpenCTI's words: rsa, dsa, ecdsa, ed25519."""
    text: str
    """The key's blob in base64."""
    sha256: str
    """Lower-case hex."""
    md5: str
    """Lower-case hex."""


def parse_ssh_key(text: str) -> SshKey:
    """Return what a public key in base64 says (RFC 4253, section 6.6).

    The line of a `.pub` file, with the type before the key, is taken as well.
    """
    words = text.split()
    # A key broken into lines is joined: `b64decode` refuses what stands between them.
    encoded = words[1] if len(words) > 1 and words[0].lower() in _KEY_TYPES else "".join(words)
    try:
        blob = b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    name = _first_string(blob).removesuffix(_CERTIFICATE)
    return SshKey(
        type=parse_ssh_key_type(name),
        text=b64encode(blob).decode("ascii"),
        sha256=sha256(blob).hexdigest(),
        # A fingerprint only: a Python built for FIPS refuses MD5 for anything else.
        md5=md5(blob, usedforsecurity=False).hexdigest(),
    )


def parse_ssh_sha256(text: str) -> str:
    """Return a SHA-256 fingerprint as lower-case hex, given so or as `SHA256:` and base64."""
    bare = text[7:] if text[:7].upper() == "SHA256:" else text
    if _BASE64.fullmatch(bare):
        bare = b64decode(bare.rstrip("=") + "=").hex()
    return parse_hash("SHA-256", bare)


def parse_ssh_md5(text: str) -> str:
    """Return an MD5 fingerprint as lower-case hex, given with or without colons or `MD5:`."""
    return parse_hash("MD5", text[4:] if text[:4].upper() == "MD5:" else text)


def parse_ssh_key_type(text: str) -> str:
    """Return OpenCTI's word for the algorithm of a key."""
    key_type = _KEY_TYPES.get(text.lower())
    if key_type is None:
        raise ValueError("not a type of SSH key")
    return key_type


def _first_string(blob: bytes) -> str:
    length = int.from_bytes(blob[:4])
    if not 0 < length <= len(blob) - 4:
        raise ValueError("not an SSH key")
    # A name that is not ASCII is no type of key, and is refused as such.
    return blob[4 : 4 + length].decode("ascii", errors="replace")


RDN_ORDER: Final = (
    "CN", "emailAddress", "serialNumber", "GN", "SN", "OU", "O", "businessCategory",
    "street", "L", "ST", "postalCode", "C",
)  # fmt: skip
"""Attributes of a name, from the most specific to the least, as RFC 4514 writes names."""

_SERIAL_NUMBER: Final = re.compile(r"[-+]?(?:0x)?[0-9a-f]+(?::[0-9a-f]+)*", re.I)
# RFC 5280, section 4.1.2.2, allows 20 octets, which are 59 characters with colons.
_MAX_SERIAL_NUMBER: Final = 128
# OpenSSL labels: an old one, and one for a certificate with the purposes it is trusted for.
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
    named = [key for key in RDN_ORDER if parts.get(key)]
    return ",".join(f"{key}={_ESCAPED.sub(_escaped, parts[key])}" for key in named)


def parse_pem_hashes(text: str) -> dict[str, str]:
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
    # All four, as `ids.HASH_ORDER` takes MD5 first, which other reports may give alone.
    return {name: new(part, der, usedforsecurity=False).hexdigest() for part, name in ALGORITHMS}


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


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character < " " or character == "\x7f":
        return f"\\{ord(character):02X}"
    return "\\" + character
