"""Invented SSH keys and files: only the values that reports contain.

Each is derived from its seed alone, so all cells about one agree.
"""

from __future__ import annotations

import base64
import hashlib
import random
from dataclasses import dataclass
from functools import lru_cache

_HASHES = ("md5", "sha1", "sha256", "sha512")

_P256 = {
    "p": "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "n": "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "b": "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    "gx": "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    "gy": "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
}
"""The curve of ECDSA keys (FIPS 186-4, D.1.2.3)."""


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

    @property
    def parts(self) -> dict[str, str]:
        """Return column -> number, for the columns about keys of this kind."""
        if self.algorithm == "ssh-rsa":
            modulus = base64.b64encode(self.blob[-256:]).decode()
            return {"rsa_exponent": "65537", "rsa_modulus": modulus, "rsa_length": "2048"}
        if self.algorithm == "ssh-ed25519":
            return {"ed25519_curve25519": base64.b64encode(self.blob[-32:]).decode()}
        point = {"x": self.blob[-64:-32], "y": self.blob[-32:]}
        curve = {name: bytes.fromhex(number) for name, number in _P256.items()}
        return {
            "ecdsa_curve": "P-256",
            "ecdsa_public_key_length": "256",
            **{
                f"ecdsa_public_key_{name}": base64.b64encode(number).decode()
                for name, number in {**curve, **point}.items()
            },
        }


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
