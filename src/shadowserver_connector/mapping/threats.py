"""What a row names that others know too: vulnerabilities, malware, attack techniques."""

from __future__ import annotations

from shadowserver_connector.mapping.part import PartMaker
from shadowserver_connector.mapping.values.attack import find_attack_ids
from shadowserver_connector.stix import knowledge


def build_vulnerabilities(make: PartMaker) -> None:
    """Make a Vulnerability of each CVE that tags or a vulnerability column name."""
    for cves in make.values("tags", "cve"):
        for cve in cves:
            vulnerability = make.shared(knowledge.vulnerability(make.context.origin, cve))
            make.offer("thing", vulnerability)
            make.offer("weakness", vulnerability)


def build_malware(make: PartMaker) -> None:
    """Make the Malware that a row names, which a column that may hold an activity does as well.

    Where the family is named, such a column only says its variant or what it did. The victim of an
    attack has nothing to do with the malware of its attacker.
    """
    context = make.context
    names = list(make.values("malware")) or list(make.values("activity"))
    for name in names:
        if name.lower() in context.activities:
            continue
        malware = make.shared(knowledge.malware(context.origin, name))
        make.offer("malware", malware)
        if context.meaning(context.report_type.primary).name != "victim":
            make.offer("thing", malware)


def build_attack_patterns(make: PartMaker) -> None:
    """Make an Attack Pattern of each ATT&CK id, which stand in vulnerability columns too."""
    techniques = [technique for found in make.values("attack_id") for technique in found]
    for technique in (*techniques, *find_attack_ids(make.text("cve"))):
        pattern = knowledge.attack_pattern(make.context.origin, technique)
        make.offer("thing", make.shared(pattern))
