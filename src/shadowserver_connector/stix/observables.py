"""Observables (STIX cyber-observable objects) as plain dicts.

Values come normalised from `mapping.cells`. OpenCTI reads the author, labels and score of an
observable from `x_opencti_...` properties: STIX has none of them there, and its validator lets
those names pass. Labels and score are added when rows are merged (`bundle.chunk_builder`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shadowserver_connector.stix import ids
from shadowserver_connector.stix.shared_objects import SPEC_VERSION, Origin, StixObject


def of_value(origin: Origin, stix_type: str, value: str) -> StixObject:
    """Return an observable that is one value: an address, a network in CIDR notation, a name, ...

    ``stix_type`` is STIX's, or OpenCTI's ``hostname`` (a name that is no domain name) or
    ``user-agent``.
    """
    return _observable(origin, ids.of_value(stix_type, value), value=value)


def network_traffic(
    origin: Origin,
    *,
    protocols: Sequence[str],
    src_ref: str | None = None,
    dst_ref: str | None = None,
    src_port: int | None = None,
    dst_port: int | None = None,
    description: str | None = None,
) -> StixObject:
    """Return a service (`dst_ref` only) or a flow (both ends); one end at least.

    Ends are addresses, domain names or MAC addresses. Nothing is added that could differ between
    two objects of one id: OpenCTI can neither merge nor update network traffic. So the description
    says no more than the other fields, for OpenCTI titles a traffic by a port alone.
    """
    if src_ref is None and dst_ref is None:
        raise ValueError("network traffic needs an end")
    traffic: StixObject = {
        "type": "network-traffic",
        "spec_version": SPEC_VERSION,
        "id": ids.network_traffic(
            protocols=protocols,
            src_ref=src_ref,
            dst_ref=dst_ref,
            src_port=src_port,
            dst_port=dst_port,
        ),
        "protocols": protocols,
        "object_marking_refs": origin.markings,
        "x_opencti_created_by_ref": origin.author,
    }
    optional: StixObject = {
        "src_ref": src_ref,
        "dst_ref": dst_ref,
        "src_port": src_port,
        "dst_port": dst_port,
        "x_opencti_description": description,
    }
    return traffic | {name: value for name, value in optional.items() if value is not None}


def traffic_stack(protocols: Sequence[str]) -> str:
    """Return the protocols of a traffic for a reader: ``tcp/telnet``."""
    # The first is the version of IP, which the address shows.
    return "/".join(protocols[1:] or protocols)


def traffic_place(src: str, src_port: str, dst: str, dst_port: str) -> str:
    """Return where a traffic was seen, of addresses and ports of which some may be empty.

    ``on 192.0.2.1:23``, or ``from 192.0.2.1:50123 to 198.51.100.1:80``.
    """
    source, target = _endpoint(src, src_port), _endpoint(dst, dst_port)
    if not source:
        return f"on {target}"
    return f"from {source} to {target}" if target else f"from {source}"


def _endpoint(address: str, port: str) -> str:
    if not address:
        return f"port {port}" if port else ""
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def user_account(origin: Origin, account_login: str) -> StixObject:
    """Return a user account."""
    return _observable(origin, ids.user_account(account_login), account_login=account_login)


def file(origin: Origin, *, hashes: Mapping[str, str], name: str | None = None) -> StixObject:
    """Return a file known by hashes, keys as in `ids.HASH_ORDER`; at least one is needed."""
    return _observable(origin, ids.file(hashes), hashes=dict(hashes), name=name)


def artifact(
    origin: Origin,
    *,
    hashes: Mapping[str, str],
    file_name: str,
    payload: bytes | None,
    description: str | None = None,
) -> StixObject:
    """Return a report's file, its bytes unchanged.

    ``payload`` is None when the bytes were uploaded before and the object only refers to them. STIX
    wants a payload or a URL, so its validator objects to that.
    """
    return _observable(
        origin,
        ids.artifact(hashes),
        # Archives are unpacked before: every original is CSV.
        mime_type="text/csv",
        payload_bin=None if payload is None else b64encode(payload).decode("ascii"),
        hashes=dict(hashes),
        # OpenCTI stores the file under the first of these.
        x_opencti_additional_names=[file_name],
        x_opencti_description=description,
    )


class Certificate(NamedTuple):
    """What is known of a certificate, under STIX's names, in the order in which it is written."""

    is_self_signed: bool | None
    hashes: dict[str, str]
    """Keys as in `ids.HASH_ORDER`, at least one."""
    version: str | None = None
    serial_number: str | None = None
    signature_algorithm: str | None = None
    issuer: str | None = None
    validity_not_before: str | None = None
    validity_not_after: str | None = None
    subject: str | None = None
    subject_public_key_algorithm: str | None = None


def x509_certificate(origin: Origin, certificate: Certificate) -> StixObject:
    """Return a certificate; `ValueError` without a hash (see `ids.x509_certificate`)."""
    stix_id = ids.x509_certificate(certificate.hashes)
    return _observable(origin, stix_id, **certificate._asdict())


def ssh_key(
    origin: Origin,
    *,
    fingerprint_sha256: str,
    fingerprint_md5: str | None = None,
    key_type: str | None = None,
    public_key: str | None = None,
) -> StixObject:
    """Return an SSH key, OpenCTI's type, which pycti knows since about 6.5.

    Fingerprints are lower-case hex, the key is base64; ``key_type`` is rsa, dsa, ecdsa or ed25519.
    """
    return _observable(
        origin,
        ids.ssh_key(fingerprint_sha256),
        # Nothing but the class that pycti registers with the stix2 library asks for a value.
        value=fingerprint_sha256,
        key_type=key_type,
        public_key=public_key,
        fingerprint_sha256=fingerprint_sha256,
        fingerprint_md5=fingerprint_md5,
    )


def _observable(origin: Origin, stix_id: str, **fields: Any) -> StixObject:
    observable: StixObject = {
        "type": stix_id.partition("--")[0],
        "spec_version": SPEC_VERSION,
        "id": stix_id,
    }
    for key, value in fields.items():
        # STIX knows no null: what is unknown is not there.
        if value is not None:
            observable[key] = value
    observable["object_marking_refs"] = origin.markings
    observable["x_opencti_created_by_ref"] = origin.author
    return observable
