from __future__ import annotations

import base64
import hashlib
import struct

import pytest

from shadowserver_connector.mapping.cells.hashes_and_keys import (
    LENGTHS,
    RDN_ORDER,
    distinguished_name,
    is_hash,
    parse_hash,
    parse_pem_hashes,
    parse_serial_number,
    parse_ssh_key,
    parse_ssh_key_type,
    parse_ssh_md5,
    parse_ssh_sha256,
)

DER = b"\x30\x82\x01\x00" + bytes(range(256))


@pytest.mark.parametrize("algorithm", LENGTHS)
def test_a_hash_is_plain_lower_case_hex(algorithm: str) -> None:
    """Hashes in upper case with colons, as Shadowserver writes them, become plain lower case."""
    digits = "0A" * (LENGTHS[algorithm] // 2)
    colons = ":".join(["0A"] * (LENGTHS[algorithm] // 2))
    assert parse_hash(algorithm, digits) == parse_hash(algorithm, colons) == digits.lower()
    assert is_hash(algorithm, digits)
    assert is_hash(algorithm, colons)


@pytest.mark.parametrize(
    "cell",
    ["", "ab", "g" * 32, "0" * 32, "a" * 31, "a" * 33, "٣" * 32, "ab" * 15 + "\t\n", "ab\t" * 16],
)
def test_what_is_no_hash_is_refused(cell: str) -> None:
    """A hash of the wrong length is refused, as OpenCTI would refuse the whole object."""
    with pytest.raises(ValueError, match="hash"):
        parse_hash("MD5", cell)
    assert not is_hash("MD5", cell)


@pytest.mark.parametrize(
    "cell",
    ["0", "2", "00ab", "-7F", "085699743A23114C", "0a:0b:0c", "0x1f", "12345678901234567890"],
)
def test_a_serial_number_stays_the_text_it_is(cell: str) -> None:
    """A serial number keeps its sign and leading zeros."""
    assert parse_serial_number(cell) == cell


@pytest.mark.parametrize("cell", ["", "xyz", "0a:", "1 2", "a" * 129, "--1"])
def test_what_is_no_serial_number_is_refused(cell: str) -> None:
    """A serial number with anything but hex digits is refused."""
    with pytest.raises(ValueError, match="serial"):
        parse_serial_number(cell)


def test_a_name_goes_from_the_most_specific_part_to_the_least() -> None:
    """A distinguished name is ordered as in RFC 4514, without empty parts."""
    parts = {"C": "NL", "O": "Example", "OU": "", "CN": "www.example.com"}
    assert distinguished_name(parts) == "CN=www.example.com,O=Example,C=NL"
    assert distinguished_name({}) == ""
    assert len(RDN_ORDER) == 13


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ('a,b+c"d\\e<f>g;h', r"a\,b\+c\"d\\e\<f\>g\;h"),
        ("#a#", r"\#a#"),
        (" a b ", r"\ a b\ "),
        (" ", r"\ "),
        ("a\x00b\nc", r"a\00b\0Ac"),
        ("ü=x", "ü=x"),
    ],
)
def test_special_characters_in_a_name_are_escaped(value: str, escaped: str) -> None:
    """Characters of a distinguished name are escaped as in RFC 4514, section 2.4."""
    assert distinguished_name({"CN": value}) == f"CN={escaped}"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", " "])
def test_a_certificate_in_pem_is_hashed(newline: str) -> None:
    """The hashes are of the DER inside the PEM, with or without its line breaks."""
    body = newline.join([base64.b64encode(DER).decode()[i : i + 64] for i in range(0, 344, 64)])
    pem = f"-----BEGIN CERTIFICATE-----{newline}{body}{newline}-----END CERTIFICATE-----{newline}"
    assert parse_pem_hashes(pem) == {
        "MD5": hashlib.md5(DER).hexdigest(),
        "SHA-1": hashlib.sha1(DER).hexdigest(),
        "SHA-256": hashlib.sha256(DER).hexdigest(),
        "SHA-512": hashlib.sha512(DER).hexdigest(),
    }


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "MIIB",
        "-----BEGIN CERTIFICATE-----MII-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
        "-----BEGIN RSA PRIVATE KEY-----MIIB-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_is_no_certificate_is_refused(cell: str) -> None:
    """Bare or broken base64, and other PEM blocks, are refused."""
    with pytest.raises(ValueError, match=r"certificate|base64"):
        parse_pem_hashes(cell)


@pytest.mark.parametrize(
    "der",
    [
        *(DER[:1], DER[:3], DER[:-1], DER + b"\0", b"\x31" + DER[1:]),
        *(b"\x30\x00", b"\x30\x80", b"\x30\x81\x00", b"\x30\x03\x01\x02"),
        b"\x30\xff" + b"\x01" * 200,
    ],
)
def test_part_of_a_certificate_is_refused(der: bytes) -> None:
    """A truncated certificate is refused, as its hashes are those of no certificate."""
    body = base64.b64encode(der).decode()
    with pytest.raises(ValueError, match="not a whole certificate"):
        parse_pem_hashes(f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----")


@pytest.mark.parametrize("size", [1, 127, 128, 255, 256, 70_000])
def test_length_of_a_certificate_in_any_form(size: int) -> None:
    """DER lengths of one byte (up to 127) and of several bytes are read."""
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = digits if size < 128 else bytes([0x80 + len(digits)]) + digits
    der = b"\x30" + length + b"\x05" * size
    body = base64.b64encode(der).decode()
    found = parse_pem_hashes(f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----")
    assert found["SHA-256"] == hashlib.sha256(der).hexdigest()


def _key(name: str) -> bytes:
    return struct.pack(">I", len(name)) + name.encode() + b"\x00\x00\x00\x01x"


@pytest.mark.parametrize(
    ("name", "key_type"),
    [
        ("ssh-rsa", "rsa"),
        ("ssh-dss", "dsa"),
        ("ecdsa-sha2-nistp256", "ecdsa"),
        ("ssh-ed25519", "ed25519"),
        ("ssh-ed25519-cert-v01@openssh.com", "ed25519"),
    ],
)
def test_a_public_key_tells_its_type_and_fingerprints(name: str, key_type: str) -> None:
    """Both fingerprints equal those of `ssh-keygen -l`, in hex."""
    blob = _key(name)
    text = base64.b64encode(blob).decode()
    key = parse_ssh_key(text)
    assert key.type == key_type
    assert key.text == text
    assert key.sha256 == hashlib.sha256(blob).hexdigest()
    assert key.md5 == hashlib.md5(blob).hexdigest()
    assert parse_ssh_key(f"ssh-rsa {text} comment") == key


@pytest.mark.parametrize(
    "cell", ["", "AAAA", "!!!", base64.b64encode(_key("x509v3-ssh-rsa")).decode(), "AAAAB3Nz"]
)
def test_what_is_no_public_key_is_refused(cell: str) -> None:
    """Broken base64, a key without a type, and types unknown to OpenCTI are refused."""
    with pytest.raises(ValueError, match=r"key|base64"):
        parse_ssh_key(cell)


def test_fingerprints_are_hex_however_they_are_written() -> None:
    """OpenSSH's base64 SHA-256 and MD5 with colons become hex."""
    digest = hashlib.sha256(b"key").digest()
    encoded = base64.b64encode(digest).decode().rstrip("=")
    assert parse_ssh_sha256(f"SHA256:{encoded}") == digest.hex()
    assert parse_ssh_sha256(encoded + "=") == digest.hex()
    assert parse_ssh_sha256(digest.hex().upper()) == digest.hex()
    assert parse_ssh_md5("MD5:" + ":".join(["AB"] * 16)) == "ab" * 16
    assert parse_ssh_key_type("RSA") == "rsa"
