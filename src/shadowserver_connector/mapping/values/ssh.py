"""SSH host keys and their fingerprints."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from hashlib import md5, sha256
from typing import Final, NamedTuple

from shadowserver_connector.mapping.values.hashes import parse_hash

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{43}=?")
_KEY_TYPES: Final = {
    "ssh-rsa": "rsa",
    "rsa": "rsa",
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
    return blob[4 : 4 + length].decode("ascii", errors="replace")
