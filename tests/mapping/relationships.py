"""The relationships that OpenCTI allows; it refuses others, and the object is lost."""

from __future__ import annotations

_IP = ("ipv4-addr", "ipv6-addr")
_ALLOWED = {
    *((ip, "belongs-to", "autonomous-system") for ip in _IP),
    *((ip, "located-at", "location") for ip in _IP),
    *((ip, "resolves-to", "mac-addr") for ip in _IP),
    *((name, "resolves-to", ip) for name in ("domain-name", "hostname") for ip in _IP),
    *(("malware", "communicates-with", end) for end in (*_IP, "domain-name", "url")),
    ("ipv4-addr", "communicates-with", "ipv4-addr"),
    ("software", "has", "vulnerability"),
    *(("file", "communicates-with", end) for end in (*_IP, "domain-name")),
    *(("indicator", "based-on", end) for end in (*_IP, "domain-name", "url", "file")),
}
"""What OpenCTI allows besides ``related-to``, of what we make."""


def is_allowed(source: str, relationship_type: str, target: str) -> bool:
    """Tell whether OpenCTI takes a relationship between objects of these types."""
    return relationship_type == "related-to" or (source, relationship_type, target) in _ALLOWED
