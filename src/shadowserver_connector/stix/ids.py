"""STIX ids, equal to the standard ids that OpenCTI computes itself.

OpenCTI derives the id of an object from its identifying fields: a UUIDv5 over their canonical
JSON (RFC 8785). An id of ours that differs would be kept as an alias and could merge objects that
have nothing in common, so each function here follows the platform's rule for its type. Network
traffic and notes are the exceptions: see `network_traffic` and `note_of_finding`.

Every function is pure, takes values that are already normalised (`mapping.cells`), and costs a
microsecond or two, as some run several times a row. Text must be encodable as UTF-8: a lone
surrogate raises `UnicodeEncodeError`, which is a `ValueError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha1
from json.encoder import encode_basestring as _quote
from typing import Final

NAMESPACE: Final = "00abedb4-aa42-466c-9c01-fed23315a9b7"
"""The namespace of deterministic ids, set by the STIX 2.1 specification (section 2.9)."""

HASH_ORDER: Final = ("MD5", "SHA-1", "SHA-256", "SHA-512")
"""The first of these that an object has identifies it; the others do not count."""

# Not for security: a Python built for FIPS refuses SHA-1 otherwise.
_NAMESPACED: Final = sha1(bytes.fromhex(NAMESPACE.replace("-", "")), usedforsecurity=False)
# The two highest bits of the digit are 10 (RFC 9562, section 4.1).
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

# An id is its object's type, two dashes and a UUID.
_TYPE_END: Final = -len("--00000000-0000-0000-0000-000000000000")

# What JavaScript's trim() removes; Python's strip() removes other characters as well.
_JS_WHITESPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def type_of(stix_id: str) -> str:
    """Return the STIX type of the object with this id."""
    return stix_id[:_TYPE_END]


def _id(stix_type: str, canonical_json: str) -> str:
    # `uuid.uuid5` gives the same, but takes several times as long.
    hashed = _NAMESPACED.copy()
    hashed.update(canonical_json.encode())
    digest = hashed.hexdigest()
    # As `uuid.uuid5` does it: the version in the 13th digit, the variant in the 17th.
    return (
        f"{stix_type}--{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-"
        f"{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"
    )


def _of_fields(stix_type: str, **fields: str | None) -> str:
    # Canonical JSON orders fields by name, here and below, and escapes no more than `_quote` does:
    # letters beyond ASCII stay. OpenCTI leaves out empty fields.
    present = [f'"{key}":{_quote(value)}' for key, value in sorted(fields.items()) if value]
    if not present:
        raise ValueError(f"{stix_type} without any identifying field")
    return _id(stix_type, "{" + ",".join(present) + "}")


def _of_hashes(stix_type: str, hashes: Mapping[str, str]) -> str:
    for algorithm in HASH_ORDER:
        if algorithm in hashes:
            value = _quote(hashes[algorithm])
            return _id(stix_type, f'{{"hashes":{{"{algorithm}":{value}}}}}')
    raise ValueError(f"{stix_type} without a hash of {', '.join(HASH_ORDER)}")


def _normal_name(name: str) -> str:
    return name.lower().strip(_JS_WHITESPACE)


def of_value(stix_type: str, value: str) -> str:
    """Return the id of an observable that one value identifies: an address, a name, a URL, ...

    IPv6 is given compressed and in lower case, a MAC address in lower case with colons.
    """
    # The platform lower-cases these itself, and no others.
    if stix_type in ("domain-name", "email-addr"):
        value = value.lower()
    return _id(stix_type, f'{{"value":{_quote(value)}}}')


def autonomous_system(number: int) -> str:
    """Return the id of an autonomous system."""
    return _id("autonomous-system", f'{{"number":{number:d}}}')


def software(
    name: str, *, cpe: str | None = None, vendor: str | None = None, version: str | None = None
) -> str:
    """Return the id of a software; the name counts in lower case, the other fields as they are."""
    return _of_fields("software", name=name.lower(), cpe=cpe, vendor=vendor, version=version)


def x509_certificate(hashes: Mapping[str, str]) -> str:
    """Return the id of a certificate, from the first of its hashes in `HASH_ORDER`.

    Without a hash the platform would take the serial number alone, and unrelated certificates
    would become one: hence `ValueError`.
    """
    return _of_hashes("x509-certificate", hashes)


def artifact(hashes: Mapping[str, str]) -> str:
    """Return the id of an artifact, from the first of its hashes in `HASH_ORDER`."""
    return _of_hashes("artifact", hashes)


def file(hashes: Mapping[str, str]) -> str:
    """Return the id of a file, from the first of its hashes in `HASH_ORDER`.

    Without a hash the platform would take the name alone, and unrelated files would become one:
    hence `ValueError`.
    """
    return _of_hashes("file", hashes)


def user_account(account_login: str) -> str:
    """Return the id of a user account of which nothing but the login is known."""
    return _of_fields("user-account", account_login=account_login)


def ssh_key(fingerprint_sha256: str) -> str:
    """Return the id of an SSH key (OpenCTI's type)."""
    return _of_fields("ssh-key", fingerprint_sha256=fingerprint_sha256)


def network_traffic(
    *,
    protocols: Iterable[str],
    src_ref: str | None = None,
    dst_ref: str | None = None,
    src_port: int | None = None,
    dst_port: int | None = None,
) -> str:
    """Return our own fixed id of a network traffic, the one the `stix2` library would give it.

    The platform hashes the whole stored document of the address, which nobody else can. It keeps
    this id as an alias, as long as an id never comes with other fields.
    """
    return network_traffic_of_json(
        network_traffic_json(
            protocols=protocols,
            src_ref=src_ref,
            dst_ref=dst_ref,
            src_port=None if src_port is None else f"{src_port:d}",
            dst_port=None if dst_port is None else f"{dst_port:d}",
        )
    )


def network_traffic_json(
    *,
    protocols: Iterable[str],
    src_ref: str | None,
    dst_ref: str | None,
    src_port: str | None,
    dst_port: str | None,
) -> str:
    """Return the canonical JSON that identifies a network traffic; ports are given as digits."""
    fields = []
    if dst_port is not None:
        fields.append(f'"dst_port":{dst_port}')
    if dst_ref is not None:
        fields.append(f'"dst_ref":"{dst_ref}"')
    quoted = ",".join(map(_quote, protocols))
    fields.append(f'"protocols":[{quoted}]')
    if src_port is not None:
        fields.append(f'"src_port":{src_port}')
    if src_ref is not None:
        fields.append(f'"src_ref":"{src_ref}"')
    return "{" + ",".join(fields) + "}"


def network_traffic_of_json(identifying: str) -> str:
    """Return the id of a network traffic from what `network_traffic_json` returns."""
    return _id("network-traffic", identifying)


def observed_data(object_refs: Iterable[str]) -> str:
    """Return the id of an observed-data: of the set of ids that it refers to, in any order."""
    # The platform sorts them before it hashes them.
    refs = '","'.join(sorted(object_refs))
    return observed_data_of_json(f'["{refs}"]')


def observed_data_of_json(object_refs: str) -> str:
    """Return the id of an observed-data whose references are given as JSON, sorted."""
    return _id("observed-data", f'{{"objects":{object_refs}}}')


def note_of_finding(report_type: str, list_name: str, key: bytes, number: int) -> str:
    """Return our own fixed id of a note on a finding.

    The platform hashes the text, which says when the finding was seen. Under this id it finds the
    note again whenever it is sent, and puts the new text in the place of the old one. ``list_name``
    is the name of the report list. ``key`` is `FindingIdentity.key`, with the state behind it for a
    row without a subject: that one has another note for each state. A finding with many rows has
    several notes, numbered from 0.
    """
    return _id(
        "note",
        f'{{"finding":"{key.hex()}","list":{_quote(list_name)},"number":{number:d},'
        f'"type":"{report_type}"}}',
    )


def note_of_host(report_type: str, list_name: str, host: str, number: int) -> str:
    """Return our own fixed id of a note on what a report type says of a host in one list.

    A host with many findings has several, numbered from 0; each is the same on every day.
    """
    return _id(
        "note",
        f'{{"host":{_quote(host)},"list":{_quote(list_name)},"number":{number:d},'
        f'"type":"{report_type}"}}',
    )


def report(*, name: str, published: str) -> str:
    """Return the id of a report; `published` with milliseconds and `Z`."""
    return _of_fields("report", name=_normal_name(name), published=published)


def case_incident(*, name: str, created: str) -> str:
    """Return the id of an incident response case; `created` with milliseconds and `Z`."""
    return _of_fields("case-incident", name=_normal_name(name), created=created)


def vulnerability(name: str) -> str:
    """Return the id of a vulnerability."""
    return _of_fields("vulnerability", name=_normal_name(name))


def malware(name: str) -> str:
    """Return the id of a malware."""
    return _of_fields("malware", name=_normal_name(name))


def attack_pattern(mitre_id: str) -> str:
    """Return the id of an attack pattern known by its ATT&CK id, such as `T1110.001`."""
    # Next to an ATT&CK id the name does not count.
    return _of_fields("attack-pattern", x_mitre_id=_normal_name(mitre_id))


def identity(name: str, identity_class: str) -> str:
    """Return the id of an identity; the class of a sector is `class`."""
    return _of_fields("identity", name=_normal_name(name), identity_class=identity_class)


def location(name: str, location_type: str) -> str:
    """Return the id of a location; `location_type` is OpenCTI's: `Country`, `City`, `Region`."""
    return _of_fields("location", name=_normal_name(name), x_opencti_location_type=location_type)


def indicator(pattern: str) -> str:
    """Return the id of an indicator."""
    return _of_fields("indicator", pattern=pattern.strip(_JS_WHITESPACE))


def relationship(relationship_type: str, source_ref: str, target_ref: str) -> str:
    """Return the id of a relationship without times."""
    return _id(
        "relationship",
        f'{{"relationship_type":"{relationship_type}",'
        f'"source_ref":"{source_ref}","target_ref":"{target_ref}"}}',
    )
