"""The platform's vocabularies: fields that take words from a list, and the words."""

from __future__ import annotations

from typing import Any

BUILT_IN: dict[str, tuple[str, ...]] = {
    "account_type_ov": (
        "facebook", "ldap", "nis", "openid", "radius", "skype", "tacacs", "twitter", "unix",
        "windows-local", "windows-domain",
    ),
    "case_severity_ov": ("low", "medium", "high", "critical"),
    "case_priority_ov": ("P1", "P2", "P3", "P4"),
    "incident_response_types_ov": ("data-leak", "ransomware", "compromised-system"),
    "indicator_type_ov": (
        "anomalous-activity", "anonymization", "attribution", "benign", "compromised",
        "malicious-activity", "unknown",
    ),
    "infrastructure_type_ov": (
        "amplification", "anonymization", "botnet", "command-and-control", "control-system",
        "exfiltration", "firewall", "hosting-malware", "hosting-target-lists", "phishing",
        "reconnaissance", "routers-switches", "staging", "unknown", "workstation",
    ),
    "malware_type_ov": (
        "adware", "backdoor", "bootkit", "bot", "ddos", "downloader", "dropper", "exploit-kit",
        "keylogger", "ransomware", "remote-access-trojan", "resource-exploitation",
        "rogue-security-software", "rootkit", "screen-capture", "spyware", "trojan", "unknown",
        "virus", "webshell", "wiper", "worm",
    ),
    "note_types_ov": ("internal", "assessment", "analysis", "feedback", "external"),
    "organization_type_ov": ("constituent", "csirt", "partner", "vendor", "other"),
    "pattern_type_ov": ("stix", "pcre", "sigma", "snort", "suricata", "yara"),
    "reliability_ov": (
        "A - Completely reliable", "B - Usually reliable", "C - Fairly reliable",
        "D - Not usually reliable", "E - Unreliable", "F - Reliability cannot be judged",
    ),
    "report_types_ov": ("threat-report", "internal-report"),
    "ssh_key_type_ov": ("rsa", "ecdsa", "ed25519", "dsa"),
}  # fmt: skip

# category -> (entity types, field, takes several)
_FIELDS: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "account_type_ov": (("User-Account",), "account_type", False),
    "case_severity_ov": (("Case-Incident",), "severity", False),
    "case_priority_ov": (("Case-Incident",), "priority", False),
    "incident_response_types_ov": (("Case-Incident",), "response_types", True),
    "indicator_type_ov": (("Indicator",), "indicator_types", True),
    "infrastructure_type_ov": (("Infrastructure",), "infrastructure_types", True),
    "malware_type_ov": (("Malware",), "malware_types", True),
    "note_types_ov": (("Note",), "note_types", True),
    "organization_type_ov": (("Organization",), "x_opencti_organization_type", False),
    "pattern_type_ov": (("Indicator",), "pattern_type", False),
    "reliability_ov": (("Organization", "Report"), "x_opencti_reliability", False),
    "report_types_ov": (("Report",), "report_types", True),
    "ssh_key_type_ov": (("SSH-Key",), "key_type", False),
}


def category_of(entity_type: str, field: str) -> str | None:
    """Return the vocabulary that a field takes its words from, or None for free text."""
    for category, (entity_types, name, _) in _FIELDS.items():
        if name == field and entity_type in entity_types:
            return category
    return None


def categories() -> list[dict[str, Any]]:
    """Return the answer to pycti's question which fields are vocabularies."""
    return [
        {
            "key": category,
            "entity_types": list(entity_types),
            "fields": [{"key": field, "required": False, "multiple": multiple}],
        }
        for category, (entity_types, field, multiple) in _FIELDS.items()
    ]
