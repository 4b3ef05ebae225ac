"""The complaints of the OASIS validator about objects that OpenCTI needs as they are.

The only place where a complaint is excused: other tests import `complaints`.
"""

from __future__ import annotations

import re
from typing import Any, Final

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_EXCUSED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Ids equal to the platform's are UUIDv5; STIX only recommends UUIDv4 for these types.
        rf"^{_UUID} is not a valid UUIDv4 ID\.$",
        # OpenCTI reads its own properties by prefix, not through STIX extensions.
        r"^Custom property '(?:x_opencti_[a-z_]+|x_mitre_id)' should be implemented using an ext",
        # OpenCTI's own types.
        r"^Custom object type '(?:case-incident|hostname|user-agent|ssh-key)' should be impl",
        # A service has no source port.
        r"^The Network Traffic object '.*' should contain both the 'src_port' and 'dst_port'",
        # OpenCTI's own relationships, which STIX does not suggest.
        r"'(?:hostname|domain-name|ipv[46]-addr|url|file|software)' is permitted,",
        r"'(?:located-at|communicates-with)' is permitted,",
        # STIX only recommends IANA's names, which lack protocols that Shadowserver scans (`adb`).
        r"^The 'protocols' property of object '.*' contains a value \('[^']*'\) not in IANA ",
        # A download link, only if asked for; the hashes are on the Artifact.
        r"^External reference 'Shadowserver' has a URL but no hash\.$",
    )
)

_EXCUSED_OF_TYPE: Final = {
    # OpenCTI takes names with underscores for domain names, as DNS does, and relates nothing to the
    # Hostnames that STIX would have them be.
    "domain-name": re.compile(r"^value: '[a-z0-9._-]*_[a-z0-9._-]*' is not a 'idn-hostname'$"),
    # OpenCTI's Case Incident has a severity, which STIX reserves.
    "case-incident": re.compile(r"^Contains a reserved property \('severity', "),
    # OpenCTI's vocabulary, which it reads under this name.
    "note": re.compile(r"^Custom property 'note_types' should be implemented using an ext"),
    # The file is at the platform already (uploaded, as it is too large for a message).
    "artifact": re.compile(r"^'artifact' object must contain either 'payload_bin' or 'url'$"),
}


def complaints(stix_object: dict[str, Any]) -> list[str]:
    """Return the validator's complaints about an object, as read from JSON, without the excused."""
    # Seconds, which only the processes that validate something should take.
    from stix2validator import ValidationOptions, validate_instance

    results = validate_instance(stix_object, ValidationOptions(version="2.1"))
    found = [str(each) for each in (*results.errors, *results.warnings)]
    return [each for each in found if not _is_excused(stix_object, each)]


def _is_excused(stix_object: dict[str, Any], complaint: str) -> bool:
    bare = complaint.removeprefix(f"{stix_object['id']}: ")
    bare = re.sub(r"^\{\d+\} ", "", bare)
    bare = bare.removeprefix(f"Given ID value {stix_object['type']}--")
    of_type = _EXCUSED_OF_TYPE.get(stix_object["type"])
    return any(pattern.search(bare) for pattern in _EXCUSED) or (
        of_type is not None and of_type.search(bare) is not None
    )
